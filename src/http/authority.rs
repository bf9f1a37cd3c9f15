//! The authority of a URL and of a Host field: `host [":" port]` (RFC 3986 section 3.2, RFC 9110
//! section 7.2).

use std::net::Ipv6Addr;

/// Splits an authority into host and port; the port is empty if there is none. None if the host is
/// empty, which no http URL may have (RFC 9110 section 4.2.1), and for user information or
/// characters that a host name cannot have.
pub fn split(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = if text.starts_with(b"[") {
        text.iter().position(|&byte| byte == b']')? + 1
    } else {
        text.iter().position(|&byte| byte == b':').unwrap_or(text.len())
    };
    let (host, rest) = text.split_at(end);
    let is_host = match host {
        [b'[', address @ .., b']'] => is_address(address),
        name => !name.is_empty() && name.iter().copied().all(is_unreserved),
    };
    let port = if rest.is_empty() { rest } else { rest.strip_prefix(b":")? };
    (is_host && port.iter().all(u8::is_ascii_digit)).then_some((host, port))
}

/// Whether this is an IPv6 address, with or without a zone. ffmpeg and mpv send `%eth0` with a
/// link-local address; RFC 6874 writes it `%25eth0`.
fn is_address(text: &[u8]) -> bool {
    let (address, zone) = text.split_at(text.iter().position(|&byte| byte == b'%').unwrap_or(text.len()));
    let is_zone = zone.is_empty() || (zone.len() > 1 && zone[1..].iter().copied().all(is_unreserved));
    is_zone && std::str::from_utf8(address).is_ok_and(|address| address.parse::<Ipv6Addr>().is_ok())
}

/// RFC 3986 section 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_a_host_and_may_have_a_port() {
        for (text, host, port) in [
            ("h", "h", ""),
            ("h:", "h", ""),
            ("reeld.test:8080", "reeld.test", "8080"),
            ("192.0.2.1:80", "192.0.2.1", "80"),
            ("[::1]", "[::1]", ""),
            ("[::1]:80", "[::1]", "80"),
            ("[fe80::1%eth0]", "[fe80::1%eth0]", ""),
            ("[fe80::1%25eth0]:80", "[fe80::1%25eth0]", "80"),
            ("[fe80::1%br-lan.7]", "[fe80::1%br-lan.7]", ""),
            ("[fe80::1%2]", "[fe80::1%2]", ""),
        ] {
            assert_eq!(split(text.as_bytes()), Some((host.as_bytes(), port.as_bytes())), "{text}");
        }
    }

    #[test]
    fn what_is_no_authority_is_refused() {
        for text in [
            "",
            ":",
            ":80",
            "[]",
            "[]:80",
            "a b",
            "a,b",
            "u@h",
            "###",
            "a:80:80",
            "a:bc",
            "h%25eth0",
            "]:[",
            "[::1",
            "[::1]x",
            "[h]",
            "[::1:80",
            "[%eth0]",
            "[fe80::1%]",
            "[fe80::1%eth0",
            "[fe80::1%eth 0]",
            "[fe80::1%eth0%1]",
            "[fe80::1%eth/0]",
        ] {
            assert_eq!(split(text.as_bytes()), None, "{text}");
        }
    }
}
