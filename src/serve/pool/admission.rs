//! Admission: counts connections against `--max-connections`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::quota::{Quota, Slot};
use super::waker::Waker;
use crate::limits::{SHED_MAX, SHED_MIN};

/// Counts the connections, and wakes the pollers when the last one is gone.
#[derive(Debug)]
pub(in crate::serve) struct Admission {
    limit: usize,
    /// Connections that are served.
    admitted: Arc<Quota>,
    /// Connections over the limit, which are answered 503.
    shed: Arc<Quota>,
    /// Both, and the acceptor: while it accepts, the last connection is not gone.
    all: Arc<Quota>,
    /// Connections accepted before [`begin_handover`](Admission::begin_handover).
    earlier: Arc<Quota>,
    handing_over: AtomicBool,
}

/// Counts one connection until it is dropped.
#[derive(Debug)]
pub(in crate::serve) struct Permit {
    /// Whether the connection is over the limit.
    pub is_shed: bool,
    _slots: [Slot; 2],
    _earlier: Option<Slot>,
}

impl Admission {
    /// Admits up to `limit` connections; wakes `all_gone` when the last permit is released.
    pub fn new(limit: usize, all_gone: Vec<Arc<Waker>>) -> Self {
        // A low limit may mean few descriptors, so fewer connections are answered 503 too.
        let shed = Quota::new((limit / 2).clamp(SHED_MIN, SHED_MAX));
        Admission {
            limit,
            admitted: Quota::new(limit),
            shed,
            all: Quota::waking(all_gone),
            earlier: Quota::new(usize::MAX),
            handing_over: AtomicBool::new(false),
        }
    }

    /// A permit for an accepted connection, even over the limit.
    pub fn admit(&self) -> Permit {
        let admitted = self.admitted.try_take(1);
        let is_shed = admitted.is_none();
        let earlier = (!self.handing_over.load(Ordering::Relaxed)).then(|| self.earlier.take(1));
        let slots = [admitted.unwrap_or_else(|| self.shed.take(1)), self.all.take(1)];
        Permit { is_shed, _slots: slots, _earlier: earlier }
    }

    /// Counts further connections apart from those there are.
    pub fn begin_handover(&self) {
        self.handing_over.store(true, Ordering::Relaxed);
    }

    /// Connections accepted before the handover.
    pub fn earlier(&self) -> usize {
        self.earlier.taken()
    }

    /// Counts the acceptor until it ends.
    pub fn acceptor(&self) -> Slot {
        self.all.take(1)
    }

    /// Whether there is no room for a connection, not even for a 503.
    pub fn is_full(&self) -> bool {
        self.admitted.is_full() && self.shed.is_full()
    }

    /// Whether the next connection is over the limit.
    pub fn is_saturated(&self) -> bool {
        self.admitted.is_full()
    }

    /// How many idle connections to evict so that 1/16 of the limit stays free, but at least one
    /// place.
    pub fn superfluous(&self) -> usize {
        self.admitted.taken().saturating_sub(self.limit - (self.limit / 16).max(1))
    }

    /// Whether every permit has been released, the acceptor's too.
    pub fn all_gone(&self) -> bool {
        self.all.taken() == 0
    }

    /// All connections, those over the limit included.
    pub fn connections(&self) -> usize {
        self.admitted.taken() + self.shed.taken()
    }
}
