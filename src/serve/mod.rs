//! The server: an acceptor, a channel, a fixed pool of workers, and two pollers.
//!
//! Begin with `connection`, the life of a connection, and `connection/exchange`, the path of a
//! request. Imports go down only:
//!
//! | module | contents |
//! |---|---|
//! | `acceptor`, `worker`, `poller` | the threads that accept, serve and poll connections |
//! | `explain` | the response to one request and the rules that decide it, without a connection |
//! | `connection` | states and deadlines of a connection, its bytes in and out |
//! | `listener`, `activation` | the listening sockets, and those of a service manager |
//! | `monitor` | what a server shows of itself |
//! | `pool` | what the threads share, generic over the connection |
//! | `settings` | limits, timeouts, and how files are sent |
//!
//! A connection that makes no progress waits in one of three places:
//!
//! | for | where | until |
//! |---|---|---|
//! | its client, briefly | in the worker: `receive`, `transfer::send_once` | 5 ms have passed |
//! | its client | in poll(2) of a poller, sent there by `worker` | it is ready, or its deadline |
//! | the disk | in `pool::disk` | a permit is free, the client leaves, or its deadline |

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::ops::Observer;
use crate::site::Site;

mod acceptor;
pub mod activation;
mod connection;
mod explain;
#[cfg(any(test, fuzzing))]
pub mod harness;
mod listener;
mod monitor;
mod poller;
mod pool;
mod settings;
mod worker;

pub use explain::{Explanation, explain};
pub use listener::Listener;
pub use monitor::{Monitor, Snapshot};
pub use pool::default_workers;
pub use pool::health::Health;
pub use pool::shutdown::Shutdown;
pub use settings::{SendMethod, Settings};

use connection::Pool;
use poller::Poller;
use pool::Event;

/// Threads of a server besides its workers: acceptor and two pollers. The process has five more:
/// main, content, signals, diagnostics, access log; with a service manager a
/// sixth, notify.
pub const THREADS_BESIDE_WORKERS: usize = 3;

/// How long threads may take to end after an abort. One that still waits for a file system ends
/// with the process.
const ABORT_TIME: Duration = Duration::from_secs(1);

/// A running server.
#[derive(Debug)]
pub struct Server {
    pool: Arc<Pool>,
    threads: usize,
    events: Receiver<Event>,
}

/// Starts to serve the site on the listener, until `shutdown` drains the server.
///
/// Fails if it cannot start (no descriptors, no threads).
pub fn start(
    settings: &Settings,
    listener: Listener,
    site: Arc<Site>,
    observer: Option<Arc<dyn Observer>>,
    shutdown: Arc<Shutdown>,
) -> io::Result<Server> {
    if listener.is_inherited {
        shutdown.hand_over();
    }
    let (sender, events) = unbounded();
    let pool = Arc::new(Pool::new(settings.clone(), site, observer, shutdown, sender)?);
    let threads = start_threads(&pool, listener)?;
    Ok(Server { pool, threads, events })
}

impl Server {
    /// A view of it, which may outlive it.
    pub fn monitor(&self) -> Monitor {
        Monitor(Arc::clone(&self.pool))
    }

    /// Waits until the server has drained and the responses under way are finished or aborted. The
    /// process should exit then: a thread that waits for a hung file system is left behind.
    ///
    /// Fails if a thread that every connection needs has panicked.
    pub fn wait(self) -> io::Result<()> {
        wait(self.threads, &self.events)
    }
}

/// Starts all threads and returns their number. If one cannot be started, those before it keep
/// running.
fn start_threads(pool: &Arc<Pool>, listener: Listener) -> io::Result<usize> {
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

/// Reports how a thread ended when dropped.
struct End(Sender<Event>);

impl Drop for End {
    fn drop(&mut self) {
        // Fails if nothing waits for the threads any more.
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
            // Better to end and be restarted than to serve nothing.
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
