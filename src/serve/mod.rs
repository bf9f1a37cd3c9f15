//! The server: an acceptor, a channel, a fixed pool of workers, and two pollers.
//!
//! Begin with `connection`, the life of a connection, and `exchange`, the road of a request. Around
//! them: `listener`, `acceptor` and `admission` (which connections come in), `pool` (what the
//! threads share), `worker` and `run_slots` (which workers take from the channel), `read_buffer`,
//! `receive`, `transfer`, `file_read` and `send_budget` (the bytes in and out), `inbox`, `poller`
//! and `waker` (where connections wait for their clients), `disk` (where they wait for a file
//! system), `send_queue` (what clients have not acknowledged), `quota` (what is limited), `sync`
//! (std or loom), `shutdown` (the end).

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::http::Cors;
use crate::http::range::Parts;
use crate::ops::AccessLog;
use crate::site::Site;

mod acceptor;
mod admission;
mod connection;
mod disk;
mod exchange;
mod file_read;
#[cfg(any(test, fuzzing))]
pub mod harness;
mod inbox;
mod listener;
mod poller;
mod pool;
mod quota;
mod read_buffer;
mod receive;
mod run_slots;
mod send_budget;
mod send_queue;
mod shutdown;
mod sync;
mod transfer;
mod waker;
mod worker;

pub use listener::Listener;
pub use pool::default_workers;
pub use shutdown::Shutdown;
pub use transfer::SendMethod;

use poller::Poller;
use pool::Pool;

/// Threads of a server beside its workers: acceptor and two pollers. The process has five more:
/// main, content, signals, diagnostics, access log.
pub const THREADS_BESIDE_WORKERS: usize = 3;

/// How to serve.
#[derive(Clone, Debug)]
pub struct Settings {
    pub workers: NonZeroUsize,
    /// Connections served at once; further ones get 503.
    pub max_connections: usize,
    /// How long a connection may wait for a request to begin.
    pub idle_timeout: Duration,
    /// How long a request head may take from its first byte on.
    pub head_timeout: Duration,
    /// How long a client may take next to nothing of an answer; see
    /// [`STALL_PROGRESS`](crate::limits::STALL_PROGRESS).
    pub stall_timeout: Duration,
    /// How long answers under way may take to finish when the server ends.
    pub drain_timeout: Duration,
    pub parts: Parts,
    pub transfer: SendMethod,
    /// Whose web pages may play what is served.
    pub cors: Option<Cors>,
}

/// What the thread that runs the server hears of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Ended,
    Panicked,
    /// What was under way when the time to finish was over has been cut.
    Aborted,
}

/// How long the threads may take to end after connections were cut. One that still waits for a file
/// system ends with the process.
const ABORT_TIME: Duration = Duration::from_secs(1);

/// Serves the site on the listener until `stop` says so and the answers under way are finished, or
/// cut. The process should end then: a thread that waits for a file system that hangs is left
/// behind.
///
/// Fails where the server cannot begin (no descriptors, no threads), and where it cannot go on,
/// because a thread that every connection needs has panicked.
pub fn run(
    settings: &Settings,
    listener: Listener,
    site: Arc<Site>,
    log: Option<AccessLog>,
    shutdown: Arc<Shutdown>,
) -> io::Result<()> {
    let (sender, events) = unbounded();
    let pool = Arc::new(Pool::new(settings.clone(), site, log, shutdown, sender)?);
    let threads = start(&pool, listener)?;
    wait(threads, &events)
}

/// Starts all threads and returns how many. Where one cannot be started, those before it go on.
fn start(pool: &Arc<Pool>, listener: Listener) -> io::Result<usize> {
    for number in 1..=pool.settings.workers.get() {
        spawn(pool, format!("worker-{number}"), worker::work)?;
    }
    let permit = pool.admission.acceptor();
    spawn(pool, "poll-inactive".into(), |pool| Poller::new(pool, &pool.inactive, None).run())?;
    spawn(pool, "poll-active".into(), |pool| {
        Poller::new(pool, &pool.active, Some(&pool.inactive)).run();
        pool.end();
    })?;
    spawn(pool, "acceptor".into(), move |pool| acceptor::accept(pool, listener, permit))?;
    Ok(pool.settings.workers.get() + THREADS_BESIDE_WORKERS)
}

fn spawn(pool: &Arc<Pool>, name: String, task: impl FnOnce(&Pool) + Send + 'static) -> io::Result<()> {
    let pool = Arc::clone(pool);
    let run = move || {
        let _end = End(pool.events.clone());
        task(&pool);
    };
    thread::Builder::new().name(name).spawn(run).map(drop)
}

/// Tells how a thread ended.
struct End(Sender<Event>);

impl Drop for End {
    fn drop(&mut self) {
        // It fails when nothing waits for the threads any more.
        let _ = self.0.send(if thread::panicking() { Event::Panicked } else { Event::Ended });
    }
}

fn wait(threads: usize, events: &Receiver<Event>) -> io::Result<()> {
    let mut running = threads;
    let mut until = None;
    while running > 0 {
        let event = match until {
            None => events.recv().ok(),
            Some(until) => events.recv_deadline(until).ok(),
        };
        match event {
            Some(Event::Ended) => running -= 1,
            // Better a server that is started again than one that answers nothing.
            Some(Event::Panicked) => return Err(io::Error::other("a thread that every connection needs has panicked")),
            Some(Event::Aborted) => until = Some(Instant::now() + ABORT_TIME),
            None => {
                log::warn!("threads that still wait for a file system: {running}; they end with the process");
                break;
            }
        }
    }
    Ok(())
}

#[cfg(all(test, loom))]
mod interleavings;
#[cfg(all(test, not(loom)))]
mod tests;
