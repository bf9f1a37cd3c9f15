//! The inbox of a poller: workers park connections here, and the
//! [`Poller`](crate::serve::poller::Poller) drains it.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use super::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use super::sync::{Mutex, MutexGuard};
use super::waker::{Wake, Waker};

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Interest {
    Readable,
    Writable,
    /// More from a slow sender; a delay of some milliseconds does no harm.
    SlowRead,
    /// Only that the client leaves.
    Leaving,
}

/// A connection that waits for its client until the deadline.
#[derive(Debug)]
pub(in crate::serve) struct Parked<C> {
    pub connection: C,
    pub interest: Interest,
    pub since: Instant,
    pub deadline: Instant,
}

/// Connections on their way to a poller, and what other threads ask of it.
#[derive(Debug)]
pub(in crate::serve) struct PollInbox<T, W = Waker> {
    queue: Mutex<Vec<T>>,
    /// Whether the poller may be in poll(2) and must be woken.
    asleep: AtomicBool,
    waker: Arc<W>,
    /// Connections in poll(2), slow senders not counted.
    active_count: AtomicUsize,
    /// Those of them whose client is to take more of a response.
    sending_count: AtomicUsize,
    /// Slow senders.
    slow_count: AtomicUsize,
    /// How many idle connections to close.
    idle_to_evict: AtomicUsize,
    /// Whether to close connections over the limit, to make room for others.
    shed_to_evict: AtomicBool,
}

impl<T, W: Wake> PollInbox<T, W> {
    pub fn new(waker: W) -> Self {
        PollInbox {
            queue: Mutex::new(Vec::new()),
            asleep: AtomicBool::new(false),
            waker: Arc::new(waker),
            active_count: AtomicUsize::new(0),
            sending_count: AtomicUsize::new(0),
            slow_count: AtomicUsize::new(0),
            idle_to_evict: AtomicUsize::new(0),
            shed_to_evict: AtomicBool::new(false),
        }
    }

    /// What wakes the poller.
    pub fn waker(&self) -> &Arc<W> {
        &self.waker
    }

    /// Hands connections to the poller.
    pub fn park(&self, parked: impl IntoIterator<Item = T>) {
        self.queue().extend(parked);
        // Only the first arrival during a sleep wakes the poller.
        if self.asleep.swap(false, Ordering::SeqCst) {
            self.waker.wake();
        }
    }

    /// Wakes the poller so that it notices a change elsewhere.
    pub fn wake(&self) {
        self.waker.wake();
    }

    /// Asks the poller to close `count` idle connections, the longest idle first.
    pub fn evict_idle(&self, count: usize) {
        self.idle_to_evict.fetch_max(count, Ordering::SeqCst);
        self.wake();
    }

    /// Asks the poller to close connections over the limit, the oldest first.
    pub fn evict_shed(&self) {
        self.shed_to_evict.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Takes the request to close connections over the limit.
    pub fn take_shed_to_evict(&self) -> bool {
        self.shed_to_evict.swap(false, Ordering::SeqCst)
    }

    /// Connections in poll(2), slow senders not counted.
    pub fn active_count(&self) -> usize {
        self.active_count.load(Ordering::Relaxed)
    }

    /// Prepares for poll(2): from here on, arrivals wake the poller.
    ///
    /// The waker is reset before `asleep` is set: what was queued before is seen by the next drain,
    /// what comes later wakes poll(2).
    pub fn before_poll(&self) {
        self.waker.reset();
        self.asleep.swap(true, Ordering::SeqCst);
    }

    /// Marks the poller awake: it drains the inbox before it sleeps again, so arrivals need not
    /// wake it.
    pub fn after_poll(&self) {
        self.asleep.swap(false, Ordering::SeqCst);
    }

    /// Takes the connections that have arrived.
    pub fn drain(&self) -> Vec<T> {
        std::mem::take(&mut self.queue())
    }

    /// Takes the number of idle connections to close.
    pub fn take_idle_to_evict(&self) -> usize {
        self.idle_to_evict.swap(0, Ordering::SeqCst)
    }

    /// Connections that wait for their client to take more of a response.
    pub fn sending_count(&self) -> usize {
        self.sending_count.load(Ordering::Relaxed)
    }

    /// All connections that wait here.
    pub fn parked_count(&self) -> usize {
        self.active_count() + self.slow_count.load(Ordering::Relaxed) + self.queue().len()
    }

    /// Sets the counts of connections: in poll(2), those of them that are sending, and slow
    /// senders.
    pub fn set_counts(&self, active: usize, sending: usize, slow: usize) {
        self.active_count.store(active, Ordering::Relaxed);
        self.sending_count.store(sending, Ordering::Relaxed);
        self.slow_count.store(slow, Ordering::Relaxed);
    }

    fn queue(&self) -> MutexGuard<'_, Vec<T>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
