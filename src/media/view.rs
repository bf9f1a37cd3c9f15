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
pub fn pieces(_source: &mut dyn Source, _changes: &Changes) -> Result<Vec<Piece>, NoView> {
    Err(NoView::Refused("There is no such view yet."))
}
