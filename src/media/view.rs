//! A file with a few bytes changed on the way out: another audio track, or the index in front.

use std::ops::Range;

use super::edit::Edit;
pub use super::edit::NoView;
use super::mp4::faststart::{self, Move};
use super::mp4::layout::{is_mp4, layout, read_index};
use super::source::{ReadError, Reader, Source};
use super::{matroska, mp4};
use crate::piece::Piece;

/// Changes whenever a view of the same file gets other bytes, so that no cache mixes the two.
pub const VERSION: u32 = 1;

/// What is changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Changes {
    /// The audio track that stays, counted from 1 in the order of the file.
    pub audio: Option<usize>,
    /// Moves the index of an MP4 in front of its media data.
    pub faststart: bool,
}

/// The view of a file with these changes. It is as long as the file, or longer if the index is
/// moved and its positions need 64 bits there. What needs no change is the file itself.
pub fn pieces(source: &mut dyn Source, changes: &Changes) -> Result<Vec<Piece>, NoView> {
    let size = source.size();
    let first = match Reader::new(source).array(0) {
        Err(ReadError::Ended) => [0; 8],
        first => first?,
    };
    if is_mp4(&first) && *changes != Changes::default() {
        return mp4_pieces(source, changes);
    }
    let edits = match changes.audio {
        None => Vec::new(),
        Some(wanted) if matroska::is_matroska(&first) => matroska::audio_track::edits(source, wanted)?,
        Some(_) => return Err(NoView::Refused("Audio tracks of this kind of file cannot be chosen.")),
    };
    Ok(edited(0..size, edits))
}

fn mp4_pieces(source: &mut dyn Source, changes: &Changes) -> Result<Vec<Piece>, NoView> {
    let size = source.size();
    let layout = layout(source, changes.faststart)?;
    if changes.audio.is_none() && layout.front.is_none() {
        return Ok(edited(0..size, Vec::new()));
    }
    let from = layout.moov;
    let mut moov = read_index(source, &from)?;
    let edits = match changes.audio {
        Some(wanted) => mp4::audio_track::edits(&moov, from.start, wanted)?,
        None => Vec::new(),
    };
    let Some(to) = layout.front else { return Ok(edited(0..size, edits)) };
    for Edit { position, bytes } in edits {
        let start = (position - from.start) as usize;
        moov[start..start + bytes.len()].copy_from_slice(&bytes);
    }
    let index = faststart::moved(&moov, Move { from: from.clone(), to })?;
    let pieces = [Piece::File(0..to), Piece::from(index), Piece::File(to..from.start), Piece::File(from.end..size)];
    Ok(pieces.into_iter().filter(|piece| piece.length() > 0).collect())
}

/// The bytes of this range of a file with edits, which are in order and apart.
fn edited(range: Range<u64>, edits: Vec<Edit>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut position = range.start;
    for edit in edits {
        pieces.push(Piece::File(position..edit.position));
        position = edit.position + edit.bytes.len() as u64;
        pieces.push(Piece::from(edit.bytes));
    }
    pieces.push(Piece::File(position..range.end));
    pieces.retain(|piece| piece.length() > 0);
    pieces
}

#[cfg(test)]
mod tests;
