//! How many connections there are.

use std::sync::Arc;

use super::quota::{Quota, Slot};
use super::waker::Waker;
use crate::limits::{SHED_MAX, SHED_MIN};

/// Counts the connections, and wakes the pollers when the last one has gone.
#[derive(Debug)]
pub(in crate::serve) struct Admission {
    limit: usize,
    /// Connections that are served.
    admitted: Arc<Quota>,
    /// Connections that are answered that there are too many.
    shed: Arc<Quota>,
    /// Both, and the acceptor: while it accepts, the last connection has not gone.
    all: Arc<Quota>,
}

/// The right of one connection to exist; it ends when this is dropped.
#[derive(Debug)]
pub(in crate::serve) struct Permit {
    /// Whether it is beyond the limit.
    pub is_shed: bool,
    _slots: [Slot; 2],
}

impl Admission {
    /// Admits up to `limit` connections; the wakers of `all_gone` are woken when the last permit
    /// has been released.
    pub fn new(limit: usize, all_gone: Vec<Arc<Waker>>) -> Self {
        // Where the limit is low because there are few descriptors, there are few for the shed.
        let shed = Quota::new((limit / 2).clamp(SHED_MIN, SHED_MAX));
        Admission { limit, admitted: Quota::new(limit), shed, all: Quota::waking(all_gone) }
    }

    /// A permit for a connection that was accepted, also where there is no room for it.
    pub fn admit(&self) -> Permit {
        let admitted = self.admitted.try_take(1);
        let is_shed = admitted.is_none();
        Permit { is_shed, _slots: [admitted.unwrap_or_else(|| self.shed.take(1)), self.all.take(1)] }
    }

    /// The permit of the acceptor.
    pub fn acceptor(&self) -> Slot {
        self.all.take(1)
    }

    /// Whether there is no room for a connection, not even to answer that there are too many.
    pub fn is_full(&self) -> bool {
        self.admitted.is_full() && self.shed.is_full()
    }

    /// How many idle connections should make room, because the limit is near: those beyond 15/16 of
    /// it, or the last one of few.
    pub fn superfluous(&self) -> usize {
        self.admitted.taken().saturating_sub(self.limit - (self.limit / 16).max(1))
    }

    /// Whether every permit has been given back, the acceptor's too.
    pub fn all_gone(&self) -> bool {
        self.all.taken() == 0
    }

    /// Connections of any kind.
    pub fn connections(&self) -> usize {
        self.admitted.taken() + self.shed.taken()
    }
}
