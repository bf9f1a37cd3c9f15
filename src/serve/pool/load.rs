//! What the current load allows: blocking on clients, gathering connections, long quanta.

use std::num::NonZeroUsize;
use std::time::Duration;

/// From this many queued and active connections on, no worker blocks on a client, and the acceptor
/// gathers new connections.
const BUSY_THRESHOLD: usize = 8;

/// Bytes that a transfer may send while other connections wait for a worker.
const QUANTUM: u64 = 1024 * 1024;

/// The same while more connections wait than there are workers.
const SHORT_QUANTUM: u64 = 256 * 1024;

/// Sleep for each queued or active connection after a poll that found ready ones, within the bounds
/// below. The next poll finds several at once (it costs the same for one as for many), and the
/// workers have the processor meanwhile. A poll costs more with more connections, so the sleep
/// grows with them. Measured on 2 processors: without it, 5 to 8 clients wait up to 3 ms, a
/// scheduler time slice, for a poller that never sleeps; with 64 clients, 50 µs gather too few and
/// 500 µs delay responses; with 128 to 512, half of it takes 6 to 9 % more processor time for a
/// request, and brings the median of 512 clients only from 3.1 to 3.0 ms.
const SLEEP_FOR_EACH: Duration = Duration::from_micros(4);
const SLEEP_MIN: Duration = Duration::from_micros(100);
const SLEEP_MAX: Duration = Duration::from_millis(2);

/// How busy the server is.
#[derive(Clone, Copy, Debug)]
pub(in crate::serve) struct Load {
    /// Connections that wait for a worker.
    pub queued: usize,
    /// Connections in poll(2), slow senders not counted.
    pub active: usize,
}

impl Load {
    /// Whether a connection waits for a worker.
    pub fn has_queued(self) -> bool {
        self.queued > 0
    }

    /// Whether to gather connections rather than serve each at once.
    pub fn is_busy(self) -> bool {
        self.queued + self.active >= BUSY_THRESHOLD
    }

    /// Whether a worker may block on its client: no connection waits for a worker or soon will.
    pub fn allows_blocking(self) -> bool {
        !self.has_queued() && !self.is_busy()
    }

    /// Bytes that a transfer may send before it is requeued.
    pub fn quantum(self, workers: NonZeroUsize) -> u64 {
        match self.queued {
            0 => u64::MAX,
            queued if queued > workers.get() => SHORT_QUANTUM,
            _ => QUANTUM,
        }
    }

    /// How long a poller sleeps after it found ready connections. Queued ones count, as they will
    /// be parked again soon.
    pub fn poll_delay(self) -> Duration {
        (SLEEP_FOR_EACH * (self.queued + self.active) as u32).clamp(SLEEP_MIN, SLEEP_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_has_its_threshold() {
        let workers = NonZeroUsize::new(4).expect("not zero");
        for (queued, active, is_busy, allows_blocking, quantum, delay) in [
            (0, 0, false, true, u64::MAX, SLEEP_MIN),
            (0, 7, false, true, u64::MAX, SLEEP_MIN),
            (0, 8, true, false, u64::MAX, SLEEP_MIN),
            (1, 0, false, false, QUANTUM, SLEEP_MIN),
            (4, 4, true, false, QUANTUM, SLEEP_MIN),
            (5, 95, true, false, SHORT_QUANTUM, Duration::from_micros(400)),
            (0, 501, true, false, u64::MAX, SLEEP_MAX),
        ] {
            let load = Load { queued, active };
            assert_eq!((load.is_busy(), load.allows_blocking()), (is_busy, allows_blocking), "{load:?}");
            assert_eq!((load.quantum(workers), load.poll_delay()), (quantum, delay), "{load:?}");
        }
    }
}
