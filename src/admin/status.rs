//! What the page shows, as JSON.

use std::fmt::{Display, Write};

use super::history::{History, SERIES};
use super::sources::Sources;
use crate::json;
use crate::ops::viewings::Shown;
use crate::site::{Listing, Site, split_path};

/// Viewings that the page shows, at most.
const VIEWINGS_SHOWN: usize = 200;

/// The pool, the last minutes, and what is being played.
pub fn json(sources: &Sources, history: &History) -> String {
    let Sources { server, site, metrics, viewings, log } = sources;
    let (health, server) = (server.health(), server.snapshot());
    let mut out = format!("{{\"health\":\"{}\",\"version\":\"{}\"", health.word(), env!("CARGO_PKG_VERSION"));
    let numbers = [
        ("workers", server.workers as u64),
        ("max_connections", server.max_connections as u64),
        ("disk_permits", server.disk_permits as u64),
        ("promised", metrics.promised()),
        ("sent", metrics.sent()),
        ("aborted", metrics.aborted()),
        ("shed", server.shed),
        ("evicted", server.evicted),
        ("panics", server.panics),
        ("log_lines_dropped", log.as_ref().map_or(0, |log| log.writer().dropped())),
        ("uptime", server.uptime.as_secs()),
    ];
    for (name, value) in numbers {
        member(&mut out, name, value);
    }
    object(&mut out, "states", server.states());
    object(&mut out, "timeouts", server.timeouts);
    object(&mut out, "requests", metrics.requests().map(|(method, code, count)| (format!("{method} {code}"), count)));
    object(&mut out, "most", SERIES.into_iter().zip(history.most));
    object(
        &mut out,
        "samples",
        SERIES.into_iter().enumerate().map(|(series, name)| {
            let values: Vec<String> = history.samples.iter().map(|sample| sample[series].to_string()).collect();
            (name, format!("[{}]", values.join(",")))
        }),
    );
    let viewings: Vec<String> =
        viewings.list(VIEWINGS_SHOWN).iter().map(|viewing| self::viewing(viewing, site)).collect();
    member(&mut out, "viewings", format_args!("[{}]", viewings.join(",")));
    out.push_str("}\n");
    out
}

/// Adds a member whose value is JSON.
fn member(out: &mut String, name: impl Display, value: impl Display) {
    let comma = if out.ends_with('{') { "" } else { "," };
    // Writing to a string cannot fail.
    let _ = write!(out, "{comma}\"{name}\":{value}");
}

fn object<N: Display, V: Display>(out: &mut String, name: &str, members: impl IntoIterator<Item = (N, V)>) {
    let mut object = String::from("{");
    members.into_iter().for_each(|(name, value)| member(&mut object, name, value));
    member(out, name, object + "}");
}

fn viewing(viewing: &Shown, site: &Site) -> String {
    let mut out = String::from("{");
    for (name, text) in [("client", viewing.client.as_bytes()), ("agent", &viewing.agent), ("path", &viewing.path)] {
        let mut escaped = String::new();
        json::escape(&mut escaped, &String::from_utf8_lossy(text));
        member(&mut out, name, format_args!("\"{escaped}\""));
    }
    if let Some(seconds) = duration(&viewing.path, site) {
        member(&mut out, "duration", format_args!("{seconds:.1}"));
    }
    for (name, time) in [("time", viewing.time), ("idle", viewing.idle)] {
        member(&mut out, name, format_args!("{:.1}", time.as_secs_f64()));
    }
    let Shown { size, position, promised, sent, wasted, .. } = *viewing;
    for (name, bytes) in
        [("size", size), ("position", position), ("promised", promised), ("sent", sent), ("wasted", wasted)]
    {
        member(&mut out, name, bytes);
    }
    out + "}"
}

/// The duration of a film in seconds, if it has been described already.
fn duration(path: &[u8], site: &Site) -> Option<f64> {
    let (folder, name) = split_path(path);
    let Ok(Listing::Read(folder)) = site.list(folder) else { return None };
    let description = site.description(&folder.get(name)?.file_id())?;
    description.duration.map(|duration| duration.as_secs_f64())
}
