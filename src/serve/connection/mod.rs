//! The life of a connection.
//!
//! `proxy_header` (the client behind a proxy), `exchange` (a request and its response), `find`
//! (what a target leads to), `views` (files with some bytes changed), `describe` (what the files on
//! a page are), `lookup`, `file_read` and `transfer` (the bytes of a response), `receive` and
//! `read_buffer` (the bytes of a request), `deadlines` (how long to wait for a client).
//!
//! A worker calls [`Connection::run`], which goes from state to state until the connection must
//! wait, its quantum is spent, or it ends:
//!
//! ```text
//! Idle ──first byte──▶ Reading ──whole head──▶ Sending ──▶ Idle             keep-alive
//!                                                      ──▶ Lingering ──▶ ×  close
//! ```

use std::convert::Infallible;
use std::net::{IpAddr, Shutdown};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use socket2::Socket;

use super::pool::admission::Permit;
use super::pool::counters::Timeout;
use super::pool::inbox::{self, Interest};
use super::pool::quota::Slot;
use super::pool::{self, Next};
use crate::http::framing::Discard;
use crate::http::head::{self, Parsed};
use crate::http::{Refusal, chunked};
use crate::limits::{LINGER_BYTES_MAX, LINGER_TIME};
use crate::ops::record::{Peer, Recording};

mod deadlines;
mod describe;
pub(in crate::serve) mod exchange;
pub(in crate::serve) mod file_read;
pub(in crate::serve) mod find;
pub(in crate::serve) mod lookup;
mod proxy_header;
pub(in crate::serve) mod read_buffer;
mod receive;
pub(in crate::serve) mod transfer;
mod views;

use exchange::Then;
use read_buffer::ReadBuffer;
use receive::{Receive, receive};

pub(in crate::serve) type Pool = pool::Pool<Connection>;
pub(in crate::serve) type Worker<'a> = pool::Worker<'a, Connection>;
pub(in crate::serve) type Wakeup = pool::Wakeup<Connection>;
pub(in crate::serve) type Parked = inbox::Parked<Connection>;
type Exchange = exchange::Exchange<Connection>;

/// A client connection; small, because it moves between threads.
#[derive(Debug)]
pub(in crate::serve) struct Connection {
    socket: Socket,
    inner: Box<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// The address of the peer, or that of the client in its PROXY header.
    address: IpAddr,
    /// The same as it is shown.
    peer: Peer,
    has_read_proxy_header: bool,
    state: State,
    /// Bytes received and not yet used. While a worker serves the connection they are in its
    /// [`ReadBuffer`].
    rest: Vec<u8>,
    /// Counts `rest` while the connection is parked.
    unfinished_head: Option<Slot>,
    /// When waiting for the client ends; set when the connection first parks in a state. If it is
    /// set during a wait for the disk, it has passed.
    deadline: Option<Instant>,
    /// Bytes of the last response that were unacknowledged at the last check.
    unacknowledged: Option<u64>,
    /// For the record of the next request: when it arrived, if it has, and how long the connection
    /// has been in the queue since.
    asked_at: Option<Instant>,
    queue_wait: Duration,
    permit: Permit,
}

#[derive(Debug)]
enum State {
    /// Waits for a request, after what is left of the last request's content.
    Idle {
        to_drop: Discard,
    },
    /// A request head has begun.
    Reading,
    Sending(Exchange),
    /// The last response is sent; drops at most `left` more bytes, for at most `time`.
    Lingering {
        left: u64,
        time: Duration,
        recording: Option<Box<Recording>>,
    },
}

impl Connection {
    /// A newly accepted connection.
    pub fn new(socket: Socket, peer: IpAddr, permit: Permit) -> Self {
        let inner = Inner {
            address: peer,
            peer: Peer::new(peer),
            has_read_proxy_header: false,
            state: State::Idle { to_drop: Discard::NOTHING },
            rest: Vec::new(),
            unfinished_head: None,
            deadline: None,
            unacknowledged: None,
            asked_at: None,
            queue_wait: Duration::ZERO,
            permit,
        };
        Connection { socket, inner: Box::new(inner) }
    }

    /// Advances the connection until it must wait for its client or the disk, its quantum is spent,
    /// or it ends.
    pub fn run(&mut self, wakeup: Wakeup, worker: &mut Worker, read_buffer: &mut ReadBuffer) -> Next {
        read_buffer.fill_from(&std::mem::take(&mut self.inner.rest));
        self.inner.unfinished_head = None;
        if worker.pool.observer.is_some() {
            self.note_queue_wait(&wakeup);
        }
        let Err(next) = self.advance(wakeup, worker, read_buffer);
        self.inner.rest = read_buffer.bytes().to_vec();
        if self.inner.rest.is_empty() && self.awaits_request() {
            (self.inner.asked_at, self.inner.queue_wait) = (None, Duration::ZERO);
        }
        next
    }

    /// Prepares the connection for a poller, with its interest and deadline.
    pub fn park(mut self, interest: Interest, pool: &Pool) -> Parked {
        let since = Instant::now();
        let is_slow = self.is_slow_sender(since, pool.settings.head_timeout);
        let interest = if is_slow { Interest::SlowRead } else { interest };
        let deadline = self.deadline(since, pool);
        if !self.inner.rest.is_empty() {
            self.inner.unfinished_head = Some(pool.unfinished_heads.take(self.inner.rest.len()));
        }
        Parked { connection: self, interest, since, deadline }
    }

    fn advance(
        &mut self,
        wakeup: Wakeup,
        worker: &mut Worker,
        read_buffer: &mut ReadBuffer,
    ) -> Result<Infallible, Next> {
        if worker.pool.shutdown.is_aborted() {
            return Err(Next::Close);
        }
        let mut arrived_by = self.arrived_by(&wakeup);
        self.wake(wakeup, worker, read_buffer)?;
        let mut how = Receive::TryThenBlock;
        loop {
            let next = match &mut self.inner.state {
                State::Idle { .. } | State::Reading => self.read(worker, read_buffer, &mut how, &mut arrived_by),
                State::Sending(exchange) => send(exchange, &self.socket, worker),
                State::Lingering { left, .. } => Err(receive::linger(&self.socket, left, worker, read_buffer, how)),
            };
            if let Err(Next::WaitForDisk(_)) = next {
                // A slow disk is not the client's fault.
                self.inner.deadline = None;
            }
            self.transition(next?);
        }
    }

    fn transition(&mut self, state: State) {
        if matches!(state, State::Lingering { .. }) {
            // The client sees the end of the response at once. If it has left, the next receive
            // fails.
            let _ = self.socket.shutdown(Shutdown::Write);
        }
        self.inner.state = state;
        self.inner.deadline = None;
        self.inner.unacknowledged = None;
    }

    fn wake(&mut self, wakeup: Wakeup, worker: &mut Worker, read_buffer: &ReadBuffer) -> Result<(), Next> {
        match wakeup {
            Wakeup::New(_) | Wakeup::Requeued | Wakeup::Ready(_) => Ok(()),
            Wakeup::DiskPermit(permit) => {
                worker.disk_permit = Some(permit);
                if self.inner.deadline.is_some() { self.on_timeout(worker, read_buffer) } else { Ok(()) }
            }
            Wakeup::TimedOut => {
                if matches!(self.inner.state, State::Reading) {
                    worker.pool.counters.time_out(Timeout::Head);
                }
                self.on_timeout(worker, read_buffer)
            }
            Wakeup::Evicted => self.on_timeout(worker, read_buffer),
            Wakeup::DiskTimedOut => {
                worker.pool.counters.time_out(Timeout::Disk);
                if matches!(self.inner.state, State::Idle { .. } | State::Reading) {
                    self.reject(Refusal::DISK_TIMED_OUT, read_buffer, worker.pool);
                    Ok(())
                } else {
                    Err(self.reset(worker.pool))
                }
            }
            Wakeup::Abandoned => Err(Next::Close),
        }
    }

    fn reject(&mut self, refusal: Refusal, read_buffer: &ReadBuffer, pool: &Pool) {
        let exchange = Exchange::reject(refusal, read_buffer.bytes(), &self.inner.peer, pool);
        self.transition(State::Sending(exchange));
    }

    /// Receives until the head is complete and decides the response.
    fn read(
        &mut self,
        worker: &mut Worker,
        read_buffer: &mut ReadBuffer,
        how: &mut Receive,
        arrived_by: &mut Option<Instant>,
    ) -> Result<State, Next> {
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
                    return Err(Next::Requeue);
                }
                if let Some(exchange) = self.decide(worker, read_buffer, arrived_by)? {
                    *how = Receive::Block;
                    return Ok(State::Sending(exchange));
                }
                let has_begun = self.has_begun(read_buffer.bytes(), pool);
                if matches!(self.inner.state, State::Idle { .. }) && has_begun {
                    self.transition(State::Reading);
                }
            }
            receive(&self.socket, worker, read_buffer, std::mem::replace(how, Receive::Park))?;
        }
    }

    /// Drops what has arrived of the last request's content. Returns the next state if the content
    /// is malformed or too long.
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
            // The response said keep-alive, because the length was not known then.
            Err(chunked::Error::TooLong) => {
                Some(State::Lingering { left: LINGER_BYTES_MAX, time: LINGER_TIME, recording: None })
            }
        }
    }

    /// Decides the response to the request at the start of the buffer; None while its head is
    /// incomplete.
    fn decide(
        &mut self,
        worker: &mut Worker,
        read_buffer: &mut ReadBuffer,
        arrived_by: &mut Option<Instant>,
    ) -> Result<Option<Exchange>, Next> {
        if self.awaits_proxy_header(worker.pool) {
            match self.read_proxy_header(read_buffer) {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(refusal) => {
                    let (bytes, peer) = (read_buffer.bytes(), &self.inner.peer);
                    return Ok(Some(Exchange::reject(refusal, bytes, peer, worker.pool)));
                }
            }
        }
        let bytes = read_buffer.bytes();
        #[cfg(test)]
        assert!(!bytes.starts_with(b"PANIC "), "a test asked for it");
        let (mut exchange, used) = match head::parse(bytes) {
            Ok(Parsed::Partial) => return Ok(None),
            Ok(Parsed::Complete(mut request, length)) => {
                let arrived = arrived(arrived_by, bytes);
                // Kept while it waits for a disk permit.
                self.inner.asked_at.get_or_insert(arrived);
                let client = self.client(&mut request, worker.pool);
                (Exchange::respond(&request, arrived, bytes, &client, worker)?, length)
            }
            Err(refusal) => (Exchange::reject(refusal, bytes, &self.inner.peer, worker.pool), bytes.len()),
        };
        let (asked_at, queue_wait) = (self.inner.asked_at.take(), std::mem::take(&mut self.inner.queue_wait));
        if let Some(record) = exchange.record() {
            record.arrived = asked_at.unwrap_or(record.arrived);
            record.queue_wait = queue_wait;
        }
        read_buffer.consume(used);
        Ok(Some(exchange))
    }

    /// When a poller saw bytes of a request, if that is why it woke the connection.
    pub fn arrived_by(&self, wakeup: &Wakeup) -> Option<Instant> {
        match *wakeup {
            Wakeup::Ready(at) if self.awaits_request() || matches!(self.inner.state, State::Reading) => Some(at),
            _ => None,
        }
    }

    fn note_queue_wait(&mut self, wakeup: &Wakeup) {
        let queued_at = match *wakeup {
            Wakeup::New(at) => Some(at),
            _ => self.arrived_by(wakeup),
        };
        if let Some(at) = queued_at {
            self.inner.asked_at.get_or_insert(at);
            self.inner.queue_wait += at.elapsed();
        }
    }

    /// Receives and drops what has arrived, so that closing does not destroy the last response.
    pub fn discard(&self) {
        receive::discard(&self.socket);
    }

    /// Whether closing loses nothing: no byte of a request has arrived, and the client is not still
    /// taking the last response.
    pub fn is_idle(&self) -> bool {
        self.awaits_request() && self.inner.unacknowledged.is_none()
    }

    /// Whether the next byte is the first of a request.
    fn awaits_request(&self) -> bool {
        matches!(self.inner.state, State::Idle { to_drop } if to_drop.is_over())
    }

    /// Whether the last response is sent and the connection only waits for its end.
    pub fn is_lingering(&self) -> bool {
        matches!(self.inner.state, State::Lingering { .. })
    }

    /// Whether it holds no file and needs no response, so that a poller may close it.
    pub fn is_quiet(&self) -> bool {
        matches!(self.inner.state, State::Idle { .. } | State::Lingering { .. })
    }

    /// Whether it is over the limit of connections.
    pub fn is_shed(&self) -> bool {
        self.inner.permit.is_shed
    }

    /// Bytes held of an unfinished request head.
    pub fn unfinished_head(&self) -> usize {
        self.inner.rest.len()
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Upper bound on when the first byte of this request arrived.
pub(in crate::serve) fn arrived(arrived_by: &mut Option<Instant>, bytes: &[u8]) -> Instant {
    // `arrived_by` holds for one request only, and not after an empty line, which may be all that
    // had arrived.
    arrived_by.take().filter(|_| !bytes.starts_with(b"\r")).unwrap_or_else(Instant::now)
}

/// Sends until something would block or the quantum is spent; returns the next state when all is
/// sent.
fn send(exchange: &mut Exchange, socket: &Socket, worker: &mut Worker) -> Result<State, Next> {
    exchange.send(socket, worker)?;
    Ok(match exchange.then() {
        Then::NextRequest { to_drop } => State::Idle { to_drop },
        Then::Linger(time) => State::Lingering { left: LINGER_BYTES_MAX, time, recording: exchange.take_recording() },
    })
}
