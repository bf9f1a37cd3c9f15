//! A quantity with a limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::waker::{Wake, Waker};

/// Counts how much of a limited quantity is taken.
#[derive(Debug)]
pub(in crate::serve) struct Quota {
    taken: AtomicUsize,
    limit: usize,
    wakers: Vec<Arc<Waker>>,
}

/// A taken amount, released when dropped.
#[derive(Debug)]
pub(in crate::serve) struct Slot {
    quota: Arc<Quota>,
    amount: usize,
}

impl Quota {
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Quota { taken: AtomicUsize::new(0), limit, wakers: Vec::new() })
    }

    /// A quota without a limit that wakes `wakers` when all of it has been released.
    pub fn waking(wakers: Vec<Arc<Waker>>) -> Arc<Self> {
        Arc::new(Quota { taken: AtomicUsize::new(0), limit: usize::MAX, wakers })
    }

    /// Takes an amount, even beyond the limit.
    pub fn take(self: &Arc<Self>, amount: usize) -> Slot {
        self.taken.fetch_add(amount, Ordering::SeqCst);
        Slot { quota: Arc::clone(self), amount }
    }

    /// Takes an amount if it fits within the limit.
    pub fn try_take(self: &Arc<Self>, amount: usize) -> Option<Slot> {
        let add = |taken: usize| taken.checked_add(amount).filter(|sum| *sum <= self.limit);
        self.taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, add).ok()?;
        Some(Slot { quota: Arc::clone(self), amount })
    }

    /// How much is taken.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::SeqCst)
    }

    /// Whether the limit is reached.
    pub fn is_full(&self) -> bool {
        self.taken() >= self.limit
    }

    /// How much is taken beyond the limit.
    pub fn excess(&self) -> usize {
        self.taken().saturating_sub(self.limit)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if self.quota.taken.fetch_sub(self.amount, Ordering::SeqCst) == self.amount {
            self.quota.wakers.iter().for_each(|waker| waker.wake());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    #[test]
    fn an_amount_counts_until_it_is_dropped() {
        let quota = Quota::new(10);
        let slots = [quota.take(7), quota.take(7)];
        assert_eq!(quota.excess(), 4);
        drop(slots);
        assert_eq!(quota.excess(), 0);
    }

    #[test]
    fn try_take_stops_at_the_limit() {
        let quota = Quota::new(10);
        let slot = quota.try_take(7);
        assert!(slot.is_some() && quota.try_take(4).is_none() && quota.try_take(usize::MAX).is_none());
        let rest = quota.try_take(3);
        assert!(rest.is_some() && quota.is_full());
        drop(slot);
        assert_eq!(quota.taken(), 3);
    }

    #[test]
    fn releasing_the_last_amount_wakes() {
        let waker = Arc::new(Waker::new().expect("a descriptor"));
        let is_woken = || {
            let mut awaited = [PollFd::from_borrowed_fd(waker.as_fd(), PollFlags::IN)];
            poll(&mut awaited, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) == Ok(1)
        };
        let quota = Quota::waking(vec![Arc::clone(&waker)]);
        let (one, two) = (quota.take(1), quota.take(2));
        drop(two);
        assert!(!is_woken());
        drop(one);
        assert!(is_woken());
    }
}
