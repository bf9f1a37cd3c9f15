//! The server: an acceptor, a channel, a fixed pool of workers, and the lots.
//!
//! Begin with `connection`, the road of a request. Around it: `listener`, `acceptor` and `admission` (who comes in),
//! `pool` (what the threads share), `worker` and `places` (who takes from the channel), `exchange` (a request and its
//! answer), `input`, `transfer` and `headroom` (the bytes in and out), `lot`, `keeper` and `wake` (where connections wait
//! for their clients), `disk` (where they wait for that), `stop` (the end).

use std::io;
use std::num::NonZeroUsize;
use std::thread::{self, Scope};
use std::time::Duration;

use crate::http::Cors;
use crate::http::range::Parts;
use crate::ops::AccessLog;
use crate::site::Site;

mod acceptor;
mod admission;
mod connection;
mod disk;
mod exchange;
mod headroom;
mod input;
mod keeper;
mod listener;
mod lot;
mod places;
mod pool;
#[cfg(any(test, fuzzing))]
pub mod rehearsal;
mod stop;
mod transfer;
mod wake;
mod worker;

pub use listener::Listener;
pub use pool::default_workers;
pub use stop::Stop;
pub use transfer::By;

use keeper::Keeper;
use pool::Pool;

/// Threads of a server beside its workers: acceptor and the two lots. The process has four more: main, signals,
/// diagnostics, access log.
pub const THREADS_BESIDE_WORKERS: usize = 3;

/// How to serve.
#[derive(Clone, Debug)]
pub struct Settings {
    pub workers: NonZeroUsize,
    /// Connections served at once; further ones are told so with 503.
    pub max_connections: usize,
    /// How long a connection may wait for a request to begin.
    pub idle_timeout: Duration,
    /// How long a request head may take from its first byte on.
    pub head_timeout: Duration,
    /// How long a client may take next to nothing of an answer; see [`STALL_PROGRESS`](crate::limits::STALL_PROGRESS).
    pub stall_timeout: Duration,
    /// How long answers under way may take to finish when the server ends.
    pub drain_timeout: Duration,
    pub parts: Parts,
    pub transfer: By,
    /// Whose web pages may play what is served.
    pub cors: Option<Cors>,
}

/// Serves the site on the listener until `stop` says so and the answers under way are finished.
///
/// Fails only where the server cannot begin: no descriptors, no threads.
pub fn run(
    settings: &Settings,
    listener: Listener,
    site: &Site,
    log: Option<AccessLog>,
    stop: &Stop,
) -> io::Result<()> {
    let pool = Pool::new(settings, site, log, stop)?;
    thread::scope(|scope| {
        let started = start(scope, &pool, listener);
        if started.is_err() {
            // Those that did start must not wait for the others for ever.
            stop.finish();
            pool.end();
        }
        started
    })
}

fn start<'scope>(scope: &'scope Scope<'scope, '_>, pool: &'scope Pool, listener: Listener) -> io::Result<()> {
    for number in 1..=pool.settings.workers.get() {
        spawn(scope, format!("worker-{number}"), || worker::work(pool))?;
    }
    let permit = pool.admission.acceptor();
    spawn(scope, "acceptor".into(), move || acceptor::accept(pool, listener, permit))?;
    spawn(scope, "settled-lot".into(), || {
        let _guard = pool.end_on_panic();
        Keeper::new(pool, &pool.settled, None).keep();
    })?;
    spawn(scope, "recent-lot".into(), || {
        let _guard = pool.end_on_panic();
        Keeper::new(pool, &pool.recent, Some(&pool.settled)).keep();
        pool.end();
    })
}

fn spawn<'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: String,
    task: impl FnOnce() + Send + 'scope,
) -> io::Result<()> {
    thread::Builder::new().name(name).spawn_scoped(scope, task).map(drop)
}

#[cfg(test)]
mod tests;
