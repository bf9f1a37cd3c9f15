//! A descriptor that wakes a thread out of poll(2): eventfd(2).

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, eventfd};

/// Readable from the first [`ring`](Wake::ring) until it is [`clear`](Wake::clear)ed.
#[derive(Debug)]
pub struct Wake(OwnedFd);

impl Wake {
    pub fn new() -> io::Result<Self> {
        Ok(Wake(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }
}

/// What a thread waits for beside its connections.
pub trait Waker {
    /// Wakes the thread.
    fn ring(&self);

    /// Makes it silent again.
    fn clear(&self);
}

impl Waker for Wake {
    fn ring(&self) {
        // It can only fail when 2^64 - 2 rings were not heard, and then it is readable anyway.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }

    fn clear(&self) {
        // It fails when there was no ring, and then it is silent already.
        let _ = rustix::io::read(&self.0, &mut [0u8; 8]);
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
