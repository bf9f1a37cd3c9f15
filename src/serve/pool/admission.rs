//! How many connections there are.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::waker::{Wake, Waker};
use crate::limits::{SHED_MAX, SHED_MIN};

/// Counts the connections, and wakes the pollers when the last one has gone.
#[derive(Debug)]
pub struct Admission {
    limit: usize,
    admitted: AtomicUsize,
    shed: AtomicUsize,
    /// Permits of any kind, the acceptor's own among them.
    permits: AtomicUsize,
    all_gone: [Arc<Waker>; 2],
}

/// What a connection is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// To be served.
    Admitted,
    /// To be told that there are too many.
    Shed,
    /// The acceptor's own: while it accepts, the last connection has not gone.
    Acceptor,
}

/// The right of one connection to exist; it ends when this is dropped.
#[derive(Debug)]
pub struct Permit {
    admission: Arc<Admission>,
    kind: Kind,
}

impl Admission {
    /// Admits up to `limit` connections; the wakers of `all_gone` are woken when the last permit
    /// has been released.
    pub fn new(limit: usize, all_gone: [Arc<Waker>; 2]) -> Arc<Self> {
        Arc::new(Admission {
            limit,
            admitted: AtomicUsize::new(0),
            shed: AtomicUsize::new(0),
            permits: AtomicUsize::new(0),
            all_gone,
        })
    }

    /// A permit for a connection that was accepted. Only the acceptor asks, so what it counts can
    /// only shrink meanwhile.
    pub fn admit(self: &Arc<Self>) -> Permit {
        self.permit(if self.is_full() { Kind::Shed } else { Kind::Admitted })
    }

    /// The permit of the acceptor.
    pub fn acceptor(self: &Arc<Self>) -> Permit {
        self.permit(Kind::Acceptor)
    }

    fn permit(self: &Arc<Self>, kind: Kind) -> Permit {
        self.permits.fetch_add(1, Ordering::SeqCst);
        if let Some(count) = self.of_kind(kind) {
            count.fetch_add(1, Ordering::SeqCst);
        }
        Permit { admission: Arc::clone(self), kind }
    }

    fn of_kind(&self, kind: Kind) -> Option<&AtomicUsize> {
        match kind {
            Kind::Admitted => Some(&self.admitted),
            Kind::Shed => Some(&self.shed),
            Kind::Acceptor => None,
        }
    }

    /// Whether the next connection would be one too many.
    pub fn is_full(&self) -> bool {
        self.admitted.load(Ordering::SeqCst) >= self.limit
    }

    /// Whether as many are being told that there are too many as there is room for. Where the limit
    /// is low because there are few descriptors, there are few for them as well.
    pub fn is_shed_full(&self) -> bool {
        self.shed.load(Ordering::SeqCst) >= (self.limit / 2).clamp(SHED_MIN, SHED_MAX)
    }

    /// How many idle connections should make room, because the limit is near: those beyond 15/16 of
    /// it, or the last one of few.
    pub fn superfluous(&self) -> usize {
        self.admitted.load(Ordering::SeqCst).saturating_sub(self.limit - (self.limit / 16).max(1))
    }

    /// Whether every permit has been given back, the acceptor's too.
    pub fn all_gone(&self) -> bool {
        self.permits.load(Ordering::SeqCst) == 0
    }

    /// Connections of any kind.
    pub fn connections(&self) -> usize {
        self.admitted.load(Ordering::SeqCst) + self.shed.load(Ordering::SeqCst)
    }
}

impl Permit {
    pub fn kind(&self) -> Kind {
        self.kind
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(count) = self.admission.of_kind(self.kind) {
            count.fetch_sub(1, Ordering::SeqCst);
        }
        if self.admission.permits.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.admission.all_gone.iter().for_each(|waker| waker.wake());
        }
    }
}
