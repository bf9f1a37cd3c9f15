//! The text formats of Prometheus: 0.0.4, and OpenMetrics 1.0
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
//!
//! The crates for it write one of the two, and keep registries of metrics that are counted here
//! already.

use std::fmt::{Display, Write};

use crate::http::Request;
use crate::ops::metrics::{BUCKETS, Histogram};

/// The format of an exposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Prometheus,
    OpenMetrics,
}

impl Format {
    /// OpenMetrics if a request prefers it, as those of Prometheus do.
    pub fn accepted(request: &Request) -> Self {
        let weight = |media_type| request.fields.weight("accept", media_type);
        let open_metrics = weight("application/openmetrics-text");
        let is_preferred = open_metrics > 0.0 && open_metrics >= weight("text/plain");
        if is_preferred { Format::OpenMetrics } else { Format::Prometheus }
    }

    /// Its media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Metrics as a text, added one after the other.
#[derive(Debug)]
pub struct Exposition {
    format: Format,
    text: String,
}

impl Exposition {
    pub fn new(format: Format) -> Self {
        Exposition { format, text: String::new() }
    }

    /// Adds a metric that only grows. `name` is without `_total`; labels are as they stand between
    /// the braces.
    pub fn counter<L: Display>(&mut self, name: &str, help: &str, samples: impl IntoIterator<Item = (L, u64)>) {
        let total = format!("{name}_total");
        self.describe(if self.format == Format::OpenMetrics { name } else { &total }, "counter", help);
        samples.into_iter().for_each(|(labels, value)| self.sample(&total, &labels, value));
    }

    /// Adds a metric that goes up and down.
    pub fn gauge<L: Display, V: Display>(&mut self, name: &str, help: &str, samples: impl IntoIterator<Item = (L, V)>) {
        self.describe(name, "gauge", help);
        samples.into_iter().for_each(|(labels, value)| self.sample(name, &labels, value));
    }

    /// Adds a histogram of times in seconds.
    pub fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.describe(name, "histogram", help);
        let counts = histogram.cumulative();
        let bucket = format!("{name}_bucket");
        for (bound, count) in BUCKETS.iter().zip(counts) {
            // OpenMetrics has bounds with a decimal point; both formats take it.
            self.sample(&bucket, &format_args!("le=\"{bound:?}\""), count);
        }
        let all = counts[BUCKETS.len()];
        self.sample(&bucket, &"le=\"+Inf\"", all);
        self.sample(&format!("{name}_sum"), &"", histogram.sum());
        self.sample(&format!("{name}_count"), &"", all);
    }

    /// The whole text.
    pub fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }

    fn describe(&mut self, name: &str, kind: &str, help: &str) {
        self.text += &format!("# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn sample(&mut self, name: &str, labels: &impl Display, value: impl Display) {
        let labels = labels.to_string();
        let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{name}{labels} {value}");
    }
}
