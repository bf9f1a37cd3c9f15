//! The bytes of a client that a worker has received and not yet used.

use crate::limits::HEAD_MAX;

/// A buffer with room for one whole request head. A worker has one; what a connection leaves in it
/// goes with the connection.
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

    /// Begins with what a connection had left, which is no more than there is room for.
    pub fn fill_from(&mut self, rest: &[u8]) {
        self.bytes[..rest.len()].copy_from_slice(rest);
        (self.used, self.filled) = (0, rest.len());
    }

    /// What is there and not yet used.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.used..self.filled]
    }

    /// Marks the first `count` bytes as used.
    pub fn consume(&mut self, count: usize) {
        self.used += count;
    }

    /// Room for more; empty only while a whole head is unused.
    pub fn spare(&mut self) -> &mut [u8] {
        self.bytes.copy_within(self.used..self.filled, 0);
        (self.used, self.filled) = (0, self.filled - self.used);
        &mut self.bytes[self.filled..]
    }

    /// Counts bytes that were received into the [`spare`]ReadBuffer::spare.
    pub fn received(&mut self, count: usize) {
        self.filled += count;
    }
}
