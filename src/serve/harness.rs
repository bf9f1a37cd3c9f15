//! A connection without network or threads: the client's bytes go in, the server's come out. For
//! deterministic tests and for the fuzzer.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{self, IpAddr, Ipv4Addr};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use crossbeam_channel::unbounded;
use socket2::{Domain, Socket, Type};

use super::connection::read_buffer::ReadBuffer;
use super::connection::{Connection, Pool, Wakeup, Worker};
use super::pool::{Next, Task};
use super::{SendMethod, Settings, Shutdown};
use crate::bytes::Bytes;
use crate::http::TrustedProxies;
use crate::http::range::{PartPolicy, Parts};
use crate::site::{AccessRules, Site};

/// A server that a test drives step by step.
pub struct Harness {
    pool: Arc<Pool>,
}

/// What a client received.
#[derive(Debug, PartialEq, Eq)]
pub struct Transcript {
    pub bytes: Vec<u8>,
    /// Whether the server closed the connection before the client did.
    pub ended: bool,
}

/// Part size in bytes.
pub const PART: u64 = 100;

/// Text that no response may contain.
pub const SECRET: &str = "the secret";

/// Fills an empty folder with what a harness serves. Modification times are fixed, so entity tags
/// are the same every time.
pub fn furnish(folder: &Path) -> io::Result<()> {
    for name in ["films", "confidential"] {
        fs::create_dir(folder.join(name))?;
    }
    let film: Vec<u8> = (0..=249).collect();
    for (name, content) in [
        ("film.mp4", &film[..]),
        ("small.txt", b"small"),
        ("empty.txt", b""),
        ("index.html", b"<!doctype html>"),
        ("confidential/secret.txt", SECRET.as_bytes()),
    ] {
        let mut file = File::create(folder.join(name))?;
        file.write_all(content)?;
        file.set_modified(UNIX_EPOCH + Duration::from_secs(784_111_777))?;
    }
    Ok(())
}

impl Harness {
    /// Serves this folder.
    pub fn new(content: &Path) -> Self {
        let access_rules = AccessRules::new([]).expect("no further folders");
        let site = Arc::new(Site::scan(content, access_rules).expect("the folder is there"));
        let second = Duration::from_secs(1);
        let settings = Settings {
            // A single worker never blocks on a client.
            workers: NonZeroUsize::MIN,
            max_connections: 1,
            idle_timeout: second,
            head_timeout: second,
            stall_timeout: second,
            drain_timeout: second,
            parts: Parts { policy: PartPolicy::Always, size: Bytes(PART) },
            listing: true,
            faststart: false,
            transfer: SendMethod::Pread,
            cors: None,
            trusted_proxies: TrustedProxies::default(),
            proxy_protocol: false,
        };
        let shutdown = Arc::new(Shutdown::new().expect("a descriptor"));
        // No thread waits for events here.
        let (events, _) = unbounded();
        Harness { pool: Arc::new(Pool::new(settings, site, None, shutdown, events).expect("descriptors")) }
    }

    /// What a client receives that sends these pieces and then closes its side. Each piece is
    /// served as far as possible before the next is sent.
    pub fn hears<'a>(&self, pieces: impl IntoIterator<Item = &'a [u8]>) -> Transcript {
        let (mut client, socket) = Socket::pair(Domain::UNIX, Type::STREAM, None).expect("descriptors");
        client.set_nonblocking(true).expect("the socket is open");
        let (mut worker, mut read_buffer) = (Worker::new(&self.pool), ReadBuffer::new());
        let permit = self.pool.admission.admit();
        let mut connection = Some(Connection::new(socket, IpAddr::V4(Ipv4Addr::LOCALHOST), permit));
        let mut bytes = Vec::new();
        for piece in pieces {
            let mut rest = piece;
            while !rest.is_empty() {
                let Some(served) = connection.take() else { break };
                match client.write(rest) {
                    Ok(count) => rest = &rest[count..],
                    Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                }
                connection = self.serve(served, &mut client, &mut worker, &mut read_buffer, &mut bytes);
            }
        }
        let ended = connection.is_none();
        client.shutdown(net::Shutdown::Write).expect("it is open");
        if let Some(connection) = connection {
            let left = self.serve(connection, &mut client, &mut worker, &mut read_buffer, &mut bytes);
            assert!(left.is_none(), "the server waits for a client that has closed its side");
        }
        Transcript { bytes, ended }
    }

    /// Serves until the client must send more or the connection has ended.
    fn serve(
        &self,
        mut connection: Connection,
        client: &mut Socket,
        worker: &mut Worker,
        read_buffer: &mut ReadBuffer,
        heard: &mut Vec<u8>,
    ) -> Option<Connection> {
        let mut wakeup = Wakeup::New(Instant::now());
        loop {
            let next = connection.run(wakeup, worker, read_buffer);
            let before = heard.len();
            // A reset or the end shows in what the server does next.
            let _ = client.read_to_end(heard);
            wakeup = match next {
                Next::Requeue => Wakeup::Requeued,
                Next::WaitForDisk(file_system) => {
                    self.pool.wait_for_disk(file_system, connection);
                    let Task::Serve(served, wakeup) = worker.next() else { return None };
                    connection = served;
                    wakeup
                }
                Next::Wait(interest) => {
                    connection = connection.park(interest, &self.pool).connection;
                    if heard.len() == before {
                        return Some(connection);
                    }
                    Wakeup::Ready(Instant::now())
                }
                Next::Close => return None,
            };
        }
    }
}
