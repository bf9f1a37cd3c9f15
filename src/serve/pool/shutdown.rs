//! Shutdown: first a drain, then an abort.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU8, Ordering};

use super::waker::{Wake, Waker};

/// Makes a running server drain, then abort what is left. Shared by all threads that may ask for
/// it.
#[derive(Debug)]
pub struct Shutdown {
    state: AtomicU8,
    wake: Waker,
}

const RUNNING: u8 = 0;
const DRAINING: u8 = 1;
const ABORTED: u8 = 2;

impl Shutdown {
    pub fn new() -> io::Result<Self> {
        Ok(Shutdown { state: AtomicU8::new(RUNNING), wake: Waker::new()? })
    }

    /// Asks the server to accept no more connections, finish the responses under way and end.
    pub fn drain(&self) {
        self.state.fetch_max(DRAINING, Ordering::SeqCst);
        self.wake.wake();
    }

    /// Aborts what is still under way. Returns whether this call was the first.
    pub(in crate::serve) fn abort(&self) -> bool {
        self.state.fetch_max(ABORTED, Ordering::SeqCst) < ABORTED
    }

    pub(in crate::serve) fn is_draining(&self) -> bool {
        self.state.load(Ordering::SeqCst) >= DRAINING
    }

    pub(in crate::serve) fn is_aborted(&self) -> bool {
        self.state.load(Ordering::SeqCst) == ABORTED
    }
}

impl AsFd for Shutdown {
    /// Readable once [`drain`](Shutdown::drain) has been called.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}
