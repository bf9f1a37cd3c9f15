//! Run slots: at most one worker per processor receives from the channel; more would only
//! context-switch. A worker releases its slot before it blocks on a client or a file system, and
//! another takes over.

use std::num::NonZeroUsize;
use std::sync::PoisonError;

use super::sync::{Condvar, Mutex, MutexGuard};

/// Counts the free slots.
#[derive(Debug)]
pub(in crate::serve) struct RunSlots {
    free: Mutex<usize>,
    freed: Condvar,
}

/// The slot of one worker; dropping it wakes a worker that waits for one.
#[derive(Debug)]
pub(in crate::serve) struct RunSlot<'a>(&'a RunSlots);

impl RunSlots {
    pub fn new(count: NonZeroUsize) -> Self {
        RunSlots { free: Mutex::new(count.get()), freed: Condvar::new() }
    }

    /// Blocks until a slot is free, and takes it.
    pub fn acquire(&self) -> RunSlot<'_> {
        let mut free = self.free();
        while *free == 0 {
            free = self.freed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        RunSlot(self)
    }

    #[cfg(test)]
    pub fn count_free(&self) -> usize {
        *self.free()
    }

    fn free(&self) -> MutexGuard<'_, usize> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for RunSlot<'_> {
    fn drop(&mut self) {
        *self.0.free() += 1;
        self.0.freed.notify_one();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    const TWO: NonZeroUsize = NonZeroUsize::new(2).expect("not zero");

    #[test]
    fn a_dropped_slot_is_free() {
        let run_slots = RunSlots::new(TWO);
        let run_slot = run_slots.acquire();
        assert_eq!(run_slots.count_free(), 1);
        drop(run_slot);
        assert_eq!(run_slots.count_free(), 2);
    }

    #[test]
    fn no_more_workers_than_slots_run_and_all_get_their_turn() {
        let (run_slots, working, turns) = (RunSlots::new(TWO), AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        let _run_slot = run_slots.acquire();
                        assert!(working.fetch_add(1, Ordering::SeqCst) < 2);
                        thread::yield_now();
                        working.fetch_sub(1, Ordering::SeqCst);
                        turns.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!((turns.into_inner(), run_slots.count_free()), (800, 2));
    }
}
