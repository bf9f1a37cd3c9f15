//! What the server would answer to a request, and which rule decides each part of it.
//!
//! `resource` (what the target leads to), `denied` (why it leads to nothing), `selected`
//! (conditions, ranges and the part policy), each as a list of `rule`s. The head comes from the
//! [`Exchange`] of a worker, and the rules from the functions and values that decide it.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crossbeam_channel::unbounded;

use super::connection::exchange::Exchange;
use super::connection::find::find;
use super::connection::{Pool, Worker};
use super::pool::shutdown::Shutdown;
use super::settings::Settings;
use crate::http::head::{self, Parsed};
use crate::http::{Refusal, Request, target};
use crate::limits::HEAD_MAX;
use crate::ops::record::Peer;
use crate::site::{Found, NotFound, Site, WouldBlock};

mod denied;
mod resource;
mod rule;
mod selected;

use rule::Rule;

/// The head of a response, and the rules that decide it.
#[derive(Debug)]
pub struct Explanation {
    head: String,
    rules: Vec<Rule>,
}

/// Columns of what is decided.
const LABEL: usize = 12;

/// Workers of the pool, none of which runs: enough that each file system has a permit to spare.
/// Without a worker to close them, files of network mounts stay open until the process ends.
const WORKERS: NonZeroUsize = NonZeroUsize::new(64).expect("not zero");

/// Decides the response to `GET target` with these field lines, each `Name: value`. Without a Host
/// among them it is `localhost`. The client is no trusted proxy. Blocks while a file does not
/// answer.
///
/// Fails without descriptors.
pub fn explain(settings: &Settings, site: Arc<Site>, target: &str, fields: &[String]) -> io::Result<Explanation> {
    let settings = Settings { workers: WORKERS, max_connections: 1, ..settings.clone() };
    let (events, _) = unbounded();
    let pool = Pool::new(settings, site, None, Arc::new(Shutdown::new()?), events)?;
    let mut worker = Worker::new(&pool);
    let mut bytes = request_head(target, fields).into_bytes();
    // As much of it as the server holds.
    bytes.truncate(HEAD_MAX);
    let request = match head::parse(&bytes) {
        Ok(Parsed::Complete(request, _)) => Ok(request),
        Ok(Parsed::Partial) => Err(Refusal::TIMED_OUT),
        Err(refusal) => Err(refusal),
    };
    let peer = Peer::new(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let no_permit = |_: WouldBlock| io::Error::other("no disk permit is free");
    // The rules first: what is looked up again may come from the cache, which does not say where
    // it lies.
    let (rules, exchange) = match request {
        Ok(request) => (
            rules(&request, &mut worker).map_err(no_permit)?,
            Exchange::respond(&request, Instant::now(), &bytes, &peer, &mut worker).map_err(no_permit)?,
        ),
        Err(refusal) => {
            (vec![("request", refusal.reason.to_string())], Exchange::reject(refusal, &bytes, &peer, &pool))
        }
    };
    Ok(Explanation { head: String::from_utf8_lossy(exchange.head()).replace("\r\n", "\n"), rules })
}

fn request_head(target: &str, fields: &[String]) -> String {
    let is_host =
        |field: &String| field.split_once(':').is_some_and(|(name, _)| name.trim().eq_ignore_ascii_case("host"));
    let host = if fields.iter().any(is_host) { "" } else { "Host: localhost\r\n" };
    let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
    format!("GET {target} HTTP/1.1\r\n{host}{fields}\r\n")
}

/// The rules that decide the response to a GET.
fn rules(request: &Request, worker: &mut Worker) -> Result<Vec<Rule>, WouldBlock> {
    let target = match target::parse(request.target) {
        Ok(target) => target,
        Err(refusal) => return Ok(vec![("target", refusal.reason.to_string())]),
    };
    let settings = &worker.pool.settings;
    Ok(match find(request, &target, Instant::now(), worker) {
        Ok(Found::File(found)) => {
            let mut rules = resource::rules(request, &target, &found, worker.pool);
            rules.extend(selected::rules(request, &found, &settings.parts, SystemTime::now()));
            rules
        }
        Ok(Found::Folder) => {
            let sentence = "The path of a folder ends in a slash, so the client is sent to the path with one.";
            vec![("redirect", sentence.to_string())]
        }
        Err(NotFound::Refused(refusal)) => denied::rules(refusal, &target, worker)?,
        Err(NotFound::WouldBlock(would_block)) => return Err(would_block),
    })
}

impl fmt::Display for Explanation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.head)?;
        for (index, (label, sentence)) in self.rules.iter().enumerate() {
            let end = if index + 1 < self.rules.len() { "\n" } else { "" };
            write!(out, "{label:LABEL$} {sentence}{end}")?;
        }
        Ok(())
    }
}
