//! Where the index of an MP4 or QuickTime file lies among its top-level boxes (ISO/IEC 14496-12,
//! 6.2 and Table 1).

use std::ops::Range;

use super::boxes::{BoxError, Boxes, Header};
use super::metadata::has_item_locations;
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
    let mut reader = Reader::new(source);
    let mut rest = 0..reader.size();
    let mut boxes = Boxes::new(&mut reader);
    let mut index: Option<Header> = None;
    let (mut front, mut has_media, mut is_fragmented, mut has_positions) = (0, false, false, false);
    loop {
        let found = match boxes.next_of_file(&mut rest) {
            Ok(Some(found)) => found,
            Ok(None) | Err(BoxError::Malformed(_)) => break,
            Err(error) => return Err(error.into()),
        };
        match &found.kind {
            b"moov" if index.is_some() => return Err(NoView::Refused("The film has more than one index.")),
            b"moov" if found.missing > 0 => return Err(ReadError::Ended.into()),
            b"moov" if !has_media => return Ok(Layout { moov: found.range(), front: None }),
            b"moov" => index = Some(found),
            b"mdat" => has_media = true,
            b"ftyp" if !has_media => front = found.content.end,
            b"moof" | b"sidx" | b"mfra" => is_fragmented = true,
            b"meta" => has_positions |= has_item_locations(&found, &mut boxes)?,
            _ => {}
        }
        if index.is_some() && !is_to_be_moved {
            break;
        }
    }
    let moov = index.ok_or(NoView::Refused("The film has no index (moov)."))?.range();
    match (is_to_be_moved, is_fragmented, has_positions) {
        (false, ..) => Ok(Layout { moov, front: None }),
        (_, true, _) => Err(NoView::Refused("The film is made of fragments, whose index cannot be moved.")),
        (_, _, true) => Err(NoView::Refused("The metadata of the film holds positions that cannot be moved.")),
        _ => Ok(Layout { moov, front: Some(front) }),
    }
}

impl From<BoxError> for NoView {
    fn from(error: BoxError) -> Self {
        match error {
            BoxError::Read(error) => error.into(),
            BoxError::Malformed(reason) => NoView::Refused(reason),
            BoxError::TooMany => ReadError::TooMuch.into(),
        }
    }
}

/// The bytes of the index.
pub fn read_index(source: &mut dyn Source, moov: &Range<u64>) -> Result<Vec<u8>, NoView> {
    let length = usize::try_from(moov.end - moov.start).ok().filter(|length| *length <= VIEW_INDEX_MAX);
    read(source, moov.start, length.ok_or(NoView::Refused("The index of the film is larger than 16 MiB."))?)
}
