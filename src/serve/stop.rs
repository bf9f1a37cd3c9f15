//! The end of the server: first no new connections, then no connections.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU8, Ordering};

use super::wake::{Wake, Waker};

/// Tells a running server to end. Shared by whoever may tell it.
#[derive(Debug)]
pub struct Stop {
    state: AtomicU8,
    wake: Wake,
}

const RUNNING: u8 = 0;
const FINISHING: u8 = 1;
const CUT: u8 = 2;

impl Stop {
    pub fn new() -> io::Result<Self> {
        Ok(Stop { state: AtomicU8::new(RUNNING), wake: Wake::new()? })
    }

    /// Asks the server to take no more connections, to finish the answers under way and to end.
    pub fn finish(&self) {
        self.state.fetch_max(FINISHING, Ordering::SeqCst);
        self.wake.ring();
    }

    /// Cuts what is still under way. Returns whether it was not cut before.
    pub(super) fn cut(&self) -> bool {
        self.state.fetch_max(CUT, Ordering::SeqCst) < CUT
    }

    pub(super) fn is_finishing(&self) -> bool {
        self.state.load(Ordering::SeqCst) >= FINISHING
    }

    pub(super) fn is_cut(&self) -> bool {
        self.state.load(Ordering::SeqCst) == CUT
    }
}

impl AsFd for Stop {
    /// Readable from the call of [`finish`](Stop::finish) on.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}
