//! Synchronization types: those of std, or with `--cfg loom` those of loom, which tries every
//! interleaving of threads.

#[cfg(loom)]
pub(in crate::serve) use loom::sync::{Condvar, Mutex, MutexGuard, atomic};
#[cfg(not(loom))]
pub(in crate::serve) use std::sync::{Condvar, Mutex, MutexGuard, atomic};
