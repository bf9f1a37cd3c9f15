//! The road of a request. Reading this file is reading the server.
//!
//! A worker calls [`Connection::serve`], which goes from stage to stage until the client has to be waited for, others have
//! their turn, or the connection has ended:
//!
//! ```text
//! Reading ──a whole head──▶ Sending ──▶ Reading          the connection goes on
//!                                   ──▶ Lingering ──▶ ×  unread bytes must not destroy the last answer
//!                                   ──▶ ×
//! ```

use std::fs::File;
use std::net::{IpAddr, Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Instant, SystemTime};

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use super::admission::{Kind, Permit};
use super::input::Input;
use super::lot::{Interest, Parked};
use super::pool::Pool;
use super::transfer::{Progress, Transfer};
use crate::http::framing::Content;
use crate::http::head::{self, NO_FIELDS, Reading};
use crate::http::response::Body;
use crate::http::target;
use crate::http::{Method, Refusal, Request, Response, Status};
use crate::limits::{LINGER_BYTES_MAX, LINGER_TIME, STALL_PROGRESS};
use crate::ops::access_log::Line;
use crate::site::Found;

/// Bytes of a usual response head, so that it is written without growing.
const LEAD_CAPACITY: usize = 512;

/// A client's connection. It is small, because it moves between the threads.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    state: Box<State>,
}

#[derive(Debug)]
struct State {
    peer: IpAddr,
    stage: Stage,
    /// Received and not yet used; empty while a worker has it.
    rest: Vec<u8>,
    /// When the lot may give the connection up; set when it first waits in a stage.
    deadline: Option<Instant>,
    expired: bool,
    permit: Permit,
}

#[derive(Debug)]
enum Stage {
    /// Waits for a request head, which may have begun, after so many bytes of the last request's content.
    Reading {
        begun: bool,
        to_drop: u64,
    },
    Sending(Exchange),
    /// Has had its last answer; drops so many bytes more, at most.
    Lingering {
        left: u64,
    },
}

/// One request and its answer, from the moment it is decided.
#[derive(Debug)]
struct Exchange {
    transfer: Transfer,
    /// What was sent when the client last showed that it is alive.
    sent_before: u64,
    after: After,
    /// Ends in the access log with the exchange, however that ends.
    line: Option<Line>,
}

/// What comes after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    NextRequest {
        to_drop: u64,
    },
    Close,
    /// The client may be sending still.
    Linger,
}

/// How a worker may receive next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patience {
    /// The lot said that there is something, or the connection is new: look, and wait if the worker has the leisure.
    Look,
    /// After an answer: wait if the worker has the leisure. To look would be in vain, as the client has not even read it.
    Wait,
    /// A client that sends its request in drops is waited for in the lot, where its deadline is kept.
    None,
}

/// Why a worker lets go of a connection.
enum Pause {
    Wait(Interest),
    TurnOver,
    End,
}

/// Where a connection goes from its worker.
pub(super) enum Next {
    Queue(Connection),
    Park(Parked),
    Close(Connection),
}

impl Connection {
    /// A connection as it was accepted.
    pub fn new(stream: TcpStream, peer: IpAddr, permit: Permit) -> Self {
        let stage = Stage::Reading { begun: false, to_drop: 0 };
        let state = State { peer, stage, rest: Vec::new(), deadline: None, expired: false, permit };
        Connection { stream, state: Box::new(state) }
    }

    /// Goes on with the connection as far as it goes without waiting for its client longer than others can afford.
    pub fn serve(mut self, pool: &Pool, input: &mut Input) -> Next {
        input.load(&std::mem::take(&mut self.state.rest));
        match self.go_on(pool, input) {
            Pause::End => Next::Close(self),
            pause => {
                self.state.rest = input.bytes().to_vec();
                match pause {
                    Pause::Wait(interest) => {
                        let deadline = self.deadline(pool);
                        Next::Park(Parked { connection: self, interest, deadline })
                    }
                    _ => Next::Queue(self),
                }
            }
        }
    }

    fn go_on(&mut self, pool: &Pool, input: &mut Input) -> Pause {
        if let Err(pause) = self.meet_deadline(pool) {
            return pause;
        }
        let mut patience = Patience::Look;
        loop {
            if pool.stop.is_cut() {
                return Pause::End;
            }
            let next = match &mut self.state.stage {
                Stage::Reading { .. } => self.read(pool, input, &mut patience),
                Stage::Sending(exchange) => exchange.send(&self.stream, pool),
                Stage::Lingering { left } => Err(linger(&self.stream, left, input)),
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
            let _ = self.stream.shutdown(Shutdown::Write);
        }
        self.state.stage = stage;
        self.state.deadline = None;
    }

    /// Receives until there is a whole head, and decides the answer to it.
    fn read(&mut self, pool: &Pool, input: &mut Input, patience: &mut Patience) -> Result<Stage, Pause> {
        if self.state.permit.kind() == Kind::Shed {
            return Ok(Stage::Sending(self.last_words(pool, b"", Refusal::TOO_MANY_CONNECTIONS)));
        }
        loop {
            self.drop_content(input);
            if !input.bytes().is_empty() {
                if *patience == Patience::Wait && pool.queued() > 0 {
                    return Err(Pause::TurnOver);
                }
                if let Some(exchange) = self.decide(pool, input) {
                    *patience = Patience::Wait;
                    return Ok(Stage::Sending(exchange));
                }
            }
            self.receive(pool, input, std::mem::replace(patience, Patience::None))?;
        }
    }

    /// Drops what is there of the last request's content.
    fn drop_content(&mut self, input: &mut Input) {
        if let Stage::Reading { to_drop, .. } = &mut self.state.stage {
            let dropped = input.bytes().len().min(usize::try_from(*to_drop).unwrap_or(usize::MAX));
            input.consume(dropped);
            *to_drop -= dropped as u64;
        }
    }

    /// Receives what is there, with the patience that is left.
    fn receive(&self, pool: &Pool, input: &mut Input, patience: Patience) -> Result<(), Pause> {
        let leisure = if patience == Patience::None { None } else { pool.leisure() };
        let flags = match (&leisure, patience) {
            (Some(_), _) => RecvFlags::empty(),
            (None, Patience::Look) => RecvFlags::DONTWAIT,
            (None, _) => return Err(Pause::Wait(Interest::Readable)),
        };
        match recv(&self.stream, input.room(), flags) {
            Ok((_, 0)) => Err(Pause::End),
            Ok((_, count)) => {
                input.received(count);
                Ok(())
            }
            Err(Errno::INTR) => Ok(()),
            Err(Errno::AGAIN) => Err(Pause::Wait(Interest::Readable)),
            Err(_) => Err(Pause::End),
        }
    }

    /// Decides the answer to the request at the start of the input; None while its head is not whole.
    fn decide(&self, pool: &Pool, input: &mut Input) -> Option<Exchange> {
        let bytes = input.bytes();
        let line = head::first_line(bytes);
        let mut fields = NO_FIELDS;
        let (exchange, used) = match head::read(bytes, &mut fields) {
            Ok(Reading::Partial) => return None,
            Ok(Reading::Whole(request, length)) => {
                let now = SystemTime::now();
                let (response, file) = answer(&request, pool, now);
                let persistent = request.persistent && !response.close && !pool.stop.is_finishing();
                let after = match (persistent, request.content) {
                    (true, Content::Dropped(to_drop)) => After::NextRequest { to_drop },
                    (true, _) => After::NextRequest { to_drop: 0 },
                    (false, Content::None) if bytes.len() == length => After::Close,
                    (false, _) => After::Linger,
                };
                let line = self.log_line(pool, line, Some(&request), response.status);
                (Exchange::new(&response, file, after, line, now), length)
            }
            Err(refusal) => (self.last_words(pool, line, refusal), bytes.len()),
        };
        input.consume(used);
        Some(exchange)
    }

    /// The answer to a request that was not read, after which none is read.
    fn last_words(&self, pool: &Pool, line: &[u8], refusal: Refusal) -> Exchange {
        let line = self.log_line(pool, line, None, refusal.status);
        Exchange::new(&Response::refusal(refusal), None, After::Linger, line, SystemTime::now())
    }

    fn log_line(&self, pool: &Pool, line: &[u8], request: Option<&Request>, status: Status) -> Option<Line> {
        pool.log.as_ref().map(|log| log.begin(self.state.peer, line, request, status))
    }

    /// What becomes of a connection whose client has let a deadline pass. Only a request that has begun is worth an answer;
    /// an idle connection ends in silence, or its client could take the 408 for the answer to its next request.
    fn meet_deadline(&mut self, pool: &Pool) -> Result<(), Pause> {
        if !std::mem::take(&mut self.state.expired) {
            return Ok(());
        }
        if !matches!(self.state.stage, Stage::Reading { begun: true, .. }) {
            return Err(Pause::End);
        }
        self.enter(Stage::Sending(self.last_words(pool, b"", Refusal::TOO_SLOW)));
        Ok(())
    }

    /// Until when the client may be waited for. A deadline, once set, holds until the stage has been left, so that a client
    /// that sends or takes a byte now and then gains nothing by it.
    fn deadline(&mut self, pool: &Pool) -> Instant {
        let settings = pool.settings;
        let State { stage, rest, deadline, .. } = &mut *self.state;
        let (time, renewed) = match stage {
            Stage::Reading { begun, .. } if *begun || !rest.is_empty() => {
                (settings.head_timeout, !std::mem::replace(begun, true))
            }
            Stage::Reading { .. } => (settings.idle_timeout, false),
            Stage::Sending(exchange) => (settings.stall_timeout, exchange.is_alive()),
            Stage::Lingering { .. } => (LINGER_TIME, false),
        };
        if renewed {
            *deadline = None;
        }
        *deadline.get_or_insert_with(|| Instant::now() + time)
    }

    /// Marks a connection whose deadline has passed.
    pub fn expire(&mut self) {
        self.state.expired = true;
    }

    /// Whether it waits for a request of which no byte has come: it can be closed and nobody loses anything.
    pub fn is_idle(&self) -> bool {
        matches!(self.state.stage, Stage::Reading { begun: false, .. })
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// The answer to a request, and the file it takes bytes from.
fn answer<'a>(request: &Request, pool: &Pool<'a>, now: SystemTime) -> (Response<'a>, Option<File>) {
    if let Some(response) = Response::to_method(request.method) {
        return (response, None);
    }
    let found = target::read(request.target).and_then(|target| match pool.site.find(&target.path)? {
        Found::File(resource) => {
            let response = Response::file(request, resource.representation, &pool.settings.parts, now);
            Ok((response, Some(resource.file)))
        }
        Found::Folder => Ok((Response::redirect(target.path.location(target.query)), None)),
    });
    let (response, file) = found.unwrap_or_else(|refusal| (Response::refusal(refusal), None));
    if request.method == Method::Head { (response.without_body(), None) } else { (response, file) }
}

impl Exchange {
    fn new(response: &Response, file: Option<File>, after: After, line: Option<Line>, now: SystemTime) -> Self {
        let mut lead = String::with_capacity(LEAD_CAPACITY);
        let head_length = response.write(&mut lead, matches!(after, After::NextRequest { .. }), now);
        let content = match (&response.body, file) {
            (Body::File(bytes), Some(file)) => Some((file, bytes.clone())),
            _ => None,
        };
        Exchange { transfer: Transfer::new(lead.into_bytes(), head_length, content), sent_before: 0, after, line }
    }

    /// Sends as far as the turn goes. When all is sent, the next stage begins.
    fn send(&mut self, stream: &TcpStream, pool: &Pool) -> Result<Stage, Pause> {
        let progress = self.transfer.advance(stream, pool);
        if let Some(line) = &mut self.line {
            line.sent = self.transfer.content_sent();
        }
        match progress {
            Progress::Done => match self.after {
                After::NextRequest { to_drop } => Ok(Stage::Reading { begun: false, to_drop }),
                After::Linger => Ok(Stage::Lingering { left: LINGER_BYTES_MAX }),
                After::Close => Err(Pause::End),
            },
            Progress::Full => Err(Pause::Wait(Interest::Writable)),
            Progress::TurnOver => Err(Pause::TurnOver),
            Progress::Broken => Err(Pause::End),
        }
    }

    /// Whether the client took enough since this was last asked to count as alive.
    fn is_alive(&mut self) -> bool {
        let sent = self.transfer.sent();
        let alive = sent - self.sent_before >= STALL_PROGRESS;
        if alive {
            self.sent_before = sent;
        }
        alive
    }
}

/// Receives and drops what a client still sends, until it has closed its side too (RFC 9112 section 9.6).
fn linger(stream: &TcpStream, left: &mut u64, input: &mut Input) -> Pause {
    input.consume(input.bytes().len());
    loop {
        match recv(stream, input.room(), RecvFlags::DONTWAIT) {
            Ok((_, 0)) => return Pause::End,
            Ok((_, count)) if count as u64 >= *left => return Pause::End,
            Ok((_, count)) => *left -= count as u64,
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Pause::Wait(Interest::Readable),
            Err(_) => return Pause::End,
        }
    }
}
