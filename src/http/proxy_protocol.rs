//! The PROXY protocol, versions 1 and 2: the address of the client, before its first byte
//! (<https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt>).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::limits::PROXY_HEADER_MAX;

/// The outcome of parsing the bytes received so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// Not a whole header yet; more bytes are needed.
    Partial,
    /// A header of `length` bytes. `client` is None if it names no client with an IP address; the
    /// peer is the client then.
    Complete { client: Option<IpAddr>, length: usize },
}

/// The bytes are no PROXY header, or a malformed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// How version 1 begins (section 2.1).
const WORD: &[u8] = b"PROXY ";

/// Bytes of a header of version 1, at most (section 2.1).
const LINE_MAX: usize = 107;

/// How version 2 begins (section 2.2).
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Reads the header at the start of `bytes`.
pub fn parse(bytes: &[u8]) -> Result<Parsed, Malformed> {
    let may_begin_with = |start: &[u8]| bytes.iter().zip(start).all(|(byte, expected)| byte == expected);
    if may_begin_with(SIGNATURE) {
        parse_binary(bytes)
    } else if may_begin_with(WORD) {
        parse_line(bytes)
    } else {
        Err(Malformed)
    }
}

/// Version 1: `PROXY TCP4 <source> <destination> <source port> <destination port> CRLF`.
fn parse_line(bytes: &[u8]) -> Result<Parsed, Malformed> {
    let line = &bytes[..bytes.len().min(LINE_MAX)];
    let Some(end) = line.windows(2).position(|pair| pair == b"\r\n") else {
        return if line.len() < LINE_MAX { Ok(Parsed::Partial) } else { Err(Malformed) };
    };
    // What is no UTF-8 is no address either.
    let text = String::from_utf8_lossy(&line[WORD.len()..end]);
    let mut words = text.split(' ');
    let client = match words.next() {
        Some("TCP4") => Some(source::<Ipv4Addr>(words)?.into()),
        Some("TCP6") => Some(source::<Ipv6Addr>(words)?.into()),
        // The rest of the line is to be ignored.
        Some("UNKNOWN") => None,
        _ => return Err(Malformed),
    };
    Ok(Parsed::Complete { client, length: end + 2 })
}

/// The first of two addresses that two ports follow.
fn source<'a, A: FromStr>(mut words: impl Iterator<Item = &'a str>) -> Result<A, Malformed> {
    let mut address = || words.next()?.parse::<A>().ok();
    let source = address().zip(address()).map(|(source, _)| source);
    let is_port = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit()) && word.parse::<u16>().is_ok();
    let ports_follow = words.next().is_some_and(is_port) && words.next().is_some_and(is_port);
    source.filter(|_| ports_follow && words.next().is_none()).ok_or(Malformed)
}

/// Version 2: signature, version and command, family and transport, length, addresses, and fields
/// of type, length and value, which are skipped.
fn parse_binary(bytes: &[u8]) -> Result<Parsed, Malformed> {
    let Some((fixed, rest)) = bytes.split_first_chunk::<16>() else { return Ok(Parsed::Partial) };
    let [.., version_and_command, family_and_transport, high, low] = *fixed;
    let length = fixed.len() + usize::from(u16::from_be_bytes([high, low]));
    // LOCAL: the proxy speaks for itself, as in a health check, and the family is ignored.
    let family = if version_and_command == 0x20 { 0 } else { family_and_transport >> 4 };
    // Receivers must drop connections with other values (section 2.2).
    let is_known = match version_and_command {
        0x20 => true,
        0x21 => family <= 3 && family_and_transport & 0xf <= 2,
        _ => false,
    };
    if length > PROXY_HEADER_MAX || !is_known {
        return Err(Malformed);
    }
    let Some(block) = rest.get(..length - fixed.len()) else { return Ok(Parsed::Partial) };
    let client = match (family, block) {
        (1, [a, b, c, d, rest @ ..]) if rest.len() >= 8 => Some(IpAddr::from([*a, *b, *c, *d])),
        (2, addresses) if addresses.len() >= 36 => addresses.first_chunk::<16>().map(|source| (*source).into()),
        (1 | 2, _) => return Err(Malformed),
        // None, or that of a Unix socket.
        _ => None,
    };
    Ok(Parsed::Complete { client, length })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header of version 2 with these bytes after its signature, and a block of this length.
    fn binary(version_and_command: u8, family_and_transport: u8, block: &[u8]) -> Vec<u8> {
        let length = (block.len() as u16).to_be_bytes();
        [SIGNATURE, &[version_and_command, family_and_transport][..], &length, block].concat()
    }

    /// The block of an IPv4 or IPv6 connection from port 1 to port 2, with a field after it.
    fn block(source: &str) -> Vec<u8> {
        let address = match source.parse().expect("an address") {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        [&address, &address, &[0, 1, 0, 2][..], &[0x04, 0, 1, 0]].concat()
    }

    fn headers() -> Vec<(Vec<u8>, Option<&'static str>)> {
        vec![
            (b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 443\r\n".to_vec(), Some("192.0.2.7")),
            (b"PROXY TCP6 2001:db8::7 ::1 1 65535\r\n".to_vec(), Some("2001:db8::7")),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (b"PROXY UNKNOWN ::1 \xff anything else\r\n".to_vec(), None),
            (binary(0x21, 0x11, &block("192.0.2.7")), Some("192.0.2.7")),
            (binary(0x21, 0x11, &block("192.0.2.7")[..12]), Some("192.0.2.7")),
            (binary(0x21, 0x21, &block("2001:db8::7")), Some("2001:db8::7")),
            (binary(0x21, 0x12, &block("192.0.2.7")), Some("192.0.2.7")),
            (binary(0x21, 0x00, &[]), None),
            (binary(0x21, 0x31, &[b'/'; 216]), None),
            (binary(0x20, 0x00, &[]), None),
            (binary(0x20, 0x11, &block("192.0.2.7")), None),
            (binary(0x20, 0xff, &[0; 3]), None),
            (binary(0x21, 0x11, &[&block("192.0.2.7")[..], &[0; PROXY_HEADER_MAX - 32]].concat()), Some("192.0.2.7")),
        ]
    }

    #[test]
    fn a_header_is_whole_at_its_last_byte() {
        for (header, client) in headers() {
            let client = client.map(|client| client.parse().expect("an address"));
            for end in 0..header.len() {
                assert_eq!(parse(&header[..end]), Ok(Parsed::Partial), "{} cut at {end}", header.escape_ascii());
            }
            let complete = Ok(Parsed::Complete { client, length: header.len() });
            assert_eq!(parse(&header), complete, "{}", header.escape_ascii());
            assert_eq!(parse(&[&header[..], b"GET / HTTP/1.1\r\n"].concat()), complete);
        }
    }

    #[test]
    fn what_is_no_header_is_malformed() {
        let long = format!("PROXY UNKNOWN {}\r\n", "a".repeat(LINE_MAX - 15));
        assert_eq!(long.len(), LINE_MAX + 1);
        for header in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"PROXY\r\n",
            b"PROXY \r\n",
            b"proxy TCP4 192.0.2.7 192.0.2.1 1 2\r\n",
            b"PROXY TCP4\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.1 1\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.1 1 2 3\r\n",
            b"PROXY TCP4  192.0.2.7 192.0.2.1 1 2\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.1 1 65536\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.1 +1 2\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.1  2\r\n",
            b"PROXY TCP4 192.0.2.256 192.0.2.1 1 2\r\n",
            b"PROXY TCP4 192.0.2.7 h 1 2\r\n",
            b"PROXY TCP4 ::1 ::1 1 2\r\n",
            b"PROXY TCP6 192.0.2.7 192.0.2.1 1 2\r\n",
            b"PROXY UDP4 192.0.2.7 192.0.2.1 1 2\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.1 1 2\n\r\n",
            b"\r\n\r\n\0\r\nQUIT\r",
            b"\r\n\r\nGET",
            long.as_bytes(),
            &binary(0x11, 0x11, &block("192.0.2.7")),
            &binary(0x22, 0x11, &block("192.0.2.7")),
            &binary(0x21, 0x41, &block("192.0.2.7")),
            &binary(0x21, 0x13, &block("192.0.2.7")),
            &binary(0x21, 0x11, &block("192.0.2.7")[..11]),
            &binary(0x21, 0x21, &block("2001:db8::7")[..35]),
            &binary(0x21, 0x11, &[0; PROXY_HEADER_MAX - 15]),
            // Too long, before any of it has arrived.
            &binary(0x21, 0x11, &[0; PROXY_HEADER_MAX - 15])[..16],
        ] {
            assert_eq!(parse(header), Err(Malformed), "{}", header.escape_ascii());
        }
    }
}
