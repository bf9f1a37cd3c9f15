//! Counts of the exchanges that have ended, for Prometheus.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::record::{Observer, Record};
use crate::http::{Method, Status};

/// Upper bounds of the buckets of a [`Histogram`] in seconds: from a request that no thread waits
/// for to one that a person gives up on.
pub const BUCKETS: [f64; 12] = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0];

/// Counts since the start.
#[derive(Debug)]
pub struct Metrics {
    /// By the place in [`METHODS`], then by the status code.
    requests: [[AtomicU64; STATUS_CODES]; METHODS.len()],
    promised: AtomicU64,
    written: AtomicU64,
    sent: AtomicU64,
    aborted: AtomicU64,
    queue_wait: Histogram,
    first_byte: Histogram,
}

/// How often a time was within each of [`BUCKETS`].
#[derive(Debug, Default)]
pub struct Histogram {
    /// The last is for what is beyond all bounds.
    counts: [AtomicU64; BUCKETS.len() + 1],
    nanoseconds: AtomicU64,
}

/// Methods as labels. A request that could not be read has none and is among the others.
const METHODS: [&str; 4] = ["GET", "HEAD", "OPTIONS", "other"];

/// Codes are below it (RFC 9110 section 15).
const STATUS_CODES: usize = 600;

impl Default for Metrics {
    fn default() -> Self {
        Metrics {
            requests: [const { [const { AtomicU64::new(0) }; STATUS_CODES] }; METHODS.len()],
            promised: AtomicU64::default(),
            written: AtomicU64::default(),
            sent: AtomicU64::default(),
            aborted: AtomicU64::default(),
            queue_wait: Histogram::default(),
            first_byte: Histogram::default(),
        }
    }
}

impl Observer for Metrics {
    fn advance(&self, bytes: u64) {
        add(&self.written, bytes);
    }

    fn observe(&self, record: &Record) {
        let method = match record.method {
            Some(Method::Get) => 0,
            Some(Method::Head) => 1,
            Some(Method::Options) => 2,
            Some(Method::Connect | Method::NotAllowed | Method::Unknown) | None => 3,
        };
        add(&self.requests[method][usize::from(record.status.code())], 1);
        add(&self.promised, record.promised);
        add(&self.sent, record.sent);
        if record.sent < record.promised {
            add(&self.aborted, record.promised - record.sent);
        }
        // Connections over the limit are rejected at once, and would hide how long others wait.
        if record.method.is_some() {
            self.queue_wait.add(record.queue_wait);
            if let Some(first_byte) = record.first_byte {
                self.first_byte.add(first_byte.saturating_duration_since(record.arrived));
            }
        }
    }
}

fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

impl Metrics {
    /// Method, status code and count of the requests, where there were any.
    pub fn requests(&self) -> impl Iterator<Item = (&'static str, usize, u64)> {
        let all = METHODS.iter().zip(&self.requests);
        let all =
            all.flat_map(|(method, counts)| counts.iter().enumerate().map(|(code, count)| (*method, code, get(count))));
        all.filter(|(_, _, count)| *count > 0)
    }

    /// Bytes of the bodies of exchanges that have ended.
    pub fn promised(&self) -> u64 {
        get(&self.promised)
    }

    /// Bytes of them that clients took.
    pub fn sent(&self) -> u64 {
        get(&self.sent)
    }

    /// Bytes of them that clients did not take.
    pub fn aborted(&self) -> u64 {
        get(&self.aborted)
    }

    /// Bytes that sockets have taken, those of exchanges under way included.
    pub fn written(&self) -> u64 {
        get(&self.written)
    }

    /// Responses with status 206.
    pub fn parts(&self) -> u64 {
        let code = usize::from(Status::PartialContent.code());
        self.requests.iter().map(|counts| get(&counts[code])).sum()
    }

    /// Times that the connections of requests that could be read were in the queue for a worker.
    pub fn queue_wait(&self) -> &Histogram {
        &self.queue_wait
    }

    /// Times from the first byte of such a request until the first byte of the response was sent.
    pub fn first_byte(&self) -> &Histogram {
        &self.first_byte
    }
}

impl Histogram {
    fn add(&self, time: Duration) {
        let seconds = time.as_secs_f64();
        add(&self.counts[BUCKETS.iter().position(|bound| seconds <= *bound).unwrap_or(BUCKETS.len())], 1);
        add(&self.nanoseconds, u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// How many times were within each bound, and then how many there were at all.
    pub fn cumulative(&self) -> [u64; BUCKETS.len() + 1] {
        let mut sum = 0;
        self.counts.each_ref().map(|count| {
            sum += get(count);
            sum
        })
    }

    /// The sum of all times in seconds.
    pub fn sum(&self) -> f64 {
        get(&self.nanoseconds) as f64 / 1e9
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_counts_in_every_bucket_from_its_own_on() {
        let histogram = Histogram::default();
        for milliseconds in [0, 1, 2, 60_000] {
            histogram.add(Duration::from_millis(milliseconds));
        }
        assert_eq!(histogram.cumulative(), [1, 1, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4]);
        assert_eq!(histogram.sum(), 60.003);
    }
}
