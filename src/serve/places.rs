//! Places at the channel: as many workers wait at it at one time as there are processors. More of them would wake each other
//! up only to wait for a processor. The others stand by for a place, which a worker passes on before it waits for a client or
//! for the disk.

use std::cell::Cell;
use std::num::NonZeroUsize;
use std::sync::PoisonError;

use super::sync::{Condvar, Mutex, MutexGuard, thread_local};

thread_local! {
    // The macro of loom takes no const block.
    #[allow(clippy::missing_const_for_thread_local)]
    static HAS_PLACE: Cell<bool> = Cell::new(false);
}

/// Counts the places that are free.
#[derive(Debug)]
pub(super) struct Places {
    free: Mutex<usize>,
    freed: Condvar,
}

impl Places {
    pub fn new(count: NonZeroUsize) -> Self {
        Places { free: Mutex::new(count.get()), freed: Condvar::new() }
    }

    /// Waits until there is a place for this thread, unless it has one.
    pub fn take(&self) {
        if HAS_PLACE.with(|has_place| has_place.replace(true)) {
            return;
        }
        let mut free = self.free();
        while *free == 0 {
            free = self.freed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
    }

    /// Leaves the place of this thread, if it has one, to one that stands by.
    pub fn pass_on(&self) {
        if HAS_PLACE.with(|has_place| has_place.replace(false)) {
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
    fn a_thread_has_one_place_at_most() {
        let places = Places::new(TWO);
        places.take();
        places.take();
        assert_eq!(places.count_free(), 1);
        places.pass_on();
        places.pass_on();
        assert_eq!(places.count_free(), 2);
    }

    #[test]
    fn no_more_than_there_are_places_work_at_one_time_and_all_do() {
        let (places, working, turns) = (Places::new(TWO), AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        places.take();
                        assert!(working.fetch_add(1, Ordering::SeqCst) < 2);
                        thread::yield_now();
                        working.fetch_sub(1, Ordering::SeqCst);
                        turns.fetch_add(1, Ordering::SeqCst);
                        places.pass_on();
                    }
                });
            }
        });
        assert_eq!((turns.into_inner(), places.count_free()), (800, 2));
    }
}
