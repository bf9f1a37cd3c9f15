//! Bytes that a worker has received and not yet used.

use crate::limits::HEAD_MAX;

/// A buffer for one whole request head. Each worker has one; a connection takes its unused bytes
/// with it.
#[derive(Debug)]
pub struct ReadBuffer {
    bytes: Box<[u8; HEAD_MAX]>,
    used: usize,
    filled: usize,
}

impl ReadBuffer {
    pub fn new() -> Self {
        ReadBuffer { bytes: Box::new([0; HEAD_MAX]), used: 0, filled: 0 }
    }

    /// Starts with the unused bytes of a connection, at most [`HEAD_MAX`].
    pub fn fill_from(&mut self, rest: &[u8]) {
        self.bytes[..rest.len()].copy_from_slice(rest);
        (self.used, self.filled) = (0, rest.len());
    }

    /// The unused bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.used..self.filled]
    }

    /// Marks the first `count` bytes as used.
    pub fn consume(&mut self, count: usize) {
        self.used += count;
    }

    /// Room for more bytes; empty only while [`HEAD_MAX`] bytes are unused.
    pub fn spare(&mut self) -> &mut [u8] {
        self.bytes.copy_within(self.used..self.filled, 0);
        (self.used, self.filled) = (0, self.filled - self.used);
        &mut self.bytes[self.filled..]
    }

    /// Counts bytes that were received into [`spare`](ReadBuffer::spare).
    pub fn received(&mut self, count: usize) {
        self.filled += count;
    }
}
