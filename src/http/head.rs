//! Parses a request head into a [`Request`] (RFC 9112 sections 2 to 5).

use std::ops::Range;

use super::authority;
use super::fields::{Fields, Method, Version, is_token};
use super::framing::{self, Content};
use super::status::{Refusal, Status};
use crate::limits::{EMPTY_LINES_MAX, FIELDS_MAX, HEAD_MAX, METHOD_MAX, REQUEST_LINE_MAX};

/// One request, borrowed from the bytes it came in.
#[derive(Debug)]
pub struct Request<'a> {
    pub method: Method,
    /// The request target as sent; see [`super::target`].
    pub target: &'a [u8],
    pub version: Version,
    /// The content that follows the head.
    pub content: Content,
    /// Whether the connection may persist after the response (RFC 9112 section 9.3).
    pub persistent: bool,
    pub fields: Fields<'a>,
    /// Whether a trusted proxy sent it, so that what its fields say of the client is believed.
    /// Parsing cannot know, and leaves it false.
    pub from_trusted_proxy: bool,
}

/// The outcome of parsing the bytes received so far.
#[derive(Debug)]
pub enum Parsed<'a> {
    /// Not a whole head yet; more bytes are needed.
    Partial,
    /// A request, and the number of bytes of its head.
    Complete(Request<'a>, usize),
}

/// Reads the head at the start of `bytes`, which hold at most [`HEAD_MAX`] of it.
///
/// Errors are final: what follows on the connection cannot be trusted to be a request.
pub fn parse(bytes: &[u8]) -> Result<Parsed<'_>, Refusal> {
    let Some(span) = find_head(bytes)? else {
        return Ok(Parsed::Partial);
    };
    if span.field_lines > FIELDS_MAX {
        return Err(too_large("The request has more than 100 header fields."));
    }
    let length = span.fields.end;
    let (method, target, version) = span.line;
    let fields = Fields::parse(&bytes[span.fields], span.field_lines)
        .ok_or(Refusal::malformed("A header field of the request is malformed."))?;
    check_host(version, &fields)?;
    let content = framing::content(version, &fields)?;
    let persistent = framing::persistent(method, version, &fields, content);
    Ok(Parsed::Complete(
        Request { method, target, version, content, persistent, fields, from_trusted_proxy: false },
        length,
    ))
}

impl<'a> Request<'a> {
    /// The value of a field that is no list, as [`Fields::only`] finds it.
    pub fn only(&self, name: &'static str) -> Option<&'a [u8]> {
        self.fields.only(name)
    }
}

/// As much of the request line as has arrived, for the log entry of a request that could not be
/// parsed.
pub fn first_line(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let Some(behind_empty_line) = rest.strip_prefix(b"\r\n") {
        rest = behind_empty_line;
    }
    rest.split(|&byte| byte == b'\r' || byte == b'\n').next().unwrap_or_default()
}

/// Whether these bytes contain the start of a request; empty lines before it do not count (RFC 9112
/// section 2.2).
pub fn has_begun(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| !matches!(byte, b'\r' | b'\n'))
}

type RequestLine<'a> = (Method, &'a [u8], Version);

struct Span<'a> {
    line: RequestLine<'a>,
    /// The field lines and the empty line that ends the head.
    fields: Range<usize>,
    field_lines: usize,
}

/// Finds the request line and the end of the head. A bare LF is refused, as RFC 9112 section 2.2
/// permits, because an intermediary might not take it for a line end.
fn find_head(bytes: &[u8]) -> Result<Option<Span<'_>>, Refusal> {
    let mut line: Option<(RequestLine, usize)> = None;
    let mut field_lines = 0;
    let mut start = 0;
    for feed in memchr::memchr_iter(b'\n', bytes) {
        let length = feed - start;
        if line.is_none() {
            // First, so that the order of the checks does not depend on how the line arrived.
            check_line_length(without_return(&bytes[start..feed]))?;
        }
        if length == 0 || bytes[feed - 1] != b'\r' {
            return Err(Refusal::malformed("A line of the request ends without CR."));
        }
        let next = feed + 1;
        match &line {
            None if length == 1 && next > 2 * EMPTY_LINES_MAX => {
                return Err(Refusal::malformed("The request begins with too many empty lines."));
            }
            None if length == 1 => {}
            None => {
                // Parsed as soon as it is complete: a client of another protocol may never send an
                // empty line.
                line = Some((request_line(&bytes[start..feed - 1])?, next));
            }
            Some((line, fields)) if length == 1 => {
                return Ok(Some(Span { line: *line, fields: *fields..next, field_lines }));
            }
            Some(_) => field_lines += 1,
        }
        start = next;
    }
    if line.is_none() {
        check_line_length(without_return(&bytes[start..]))?;
    }
    if bytes.len() >= HEAD_MAX {
        return Err(too_large("The request head is larger than 16 KiB."));
    }
    Ok(None)
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

const MALFORMED_METHOD: Refusal = Refusal::malformed("The method of the request is malformed.");

/// Checks the length of a request line, complete or not.
fn check_line_length(line: &[u8]) -> Result<(), Refusal> {
    let method_length = line.iter().position(|&byte| byte == b' ').unwrap_or(line.len());
    if method_length > METHOD_MAX {
        if !line[..METHOD_MAX].iter().all(|&byte| is_token(byte)) {
            return Err(MALFORMED_METHOD);
        }
        return Err(Refusal::close(Status::NotImplemented, "The method is longer than any known method."));
    }
    if line.len() > REQUEST_LINE_MAX {
        return Err(Refusal::close(Status::UriTooLong, "The request line is longer than 8 KiB."));
    }
    Ok(())
}

/// Splits `method SP request-target SP HTTP-version` (RFC 9112 section 3).
fn request_line(line: &[u8]) -> Result<RequestLine<'_>, Refusal> {
    let mut words = line.split(|&byte| byte == b' ');
    let (Some(method), Some(target), Some(version), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Refusal::malformed(
            "The request line must be method, target and version, with one space between them.",
        ));
    };
    if method.is_empty() || !method.iter().all(|&byte| is_token(byte)) {
        return Err(MALFORMED_METHOD);
    }
    if target.is_empty() || !target.iter().all(|&byte| byte.is_ascii_graphic() && byte != b'#') {
        return Err(Refusal::malformed("The target of the request has a character that must be percent-encoded."));
    }
    Ok((method_named(method), target, version_named(version)?))
}

fn method_named(name: &[u8]) -> Method {
    match name {
        b"GET" => Method::Get,
        b"HEAD" => Method::Head,
        b"OPTIONS" => Method::Options,
        b"CONNECT" => Method::Connect,
        b"POST" | b"PUT" | b"DELETE" | b"PATCH" | b"TRACE" => Method::NotAllowed,
        _ => Method::Unknown,
    }
}

fn version_named(name: &[u8]) -> Result<Version, Refusal> {
    match name {
        b"HTTP/1.0" => Ok(Version::Http10),
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1'..=b'9'] => Ok(Version::Http11),
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
            Err(Refusal::close(Status::HttpVersionNotSupported, "Only HTTP/1.1 and HTTP/1.0 are supported."))
        }
        _ => Err(Refusal::malformed("The version of the request is malformed.")),
    }
}

/// HTTP/1.1 requires exactly one valid Host (RFC 9112 section 3.2). An empty one means that the
/// target has no authority; there is only one site to serve (section 3.3). A port without a host is
/// malformed.
fn check_host(version: Version, fields: &Fields) -> Result<(), Refusal> {
    let mut hosts = fields.every("host");
    match (hosts.next(), hosts.next(), version) {
        (None, _, Version::Http11) => Err(Refusal::malformed("The request has no Host field.")),
        (Some(_), Some(_), _) => Err(Refusal::malformed("The request has more than one Host field.")),
        (Some(host), None, _) if !host.is_empty() && authority::split(host).is_none() => {
            Err(Refusal::malformed("The Host field of the request is malformed."))
        }
        _ => Ok(()),
    }
}

const fn too_large(reason: &'static str) -> Refusal {
    Refusal::close(Status::RequestHeaderFieldsTooLarge, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The status of a refused head; 0 for a complete head, 1 for a partial one.
    fn outcome(head: impl AsRef<[u8]>) -> u16 {
        match parse(head.as_ref()) {
            Ok(Parsed::Complete(..)) => 0,
            Ok(Parsed::Partial) => 1,
            Err(refusal) => refusal.status.code(),
        }
    }

    #[test]
    fn a_head_is_read_whole() {
        let bytes = b"\r\nGET /a%20b?x=1 HTTP/1.1\r\nHost: reeld.test:8080\r\nrange:  bytes=0-\t\r\n\r\nGET /next";
        let Ok(Parsed::Complete(request, length)) = parse(bytes) else { panic!("it is a whole head") };
        assert_eq!((request.method, request.version, request.persistent), (Method::Get, Version::Http11, true));
        assert_eq!(request.target, b"/a%20b?x=1");
        assert_eq!(request.only("Range"), Some(&b"bytes=0-"[..]));
        assert_eq!(request.only("Referer"), None);
        assert_eq!(&bytes[length..], b"GET /next");
    }

    #[test]
    fn request_lines_and_fields_are_judged() {
        let long = "a".repeat(7_990);
        let table: &[(&str, u16)] = &[
            ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", 0),
            ("GET / HTTP/1.0\r\n\r\n", 0),
            ("GET / HTTP/1.2\r\nHost: h\r\n\r\n", 0),
            ("GET / HTTP/1.1\r\nHost:\r\n\r\n", 0),
            ("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 0),
            ("GET / HTTP/1.1\r\nHost: [fe80::1%eth0]\r\n\r\n", 0),
            ("GET / HTTP/1.1\r\nHost: [fe80::1%25eth0]:80\r\n\r\n", 0),
            (&format!("GET /{long} HTTP/1.1\r\nHost: h\r\n\r\n"), 0),
            ("GET / HTTP/1.1\r\nHost: h\r\n", 1),
            ("GET / HT", 1),
            ("", 1),
            ("GET /\r\n\r\n", 400),
            ("GET / x HTTP/1.1\r\nHost: h\r\n\r\n", 400),
            ("GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
            ("GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 400),
            ("GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n", 400),
            ("G(T / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
            (" GET / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
            ("GET /\u{e9} HTTP/1.1\r\nHost: h\r\n\r\n", 400),
            ("GET /#x HTTP/1.1\r\nHost: h\r\n\r\n", 400),
            ("GET / http/1.1\r\nHost: h\r\n\r\n", 400),
            ("GET / HTTP/1.10\r\nHost: h\r\n\r\n", 400),
            ("GET / HTTP/01.1\r\nHost: h\r\n\r\n", 400),
            ("GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
            ("GET / HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: :80\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: u@h\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: ###\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a:bc\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: ]:[\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", 400),
            ("GET /\r\n", 400),
            ("GET / HTTP/1.1\nHost: h\n\n", 400),
            ("GET / HTTP/1.1\r\nHost: h\n\r\n", 400),
            ("\n", 400),
            ("\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 0),
            ("\r\n\r\n\r\n\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\n 2\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: h\r\nA: 1\rB: 2\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: h\r\nA: \0\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: h\r\nA: \u{7f}\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: h\r\nnonsense\r\n\r\n", 400),
        ];
        for (head, status) in table {
            assert_eq!(outcome(head), *status, "{head:?}");
        }
    }

    #[test]
    fn what_a_peer_can_grow_is_limited() {
        let many = |count| "A: b\r\n".repeat(count);
        assert_eq!(outcome(format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", many(99))), 0);
        assert_eq!(outcome(format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", many(100))), 431);
        assert_eq!(outcome("GET /".to_string() + &"a".repeat(HEAD_MAX - 5)), 414);
        assert_eq!(outcome(format!("GET / HTTP/1.1\r\nHost: h\r\nA: {}", "b".repeat(HEAD_MAX - 28))), 431);
        let longest = format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "a".repeat(REQUEST_LINE_MAX - 14));
        assert_eq!(outcome(&longest), 0);
        assert_eq!(outcome(&longest[..REQUEST_LINE_MAX + 1]), 1, "cut between CR and LF");
        assert_eq!(outcome("G".repeat(METHOD_MAX)), 1);
        assert_eq!(outcome("G".repeat(METHOD_MAX + 1)), 501);
        assert_eq!(outcome("\x16\x03\x01".repeat(METHOD_MAX)), 400);
    }

    #[test]
    fn every_prefix_of_a_head_is_partial() {
        let head = b"GET /film.mp4 HTTP/1.1\r\nHost: h\r\nRange: bytes=0-\r\n\r\n";
        for end in 0..head.len() {
            assert_eq!(outcome(&head[..end]), 1, "cut at {end}");
        }
        assert_eq!(outcome(head), 0);
    }
}
