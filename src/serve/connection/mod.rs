//! The life of a connection.
//!
//! `exchange` (the road of a request), `transfer` and `file_read` (the bytes of an answer),
//! `receive` and `read_buffer` (the bytes of a request), `deadlines` (how long a client is waited
//! for), `pause` (why a worker lets go).
//!
//! A worker calls [`Connection::run`], which goes from state to state until the client has to be
//! waited for, others have their turn, or the connection has ended:
//!
//! ```text
//! Idle ──first byte──▶ Reading ──whole head──▶ Sending ──▶ Idle             goes on
//!                                                      ──▶ Lingering ──▶ ×  ends with the answer
//! ```

use std::net::{IpAddr, Shutdown};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use socket2::Socket;

use super::pool;
use super::pool::admission::Permit;
use super::pool::inbox::{self, Interest};
use super::pool::quota::Slot;
use crate::http::framing::Discard;
use crate::http::head::{self, Parsed};
use crate::http::{Refusal, chunked};
use crate::limits::{LINGER_BYTES_MAX, LINGER_TIME};
use crate::ops::access_log::{Line, Peer};
use crate::site::FileSystem;

mod deadlines;
pub(in crate::serve) mod exchange;
mod file_read;
mod pause;
pub(in crate::serve) mod read_buffer;
mod receive;
pub(in crate::serve) mod transfer;

use exchange::Then;
use pause::Pause;
use read_buffer::ReadBuffer;
use receive::{Receive, receive};
use transfer::Progress;

pub(in crate::serve) type Pool = pool::Pool<Connection>;
pub(in crate::serve) type Worker<'a> = pool::Worker<'a, Connection>;
pub(in crate::serve) type Wakeup = pool::Wakeup<Connection>;
pub(in crate::serve) type Parked = inbox::Parked<Connection>;
type Exchange = exchange::Exchange<Connection>;

/// A client's connection. It is small, because it moves between the threads.
#[derive(Debug)]
pub(in crate::serve) struct Connection {
    socket: Socket,
    inner: Box<Inner>,
}

#[derive(Debug)]
struct Inner {
    peer: Peer,
    state: State,
    /// Received and not yet used; while a worker serves the connection, that is in the worker's
    /// [`ReadBuffer`].
    rest: Vec<u8>,
    /// Counts the rest while the connection is parked.
    unfinished_head: Option<Slot>,
    /// Until when the client may be waited for; set when it first is in a state.
    deadline: Option<Instant>,
    /// When it was found that the next request is there, or more of it, if that is why the
    /// connection has left the poller.
    arrived_by: Option<Instant>,
    /// Whether the deadline has passed and only the disk has to be waited for to tell what follows.
    timed_out: bool,
    /// Bytes of the last answer that the client had not acknowledged when that was last asked.
    unacknowledged: Option<u64>,
    permit: Permit,
}

#[derive(Debug)]
enum State {
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

/// Where a connection goes from its worker.
pub(in crate::serve) enum Next {
    Requeue(Connection),
    Park(Parked),
    WaitForDisk(FileSystem, Parked),
    Close(Connection),
}

impl Connection {
    /// A connection as it was accepted.
    pub fn new(socket: Socket, peer: IpAddr, permit: Permit) -> Self {
        let inner = Inner {
            peer: Peer::new(peer),
            state: State::Idle { to_drop: Discard::NOTHING },
            rest: Vec::new(),
            unfinished_head: None,
            deadline: None,
            arrived_by: None,
            timed_out: false,
            unacknowledged: None,
            permit,
        };
        Connection { socket, inner: Box::new(inner) }
    }

    /// Goes on with the connection as far as it goes without waiting for its client longer than
    /// others can afford.
    pub fn run(mut self, wakeup: Wakeup, worker: &mut Worker, read_buffer: &mut ReadBuffer) -> Next {
        let pool = worker.pool;
        read_buffer.fill_from(&std::mem::take(&mut self.inner.rest));
        self.inner.unfinished_head = None;
        let pause = self.advance(wakeup, worker, read_buffer);
        self.inner.rest = read_buffer.bytes().to_vec();
        self.inner.arrived_by = None;
        match pause {
            Pause::End => Next::Close(self),
            Pause::QuantumSpent => Next::Requeue(self),
            Pause::WaitForDisk(file_system) => {
                // That the disk is slow is no fault of the client.
                self.inner.deadline = None;
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
                let interest = if is_slow { Interest::SlowRead } else { interest };
                let deadline = self.deadline(since, pool);
                if !self.inner.rest.is_empty() {
                    self.inner.unfinished_head = Some(pool.unfinished_heads.take(self.inner.rest.len()));
                }
                Next::Park(Parked { connection: self, interest, since, deadline })
            }
        }
    }

    fn advance(&mut self, wakeup: Wakeup, worker: &mut Worker, read_buffer: &mut ReadBuffer) -> Pause {
        if worker.pool.shutdown.is_aborted() {
            return Pause::End;
        }
        if let Err(pause) = self.wake(wakeup, worker, read_buffer) {
            return pause;
        }
        let mut how = Receive::TryThenBlock;
        loop {
            let next = match &mut self.inner.state {
                State::Idle { .. } | State::Reading => self.read(worker, read_buffer, &mut how),
                State::Sending(exchange) => send(exchange, &self.socket, worker),
                State::Lingering { left, .. } => Err(receive::linger(&self.socket, left, worker, read_buffer, how)),
            };
            match next {
                Ok(state) => self.transition(state),
                Err(pause) => return pause,
            }
        }
    }

    fn transition(&mut self, state: State) {
        if matches!(state, State::Lingering { .. }) {
            // The client sees the end of the answer at once. If it has gone, receiving will tell.
            let _ = self.socket.shutdown(Shutdown::Write);
        }
        self.inner.state = state;
        self.inner.deadline = None;
        self.inner.unacknowledged = None;
    }

    fn wake(&mut self, wakeup: Wakeup, worker: &mut Worker, read_buffer: &ReadBuffer) -> Result<(), Pause> {
        match wakeup {
            Wakeup::New | Wakeup::Requeued => Ok(()),
            Wakeup::Ready(at) => {
                self.found_ready(at);
                Ok(())
            }
            Wakeup::DiskPermit(permit) => {
                worker.disk_permit = Some(permit);
                if std::mem::take(&mut self.inner.timed_out) { self.on_timeout(worker, read_buffer) } else { Ok(()) }
            }
            Wakeup::TimedOut => self.on_timeout(worker, read_buffer),
            Wakeup::DiskTimedOut if matches!(self.inner.state, State::Idle { .. } | State::Reading) => {
                self.reject(Refusal::DISK_TIMED_OUT, read_buffer, worker.pool);
                Ok(())
            }
            Wakeup::DiskTimedOut => Err(self.reset(worker.pool)),
            Wakeup::Abandoned => Err(Pause::End),
        }
    }

    fn reject(&mut self, refusal: Refusal, read_buffer: &ReadBuffer, pool: &Pool) {
        let exchange = Exchange::reject(refusal, read_buffer.bytes(), &self.inner.peer, pool);
        self.transition(State::Sending(exchange));
    }

    /// Receives until there is a whole head, and decides the answer to it.
    fn read(&mut self, worker: &mut Worker, read_buffer: &mut ReadBuffer, how: &mut Receive) -> Result<State, Pause> {
        let pool = worker.pool;
        if self.is_shed() {
            let refusal = Refusal::TOO_MANY_CONNECTIONS;
            return Ok(State::Sending(Exchange::reject(refusal, b"", &self.inner.peer, pool)));
        }
        loop {
            if let Some(state) = self.drop_content(pool, read_buffer) {
                return Ok(state);
            }
            if !read_buffer.bytes().is_empty() {
                if *how == Receive::Block && pool.load().has_queued() {
                    return Err(Pause::QuantumSpent);
                }
                if let Some(exchange) = self.decide(worker, read_buffer)? {
                    *how = Receive::Block;
                    return Ok(State::Sending(exchange));
                }
                if matches!(self.inner.state, State::Idle { .. }) && head::has_begun(read_buffer.bytes()) {
                    self.transition(State::Reading);
                }
            }
            receive(&self.socket, worker, read_buffer, std::mem::replace(how, Receive::Park))?;
        }
    }

    /// Drops what has arrived of the last request's content; Some state if its end is not found.
    fn drop_content(&mut self, pool: &Pool, read_buffer: &mut ReadBuffer) -> Option<State> {
        let State::Idle { to_drop } = &mut self.inner.state else { return None };
        match to_drop.advance(read_buffer.bytes()) {
            Ok(dropped) => {
                read_buffer.consume(dropped);
                None
            }
            Err(chunked::Error::Malformed) => {
                Some(State::Sending(Exchange::reject(Refusal::BAD_CHUNK, b"", &self.inner.peer, pool)))
            }
            // The answer said that the connection goes on, as the length was not known then.
            Err(chunked::Error::TooLong) => {
                Some(State::Lingering { left: LINGER_BYTES_MAX, time: LINGER_TIME, log_line: None })
            }
        }
    }

    /// Decides the answer to the request at the start of the buffer; None while its head is not
    /// whole.
    fn decide(&mut self, worker: &mut Worker, read_buffer: &mut ReadBuffer) -> Result<Option<Exchange>, Pause> {
        let bytes = read_buffer.bytes();
        #[cfg(test)]
        assert!(!bytes.starts_with(b"PANIC "), "a test asked for it");
        let (exchange, used) = match head::parse(bytes) {
            Ok(Parsed::Partial) => return Ok(None),
            Ok(Parsed::Complete(request, length)) => {
                let arrived = self.arrived(bytes);
                let exchange = Exchange::respond(&request, arrived, bytes, &self.inner.peer, worker);
                (exchange.map_err(Pause::WaitForDisk)?, length)
            }
            Err(refusal) => (Exchange::reject(refusal, bytes, &self.inner.peer, worker.pool), bytes.len()),
        };
        read_buffer.consume(used);
        Ok(Some(exchange))
    }

    /// Upper bound on when the first byte of this request arrived.
    pub fn arrived(&mut self, bytes: &[u8]) -> Instant {
        // What was there then was the first byte of one request, or of an empty line before it.
        let arrived_by = self.inner.arrived_by.take().filter(|_| !bytes.starts_with(b"\r"));
        arrived_by.unwrap_or_else(Instant::now)
    }

    /// Receives what is there, so that closing the connection does not destroy the answer that it
    /// had.
    pub fn discard(&self) {
        receive::discard(&self.socket);
    }

    /// Marks a connection that was ready by then.
    pub fn found_ready(&mut self, at: Instant) {
        if self.awaits_request() || matches!(self.inner.state, State::Reading) {
            self.inner.arrived_by = Some(at);
        }
    }

    /// Whether it waits for a request of which no byte has come: it can be closed and nobody loses
    /// anything, unless its client still takes its last answer.
    pub fn is_idle(&self) -> bool {
        self.awaits_request() && self.inner.unacknowledged.is_none()
    }

    /// Whether the next byte is the first of a request.
    fn awaits_request(&self) -> bool {
        matches!(self.inner.state, State::Idle { to_drop } if to_drop.is_over())
    }

    /// Whether it has had its last answer and only its end is waited for.
    pub fn is_lingering(&self) -> bool {
        matches!(self.inner.state, State::Lingering { .. })
    }

    /// Whether it holds no file and needs no answer.
    pub fn is_quiet(&self) -> bool {
        matches!(self.inner.state, State::Idle { .. } | State::Lingering { .. })
    }

    /// Whether it was beyond the limit of connections.
    pub fn is_shed(&self) -> bool {
        self.inner.permit.is_shed
    }

    /// Bytes that it holds of a request head that has begun.
    pub fn unfinished_head(&self) -> usize {
        self.inner.rest.len()
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Sends until something would block or the quantum is spent. When all is sent, the next state
/// begins.
fn send(exchange: &mut Exchange, socket: &Socket, worker: &mut Worker) -> Result<State, Pause> {
    match exchange.send(socket, worker) {
        Progress::Done => Ok(match exchange.then() {
            Then::NextRequest { to_drop } => State::Idle { to_drop },
            Then::Linger(time) => State::Lingering { left: LINGER_BYTES_MAX, time, log_line: exchange.take_log_line() },
        }),
        Progress::WouldBlock => Err(Pause::Wait(Interest::Writable)),
        Progress::DiskBusy(file_system) => Err(Pause::WaitForDisk(file_system)),
        Progress::QuantumSpent => Err(Pause::QuantumSpent),
        Progress::Broken => Err(Pause::End),
    }
}
