//! Run slots: at most one worker per processor receives from the channel; more would only
//! context-switch. A worker releases its slot before it blocks on a client or a file system, and
//! another takes over.

use std::cell::Cell;
use std::num::NonZeroUsize;
use std::sync::PoisonError;

use super::sync::{Condvar, Mutex, MutexGuard, thread_local};

thread_local! {
    // The macro of loom takes no const block.
    #[allow(clippy::missing_const_for_thread_local)]
    static HAS_RUN_SLOT: Cell<bool> = Cell::new(false);
}

/// Counts the slots that are free.
#[derive(Debug)]
pub(in crate::serve) struct RunSlots {
    free: Mutex<usize>,
    freed: Condvar,
}

impl RunSlots {
    pub fn new(count: NonZeroUsize) -> Self {
        RunSlots { free: Mutex::new(count.get()), freed: Condvar::new() }
    }

    /// Takes a slot for this thread, unless it has one. Blocks until one is free.
    pub fn acquire(&self) {
        if HAS_RUN_SLOT.with(|has_run_slot| has_run_slot.replace(true)) {
            return;
        }
        let mut free = self.free();
        while *free == 0 {
            free = self.freed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
    }

    /// Releases the slot of this thread, if it has one, to a worker that waits for it.
    pub fn release(&self) {
        if HAS_RUN_SLOT.with(|has_run_slot| has_run_slot.replace(false)) {
            *self.free() += 1;
            self.freed.notify_one();
        }
    }

    #[cfg(test)]
    pub fn count_free(&self) -> usize {
        *self.free()
    }

    fn free(&self) -> MutexGuard<'_, usize> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    const TWO: NonZeroUsize = NonZeroUsize::new(2).expect("not zero");

    #[test]
    fn a_thread_has_one_slot_at_most() {
        let run_slots = RunSlots::new(TWO);
        run_slots.acquire();
        run_slots.acquire();
        assert_eq!(run_slots.count_free(), 1);
        run_slots.release();
        run_slots.release();
        assert_eq!(run_slots.count_free(), 2);
    }

    #[test]
    fn no_more_workers_than_slots_run_and_all_get_their_turn() {
        let (run_slots, working, turns) = (RunSlots::new(TWO), AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        run_slots.acquire();
                        assert!(working.fetch_add(1, Ordering::SeqCst) < 2);
                        thread::yield_now();
                        working.fetch_sub(1, Ordering::SeqCst);
                        turns.fetch_add(1, Ordering::SeqCst);
                        run_slots.release();
                    }
                });
            }
        });
        assert_eq!((turns.into_inner(), run_slots.count_free()), (800, 2));
    }
}
