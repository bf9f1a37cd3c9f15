//! The bytes of a media file, read in blocks and within limits.

use std::io;

use crate::limits::{DESCRIPTION_READ_MAX, DESCRIPTION_READS_MAX};

/// Bytes that can be read at any position: a file, or memory.
pub trait Source {
    /// Size in bytes.
    fn size(&self) -> u64;

    /// Reads up to `buffer.len()` bytes, as pread(2) does: 0 only at the end.
    fn read_at(&mut self, buffer: &mut [u8], position: u64) -> io::Result<usize>;
}

impl Source for &[u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&mut self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let start = usize::try_from(position).unwrap_or(usize::MAX).min(self.len());
        let count = buffer.len().min(self.len() - start);
        buffer[..count].copy_from_slice(&self[start..start + count]);
        Ok(count)
    }
}

/// Bytes read from a source at once, whatever the size of what is wanted.
const BLOCK: usize = 16 * 1024;

/// Reads a source in blocks, up to [`DESCRIPTION_READ_MAX`] bytes of it in up to
/// [`DESCRIPTION_READS_MAX`] reads.
pub struct Reader<'a> {
    source: &'a mut dyn Source,
    block: Vec<u8>,
    start: u64,
    left: u64,
    reads_left: usize,
}

/// Why bytes cannot be had.
#[derive(Debug)]
pub enum ReadError {
    /// The source failed, or would block.
    Source(io::Error),
    /// The file ends before them.
    Ended,
    /// The file makes its reader read more than any media file does.
    TooMuch,
}

impl<'a> Reader<'a> {
    pub fn new(source: &'a mut dyn Source) -> Self {
        Reader { source, block: Vec::new(), start: 0, left: DESCRIPTION_READ_MAX, reads_left: DESCRIPTION_READS_MAX }
    }

    /// Size of the source in bytes.
    pub fn size(&self) -> u64 {
        self.source.size()
    }

    /// Fills the buffer with the bytes at this position.
    pub fn read_exact(&mut self, buffer: &mut [u8], position: u64) -> Result<(), ReadError> {
        let mut filled = 0;
        while filled < buffer.len() {
            let count = self.read_some(&mut buffer[filled..], position.saturating_add(filled as u64))?;
            if count == 0 {
                return Err(ReadError::Ended);
            }
            filled += count;
        }
        Ok(())
    }

    /// The `N` bytes at this position.
    pub fn array<const N: usize>(&mut self, position: u64) -> Result<[u8; N], ReadError> {
        let mut bytes = [0; N];
        self.read_exact(&mut bytes, position)?;
        Ok(bytes)
    }

    /// The bytes at the front: this many, or all.
    pub fn first(&mut self, count: usize) -> Result<Vec<u8>, ReadError> {
        let mut bytes = vec![0; usize::try_from(self.size()).unwrap_or(count).min(count)];
        let mut filled = 0;
        while filled < bytes.len() {
            match self.read_some(&mut bytes[filled..], filled as u64)? {
                // The file has shrunk.
                0 => bytes.truncate(filled),
                more => filled += more,
            }
        }
        Ok(bytes)
    }

    /// Copies what the block has of the bytes at this position, after reading it if need be; 0 only
    /// at the end.
    pub fn read_some(&mut self, buffer: &mut [u8], position: u64) -> Result<usize, ReadError> {
        self.reads_left = self.reads_left.checked_sub(1).ok_or(ReadError::TooMuch)?;
        if !(self.start..self.start + self.block.len() as u64).contains(&position) {
            self.left = self.left.checked_sub(BLOCK as u64).ok_or(ReadError::TooMuch)?;
            self.block.resize(BLOCK, 0);
            self.start = position;
            let count = self.source.read_at(&mut self.block, position);
            self.block.truncate(*count.as_ref().unwrap_or(&0));
            count.map_err(ReadError::Source)?;
        }
        let block = &self.block[(position - self.start) as usize..];
        let count = block.len().min(buffer.len());
        buffer[..count].copy_from_slice(&block[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_across_blocks_up_to_the_end() {
        let bytes: Vec<u8> = (0..3 * BLOCK + 7).map(|at| at as u8).collect();
        let mut source = &*bytes;
        let mut reader = Reader::new(&mut source);
        for (position, length) in [(0, 1), (0, bytes.len()), (BLOCK - 1, 2), (5, BLOCK), (bytes.len() - 1, 1), (9, 0)] {
            let mut buffer = vec![0xff; length];
            reader.read_exact(&mut buffer, position as u64).expect("they are there");
            assert_eq!(buffer, bytes[position..position + length], "{position}");
        }
        for position in [bytes.len() as u64, u64::MAX] {
            assert!(matches!(reader.array::<1>(position), Err(ReadError::Ended)), "{position}");
        }
    }

    #[test]
    fn reading_has_an_end_even_if_the_file_has_none() {
        struct Endless;
        impl Source for Endless {
            fn size(&self) -> u64 {
                u64::MAX
            }
            fn read_at(&mut self, buffer: &mut [u8], _: u64) -> io::Result<usize> {
                buffer.fill(0);
                Ok(buffer.len())
            }
        }
        let mut source = Endless;
        let mut reader = Reader::new(&mut source);
        let blocks = (0..).take_while(|at| reader.array::<1>(at * BLOCK as u64).is_ok()).count();
        assert_eq!(blocks as u64, DESCRIPTION_READ_MAX / BLOCK as u64);
    }

    #[test]
    fn reading_in_a_circle_has_an_end() {
        let mut source = &b"circle"[..];
        let mut reader = Reader::new(&mut source);
        let reads = (0..=DESCRIPTION_READS_MAX).take_while(|_| reader.array::<1>(0).is_ok()).count();
        assert_eq!(reads, DESCRIPTION_READS_MAX);
    }
}
