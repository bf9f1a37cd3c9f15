//! Where the cover of an audio file lies.

use std::ops::Range;

use crate::limits::TAG_FRAMES_MAX;
use crate::media::description::Cover;
use crate::media::picture;
use crate::media::signature::id3_length;
use crate::media::source::{ReadError, Reader};

/// What both ID3v2 and FLAC call a front cover.
const FRONT: u32 = 3;

/// Bytes in front of a picture, its description among them, that are read to find it.
const PICTURE_HEADER_MAX: usize = 1024;

/// The front cover among the frames of an ID3v2 tag, or else the first picture. A tag or frame that
/// is compressed, encrypted or unsynchronised has none: its bytes are not those of the picture.
pub fn in_id3(reader: &mut Reader) -> Result<Option<Cover>, ReadError> {
    let header = reader.first(10)?;
    let Some(length) = id3_length(&header) else { return Ok(None) };
    let (version, flags) = (header[3], header[5]);
    if flags & 0x80 != 0 || !(2..=4).contains(&version) || (version == 2 && flags & 0x40 != 0) {
        return Ok(None);
    }
    let mut rest = 10..(length as u64).min(reader.size());
    if flags & 0x40 != 0 {
        let size = reader.array(10)?;
        // Of ID3v2.3 without its own four bytes.
        rest.start += if version == 4 { synchsafe(size) } else { 4 + u64::from(u32::from_be_bytes(size)) };
    }
    let mut found = None;
    for _ in 0..TAG_FRAMES_MAX {
        let Some((is_picture, content)) = frame(reader, version, &mut rest)? else { break };
        if is_picture && let Some((kind, cover)) = id3_picture(reader, version, content)? {
            if kind == FRONT {
                return Ok(Some(cover));
            }
            found.get_or_insert(cover);
        }
    }
    Ok(found)
}

fn synchsafe(size: [u8; 4]) -> u64 {
    size.iter().fold(0, |size, byte| size << 7 | u64::from(byte & 0x7f))
}

/// The frame at the start of `rest`, which shrinks to what follows it: whether it is a picture that
/// can be read, and its content. None at the end or in the padding.
fn frame(reader: &mut Reader, version: u8, rest: &mut Range<u64>) -> Result<Option<(bool, Range<u64>)>, ReadError> {
    let header_length = if version == 2 { 6 } else { 10 };
    if rest.end.saturating_sub(rest.start) <= header_length {
        return Ok(None);
    }
    let (size, is_picture, extra) = if version == 2 {
        let [a, b, c, size @ ..] = reader.array::<6>(rest.start)?;
        (size.iter().fold(0, |size, byte| size << 8 | u64::from(*byte)), [a, b, c] == *b"PIC", 0)
    } else {
        let [a, b, c, d, e, f, g, h, _, flags] = reader.array::<10>(rest.start)?;
        let size = [e, f, g, h];
        // iTunes writes sizes of ID3v2.4 as those of ID3v2.3.
        let is_synchsafe = version == 4 && size.iter().all(|byte| *byte < 0x80);
        let size = if is_synchsafe { synchsafe(size) } else { u32::from_be_bytes(size).into() };
        // A frame of ID3v2.4 may have its length again in front.
        let extra = if version == 4 && flags & 0x4f == 1 { 4 } else { 0 };
        let is_plain = if version == 4 { flags & 0x4e == 0 } else { flags & 0xe0 == 0 };
        (size, [a, b, c, d] == *b"APIC" && is_plain, extra)
    };
    let start = rest.start + header_length;
    let end = start + size;
    if size == 0 || end > rest.end {
        return Ok(None);
    }
    rest.start = end;
    Ok(Some((is_picture, (start + extra).min(end)..end)))
}

/// The kind and the place of the picture in an APIC frame (ID3v2.4 frames, section 4.14) or a PIC
/// frame (ID3v2.2 section 4.15).
fn id3_picture(reader: &mut Reader, version: u8, content: Range<u64>) -> Result<Option<(u32, Cover)>, ReadError> {
    let mut header = vec![0; PICTURE_HEADER_MAX.min((content.end - content.start) as usize)];
    reader.read_exact(&mut header, content.start)?;
    let place = || {
        let encoding = *header.first()?;
        let kind = 1 + match version {
            2 => 3,
            _ => 1 + header[1..].iter().position(|byte| *byte == 0)?,
        };
        let description = header.get(kind + 1..)?;
        let length = match encoding {
            // UTF-16 ends with two zeros.
            1 | 2 => 2 + 2 * description.chunks_exact(2).position(|unit| unit == [0, 0])?,
            _ => 1 + description.iter().position(|byte| *byte == 0)?,
        };
        Some((header[kind], kind + 1 + length))
    };
    let Some((kind, start)) = place() else { return Ok(None) };
    let cover = picture::cover(reader, content.start + start as u64..content.end)?;
    Ok(cover.map(|cover| (kind.into(), cover)))
}

/// The front cover among the metadata blocks of a FLAC file, or else the first picture (RFC 9639
/// section 8).
pub fn in_flac(reader: &mut Reader, first: &[u8]) -> Result<Option<Cover>, ReadError> {
    let mut position = 4 + id3_length(first).unwrap_or(0) as u64;
    let mut found = None;
    for _ in 0..TAG_FRAMES_MAX {
        // A file that is cut off here has the covers before.
        if position.saturating_add(4) > reader.size() {
            break;
        }
        let [kind, size @ ..] = reader.array::<4>(position)?;
        let start = position + 4;
        position = start + size.iter().fold(0, |size, byte| size << 8 | u64::from(*byte));
        if kind & 0x7f == 6
            && position <= reader.size()
            && let Some((kind, cover)) = flac_picture(reader, start..position)?
        {
            if kind == FRONT {
                return Ok(Some(cover));
            }
            found.get_or_insert(cover);
        }
        if kind & 0x80 != 0 {
            break;
        }
    }
    Ok(found)
}

/// The kind and the place of the picture in a PICTURE block (section 8.8).
fn flac_picture(reader: &mut Reader, block: Range<u64>) -> Result<Option<(u32, Cover)>, ReadError> {
    let mut at = block.start;
    let mut number = |skipped: u64| {
        at += skipped;
        let number = if at + 4 <= block.end { u32::from_be_bytes(reader.array(at)?) } else { 0 };
        at += 4;
        Ok::<_, ReadError>(number)
    };
    let kind = number(0)?;
    let media_type = number(0)?;
    let description = number(media_type.into())?;
    // Width, height, bits and colours come between.
    let length = number(u64::from(description) + 16)?;
    let bytes = at..at + u64::from(length);
    if bytes.end > block.end {
        return Ok(None);
    }
    Ok(picture::cover(reader, bytes)?.map(|cover| (kind, cover)))
}
