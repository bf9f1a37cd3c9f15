//! A lot: where connections are left that wait for their clients. Its [`Keeper`](super::keeper::Keeper) looks after them.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use super::connection::Connection;
use super::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use super::sync::{Mutex, MutexGuard};
use super::wake::{Wake, Waker};

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interest {
    Readable,
    Writable,
    /// More of what came in drops so far: nothing that is urgent.
    Drops,
    /// Nothing of its client but that it leaves.
    Leaving,
}

/// A connection that waits for its client, no longer than until the deadline.
#[derive(Debug)]
pub(super) struct Parked {
    pub connection: Connection,
    pub interest: Interest,
    pub since: Instant,
    pub deadline: Instant,
}

/// Where connections are left for the thread that keeps them.
#[derive(Debug)]
pub(super) struct Lot<T = Parked, W = Wake> {
    arriving: Mutex<Vec<T>>,
    /// Whether the thread may be in poll, so that whoever comes must ring.
    asleep: AtomicBool,
    bell: Arc<W>,
    /// How many wait here and may be ready soon.
    lively: AtomicUsize,
    /// How many idle connections somebody else needs.
    to_give_up: AtomicUsize,
    /// Whether connections beyond the limit should make room for further ones.
    to_evict_shed: AtomicBool,
}

impl<T, W: Waker> Lot<T, W> {
    pub fn new(bell: W) -> Self {
        Lot {
            arriving: Mutex::new(Vec::new()),
            asleep: AtomicBool::new(false),
            bell: Arc::new(bell),
            lively: AtomicUsize::new(0),
            to_give_up: AtomicUsize::new(0),
            to_evict_shed: AtomicBool::new(false),
        }
    }

    /// The bell that wakes the thread.
    pub fn bell(&self) -> &Arc<W> {
        &self.bell
    }

    /// Leaves connections in the lot.
    pub fn park(&self, parked: impl IntoIterator<Item = T>) {
        self.arriving().extend(parked);
        // Only the first who comes while the thread sleeps rings.
        if self.asleep.swap(false, Ordering::SeqCst) {
            self.bell.ring();
        }
    }

    /// Wakes the thread, so that it looks at what has changed.
    pub fn wake(&self) {
        self.bell.ring();
    }

    /// Asks for so many of the idle connections to be closed, those first that have been idle for longest.
    pub fn give_up(&self, count: usize) {
        self.to_give_up.fetch_max(count, Ordering::SeqCst);
        self.wake();
    }

    /// Asks for connections beyond the limit to be closed, those first that have been here for longest.
    pub fn evict_shed(&self) {
        self.to_evict_shed.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Takes the request to close connections beyond the limit.
    pub fn take_to_evict_shed(&self) -> bool {
        self.to_evict_shed.swap(false, Ordering::SeqCst)
    }

    /// How many wait here and may be ready soon.
    pub fn lively(&self) -> usize {
        self.lively.load(Ordering::Relaxed)
    }

    /// Prepares for the thread to sleep: from here on whoever comes rings.
    ///
    /// Silent first, then asleep; who looks at the lot after this sees whatever happened before, and a poll of the bell hears
    /// whatever happens later.
    pub fn fall_asleep(&self) {
        self.bell.clear();
        self.asleep.swap(true, Ordering::SeqCst);
    }

    /// The thread is up, and will look at the lot before it sleeps again: nobody needs to ring.
    pub fn get_up(&self) {
        self.asleep.swap(false, Ordering::SeqCst);
    }

    /// Takes those who have come.
    pub fn arrivals(&self) -> Vec<T> {
        std::mem::take(&mut self.arriving())
    }

    /// Takes the number of idle connections that are to be given up.
    pub fn take_to_give_up(&self) -> usize {
        self.to_give_up.swap(0, Ordering::SeqCst)
    }

    /// Says how many wait here and may be ready soon.
    pub fn set_lively(&self, count: usize) {
        self.lively.store(count, Ordering::Relaxed);
    }

    fn arriving(&self) -> MutexGuard<'_, Vec<T>> {
        self.arriving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
