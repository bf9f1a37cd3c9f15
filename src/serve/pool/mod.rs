//! What the threads share: the channel, and buffers.
//!
//! `admission` (which connections come in), `run_slots` (which workers take from the channel),
//! `inbox` and `waker` (what a poll thread is given), `disk` (permits for what may block),
//! `load` (what there is time for), `send_budget`, `send_queue` and `quota` (what clients hold),
//! `shutdown` (the end), `sync` (std or loom).

use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
#[cfg(test)]
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::settings::Settings;
use crate::limits::{FEW_TRANSFERS, SHED_MAX, UNFINISHED_HEADS_MAX};
use crate::ops::Observer;
use crate::site::{FileSystem, Site, WouldBlock};

pub(in crate::serve) mod admission;
pub(in crate::serve) mod disk;
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
use disk::DiskPermits;
use inbox::{Interest, Parked, PollInbox};
use load::Load;
use quota::{Quota, Slot};
use run_slots::{RunSlot, RunSlots};
use send_queue::SendQueues;
use shutdown::Shutdown;
use waker::Waker;

/// Bytes that are read from a file at once: a fraction of a usual L2 cache. What the client does
/// not take is read again later; to read only as much as it took last measured no better.
pub(in crate::serve) const CHUNK: usize = 256 * 1024;

/// How long a worker may block on a client while nothing else needs it: long enough for the next
/// request of a client that asks without pause (which saves it the way through the poller), and
/// short beside what a person notices.
pub(in crate::serve) const INLINE_WAIT: Duration = Duration::from_millis(5);

/// What the thread that runs the server hears of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Event {
    Ended,
    Panicked,
    /// What was under way when the time to finish was over has been cut.
    Aborted,
}

/// Why a connection comes to a worker.
#[derive(Debug)]
pub(in crate::serve) enum Wakeup<C> {
    New,
    /// Its client was seen to be ready then.
    Ready(Instant),
    /// Its quantum was spent, and others were served.
    Requeued,
    /// It has the permit that it waited for.
    DiskPermit(DiskPermit<C>),
    /// Its deadline has passed, or another connection needs what it holds.
    TimedOut,
    /// No disk permit came in time.
    DiskTimedOut,
    /// Its client has left, or the server has no more time for it.
    Abandoned,
}

/// Where a connection goes from its worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Next {
    /// To the end of the channel: others have their turn.
    Requeue,
    /// To a poller.
    Wait(Interest),
    /// To wait for a disk permit.
    WaitForDisk(FileSystem),
    /// It has ended.
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
    /// To close a file of a file system where that may block.
    CloseFile(File, DiskPermit<C>),
    /// The worker that receives it ends.
    End,
}

/// What waits for a disk permit.
#[derive(Debug)]
pub(in crate::serve) enum Waiter<C> {
    /// A connection, parked with nothing to wait for but its deadline and the client's leaving.
    Connection(Parked<C>),
    /// A file to be closed.
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
    pub shutdown: Arc<Shutdown>,
    /// Where workers park connections.
    pub active: PollInbox<Parked<C>>,
    /// Where the active poller leaves connections without an event for a while.
    pub inactive: PollInbox<Parked<C>>,
    pub admission: Admission,
    pub disk: Arc<DiskPermits<Waiter<C>>>,
    pub run_slots: RunSlots,
    /// Transfers with more room in their sockets.
    pub send_budget: Arc<Quota>,
    /// Bytes of unfinished request heads that are parked.
    pub unfinished_heads: Arc<Quota>,
    pub send_queues: SendQueues,
    /// Where the thread that runs the server hears of the others.
    pub events: Sender<Event>,
    sender: Sender<Task<C>>,
    receiver: Receiver<Task<C>>,
    /// A stack, so that the buffer used last, which is still in the cache of the processor, is used
    /// next.
    buffers: Mutex<Vec<Box<[u8]>>>,
    /// Workers that block on clients.
    blocked: Arc<Quota>,
    /// Makes it seem that nothing is in memory.
    #[cfg(test)]
    cold: AtomicBool,
    /// How often a file was read with a permit.
    #[cfg(test)]
    reads: AtomicUsize,
}

/// A worker thread. Whatever may block on a client or a file system takes it by `&mut`, to release
/// its run slot first.
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
        // Sending never blocks: there is room for every connection that there can be, for a close
        // by every worker, and for the end of every worker.
        let (sender, receiver) = bounded(settings.max_connections + SHED_MAX + 2 * settings.workers.get());
        let deliver = sender.clone();
        let disk = DiskPermits::new(
            settings.workers,
            Box::new(move |waiter, permit| {
                let task = match waiter {
                    Waiter::Connection(parked) => Task::Serve(parked.connection, Wakeup::DiskPermit(permit)),
                    Waiter::File(file) => Task::CloseFile(file, permit),
                };
                // It fails when the server has ended.
                let _ = deliver.send(task);
            }),
        );
        Ok(Pool {
            blocked: Quota::new(settings.workers.get() / 2),
            settings,
            site,
            observer,
            shutdown,
            active,
            inactive,
            admission,
            disk,
            run_slots: RunSlots::new(processors()),
            send_budget: Quota::new(FEW_TRANSFERS),
            unfinished_heads: Quota::new(UNFINISHED_HEADS_MAX),
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

    /// Lets a connection wait for a disk permit, watched by the active poller.
    pub fn wait_for_disk(&self, file_system: FileSystem, connection: C) {
        let since = Instant::now();
        let deadline = since + self.settings.stall_timeout;
        let parked = Parked { connection, interest: Interest::Leaving, since, deadline };
        if self.disk.wait(file_system, Waiter::Connection(parked)) {
            self.active.wake();
        }
    }

    /// Ends all workers, once they have served what is in the channel.
    pub fn end(&self) {
        for _ in 0..self.settings.workers.get() {
            self.send(Task::End);
        }
    }

    fn send(&self, task: Task<C>) {
        self.sender.send(task).expect("the pool holds a receiver itself");
    }

    /// How much there is to do now.
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

    /// The next task. A permit that the last one left, as it panicked, is released.
    pub fn next(&mut self) -> Task<C> {
        self.disk_permit = None;
        // A worker that is awake without a slot, as it blocked elsewhere, may as well take what is
        // there.
        if let Ok(task) = self.pool.receiver.try_recv() {
            return task;
        }
        self.run_slot.get_or_insert_with(|| self.pool.run_slots.acquire());
        self.pool.receiver.recv().expect("the pool holds a sender itself")
    }

    /// A permit to block on a client for up to [`INLINE_WAIT`]: only while no connection waits for
    /// a worker or is about to, and for half of the pool at most. The run slot is released with it.
    pub fn try_block(&mut self) -> Option<Slot> {
        let permit = self.pool.load().allows_blocking().then(|| self.pool.blocked.try_take(1))??;
        self.run_slot = None;
        Some(permit)
    }

    /// Lets the worker block on this file system, with the disk permit that it has or with a free
    /// one. The run slot is released then.
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

/// How many workers there are unless told: four for each processor. One for each keeps it busy with
/// what is in memory; the others may wait for the disk or for clients meanwhile.
pub fn default_workers() -> NonZeroUsize {
    NonZeroUsize::new(4 * processors().get()).unwrap_or(NonZeroUsize::MIN)
}

fn processors() -> NonZeroUsize {
    NonZeroUsize::new(num_cpus::get()).unwrap_or(NonZeroUsize::MIN)
}
