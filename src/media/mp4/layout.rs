//! Where the index of an MP4 or QuickTime file lies among its top-level boxes (ISO/IEC 14496-12,
//! 6.2 and Table 1).

use std::ops::Range;

use super::nested::{Boxes, has_item_locations};
use crate::limits::VIEW_INDEX_MAX;
use crate::media::edit::{NoView, read};
use crate::media::source::{ReadError, Reader, Source};

/// Where the index lies, and where players want it.
#[derive(Debug)]
pub struct Layout {
    /// The `moov` box, from its header.
    pub moov: Range<u64>,
    /// Where it belongs if it lies behind media data: behind `ftyp`.
    pub front: Option<u64>,
}

/// Kinds of box with which an MP4 or QuickTime file begins.
const FIRST: [&[u8; 4]; 10] =
    [b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"uuid", b"styp", b"meta"];

/// Whether the first bytes of a file are those of an MP4 or QuickTime file.
pub fn is_mp4(first: &[u8; 8]) -> bool {
    FIRST.iter().any(|kind| first.ends_with(*kind))
}

/// Finds the index. If it is to be moved and lies behind media data, checks that no other box has
/// positions that would be wrong then.
pub fn layout(source: &mut dyn Source, is_to_be_moved: bool) -> Result<Layout, NoView> {
    let size = source.size();
    let (mut moov, mut meta) = (None, None);
    let (mut front, mut has_media, mut is_fragmented) = (0, false, false);
    let mut reader = Reader::new(source);
    let mut position = 0;
    while position < size {
        let Some((kind, end)) = top_level_box(&mut reader, position)? else { break };
        match &kind {
            b"moov" if moov.is_some() => return Err(NoView::Refused("The film has more than one index.")),
            b"moov" if end > size => return Err(ReadError::Ended.into()),
            b"moov" if !has_media => return Ok(Layout { moov: position..end, front: None }),
            b"moov" => moov = Some(position..end),
            b"mdat" => has_media = true,
            b"ftyp" if !has_media => front = end,
            b"moof" | b"sidx" | b"mfra" => is_fragmented = true,
            b"meta" if meta.is_some() => return Err(NoView::Refused("The film has more than one box of metadata.")),
            b"meta" => meta = Some(position..end.min(size)),
            _ => {}
        }
        if moov.is_some() && !is_to_be_moved {
            break;
        }
        position = end;
    }
    let moov = moov.ok_or(NoView::Refused("The film has no index (moov)."))?;
    if !is_to_be_moved {
        return Ok(Layout { moov, front: None });
    }
    if is_fragmented {
        return Err(NoView::Refused("The film is made of fragments, whose index cannot be moved."));
    }
    if let Some(meta) = meta {
        let length = usize::try_from(meta.end - meta.start).ok().filter(|length| *length <= VIEW_INDEX_MAX);
        let length = length.ok_or(NoView::Refused("The metadata of the film is too large to be checked."))?;
        let bytes = read(source, meta.start, length)?;
        if Boxes::new(&bytes, 0..length).flatten().any(|meta| has_item_locations(&bytes, &meta)) {
            return Err(NoView::Refused("The metadata of the film holds positions that cannot be moved."));
        }
    }
    Ok(Layout { moov, front: Some(front) })
}

/// The kind and the end of the box at this position, which may lie beyond the end of the file; None
/// if there is no box.
fn top_level_box(reader: &mut Reader, position: u64) -> Result<Option<([u8; 4], u64)>, NoView> {
    let (length, kind) = match (reader.array(position), reader.array(position.saturating_add(4))) {
        (Ok(length), Ok(kind)) => (u32::from_be_bytes(length), kind),
        (Err(ReadError::Ended), _) | (_, Err(ReadError::Ended)) => return Ok(None),
        (Err(error), _) | (_, Err(error)) => return Err(error.into()),
    };
    let (header, length) = match length {
        // To the end of the file (4.2.2).
        0 => (8, reader.size() - position),
        1 => match reader.array(position.saturating_add(8)) {
            Ok(length) => (16, u64::from_be_bytes(length)),
            Err(ReadError::Ended) => return Ok(None),
            Err(error) => return Err(error.into()),
        },
        length => (8, u64::from(length)),
    };
    Ok(position.checked_add(length).filter(|_| length >= header).map(|end| (kind, end)))
}

/// The bytes of the index.
pub fn read_index(source: &mut dyn Source, moov: &Range<u64>) -> Result<Vec<u8>, NoView> {
    let length = usize::try_from(moov.end - moov.start).ok().filter(|length| *length <= VIEW_INDEX_MAX);
    read(source, moov.start, length.ok_or(NoView::Refused("The index of the film is larger than 16 MiB."))?)
}
