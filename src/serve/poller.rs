//! A poller: waits in poll(2) for the clients of parked connections and enforces their deadlines.
//!
//! It never writes to a client and never touches a file. It closes idle and lingering connections
//! that time out; any other ready or late connection goes back into the channel for a worker.
//!
//! A poll that blocks costs half a microsecond for each connection. Busy connections must not pay
//! for thousands of idle ones, so there are two pollers: the *active* one takes every parked
//! connection and hands those without an event for a second to the *inactive* one. Slow senders
//! stay with the active poller, which polls them together every [`SLOW_LOOK`].

use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::connection::{Parked, Pool, Wakeup};
use super::pool::heartbeat::Part;
use super::pool::inbox::{Interest, PollInbox};
use super::pool::load::Load;
use super::pool::waker::Waker;
use super::pool::{Event, Waiter};
use crate::limits::LINGER_TIME;

/// How often slow senders are polled.
const SLOW_LOOK: Duration = Duration::from_millis(50);

/// How often connections that wait for a disk permit are polled.
const DISK_LOOK: Duration = Duration::from_millis(200);

/// How long a connection whose client has closed its sending side may wait for the disk. Some such
/// clients still read, but most have left, and only a reset in reply to a send would show it.
const HALF_CLOSED_TIME: Duration = Duration::from_secs(1);

/// How long a connection without an event stays with the active poller, and how often such
/// connections are handed on.
const ACTIVE_TIME: Duration = Duration::from_secs(1);

/// How long an idle connection is kept while the sockets are handed over, so that its client's next
/// request, which may be on its way, is answered with `Connection: close` instead of a reset (RFC
/// 9112 section 9.6).
const HANDOVER_GRACE: Duration = Duration::from_secs(1);

/// How often idle connections are checked during a handover.
const HANDOVER_LOOK: Duration = Duration::from_millis(100);

/// Precision of deadlines, so that many that pass in a row cost one pass over the connections.
const TICK: Duration = Duration::from_millis(20);

/// Longest time between checks of the deadlines.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// Serves one inbox.
pub(super) struct Poller<'a> {
    pool: &'a Pool,
    inbox: &'a PollInbox<Parked>,
    /// Where connections without an event for [`ACTIVE_TIME`] go; None for the inactive poller.
    inactive: Option<&'a PollInbox<Parked>>,
    parked: Vec<Parked>,
    slow_senders: Vec<Parked>,
    next_slow_look: Instant,
    next_disk_look: Instant,
    next_demotion: Instant,
    next_deadline: Instant,
    draining_since: Option<Instant>,
}

impl<'a> Poller<'a> {
    pub fn new(pool: &'a Pool, inbox: &'a PollInbox<Parked>, inactive: Option<&'a PollInbox<Parked>>) -> Self {
        let now = Instant::now();
        Poller {
            pool,
            inbox,
            inactive,
            parked: Vec::new(),
            slow_senders: Vec::new(),
            next_slow_look: now,
            next_disk_look: now,
            next_demotion: now,
            next_deadline: now,
            draining_since: None,
        }
    }

    /// Runs until the server shuts down and the last connection is gone.
    pub fn run(mut self) {
        let mut found_some = false;
        loop {
            if found_some {
                thread::sleep(Load { active: self.parked.len(), ..self.pool.load() }.poll_delay());
            }
            self.inbox.before_poll();
            self.pool.heartbeat.beat(if self.inactive.is_some() { Part::PollActive } else { Part::PollInactive });
            if self.pool.admission.all_gone() {
                return;
            }
            self.drain_inbox();
            self.drain();
            self.evict_idle();
            self.evict_shed();
            self.evict_slow_senders();
            let until = self.wake_at();
            found_some = release_ready(self.pool, &mut self.parked, Some(self.inbox.waker()), until);
            self.inbox.after_poll();
            self.look_at_the_clock();
        }
    }

    fn drain_inbox(&mut self) {
        for newcomer in self.inbox.drain() {
            self.next_deadline = self.next_deadline.min(newcomer.deadline);
            match newcomer.interest {
                Interest::SlowRead => self.slow_senders.push(newcomer),
                Interest::Readable | Interest::Writable | Interest::Leaving => self.parked.push(newcomer),
            }
        }
        let sending = self.parked.iter().filter(|parked| parked.interest == Interest::Writable).count();
        self.inbox.set_counts(self.parked.len(), sending, self.slow_senders.len());
    }

    /// When the poll must end even if no connection is ready.
    fn wake_at(&self) -> Instant {
        let slow_senders = (!self.slow_senders.is_empty()).then_some(self.next_slow_look);
        let demotion = (self.inactive.is_some() && !self.parked.is_empty()).then_some(self.next_demotion);
        // Only the active poller watches connections that wait for the disk.
        let waiters = self.inactive.filter(|_| self.pool.disk.has_waiting()).map(|_| self.next_disk_look);
        [slow_senders, demotion, waiters].into_iter().flatten().fold(self.next_deadline, Instant::min)
    }

    fn look_at_the_clock(&mut self) {
        let now = Instant::now();
        if now >= self.next_slow_look {
            release_ready(self.pool, &mut self.slow_senders, None, now);
            self.next_slow_look = now + SLOW_LOOK;
        }
        if let Some(inactive) = self.inactive.filter(|_| now >= self.next_demotion) {
            inactive.park(self.parked.extract_if(.., |parked| now >= parked.since + ACTIVE_TIME));
            self.next_demotion = now + ACTIVE_TIME;
        }
        if self.inactive.is_some() && now >= self.next_disk_look {
            self.look_at_waiters(now);
            self.next_disk_look = now + DISK_LOOK;
        }
        if now >= self.next_deadline {
            for mut late in self.extract(|parked| parked.deadline <= now) {
                if !late.connection.is_quiet() {
                    self.pool.queue(late.connection, Wakeup::TimedOut);
                } else {
                    match late.connection.extend(now, self.pool) {
                        Ok(deadline) => {
                            late.deadline = deadline;
                            self.parked.push(late);
                        }
                        Err(timeout) => self.pool.counters.time_out(timeout),
                    }
                }
            }
            let deadlines = self.parked.iter().chain(&self.slow_senders).map(|parked| parked.deadline);
            self.next_deadline = deadlines.min().unwrap_or(now + LONGEST_SLEEP).max(now + TICK);
        }
    }

    /// Requeues connections that should no longer wait for a disk permit: the client has left, the
    /// deadline has passed, or the server aborts.
    fn look_at_waiters(&self, now: Instant) {
        let cut = self.pool.shutdown.is_aborted();
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

    /// While the server drains: closes idle connections at once, in a handover after
    /// [`HANDOVER_GRACE`], lingering ones after [`LINGER_TIME`], and all others at the drain
    /// timeout.
    fn drain(&mut self) {
        let Pool { shutdown, settings, admission, events, .. } = self.pool;
        if !shutdown.is_draining() {
            return;
        }
        let now = Instant::now();
        let since = *self.draining_since.get_or_insert(now);
        if now >= since + settings.drain_timeout && shutdown.abort() {
            log::warn!("drain timeout reached, connections aborted: {}", admission.connections());
            let _ = events.send(Event::Aborted);
        }
        let cut = shutdown.is_aborted();
        let lingered = now >= since + LINGER_TIME;
        if cut {
            self.extract(|_| true).into_iter().for_each(|parked| self.pool.queue(parked.connection, Wakeup::Abandoned));
            self.look_at_waiters(now);
        }
        let mut grace = Duration::ZERO;
        if shutdown.is_handover() {
            grace = HANDOVER_GRACE;
            self.next_deadline = self.next_deadline.min(now + HANDOVER_LOOK);
            // Requests that have arrived must not be closed with their connections.
            release_ready(self.pool, &mut self.parked, None, now);
        }
        drop(self.extract(|Parked { connection, since: parked_at, .. }| {
            (connection.is_idle() && now >= since.max(*parked_at) + grace) || (lingered && connection.is_lingering())
        }));
        for step in [since + LINGER_TIME, since + settings.drain_timeout] {
            if step > now {
                self.next_deadline = self.next_deadline.min(step);
            }
        }
    }

    /// Closes as many idle connections as other threads have asked for, the longest idle first.
    fn evict_idle(&mut self) {
        let wanted = self.inbox.take_idle_to_evict();
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
                    // Not idle after all: its client is still taking the last response.
                    Ok(deadline) => parked.deadline = deadline,
                    Err(_) => {
                        // Before its place is free, as a client could use that place first.
                        self.pool.counters.evicted.increment();
                        closed += 1;
                        continue;
                    }
                }
            }
            self.parked.push(parked);
        }
    }

    /// Closes the older half of the connections over the limit if others wait for their 503.
    fn evict_shed(&mut self) {
        if !self.inbox.take_shed_to_evict() {
            return;
        }
        let mut shed = self.extract(|parked| parked.connection.is_shed());
        shed.sort_unstable_by_key(|parked| parked.since);
        let kept = shed.split_off(shed.len().div_ceil(2));
        self.pool.counters.evicted.add(shed.len());
        shed.iter().for_each(|parked| parked.connection.discard());
        self.parked.extend(kept);
    }

    /// Evicts the oldest unfinished request heads while their total exceeds the limit.
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
                self.pool.counters.evicted.increment();
                self.pool.queue(parked.connection, Wakeup::Evicted);
            } else if parked.interest == Interest::SlowRead {
                self.slow_senders.push(parked);
            } else {
                self.parked.push(parked);
            }
        }
    }

    /// Removes and returns the connections that match.
    fn extract(&mut self, which: impl Fn(&Parked) -> bool) -> Vec<Parked> {
        let parked = self.parked.extract_if(.., |parked| which(parked));
        parked.chain(self.slow_senders.extract_if(.., |parked| which(parked))).collect()
    }
}

/// Polls, without blocking, for clients that have left.
fn has_left(connections: &[&Parked]) -> Vec<PollFlags> {
    let mut awaited: Vec<PollFd> =
        connections.iter().map(|parked| PollFd::new(&parked.connection, Interest::Leaving.events())).collect();
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    // On failure no client is known to have left.
    let _ = poll(&mut awaited, Some(&at_once));
    awaited.iter().map(PollFd::revents).collect()
}

/// Polls until a connection is ready, the waker is readable or `until` has come, and queues the
/// ready connections in order. Returns whether there were any.
fn release_ready(pool: &Pool, parked: &mut Vec<Parked>, waker: Option<&Waker>, until: Instant) -> bool {
    let mut awaited: Vec<PollFd> =
        parked.iter().map(|parked| PollFd::new(&parked.connection, parked.interest.events())).collect();
    awaited.extend(waker.map(|waker| PollFd::from_borrowed_fd(waker.as_fd(), PollFlags::IN)));
    let time = until.saturating_duration_since(Instant::now());
    let time = Timespec::try_from(time).expect("a deadline is no more than a year away");
    if let Err(error) = poll(&mut awaited, Some(&time)) {
        if error != Errno::INTR {
            log::error!("cannot poll {} connections, will try again: {error}", parked.len());
            thread::sleep(TICK);
        }
        return false;
    }
    // Errors and hang-ups count as ready; the worker finds the reason.
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
            Interest::Readable | Interest::SlowRead => PollFlags::IN,
            Interest::Writable => PollFlags::OUT,
            Interest::Leaving => PollFlags::RDHUP,
        }
    }
}
