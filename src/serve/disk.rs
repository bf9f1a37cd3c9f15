//! The right to open or read what is not in memory. At most half of the workers have it at one time (but one of one), so that
//! what is in memory does not wait behind what is not; connections that need it and cannot have it wait here, and hold no
//! worker.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::Sender;

use super::connection::Connection;

/// Counts the workers that wait for the disk.
#[derive(Debug)]
pub(super) struct Disk {
    limit: usize,
    state: Mutex<State>,
    /// Where a connection goes that has been given the right.
    channel: Sender<Option<Connection>>,
    #[cfg(test)]
    cold: std::sync::atomic::AtomicBool,
    #[cfg(test)]
    reads: std::sync::atomic::AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    /// How many rights there are, those of connections on their way to a worker among them.
    rights: usize,
    waiting: VecDeque<Connection>,
}

/// The right to wait for the disk once. When it is dropped, whoever has waited longest for it has it next: it is never free
/// while somebody waits.
#[derive(Debug)]
pub(super) struct DiskRight(Arc<Disk>);

impl Disk {
    pub fn new(workers: NonZeroUsize, channel: Sender<Option<Connection>>) -> Arc<Self> {
        Arc::new(Disk {
            limit: (workers.get() / 2).max(1),
            state: Mutex::default(),
            channel,
            #[cfg(test)]
            cold: false.into(),
            #[cfg(test)]
            reads: 0.into(),
        })
    }

    /// The right, if there is one to be had.
    pub fn right(self: &Arc<Self>) -> Option<DiskRight> {
        self.state().take(self.limit).then(|| DiskRight(Arc::clone(self)))
    }

    /// Lets a connection wait for the right. It goes into the channel with it.
    pub fn wait(self: &Arc<Self>, connection: Connection) {
        let mut state = self.state();
        if state.take(self.limit) {
            drop(state);
            DiskRight(Arc::clone(self)).hand_to(connection);
        } else {
            state.waiting.push_back(connection);
        }
    }

    /// Makes it seem that nothing is in memory, or that all is.
    #[cfg(test)]
    pub fn set_cold(&self, cold: bool) {
        self.cold.store(cold, std::sync::atomic::Ordering::SeqCst);
    }

    #[cfg(test)]
    pub fn is_cold(&self) -> bool {
        self.cold.load(std::sync::atomic::Ordering::SeqCst)
    }

    /// How often the disk was read with a right.
    #[cfg(test)]
    pub fn reads(&self) -> usize {
        self.reads.load(std::sync::atomic::Ordering::SeqCst)
    }

    #[cfg(test)]
    pub fn count_read(&self) {
        self.reads.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }

    #[cfg(test)]
    pub fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, limit: usize) -> bool {
        let free = self.rights < limit;
        self.rights += usize::from(free);
        free
    }
}

impl DiskRight {
    fn hand_to(self, mut connection: Connection) {
        let channel = self.0.channel.clone();
        connection.allow_disk(self);
        // It fails when the server has ended, and then nobody waits.
        let _ = channel.send(Some(connection));
    }
}

impl Drop for DiskRight {
    fn drop(&mut self) {
        let mut state = self.0.state();
        let next = state.waiting.pop_front();
        state.rights -= usize::from(next.is_none());
        drop(state);
        if let Some(connection) = next {
            DiskRight(Arc::clone(&self.0)).hand_to(connection);
        }
    }
}
