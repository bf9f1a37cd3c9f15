//! The metrics: each follows what happens, and they agree with the access log.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::Value;

use super::*;

impl Operated {
    fn metrics(&self) -> String {
        let answer = self.get("/metrics");
        assert_eq!(answer.field("Content-Type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        String::from_utf8(answer.body).expect("a text")
    }

    /// The value of a sample, named with its labels; None if there is none.
    fn sample(&self, name: &str) -> Option<f64> {
        let metrics = self.metrics();
        let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map(|value| value.parse().expect("a number"))
    }

    #[track_caller]
    fn wait_for_sample(&self, name: &str, value: f64) {
        wait_until(&format!("{name} is {value}"), || self.sample(name) == Some(value));
    }
}

/// The sum of the samples that begin so.
fn sum(metrics: &str, start: &str) -> u64 {
    let values = metrics.lines().filter_map(|line| line.strip_prefix(start)?.rsplit_once(' '));
    values.map(|(_, value)| value.parse::<u64>().expect("a number")).sum()
}

/// All that the server promises to count, without labels.
const NAMES: [&str; 22] = [
    "reeld_connections",
    "reeld_connections_max",
    "reeld_workers",
    "reeld_workers_busy",
    "reeld_queue_depth",
    "reeld_queue_wait_seconds",
    "reeld_first_byte_seconds",
    "reeld_requests_total",
    "reeld_content_bytes_total",
    "reeld_parts_total",
    "reeld_shed_total",
    "reeld_evicted_total",
    "reeld_timeouts_total",
    "reeld_disk_permits",
    "reeld_disk_waits_total",
    "reeld_panics_total",
    "reeld_log_lines_dropped_total",
    "reeld_index_files",
    "reeld_index_bytes",
    "reeld_index_age_seconds",
    "reeld_viewings",
    "reeld_build_info",
];

#[test]
fn the_documented_metrics_are_those_that_there_are() {
    let operated = Operated::start(&[]);
    operated.server.wait_until_read();
    operated.server.get("/small.txt", "");
    let metrics = operated.metrics();
    let types: Vec<&str> = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    assert_eq!(types, NAMES);
    let document = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operation.md")).expect("a text");
    for name in NAMES {
        assert!(document.contains(&format!("| `{name}")), "{name} has a row in docs/operation.md");
    }
    assert_eq!(operated.sample(&format!("reeld_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"))), Some(1.0));
}

#[test]
fn requests_are_counted_by_method_and_status() {
    let operated = Operated::start(&["--workers", "2"]);
    for (request, sample) in [
        ("GET /small.txt HTTP/1.1\r\nHost: h", "method=\"GET\",code=\"200\""),
        ("GET /film.mp4 HTTP/1.1\r\nHost: h", "method=\"GET\",code=\"206\""),
        ("GET /missing HTTP/1.1\r\nHost: h", "method=\"GET\",code=\"404\""),
        ("GET /small.txt HTTP/1.1\r\nHost: h\r\nRange: bytes=9-", "method=\"GET\",code=\"416\""),
        ("HEAD /small.txt HTTP/1.1\r\nHost: h", "method=\"HEAD\",code=\"200\""),
        ("OPTIONS * HTTP/1.1\r\nHost: h", "method=\"OPTIONS\",code=\"204\""),
        ("DELETE / HTTP/1.1\r\nHost: h", "method=\"other\",code=\"405\""),
        ("NONSENSE", "method=\"other\",code=\"400\""),
    ] {
        assert_eq!(operated.sample(&format!("reeld_requests_total{{{sample}}}")), None);
        let mut client = operated.server.connect();
        client.send(format!("{request}\r\n\r\n"));
        let head = client.head();
        if !request.starts_with("HEAD") && head.status != 204 {
            client.body(head.field("Content-Length").map_or(0, |length| length.parse().expect("a number")));
        }
        operated.wait_for_sample(&format!("reeld_requests_total{{{sample}}}"), 1.0);
    }
    operated.wait_for_sample("reeld_parts_total", 1.0);
    for histogram in ["reeld_queue_wait_seconds", "reeld_first_byte_seconds"] {
        operated.wait_for_sample(&format!("{histogram}_count"), 7.0);
        assert_eq!(operated.sample(&format!("{histogram}_bucket{{le=\"+Inf\"}}")), Some(7.0));
        let sum = operated.sample(&format!("{histogram}_sum")).expect("a sum");
        assert!(sum > 0.0 && sum < 30.0, "{sum} seconds");
    }
}

#[test]
fn sums_agree_with_the_access_log_to_the_byte() {
    let folder = tempdir().expect("a folder");
    let log = folder.path().join("access.json");
    let operated =
        Operated::start(&["--log", "json", "--log-file", log.to_str().expect("UTF-8"), "--stall-timeout", "0.3"]);
    let mut requests = 0;
    for round in 0..40 {
        for (target, fields) in
            [("/small.txt", ""), ("/film.mp4", "Range: bytes=5-99\r\n"), ("/missing", ""), ("/film.mp4", "")]
        {
            let mut client = operated.server.connect();
            client.get(target, fields);
            requests += 1;
            match round % 4 {
                // Leaves at once, or in the middle of the body.
                0 => {}
                1 => drop(client.head()),
                _ => drop(client.answer()),
            }
        }
    }
    // The kernel discards what this one does not take in time.
    let _stalled = operated.paused_readers(1);
    requests += 1;
    let lines = || {
        let text = fs::read_to_string(&log).unwrap_or_default();
        let whole = text.lines().filter(|_| text.ends_with('\n'));
        whole.map(|line| serde_json::from_str(line).expect("it is JSON")).collect::<Vec<Value>>()
    };
    // A client that leaves at once may have sent nothing that is read.
    operated.wait_for_sample("reeld_timeouts_total{kind=\"stall\"}", 1.0);
    wait_until("no connection is left", || sum(&operated.metrics(), "reeld_connections{") == 0);
    wait_until("the log has a line for each request", || {
        lines().len() as u64 == sum(&operated.metrics(), "reeld_requests_total{")
    });
    let (lines, metrics) = (lines(), operated.metrics());
    assert!(lines.len() <= requests && lines.len() > requests / 2, "{} of {requests}", lines.len());
    let logged = |name: &str| lines.iter().map(|line| line[name].as_u64().expect("a number")).sum::<u64>();
    let bytes = |what: &str| sum(&metrics, &format!("reeld_content_bytes_total{{what=\"{what}\"}}"));
    assert_eq!((bytes("promised"), bytes("sent")), (logged("promised"), logged("sent")));
    assert_eq!(bytes("aborted"), logged("promised") - logged("sent"));
    assert!(bytes("aborted") > PART as u64 / 2, "some were aborted");
    let mut by_status: BTreeMap<u64, u64> = BTreeMap::new();
    lines.iter().for_each(|line| *by_status.entry(line["status"].as_u64().expect("a number")).or_default() += 1);
    for (status, lines) in by_status {
        assert_eq!(
            sum(&metrics, &format!("reeld_requests_total{{method=\"GET\",code=\"{status}\"}}")),
            lines,
            "{status}"
        );
    }
    assert_eq!(sum(&metrics, "reeld_parts_total"), sum(&metrics, "reeld_requests_total{method=\"GET\",code=\"206\"}"));
}

#[test]
fn connections_are_counted_where_they_wait() {
    let operated = Operated::start(&["--workers", "2", "--max-connections", "50"]);
    for (name, value) in [("reeld_connections_max", 50.0), ("reeld_workers", 2.0)] {
        assert_eq!(operated.sample(name), Some(value));
    }
    let state = |state: &str, count: usize| {
        operated.wait_for_sample(&format!("reeld_connections{{state=\"{state}\"}}"), count as f64)
    };
    let idle: Vec<Client> = (0..3).map(|_| operated.server.connect()).collect();
    let mut unfinished = operated.server.connect();
    unfinished.send("GET / HTTP/1.1\r\n");
    let readers = operated.paused_readers(5);
    state("idle", 4);
    state("sending", 5);
    state("disk", 0);
    state("queued", 0);
    state("served", 0);
    operated.wait_for_sample("reeld_viewings", 1.0);
    drop((idle, unfinished, readers));
    state("idle", 0);
    state("sending", 0);
}

/// Tells threads to end, also when the test panics.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_busy_pool_shows_busy_workers_and_a_queue() {
    let operated = Operated::start(&["--workers", "1"]);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut client = operated.server.connect();
                while !is_over.load(Ordering::Relaxed) {
                    client.get("/film.mp4", "");
                    client.answer();
                }
            });
        }
        let _end = End(&is_over);
        let above_zero = |name: &str| operated.sample(name).is_some_and(|value| value > 0.0);
        for name in [
            "reeld_workers_busy",
            "reeld_queue_depth",
            "reeld_connections{state=\"queued\"}",
            "reeld_connections{state=\"served\"}",
        ] {
            wait_until(&format!("{name} is above 0"), || above_zero(name));
        }
    });
    operated.wait_for_sample("reeld_workers_busy", 0.0);
    operated.wait_for_sample("reeld_queue_depth", 0.0);
}

#[test]
fn connections_over_the_limit_are_counted_as_shed_and_evicted() {
    let operated = Operated::start(&["--max-connections", "8", "--workers", "1"]);
    let readers = operated.paused_readers(8);
    for number in 1..=20 {
        assert_eq!(operated.server.get("/small.txt", "").status, 503);
        operated.wait_for_sample("reeld_shed_total", f64::from(number));
    }
    assert_eq!(operated.sample("reeld_evicted_total"), Some(0.0), "nothing is idle");
    drop(readers);
    wait_until("no connection is left", || sum(&operated.metrics(), "reeld_connections{") == 0);
    let mut idle: Vec<Client> = (0..8).map(|_| operated.server.connect()).collect();
    wait_until("an idle connection is evicted", || operated.server.get("/small.txt", "").status == 200);
    assert!(operated.sample("reeld_evicted_total") >= Some(1.0));
    assert!(idle[0].is_closed());
}

#[test]
fn timeouts_are_counted_by_kind() {
    let operated = Operated::start(&["--idle-timeout", "0.2", "--head-timeout", "0.2", "--stall-timeout", "0.2"]);
    let timeouts = |kind: &str| operated.sample(&format!("reeld_timeouts_total{{kind=\"{kind}\"}}"));
    let mut idle = operated.server.connect();
    assert!(idle.is_closed());
    operated.wait_for_sample("reeld_timeouts_total{kind=\"idle\"}", 1.0);
    let mut unfinished = operated.server.connect();
    unfinished.send("GET / HTTP/1.1\r\n");
    assert_eq!(unfinished.answer().status, 408);
    operated.wait_for_sample("reeld_timeouts_total{kind=\"head\"}", 1.0);
    // It does not close its side.
    operated.wait_for_sample("reeld_timeouts_total{kind=\"linger\"}", 1.0);
    let _stalled = operated.paused_readers(1);
    operated.wait_for_sample("reeld_timeouts_total{kind=\"stall\"}", 1.0);
    assert_eq!(["idle", "head", "stall", "disk", "linger"].map(timeouts), [1.0, 1.0, 1.0, 0.0, 1.0].map(Some));
}

#[test]
fn lines_that_the_log_lost_are_counted() {
    let operated = Operated::start(&["--log-file", "/dev/full"]);
    let agent = format!("User-Agent: {}\r\n", "a".repeat(1024));
    let mut client = operated.server.connect();
    assert_eq!(operated.sample("reeld_log_lines_dropped_total"), Some(0.0));
    // The queue holds 4 MiB of them.
    for _ in 0..6_000 {
        client.get("/small.txt", &agent);
        client.answer();
    }
    wait_until("lines are lost", || operated.sample("reeld_log_lines_dropped_total") > Some(0.0));
}

#[test]
fn the_index_is_counted() {
    let operated = Operated::start(&[]);
    operated.server.wait_until_read();
    let bytes = (FILM + "small".len() + "<!doctype html>".len()) as f64;
    operated.wait_for_sample("reeld_index_files", 4.0);
    operated.wait_for_sample("reeld_index_bytes", bytes);
    fs::write(operated.server.content.path().join("new.txt"), "12345").expect("the disk has room");
    operated.wait_for_sample("reeld_index_files", 5.0);
    operated.wait_for_sample("reeld_index_bytes", bytes + 5.0);
    let age = || operated.sample("reeld_index_age_seconds").expect("a scan has ended");
    let first = age();
    wait_until("it grows", || age() > first);
    operated.server.signal(Signal::HUP);
    wait_until("it was scanned again", || age() < first);
}

#[test]
fn the_accept_field_chooses_openmetrics() {
    let operated = Operated::start(&[]);
    operated.server.get("/small.txt", "");
    operated.wait_for_sample("reeld_requests_total{method=\"GET\",code=\"200\"}", 1.0);
    let accepting =
        |accept: &str| operated.ask(&format!("GET /metrics HTTP/1.1\r\nHost: {}\r\nAccept: {accept}", operated.admin));
    // Prometheus 2.53.
    let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,\
                      text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
    let answer = accepting(prometheus);
    assert_eq!(answer.field("Content-Type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    let text = String::from_utf8(answer.body).expect("a text");
    assert!(text.ends_with("\n# EOF\n") && text.matches("# EOF").count() == 1);
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let mut name = "";
    let types: BTreeMap<&str, &str> = types.collect();
    for line in text.lines().filter(|line| *line != "# EOF") {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            name = rest.split(' ').next().expect("a name");
            continue;
        }
        let sample = line.split(['{', ' ']).next().expect("a name");
        let suffixes: &[&str] = match types[name] {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        let is_named = line.starts_with("# TYPE ") || suffixes.iter().any(|suffix| sample == format!("{name}{suffix}"));
        assert!(is_named, "{line} of {name}");
    }
    for accept in
        ["*/*", "text/plain", "text/plain, application/openmetrics-text;q=0.1", "application/openmetrics-text;q=0"]
    {
        assert_eq!(
            accepting(accept).field("Content-Type"),
            Some("text/plain; version=0.0.4; charset=utf-8"),
            "{accept}"
        );
    }
}

#[test]
fn promtool_finds_nothing() {
    if !has_programs(&["promtool"]) {
        return;
    }
    let operated = Operated::start(&[]);
    operated.server.wait_until_read();
    operated.server.get("/film.mp4", "");
    operated.server.get("/missing", "");
    operated.wait_for_sample("reeld_requests_total{method=\"GET\",code=\"404\"}", 1.0);
    let mut check = Command::new("promtool");
    check.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut check = check.spawn().expect("it starts");
    check.stdin.take().expect("it is piped").write_all(operated.metrics().as_bytes()).expect("it reads");
    let output = check.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()), "");
    assert!(output.status.success());
}
