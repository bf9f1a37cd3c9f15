//! Where a request ends, and whether its connection persists (RFC 9112 sections 6 and 9).

use super::chunked::{self, Decoder};
use super::fields::{Fields, Method, Version};
use super::status::{Refusal, Status};
use crate::limits::DROPPED_BODY_MAX;

/// The content of a request. A file server has no use for it: it is read and dropped, or left
/// unread and the connection closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    None,
    /// To be read and dropped before the next request.
    Dropped(Discard),
    /// Well framed, but too long to read, or held back for a 100 that will not be sent: the
    /// connection closes after the response.
    Unread,
}

/// The part of a request's content that still has to be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discard {
    /// Bytes left of a content with Content-Length.
    Length(u64),
    Chunked(Decoder),
}

impl Discard {
    pub const NOTHING: Self = Discard::Length(0);

    /// Whether the content has ended.
    pub fn is_over(&self) -> bool {
        match self {
            Discard::Length(left) => *left == 0,
            Discard::Chunked(decoder) => decoder.is_complete(),
        }
    }

    /// Consumes `bytes` and returns how many belong to the content: all, unless it ends in them.
    pub fn advance(&mut self, bytes: &[u8]) -> Result<usize, chunked::Error> {
        match self {
            Discard::Length(left) => {
                let dropped = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= dropped as u64;
                Ok(dropped)
            }
            Discard::Chunked(decoder) => decoder.advance(bytes),
        }
    }
}

/// The content that the fields announce. Framing that two recipients could read differently is
/// refused.
pub(super) fn content(version: Version, fields: &Fields) -> Result<Content, Refusal> {
    let length = content_length(fields)?;
    let content = if fields.has("transfer-encoding") {
        check_transfer_encoding(version, fields, length)?;
        Content::Dropped(Discard::Chunked(Decoder::default()))
    } else {
        match length {
            None | Some(0) => Content::None,
            Some(length) if length <= DROPPED_BODY_MAX => Content::Dropped(Discard::Length(length)),
            Some(_) => Content::Unread,
        }
    };
    // RFC 9110 section 10.1.1: Expect is ignored in HTTP/1.0; otherwise a final status may replace
    // the 100.
    if version == Version::Http11 && fields.has("expect") {
        if !fields.members("expect").all(|word| word.eq_ignore_ascii_case(b"100-continue")) {
            return Err(Refusal::close(Status::ExpectationFailed, "The only supported expectation is 100-continue."));
        }
        if content != Content::None {
            return Ok(Content::Unread);
        }
    }
    Ok(content)
}

/// Accepts chunked alone (RFC 9112 sections 6.1 and 6.3).
fn check_transfer_encoding(version: Version, fields: &Fields, length: Option<u64>) -> Result<(), Refusal> {
    if version == Version::Http10 {
        return Err(Refusal::malformed("HTTP/1.0 has no Transfer-Encoding."));
    }
    if length.is_some() {
        return Err(Refusal::malformed("The request has both a Content-Length and a Transfer-Encoding."));
    }
    let (mut chunked, mut others, mut ends_in_chunked) = (0, 0, false);
    for coding in fields.members("transfer-encoding") {
        ends_in_chunked = coding.eq_ignore_ascii_case(b"chunked");
        *(if ends_in_chunked { &mut chunked } else { &mut others }) += 1;
    }
    match (chunked, ends_in_chunked, others) {
        (1, true, 0) => Ok(()),
        (1, true, _) => Err(Refusal::close(Status::NotImplemented, "The only supported transfer coding is chunked.")),
        _ => Err(Refusal::malformed("The Transfer-Encoding of the request must be chunked, once and last.")),
    }
}

/// The Content-Length. A second one is refused even if it is equal (RFC 9110 section 8.6 permits
/// either).
fn content_length(fields: &Fields) -> Result<Option<u64>, Refusal> {
    let mut lengths = fields.every("content-length");
    let length = lengths.next().map(|value| {
        digits(value).ok_or(Refusal::malformed("The Content-Length of the request is not a valid number."))
    });
    if lengths.next().is_some() {
        return Err(Refusal::malformed("The request has more than one Content-Length."));
    }
    length.transpose()
}

/// A number written in digits only; None if it overflows.
fn digits(text: &[u8]) -> Option<u64> {
    if !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Whether the connection persists after this request (RFC 9112 section 9.3). It does not after
/// CONNECT: bytes meant for the tunnel may follow, and must not be taken for requests (RFC 9931
/// section 8).
pub(super) fn persistent(method: Method, version: Version, fields: &Fields, content: Content) -> bool {
    let asked = match version {
        Version::Http11 => true,
        Version::Http10 => fields.lists("connection", "keep-alive"),
    };
    let goes_on = content != Content::Unread && method != Method::Connect;
    asked && goes_on && !fields.lists("connection", "close")
}

#[cfg(test)]
mod tests {
    use super::super::head::{Parsed, parse};
    use super::*;

    fn framed(version: &str, fields: &str) -> Result<(Content, bool), u16> {
        let head = format!("GET / HTTP/{version}\r\nHost: h\r\n{fields}\r\n");
        match parse(head.as_bytes()) {
            Ok(Parsed::Complete(request, _)) => Ok((request.content, request.persistent)),
            Ok(Parsed::Partial) => panic!("not a whole head: {head:?}"),
            Err(refusal) => {
                assert!(refusal.close, "framing can no longer be trusted after {head:?}");
                Err(refusal.status.code())
            }
        }
    }

    #[test]
    fn the_body_is_what_the_fields_say() {
        for (fields, body) in [
            ("", Ok((Content::None, true))),
            ("Content-Length: 0\r\n", Ok((Content::None, true))),
            ("Content-Length: 44\r\n", Ok((Content::Dropped(Discard::Length(44)), true))),
            ("Content-Length: 65536\r\n", Ok((Content::Dropped(Discard::Length(65536)), true))),
            ("Content-Length: 65537\r\n", Ok((Content::Unread, false))),
            ("Content-Length: 18446744073709551615\r\n", Ok((Content::Unread, false))),
            ("Transfer-Encoding: Chunked\r\n", Ok((Content::Dropped(Discard::Chunked(Decoder::default())), true))),
            ("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n", Ok((Content::Unread, false))),
            ("Expect: 100-continue\r\nContent-Length: 4\r\n", Ok((Content::Unread, false))),
            ("Expect: 100-Continue\r\n", Ok((Content::None, true))),
            ("Content-Length: 44, 44\r\n", Err(400)),
            ("Content-Length: 44\r\nContent-Length: 44\r\n", Err(400)),
            ("Content-Length: 5\r\nContent-Length: 05\r\n", Err(400)),
            ("Content-Length: 44,\r\n", Err(400)),
            ("Content-Length: 44, 45\r\n", Err(400)),
            ("Content-Length: 44\r\nContent-Length: 45\r\n", Err(400)),
            ("Content-Length: +5\r\n", Err(400)),
            ("Content-Length: -1\r\n", Err(400)),
            ("Content-Length: 0x10\r\n", Err(400)),
            ("Content-Length: 5 5\r\n", Err(400)),
            ("Content-Length: 1_0\r\n", Err(400)),
            ("Content-Length:\r\n", Err(400)),
            ("Content-Length: 99999999999999999999\r\n", Err(400)),
            ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", Err(400)),
            ("Transfer-Encoding: xchunked\r\n", Err(400)),
            ("Transfer-Encoding: chunked, identity\r\n", Err(400)),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Err(400)),
            ("Transfer-Encoding:\r\n", Err(400)),
            ("Transfer-Encoding: gzip, chunked\r\n", Err(501)),
            ("Transfer-Encoding : chunked\r\n", Err(400)),
            ("\x0bTransfer-Encoding: chunked\r\n", Err(400)),
            ("Expect: 200-ok\r\n", Err(417)),
        ] {
            assert_eq!(framed("1.1", fields), body, "{fields:?}");
        }
        assert_eq!(framed("1.0", "Transfer-Encoding: chunked\r\n"), Err(400));
        assert_eq!(framed("1.0", "Expect: anything\r\n"), Ok((Content::None, false)));
    }

    #[test]
    fn a_connection_goes_on_where_both_sides_can() {
        for (version, fields, persistent) in [
            ("1.1", "", true),
            ("1.1", "Connection: keep-alive\r\n", true),
            ("1.1", "Connection: close\r\n", false),
            ("1.1", "Connection: Upgrade, CLOSE\r\n", false),
            ("1.0", "", false),
            ("1.0", "Connection: Keep-Alive\r\n", true),
            ("1.0", "Connection: keep-alive, close\r\n", false),
        ] {
            assert_eq!(
                framed(version, fields).map(|(_, persistent)| persistent),
                Ok(persistent),
                "{version} {fields:?}"
            );
        }
    }

    #[test]
    fn a_refused_tunnel_ends_the_connection() {
        for (head, persistent) in
            [("OPTIONS * HTTP/1.1", true), ("CONNECT h:80 HTTP/1.1", false), ("CONNECT / HTTP/1.1", false)]
        {
            let head = format!("{head}\r\nHost: h\r\nConnection: keep-alive\r\n\r\n");
            let Ok(Parsed::Complete(request, _)) = parse(head.as_bytes()) else { panic!("{head:?} is a request") };
            assert_eq!(request.persistent, persistent, "{head:?}");
        }
    }
}
