//! The socket for operators, and the thread that serves it with poll(2), so that a silent client
//! delays no other. A connection carries one request.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::history::History;
use super::routes::Routes;
use super::sources::Sources;
use crate::http::Response;
use crate::http::head::{self, Parsed};
use crate::limits::{ADMIN_CONNECTIONS_MAX, HEAD_MAX};
use crate::ops::{AccessLog, Metrics, Observer, Viewings};
use crate::serve::Monitor;
use crate::site::Site;

/// How long a connection may take in all: request, response and close.
const PATIENCE: Duration = Duration::from_secs(5);

/// Pause after an accept that failed, as for lack of descriptors.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Bytes read at once.
const CHUNK: usize = 4096;

/// A listening socket for operators, and the observers whose counts it shows.
#[derive(Debug)]
pub struct AdminListener {
    socket: TcpListener,
    is_public: bool,
    metrics: Arc<Metrics>,
    viewings: Arc<Viewings>,
}

impl AdminListener {
    /// Listens on this address. `is_public` allows requests under any host name. Fails as bind(2)
    /// and listen(2) do.
    pub fn bind(address: SocketAddr, is_public: bool) -> io::Result<Self> {
        let socket = TcpListener::bind(address)?;
        socket.set_nonblocking(true)?;
        Ok(AdminListener { socket, is_public, metrics: Arc::default(), viewings: Arc::default() })
    }

    /// The address it listens on.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The observers of the server's exchanges.
    pub fn observers(&self) -> [Arc<dyn Observer>; 2] {
        [Arc::clone(&self.metrics) as _, Arc::clone(&self.viewings) as _]
    }

    /// Serves on a thread of its own until the process ends. Fails if it cannot be started.
    pub fn start(self, server: Monitor, site: Arc<Site>, log: Option<AccessLog>) -> io::Result<()> {
        let AdminListener { socket, is_public, metrics, viewings } = self;
        let routes = Routes { is_public, sources: Sources { server, site, metrics, viewings, log } };
        thread::Builder::new().name("admin".into()).spawn(move || run(&socket, &routes)).map(drop)
    }
}

fn run(socket: &TcpListener, routes: &Routes) {
    let mut history = History::new();
    // The oldest first.
    let mut connections: Vec<Connection> = Vec::new();
    let mut accept_from = Instant::now();
    loop {
        let now = Instant::now();
        let mut until = history.advance(now, &routes.sources);
        connections.retain(|connection| connection.deadline > now);
        until = connections.first().map_or(until, |oldest| until.min(oldest.deadline));
        let is_accepting = now >= accept_from;
        if !is_accepting {
            until = until.min(accept_from);
        }
        let mut ready = poll_all(socket, &connections, is_accepting, until).into_iter();
        let can_accept = ready.next() == Some(true);
        connections.retain_mut(|connection| {
            ready.next() != Some(true)
                || match connection.advance(routes, &history) {
                    // poll(2) was wrong, as it may be.
                    Err(error) => error.kind() == io::ErrorKind::WouldBlock,
                    Ok(is_open) => is_open,
                }
        });
        if can_accept && accept(socket, &mut connections).is_err() {
            accept_from = Instant::now() + BACK_OFF;
        }
    }
}

/// Whether the socket and each of the connections is ready; all false when the time is over.
fn poll_all(socket: &TcpListener, connections: &[Connection], is_accepting: bool, until: Instant) -> Vec<bool> {
    let listening = if is_accepting { PollFlags::IN } else { PollFlags::empty() };
    let mut awaited = vec![PollFd::new(socket, listening)];
    awaited.extend(connections.iter().map(|connection| PollFd::new(&connection.stream, connection.events())));
    let time = until.saturating_duration_since(Instant::now());
    let time = Timespec::try_from(time).expect("a sample is due within a second");
    // An interrupted poll is repeated by the caller.
    let _ = poll(&mut awaited, Some(&time));
    awaited.iter().map(|awaited| !awaited.revents().is_empty()).collect()
}

/// Accepts a client; the oldest connection makes room for it.
fn accept(socket: &TcpListener, connections: &mut Vec<Connection>) -> io::Result<()> {
    let (stream, _) = match socket.accept() {
        // The client has left.
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::ConnectionAborted) => {
            return Ok(());
        }
        accepted => accepted?,
    };
    stream.set_nonblocking(true)?;
    if connections.len() >= ADMIN_CONNECTIONS_MAX {
        connections.remove(0);
    }
    connections.push(Connection { stream, deadline: Instant::now() + PATIENCE, state: State::Reading(Vec::new()) });
    Ok(())
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    deadline: Instant,
    state: State,
}

#[derive(Debug)]
enum State {
    /// What has arrived of the head.
    Reading(Vec<u8>),
    /// What is left of the response.
    Writing(Vec<u8>),
    /// Until the client closes: bytes that arrive at a closed socket trigger a reset, which could
    /// destroy the response (RFC 9112 section 9.6).
    Lingering,
}

impl Connection {
    fn events(&self) -> PollFlags {
        match self.state {
            State::Reading(_) | State::Lingering => PollFlags::IN,
            State::Writing(_) => PollFlags::OUT,
        }
    }

    /// Reads or writes once. Returns whether the connection stays open.
    fn advance(&mut self, routes: &Routes, history: &History) -> io::Result<bool> {
        let mut bytes = [0; CHUNK];
        match &mut self.state {
            State::Reading(received) => {
                let room = CHUNK.min(HEAD_MAX - received.len());
                let count = self.stream.read(&mut bytes[..room])?;
                received.extend_from_slice(&bytes[..count]);
                let response = match head::parse(received) {
                    Ok(Parsed::Complete(request, _)) => routes.response(&request, history),
                    Ok(Parsed::Partial) => return Ok(count > 0),
                    Err(refusal) => Routes::bytes(Response::refusal(refusal), None),
                };
                self.write(response)
            }
            State::Writing(rest) => {
                let rest = std::mem::take(rest);
                self.write(rest)
            }
            State::Lingering => Ok(self.stream.read(&mut bytes)? > 0),
        }
    }

    fn write(&mut self, mut rest: Vec<u8>) -> io::Result<bool> {
        let written = match self.stream.write(&rest) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            written => written?,
        };
        rest.drain(..written);
        self.state = if rest.is_empty() {
            self.stream.shutdown(Shutdown::Write)?;
            State::Lingering
        } else {
            State::Writing(rest)
        };
        Ok(true)
    }
}
