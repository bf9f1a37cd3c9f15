//! Shutdown: first a drain, then an abort.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use super::waker::{Wake, Waker};

/// Makes a running server drain, then abort what is left. Shared by all threads that may ask for
/// it.
#[derive(Debug)]
pub struct Shutdown {
    state: AtomicU8,
    /// Whether another process goes on listening on the same sockets.
    hands_over: AtomicBool,
    wake: Waker,
}

const RUNNING: u8 = 0;
const DRAINING: u8 = 1;
const ABORTED: u8 = 2;

impl Shutdown {
    pub fn new() -> io::Result<Self> {
        Ok(Shutdown { state: AtomicU8::new(RUNNING), hands_over: AtomicBool::new(false), wake: Waker::new()? })
    }

    /// Asks the server to finish the responses under way and end. It accepts no more connections,
    /// unless it hands its sockets over.
    pub fn drain(&self) {
        self.state.fetch_max(DRAINING, Ordering::SeqCst);
        self.wake.wake();
    }

    /// Aborts what is still under way. Returns whether this call was the first.
    pub(in crate::serve) fn abort(&self) -> bool {
        self.state.fetch_max(ABORTED, Ordering::SeqCst) < ABORTED
    }

    /// Makes the drain a handover: the sockets were inherited, so they stay open for a successor.
    pub(in crate::serve) fn hand_over(&self) {
        self.hands_over.store(true, Ordering::SeqCst);
    }

    pub(in crate::serve) fn is_handover(&self) -> bool {
        self.hands_over.load(Ordering::SeqCst)
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
