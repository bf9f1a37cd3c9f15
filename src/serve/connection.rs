//! The road of a request. Reading this file is reading the server.
//!
//! A worker calls [`Connection::serve`], which goes from stage to stage until the client has to be waited for, others have
//! their turn, or the connection has ended:
//!
//! ```text
//! Idle ──first byte──▶ Reading ──whole head──▶ Sending ──▶ Idle             the connection goes on
//!                                                      ──▶ Lingering ──▶ ×  or it ends, when the client has the answer
//! ```

use std::net::{IpAddr, Shutdown};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use socket2::Socket;

use super::admission::{Kind, Permit};
use super::disk::DiskRight;
use super::exchange::{After, Exchange};
use super::input::Input;
use super::lot::{Interest, Parked};
use super::pool::Pool;
use super::transfer::Progress;
use crate::http::Refusal;
use crate::http::head::{self, Reading};
use crate::limits::LINGER_BYTES_MAX;
use crate::ops::access_log::Peer;

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
    /// When the lot may give the connection up; set when it first waits in a stage.
    deadline: Option<Instant>,
    expired: bool,
    /// When it was found that the next request is there, or more of it, if that is why the connection has left the lot.
    ready_at: Option<Instant>,
    /// To wait for the disk with the request that is there.
    disk_right: Option<DiskRight>,
    permit: Permit,
}

#[derive(Debug)]
enum Stage {
    /// Waits for a request, behind so many bytes of the last request's content.
    Idle {
        to_drop: u64,
    },
    /// A request head has begun.
    Reading,
    Sending(Exchange),
    /// Has had its last answer; drops so many bytes more, for so long, at most.
    Lingering {
        left: u64,
        time: Duration,
    },
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
    WaitForDisk,
    TurnOver,
    End,
}

/// Where a connection goes from its worker.
pub(super) enum Next {
    Queue(Connection),
    Park(Parked),
    WaitForDisk(Connection),
    Close(Connection),
}

impl Connection {
    /// A connection as it was accepted.
    pub fn new(socket: Socket, peer: IpAddr, permit: Permit) -> Self {
        let stage = Stage::Idle { to_drop: 0 };
        let peer = Peer::new(peer);
        let state = State {
            peer,
            stage,
            rest: Vec::new(),
            deadline: None,
            expired: false,
            ready_at: None,
            disk_right: None,
            permit,
        };
        Connection { socket, state: Box::new(state) }
    }

    /// Goes on with the connection as far as it goes without waiting for its client longer than others can afford.
    pub fn serve(mut self, pool: &Pool, input: &mut Input) -> Next {
        input.load(&std::mem::take(&mut self.state.rest));
        let pause = self.go_on(pool, input);
        self.state.rest = input.bytes().to_vec();
        self.state.ready_at = None;
        match pause {
            Pause::End => Next::Close(self),
            Pause::TurnOver => Next::Queue(self),
            Pause::WaitForDisk => {
                // That the disk is slow is no fault of the client.
                self.state.deadline = None;
                Next::WaitForDisk(self)
            }
            Pause::Wait(interest) => {
                let interest = if self.is_patient() { Interest::Drops } else { interest };
                let since = Instant::now();
                let deadline = self.deadline(since, pool);
                Next::Park(Parked { connection: self, interest, since, deadline })
            }
        }
    }

    fn go_on(&mut self, pool: &Pool, input: &mut Input) -> Pause {
        if pool.stop.is_cut() {
            return Pause::End;
        }
        if let Err(pause) = self.meet_deadline(pool, input) {
            return pause;
        }
        let mut patience = Patience::Look;
        loop {
            let next = match &mut self.state.stage {
                Stage::Idle { .. } | Stage::Reading => self.read(pool, input, &mut patience),
                Stage::Sending(exchange) => send(exchange, &self.socket, pool),
                Stage::Lingering { left, .. } => Err(linger(&self.socket, left, pool, input, patience)),
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
    }

    /// Receives until there is a whole head, and decides the answer to it.
    fn read(&mut self, pool: &Pool, input: &mut Input, patience: &mut Patience) -> Result<Stage, Pause> {
        if self.state.permit.kind() == Kind::Shed {
            let refusal = Refusal::TOO_MANY_CONNECTIONS;
            return Ok(Stage::Sending(Exchange::last_words(refusal, b"", &self.state.peer, pool)));
        }
        loop {
            self.drop_content(input);
            if !input.bytes().is_empty() {
                if *patience == Patience::Wait && pool.queued() > 0 {
                    return Err(Pause::TurnOver);
                }
                if let Some(exchange) = self.decide(pool, input)? {
                    *patience = Patience::Wait;
                    return Ok(Stage::Sending(exchange));
                }
                if matches!(self.state.stage, Stage::Idle { .. }) && head::has_begun(input.bytes()) {
                    self.enter(Stage::Reading);
                }
            }
            receive(&self.socket, pool, input, std::mem::replace(patience, Patience::None))?;
        }
    }

    /// Drops what is there of the last request's content.
    fn drop_content(&mut self, input: &mut Input) {
        if let Stage::Idle { to_drop } = &mut self.state.stage {
            let dropped = input.bytes().len().min(usize::try_from(*to_drop).unwrap_or(usize::MAX));
            input.consume(dropped);
            *to_drop -= dropped as u64;
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
                let (begun, right) = (self.begun(bytes), self.state.disk_right.take());
                let exchange = Exchange::answer(&request, begun, bytes, right, &self.state.peer, pool);
                (exchange.ok_or(Pause::WaitForDisk)?, length)
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

    /// What becomes of a connection whose deadline has passed, if it has.
    fn meet_deadline(&mut self, pool: &Pool, input: &Input) -> Result<(), Pause> {
        if !std::mem::take(&mut self.state.expired) {
            return Ok(());
        }
        match &mut self.state.stage {
            // Only a request that has begun is worth an answer. An idle client could take the 408 for the answer to its
            // next request.
            Stage::Reading => {
                let exchange = Exchange::last_words(Refusal::TOO_SLOW, input.bytes(), &self.state.peer, pool);
                self.enter(Stage::Sending(exchange));
                Ok(())
            }
            Stage::Idle { .. } => Err(Pause::End),
            // A socket takes bytes some time before poll(2) says so, so the slow are asked once more.
            Stage::Sending(exchange) => match send(exchange, &self.socket, pool) {
                Ok(stage) => {
                    self.enter(stage);
                    Ok(())
                }
                Err(Pause::WaitForDisk) => {
                    self.state.expired = true;
                    Err(Pause::WaitForDisk)
                }
                Err(pause) if exchange.is_alive() => {
                    self.state.deadline = None;
                    Err(pause)
                }
                Err(_) => Err(self.give_up()),
            },
            // While the server ends, the kernel may go on with what the client has not taken yet.
            Stage::Lingering { .. } if pool.stop.is_finishing() => Err(Pause::End),
            Stage::Lingering { .. } => Err(self.give_up()),
        }
    }

    /// Lets the kernel forget what the client does not take, rather than keep it for minutes (socket(7), SO_LINGER).
    fn give_up(&self) -> Pause {
        // If it fails, the kernel forgets later.
        let _ = self.socket.set_linger(Some(Duration::ZERO));
        Pause::End
    }

    /// Whether it does not matter if what the client sends is seen some milliseconds later: it has sent in drops before.
    fn is_patient(&self) -> bool {
        match self.state.stage {
            Stage::Reading => self.state.deadline.is_some(),
            Stage::Idle { to_drop } => to_drop > 0,
            Stage::Sending(_) | Stage::Lingering { .. } => false,
        }
    }

    /// Until when the client may be waited for. A deadline, once set, holds until the stage has been left, so that a client
    /// that sends a byte now and then gains nothing by it. One that takes enough of its answer has a new one.
    fn deadline(&mut self, now: Instant, pool: &Pool) -> Instant {
        let settings = pool.settings;
        let State { stage, deadline, .. } = &mut *self.state;
        let time = match stage {
            Stage::Idle { .. } => settings.idle_timeout,
            Stage::Reading => settings.head_timeout,
            Stage::Sending(exchange) => {
                if exchange.is_alive() {
                    *deadline = None;
                }
                settings.stall_timeout
            }
            Stage::Lingering { time, .. } => *time,
        };
        *deadline.get_or_insert(now + time)
    }

    /// Marks a connection whose deadline has passed.
    pub fn expire(&mut self) {
        self.state.expired = true;
    }

    /// Marks a connection that was ready by then.
    pub fn found_ready(&mut self, at: Instant) {
        if matches!(self.state.stage, Stage::Idle { to_drop: 0 } | Stage::Reading) {
            self.state.ready_at = Some(at);
        }
    }

    /// Gives it the right to wait for the disk, for which it has waited.
    pub fn allow_disk(&mut self, right: DiskRight) {
        match &mut self.state.stage {
            Stage::Sending(exchange) => exchange.allow_disk(right),
            _ => self.state.disk_right = Some(right),
        }
    }

    /// Whether it waits for a request of which no byte has come: it can be closed and nobody loses anything.
    pub fn is_idle(&self) -> bool {
        matches!(self.state.stage, Stage::Idle { to_drop: 0 })
    }

    /// Whether it has had its last answer and only its end is waited for.
    pub fn is_lingering(&self) -> bool {
        matches!(self.state.stage, Stage::Lingering { .. })
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
            After::Linger(time) => Stage::Lingering { left: LINGER_BYTES_MAX, time },
        }),
        Progress::Full => Err(Pause::Wait(Interest::Writable)),
        Progress::DiskBusy => Err(Pause::WaitForDisk),
        Progress::TurnOver => Err(Pause::TurnOver),
        Progress::Broken => Err(Pause::End),
    }
}

/// Receives what is there, with the patience that is left.
fn receive(socket: &Socket, pool: &Pool, input: &mut Input, patience: Patience) -> Result<(), Pause> {
    if patience == Patience::Look {
        match receive_with(socket, input, RecvFlags::DONTWAIT) {
            Err(Pause::Wait(_)) => {}
            received => return received,
        }
    }
    let leisure = if patience == Patience::None { None } else { pool.leisure() };
    let Some(_leisure) = leisure else { return Err(Pause::Wait(Interest::Readable)) };
    receive_with(socket, input, RecvFlags::empty())
}

fn receive_with(socket: &Socket, input: &mut Input, flags: RecvFlags) -> Result<(), Pause> {
    match recv(socket, input.room(), flags) {
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

/// Receives and drops what a client still sends, until it has closed its side too (RFC 9112 section 9.6).
fn linger(socket: &Socket, left: &mut u64, pool: &Pool, input: &mut Input, patience: Patience) -> Pause {
    input.consume(input.bytes().len());
    let mut received = receive(socket, pool, input, patience);
    loop {
        if let Err(pause) = received {
            return pause;
        }
        let dropped = input.bytes().len();
        if dropped as u64 >= *left {
            return Pause::End;
        }
        input.consume(dropped);
        *left -= dropped as u64;
        received = receive_with(socket, input, RecvFlags::DONTWAIT);
    }
}
