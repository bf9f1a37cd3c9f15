//! The lot: one thread in poll(2) that holds every connection that waits for its client, and keeps every deadline.
//!
//! It never writes to a client and never touches a file; whatever it finds ready, expired or superfluous goes back into the
//! channel, for a worker to deal with.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::connection::Connection;
use super::pool::Pool;
use super::wake::Wake;

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interest {
    Readable,
    Writable,
}

/// A connection that waits for its client, no longer than until the deadline.
#[derive(Debug)]
pub(super) struct Parked {
    pub connection: Connection,
    pub interest: Interest,
    pub deadline: Instant,
}

/// Where workers leave connections for the thread that [`keep`]s them.
#[derive(Debug)]
pub(super) struct Lot {
    arriving: Mutex<Vec<Parked>>,
    /// Whether the thread may be in poll, so that whoever comes must ring.
    asleep: AtomicBool,
    bell: Arc<Wake>,
}

/// From so many parked connections on the thread naps after it has found some ready, so that the next poll finds several:
/// a poll costs the same for one as for many.
const NAP_FROM: usize = 16;

/// Measured on 2 processors with 64 and 512 clients: 50 µs gathers too few, 500 µs delays answers.
const NAP: Duration = Duration::from_micros(200);

/// Deadlines are kept to this precision, so that many that pass one after the other cost one look at all.
const TICK: Duration = Duration::from_millis(20);

impl Lot {
    pub fn new() -> io::Result<Self> {
        Ok(Lot { arriving: Mutex::default(), asleep: AtomicBool::new(false), bell: Arc::new(Wake::new()?) })
    }

    /// The bell that wakes the thread.
    pub fn bell(&self) -> Arc<Wake> {
        Arc::clone(&self.bell)
    }

    /// Leaves a connection in the lot.
    pub fn park(&self, parked: Parked) {
        self.arriving().push(parked);
        // Only the first who comes while the thread sleeps rings.
        if self.asleep.swap(false, Ordering::SeqCst) {
            self.bell.ring();
        }
    }

    /// Wakes the thread, so that it looks at what has changed.
    pub fn wake(&self) {
        self.bell.ring();
    }

    fn arriving(&self) -> MutexGuard<'_, Vec<Parked>> {
        self.arriving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the lot until the server is told to stop and the last connection has gone.
pub(super) fn keep(pool: &Pool) {
    let lot = &pool.lot;
    let mut parked: Vec<Parked> = Vec::new();
    let mut drain_until = None;
    let mut next_look = Instant::now();
    let mut found_some = false;
    loop {
        if found_some && parked.len() >= NAP_FROM {
            thread::sleep(NAP);
        }
        // Silent first, then asleep, then looking: a ring after this line is heard by the poll, and whatever happened
        // before it is seen below.
        lot.bell.clear();
        lot.asleep.store(true, Ordering::SeqCst);
        if pool.admission.all_gone() {
            return;
        }
        for newcomer in lot.arriving().drain(..) {
            next_look = next_look.min(newcomer.deadline);
            parked.push(newcomer);
        }
        if pool.stop.is_finishing() {
            let until = *drain_until.get_or_insert_with(|| Instant::now() + pool.settings.drain_timeout);
            drain(pool, &mut parked, until);
            next_look = next_look.min(until);
        }
        found_some = release_ready(pool, &mut parked, next_look);
        lot.asleep.store(false, Ordering::SeqCst);
        let now = Instant::now();
        if now >= next_look {
            next_look = release_expired(pool, &mut parked, now);
        }
    }
}

/// Polls until some connections are ready, the bell rings or the next look is due, and puts the ready ones into the channel.
/// Returns whether there were any.
fn release_ready(pool: &Pool, parked: &mut Vec<Parked>, next_look: Instant) -> bool {
    let mut awaited = Vec::with_capacity(parked.len() + 1);
    awaited.push(PollFd::from_borrowed_fd(pool.lot.bell.as_fd(), PollFlags::IN));
    awaited.extend(parked.iter().map(|parked| PollFd::new(&parked.connection, parked.interest.events())));
    let time = next_look.saturating_duration_since(Instant::now());
    let time = Timespec::try_from(time).expect("a deadline is no more than some years away");
    if let Err(error) = poll(&mut awaited, Some(&time)) {
        if error != Errno::INTR {
            log::error!("cannot poll {} connections, will try again: {error}", parked.len());
            thread::sleep(TICK);
        }
        return false;
    }
    // Errors and hang-ups count as ready: the worker that serves the connection will find out.
    let ready: Vec<usize> = (0..parked.len()).filter(|&place| !awaited[place + 1].revents().is_empty()).collect();
    drop(awaited);
    // From the last to the first, as each leaves its place to the last one.
    for &place in ready.iter().rev() {
        pool.queue(parked.swap_remove(place).connection);
    }
    !ready.is_empty()
}

/// Puts connections whose deadline has passed into the channel, marked, and returns when to look again.
fn release_expired(pool: &Pool, parked: &mut Vec<Parked>, now: Instant) -> Instant {
    release(pool, parked, |parked| parked.deadline <= now);
    let earliest = parked.iter().map(|parked| parked.deadline).min();
    earliest.unwrap_or(now + Duration::from_secs(60)).max(now + TICK)
}

/// While the server ends: idle connections go at once, and when the time is up everybody.
fn drain(pool: &Pool, parked: &mut Vec<Parked>, until: Instant) {
    if Instant::now() >= until && !pool.stop.is_cut() {
        log::warn!("{} connections are cut, as the time to finish them is over", pool.admission.connections());
        pool.stop.cut();
    }
    let cut = pool.stop.is_cut();
    release(pool, parked, |parked| cut || parked.connection.is_idle());
}

fn release(pool: &Pool, parked: &mut Vec<Parked>, which: impl Fn(&Parked) -> bool) {
    for mut released in parked.extract_if(.., |parked| which(parked)) {
        released.connection.expire();
        pool.queue(released.connection);
    }
}

impl Interest {
    fn events(self) -> PollFlags {
        match self {
            Interest::Readable => PollFlags::IN,
            Interest::Writable => PollFlags::OUT,
        }
    }
}
