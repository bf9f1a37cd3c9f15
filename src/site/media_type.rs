//! The media type of a file, from its name (RFC 9110 section 8.3).

use std::borrow::Cow;

/// Types that players need and that mime_guess lacks or has wrong, by lower-case extension.
const OVERRIDES: [(&str, &str); 8] = [
    ("ts", "video/mp2t"),
    ("m2ts", "video/mp2t"),
    ("m3u8", "application/vnd.apple.mpegurl"),
    ("m4s", "video/iso.segment"),
    ("m4a", "audio/mp4"),
    ("opus", "audio/ogg"),
    ("vtt", "text/vtt"),
    ("ass", "text/x-ssa"),
];

const UNKNOWN: &str = "application/octet-stream";

/// The Content-Type of a file with this path.
pub fn of(relative: &[u8]) -> Cow<'static, str> {
    let name = relative.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let essence = match name.rsplitn(2, |&byte| byte == b'.').collect::<Vec<_>>()[..] {
        [extension, stem] if !stem.is_empty() => by_extension(&String::from_utf8_lossy(extension)),
        _ => UNKNOWN,
    };
    if essence.starts_with("text/") { format!("{essence}; charset=utf-8").into() } else { essence.into() }
}

fn by_extension(extension: &str) -> &'static str {
    let own = OVERRIDES.iter().find(|(known, _)| extension.eq_ignore_ascii_case(known)).map(|(_, essence)| *essence);
    own.or_else(|| mime_guess::from_ext(extension).first_raw()).unwrap_or(UNKNOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

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
            ("a.ogg", "audio/ogg"),
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
