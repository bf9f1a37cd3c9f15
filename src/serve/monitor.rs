//! What a server shows of itself while it runs.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::connection::Pool;

/// A view of a running server.
#[derive(Clone, Debug)]
pub struct Monitor(pub(super) Arc<Pool>);

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
