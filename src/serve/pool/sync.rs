//! What threads share their values with: the types of std, or those of loom, which tries every
//! order in which threads can run (`--cfg loom`).

#[cfg(loom)]
pub(in crate::serve) use loom::sync::{Condvar, Mutex, MutexGuard, atomic};
#[cfg(not(loom))]
pub(in crate::serve) use std::sync::{Condvar, Mutex, MutexGuard, atomic};
