//! The thread of a lot: waits in poll(2) for the clients of all who are parked there, and keeps every deadline.
//!
//! It never writes to a client and never touches a file; whatever it finds ready, expired or superfluous goes back into the
//! channel, for a worker to deal with.
//!
//! To wait in poll costs half a microsecond for each connection, each time. So that a lively connection does not pay for all
//! the sleeping ones, there are two lots with a thread each: the *recent* one takes whoever is parked; who has waited there
//! for a second without a sign moves on to the *settled* one, where a crowd of thousands costs nothing as long as it
//! sleeps. And those who send in drops are looked after in the recent lot, but all together and only every
//! [`DROPS_LOOK`].

use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::lot::{Interest, Lot, Parked};
use super::pool::Pool;
use super::wake::Wake;
use crate::limits::LINGER_TIME;

/// After it has found some ready the thread naps, so that the next poll finds several, as it costs the same for one as for
/// many, and so that the workers have the processor meanwhile. A poll costs more the more are parked, so the nap is longer,
/// too. Measured on 2 processors: without a nap, 5 to 8 clients wait up to 3 ms, a turn of the scheduler, for a thread that
/// polls all the time; with 64 clients 50 µs gather too few and 500 µs delay answers; from 128 to 512, naps half as long take
/// 6 to 9 % more processor time for a request, and bring the median of 512 clients only from 3.1 to 3.0 ms.
const NAP_FOR_EACH: Duration = Duration::from_micros(4);
const NAP_MIN: Duration = Duration::from_micros(100);
const NAP_MAX: Duration = Duration::from_millis(2);

/// How often those who send in drops are looked after.
const DROPS_LOOK: Duration = Duration::from_millis(50);

/// How long a connection stays in the recent lot, and how often those who have stayed so long are passed on.
const SETTLING: Duration = Duration::from_secs(1);

/// Deadlines are kept to this precision, so that many that pass one after the other cost one look at all.
const TICK: Duration = Duration::from_millis(20);

/// No deadline is looked for later than this.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// Keeps one lot.
pub(super) struct Keeper<'a> {
    pool: &'a Pool<'a>,
    lot: &'a Lot,
    /// Where those move on to who have not been ready for long.
    settled: Option<&'a Lot>,
    parked: Vec<Parked>,
    drops: Vec<Parked>,
    next_drops_look: Instant,
    next_settling: Instant,
    next_deadline: Instant,
    draining_since: Option<Instant>,
}

impl<'a> Keeper<'a> {
    pub fn new(pool: &'a Pool<'a>, lot: &'a Lot, settled: Option<&'a Lot>) -> Self {
        let now = Instant::now();
        Keeper {
            pool,
            lot,
            settled,
            parked: Vec::new(),
            drops: Vec::new(),
            next_drops_look: now,
            next_settling: now,
            next_deadline: now,
            draining_since: None,
        }
    }

    /// Keeps the lot until the server is told to stop and the last connection has gone.
    pub fn keep(mut self) {
        let mut found_some = false;
        loop {
            if found_some {
                // Those who wait for a worker will be here soon.
                let about = self.parked.len() + self.pool.queued();
                thread::sleep((NAP_FOR_EACH * about as u32).clamp(NAP_MIN, NAP_MAX));
            }
            self.lot.fall_asleep();
            if self.pool.admission.all_gone() {
                return;
            }
            self.take_arrivals();
            self.drain();
            self.give_up();
            let until = self.wake_at();
            found_some = release_ready(self.pool, &mut self.parked, Some(self.lot.bell()), until);
            self.lot.get_up();
            self.look_at_the_clock();
        }
    }

    fn take_arrivals(&mut self) {
        for newcomer in self.lot.arrivals() {
            self.next_deadline = self.next_deadline.min(newcomer.deadline);
            match newcomer.interest {
                Interest::Drops => self.drops.push(newcomer),
                Interest::Readable | Interest::Writable => self.parked.push(newcomer),
            }
        }
        self.lot.set_lively(self.parked.len());
    }

    /// When the clock must be looked at, even if nobody is ready.
    fn wake_at(&self) -> Instant {
        let drops = (!self.drops.is_empty()).then_some(self.next_drops_look);
        let settling = (self.settled.is_some() && !self.parked.is_empty()).then_some(self.next_settling);
        [drops, settling].into_iter().flatten().fold(self.next_deadline, Instant::min)
    }

    fn look_at_the_clock(&mut self) {
        let now = Instant::now();
        if now >= self.next_drops_look {
            release_ready(self.pool, &mut self.drops, None, now);
            self.next_drops_look = now + DROPS_LOOK;
        }
        if let Some(settled) = self.settled.filter(|_| now >= self.next_settling) {
            settled.park(self.parked.extract_if(.., |parked| now >= parked.since + SETTLING));
            self.next_settling = now + SETTLING;
        }
        if now >= self.next_deadline {
            self.release(|parked| parked.deadline <= now);
            let deadlines = self.parked.iter().chain(&self.drops).map(|parked| parked.deadline);
            self.next_deadline = deadlines.min().unwrap_or(now + LONGEST_SLEEP).max(now + TICK);
        }
    }

    /// While the server ends: idle connections go at once, those that linger soon, and when the time is up everybody.
    fn drain(&mut self) {
        let Pool { stop, settings, admission, .. } = self.pool;
        if !stop.is_finishing() {
            return;
        }
        let now = Instant::now();
        let since = *self.draining_since.get_or_insert(now);
        if now >= since + settings.drain_timeout && stop.cut() {
            log::warn!("the time to finish is over, connections cut: {}", admission.connections());
        }
        let cut = stop.is_cut();
        let lingered = now >= since + LINGER_TIME;
        self.release(|Parked { connection, .. }| {
            cut || connection.is_idle() || (lingered && connection.is_lingering())
        });
        for step in [since + LINGER_TIME, since + settings.drain_timeout] {
            if step > now {
                self.next_deadline = self.next_deadline.min(step);
            }
        }
    }

    /// Closes idle connections that somebody else needs, those first that have been idle for longest.
    fn give_up(&mut self) {
        let wanted = self.lot.take_to_give_up();
        if wanted == 0 {
            return;
        }
        let idle = self.parked.iter().filter(|parked| parked.connection.is_idle());
        let mut idle_since: Vec<Instant> = idle.map(|parked| parked.since).collect();
        if wanted < idle_since.len() {
            let (_, last, _) = idle_since.select_nth_unstable(wanted - 1);
            let last = *last;
            self.release(|parked| parked.connection.is_idle() && parked.since <= last);
        } else {
            self.release(|parked| parked.connection.is_idle());
        }
    }

    /// Puts these connections into the channel, as expired.
    fn release(&mut self, which: impl Fn(&Parked) -> bool) {
        let parked = self.parked.extract_if(.., |parked| which(parked));
        for mut released in parked.chain(self.drops.extract_if(.., |parked| which(parked))) {
            released.connection.expire();
            self.pool.queue(released.connection);
        }
    }
}

/// Polls until some of these connections are ready, the bell rings or the time has come, and puts the ready ones into the
/// channel, in their order. Returns whether there were any.
fn release_ready(pool: &Pool, parked: &mut Vec<Parked>, bell: Option<&Wake>, until: Instant) -> bool {
    let mut awaited: Vec<PollFd> =
        parked.iter().map(|parked| PollFd::new(&parked.connection, parked.interest.events())).collect();
    awaited.extend(bell.map(|bell| PollFd::from_borrowed_fd(bell.as_fd(), PollFlags::IN)));
    let time = until.saturating_duration_since(Instant::now());
    let time = Timespec::try_from(time).expect("a deadline is no more than a year away");
    if let Err(error) = poll(&mut awaited, Some(&time)) {
        if error != Errno::INTR {
            log::error!("cannot poll {} connections, will try again: {error}", parked.len());
            thread::sleep(TICK);
        }
        return false;
    }
    // Errors and hang-ups count as ready: the worker that serves the connection will find out.
    let ready: Vec<bool> = awaited.iter().map(|fd| !fd.revents().is_empty()).collect();
    drop(awaited);
    if !ready[..parked.len()].contains(&true) {
        return false;
    }
    let now = Instant::now();
    let mut ready = ready.into_iter();
    for mut released in parked.extract_if(.., |_| ready.next() == Some(true)) {
        released.connection.found_ready(now);
        pool.queue(released.connection);
    }
    true
}

impl Interest {
    fn events(self) -> PollFlags {
        match self {
            Interest::Readable | Interest::Drops => PollFlags::IN,
            Interest::Writable => PollFlags::OUT,
        }
    }
}
