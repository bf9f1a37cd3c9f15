//! Views of a film: its bytes with a few changed, moved or hidden.

use std::io;

use super::source::Source;
use crate::piece::Piece;

/// What a view changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Changes {
    /// The audio track that players hear, counted from 1.
    pub audio: Option<usize>,
    /// Whether the index of the film lies in front of its media data.
    pub faststart: bool,
}

/// Why there is no such view.
#[derive(Debug)]
pub enum NoView {
    /// The source failed, or would block.
    Source(io::Error),
    /// In a sentence for people.
    Refused(&'static str),
}

/// Another number than before where a view of the same file has other bytes than before.
pub const VERSION: u32 = 1;

/// The pieces of a view, in order.
pub fn pieces(source: &mut dyn Source, changes: &Changes) -> Result<Vec<Piece>, NoView> {
    let Some(wanted) = changes.audio.filter(|_| !changes.faststart) else {
        return Err(NoView::Refused("It is sent as it is."));
    };
    let size = source.size();
    let moov = find(source, 0..size, b"moov")?.ok_or(NoView::Refused("It is no MP4."))?;
    let (mut pieces, mut start, mut number, mut at) = (Vec::new(), 0, 0, moov.start);
    while let Some(track) = find(source, at..moov.end, b"trak")? {
        at = track.end;
        let media = find(source, track.clone(), b"mdia")?.unwrap_or(0..0);
        let handler = find(source, media, b"hdlr")?.unwrap_or(0..0);
        if &bytes::<4>(source, handler.start + 8)? != b"soun" {
            continue;
        }
        number += 1;
        let (place, change) = match find(source, track.clone(), b"tkhd")? {
            Some(header) if number == wanted => (header.start + 3, vec![3]),
            _ => (track.start - 4, b"free".to_vec()),
        };
        let end = place + change.len() as u64;
        pieces.extend([Piece::File(start..place), Piece::from(change)]);
        start = end;
    }
    pieces.push(Piece::File(start..size));
    if wanted <= number { Ok(pieces) } else { Err(NoView::Refused("The film has fewer audio tracks.")) }
}

/// The content of the first box of this kind.
fn find(
    source: &mut dyn Source,
    within: std::ops::Range<u64>,
    kind: &[u8; 4],
) -> Result<Option<std::ops::Range<u64>>, NoView> {
    let mut start = within.start;
    while start + 8 <= within.end {
        let header = bytes::<8>(source, start)?;
        let size = u32::from_be_bytes([header[0], header[1], header[2], header[3]]).max(8);
        let end = start + u64::from(size);
        if &header[4..] == kind {
            return Ok(Some(start + 8..end.min(within.end)));
        }
        start = end;
    }
    Ok(None)
}

fn bytes<const N: usize>(source: &mut dyn Source, position: u64) -> Result<[u8; N], NoView> {
    let mut bytes = [0; N];
    source.read_at(&mut bytes, position).map_err(NoView::Source)?;
    Ok(bytes)
}
