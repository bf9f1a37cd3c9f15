//! A quantity with a limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How much is taken of a limited quantity.
#[derive(Debug)]
pub(in crate::serve) struct Quota {
    taken: AtomicUsize,
    limit: usize,
}

/// An amount that is taken; given back when dropped.
#[derive(Debug)]
pub(in crate::serve) struct Slot {
    quota: Arc<Quota>,
    amount: usize,
}

impl Quota {
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Quota { taken: AtomicUsize::new(0), limit })
    }

    /// Takes an amount, also beyond the limit.
    pub fn take(self: &Arc<Self>, amount: usize) -> Slot {
        self.taken.fetch_add(amount, Ordering::Relaxed);
        Slot { quota: Arc::clone(self), amount }
    }

    /// How much more is taken than the limit.
    pub fn excess(&self) -> usize {
        self.taken.load(Ordering::Relaxed).saturating_sub(self.limit)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.quota.taken.fetch_sub(self.amount, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_counts_until_it_is_dropped() {
        let quota = Quota::new(10);
        let slots = [quota.take(7), quota.take(7)];
        assert_eq!(quota.excess(), 4);
        drop(slots);
        assert_eq!(quota.excess(), 0);
    }
}
