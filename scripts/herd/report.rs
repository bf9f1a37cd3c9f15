//! What a preset measured, row by row, and its bounds.

use std::fmt::Display;
use std::time::Duration;

use reeld::serve::THREADS_BESIDE_WORKERS;

use crate::probe::Times;
use crate::server::Sight;

/// What one preset measured.
pub struct Report {
    pub rows: Vec<Row>,
    divide: usize,
}

pub struct Row {
    pub what: String,
    pub measured: String,
    pub bound: String,
    pub right: bool,
}

impl Report {
    pub fn new(divide: usize) -> Self {
        Report { rows: Vec::new(), divide }
    }

    /// A number of clients, scaled to the size of this run.
    pub fn clients(&self, count: usize) -> usize {
        (count / self.divide).max(1)
    }

    /// A duration, scaled to the size of this run.
    pub fn time(&self, time: Duration) -> Duration {
        time / self.divide as u32
    }

    /// A bound that holds at any size.
    pub fn must(&mut self, what: &str, measured: impl Display, bound: impl Display, right: bool) {
        let (what, measured, bound) = (what.to_string(), measured.to_string(), bound.to_string());
        self.rows.push(Row { what, measured, bound, right });
    }

    /// A bound that depends on the speed of the machine, so it is checked at full size only.
    pub fn must_in_time(&mut self, what: &str, measured: impl Display, bound: impl Display, right: bool) {
        self.must(what, measured, bound, right || self.divide > 1);
    }

    pub fn none_failed(&mut self, what: &str, failed: usize) {
        self.must(what, format!("{failed} failed"), "0 failed", failed == 0);
    }

    pub fn p99(&mut self, what: &str, times: &Times, most: Duration) {
        self.none_failed(what, times.failed);
        let measured = format!("p50 {}, p99 {}", milliseconds(times.percentile(0.5)), milliseconds(times.p99()));
        self.must_in_time(what, measured, format!("p99 ≤ {}", milliseconds(most)), times.p99() <= most);
    }

    pub fn threads(&mut self, sight: &Sight, workers: usize) {
        let expected = workers + THREADS_BESIDE_WORKERS + THREADS_BESIDE_SERVER;
        self.must("threads", sight.threads, expected, sight.threads == expected);
    }
}

/// Main, signals, diagnostics and content; there is no access log here.
const THREADS_BESIDE_SERVER: usize = 4;

pub fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
