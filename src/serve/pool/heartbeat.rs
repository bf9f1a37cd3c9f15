//! Whether the pool makes progress: its workers receive tasks, and its pollers poll.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// A thread or group of threads without which no request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Part {
    Workers,
    PollActive,
    PollInactive,
}

/// Counts what the threads do.
#[derive(Debug, Default)]
pub(in crate::serve) struct Heartbeat {
    /// Tasks received, and rounds of each poller.
    beats: [AtomicU64; 3],
    /// The counts when progress was last asked for.
    seen: Mutex<[u64; 3]>,
    /// Whether a probe is in the channel.
    probing: AtomicBool,
    /// Workers that wait for a task.
    pub idle: AtomicUsize,
}

impl Heartbeat {
    /// Counts a step of progress.
    pub fn beat(&self, part: Part) {
        self.beats[part as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Whether every part has made progress since this was last asked.
    pub fn has_progressed(&self) -> bool {
        let now = [0, 1, 2].map(|part: usize| self.beats[part].load(Ordering::Relaxed));
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *seen, now);
        before.iter().zip(now).all(|(before, now)| *before != now)
    }

    /// Whether to send a probe: at most one is in the channel.
    pub fn begin_probe(&self) -> bool {
        !self.probing.swap(true, Ordering::Relaxed)
    }

    /// Notes that a worker has received the probe.
    pub fn end_probe(&self) {
        self.probing.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_must_progress() {
        let heartbeat = Heartbeat::default();
        assert!(!heartbeat.has_progressed());
        for parts in [&[Part::Workers][..], &[Part::PollActive, Part::PollInactive], &[Part::Workers, Part::PollActive]]
        {
            parts.iter().for_each(|part| heartbeat.beat(*part));
            assert!(!heartbeat.has_progressed(), "{parts:?}");
        }
        for part in [Part::Workers, Part::PollActive, Part::PollInactive] {
            heartbeat.beat(part);
        }
        assert!(heartbeat.has_progressed());
        assert!(!heartbeat.has_progressed());
    }
}
