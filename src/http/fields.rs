//! What a request head consists of: method, version, and field lines with the lists and tokens in
//! them.

/// The method of a request, as far as it matters to a file server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Head,
    Options,
    /// Asks for a tunnel. Refused like the methods below, but its target has another form.
    Connect,
    /// A method of RFC 9110 section 9 (or PATCH) that a file server never allows.
    NotAllowed,
    Unknown,
}

/// A version of the HTTP/1 family; 1.2 and later count as 1.1 (RFC 9110 section 6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    Http10,
    Http11,
}

/// The field lines of a request, borrowed from the bytes they came in.
#[derive(Debug)]
pub struct Fields<'a>(Vec<httparse::Header<'a>>);

impl<'a> Fields<'a> {
    /// Reads this many field lines and the empty line after them; None if one is malformed (RFC
    /// 9112 section 5).
    pub(super) fn parse(bytes: &'a [u8], lines: usize) -> Option<Self> {
        let mut fields = vec![httparse::EMPTY_HEADER; lines];
        let parsed = httparse::parse_headers(bytes, &mut fields);
        matches!(parsed, Ok(httparse::Status::Complete(_))).then_some(Fields(fields))
    }

    /// Whether there is a field line of that name.
    pub fn has(&self, name: &'static str) -> bool {
        self.every(name).next().is_some()
    }

    /// The values of every field line of that name, in order.
    pub fn every(&self, name: &'static str) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        self.0.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    }

    /// The value of a field that is not a list; None if it is absent, or repeated, because no line
    /// takes precedence over the others (RFC 9110 section 5.3).
    pub fn only(&self, name: &'static str) -> Option<&'a [u8]> {
        let mut values = self.every(name);
        values.next().filter(|_| values.next().is_none())
    }

    /// The members of a list field, whose lines count as one list (RFC 9110 section 5.3).
    pub fn members(&self, name: &'static str) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        self.every(name).flat_map(list_members)
    }

    /// Whether a list field has this member, in any case.
    pub fn lists(&self, name: &'static str, member: &str) -> bool {
        self.members(name).any(|found| found.eq_ignore_ascii_case(member.as_bytes()))
    }

    /// The weight of this member in a list field such as Accept, from 0 to 1; 0 if it is not listed
    /// or its weight is malformed (RFC 9110 section 12.4.2).
    pub fn weight(&self, name: &'static str, member: &str) -> f32 {
        let weights = self.members(name).filter_map(|found| {
            let mut parts = found.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
            let is_it = parts.next()?.eq_ignore_ascii_case(member.as_bytes());
            let weight = parts.find_map(|part| part.strip_prefix(b"q=").or(part.strip_prefix(b"Q=")));
            is_it.then(|| weight.map_or(Some(1.0), |weight| std::str::from_utf8(weight).ok()?.parse().ok()))?
        });
        weights.filter(|weight| (0.0..=1.0).contains(weight)).fold(0.0, f32::max)
    }
}

/// The members of a comma-separated list without white space and empty members (RFC 9110 section
/// 5.6.1.2).
pub fn list_members(value: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|member| !member.is_empty())
}

/// Whether a token may have this byte (RFC 9110 section 5.6.2).
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weight_of_a_member_is_that_of_its_highest_mention() {
        for (accept, weight) in [
            ("", 0.0),
            ("text/html", 0.0),
            ("text/plain", 1.0),
            ("text/html, Text/Plain ; version=0.0.4;q=0.3", 0.3),
            ("text/plain;version=1;q=0.5,text/plain;version=0;q=0.4", 0.5),
            ("text/plain;q=0", 0.0),
            ("text/plain;q=x", 0.0),
            ("text/plain;q=7", 0.0),
            ("text/plain;q=nan", 0.0),
        ] {
            let lines = format!("Accept: {accept}\r\n\r\n");
            let fields = Fields::parse(lines.as_bytes(), 1).expect("a field line");
            assert_eq!(fields.weight("accept", "text/plain"), weight, "{accept}");
        }
    }
}
