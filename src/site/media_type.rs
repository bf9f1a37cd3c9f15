//! The media type of a file, from its name, or from its content where that says nothing (RFC 9110
//! section 8.3).

use std::borrow::Cow;

use memchr::memmem;

use crate::media::description::Container;

/// Types that players need and that mime_guess lacks or has wrong, by lower-case extension.
const OVERRIDES: [(&str, &str); 9] = [
    ("ts", "video/mp2t"),
    ("m2ts", "video/mp2t"),
    ("m3u8", "application/vnd.apple.mpegurl"),
    ("m4s", "video/iso.segment"),
    ("m4a", "audio/mp4"),
    ("m4b", "audio/mp4"),
    ("opus", "audio/ogg"),
    ("vtt", "text/vtt"),
    ("ass", "text/x-ssa"),
];

/// The type of a file of which nothing is known.
pub const UNKNOWN: &str = "application/octet-stream";

/// The Content-Type of a file with this path, as its name tells it.
pub fn of(relative: &[u8]) -> Cow<'static, str> {
    by_name(relative).unwrap_or(UNKNOWN.into())
}

/// The same; None if the name says nothing.
pub fn by_name(relative: &[u8]) -> Option<Cow<'static, str>> {
    let name = relative.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let essence = match name.rsplitn(2, |&byte| byte == b'.').collect::<Vec<_>>()[..] {
        [extension, stem] if !stem.is_empty() => by_extension(&String::from_utf8_lossy(extension))?,
        _ => return None,
    };
    Some(if essence.starts_with("text/") { format!("{essence}; charset=utf-8").into() } else { essence.into() })
}

fn by_extension(extension: &str) -> Option<&'static str> {
    let own = OVERRIDES.iter().find(|(known, _)| extension.eq_ignore_ascii_case(known)).map(|(_, essence)| *essence);
    own.or_else(|| mime_guess::from_ext(extension).first_raw())
}

/// The Content-Type of a file that begins with these bytes, if it is audio, video or a picture.
/// What can have a script in it must have a name that says so.
pub fn by_content(first: &[u8]) -> Option<&'static str> {
    let container = Container::of(first)?;
    let has_video = match container {
        Container::Mp4 => !matches!(first.get(8..12), Some(b"M4A " | b"M4B ")),
        Container::Ogg => memmem::find(first, b"\x80theora").is_some(),
        _ => true,
    };
    let content_type = container.content_type(has_video);
    let is_media = ["audio/", "image/", "video/"].iter().any(|kind| content_type.starts_with(kind));
    (is_media && container != Container::Svg).then_some(content_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_media_and_pictures_are_known_by_their_content() {
        for (first, content_type) in [
            (&b"\0\0\0\x18ftypisom\0\0\0\0"[..], Some("video/mp4")),
            (b"\0\0\0\x18ftypM4A \0\0\0\0", Some("audio/mp4")),
            (b"OggS\0\x02\0\0 \x80theora", Some("video/ogg")),
            (b"OggS\0\x02\0\0 OpusHead", Some("audio/ogg")),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", Some("image/jpeg")),
            (b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script/></svg>", None),
            (b"<!doctype html><script>alert(1)</script>", None),
            (b"PK\x03\x04", None),
            (b"text", None),
            (b"", None),
        ] {
            assert_eq!(by_content(first), content_type, "{}", first.escape_ascii());
        }
    }

    #[test]
    fn names_tell_the_type() {
        for (name, content_type) in [
            ("a.mp4", "video/mp4"),
            ("a.m4v", "video/x-m4v"),
            ("a.webm", "video/webm"),
            ("a.mkv", "video/x-matroska"),
            ("a.mov", "video/quicktime"),
            ("a.avi", "video/x-msvideo"),
            ("a.ts", "video/mp2t"),
            ("a.m2ts", "video/mp2t"),
            ("a.m3u8", "application/vnd.apple.mpegurl"),
            ("a.mpd", "application/dash+xml"),
            ("a.m4s", "video/iso.segment"),
            ("a.mp3", "audio/mpeg"),
            ("a.m4a", "audio/mp4"),
            ("a.m4b", "audio/mp4"),
            ("a.mka", "audio/x-matroska"),
            ("a.weba", "audio/webm"),
            ("a.oga", "audio/ogg"),
            ("a.ogg", "audio/ogg"),
            ("a.ogv", "video/ogg"),
            ("a.3gp", "video/3gpp"),
            ("a.flv", "video/x-flv"),
            ("a.avif", "image/avif"),
            ("a.heic", "image/heic"),
            ("a.jxl", "image/jxl"),
            ("a.opus", "audio/ogg"),
            ("a.flac", "audio/flac"),
            ("a.wav", "audio/wav"),
            ("a.jpg", "image/jpeg"),
            ("a.png", "image/png"),
            ("a.svg", "image/svg+xml"),
            ("a.vtt", "text/vtt; charset=utf-8"),
            ("a.ass", "text/x-ssa; charset=utf-8"),
            ("a.txt", "text/plain; charset=utf-8"),
            ("a.html", "text/html; charset=utf-8"),
            ("a.css", "text/css; charset=utf-8"),
            ("a.js", "text/javascript; charset=utf-8"),
            ("a.json", "application/json"),
            ("A.MP4", "video/mp4"),
            ("A.TS", "video/mp2t"),
            ("dir.mp4/film", UNKNOWN),
            ("film", UNKNOWN),
            ("a.tar.webm", "video/webm"),
            ("a.", UNKNOWN),
            ("a.\u{e9}", UNKNOWN),
            (".mp4", UNKNOWN),
        ] {
            assert_eq!(of(name.as_bytes()), content_type, "{name}");
        }
    }
}
