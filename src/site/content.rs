//! The bytes of a resource, as pieces of memory and of a file.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use super::file_system::FileSystem;
use super::views::FileView;
use crate::piece::Piece;

/// Where the bytes of a resource come from.
#[derive(Debug)]
pub enum Content {
    /// A file and its file system, whose permit reading and closing may need.
    File(File, FileSystem),
    /// The same with some bytes replaced, moved or left out.
    View(File, FileSystem, Arc<FileView>),
    /// Memory that holds all of them.
    Memory(Arc<Vec<u8>>),
}

impl Content {
    /// The pieces of this range of the content, which must contain it.
    pub fn slice(&self, bytes: Range<u64>) -> impl Iterator<Item = Piece> {
        let (one, several) = match self {
            Content::File(..) => (Some(Piece::File(bytes.clone())), &[][..]),
            Content::Memory(memory) => {
                (Some(Piece::Memory(Arc::clone(memory), bytes.start as usize..bytes.end as usize)), &[][..])
            }
            Content::View(_, _, view) => (None, &*view.pieces),
        };
        let mut start = 0;
        let cut = several.iter().filter_map(move |piece| {
            let all = start..start + piece.length();
            start = all.end;
            let (first, end) = (bytes.start.max(all.start), bytes.end.min(all.end));
            (first < end).then(|| piece.part(first - all.start..end - all.start))
        });
        one.into_iter().chain(cut)
    }
}
