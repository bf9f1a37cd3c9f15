//! What a server shows of itself while it runs.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::connection::Pool;
use super::pool::health::Health;

/// A view of a running server.
#[derive(Clone, Debug)]
pub struct Monitor(pub(super) Arc<Pool>);

/// What a pool does at one moment, and what it has counted since the start.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Open connections, those over the limit included.
    pub connections: usize,
    pub max_connections: usize,
    /// Connections that wait for their client to take more of a response.
    pub sending: usize,
    /// Connections that wait for a request, or for the rest of one.
    pub idle: usize,
    /// Connections that wait for a worker.
    pub queued: usize,
    pub workers: usize,
    pub busy_workers: usize,
    /// Disk permits that are taken.
    pub disk_permits: usize,
    /// Connections that wait for a disk permit.
    pub waiting_for_disk: usize,
    /// Since the start, as in the fields below: connections over the limit, answered 503.
    pub shed: u64,
    /// Connections closed to make room for others.
    pub evicted: u64,
    pub disk_waits: u64,
    /// Connections that a panic has ended.
    pub panics: u64,
    /// Which deadlines have passed, and how often.
    pub timeouts: [(&'static str, u64); 5],
    pub uptime: Duration,
}

impl Snapshot {
    /// The connections by where they are; a worker serves those that are nowhere else. The counts
    /// add up, although connections move while they are read.
    pub fn states(&self) -> [(&'static str, usize); 5] {
        let mut rest = self.connections;
        let mut take = |count: usize| {
            let taken = count.min(rest);
            rest -= taken;
            taken
        };
        let [queued, disk] = [self.queued, self.waiting_for_disk].map(&mut take);
        let [sending, idle] = [self.sending, self.idle].map(&mut take);
        [("served", rest), ("queued", queued), ("idle", idle), ("sending", sending), ("disk", disk)]
    }
}

impl Monitor {
    /// Open connections, those over the limit included.
    pub fn connections(&self) -> usize {
        self.0.admission.connections()
    }

    /// Workers of the pool.
    pub fn workers(&self) -> usize {
        self.0.settings.workers.get()
    }

    /// Workers that serve a connection, wait for a disk, or wait for a client.
    pub fn busy_workers(&self) -> usize {
        self.workers().saturating_sub(self.0.heartbeat.idle.load(Ordering::Relaxed))
    }

    /// Whether the server should be sent more clients.
    pub fn health(&self) -> Health {
        self.0.health()
    }

    /// What the pool does now. Its numbers are read one after the other, while they change.
    pub fn snapshot(&self) -> Snapshot {
        let Monitor(pool) = self;
        let (disk_permits, waiting_for_disk) = pool.disk.counts(|waiter| waiter.connection().is_some());
        let (connections, queued) = (pool.admission.connections(), pool.load().queued);
        let parked = pool.active.parked_count() + pool.inactive.parked_count();
        let sending = pool.active.sending_count() + pool.inactive.sending_count();
        Snapshot {
            connections,
            max_connections: pool.settings.max_connections,
            sending,
            idle: parked.saturating_sub(sending),
            queued,
            workers: self.workers(),
            busy_workers: self.busy_workers(),
            disk_permits,
            waiting_for_disk,
            shed: pool.counters.shed.get(),
            evicted: pool.counters.evicted.get(),
            disk_waits: pool.counters.disk_waits.get(),
            panics: pool.counters.panics.get(),
            timeouts: pool.counters.timeouts(),
            uptime: pool.start.elapsed(),
        }
    }

    /// Whether the server drains.
    pub fn is_draining(&self) -> bool {
        self.0.shutdown.is_draining()
    }

    /// Whether workers have received tasks and both pollers have polled since this was last asked.
    /// Sends a task that does nothing but wake the pollers, so that an idle pool makes progress
    /// too.
    ///
    /// One worker that is free suffices: the others may all hang on a file system.
    pub fn is_alive(&self) -> bool {
        let is_alive = self.0.heartbeat.has_progressed();
        self.0.probe();
        is_alive
    }
}
