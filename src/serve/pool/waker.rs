//! A descriptor that wakes a thread out of poll(2): eventfd(2).

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, eventfd};

/// Readable from the first [`wake`](Wake::wake) until it is [`reset`](Wake::reset).
#[derive(Debug)]
pub struct Waker(OwnedFd);

impl Waker {
    pub fn new() -> io::Result<Self> {
        Ok(Waker(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }
}

/// What wakes a poller besides its connections.
pub trait Wake {
    /// Wakes the thread.
    fn wake(&self);

    /// Forgets earlier wakes.
    fn reset(&self);
}

impl Wake for Waker {
    fn wake(&self) {
        // Fails only at a count of 2^64 - 2 (eventfd(2)), where it is readable anyway.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }

    fn reset(&self) {
        // Fails if the count is already zero.
        let _ = rustix::io::read(&self.0, &mut [0u8; 8]);
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
