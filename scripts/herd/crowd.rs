//! The crowd: clients that stay connected, send slowly, disconnect, or read as fast as they can.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::client::{self, Client, read_head, request};
use crate::server::PART;

/// Bytes that a paused client reads before it stops.
const PAUSED_AFTER: usize = 64 * 1024;

/// Opens connections that say nothing.
pub fn silent(address: SocketAddr, count: usize) -> io::Result<Vec<Client>> {
    (0..count).map(|_| Client::connect(address)).collect()
}

/// Opens keep-alive connections that have had one answer.
pub fn idle(address: SocketAddr, count: usize) -> io::Result<Vec<Client>> {
    let mut clients = silent(address, count)?;
    let mut body = Vec::new();
    for client in &mut clients {
        client.fetch(client::SMALL, &mut body)?;
    }
    Ok(clients)
}

/// Readers that requested a part and stopped reading.
pub struct Paused {
    clients: Vec<(Client, Vec<u8>)>,
}

impl Paused {
    pub fn open(address: SocketAddr, count: usize) -> io::Result<Self> {
        let mut clients = Vec::with_capacity(count);
        for _ in 0..count {
            let mut client = Client::connect(address)?;
            client.ask(client::FILM)?;
            let head = client.head()?;
            let mut body = Vec::new();
            client.body(PAUSED_AFTER, &mut body)?;
            if (head.status, head.length) != (206, PART) {
                return Err(io::Error::other("not a part"));
            }
            clients.push((client, body));
        }
        Ok(Paused { clients })
    }

    /// Reads the rest. Returns how many readers did not get every byte right.
    pub fn resume(self, film: &[u8]) -> usize {
        let wrong = |(mut client, mut body): (Client, Vec<u8>)| {
            client.body(PART - PAUSED_AFTER, &mut body).is_err() || body != film[..PART]
        };
        self.clients.into_iter().filter_map(|reader| wrong(reader).then_some(())).count()
    }
}

/// Clients driven by a thread until they are stopped.
pub struct Busy {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Stats>,
}

/// What busy clients did.
#[derive(Debug, Default)]
pub struct Stats {
    /// Responses of each client.
    pub answers: Vec<u64>,
    /// Bytes of content in all.
    pub bytes: u64,
    /// Clients with a wrong response or none, and the first reason.
    pub failed: usize,
    pub why: Option<String>,
}

impl Busy {
    fn start(task: impl FnOnce(&AtomicBool) -> Stats + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        Busy { stop, thread: thread::spawn(move || task(&told)) }
    }

    pub fn stop(self) -> Stats {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the clients' thread does not panic")
    }

    /// Clients that send a head at a byte a second, and reconnect when the server disconnects them.
    pub fn dripping(address: SocketAddr, count: usize) -> io::Result<Self> {
        let mut clients = silent(address, count)?;
        for client in &mut clients {
            client.stream.write_all(b"GET /small.txt HTTP/1.1\r\nHost: herd\r\nX-Slow: ")?;
            client.stream.set_nonblocking(true)?;
        }
        Ok(Busy::start(move |stop| {
            let mut stats = Stats::default();
            let pause = Duration::from_secs(1) / count.max(1) as u32;
            for place in (0..count).cycle() {
                if stop.load(Ordering::Relaxed) {
                    return stats;
                }
                let client = &mut clients[place];
                let ended =
                    !matches!(client.stream.read(&mut [0; 512]), Err(error) if error.kind() == ErrorKind::WouldBlock);
                if ended || client.stream.write_all(b"x").is_err() {
                    match Client::connect(address).and_then(|mut client| {
                        client.stream.write_all(b"G")?;
                        client.stream.set_nonblocking(true)?;
                        Ok(client)
                    }) {
                        Ok(client) => clients[place] = client,
                        Err(error) => stats.fail(error.to_string()),
                    }
                }
                thread::sleep(pause);
            }
            stats
        }))
    }

    /// A client that requests a part, reads a little, disconnects and reconnects, this often a
    /// second.
    pub fn aborting(address: SocketAddr, times_a_second: u32) -> Self {
        Busy::start(move |stop| {
            let mut stats = Stats::default();
            while !stop.load(Ordering::Relaxed) {
                let abort = || {
                    let mut client = Client::connect(address)?;
                    client.ask(client::FILM)?;
                    client.head()
                };
                if let Err(error) = abort() {
                    stats.fail(error.to_string());
                }
                thread::sleep(Duration::from_secs(1) / times_a_second);
            }
            stats
        })
    }

    /// Clients that request a file repeatedly and check every byte. With a `pace` each reads that
    /// many bytes a second.
    pub fn asking(
        address: SocketAddr,
        count: usize,
        target: &'static str,
        content: Arc<Vec<u8>>,
        pace: Option<usize>,
    ) -> io::Result<Self> {
        let mut clients = Vec::with_capacity(count);
        for client in silent(address, count)? {
            client.stream.set_nonblocking(true)?;
            clients.push(LoopClient::new(client, target));
        }
        Ok(Busy::start(move |stop| {
            while !stop.load(Ordering::Relaxed) {
                advance(&mut clients, &content, pace);
                // Otherwise the first client would always be read and ask again first.
                clients.rotate_left(count * 5 / 8);
            }
            let mut stats = Stats { bytes: clients.iter().map(|asker| asker.bytes).sum(), ..Stats::default() };
            for asker in clients {
                stats.answers.push(asker.answers);
                if let Some(why) = asker.failed {
                    stats.fail(why);
                }
            }
            stats
        }))
    }
}

impl Stats {
    fn fail(&mut self, why: String) {
        self.failed += 1;
        self.why.get_or_insert(why);
    }
}

/// A client that requests again as soon as it has its response.
struct LoopClient {
    client: Client,
    request: Vec<u8>,
    head: Vec<u8>,
    /// Bytes of the body received, and its length.
    body: Option<(usize, usize)>,
    next_read: Instant,
    answers: u64,
    bytes: u64,
    failed: Option<String>,
}

/// How often a second a client with a pace reads.
const READS_A_SECOND: usize = 10;

impl LoopClient {
    fn new(mut client: Client, target: &str) -> Self {
        let request = request(target).into_bytes();
        let failed = client.stream.write_all(&request).err().map(|error| error.to_string());
        LoopClient {
            client,
            request,
            head: Vec::new(),
            body: None,
            next_read: Instant::now(),
            answers: 0,
            bytes: 0,
            failed,
        }
    }

    /// Reads once, without waiting.
    fn read(&mut self, buffer: &mut [u8], content: &[u8]) -> io::Result<()> {
        let count = match self.client.stream.read(buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            result => result?,
        };
        let mut bytes = &buffer[..count];
        if self.body.is_none() {
            self.head.extend_from_slice(bytes);
            let Some((head, length)) = read_head(&self.head)? else { return Ok(()) };
            if head.status >= 300 {
                return Err(io::Error::other(format!("status {}", head.status)));
            }
            self.body = Some((0, head.length));
            bytes = &bytes[count - (self.head.len() - length)..];
        }
        let Some((come, all)) = &mut self.body else { return Ok(()) };
        if content.get(*come..*come + bytes.len()) != Some(bytes) {
            return Err(io::Error::other(format!("wrong bytes from {come} on")));
        }
        *come += bytes.len();
        self.bytes += bytes.len() as u64;
        if come == all {
            self.answers += 1;
            self.body = None;
            self.head.clear();
            self.client.stream.write_all(&self.request)?;
        }
        Ok(())
    }
}

/// Reads from every client that is ready and due.
fn advance(clients: &mut [LoopClient], content: &[u8], pace: Option<usize>) {
    let now = Instant::now();
    let due: Vec<usize> = (0..clients.len())
        .filter(|&place| clients[place].failed.is_none() && clients[place].next_read <= now)
        .collect();
    if due.is_empty() {
        thread::sleep(Duration::from_millis(5));
        return;
    }
    let mut awaited: Vec<PollFd> = due
        .iter()
        .map(|&place| PollFd::from_borrowed_fd(clients[place].client.stream.as_fd(), PollFlags::IN))
        .collect();
    let time = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
    if poll(&mut awaited, Some(&time)).is_err() {
        return;
    }
    let ready: Vec<bool> = awaited.iter().map(|fd| !fd.revents().is_empty()).collect();
    drop(awaited);
    let mut buffer = vec![0; pace.map_or(256 * 1024, |pace| pace / READS_A_SECOND)];
    for (&place, _) in due.iter().zip(&ready).filter(|(_, ready)| **ready) {
        let asker = &mut clients[place];
        if let Err(error) = asker.read(&mut buffer, content) {
            asker.failed = Some(error.to_string());
        }
        if pace.is_some() {
            asker.next_read = now + Duration::from_secs(1) / READS_A_SECOND as u32;
        }
    }
}
