//! The characters of a text file that does not say how it is encoded.

use std::borrow::Cow;

/// 0x80 to 0x9f in Windows-1252. The five bytes that mean nothing there stay control characters
/// (WHATWG Encoding, index windows-1252); every other byte is its own code point.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', //
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// Reads UTF-8 and UTF-16 by their byte order mark, UTF-8 without one, and anything else as
/// Windows-1252, in which every byte is a character. Where a byte order mark is wrong about the
/// rest, U+FFFD stands for what cannot be read.
pub fn decode(file: &[u8]) -> Cow<'_, str> {
    match file {
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes).into(),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes).into(),
        _ => match str::from_utf8(file) {
            Ok(text) => text.into(),
            Err(_) => file.iter().map(|&byte| windows_1252(byte)).collect::<String>().into(),
        },
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let (units, _) = bytes.as_chunks();
    let characters = char::decode_utf16(units.iter().map(|&bytes| unit(bytes)));
    characters.map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

fn windows_1252(byte: u8) -> char {
    match byte {
        0x80..=0x9f => WINDOWS_1252[usize::from(byte - 0x80)],
        _ => byte.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn the_byte_order_mark_or_the_bytes_decide_the_encoding() {
        for (file, text) in [
            (&b""[..], ""),
            (b"plain", "plain"),
            ("Größe €".as_bytes(), "Größe €"),
            (b"\xef\xbb\xbfGr\xc3\xb6\xc3\x9fe", "Größe"),
            (b"\xef\xbb\xbfGr\xf6\xdfe", "Gr\u{fffd}\u{fffd}e"),
            (b"\xff\xfeG\0r\0\xf6\0\x3d\xd8\x00\xde", "Grö😀"),
            (b"\xfe\xff\0G\0r\0\xf6\xd8\x3d\xde\x00", "Grö😀"),
            (b"\xff\xfe\x3d\xd8G\0!", "\u{fffd}G"),
            (b"Gr\xf6\xdfe \x80 \x93x\x94 \x9f \xff", "Größe € “x” Ÿ ÿ"),
            (b"\xe9\x81", "é\u{81}"),
        ] {
            assert_eq!(decode(file), text, "{file:?}");
        }
    }
}
