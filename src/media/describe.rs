//! Describes a file by its bytes, whatever its name says.

use std::io;

use super::description::{Container, Description, Fault};
use super::source::{ReadError, Reader, Source};
use super::{avi, matroska, mp4, picture, tags};

/// Bytes at the front of a file that tell its format.
const FIRST: usize = 16 * 1024;

/// What a file is. What is wrong with it is part of the description; fails only if the source does.
pub fn describe(source: &mut dyn Source) -> io::Result<Description> {
    let mut reader = Reader::new(source);
    let mut description = Description::default();
    if reader.size() == 0 {
        description.faults.push(Fault::Empty);
        return Ok(description);
    }
    match understand(&mut reader, &mut description) {
        Ok(()) => {}
        Err(ReadError::Source(error)) => return Err(error),
        Err(ReadError::Ended) => {
            let is_told = description.faults.iter().any(|fault| matches!(fault, Fault::Truncated { .. }));
            if !is_told {
                description.faults.push(Fault::Truncated { missing: 1 });
            }
        }
        Err(ReadError::TooMuch) => {
            description.faults.push(Fault::Malformed("What it says of itself is longer than in any media file."));
        }
    }
    Ok(description)
}

fn understand(reader: &mut Reader, out: &mut Description) -> Result<(), ReadError> {
    let first = reader.first(FIRST)?;
    out.container = Container::of(&first);
    match out.container {
        Some(
            Container::Jpeg
            | Container::Png
            | Container::Gif
            | Container::WebP
            | Container::Avif
            | Container::Heic
            | Container::Bmp
            | Container::Tiff,
        ) => picture::describe(reader, out),
        Some(Container::Mp4 | Container::QuickTime) => mp4::describe(reader, out),
        Some(Container::Matroska | Container::WebM) => matroska::describe(reader, out),
        Some(Container::Avi) => avi::describe(reader, out),
        Some(Container::Mp3 | Container::Aac | Container::Flac | Container::Ogg | Container::Wav) => {
            tags::describe(reader, &first, out)
        }
        // MPEG-TS, MPEG-PS, FLV and ASF: their headers tell little, and browsers play none of them.
        _ => Ok(()),
    }
}
