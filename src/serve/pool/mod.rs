//! What the threads share: the channel and the buffers.
//!
//! `admission` (how many connections), `run_slots` (which workers receive), `inbox` and `waker`
//! (how a connection gets to a poller), `disk` (permits for file access that may block), `load`
//! (what the load allows), `heartbeat` (whether the threads make progress), `counters` and `health`
//! (for the operator), `send_budget`, `send_queue` and `quota` (what clients may hold), `shutdown`
//! (drain and abort), `sync` (std or loom).

use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::Ordering::Relaxed;
#[cfg(test)]
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::settings::Settings;
use crate::limits::{FEW_TRANSFERS, GENERATED_MAX, SHED_MAX, UNFINISHED_HEADS_MAX};
use crate::ops::{Observer, PartNotices};
use crate::site::{FileSystem, Site, WouldBlock};

pub(in crate::serve) mod admission;
pub(in crate::serve) mod counters;
pub(in crate::serve) mod disk;
pub(in crate::serve) mod health;
pub(in crate::serve) mod heartbeat;
pub(in crate::serve) mod inbox;
pub(in crate::serve) mod load;
pub(in crate::serve) mod quota;
pub(in crate::serve) mod run_slots;
pub(in crate::serve) mod send_budget;
pub(in crate::serve) mod send_queue;
pub(in crate::serve) mod shutdown;
mod sync;
pub(in crate::serve) mod waker;

use admission::Admission;
use counters::Counters;
use disk::DiskPermits;
use health::Health;
use heartbeat::{Heartbeat, Part};
use inbox::{Interest, Parked, PollInbox};
use load::Load;
use quota::{Quota, Slot};
use run_slots::{RunSlot, RunSlots};
use send_queue::SendQueues;
use shutdown::Shutdown;
use waker::Waker;

/// Bytes read from a file at once: a fraction of a usual L2 cache. What the client does not take is
/// read again later; reading only as much as it last took was no faster.
pub(in crate::serve) const CHUNK: usize = 256 * 1024;

/// How long a worker may block on a client while nothing else needs it: long enough for the next
/// request of a client that sends without pause, which saves a trip through the poller, and too
/// short for a person to notice.
pub(in crate::serve) const INLINE_WAIT: Duration = Duration::from_millis(5);

/// What the threads report to the one that runs the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Event {
    Ended,
    Panicked,
    /// The drain timeout has passed, and what was under way is aborted.
    Aborted,
}

/// Why a connection comes to a worker.
#[derive(Debug)]
pub(in crate::serve) enum Wakeup<C> {
    /// It was accepted at this time.
    New(Instant),
    /// A poller saw its client ready at this time.
    Ready(Instant),
    /// Its quantum was spent, and others were served.
    Requeued,
    /// It has the permit it waited for.
    DiskPermit(DiskPermit<C>),
    /// Its deadline has passed.
    TimedOut,
    /// Other connections need what it holds.
    Evicted,
    /// No disk permit came in time.
    DiskTimedOut,
    /// Its client has left, or the server aborts.
    Abandoned,
}

/// Where a worker sends a connection next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Next {
    /// To the end of the channel, behind other connections.
    Requeue,
    /// To a poller.
    Wait(Interest),
    /// To the queue for a disk permit.
    WaitForDisk(FileSystem),
    /// Nowhere; it has ended.
    Close,
}

impl From<WouldBlock> for Next {
    fn from(WouldBlock(file_system): WouldBlock) -> Self {
        Next::WaitForDisk(file_system)
    }
}

/// What the channel carries.
#[derive(Debug)]
pub(in crate::serve) enum Task<C> {
    Serve(C, Wakeup<C>),
    /// Closes a file whose close may block.
    CloseFile(File, DiskPermit<C>),
    /// Shows that a worker receives, and wakes the pollers so that they show that they poll.
    Probe,
    /// The worker that receives it ends.
    End,
}

/// What waits for a disk permit.
#[derive(Debug)]
pub(in crate::serve) enum Waiter<C> {
    /// A connection, parked until its deadline passes or its client leaves.
    Connection(Parked<C>),
    /// A file to close.
    File(File),
}

pub(in crate::serve) type DiskPermit<C> = disk::DiskPermit<Waiter<C>>;
pub(in crate::serve) type ContentFile<C> = disk::ContentFile<Waiter<C>>;

/// Everything that acceptor, workers and pollers share.
#[derive(Debug)]
pub(in crate::serve) struct Pool<C> {
    pub settings: Settings,
    pub site: Arc<Site>,
    pub observer: Option<Arc<dyn Observer>>,
    pub part_notices: PartNotices,
    pub shutdown: Arc<Shutdown>,
    /// Where workers park connections.
    pub active: PollInbox<Parked<C>>,
    /// Where the active poller parks connections without an event for a while.
    pub inactive: PollInbox<Parked<C>>,
    pub admission: Admission,
    pub disk: Arc<DiskPermits<Waiter<C>>>,
    pub run_slots: RunSlots,
    pub heartbeat: Heartbeat,
    pub counters: Counters,
    pub start: Instant,
    /// Transfers that may have more unsent bytes in their sockets.
    pub send_budget: Arc<Quota>,
    /// Bytes of unfinished request heads in parked connections.
    pub unfinished_heads: Arc<Quota>,
    /// Bytes of generated content under way, small ones not counted.
    pub generated: Arc<Quota>,
    /// Workers that make a page of a large folder, or large subtitles.
    pub generating: Arc<Quota>,
    /// Workers that describe many files.
    pub describing: Arc<Quota>,
    pub send_queues: SendQueues,
    /// To the thread that runs the server.
    pub events: Sender<Event>,
    sender: Sender<Task<C>>,
    receiver: Receiver<Task<C>>,
    /// A stack, so that the buffer used last, still in the processor's cache, is used next.
    buffers: Mutex<Vec<Box<[u8]>>>,
    /// Workers that block on clients.
    blocked: Arc<Quota>,
    /// Pretends that nothing is cached.
    #[cfg(test)]
    cold: AtomicBool,
    /// How often a file was read with a permit.
    #[cfg(test)]
    reads: AtomicUsize,
}

/// The state of a worker thread. What may block on a client or a file system takes it by `&mut`, to
/// release its run slot first.
pub(in crate::serve) struct Worker<'a, C> {
    pub pool: &'a Pool<C>,
    pub run_slot: Option<RunSlot<'a>>,
    pub disk_permit: Option<DiskPermit<C>>,
}

impl<C: Send + 'static> Pool<C> {
    pub fn new(
        settings: Settings,
        site: Arc<Site>,
        observer: Option<Arc<dyn Observer>>,
        shutdown: Arc<Shutdown>,
        events: Sender<Event>,
    ) -> io::Result<Self> {
        let (active, inactive) = (PollInbox::new(Waker::new()?), PollInbox::new(Waker::new()?));
        let admission =
            Admission::new(settings.max_connections, vec![Arc::clone(active.waker()), Arc::clone(inactive.waker())]);
        // Sending never blocks: there is room for every possible connection, a probe, and one close
        // and one end for each worker.
        let (sender, receiver) = bounded(settings.max_connections + SHED_MAX + 1 + 2 * settings.workers.get());
        let deliver = sender.clone();
        let disk = DiskPermits::new(
            settings.workers,
            Box::new(move |waiter, permit| {
                let task = match waiter {
                    Waiter::Connection(parked) => Task::Serve(parked.connection, Wakeup::DiskPermit(permit)),
                    Waiter::File(file) => Task::CloseFile(file, permit),
                };
                // Fails only after the server has ended.
                let _ = deliver.send(task);
            }),
        );
        Ok(Pool {
            blocked: Quota::new(settings.workers.get() / 2),
            settings,
            site,
            observer,
            part_notices: PartNotices::default(),
            shutdown,
            active,
            inactive,
            admission,
            disk,
            run_slots: RunSlots::new(processors()),
            heartbeat: Heartbeat::default(),
            counters: Counters::default(),
            start: Instant::now(),
            send_budget: Quota::new(FEW_TRANSFERS),
            unfinished_heads: Quota::new(UNFINISHED_HEADS_MAX),
            generated: Quota::new(GENERATED_MAX),
            generating: Quota::new(1),
            describing: Quota::new(1),
            send_queues: SendQueues::new(),
            events,
            sender,
            receiver,
            buffers: Mutex::default(),
            #[cfg(test)]
            cold: false.into(),
            #[cfg(test)]
            reads: 0.into(),
        })
    }

    /// Puts a connection at the end of the channel.
    pub fn queue(&self, connection: C, wakeup: Wakeup<C>) {
        self.send(Task::Serve(connection, wakeup));
    }

    /// Queues a connection for a disk permit; the active poller watches it.
    pub fn wait_for_disk(&self, file_system: FileSystem, connection: C) {
        self.counters.disk_waits.increment();
        let since = Instant::now();
        let deadline = since + self.settings.stall_timeout;
        let parked = Parked { connection, interest: Interest::Leaving, since, deadline };
        if self.disk.wait(file_system, Waiter::Connection(parked)) {
            self.active.wake();
        }
    }

    /// Puts a probe at the end of the channel, unless one is there.
    pub fn probe(&self) {
        if self.heartbeat.begin_probe() {
            self.send(Task::Probe);
        }
    }

    /// Notes that a worker has received a probe.
    pub fn probed(&self) {
        self.heartbeat.end_probe();
        self.active.wake();
        self.inactive.wake();
    }

    /// Ends all workers after they have served what is in the channel.
    pub fn end(&self) {
        for _ in 0..self.settings.workers.get() {
            self.send(Task::End);
        }
    }

    fn send(&self, task: Task<C>) {
        self.sender.send(task).expect("the pool holds a receiver itself");
    }

    /// Whether the server should be sent more clients.
    pub fn health(&self) -> Health {
        match (self.shutdown.is_draining(), self.admission.is_saturated()) {
            (true, _) => Health::Draining,
            (false, true) => Health::Saturated,
            (false, false) => Health::Ready,
        }
    }

    /// The current load.
    pub fn load(&self) -> Load {
        Load { queued: self.receiver.len(), active: self.active.active_count() }
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

impl<'a, C: Send + 'static> Worker<'a, C> {
    pub fn new(pool: &'a Pool<C>) -> Self {
        Worker { pool, run_slot: None, disk_permit: None }
    }

    /// The next task. Releases a disk permit that a panic left behind.
    pub fn next(&mut self) -> Task<C> {
        self.disk_permit = None;
        // A worker that is awake without a slot, because it has blocked, may take what is there.
        let task = self.pool.receiver.try_recv().unwrap_or_else(|_| {
            let idle = &self.pool.heartbeat.idle;
            idle.fetch_add(1, Relaxed);
            self.run_slot.get_or_insert_with(|| self.pool.run_slots.acquire());
            let task = self.pool.receiver.recv().expect("the pool holds a sender itself");
            idle.fetch_sub(1, Relaxed);
            task
        });
        self.pool.heartbeat.beat(Part::Workers);
        task
    }

    /// A permit to block on a client for up to [`INLINE_WAIT`], if the load allows it and at most
    /// half of the pool does so. Releases the run slot.
    pub fn try_block(&mut self) -> Option<Slot> {
        let permit = self.pool.load().allows_blocking().then(|| self.pool.blocked.try_take(1))??;
        self.run_slot = None;
        Some(permit)
    }

    /// Lets the worker block on this file system, with the disk permit it holds or a free one.
    /// Releases the run slot. Fails if no permit is free.
    pub fn try_block_on(&mut self, file_system: FileSystem) -> Result<(), WouldBlock> {
        if self.disk_permit.as_ref().is_none_or(|permit| permit.file_system() != file_system) {
            self.disk_permit = self.pool.disk.try_acquire(file_system);
        }
        self.disk_permit.as_ref().ok_or(WouldBlock(file_system))?;
        self.run_slot = None;
        Ok(())
    }
}

#[cfg(test)]
impl<C: Send + 'static> Pool<C> {
    pub fn set_cold(&self, cold: bool) {
        self.cold.store(cold, SeqCst);
    }

    pub fn is_cold(&self) -> bool {
        self.cold.load(SeqCst)
    }

    pub fn count_read(&self) {
        self.reads.fetch_add(1, SeqCst);
    }

    pub fn reads(&self) -> usize {
        self.reads.load(SeqCst)
    }
}

impl<C> Waiter<C> {
    /// The connection, if it is one.
    pub fn connection(&self) -> Option<&Parked<C>> {
        if let Waiter::Connection(parked) = self { Some(parked) } else { None }
    }
}

impl<C> From<File> for Waiter<C> {
    fn from(file: File) -> Self {
        Waiter::File(file)
    }
}

/// The default number of workers: four for each processor. One keeps it busy with cached content
/// while the others wait for the disk or for clients.
pub fn default_workers() -> NonZeroUsize {
    NonZeroUsize::new(4 * processors().get()).unwrap_or(NonZeroUsize::MIN)
}

fn processors() -> NonZeroUsize {
    NonZeroUsize::new(num_cpus::get()).unwrap_or(NonZeroUsize::MIN)
}
