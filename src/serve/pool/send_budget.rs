//! Room for more unsent bytes in the sockets of a few large transfers, which saves wake-ups. Beyond
//! those few the crowd begins, and each of its sockets could pin as much memory for as long as its
//! client pauses.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use socket2::Socket;

use crate::limits::{FEW_TRANSFERS, UNSENT_MAX, UNSENT_MAX_OF_FEW};

/// The right of one socket to more room; given back when dropped.
#[derive(Debug)]
pub(in crate::serve) struct SendBudget(Arc<AtomicUsize>);

impl SendBudget {
    /// Makes room in the socket, if those that have it are few. `taken` counts them.
    pub fn take(taken: &Arc<AtomicUsize>, socket: &Socket) -> Option<Self> {
        let before = taken.fetch_add(1, Ordering::Relaxed);
        let send_budget = SendBudget(Arc::clone(taken));
        (before < FEW_TRANSFERS && socket.set_tcp_notsent_lowat(UNSENT_MAX_OF_FEW).is_ok()).then_some(send_budget)
    }

    /// Makes the socket as it was, for the next request. Where that fails the connection is ending.
    pub fn give_back(self, socket: &Socket) {
        let _ = socket.set_tcp_notsent_lowat(UNSENT_MAX);
    }
}

impl Drop for SendBudget {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use socket2::{Domain, Type};

    use super::*;

    #[test]
    fn a_few_have_more_room_until_they_give_it_back() {
        let taken = Arc::default();
        let sockets: Vec<Socket> =
            (0..=FEW_TRANSFERS).map(|_| Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket")).collect();
        let room = |place: usize| sockets[place].tcp_notsent_lowat().expect("an option");
        let mut few: Vec<SendBudget> = sockets.iter().filter_map(|socket| SendBudget::take(&taken, socket)).collect();
        assert_eq!((few.len(), taken.load(Ordering::Relaxed)), (FEW_TRANSFERS, FEW_TRANSFERS));
        assert_eq!(room(0), UNSENT_MAX_OF_FEW);
        assert_ne!(room(FEW_TRANSFERS), UNSENT_MAX_OF_FEW);
        few.remove(0).give_back(&sockets[0]);
        assert_eq!(room(0), UNSENT_MAX);
        assert!(SendBudget::take(&taken, &sockets[FEW_TRANSFERS]).is_some());
    }
}
