//! Permits for file access that may block, counted per file system, so that one that hangs uses up
//! only its own. What gets no permit waits here and holds no worker.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::fs::File;
use std::num::NonZeroUsize;
use std::ops::Deref;
use std::sync::{Arc, PoisonError};

use super::sync::{Mutex, MutexGuard};
use crate::site::{FileSystem, Kind};

/// The permits of all file systems, and what waits for them.
pub(in crate::serve) struct DiskPermits<W> {
    workers: usize,
    state: Mutex<State<W>>,
    deliver: Deliver<W>,
}

/// Passes a waiter and its permit to a worker. Must not block.
type Deliver<W> = Box<dyn Fn(W, DiskPermit<W>) + Send + Sync>;

struct State<W> {
    file_systems: HashMap<FileSystem, Account<W>>,
    /// Permits taken of all file systems, those on their way to a worker included.
    taken: usize,
}

struct Account<W> {
    taken: usize,
    waiting: VecDeque<W>,
}

/// A permit for blocking access to one file system. Dropping it hands it to the longest waiter.
pub(in crate::serve) struct DiskPermit<W> {
    file_system: FileSystem,
    permits: Arc<DiskPermits<W>>,
}

impl<W> DiskPermits<W> {
    pub fn new(workers: NonZeroUsize, deliver: Deliver<W>) -> Arc<Self> {
        let state = Mutex::new(State { file_systems: HashMap::new(), taken: 0 });
        Arc::new(DiskPermits { workers: workers.get(), state, deliver })
    }

    /// A permit, if one is free.
    pub fn try_acquire(self: &Arc<Self>, file_system: FileSystem) -> Option<DiskPermit<W>> {
        self.state().take(file_system, self.workers).then(|| self.permit(file_system))
    }

    /// Delivers the waiter as soon as there is a permit for it, perhaps at once. Returns whether it
    /// is the only one waiting.
    pub fn wait(self: &Arc<Self>, file_system: FileSystem, waiter: W) -> bool {
        let mut state = self.state();
        if state.take(file_system, self.workers) {
            drop(state);
            (self.deliver)(waiter, self.permit(file_system));
            return false;
        }
        let is_first = !state.has_waiting();
        state.account(file_system).waiting.push_back(waiter);
        is_first
    }

    /// Whether anything waits for a permit.
    pub fn has_waiting(&self) -> bool {
        self.state().has_waiting()
    }

    /// Removes and returns the waiters that `choose` picks: it gets all of them and returns a bool
    /// for each, in order.
    pub fn extract(&self, choose: impl FnOnce(&[&W]) -> Vec<bool>) -> Vec<W> {
        let mut state = self.state();
        let all: Vec<&W> = state.file_systems.values().flat_map(|account| &account.waiting).collect();
        let mut chosen = choose(&all).into_iter();
        let mut taken = Vec::new();
        for account in state.file_systems.values_mut() {
            for waiter in std::mem::take(&mut account.waiting) {
                match chosen.next() {
                    Some(true) => taken.push(waiter),
                    _ => account.waiting.push_back(waiter),
                }
            }
        }
        taken
    }

    /// How many permits are taken, and how many of these waiters there are.
    pub fn counts(&self, is_counted: impl Fn(&W) -> bool) -> (usize, usize) {
        let state = self.state();
        let waiting = state.file_systems.values().flat_map(|account| &account.waiting);
        (state.taken, waiting.filter(|waiter| is_counted(waiter)).count())
    }

    fn permit(self: &Arc<Self>, file_system: FileSystem) -> DiskPermit<W> {
        DiskPermit { file_system, permits: Arc::clone(self) }
    }

    fn state(&self) -> MutexGuard<'_, State<W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W> State<W> {
    fn account(&mut self, file_system: FileSystem) -> &mut Account<W> {
        self.file_systems.entry(file_system).or_insert_with(|| Account { taken: 0, waiting: VecDeque::new() })
    }

    fn has_waiting(&self) -> bool {
        self.file_systems.values().any(|account| !account.waiting.is_empty())
    }

    fn take(&mut self, file_system: FileSystem, workers: usize) -> bool {
        let total = self.taken;
        let account = self.account(file_system);
        let may_take = may_take(file_system.kind, account.taken, total, workers);
        account.taken += usize::from(may_take);
        self.taken += usize::from(may_take);
        may_take
    }

    fn release(&mut self, file_system: FileSystem) {
        let account = self.account(file_system);
        account.taken -= 1;
        let is_unused = account.taken == 0 && account.waiting.is_empty();
        self.taken -= 1;
        if is_unused {
            self.file_systems.remove(&file_system);
        }
    }

    /// Takes a permit for the longest waiter of this file system, or else of another that may now
    /// have one more.
    fn next(&mut self, first: FileSystem, workers: usize) -> Option<(W, FileSystem)> {
        let others: Vec<FileSystem> = self.file_systems.keys().copied().filter(|other| *other != first).collect();
        [first].into_iter().chain(others).find_map(|file_system| {
            if self.file_systems.get(&file_system).is_none_or(|account| account.waiting.is_empty()) {
                return None;
            }
            let taken = self.take(file_system, workers);
            taken.then(|| self.account(file_system).waiting.pop_front()).flatten().map(|waiter| (waiter, file_system))
        })
    }
}

/// Whether a file system with `own` of the `total` taken permits may have one more.
///
/// It may have half of the workers that no other file system holds, but at least one: each file
/// system that hangs leaves half of the rest. The last worker never waits for a file system that
/// can hang forever, unless it is the only worker.
fn may_take(kind: Kind, own: usize, total: usize, workers: usize) -> bool {
    let available = workers - (total - own);
    let limit = match kind {
        // Which of its reads block is unknown, so every read needs a permit; a limit of half would
        // idle half of the pool.
        Kind::Memory | Kind::Stacked => available - 1,
        Kind::Local | Kind::Remote => available / 2,
    };
    let leaves_one = kind != Kind::Remote || total + 1 < workers || workers == 1;
    own < limit.max(1) && total < workers && leaves_one
}

impl<W> DiskPermit<W> {
    /// The file system it is for.
    pub fn file_system(&self) -> FileSystem {
        self.file_system
    }
}

impl<W> Drop for DiskPermit<W> {
    fn drop(&mut self) {
        let mut state = self.permits.state();
        state.release(self.file_system);
        let next = state.next(self.file_system, self.permits.workers);
        drop(state);
        if let Some((waiter, file_system)) = next {
            (self.permits.deliver)(waiter, self.permits.permit(file_system));
        }
    }
}

impl<W> fmt::Debug for DiskPermits<W> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("DiskPermits").field("workers", &self.workers).finish_non_exhaustive()
    }
}

impl<W> fmt::Debug for DiskPermit<W> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("DiskPermit").field(&self.file_system).finish()
    }
}

/// An open file of the content folder. If its close may block, dropping it leaves the close to a
/// worker with a permit.
#[derive(Debug)]
pub(in crate::serve) struct ContentFile<W: From<File>> {
    /// None only during the drop.
    file: Option<File>,
    file_system: FileSystem,
    permits: Arc<DiskPermits<W>>,
}

impl<W: From<File>> ContentFile<W> {
    pub fn new(file: File, file_system: FileSystem, permits: &Arc<DiskPermits<W>>) -> Self {
        ContentFile { file: Some(file), file_system, permits: Arc::clone(permits) }
    }

    /// The file system it is on.
    pub fn file_system(&self) -> FileSystem {
        self.file_system
    }

    /// The file, whose close is up to the caller.
    pub fn into_inner(mut self) -> File {
        self.file.take().expect("it is there until it is dropped")
    }
}

impl<W: From<File>> Deref for ContentFile<W> {
    type Target = File;

    fn deref(&self) -> &File {
        self.file.as_ref().expect("it is there until it is dropped")
    }
}

impl<W: From<File>> Drop for ContentFile<W> {
    fn drop(&mut self) {
        if self.file_system.kind == Kind::Remote
            && let Some(file) = self.file.take()
        {
            self.permits.wait(self.file_system, file.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: FileSystem = FileSystem::numbered(0, Kind::Local);

    fn remote(id: u64) -> FileSystem {
        FileSystem::numbered(id, Kind::Remote)
    }

    #[test]
    fn each_file_system_has_permits_of_its_own() {
        for (workers, hung, left) in [(1, 1, 0), (2, 1, 1), (8, 4, 2), (64, 32, 16)] {
            let permits = DiskPermits::<u32>::new(NonZeroUsize::new(workers).expect("not zero"), Box::new(|_, _| {}));
            let take = |file_system| -> Vec<DiskPermit<u32>> {
                std::iter::from_fn(|| permits.try_acquire(file_system)).collect()
            };
            let hung_permits = take(remote(1));
            assert_eq!((hung_permits.len(), take(LOCAL).len()), (hung, left), "{workers} workers");
            let many: Vec<_> = (2..100).map(|id| take(remote(id))).collect();
            let hung = hung + many.iter().map(Vec::len).sum::<usize>();
            assert!(
                workers == 1 || (hung < workers && permits.try_acquire(LOCAL).is_some()),
                "{hung} of {workers} hang"
            );
        }
    }

    #[test]
    fn a_stacked_file_system_may_hold_all_workers_but_one() {
        let permits = DiskPermits::<u32>::new(NonZeroUsize::new(8).expect("not zero"), Box::new(|_, _| {}));
        let stacked = FileSystem::numbered(1, Kind::Stacked);
        let taken: Vec<_> = std::iter::from_fn(|| permits.try_acquire(stacked)).collect();
        assert_eq!(taken.len(), 7);
    }

    #[test]
    fn a_released_permit_goes_to_the_longest_waiter_and_then_to_other_file_systems() {
        let delivered = Arc::new(Mutex::new(Vec::new()));
        let inbox = Arc::clone(&delivered);
        let deliver = Box::new(move |waiter, permit| inbox.lock().expect("no panic").push((waiter, permit)));
        let permits = DiskPermits::new(NonZeroUsize::new(2).expect("not zero"), deliver);
        let held = permits.try_acquire(remote(1)).expect("no other holder");
        assert!(permits.wait(remote(1), 1) && !permits.wait(remote(1), 2) && !permits.wait(remote(2), 3));
        let next = || delivered.lock().expect("no panic").pop();
        assert!(next().is_none());
        let mut held = Some(held);
        for waiter in 1..=3 {
            drop(held.take());
            let (delivered, permit) = next().expect("a waiter");
            assert_eq!(delivered, waiter);
            held = Some(permit);
        }
        drop(held);
        assert_eq!(permits.state().taken, 0);
    }
}
