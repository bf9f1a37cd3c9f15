//! The acceptor: moves connections from the listening sockets into the channel. It reads nothing
//! and survives every error.

use std::io;
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use socket2::Socket;

use super::connection::{Connection, Pool, Wakeup};
use super::listener::{Listener, prepare_connection};
use super::pool::quota::Slot;
use crate::limits::LINGER_TIME;

/// First and longest delay before accepting again after descriptors or memory ran out; it doubles
/// in between.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(50));

/// Delay between checks of the backlog while the server is busy, so that each finds several
/// connections and their requests. Measured on 2 processors: half of it gathers too few, double no
/// more.
const SLEEP: Duration = Duration::from_micros(200);

/// Idle connections evicted for each accept that fails for lack of descriptors or memory.
const EVICTED_FOR_EACH_FAILURE: usize = 8;

/// Accepts until the server drains, then empties the backlogs and closes the sockets. Inherited
/// ones are handed over first.
pub(super) fn accept(pool: &Pool, listener: Listener, own: Slot) {
    let Listener { sockets, .. } = listener;
    let mut back_off = BACK_OFF.0;
    loop {
        match accept_all(pool, &sockets) {
            Ok(_) if pool.shutdown.is_draining() => break,
            Ok(accepted) => {
                back_off = BACK_OFF.0;
                // A client that reconnects for each request is served at once, however busy the
                // server is.
                let is_busy = accepted > 1 && pool.load().is_busy();
                let (sockets, limit) = if is_busy { (&[][..], Some(SLEEP)) } else { (&*sockets, None) };
                wait(pool, sockets, limit);
            }
            Err(error) => {
                if back_off == BACK_OFF.0 {
                    log::warn!("cannot accept connections, will try again: {error}");
                }
                pool.inactive.evict_idle(EVICTED_FOR_EACH_FAILURE);
                evict_shed(pool);
                // Not on the sockets: they stay readable, so the acceptor would spin.
                wait(pool, &[], Some(back_off));
                if pool.shutdown.is_draining() {
                    break;
                }
                back_off = (back_off * 2).min(BACK_OFF.1);
            }
        }
    }
    log::info!("draining, open connections: {}", pool.admission.connections());
    if pool.shutdown.is_handover() {
        hand_over(pool, &sockets);
    }
    drop(sockets);
    drop(own);
    // The pollers close idle connections.
    pool.active.wake();
    pool.inactive.wake();
}

/// Accepts while connections from before the drain are under way, as a successor may start only
/// when this process has ended. Then new connections wait in the backlog, and those accepted here
/// have at least [`LINGER_TIME`] until the drain timeout.
fn hand_over(pool: &Pool, sockets: &[TcpListener]) {
    pool.admission.begin_handover();
    pool.active.wake();
    pool.inactive.wake();
    let until = Instant::now() + pool.settings.drain_timeout.saturating_sub(LINGER_TIME);
    while pool.admission.earlier() > 0 && Instant::now() < until {
        let is_full = accept_all(pool, sockets).is_err() || pool.admission.is_full();
        if is_full {
            // The sockets stay readable.
            thread::sleep(BACK_OFF.1);
        } else {
            wait(pool, sockets, Some(BACK_OFF.1));
        }
    }
    log::info!("new connections wait for the next server, open connections: {}", pool.admission.connections());
}

/// Accepts from all sockets in turn until their backlogs are empty, and returns the number
/// accepted. Fails only on errors that waiting may clear.
fn accept_all(pool: &Pool, sockets: &[TcpListener]) -> io::Result<usize> {
    let mut accepted = 0;
    loop {
        let before = accepted;
        for socket in sockets {
            while pool.admission.is_full() {
                if pool.shutdown.is_draining() {
                    return Ok(accepted);
                }
                evict_shed(pool);
                wait(pool, &[], Some(BACK_OFF.0));
            }
            accepted += usize::from(accept_one(pool, socket)?);
        }
        if accepted == before {
            return Ok(accepted);
        }
    }
}

/// Accepts one connection; false if the backlog is empty.
fn accept_one(pool: &Pool, socket: &TcpListener) -> io::Result<bool> {
    match socket.accept() {
        Ok((stream, peer)) => {
            let stream = Socket::from(stream);
            if pool.shutdown.is_handover() && prepare_connection(&stream, pool.settings.stall_timeout).is_err() {
                return Ok(true);
            }
            let permit = pool.admission.admit();
            if permit.is_shed {
                pool.counters.shed.increment();
            }
            let connection = Connection::new(stream, peer.ip(), permit);
            pool.queue(connection, Wakeup::New(Instant::now()));
            let superfluous = pool.admission.superfluous();
            if superfluous > 0 {
                pool.inactive.evict_idle(superfluous);
            }
            Ok(true)
        }
        Err(error) => match Errno::from_io_error(&error) {
            Some(Errno::AGAIN) => Ok(false),
            Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => Err(error),
            // This connection failed before it was accepted (accept(2)); the next one may not.
            _ => Ok(true),
        },
    }
}

/// Asks the pollers to close connections over the limit: silent clients must not keep others from
/// their 503.
fn evict_shed(pool: &Pool) {
    pool.active.evict_shed();
    pool.inactive.evict_shed();
}

/// Waits for the drain to begin or a connection on one of the sockets, at most for `limit`.
fn wait(pool: &Pool, sockets: &[TcpListener], limit: Option<Duration>) {
    let mut awaited = Vec::new();
    if !pool.shutdown.is_draining() {
        awaited.push(PollFd::from_borrowed_fd(pool.shutdown.as_fd(), PollFlags::IN));
    }
    awaited.extend(sockets.iter().map(|socket| PollFd::new(socket, PollFlags::IN)));
    let limit = limit.map(|limit| Timespec::try_from(limit).expect("a fraction of a second fits"));
    // An interrupted wait only ends early.
    let _ = poll(&mut awaited, limit.as_ref());
}
