//! The last minutes, a sample each second, so that the charts of the page are full when it opens.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::sources::Sources;
use crate::serve::Snapshot;

/// Samples that are kept: five minutes.
const SAMPLES: usize = 300;

const INTERVAL: Duration = Duration::from_secs(1);

/// What each sample has: first the moment's counts, then [`RATES`] counts of the last second.
pub const SERIES: [&str; 11] = [
    "connections",
    "busy_workers",
    "served",
    "queued",
    "idle",
    "sending",
    "disk",
    "viewings",
    "bytes",
    "requests",
    "errors",
];
const RATES: usize = 3;

/// The values of [`SERIES`], in the same order.
pub type Sample = [u64; SERIES.len()];

/// Samples, and the highest value of each series since the start.
#[derive(Debug)]
pub struct History {
    pub samples: VecDeque<Sample>,
    pub most: Sample,
    /// Bytes, requests and errors since the start, at the last sample.
    totals: [u64; RATES],
    due: Instant,
}

impl History {
    pub fn new() -> Self {
        History { samples: VecDeque::new(), most: Sample::default(), totals: [0; RATES], due: Instant::now() }
    }

    /// Takes a sample if one is due. Returns when the next is.
    pub fn advance(&mut self, now: Instant, sources: &Sources) -> Instant {
        if now >= self.due {
            let mut totals = [sources.metrics.written(), 0, 0];
            for (_, code, count) in sources.metrics.requests() {
                totals[1] += count;
                totals[2] += if code >= 400 { count } else { 0 };
            }
            self.add(&sources.server.snapshot(), sources.viewings.count() as u64, totals);
            self.due = now + INTERVAL;
        }
        self.due
    }

    fn add(&mut self, server: &Snapshot, viewings: u64, totals: [u64; RATES]) {
        let [served, queued, idle, sending, disk] = server.states().map(|(_, count)| count as u64);
        let [bytes, requests, errors] = [0, 1, 2].map(|rate: usize| totals[rate].saturating_sub(self.totals[rate]));
        let (connections, busy_workers) = (server.connections as u64, server.busy_workers as u64);
        let sample =
            [connections, busy_workers, served, queued, idle, sending, disk, viewings, bytes, requests, errors];
        self.totals = totals;
        for (most, value) in self.most.iter_mut().zip(sample) {
            *most = value.max(*most);
        }
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_differences_and_the_oldest_sample_goes() {
        let mut history = History::new();
        for second in 1..=SAMPLES as u64 + 10 {
            let server = Snapshot { connections: 400 - second as usize, ..Snapshot::default() };
            history.add(&server, 0, [1000 * second, 2 * second, second]);
        }
        assert_eq!((history.samples.len(), history.samples[0][0]), (SAMPLES, 389));
        assert!(history.samples.iter().all(|sample| sample.ends_with(&[1000, 2, 1])));
        assert!(history.most[0] == 399 && history.most.ends_with(&[1000, 2, 1]));
    }
}
