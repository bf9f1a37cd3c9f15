//! The thread of a lot: waits in poll(2) for the clients of all who are parked there, and keeps every deadline.
//!
//! It never writes to a client and never touches a file. Connections that are idle or have had their last answer it closes
//! itself; whatever else it finds ready or late goes back into the channel, for a worker to deal with.
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

use super::Event;
use super::connection::Wakeup;
use super::lot::{Interest, Lot, Parked};
use super::pool::{Pool, Waiter};
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

/// How often those that wait for a disk permit are looked after.
const WAITERS_LOOK: Duration = Duration::from_millis(200);

/// How long a client that has closed its side still waits for the disk. A client may close it when it has sent its last
/// request and read on, but most that do have left, and only a reset that comes when they are sent something would tell.
const HALF_CLOSED_TIME: Duration = Duration::from_secs(1);

/// How long a connection stays in the recent lot, and how often those who have stayed so long are passed on.
const SETTLING: Duration = Duration::from_secs(1);

/// Deadlines are kept to this precision, so that many that pass one after the other cost one look at all.
const TICK: Duration = Duration::from_millis(20);

/// No deadline is looked for later than this.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// Keeps one lot.
pub(super) struct Keeper<'a> {
    pool: &'a Pool,
    lot: &'a Lot,
    /// Where those move on to who have not been ready for long.
    settled: Option<&'a Lot>,
    parked: Vec<Parked>,
    drops: Vec<Parked>,
    next_drops_look: Instant,
    next_waiters_look: Instant,
    next_settling: Instant,
    next_deadline: Instant,
    draining_since: Option<Instant>,
}

impl<'a> Keeper<'a> {
    pub fn new(pool: &'a Pool, lot: &'a Lot, settled: Option<&'a Lot>) -> Self {
        let now = Instant::now();
        Keeper {
            pool,
            lot,
            settled,
            parked: Vec::new(),
            drops: Vec::new(),
            next_drops_look: now,
            next_waiters_look: now,
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
            self.evict_shed();
            self.evict_slow_senders();
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
                Interest::Readable | Interest::Writable | Interest::Leaving => self.parked.push(newcomer),
            }
        }
        self.lot.set_lively(self.parked.len());
    }

    /// When the clock must be looked at, even if nobody is ready.
    fn wake_at(&self) -> Instant {
        let drops = (!self.drops.is_empty()).then_some(self.next_drops_look);
        let settling = (self.settled.is_some() && !self.parked.is_empty()).then_some(self.next_settling);
        // One lot looks after those that wait for the disk.
        let waiters = self.settled.filter(|_| self.pool.disk.has_waiting()).map(|_| self.next_waiters_look);
        [drops, settling, waiters].into_iter().flatten().fold(self.next_deadline, Instant::min)
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
        if self.settled.is_some() && now >= self.next_waiters_look {
            self.look_at_waiters(now);
            self.next_waiters_look = now + WAITERS_LOOK;
        }
        if now >= self.next_deadline {
            for mut late in self.extract(|parked| parked.deadline <= now) {
                if !late.connection.is_quiet() {
                    self.pool.queue(late.connection, Wakeup::TimedOut);
                } else if let Some(deadline) = late.connection.extend(now, self.pool) {
                    late.deadline = deadline;
                    self.parked.push(late);
                }
            }
            let deadlines = self.parked.iter().chain(&self.drops).map(|parked| parked.deadline);
            self.next_deadline = deadlines.min().unwrap_or(now + LONGEST_SLEEP).max(now + TICK);
        }
    }

    /// Sends back those that wait for a disk permit and should no longer: their client has left, or their time is over.
    fn look_at_waiters(&self, now: Instant) {
        let cut = self.pool.stop.is_cut();
        let late = self.pool.disk.extract(|waiters| {
            let connections: Vec<&Parked> = waiters.iter().filter_map(|waiter| waiter.connection()).collect();
            let mut left = has_left(&connections).into_iter();
            let is_late = |parked: &Parked, left: PollFlags| {
                let half_closed = left.contains(PollFlags::RDHUP) && now >= parked.since + HALF_CLOSED_TIME;
                cut || half_closed || left.intersects(PollFlags::HUP | PollFlags::ERR) || now >= parked.deadline
            };
            waiters
                .iter()
                .map(|waiter| {
                    waiter.connection().is_some_and(|parked| left.next().is_some_and(|left| is_late(parked, left)))
                })
                .collect()
        });
        for waiter in late {
            let Waiter::Connection(parked) = waiter else { continue };
            let is_late = !cut && now >= parked.deadline;
            self.pool.queue(parked.connection, if is_late { Wakeup::DiskTimedOut } else { Wakeup::Abandoned });
        }
    }

    /// While the server ends: idle connections go at once, those that linger soon, and when the time is up everybody.
    fn drain(&mut self) {
        let Pool { stop, settings, admission, events, .. } = self.pool;
        if !stop.is_finishing() {
            return;
        }
        let now = Instant::now();
        let since = *self.draining_since.get_or_insert(now);
        if now >= since + settings.drain_timeout && stop.cut() {
            log::warn!("the time to finish is over, connections cut: {}", admission.connections());
            let _ = events.send(Event::Cut);
        }
        let cut = stop.is_cut();
        let lingered = now >= since + LINGER_TIME;
        if cut {
            self.extract(|_| true).into_iter().for_each(|parked| self.pool.queue(parked.connection, Wakeup::Abandoned));
            self.look_at_waiters(now);
        }
        drop(self.extract(|Parked { connection, .. }| connection.is_idle() || (lingered && connection.is_lingering())));
        for step in [since + LINGER_TIME, since + settings.drain_timeout] {
            if step > now {
                self.next_deadline = self.next_deadline.min(step);
            }
        }
    }

    /// Closes idle connections where others need what they hold, those first that have been idle for longest.
    fn give_up(&mut self) {
        let wanted = self.lot.take_to_give_up();
        if wanted == 0 {
            return;
        }
        let now = Instant::now();
        let mut closed = 0;
        let mut idle = self.extract(|parked| parked.connection.is_idle());
        idle.sort_unstable_by_key(|parked| parked.since);
        for mut parked in idle {
            if closed < wanted {
                match parked.connection.extend(now, self.pool) {
                    // It is not idle after all: its client still takes its answer.
                    Some(deadline) => parked.deadline = deadline,
                    None => {
                        closed += 1;
                        continue;
                    }
                }
            }
            self.parked.push(parked);
        }
    }

    /// Closes the older half of the connections that are beyond the limit, where further ones wait to read so.
    fn evict_shed(&mut self) {
        if !self.lot.take_to_evict_shed() {
            return;
        }
        let mut shed = self.extract(|parked| parked.connection.is_shed());
        shed.sort_unstable_by_key(|parked| parked.since);
        let kept = shed.split_off(shed.len().div_ceil(2));
        shed.iter().for_each(|parked| parked.connection.discard());
        self.parked.extend(kept);
    }

    /// Sends back the oldest of those whose request heads are unfinished, while all of these take too much memory.
    fn evict_slow_senders(&mut self) {
        let excess = self.pool.unfinished_heads.excess();
        if excess == 0 {
            return;
        }
        let mut slow = self.extract(|parked| parked.connection.unfinished_head() > 0);
        slow.sort_unstable_by_key(|parked| parked.deadline);
        let mut freed = 0;
        for parked in slow {
            if freed < excess {
                freed += parked.connection.unfinished_head();
                self.pool.queue(parked.connection, Wakeup::TimedOut);
            } else if parked.interest == Interest::Drops {
                self.drops.push(parked);
            } else {
                self.parked.push(parked);
            }
        }
    }

    /// Takes these connections out of the lot.
    fn extract(&mut self, which: impl Fn(&Parked) -> bool) -> Vec<Parked> {
        let parked = self.parked.extract_if(.., |parked| which(parked));
        parked.chain(self.drops.extract_if(.., |parked| which(parked))).collect()
    }
}

/// What poll(2) says at once of the clients that leave.
fn has_left(connections: &[&Parked]) -> Vec<PollFlags> {
    let mut awaited: Vec<PollFd> =
        connections.iter().map(|parked| PollFd::new(&parked.connection, Interest::Leaving.events())).collect();
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    // Where it fails, nothing is known to have left.
    let _ = poll(&mut awaited, Some(&at_once));
    awaited.iter().map(PollFd::revents).collect()
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
    for released in parked.extract_if(.., |_| ready.next() == Some(true)) {
        pool.queue(released.connection, Wakeup::Ready(now));
    }
    true
}

impl Interest {
    fn events(self) -> PollFlags {
        match self {
            Interest::Readable | Interest::Drops => PollFlags::IN,
            Interest::Writable => PollFlags::OUT,
            Interest::Leaving => PollFlags::RDHUP,
        }
    }
}
