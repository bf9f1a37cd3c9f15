//! The format of a file, from its first bytes.

use super::description::Container;

impl Container {
    /// The format of a file that begins with these bytes.
    pub fn of(first: &[u8]) -> Option<Container> {
        match first {
            [_, _, _, _, b'f', b't', b'y', b'p', b'q', b't', b' ', b' ', ..] => Some(Container::QuickTime),
            [_, _, _, _, b'f', b't', b'y', b'p', ..] => Some(Container::Mp4),
            [0x1a, 0x45, 0xdf, 0xa3, ..] => Some(Container::Matroska),
            [b'O', b'g', b'g', b'S', ..] => Some(Container::Ogg),
            [0xff, 0xd8, 0xff, ..] => Some(Container::Jpeg),
            [b'<', b's', b'v', b'g', ..] => Some(Container::Svg),
            [b'P', b'K', 3, 4, ..] => Some(Container::Zip),
            _ => None,
        }
    }
}
