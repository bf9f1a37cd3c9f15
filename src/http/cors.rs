//! Which other web sites may use the files: CORS (the Fetch standard, section 3.2).

use std::str::FromStr;

use super::authority;

/// The origin whose pages may read responses, or `*` for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors(String);

/// Response fields that a script may read besides the CORS-safelisted ones.
const EXPOSED: &str = "Content-Range, Content-Length, Accept-Ranges, ETag";

/// Request fields that a player may send besides the CORS-safelisted ones. A simple Range such as
/// `bytes=a-b` is safelisted in newer browsers only.
const ALLOWED: &str = "Range, If-Range, If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since, Cache-Control";

/// Seconds for which a preflight response may be cached: the longest that any browser honours
/// (Firefox; Chromium stops at two hours).
const MAX_AGE: &str = "86400";

impl FromStr for Cors {
    type Err = ();

    /// Reads `*` or an origin exactly as browsers send it, because they compare byte for byte:
    /// `https://films.example`, in lower case, without a path or the default port.
    fn from_str(text: &str) -> Result<Self, ()> {
        let is_origin = text.split_once("://").is_some_and(|(scheme, authority)| {
            let (host, port) = match authority.rsplit_once(':') {
                Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
                _ => (authority, None),
            };
            let usual = [("http", "80"), ("https", "443")];
            let port_is_said = port.is_none_or(|port| {
                port.parse().is_ok_and(|number: u16| number.to_string() == port) && !usual.contains(&(scheme, port))
            });
            scheme.starts_with(|first: char| first.is_ascii_lowercase())
                && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
                && authority::split(host.as_bytes()).is_some()
                && port_is_said
                && !text.bytes().any(|byte| byte.is_ascii_uppercase())
        });
        if text == "*" || is_origin { Ok(Cors(text.to_string())) } else { Err(()) }
    }
}

impl Cors {
    /// Writes the CORS fields of a response; `preflight` marks the response to a preflight request.
    pub fn write(&self, out: &mut String, preflight: bool) {
        // The value does not depend on the Origin of the request, so Vary is not needed.
        out.extend(["Access-Control-Allow-Origin: ", &self.0, "\r\n"]);
        if preflight {
            out.push_str("Access-Control-Allow-Methods: GET, HEAD, OPTIONS\r\n");
            out.extend(["Access-Control-Allow-Headers: ", ALLOWED, "\r\n"]);
            out.extend(["Access-Control-Max-Age: ", MAX_AGE, "\r\n"]);
        } else {
            out.extend(["Access-Control-Expose-Headers: ", EXPOSED, "\r\n"]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_told_from_what_is_none() {
        for text in [
            "*",
            "https://films.example",
            "http://localhost:3000",
            "http://[::1]:8080",
            "http://[::1]",
            "capacitor://localhost",
        ] {
            assert_eq!(text.parse(), Ok(Cors(text.to_string())));
        }
        for text in [
            "",
            "films.example",
            "https://",
            "https://a/",
            "https://a/b",
            "https://a, https://b",
            "*\r\n",
            "://a",
            "1+://a",
            "HTTPS://a",
            "https://Films.example",
            "https://a:443",
            "http://[::1]:80",
            "https://a:",
            "https://:81",
            "https://a:99999",
            "https://a:081",
        ] {
            assert_eq!(text.parse::<Cors>(), Err(()), "{text}");
        }
    }
}
