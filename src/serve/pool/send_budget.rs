//! The send budget: a few large transfers may have more unsent bytes in their sockets, which saves
//! wake-ups. Only a few, because each of these sockets pins that memory while its client pauses.

use std::sync::Arc;

use socket2::Socket;

use super::quota::{Quota, Slot};
use crate::limits::{UNSENT_MAX, UNSENT_MAX_OF_FEW};

/// Raises the socket's limit of unsent bytes if few sockets have the higher one.
pub(in crate::serve) fn take(few: &Arc<Quota>, socket: &Socket) -> Option<Slot> {
    few.try_take(1).filter(|_| socket.set_tcp_notsent_lowat(UNSENT_MAX_OF_FEW).is_ok())
}

/// Restores the socket's limit for the next request. Where that fails, the connection is ending.
pub(in crate::serve) fn give_back(slot: Slot, socket: &Socket) {
    let _ = socket.set_tcp_notsent_lowat(UNSENT_MAX);
    drop(slot);
}

#[cfg(test)]
mod tests {
    use socket2::{Domain, Type};

    use super::*;
    use crate::limits::FEW_TRANSFERS;

    #[test]
    fn a_few_sockets_have_the_higher_limit_until_they_give_it_back() {
        let quota = Quota::new(FEW_TRANSFERS);
        let sockets: Vec<Socket> =
            (0..=FEW_TRANSFERS).map(|_| Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket")).collect();
        let room = |place: usize| sockets[place].tcp_notsent_lowat().expect("an option");
        let mut few: Vec<Slot> = sockets.iter().filter_map(|socket| take(&quota, socket)).collect();
        assert_eq!((few.len(), quota.taken()), (FEW_TRANSFERS, FEW_TRANSFERS));
        assert_eq!(room(0), UNSENT_MAX_OF_FEW);
        assert_ne!(room(FEW_TRANSFERS), UNSENT_MAX_OF_FEW);
        give_back(few.remove(0), &sockets[0]);
        assert_eq!(room(0), UNSENT_MAX);
        assert!(take(&quota, &sockets[FEW_TRANSFERS]).is_some());
    }
}
