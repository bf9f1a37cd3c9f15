//! Which web pages of other sites may play what is served: CORS (the Fetch standard, section 3.2).

use std::str::FromStr;

use super::authority;

/// The origin whose pages may read the answers, or `*` for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors(String);

/// What a script may see beyond the few fields that it always sees.
const EXPOSED: &str = "Content-Range, Content-Length, Accept-Ranges, ETag";

/// What a player may send beyond the few fields that it always may. `bytes=a-b` is one of those
/// only in newer browsers.
const ALLOWED: &str = "Range, If-Range, If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since, Cache-Control";

/// Seconds for which the answer to a preflight holds: the longest that a browser keeps it (Firefox;
/// Chromium two hours).
const MAX_AGE: &str = "86400";

impl FromStr for Cors {
    type Err = ();

    /// Reads `*` or an origin as browsers send it, because they compare it byte for byte:
    /// `https://films.example`, in lower case, without a path and without the port that goes
    /// without saying.
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
    /// Writes the fields of an answer; `preflight` says that it is to a question whether the real
    /// request may be sent.
    pub fn write(&self, out: &mut String, preflight: bool) {
        // It does not depend on the Origin of the request, so there is no need for Vary.
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
