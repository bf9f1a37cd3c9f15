//! The bytes of a resource, as pieces of memory and of a file.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use super::file_system::FileSystem;

/// Where the bytes of a resource come from.
#[derive(Debug)]
pub enum Content {
    /// A file and its file system, whose permit reading and closing may need.
    File(File, FileSystem),
    /// Memory that holds all of them.
    Memory(Arc<Vec<u8>>),
}

/// Bytes in memory, or a range of the content's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Memory(Arc<Vec<u8>>, Range<usize>),
    File(Range<u64>),
}

impl Content {
    /// This range of the content, which must contain it.
    pub fn slice(&self, bytes: Range<u64>) -> Piece {
        match self {
            Content::File(..) => Piece::File(bytes),
            Content::Memory(memory) => Piece::Memory(Arc::clone(memory), bytes.start as usize..bytes.end as usize),
        }
    }
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
