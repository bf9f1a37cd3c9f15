//! What the threads count for the operator.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the start.
#[derive(Debug, Default)]
pub(in crate::serve) struct Counters {
    /// Connections over the limit, answered 503.
    pub shed: Counter,
    /// Connections closed to make room for others.
    pub evicted: Counter,
    /// Waits for a disk permit.
    pub disk_waits: Counter,
    /// Connections that a panic has ended.
    pub panics: Counter,
    timeouts: [Counter; TIMEOUTS.len()],
}

#[derive(Debug, Default)]
pub(in crate::serve) struct Counter(AtomicU64);

/// Which deadline has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Timeout {
    /// For the next request, or the rest of the content of the last one.
    Idle,
    /// For a whole request head.
    Head,
    /// For the client to take its response.
    Stall,
    /// For a disk permit.
    Disk,
    /// For the client to close after its last response.
    Linger,
}

/// Their names, in the same order.
const TIMEOUTS: [&str; 5] = ["idle", "head", "stall", "disk", "linger"];

impl Counter {
    pub fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub fn increment(&self) {
        self.add(1);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    /// Counts a deadline that has passed.
    pub fn time_out(&self, timeout: Timeout) {
        self.timeouts[timeout as usize].increment();
    }

    /// The deadlines by their names, and how often each has passed.
    pub fn timeouts(&self) -> [(&'static str, u64); TIMEOUTS.len()] {
        let mut counts = self.timeouts.iter();
        TIMEOUTS.map(|name| (name, counts.next().map_or(0, Counter::get)))
    }
}
