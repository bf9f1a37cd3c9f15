//! What a view changes in a file, and why it may not.

use std::io;

use super::source::{ReadError, Source};

/// Bytes that replace as many bytes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Where the replaced bytes begin in the file.
    pub position: u64,
    pub bytes: Vec<u8>,
}

/// Why a file has no such view.
#[derive(Debug)]
pub enum NoView {
    /// The source failed, or would block.
    Source(io::Error),
    /// The file does not allow it, for the reason that this sentence gives.
    Refused(&'static str),
}

impl From<ReadError> for NoView {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Source(error) => NoView::Source(error),
            ReadError::Ended => NoView::Refused("The file ends before its index does."),
            ReadError::TooMuch => NoView::Refused("The file has more boxes or elements than any film."),
        }
    }
}

/// The `length` bytes at this position, which must lie in the file, so that a hostile length
/// allocates no more than the file has.
pub(super) fn read(source: &mut dyn Source, position: u64, length: usize) -> Result<Vec<u8>, NoView> {
    if source.size().checked_sub(position).is_none_or(|left| left < length as u64) {
        return Err(ReadError::Ended.into());
    }
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while filled < length {
        match source.read_at(&mut bytes[filled..], position + filled as u64) {
            Ok(0) => return Err(ReadError::Ended.into()),
            Ok(count) => filled += count,
            Err(error) => return Err(NoView::Source(error)),
        }
    }
    Ok(bytes)
}
