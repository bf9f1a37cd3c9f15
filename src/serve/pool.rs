//! What the threads share: the channel and the places at it, the lots, the buffers, and the count of workers that wait for a
//! client.

use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::Settings;
use super::admission::Admission;
use super::connection::Connection;
use super::disk::{Disk, DiskRight};
use super::lot::Lot;
use super::places::Places;
use super::stop::Stop;
use super::transfer::CHUNK;
use crate::limits::SHED_MAX;
use crate::ops::AccessLog;
use crate::site::Site;

/// How long a worker may wait for a client while nobody else needs it: long enough for the next request of a client that
/// asks without pause (which saves it the way through the lot), and short beside what a person notices.
pub(super) const CLIENT_WAIT: Duration = Duration::from_millis(5);

/// So many connections that are parked and may be ready soon are a crowd: no worker waits for one of them.
pub(super) const CROWD: usize = 8;

/// Everything that acceptor, workers and lots share.
#[derive(Debug)]
pub(super) struct Pool<'a> {
    pub settings: &'a Settings,
    pub site: &'a Site,
    pub log: Option<AccessLog>,
    pub stop: &'a Stop,
    /// Where connections are parked.
    pub recent: Lot,
    /// Where those wait that were parked and not ready for long.
    pub settled: Lot,
    pub admission: Arc<Admission>,
    pub disk: Arc<Disk>,
    pub places: Places,
    /// How many transfers have [`Headroom`](super::headroom::Headroom).
    pub headroom: Arc<AtomicUsize>,
    /// None ends the worker that receives it.
    sender: Sender<Option<Connection>>,
    receiver: Receiver<Option<Connection>>,
    /// A stack, so that the buffer used last, which is still in the cache of the processor, is used next.
    buffers: Mutex<Vec<Box<[u8]>>>,
    waiting: AtomicUsize,
}

/// The right of a worker to wait for its client; given back when dropped.
pub(super) struct Leisure<'a>(&'a AtomicUsize);

impl<'a> Pool<'a> {
    pub fn new(settings: &'a Settings, site: &'a Site, log: Option<AccessLog>, stop: &'a Stop) -> io::Result<Self> {
        let (recent, settled) = (Lot::new()?, Lot::new()?);
        let admission = Admission::new(settings.max_connections, [recent.bell(), settled.bell()].map(Arc::clone));
        // Room for every connection that there can be and for the end of every worker: sending never blocks.
        let (sender, receiver) = bounded(settings.max_connections + SHED_MAX + settings.workers.get());
        Ok(Pool {
            settings,
            site,
            log,
            stop,
            recent,
            settled,
            admission,
            disk: Disk::new(settings.workers, sender.clone()),
            places: Places::new(processors()),
            headroom: Arc::default(),
            sender,
            receiver,
            buffers: Mutex::default(),
            waiting: AtomicUsize::new(0),
        })
    }

    /// Puts a connection at the end of the channel.
    pub fn queue(&self, connection: Connection) {
        self.send(Some(connection));
    }

    /// Ends everything when it is dropped while a thread that everybody needs panics: better a server that is started again
    /// than one that answers nobody.
    pub fn end_on_panic(&self) -> EndOnPanic<'_> {
        EndOnPanic(self)
    }

    /// Ends all workers, once they have served what is in the channel.
    pub fn end(&self) {
        for _ in 0..self.settings.workers.get() {
            self.send(None);
        }
    }

    fn send(&self, message: Option<Connection>) {
        self.sender.send(message).expect("the pool holds a receiver itself");
    }

    /// The next connection to serve; None when there will be no more.
    pub fn next(&self) -> Option<Connection> {
        // Who is awake without a place, after it has waited elsewhere, may as well take what is there.
        if let Ok(message) = self.receiver.try_recv() {
            return message;
        }
        self.places.take();
        self.receiver.recv().expect("the pool holds a sender itself")
    }

    /// How many connections wait for a worker.
    pub fn queued(&self) -> usize {
        self.receiver.len()
    }

    /// The right to wait for a client for up to [`CLIENT_WAIT`]: only while no connection waits for a worker or is about to,
    /// and for no more than half of the pool, so that the other half is there for whoever comes meanwhile. The place is passed
    /// on with it.
    pub fn leisure(&self) -> Option<Leisure<'_>> {
        if self.queued() > 0 || self.recent.lively() >= CROWD {
            return None;
        }
        let leisure = Leisure(&self.waiting);
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        (before < self.settings.workers.get() / 2).then(|| {
            self.places.pass_on();
            leisure
        })
    }

    /// Whether the worker may wait for the disk: with the `right` that it has, or with one that is to be had. The place is
    /// passed on then.
    pub fn may_wait_for_disk(&self, right: &mut Option<DiskRight>) -> bool {
        if right.is_none() {
            *right = self.disk.right();
        }
        if right.is_some() {
            self.places.pass_on();
        }
        right.is_some()
    }

    /// Lends a buffer of [`CHUNK`] bytes.
    pub fn with_buffer<T>(&self, use_it: impl FnOnce(&mut [u8]) -> T) -> T {
        let stack = || self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = stack().pop();
        let mut buffer = kept.unwrap_or_else(|| vec![0; CHUNK].into_boxed_slice());
        let result = use_it(&mut buffer);
        stack().push(buffer);
        result
    }
}

/// See [`Pool::end_on_panic`].
pub(super) struct EndOnPanic<'a>(&'a Pool<'a>);

impl Drop for EndOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop.finish();
            self.0.end();
        }
    }
}

impl Drop for Leisure<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many workers there are unless told: four for each processor. One for each keeps it busy with what is in memory;
/// the others may wait for the disk or for clients meanwhile.
pub fn default_workers() -> NonZeroUsize {
    NonZeroUsize::new(4 * processors().get()).unwrap_or(NonZeroUsize::MIN)
}

fn processors() -> NonZeroUsize {
    NonZeroUsize::new(num_cpus::get()).unwrap_or(NonZeroUsize::MIN)
}
