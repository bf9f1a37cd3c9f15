//! The road of a request. Reading this file is reading the server.
//!
//! A worker calls [`Connection::run`], which goes from stage to stage until the client has to be waited for, others have
//! their turn, or the connection has ended:
//!
//! ```text
//! Idle ──first byte──▶ Reading ──whole head──▶ Sending ──▶ Idle             the connection goes on
//!                                                      ──▶ Lingering ──▶ ×  or it ends, when the client has the answer
//! ```

use std::net::{IpAddr, Shutdown};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use socket2::Socket;

use super::admission::{Kind, Permit};
use super::exchange::{After, Exchange};
use super::input::Input;
use super::lot::{Interest, Parked};
use super::pool::{DiskPermit, Pool};
use super::quota::Slot;
use super::receive::{self, Receive, receive};
use super::transfer::Progress;
use crate::http::framing::Discard;
use crate::http::head::{self, Reading};
use crate::http::{Refusal, chunked};
use crate::limits::{LINGER_BYTES_MAX, LINGER_TIME};
use crate::ops::access_log::{Line, Peer};
use crate::site::FileSystem;

mod deadlines;

/// A client's connection. It is small, because it moves between the threads.
#[derive(Debug)]
pub(super) struct Connection {
    socket: Socket,
    state: Box<State>,
}

#[derive(Debug)]
struct State {
    peer: Peer,
    stage: Stage,
    /// Received and not yet used; while a worker serves the connection, that is in the worker's [`Input`].
    rest: Vec<u8>,
    /// Counts the rest while the connection is parked.
    unfinished_head: Option<Slot>,
    /// Until when the client may be waited for; set when it first is in a stage.
    deadline: Option<Instant>,
    /// When it was found that the next request is there, or more of it, if that is why the connection has left the lot.
    ready_at: Option<Instant>,
    /// To block on the disk with the request that is there.
    disk_permit: Option<DiskPermit>,
    /// Whether the deadline has passed and only the disk has to be waited for to tell what follows.
    timed_out: bool,
    /// Bytes of the last answer that the client had not acknowledged when that was last asked.
    unacknowledged: Option<u64>,
    permit: Permit,
}

#[derive(Debug)]
enum Stage {
    /// Waits for a request, behind what is left of the last request's content.
    Idle {
        to_drop: Discard,
    },
    /// A request head has begun.
    Reading,
    Sending(Exchange),
    /// Has had its last answer; drops this many bytes more, for this long, at most.
    Lingering {
        left: u64,
        time: Duration,
        log_line: Option<Box<Line>>,
    },
}

/// Why a connection comes to a worker.
#[derive(Debug)]
pub(super) enum Wakeup {
    New,
    /// Its client was seen to be ready then.
    Ready(Instant),
    /// Others had their turn.
    Requeued,
    /// It has the permit that it waited for.
    DiskPermit(DiskPermit),
    /// Its deadline has passed, or another connection needs what it holds.
    TimedOut,
    /// No disk permit came in time.
    DiskTimedOut,
    /// Its client has left, or the server has no more time for it.
    Abandoned,
}

/// Why a worker lets go of a connection.
pub(super) enum Pause {
    Wait(Interest),
    WaitForDisk(FileSystem),
    TurnOver,
    End,
}

/// Where a connection goes from its worker.
pub(super) enum Next {
    Requeue(Connection),
    Park(Parked),
    WaitForDisk(FileSystem, Parked),
    Close(Connection),
}

impl Connection {
    /// A connection as it was accepted.
    pub fn new(socket: Socket, peer: IpAddr, permit: Permit) -> Self {
        let state = State {
            peer: Peer::new(peer),
            stage: Stage::Idle { to_drop: Discard::NOTHING },
            rest: Vec::new(),
            unfinished_head: None,
            deadline: None,
            ready_at: None,
            disk_permit: None,
            timed_out: false,
            unacknowledged: None,
            permit,
        };
        Connection { socket, state: Box::new(state) }
    }

    /// Goes on with the connection as far as it goes without waiting for its client longer than others can afford.
    pub fn run(mut self, wakeup: Wakeup, pool: &Pool, input: &mut Input) -> Next {
        input.load(&std::mem::take(&mut self.state.rest));
        self.state.unfinished_head = None;
        let pause = self.go_on(wakeup, pool, input);
        self.state.rest = input.bytes().to_vec();
        self.state.ready_at = None;
        match pause {
            Pause::End => Next::Close(self),
            Pause::TurnOver => Next::Requeue(self),
            Pause::WaitForDisk(file_system) => {
                // That the disk is slow is no fault of the client.
                self.state.deadline = None;
                let since = Instant::now();
                let deadline = since + pool.settings.stall_timeout;
                Next::WaitForDisk(
                    file_system,
                    Parked { connection: self, interest: Interest::Leaving, since, deadline },
                )
            }
            Pause::Wait(interest) => {
                let since = Instant::now();
                let is_slow = self.is_slow_sender(since, pool.settings.head_timeout);
                let interest = if is_slow { Interest::Drops } else { interest };
                let deadline = self.deadline(since, pool);
                if !self.state.rest.is_empty() {
                    self.state.unfinished_head = Some(pool.unfinished_heads.take(self.state.rest.len()));
                }
                Next::Park(Parked { connection: self, interest, since, deadline })
            }
        }
    }

    fn go_on(&mut self, wakeup: Wakeup, pool: &Pool, input: &mut Input) -> Pause {
        if pool.stop.is_cut() {
            return Pause::End;
        }
        if let Err(pause) = self.wake(wakeup, pool, input) {
            return pause;
        }
        let mut how = Receive::TryThenBlock;
        loop {
            let next = match &mut self.state.stage {
                Stage::Idle { .. } | Stage::Reading => self.read(pool, input, &mut how),
                Stage::Sending(exchange) => send(exchange, &self.socket, pool),
                Stage::Lingering { left, .. } => Err(receive::linger(&self.socket, left, pool, input, how)),
            };
            match next {
                Ok(stage) => self.enter(stage),
                Err(pause) => return pause,
            }
        }
    }

    fn enter(&mut self, stage: Stage) {
        if matches!(stage, Stage::Lingering { .. }) {
            // The client sees the end of the answer at once. If it has gone, receiving will tell.
            let _ = self.socket.shutdown(Shutdown::Write);
        }
        self.state.stage = stage;
        self.state.deadline = None;
        self.state.unacknowledged = None;
    }

    fn wake(&mut self, wakeup: Wakeup, pool: &Pool, input: &Input) -> Result<(), Pause> {
        match wakeup {
            Wakeup::New | Wakeup::Requeued => Ok(()),
            Wakeup::Ready(at) => {
                self.found_ready(at);
                Ok(())
            }
            Wakeup::DiskPermit(permit) => {
                self.allow_disk(permit);
                if std::mem::take(&mut self.state.timed_out) { self.time_out(pool, input) } else { Ok(()) }
            }
            Wakeup::TimedOut => self.time_out(pool, input),
            Wakeup::DiskTimedOut if matches!(self.state.stage, Stage::Idle { .. } | Stage::Reading) => {
                self.reject(Refusal::DISK_TIMED_OUT, input, pool);
                Ok(())
            }
            Wakeup::DiskTimedOut => Err(self.reset(pool)),
            Wakeup::Abandoned => Err(Pause::End),
        }
    }

    fn reject(&mut self, refusal: Refusal, input: &Input, pool: &Pool) {
        let exchange = Exchange::last_words(refusal, input.bytes(), &self.state.peer, pool);
        self.enter(Stage::Sending(exchange));
    }

    /// Receives until there is a whole head, and decides the answer to it.
    fn read(&mut self, pool: &Pool, input: &mut Input, how: &mut Receive) -> Result<Stage, Pause> {
        if self.is_shed() {
            let refusal = Refusal::TOO_MANY_CONNECTIONS;
            return Ok(Stage::Sending(Exchange::last_words(refusal, b"", &self.state.peer, pool)));
        }
        loop {
            if let Some(stage) = self.drop_content(pool, input) {
                return Ok(stage);
            }
            if !input.bytes().is_empty() {
                if *how == Receive::Block && pool.queued() > 0 {
                    return Err(Pause::TurnOver);
                }
                if let Some(exchange) = self.decide(pool, input)? {
                    *how = Receive::Block;
                    return Ok(Stage::Sending(exchange));
                }
                if matches!(self.state.stage, Stage::Idle { .. }) && head::has_begun(input.bytes()) {
                    self.enter(Stage::Reading);
                }
            }
            receive(&self.socket, pool, input, std::mem::replace(how, Receive::Park))?;
        }
    }

    /// Drops what has arrived of the last request's content; Some stage if its end is not found.
    fn drop_content(&mut self, pool: &Pool, input: &mut Input) -> Option<Stage> {
        let Stage::Idle { to_drop } = &mut self.state.stage else { return None };
        match to_drop.advance(input.bytes()) {
            Ok(dropped) => {
                input.consume(dropped);
                None
            }
            Err(chunked::Error::Malformed) => {
                Some(Stage::Sending(Exchange::last_words(Refusal::BAD_CHUNK, b"", &self.state.peer, pool)))
            }
            // The answer said that the connection goes on, as the length was not known then.
            Err(chunked::Error::TooLong) => {
                Some(Stage::Lingering { left: LINGER_BYTES_MAX, time: LINGER_TIME, log_line: None })
            }
        }
    }

    /// Decides the answer to the request at the start of the input; None while its head is not whole.
    fn decide(&mut self, pool: &Pool, input: &mut Input) -> Result<Option<Exchange>, Pause> {
        let bytes = input.bytes();
        #[cfg(test)]
        assert!(!bytes.starts_with(b"PANIC "), "a test asked for it");
        let (exchange, used) = match head::read(bytes) {
            Ok(Reading::Partial) => return Ok(None),
            Ok(Reading::Whole(request, length)) => {
                let (begun, permit) = (self.begun(bytes), self.state.disk_permit.take());
                let exchange = Exchange::answer(&request, begun, bytes, permit, &self.state.peer, pool);
                (exchange.map_err(Pause::WaitForDisk)?, length)
            }
            Err(refusal) => (Exchange::last_words(refusal, bytes, &self.state.peer, pool), bytes.len()),
        };
        input.consume(used);
        Ok(Some(exchange))
    }

    /// A moment by which the request had begun that these bytes begin with.
    pub fn begun(&mut self, bytes: &[u8]) -> Instant {
        // What was there then was the first byte of one request, or of an empty line before it.
        let ready_at = self.state.ready_at.take().filter(|_| !bytes.starts_with(b"\r"));
        ready_at.unwrap_or_else(Instant::now)
    }

    /// Receives what is there, so that closing the connection does not destroy the answer that it had.
    pub fn discard(&self) {
        receive::discard(&self.socket);
    }

    /// Marks a connection that was ready by then.
    pub fn found_ready(&mut self, at: Instant) {
        if self.awaits_request() || matches!(self.state.stage, Stage::Reading) {
            self.state.ready_at = Some(at);
        }
    }

    /// Gives it the disk permit for which it has waited.
    fn allow_disk(&mut self, permit: DiskPermit) {
        match &mut self.state.stage {
            Stage::Sending(exchange) => exchange.allow_disk(permit),
            _ => self.state.disk_permit = Some(permit),
        }
    }

    /// Whether it waits for a request of which no byte has come: it can be closed and nobody loses anything, unless its
    /// client still takes its last answer.
    pub fn is_idle(&self) -> bool {
        self.awaits_request() && self.state.unacknowledged.is_none()
    }

    /// Whether the next byte is the first of a request.
    fn awaits_request(&self) -> bool {
        matches!(self.state.stage, Stage::Idle { to_drop } if to_drop.is_over())
    }

    /// Whether it has had its last answer and only its end is waited for.
    pub fn is_lingering(&self) -> bool {
        matches!(self.state.stage, Stage::Lingering { .. })
    }

    /// Whether it holds no file and needs no answer.
    pub fn is_quiet(&self) -> bool {
        matches!(self.state.stage, Stage::Idle { .. } | Stage::Lingering { .. })
    }

    /// Whether it was beyond the limit of connections.
    pub fn is_shed(&self) -> bool {
        self.state.permit.kind() == Kind::Shed
    }

    /// Bytes that it holds of a request head that has begun.
    pub fn unfinished_head(&self) -> usize {
        self.state.rest.len()
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Sends as far as the turn goes. When all is sent, the next stage begins.
fn send(exchange: &mut Exchange, socket: &Socket, pool: &Pool) -> Result<Stage, Pause> {
    match exchange.send(socket, pool) {
        Progress::Done => Ok(match exchange.after() {
            After::NextRequest { to_drop } => Stage::Idle { to_drop },
            After::Linger(time) => {
                Stage::Lingering { left: LINGER_BYTES_MAX, time, log_line: exchange.take_log_line() }
            }
        }),
        Progress::Full => Err(Pause::Wait(Interest::Writable)),
        Progress::DiskBusy(file_system) => Err(Pause::WaitForDisk(file_system)),
        Progress::TurnOver => Err(Pause::TurnOver),
        Progress::Broken => Err(Pause::End),
    }
}
