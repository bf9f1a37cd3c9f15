//! Titles, names, the cover, and Nero's chapters: user data (udta) and items of iTunes (ilst).

use std::ops::Range;
use std::time::Duration;

use super::boxes::{BoxError, Boxes, Header, tolerate};
use crate::media::description::{Chapter, Cover, Description};
use crate::media::text;

/// Reads the user data of a film.
pub fn user_data(mut rest: Range<u64>, boxes: &mut Boxes, out: &mut Description) -> Result<(), BoxError> {
    while let Some(found) = boxes.next(&mut rest)? {
        let read = match &found.kind {
            b"meta" => items(&found, boxes, out),
            b"chpl" => chapters(&found.content, boxes, out),
            kind => match slot(*kind, out) {
                Some(_) => international(&found.content, boxes).map(|text| keep(*kind, text, out)),
                None => Ok(()),
            },
        };
        tolerate(read, out)?;
    }
    Ok(())
}

/// The name of a track by its user data.
pub fn track_name(mut rest: Range<u64>, boxes: &mut Boxes) -> Result<Option<String>, BoxError> {
    while let Some(found) = boxes.next(&mut rest)? {
        let name = match &found.kind {
            b"name" => text::decode(&boxes.up_to::<{ text::BYTES_MAX }>(&found.content, 0)?),
            b"\xa9nam" => international(&found.content, boxes)?,
            _ => None,
        };
        if name.is_some() {
            return Ok(name);
        }
    }
    Ok(None)
}

/// Content of a metadata box, which has version and flags in MP4 and none in QuickTime.
fn children(found: &Header, boxes: &mut Boxes) -> Result<Range<u64>, BoxError> {
    let Range { start, end } = found.content;
    let begins_with_a_box = boxes.up_to::<8>(&found.content, 0)?.get(4..) == Some(b"hdlr");
    Ok(if begins_with_a_box { start } else { start.saturating_add(4).min(end) }..end)
}

/// Whether items of a metadata box lie at positions of the file (8.11.3). Looks for them in either
/// form of the box, as a position that is overlooked would be wrong in a view.
pub fn has_item_locations(found: &Header, boxes: &mut Boxes) -> Result<bool, BoxError> {
    for skipped in [0, 4] {
        match boxes.find(found.content.start + skipped..found.content.end, b"iloc") {
            Ok(Some(_)) => return Ok(true),
            Ok(None) | Err(BoxError::Malformed(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// Reads the items of a metadata box.
pub fn items(found: &Header, boxes: &mut Boxes, out: &mut Description) -> Result<(), BoxError> {
    let content = children(found, boxes)?;
    let Some(list) = boxes.find(content, b"ilst")? else { return Ok(()) };
    let mut rest = list.content;
    while let Some(Header { kind, content, .. }) = boxes.next(&mut rest)? {
        if (kind != *b"covr" || out.cover.is_some()) && slot(kind, out).is_none() {
            continue;
        }
        let Some(data) = boxes.find(content, b"data")?.filter(|data| data.missing == 0) else { continue };
        if kind == *b"covr" {
            out.cover = cover(data.content.start.saturating_add(8)..data.content.end, boxes)?;
        } else {
            let text = boxes.up_to::<{ text::BYTES_MAX }>(&data.content, 8)?;
            keep(kind, text::decode(&text), out);
        }
    }
    Ok(())
}

/// Where the text of an item goes.
fn slot(kind: [u8; 4], out: &mut Description) -> Option<&mut Option<String>> {
    match &kind {
        b"\xa9nam" => Some(&mut out.title),
        b"\xa9ART" => Some(&mut out.artist),
        b"\xa9alb" => Some(&mut out.album),
        _ => None,
    }
}

fn keep(kind: [u8; 4], text: Option<String>, out: &mut Description) {
    if let Some(slot) = slot(kind, out)
        && let Some(text) = text
    {
        slot.get_or_insert(text);
    }
}

/// A picture by its first bytes: programs write JPEG as PNG and the reverse.
fn cover(bytes: Range<u64>, boxes: &mut Boxes) -> Result<Option<Cover>, BoxError> {
    let content_type = match boxes.up_to::<8>(&bytes, 0)?.as_slice() {
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        b"\x89PNG\r\n\x1a\n" => "image/png",
        _ => return Ok(None),
    };
    Ok(Some(Cover { bytes, content_type }))
}

/// A text of QuickTime: after its length in two bytes and its language in two.
fn international(content: &Range<u64>, boxes: &mut Boxes) -> Result<Option<String>, BoxError> {
    let length = u16::from_be_bytes(boxes.bytes(content, 0)?);
    let bytes = boxes.up_to::<{ text::BYTES_MAX }>(content, 4)?;
    Ok(text::decode(&bytes[..bytes.len().min(length.into())]))
}

/// Chapters as Nero writes them, up to 255, in units of 100 nanoseconds.
fn chapters(content: &Range<u64>, boxes: &mut Boxes, out: &mut Description) -> Result<(), BoxError> {
    let [version] = boxes.bytes(content, 0)?;
    let mut at = if version == 0 { 4 } else { 8 };
    let [count] = boxes.bytes(content, at)?;
    at += 1;
    for number in 1..=count {
        let units = boxes.u64(content, at)?;
        let [length] = boxes.bytes(content, at + 8)?;
        let title = boxes.up_to::<255>(content, at + 9)?;
        let title = text::decode(&title[..title.len().min(length.into())]);
        let start = Duration::new(units / 10_000_000, (units % 10_000_000 * 100) as u32);
        out.chapters.push(Chapter { start, title: title.unwrap_or_else(|| format!("Chapter {number}")) });
        at += 9 + u64::from(length);
    }
    Ok(())
}
