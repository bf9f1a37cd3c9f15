//! Views of a film: its bytes with a few changed, moved or hidden.

use std::io;
use std::ops::Range;

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

const NO_MP4: NoView = NoView::Refused("It is sent as it is: it is no MP4.");
const IN_FRONT: NoView = NoView::Refused("It is sent as it is: its index lies in front.");
const NO_TRACK: NoView = NoView::Refused("The film has fewer audio tracks.");

/// The pieces of a view, in order.
pub fn pieces(source: &mut dyn Source, changes: &Changes) -> Result<Vec<Piece>, NoView> {
    let size = source.size();
    let moov = find(source, 0..size, b"moov")?.ok_or(NO_MP4)?;
    let changed = match changes.audio {
        Some(wanted) => choose(source, moov.clone(), wanted)?,
        None => Vec::new(),
    };
    let mut pieces = Vec::new();
    if !changes.faststart {
        let mut start = 0;
        for (place, bytes) in changed {
            let end = place + bytes.len() as u64;
            pieces.extend([Piece::File(start..place), Piece::from(bytes)]);
            start = end;
        }
        pieces.push(Piece::File(start..size));
        return Ok(pieces);
    }
    let media = find(source, 0..size, b"mdat")?.filter(|media| media.start < moov.start).ok_or(IN_FRONT)?;
    let (index, media) = (moov.start - 8..moov.end, media.start - 8);
    let mut bytes = vec![0; (index.end - index.start) as usize];
    source.read_at(&mut bytes, index.start).map_err(NoView::Source)?;
    for (place, change) in changed {
        let place = (place - index.start) as usize;
        bytes[place..place + change.len()].copy_from_slice(&change);
    }
    for at in (4..bytes.len() - 12).filter(|&at| bytes[at..].starts_with(b"stco")).collect::<Vec<_>>() {
        let number = |bytes: &[u8], at: usize| u32::from_be_bytes([0, 1, 2, 3].map(|place| bytes[at + place]));
        for entry in 0..number(&bytes, at + 8) as usize {
            let place = at + 12 + 4 * entry;
            let moved = number(&bytes, place) + bytes.len() as u32;
            bytes[place..place + 4].copy_from_slice(&moved.to_be_bytes());
        }
    }
    pieces.extend([Piece::File(0..media), Piece::from(bytes), Piece::File(media..index.start)]);
    pieces.push(Piece::File(index.end..size));
    Ok(pieces)
}

/// What bytes at which positions choose an audio track.
fn choose(source: &mut dyn Source, moov: Range<u64>, wanted: usize) -> Result<Vec<(u64, Vec<u8>)>, NoView> {
    let (mut changed, mut number, mut at) = (Vec::new(), 0, moov.start);
    while let Some(track) = find(source, at..moov.end, b"trak")? {
        at = track.end;
        let media = find(source, track.clone(), b"mdia")?.unwrap_or(0..0);
        let handler = find(source, media, b"hdlr")?.unwrap_or(0..0);
        if &bytes::<4>(source, handler.start + 8)? != b"soun" {
            continue;
        }
        number += 1;
        changed.push(match find(source, track.clone(), b"tkhd")? {
            Some(header) if number == wanted => (header.start + 3, vec![3]),
            _ => (track.start - 4, b"free".to_vec()),
        });
    }
    if wanted <= number { Ok(changed) } else { Err(NO_TRACK) }
}

/// The content of the first box of this kind.
fn find(source: &mut dyn Source, within: Range<u64>, kind: &[u8; 4]) -> Result<Option<Range<u64>>, NoView> {
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
