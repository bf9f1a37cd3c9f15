//! The bytes of a resource, as pieces of memory and of a file.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use super::file_system::FileSystem;
use crate::piece::Piece;

/// Where the bytes of a resource come from.
#[derive(Debug)]
pub enum Content {
    /// A file and its file system, whose permit reading and closing may need.
    File(File, FileSystem),
    /// Memory that holds all of them.
    Memory(Arc<Vec<u8>>),
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
