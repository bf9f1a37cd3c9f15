//! Bytes of memory or of a file.

use std::ops::Range;
use std::sync::Arc;

/// Bytes in memory, or a range of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Memory(Arc<Vec<u8>>, Range<usize>),
    File(Range<u64>),
}

impl From<Vec<u8>> for Piece {
    fn from(bytes: Vec<u8>) -> Self {
        let all = 0..bytes.len();
        Piece::Memory(Arc::new(bytes), all)
    }
}

impl Piece {
    /// Length in bytes.
    pub fn length(&self) -> u64 {
        match self {
            Piece::Memory(_, bytes) => bytes.len() as u64,
            Piece::File(bytes) => bytes.end - bytes.start,
        }
    }

    /// Whether these pieces are a file of this size, from its first byte to its last.
    pub fn are_the_file(pieces: &[Self], size: u64) -> bool {
        match pieces {
            [] => size == 0,
            [Piece::File(bytes)] => *bytes == (0..size),
            _ => false,
        }
    }

    /// The part of it at these positions, which must lie in it.
    pub fn part(&self, part: Range<u64>) -> Self {
        match self {
            Piece::Memory(memory, bytes) => {
                let part = bytes.start + part.start as usize..bytes.start + part.end as usize;
                Piece::Memory(Arc::clone(memory), part)
            }
            Piece::File(bytes) => Piece::File(bytes.start + part.start..bytes.start + part.end),
        }
    }

    /// Removes up to `count` bytes from its front, and returns how many.
    pub fn advance(&mut self, count: u64) -> u64 {
        let count = count.min(self.length());
        match self {
            Piece::Memory(_, bytes) => bytes.start += count as usize,
            Piece::File(bytes) => bytes.start += count,
        }
        count
    }
}
