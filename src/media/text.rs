//! Texts of media files: titles, names of tracks, of chapters.

use crate::limits::MEDIA_TEXT_MAX;

/// Bytes that hold [`MEDIA_TEXT_MAX`] characters in any encoding.
pub const BYTES_MAX: usize = 4 * MEDIA_TEXT_MAX;

/// A text without control characters and white space around it, and not longer than
/// [`MEDIA_TEXT_MAX`] characters; None if nothing is left.
pub fn clean(text: &str) -> Option<String> {
    let text: String = text.trim().chars().filter(|letter| !letter.is_control()).take(MEDIA_TEXT_MAX).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_string())
}

/// The same of UTF-8 up to a NUL, or of UTF-16 that begins with a byte order mark.
pub fn decode(bytes: &[u8]) -> Option<String> {
    let utf16 = |bytes: &[u8], number: fn([u8; 2]) -> u16| {
        let units = bytes.as_chunks::<2>().0.iter().map(|unit| number(*unit)).take_while(|unit| *unit != 0);
        clean(
            &char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>(),
        )
    };
    match bytes {
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        _ => clean(&String::from_utf8_lossy(bytes.split(|byte| *byte == 0).next().unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_short_and_printable() {
        for (bytes, text) in [
            (&b"Night"[..], Some("Night")),
            (b"  a\r\n\x1b[1m b\0rest", Some("a[1m b")),
            ("Grüße \u{85}".as_bytes(), Some("Grüße")),
            (b"a\xffb", Some("a\u{fffd}b")),
            (b"\xfe\xff\0N\x01\x07", Some("Nć")),
            (b"\xff\xfeN\0\0\0x\0", Some("N")),
            (b"\xfe\xff\xd8\0", Some("\u{fffd}")),
            (b"\xfe\xff", None),
            (b" \x01 \t", None),
            (b"", None),
        ] {
            assert_eq!(decode(bytes).as_deref(), text, "{bytes:?}");
        }
        let long = "é".repeat(MEDIA_TEXT_MAX + 1);
        assert_eq!(clean(&long).map(|text| text.chars().count()), Some(MEDIA_TEXT_MAX));
    }
}
