//! The metrics, each with its sentence. No label names a file or a client, so their number is
//! bounded.

use super::exposition::{Exposition, Format};
use super::sources::Sources;

/// Turns a name and its value into a sample with that name as its label.
fn labelled<V>(label: &'static str) -> impl Fn((&'static str, V)) -> (String, V) {
    move |(name, value)| (format!("{label}=\"{name}\""), value)
}

/// All metrics in this format.
pub fn text(sources: &Sources, format: Format) -> String {
    let Sources { server, site, metrics, viewings, log } = sources;
    let server = server.snapshot();
    let mut out = Exposition::new(format);
    out.gauge("reeld_connections", "Open connections by where they are.", server.states().map(labelled("state")));
    out.gauge("reeld_connections_max", "Connections served at once, at most.", [("", server.max_connections)]);
    out.gauge("reeld_workers", "Threads of the pool.", [("", server.workers)]);
    out.gauge("reeld_workers_busy", "Threads of the pool that serve a connection.", [("", server.busy_workers)]);
    out.gauge("reeld_queue_depth", "Connections that wait for a worker.", [("", server.queued)]);
    out.histogram(
        "reeld_queue_wait_seconds",
        "Time that the connection of a request waited for a worker.",
        metrics.queue_wait(),
    );
    out.histogram(
        "reeld_first_byte_seconds",
        "Time from the first byte of a request until the first byte of the response.",
        metrics.first_byte(),
    );
    let requests =
        metrics.requests().map(|(method, code, count)| (format!("method=\"{method}\",code=\"{code}\""), count));
    out.counter("reeld_requests", "Requests answered.", requests);
    let bytes = [("promised", metrics.promised()), ("sent", metrics.sent()), ("aborted", metrics.aborted())];
    out.counter(
        "reeld_content_bytes",
        "Bytes of bodies: promised to clients, sent to them, and not taken by them.",
        bytes.map(labelled("what")),
    );
    out.counter("reeld_parts", "Answers with status 206.", [("", metrics.parts())]);
    out.counter("reeld_shed", "Connections over the limit, answered 503.", [("", server.shed)]);
    out.counter("reeld_evicted", "Connections closed to make room for others.", [("", server.evicted)]);
    out.counter("reeld_timeouts", "Deadlines that have passed.", server.timeouts.map(labelled("kind")));
    let permits = [("taken", server.disk_permits), ("waiting", server.waiting_for_disk)];
    out.gauge("reeld_disk_permits", "Permits to block on a file system.", permits.map(labelled("state")));
    out.counter("reeld_disk_waits", "Waits for such a permit.", [("", server.disk_waits)]);
    out.counter("reeld_panics", "Connections that a panic has ended.", [("", server.panics)]);
    let lost = log.as_ref().map_or(0, |log| log.writer().dropped());
    out.counter("reeld_log_lines_dropped", "Lines that the access log has lost.", [("", lost)]);
    let index = site.index();
    let (files, bytes) = index.total(|_| true);
    out.gauge("reeld_index_files", "Files in the index.", [("", files)]);
    out.gauge("reeld_index_bytes", "Bytes of these files.", [("", bytes.0)]);
    let age = site.index_age().map(|age| ("", age.as_secs_f64()));
    out.gauge("reeld_index_age_seconds", "Time since a scan of the folder last ended.", age);
    out.gauge("reeld_viewings", "Films and tracks that are being played.", [("", viewings.count())]);
    let build = format!("version=\"{}\"", env!("CARGO_PKG_VERSION"));
    out.gauge("reeld_build_info", "The version; the value is always 1.", [(build, 1)]);
    out.finish()
}
