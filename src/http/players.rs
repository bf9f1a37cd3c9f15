//! Which clients play a file in parts, and which take one part for all of it.
//!
//! Chosen by measurement with 90 clients, see docs/clients.md. No single field tells a media
//! element from a download of the same browser: together these do.

use super::fields::is_token;
use super::head::Request;

/// Whether the request is from a media element or player that asks for the next part when it needs
/// it.
pub fn asks_for_next_part(request: &Request) -> bool {
    player(request).is_some()
}

/// The media element or player that asks for the next part when it needs it, if the request is from
/// one.
pub fn player(request: &Request) -> Option<&'static str> {
    if is_firefox_media_element(request) {
        Some("a media element of Firefox")
    } else if is_chromium_media_element(request) {
        Some("a media element of Chromium")
    } else if user_agent(request).starts_with(b"VLC/") {
        Some("VLC")
    } else {
        None
    }
}

fn is_firefox_media_element(request: &Request) -> bool {
    let accept = request.only("accept").unwrap_or_default();
    [&b"video/webm,video/ogg,"[..], b"audio/webm,audio/ogg,"].iter().any(|media| accept.starts_with(media))
}

/// Its media elements ask for the bytes as they are, uncompressed; its `fetch()` does so only with
/// a Range. Sec-Fetch-Dest is sent to secure origins and to this machine only (Fetch Metadata
/// section 3).
fn is_chromium_media_element(request: &Request) -> bool {
    user_agent(request).windows(7).any(|word| word == b"Chrome/")
        && request.only("accept") == Some(b"*/*")
        && matches!(request.only("accept-encoding"), Some(b"identity" | b"identity;q=1, *;q=0"))
        && match request.only("sec-fetch-dest") {
            None => request.fields.every("sec-fetch-dest").next().is_none(),
            Some(destination) => matches!(destination, b"video" | b"audio"),
        }
}

/// Whether the client is no browser or player, so that it may take a part that it did not ask for
/// as the whole file. Every browser calls itself Mozilla.
pub fn may_take_part_for_whole(request: &Request) -> bool {
    ![&b"Mozilla/"[..], b"VLC/"].iter().any(|known| user_agent(request).starts_with(known))
}

/// The name and version with which a User-Agent begins, as `curl/7.88.1` (RFC 9110 section 10.1.5);
/// None if it does not begin with one.
pub fn product<'a>(request: &Request<'a>) -> Option<&'a str> {
    let user_agent = user_agent(request);
    let end = user_agent.iter().position(|&byte| byte != b'/' && !is_token(byte)).unwrap_or(user_agent.len());
    std::str::from_utf8(&user_agent[..end]).ok().filter(|product| !product.is_empty())
}

fn user_agent<'a>(request: &Request<'a>) -> &'a [u8] {
    request.only("user-agent").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::head::{Parsed, parse};
    use super::super::range::{self, PartPolicy, Parts, Selection};
    use super::*;
    use crate::bytes::Bytes;

    const CHROMIUM: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
                            Chrome/156.0.0.0 Safari/537.36\r\n";
    const FIREFOX: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0\r\n";
    const SAFARI: &str = "User-Agent: Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, \
                          like Gecko) Version/18.0 Safari/605.1.15\r\n";
    const VLC: &str = "User-Agent: VLC/3.0.24 LibVLC/3.0.24\r\n";

    /// Lets `judge` see a request with these fields.
    fn with<T>(fields: &str, judge: impl Fn(&Request) -> T) -> T {
        let head = format!("GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
        match parse(head.as_bytes()) {
            Ok(Parsed::Complete(request, _)) => judge(&request),
            other => panic!("{head:?} reads as {other:?}"),
        }
    }

    /// Heads as these programs sent them (2026-11-25), without the fields that do not count.
    #[test]
    fn media_elements_and_vlc_ask_for_the_next_part() {
        let open = "Range: bytes=0-\r\n";
        let any = "Accept: */*\r\n";
        let identity = "Accept-Encoding: identity\r\n";
        let page = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n";
        let compressed = "Accept-Encoding: gzip, deflate, br, zstd\r\n";
        let video = "Accept: video/webm,video/ogg,video/*;q=0.9,application/ogg;q=0.7,audio/*;q=0.6,*/*;q=0.5\r\n";
        let audio =
            "Accept: audio/webm,audio/ogg,audio/wav,audio/*;q=0.9,application/ogg;q=0.7,video/*;q=0.6,*/*;q=0.5\r\n";
        for (client, fields, asks) in [
            ("Chromium <video>", &[CHROMIUM, any, "Sec-Fetch-Dest: video\r\n", identity, open][..], true),
            ("Chromium <audio>", &[CHROMIUM, any, "Sec-Fetch-Dest: audio\r\n", identity, open], true),
            ("Chromium <video>, plain http in the LAN", &[CHROMIUM, any, identity, open], true),
            ("older Chromium", &[CHROMIUM, any, "Accept-Encoding: identity;q=1, *;q=0\r\n", open], true),
            ("Chromium fetch()", &[CHROMIUM, any, "Sec-Fetch-Dest: empty\r\n", compressed], false),
            ("Chromium fetch() of a range", &[CHROMIUM, any, "Sec-Fetch-Dest: empty\r\n", identity, open], false),
            ("Chromium download", &[CHROMIUM, page, "Sec-Fetch-Dest: document\r\n", compressed], false),
            ("Chromium resumes a download", &[CHROMIUM, any, compressed, "Range: bytes=5242880-\r\n"], false),
            ("two destinations", &[CHROMIUM, any, &"Sec-Fetch-Dest: video\r\n".repeat(2), identity, open], false),
            ("Firefox <video>", &[FIREFOX, video, open, "Sec-Fetch-Dest: video\r\n", identity], true),
            ("Firefox <audio>", &[FIREFOX, audio, open, "Sec-Fetch-Dest: audio\r\n", identity], true),
            ("Firefox download", &[FIREFOX, page, compressed], false),
            ("Firefox fetch()", &[FIREFOX, any, "Sec-Fetch-Dest: empty\r\n", compressed], false),
            ("Safari", &[SAFARI, any, identity, "Range: bytes=0-1\r\n"], false),
            ("VLC", &[VLC, any, open], true),
            ("mpv", &["User-Agent: libmpv\r\n", any, open], false),
            ("ffmpeg", &["User-Agent: Lavf/59.27.100\r\n", any, open, "Icy-MetaData: 1\r\n"], false),
            ("GStreamer", &["User-Agent: GStreamer souphttpsrc 1.22.0 libsoup/3.2.3\r\n", identity], false),
            ("curl", &["User-Agent: curl/7.88.1\r\n", any], false),
            ("curl -C -", &["User-Agent: curl/7.88.1\r\n", any, "Range: bytes=5242880-\r\n"], false),
            ("wget", &["User-Agent: Wget/1.21.3\r\n", any, identity], false),
            ("aria2", &["User-Agent: aria2/1.36.0\r\n", "Accept: */*,application/metalink4+xml\r\n"], false),
            ("rclone", &["User-Agent: rclone/v1.60.1-DEV\r\n", "Accept-Encoding: gzip\r\n"], false),
            ("none", &[], false),
        ] {
            assert_eq!(with(&fields.concat(), asks_for_next_part), asks, "{client}");
        }
    }

    #[test]
    fn only_ranges_without_an_end_are_cut_for_players() {
        let parts = Parts { policy: PartPolicy::Players, size: Bytes(100) };
        let selected = |client: &str, range: &str| {
            let wanted = range::parse(range.as_bytes()).ok();
            with(client, |request| parts.for_request(request)).select(wanted.as_deref(), 250)
        };
        for (client, range, selection) in [
            (VLC, "bytes=0-", Selection::Part(0..100)),
            (VLC, "bytes=200-", Selection::Part(200..250)),
            (VLC, "bytes=0-199", Selection::Part(0..200)),
            (VLC, "bytes=-200", Selection::Part(50..250)),
            (VLC, "", Selection::Whole),
            (VLC, "bytes=250-", Selection::Unsatisfiable),
            (SAFARI, "bytes=0-", Selection::Part(0..250)),
            (SAFARI, "", Selection::Whole),
        ] {
            assert_eq!(selected(client, range), selection, "{client} {range}");
        }
    }

    #[test]
    fn a_product_is_what_a_user_agent_begins_with() {
        for (fields, named) in [
            ("User-Agent: curl/7.88.1\r\n", Some("curl/7.88.1")),
            ("User-Agent: GStreamer souphttpsrc 1.22.0\r\n", Some("GStreamer")),
            ("User-Agent: rclone/\r\n", Some("rclone/")),
            ("User-Agent: a\u{e9}\r\n", Some("a")),
            ("User-Agent: (no name)\r\n", None),
            ("User-Agent:\r\n", None),
            ("User-Agent: a\r\nUser-Agent: b\r\n", None),
            ("", None),
        ] {
            assert_eq!(with(fields, |request| product(request).map(String::from)).as_deref(), named, "{fields}");
        }
    }

    #[test]
    fn browsers_and_players_do_not_take_a_part_for_the_whole() {
        for (fields, may) in
            [(CHROMIUM, false), (FIREFOX, false), (VLC, false), ("User-Agent: Wget/1.21.3\r\n", true), ("", true)]
        {
            assert_eq!(with(fields, may_take_part_for_whole), may, "{fields}");
        }
    }
}
