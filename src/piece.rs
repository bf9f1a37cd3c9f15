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
