//! The query of a target, as a form writes it (URL standard, application/x-www-form-urlencoded).

use percent_encoding::percent_decode;

/// The part of a target behind its question mark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Query<'a>(pub &'a [u8]);

impl<'a> Query<'a> {
    /// Whether there is a parameter of that name, with or without a value.
    pub fn has(self, name: &str) -> bool {
        self.pairs().any(|(found, _)| found == name.as_bytes())
    }

    /// The decoded value of the first parameter of that name; empty if it has none.
    pub fn get(self, name: &str) -> Option<Vec<u8>> {
        let (_, value) = self.pairs().find(|(found, _)| *found == name.as_bytes())?;
        let spaced: Vec<u8> = value.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
        // A percent sign that encodes nothing stands for itself.
        Some(percent_decode(&spaced).collect())
    }

    fn pairs(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        self.0.split(|&byte| byte == b'&').map(|pair| {
            let equals = pair.iter().position(|&byte| byte == b'=').unwrap_or(pair.len());
            (&pair[..equals], pair.get(equals + 1..).unwrap_or_default())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_have_values_or_none() {
        let query = Query(b"play&q=a+b%2Bc%&sort=&q=other");
        assert!(query.has("play") && query.has("sort") && !query.has("pla"));
        assert_eq!(query.get("q").as_deref(), Some(&b"a b+c%"[..]));
        assert_eq!(query.get("play").as_deref(), Some(&b""[..]));
        assert_eq!(query.get("order"), None);
        assert!(!Query::default().has("q"));
    }
}
