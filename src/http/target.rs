//! From a request target to a path below the content folder (RFC 9112 section 3.2, RFC 3986
//! sections 2.1 and 5.2.4).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, percent_encode};

use super::authority;
use super::fields::Method;
use super::query::Query;
use super::status::{Refusal, Status};

/// What a request target names.
#[derive(Debug, PartialEq, Eq)]
pub struct Target<'a> {
    pub path: Path,
    /// What follows the question mark, if there is one.
    pub query: Option<Query<'a>>,
    /// Folders that a relative link must climb to the content folder. A browser counts slashes,
    /// also where [`Path`] leaves out empty segments.
    depth: usize,
}

impl Target<'_> {
    /// A relative link to the content folder, which holds behind a proxy with a path prefix too.
    pub fn root(&self) -> String {
        if self.depth == 0 { "./".into() } else { "../".repeat(self.depth) }
    }
}

/// A path below the content folder: decoded once and normalised, so without empty, `.` and `..`
/// segments.
#[derive(Debug, PartialEq, Eq)]
pub struct Path {
    relative: Vec<u8>,
    folder: bool,
}

/// Everything but the slash and the unreserved characters of RFC 3986 section 2.3.
const ENCODED_IN_PATHS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// Parses a target in origin-form or absolute-form. The host of the latter is ignored, as there is
/// only one site. The other forms name no file (RFC 9112 section 3.2).
pub fn parse(target: &[u8]) -> Result<Target<'_>, Refusal> {
    let local = if target.starts_with(b"/") { target } else { after_authority(target)? };
    let mut halves = local.splitn(2, |&byte| byte == b'?');
    let encoded = halves.next().unwrap_or_default();
    let path = Path::normalise(&percent_decode(encoded)?)?;
    let depth = encoded.iter().filter(|&&byte| byte == b'/').count().saturating_sub(1);
    Ok(Target { path, query: halves.next().map(Query), depth })
}

/// Checks the target of a method other than GET and HEAD (RFC 9112 section 3.2): host and port for
/// CONNECT (RFC 9110 section 9.3.6), otherwise what [`parse`] accepts, or `*` for OPTIONS.
pub fn check(method: Method, target: &[u8]) -> Result<(), Refusal> {
    match (method, target) {
        (Method::Connect, _) if authority::split(target).is_some_and(|(_, port)| !port.is_empty()) => Ok(()),
        (Method::Connect, _) => Err(bad("The target of CONNECT must be a host, a colon and a port.")),
        (Method::Options, b"*") => Ok(()),
        _ => parse(target).map(|_| ()),
    }
}

/// The host of a target in absolute-form, with its port. It counts more than a Host field (RFC 9112
/// section 3.2.2).
pub fn authority(target: &[u8]) -> Option<&[u8]> {
    let local = if target.starts_with(b"/") { None } else { after_authority(target).ok() }?;
    let scheme = target.iter().position(|&byte| byte == b':')?;
    Some(&target[scheme + 3..target.len() - local.len()])
}

/// What follows `http://host` in an absolute-form target (RFC 9112 section 3.2.2).
fn after_authority(target: &[u8]) -> Result<&[u8], Refusal> {
    let malformed = bad("The target of the request is neither a path nor an http URL.");
    let scheme = target.windows(3).position(|window| window == b"://").ok_or(malformed)?;
    if ![&b"http"[..], b"https"].iter().any(|known| target[..scheme].eq_ignore_ascii_case(known)) {
        return Err(malformed);
    }
    let rest = &target[scheme + 3..];
    let end = rest.iter().position(|&byte| byte == b'/' || byte == b'?').unwrap_or(rest.len());
    authority::split(&rest[..end]).ok_or(malformed)?;
    Ok(&rest[end..])
}

const BAD_PERCENT: Refusal = bad("A percent sign in the target is not followed by two hexadecimal digits.");

fn percent_decode(text: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        let (byte, next) = match (first, after) {
            (b'%', [high, low, next @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, next),
                _ => return Err(BAD_PERCENT),
            },
            (b'%', _) => return Err(BAD_PERCENT),
            (byte, next) => (*byte, next),
        };
        if byte == 0 {
            return Err(bad("The target of the request has a zero byte."));
        }
        decoded.push(byte);
        rest = next;
    }
    Ok(decoded)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

impl Path {
    /// Removes empty and dot segments. A path that climbs above the content folder is refused
    /// rather than clamped.
    fn normalise(decoded: &[u8]) -> Result<Self, Refusal> {
        let mut relative = Vec::with_capacity(decoded.len());
        let mut folder = true;
        for segment in decoded.split(|&byte| byte == b'/') {
            folder = matches!(segment, b"" | b"." | b"..");
            match segment {
                b"" | b"." => {}
                b".." if relative.is_empty() => return Err(bad("The target climbs above the content folder.")),
                b".." => relative.truncate(relative.iter().rposition(|&byte| byte == b'/').unwrap_or(0)),
                name => {
                    if !relative.is_empty() {
                        relative.push(b'/');
                    }
                    relative.extend_from_slice(name);
                }
            }
        }
        Ok(Path { relative, folder })
    }

    /// The path relative to the content folder; empty for the content folder itself.
    pub fn relative(&self) -> &[u8] {
        &self.relative
    }

    /// The path of an entry of this folder, whose name has no slash and is no dot segment.
    pub fn entry(&self, name: &[u8]) -> Self {
        let slash = if self.relative.is_empty() { &b""[..] } else { b"/" };
        Path { relative: [&self.relative, slash, name].concat(), folder: false }
    }

    /// The last segment; empty for the content folder itself.
    pub fn name(&self) -> &[u8] {
        self.relative.rsplit(|&byte| byte == b'/').next().unwrap_or_default()
    }

    /// The path of the folder that it lies in.
    pub fn parent(&self) -> &[u8] {
        self.relative.iter().rposition(|&byte| byte == b'/').map_or(b"", |slash| &self.relative[..slash])
    }

    /// Whether it ends in a slash, as the path of a folder.
    pub fn folder(&self) -> bool {
        self.folder
    }

    /// The path with a slash appended, as the Location of a redirect. It never begins with two
    /// slashes, which would name a host.
    pub fn location(&self, query: Option<Query>) -> String {
        let mut location = format!("/{}/", encode(&self.relative));
        if let Some(Query(query)) = query {
            location.push('?');
            location.push_str(&String::from_utf8_lossy(query));
        }
        location
    }
}

/// A path as it stands in a link: all but the unreserved characters and the slash percent-encoded.
pub fn encode(path: &[u8]) -> PercentEncode<'_> {
    percent_encode(path, ENCODED_IN_PATHS)
}

const fn bad(reason: &'static str) -> Refusal {
    Refusal::keep_alive(Status::BadRequest, reason)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(target: &str) -> Option<(String, bool)> {
        match parse(target.as_bytes()) {
            Ok(Target { path, .. }) => Some((String::from_utf8_lossy(&path.relative).into_owned(), path.folder)),
            Err(refusal) => {
                assert_eq!(refusal.status, Status::BadRequest);
                None
            }
        }
    }

    #[test]
    fn the_root_is_as_far_up_as_a_browser_counts() {
        for (target, root) in [
            ("/", "./"),
            ("/a.mp4?play=/x", "./"),
            ("/a/", "../"),
            ("/a/b/c", "../../"),
            ("/a//b/", "../../../"),
            ("/a%2Fb", "./"),
            ("http://h", "./"),
            ("http://h/a/b", "../"),
        ] {
            assert_eq!(parse(target.as_bytes()).expect("a path").root(), root, "{target}");
        }
    }

    #[test]
    fn targets_name_paths() {
        for (target, relative, folder) in [
            ("/", "", true),
            ("/a.mp4", "a.mp4", false),
            ("/a.mp4?start=5&x=/../..", "a.mp4", false),
            ("/a/b/", "a/b", true),
            ("/a//b/./c", "a/b/c", false),
            ("/a/../b", "b", false),
            ("/a/b/..", "a", true),
            ("/a/.", "a", true),
            ("/a%20b%2Fc", "a b/c", false),
            ("/%63onfidential/x", "confidential/x", false),
            ("/%252e%252e/x", "%2e%2e/x", false),
            ("//etc/passwd", "etc/passwd", false),
            ("/%2fetc%2fpasswd", "etc/passwd", false),
            ("/...", "...", false),
            ("/a\\..\\b", "a\\..\\b", false),
            ("http://host:8080/a", "a", false),
            ("HTTP://[::1]/a?b", "a", false),
            ("http://host", "", true),
            ("http://host?x", "", true),
            ("http://[fe80::1%25eth0]:8080/a", "a", false),
            ("https://h/confidential/x", "confidential/x", false),
        ] {
            assert_eq!(path(target), Some((relative.to_string(), folder)), "{target}");
        }
    }

    #[test]
    fn targets_that_name_nothing_are_refused() {
        for target in [
            "*",
            "/..",
            "/../etc/passwd",
            "/x/../../etc/passwd",
            "/.%2e/%2e%2e/etc/passwd",
            "/..%2f..%2fetc/passwd",
            "/%",
            "/%1",
            "/%zz",
            "/%%32%65",
            "/%+1",
            "/a%00.html",
            "a.mp4",
            "host:80",
            "ftp://host/a",
            "http:///a",
            "http://:80/a",
            "http://?a",
            "http://user@host/a",
            "http:/a",
            "://h/a",
        ] {
            assert_eq!(path(target), None, "{target}");
        }
    }

    #[test]
    fn only_an_absolute_target_has_an_authority() {
        for (target, expected) in [
            ("http://h", Some("h")),
            ("http://h:80/a", Some("h:80")),
            ("https://[::1]:8080?b", Some("[::1]:8080")),
            ("/a?http://h/", None),
            ("*", None),
            ("http:///a", None),
        ] {
            assert_eq!(authority(target.as_bytes()), expected.map(str::as_bytes), "{target}");
        }
    }

    #[test]
    fn each_method_has_its_forms_of_a_target() {
        use Method::*;
        for (target, methods) in [
            ("/", &[Options, NotAllowed, Unknown][..]),
            ("http://h/a?b", &[Options, NotAllowed, Unknown]),
            ("*", &[Options]),
            ("h:80", &[Connect]),
            ("[::1]:80", &[Connect]),
            ("**", &[]),
            ("*/", &[]),
            ("foo", &[]),
            ("foo/bar", &[]),
            ("h:", &[]),
            (":80", &[]),
            ("u@h:80", &[]),
            ("http://:80/", &[]),
            ("/%zz", &[]),
        ] {
            for method in [Options, Connect, NotAllowed, Unknown] {
                assert_eq!(check(method, target.as_bytes()).is_ok(), methods.contains(&method), "{method:?} {target}");
            }
        }
    }

    #[test]
    fn a_redirect_stays_on_this_host() {
        for (target, location) in [
            ("/films", "/films/"),
            ("//evil.test/..//x", "/x/"),
            ("//evil.test", "/evil.test/"),
            ("/a%0d%0aSet-Cookie:x", "/a%0D%0ASet-Cookie%3Ax/"),
            ("/films?sort=name", "/films/?sort=name"),
        ] {
            let Ok(Target { path, query, .. }) = parse(target.as_bytes()) else { panic!("{target} is a path") };
            assert_eq!(path.location(query), location);
        }
    }

    proptest! {
        #[test]
        fn a_path_never_escapes(target in "/([a.%/2eEfF]|\\.\\./|%2e|%2f|\\?){0,40}") {
            if let Ok(Target { path, .. }) = parse(target.as_bytes()) {
                prop_assert!(!path.relative.starts_with(b"/") && !path.relative.ends_with(b"/"));
                for segment in path.relative.split(|&byte| byte == b'/') {
                    prop_assert!(path.relative.is_empty() || !matches!(segment, b"" | b"." | b".."));
                }
            }
        }

        #[test]
        fn a_location_leads_back_to_its_path(names in prop::collection::vec("[^/\0]{1,8}", 1..4)) {
            prop_assume!(names.iter().all(|name| name != "." && name != ".."));
            let path = Path { relative: names.join("/").into_bytes(), folder: true };
            let location = path.location(None);
            let Ok(again) = parse(location.as_bytes()) else { panic!("{location} is a path") };
            prop_assert_eq!((again.path, again.query), (path, None));
        }
    }
}
