//! What a trusted proxy says of the client and of the address that the client used:
//! `X-Forwarded-For`, `Forwarded` (RFC 7239), `X-Forwarded-Proto`, `-Host` and `-Prefix`.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::authority;
use super::head::Request;
use super::target;
use super::trusted_proxies::TrustedProxies;
use crate::limits::{FORWARDED_PREFIX_MAX, PROXIES_MAX};

/// The client of a request that `peer` sent: from the right, the first address that is not that of
/// a trusted proxy. It is the peer's where the peer is not trusted, or a proxy does not tell an
/// address.
///
/// `X-Forwarded-For` counts if there is one, as in gorilla/handlers (`proxy_headers.go`): nginx and
/// Caddy set it and pass on a `Forwarded` that the client wrote.
pub fn client(request: &Request, peer: IpAddr, trusted: &TrustedProxies) -> IpAddr {
    if !request.from_trusted_proxy {
        return peer;
    }
    let fields = &request.fields;
    if fields.has("x-forwarded-for") {
        last_untrusted(fields.members("x-forwarded-for").rev().map(address), peer, trusted)
    } else {
        let elements =
            fields.every("forwarded").rev().flat_map(|line| split_outside_quotes(line, b',').into_iter().rev());
        last_untrusted(elements.map(node), peer, trusted)
    }
}

/// `hops` has the nearest first; None is one that tells no address.
fn last_untrusted(hops: impl Iterator<Item = Option<IpAddr>>, peer: IpAddr, trusted: &TrustedProxies) -> IpAddr {
    let mut client = peer;
    for hop in hops.take(PROXIES_MAX) {
        // What stands before it could be from anyone.
        let Some(address) = hop else { return peer };
        client = address;
        if !trusted.contains(address) {
            break;
        }
    }
    client
}

/// An IP address that may have a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`,
/// `[2001:db8::1]:80`.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let in_brackets = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let plain = in_brackets.map_or_else(|| text.parse().ok(), |text| text.parse().ok().map(IpAddr::V6));
    plain.or_else(|| text.parse().ok().map(|socket: SocketAddr| socket.ip()))
}

/// Splits at each `separator` outside of quoted strings (RFC 9110 section 5.6.4).
fn split_outside_quotes(text: &[u8], separator: u8) -> Vec<&[u8]> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let parts = text.split(|&byte| {
        if is_escaped {
            is_escaped = false;
            return false;
        }
        is_quoted ^= byte == b'"';
        is_escaped = is_quoted && byte == b'\\';
        byte == separator && !is_quoted
    });
    parts.map(<[u8]>::trim_ascii).filter(|part| !part.is_empty()).collect()
}

/// The address in the `for` of an element; None if there is none, as in `for=unknown` and
/// `for=_hidden` (RFC 7239 section 6).
fn node(element: &[u8]) -> Option<IpAddr> {
    let pairs = split_outside_quotes(element, b';');
    let mut nodes = pairs.iter().filter_map(|pair| match pair.split_at_checked(4) {
        Some((name, value)) if name.eq_ignore_ascii_case(b"for=") => Some(value),
        _ => None,
    });
    let node = nodes.next().filter(|_| nodes.next().is_none())?;
    let in_quotes = node.strip_prefix(b"\"").and_then(|node| node.strip_suffix(b"\""));
    address(in_quotes.unwrap_or(node))
}

/// The path at which a trusted proxy offers this server, without a slash at its end; empty if it
/// tells none. Decoded, normalised and encoded anew, so that it can lead to no other host and end
/// no line.
pub fn prefix(request: &Request) -> String {
    let field = said(request, "x-forwarded-prefix").filter(|prefix| prefix.len() <= FORWARDED_PREFIX_MAX);
    let path = field.filter(|prefix| prefix.starts_with(b"/") && !prefix.starts_with(b"//"));
    match path.and_then(|path| target::parse(path).ok()) {
        Some(target) if target.query.is_none() && !target.path.relative().is_empty() => {
            format!("/{}", target::encode(target.path.relative()))
        }
        _ => String::new(),
    }
}

/// The fields that [`Base`] depends on.
pub const BASE_FIELDS: &str = "Host, X-Forwarded-Host, X-Forwarded-Proto, X-Forwarded-Prefix";

/// Where the client reaches the content folder: `https://films.example/media`. Only the prefix
/// shows if the host is not known.
#[derive(Debug)]
pub struct Base<'a> {
    scheme: &'static str,
    /// Host and port (RFC 9110 section 7.1); empty for a client that says neither, as HTTP/1.0
    /// allows.
    pub authority: Cow<'a, str>,
    prefix: String,
}

impl<'a> Base<'a> {
    pub fn new(request: &Request<'a>) -> Self {
        let forwarded = said(request, "x-forwarded-host").filter(|host| authority::split(host).is_some());
        let own = || target::authority(request.target).or_else(|| request.only("host")).unwrap_or_default();
        let is_https = said(request, "x-forwarded-proto").is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"https"));
        Base {
            scheme: if is_https { "https" } else { "http" },
            authority: String::from_utf8_lossy(forwarded.unwrap_or_else(own)),
            prefix: prefix(request),
        }
    }
}

impl fmt::Display for Base<'_> {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let Base { scheme, authority, prefix } = self;
        if authority.is_empty() { out.write_str(prefix) } else { write!(out, "{scheme}://{authority}{prefix}") }
    }
}

/// The value of a field, if a trusted proxy sent it.
fn said<'a>(request: &Request<'a>, name: &'static str) -> Option<&'a [u8]> {
    request.only(name).filter(|_| request.from_trusted_proxy)
}

#[cfg(test)]
mod tests {
    use super::super::head::{self, Parsed};
    use super::*;

    /// A request with these fields, from a trusted proxy or from elsewhere.
    fn with<T>(fields: &str, from_trusted_proxy: bool, then: impl FnOnce(&Request) -> T) -> T {
        let head = format!("GET / HTTP/1.1\r\nHost: h:8080\r\n{fields}\r\n");
        let Ok(Parsed::Complete(mut request, _)) = head::parse(head.as_bytes()) else {
            panic!("{head:?} is a request")
        };
        request.from_trusted_proxy = from_trusted_proxy;
        then(&request)
    }

    const PEER: &str = "127.0.0.1";

    fn client_of(fields: &str, from_trusted_proxy: bool) -> String {
        let trusted = TrustedProxies::new([PEER, "10.0.0.0/8", "fd00::/8"]).expect("networks");
        let peer = PEER.parse().expect("an address");
        with(fields, from_trusted_proxy, |request| client(request, peer, &trusted).to_string())
    }

    #[test]
    fn the_client_is_the_last_that_is_no_trusted_proxy() {
        for (values, client) in [
            (&["192.0.2.7"][..], "192.0.2.7"),
            (&["192.0.2.7:4711"], "192.0.2.7"),
            (&["2001:db8::7"], "2001:db8::7"),
            (&["[2001:db8::7]"], "2001:db8::7"),
            (&["[2001:db8::7]:4711"], "2001:db8::7"),
            (&["192.0.2.8, 192.0.2.7"], "192.0.2.7"),
            (&["192.0.2.8, 192.0.2.7 ,10.0.0.1,, fd00::1"], "192.0.2.7"),
            (&["192.0.2.8", "192.0.2.7", "10.0.0.1"], "192.0.2.7"),
            (&["nonsense, 192.0.2.7, 10.0.0.1"], "192.0.2.7"),
            // A client in a trusted network.
            (&["10.0.0.7, 10.0.0.1"], "10.0.0.7"),
            (&["192.0.2.7, nonsense"], PEER),
            (&["192.0.2.7, unknown, 10.0.0.1"], PEER),
            (&["192.0.2.7, 10.0.0.1:x"], PEER),
            (&["192.0.2.300"], PEER),
            (&["[192.0.2.7]"], PEER),
            (&["\"192.0.2.7\""], PEER),
            (&["192.0.2.7 192.0.2.8"], PEER),
            (&[""], PEER),
            (&[","], PEER),
        ] {
            let fields: String = values.iter().map(|value| format!("X-Forwarded-For: {value}\r\n")).collect();
            assert_eq!(client_of(&fields, true), client, "{values:?}");
            assert_eq!(client_of(&fields, false), PEER, "{values:?}");
        }
    }

    #[test]
    fn the_client_is_the_last_node_that_is_no_trusted_proxy() {
        for (values, client) in [
            (&["for=192.0.2.7"][..], "192.0.2.7"),
            (&["For=\"192.0.2.7:4711\""], "192.0.2.7"),
            (&["FOR=\"[2001:db8:cafe::17]:4711\""], "2001:db8:cafe::17"),
            (&["for=192.0.2.7;proto=http;by=203.0.113.43"], "192.0.2.7"),
            (&["proto=https; for=192.0.2.7 ;host=h"], "192.0.2.7"),
            (&["for=192.0.2.8, for=192.0.2.7, for=10.0.0.1"], "192.0.2.7"),
            (&["for=192.0.2.8", "for=192.0.2.7,for=\"[fd00::1]\""], "192.0.2.7"),
            (&["for=192.0.2.7;host=\"a,for=192.0.2.8\""], "192.0.2.7"),
            (&["for=192.0.2.7;host=\"a\\\",for=192.0.2.8\""], "192.0.2.7"),
            (&["for=\"open", "for=192.0.2.7"], "192.0.2.7"),
            (&["for=192.0.2.7, for=unknown"], PEER),
            (&["for=192.0.2.7, for=_hidden, for=10.0.0.1"], PEER),
            (&["for=192.0.2.7, proto=http"], PEER),
            (&["for=192.0.2.7;for=192.0.2.8"], PEER),
            (&["for=\"192.0.2.7"], PEER),
            (&["for = 192.0.2.7"], PEER),
            (&["192.0.2.7"], PEER),
            (&["for="], PEER),
            (&[""], PEER),
        ] {
            let fields: String = values.iter().map(|value| format!("Forwarded: {value}\r\n")).collect();
            assert_eq!(client_of(&fields, true), client, "{values:?}");
            assert_eq!(client_of(&fields, false), PEER, "{values:?}");
        }
    }

    #[test]
    fn forwarded_does_not_count_beside_x_forwarded_for() {
        assert_eq!(client_of("Forwarded: for=192.0.2.8\r\nX-Forwarded-For: 192.0.2.7\r\n", true), "192.0.2.7");
        assert_eq!(client_of("Forwarded: for=192.0.2.8\r\nX-Forwarded-For: nonsense\r\n", true), PEER);
    }

    #[test]
    fn further_proxies_are_not_looked_at() {
        let chain = |proxies| format!("X-Forwarded-For: 192.0.2.7{}\r\n", ", 10.0.0.1".repeat(proxies));
        assert_eq!(client_of(&chain(PROXIES_MAX - 1), true), "192.0.2.7");
        assert_eq!(client_of(&chain(PROXIES_MAX), true), "10.0.0.1");
    }

    #[test]
    fn a_prefix_leads_to_no_other_host() {
        let long = format!("/{}", "a".repeat(FORWARDED_PREFIX_MAX));
        for (field, prefix_is) in [
            ("/media", "/media"),
            ("/media/", "/media"),
            ("/my%20media/é/~a", "/my%20media/%C3%A9/~a"),
            ("/a/./b/../c//d", "/a/c/d"),
            ("/a%2F%2e%2e%2Fb", "/b"),
            ("/%2F%2Fevil.example", "/evil.example"),
            ("/\\evil.example", "/%5Cevil.example"),
            ("/a%0D%0ASet-Cookie: b", "/a%0D%0ASet-Cookie%3A%20b"),
            ("/\"><script>", "/%22%3E%3Cscript%3E"),
            (&long[..FORWARDED_PREFIX_MAX], &long[..FORWARDED_PREFIX_MAX]),
            ("/", ""),
            ("", ""),
            ("media", ""),
            ("//evil.example", ""),
            ("http://evil.example/media", ""),
            ("/..", ""),
            ("/a?b", ""),
            ("/a%", ""),
            ("/a\r\nX-Forwarded-Prefix: /b", ""),
            (&long, ""),
        ] {
            let fields = format!("X-Forwarded-Prefix: {field}\r\n");
            assert_eq!(with(&fields, true, prefix), prefix_is, "{field}");
            assert_eq!(with(&fields, false, prefix), "", "{field}");
        }
    }

    #[test]
    fn the_base_is_what_the_client_used() {
        for (fields, base) in [
            ("", "http://h:8080"),
            ("X-Forwarded-Proto: https\r\n", "https://h:8080"),
            ("X-Forwarded-Proto: HTTP\r\n", "http://h:8080"),
            ("X-Forwarded-Proto: javascript\r\n", "http://h:8080"),
            ("X-Forwarded-Host: films.example\r\n", "http://films.example"),
            ("X-Forwarded-Host: a b\r\n", "http://h:8080"),
            ("X-Forwarded-Host: a\r\nX-Forwarded-Host: b\r\n", "http://h:8080"),
            (
                "X-Forwarded-Host: [::1]:81\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Prefix: /media/\r\n",
                "https://[::1]:81/media",
            ),
        ] {
            assert_eq!(with(fields, true, |request| Base::new(request).to_string()), base, "{fields:?}");
            assert_eq!(with(fields, false, |request| Base::new(request).to_string()), "http://h:8080", "{fields:?}");
        }
    }
}
