//! The size of a picture, from its header, and pictures within other files.

use std::ops::Range;

use super::description::{Container, Cover, Description, Dimensions, Fault};
use super::source::{ReadError, Reader};

/// Bytes at the front of a picture in which its size is looked for. A JPEG has it behind its EXIF
/// data, which take up to 64 KiB.
const HEADER: usize = 80 * 1024;

pub(super) fn describe(reader: &mut Reader, out: &mut Description) -> Result<(), ReadError> {
    let header = reader.first(HEADER)?;
    match imagesize::blob_size(&header) {
        Ok(size) => out.dimensions = dimensions(size.width, size.height),
        // Its size may lie behind: nothing says that the file is wrong.
        Err(_) if header.len() == HEADER => {}
        Err(_) => out.faults.push(Fault::Malformed("It has no picture size in its header.")),
    }
    Ok(())
}

/// The picture that lies there, if it does, and is one that browsers show.
pub(super) fn cover(reader: &mut Reader, bytes: Range<u64>) -> Result<Option<Cover>, ReadError> {
    if bytes.end > reader.size() || bytes.end.saturating_sub(bytes.start) < 16 {
        return Ok(None);
    }
    let container = Container::of(&reader.array::<16>(bytes.start)?);
    let is_shown = matches!(container, Some(Container::Jpeg | Container::Png | Container::Gif | Container::WebP));
    let content_type = container.filter(|_| is_shown).map(|container| container.content_type(false));
    Ok(content_type.map(|content_type| Cover { bytes, content_type }))
}

fn dimensions(width: usize, height: usize) -> Option<Dimensions> {
    Some(Dimensions { width: u32::try_from(width).ok()?, height: u32::try_from(height).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(bytes: &[u8]) -> Description {
        let mut source = bytes;
        let mut out = Description::default();
        describe(&mut Reader::new(&mut source), &mut out).expect("memory does not fail");
        out
    }

    #[test]
    fn a_picture_has_the_size_of_its_header() {
        let jpeg = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xc0\0\x11\x08\0\x03\0\x05\x03\x01\x22\0\x02\x11\x01\x03\x11\x01";
        for header in [
            jpeg.as_slice(),
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x05\0\0\0\x03\x08\x02\0\0\0",
            b"GIF89a\x05\0\x03\0\0\0\0",
            b"RIFF\x1a\0\0\0WEBPVP8 \x0e\0\0\0\x10\0\0\x9d\x01\x2a\x05\0\x03\0\0\0",
            b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x05\0\0\0\x03\0\0\0\x01\0\x18\0",
        ] {
            let whole = described(header);
            assert_eq!(whole.dimensions, Some(Dimensions { width: 5, height: 3 }), "{}", header.escape_ascii());
            assert_eq!(whole.faults, []);
            for length in 0..header.len() {
                let cut = described(&header[..length]);
                assert!(cut.dimensions.is_some() || !cut.faults.is_empty(), "{length}");
            }
        }
    }
}
