//! The whole server in this process, where a test can do what no client can.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::num::NonZeroUsize;
use std::time::Instant;

use rustix::net::{SendFlags, send};
use socket2::{Domain, Socket, Type};
use tempfile::TempDir;

use super::connection::read_buffer::ReadBuffer;
use super::connection::transfer::Transfer;
use super::connection::{Connection, Wakeup, Worker, arrived};
use super::harness::{Harness, SECRET, Transcript, furnish};
use super::pool::inbox::Interest;
use super::pool::{ContentFile, DiskPermit, Next, Task};
use super::*;
use crate::bytes::Bytes;
use crate::http::TrustedProxies;
use crate::http::range::{PartPolicy, Parts};
use crate::ops::Observer;
use crate::site::{AccessRules, FileSystem, Kind};

mod connection;
mod generated;
mod monitor;
mod records;
mod subtitles;
mod views;

/// Serves a folder with `a.txt` on two workers while the test runs.
fn serving(test: impl FnOnce(SocketAddr, &Pool)) {
    serving_with(|_| {}, test);
}

fn serving_with(change: impl FnOnce(&mut Settings), test: impl FnOnce(SocketAddr, &Pool)) {
    let (_content, pool, events) = pool_with(change);
    let listener = Listener::bind(Some("127.0.0.1"), 0, PATIENCE).expect("a free port");
    let address = listener.addresses().expect("it is bound")[0];
    let threads = start_threads(&pool, listener).expect("threads");
    {
        let _end = Finish(&pool.shutdown);
        test(address, &pool);
    }
    wait(threads, &events).expect("no thread panicked");
}

/// Bytes of `large.bin`.
const LARGE: usize = 300 * 1024;

/// The shared state of such a server before it has started.
fn pool() -> (TempDir, Arc<Pool>, Receiver<Event>) {
    pool_with(|_| {})
}

fn pool_with(change: impl FnOnce(&mut Settings)) -> (TempDir, Arc<Pool>, Receiver<Event>) {
    observed_pool_with(change, None)
}

fn observed_pool_with(
    change: impl FnOnce(&mut Settings),
    observer: Option<Arc<dyn Observer>>,
) -> (TempDir, Arc<Pool>, Receiver<Event>) {
    let content = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(content.path().join("a.txt"), "text").expect("a file");
    std::fs::write(content.path().join("large.bin"), vec![b'x'; LARGE]).expect("a file");
    std::fs::write(content.path().join("film.srt"), "1\n00:00:01,000 --> 00:00:02,000\ntext\n".repeat(1000))
        .expect("a file");
    let site =
        Site::scan(content.path(), AccessRules::new([]).expect("no further folders")).expect("the folder is there");
    let second = Duration::from_secs(1);
    let mut settings = Settings {
        workers: NonZeroUsize::new(2).expect("not zero"),
        max_connections: 64,
        idle_timeout: 30 * second,
        head_timeout: 10 * second,
        stall_timeout: 60 * second,
        drain_timeout: second,
        parts: Parts { policy: PartPolicy::Always, size: Bytes(100) },
        listing: true,
        faststart: false,
        transfer: SendMethod::Pread,
        cors: None,
        trusted_proxies: TrustedProxies::default(),
        proxy_protocol: false,
    };
    change(&mut settings);
    let shutdown = Arc::new(Shutdown::new().expect("a descriptor"));
    let (sender, events) = unbounded();
    let pool = Pool::new(settings, Arc::new(site), observer, shutdown, sender).expect("descriptors");
    (content, Arc::new(pool), events)
}

/// Drains the server when the test ends, even by a panic.
struct Finish<'a>(&'a Shutdown);

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        self.0.drain();
    }
}

fn asking(address: SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(request.as_bytes()).expect("the server receives");
    stream
}

fn answer(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    // A connection closed with unread bytes is reset, which ends it as well.
    let _ = stream.read_to_string(&mut answer);
    answer
}

/// How long a test waits before it fails.
const PATIENCE: Duration = Duration::from_secs(30);

const GET_A: &str = "GET /a.txt HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

#[track_caller]
fn assert_is_a(answer: &str) {
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("text"), "{answer}");
}

#[test]
fn a_panic_ends_one_connection_and_no_worker() {
    serving(|address, pool| {
        for _ in 0..10 {
            assert_eq!(answer(asking(address, "PANIC / HTTP/1.1\r\nHost: h\r\n\r\n")), "");
        }
        assert_is_a(&answer(asking(address, GET_A)));
        assert_eq!(pool.counters.panics.get(), 10);
    });
}

/// A disk permit for the content folder; two workers have only one.
fn permit(pool: &Pool) -> Option<DiskPermit<Connection>> {
    pool.disk.try_acquire(pool.site.file_system().expect("it is open"))
}

/// Waits until this many connections wait for the disk.
fn wait_for(pool: &Pool, waiting: usize) {
    let until = Instant::now() + PATIENCE;
    while pool.disk.counts(|_| true).1 < waiting {
        assert!(Instant::now() < until, "only {} wait", pool.disk.counts(|_| true).1);
        thread::yield_now();
    }
}

#[test]
fn a_read_that_waits_for_a_disk_permit_holds_no_worker() {
    serving(|address, pool| {
        let held = permit(pool).expect("no other holder");
        pool.set_cold(true);
        let cold: Vec<TcpStream> = (0..5).map(|_| asking(address, GET_A)).collect();
        wait_for(pool, 5);
        let secret = GET_A.replace("a.txt", "confidential");
        assert!(answer(asking(address, &secret)).starts_with("HTTP/1.1 403 "));
        pool.set_cold(false);
        assert_is_a(&answer(asking(address, GET_A)));
        assert_eq!(pool.disk.counts(|_| true).1, 5, "cached content needs no permit");
        // The waiters no longer need one either, but each passes its permit on.
        drop(held);
        cold.into_iter().for_each(|stream| assert_is_a(&answer(stream)));
        assert!(permit(pool).is_some(), "every permit has been released");
    });
}

#[test]
fn a_lookup_that_waits_for_a_disk_permit_holds_no_worker() {
    serving(|address, pool| {
        let held = permit(pool).expect("no other holder");
        // Names that were never looked up are in no cache.
        let ask = |number: u8| asking(address, &GET_A.replace("a.txt", &number.to_string()));
        let unknown: Vec<TcpStream> = (0..5).map(ask).collect();
        wait_for(pool, 5);
        assert_is_a(&answer(asking(address, GET_A)));
        assert_eq!(pool.disk.counts(|_| true).1, 5);
        drop(held);
        unknown.into_iter().for_each(|stream| assert!(answer(stream).starts_with("HTTP/1.1 404 ")));
        assert!(permit(pool).is_some(), "every permit has been released");
    });
}

#[test]
fn no_file_is_read_for_a_client_that_left_while_it_waited() {
    serving(|address, pool| {
        let held = permit(pool).expect("no other holder");
        pool.set_cold(true);
        let gone: Vec<TcpStream> = (0..5).map(|_| asking(address, GET_A)).collect();
        let waiting = asking(address, GET_A);
        wait_for(pool, 6);
        // Their response heads are unread, so the server gets a reset.
        drop(gone);
        drop(held);
        assert_is_a(&answer(waiting));
        assert_eq!(pool.reads(), 1, "only for the client that stayed");
    });
}

#[test]
fn uncached_content_is_read_from_the_disk() {
    serving(|address, pool| {
        pool.set_cold(true);
        let cold: Vec<TcpStream> = (0..5).map(|_| asking(address, GET_A)).collect();
        cold.into_iter().for_each(|stream| assert_is_a(&answer(stream)));
    });
}

#[test]
fn a_blocking_worker_releases_its_run_slot() {
    let (_content, pool, _events) = pool();
    let pool = &*pool;
    let all = pool.run_slots.count_free();
    let mut worker = Worker::new(pool);
    worker.run_slot.get_or_insert_with(|| pool.run_slots.acquire());
    assert_eq!(pool.run_slots.count_free(), all - 1);
    drop(worker.try_block().expect("no other worker blocks on a client"));
    assert_eq!(pool.run_slots.count_free(), all);

    let _nobody_else_waits_for_a_client = worker.try_block();
    let mut free_after = |request: &str| {
        worker.run_slot.get_or_insert_with(|| pool.run_slots.acquire());
        let (server, mut client) = Socket::pair(Domain::UNIX, Type::STREAM, None).expect("sockets");
        client.write_all(request.as_bytes()).expect("the server receives");
        Connection::new(server, Ipv4Addr::LOCALHOST.into(), pool.admission.admit()).run(
            Wakeup::New(Instant::now()),
            &mut worker,
            &mut ReadBuffer::new(),
        );
        pool.run_slots.count_free()
    };
    assert_eq!(free_after(&GET_A.replace("a.txt", "confidential")), all - 1, "nothing blocks");
    assert_eq!(free_after(&GET_A.replace("a.txt", "unknown")), all);
    pool.set_cold(true);
    assert_eq!((free_after(GET_A), pool.reads()), (all, 1));
}

#[test]
fn a_response_without_a_file_releases_its_disk_permit() {
    let (_content, pool, _events) = pool();
    let pool = &*pool;
    let mut transfer = Transfer::new(b"HTTP/1.1 404 Not Found\r\n\r\n".to_vec(), Vec::new(), None, pool);
    let mut worker = Worker::new(pool);
    worker.disk_permit = permit(pool);
    let (server, _client) = Socket::pair(Domain::UNIX, Type::STREAM, None).expect("sockets");
    assert_eq!(transfer.advance(&server, &mut worker), Ok(()));
    assert!(permit(pool).is_some());
}

#[test]
fn a_connection_is_closed_if_its_client_leaves_while_it_waits_for_the_disk() {
    serving(|address, pool| {
        let _held = permit(pool).expect("no other holder");
        pool.set_cold(true);
        let leaving: Vec<TcpStream> = (0..5).map(|_| asking(address, GET_A)).collect();
        wait_for(pool, 5);
        // Nothing more is sent to them, so only a poll shows that they have left.
        drop(leaving);
        let until = Instant::now() + PATIENCE;
        while pool.admission.connections() > 0 {
            assert!(Instant::now() < until, "{} connections are left", pool.admission.connections());
            thread::yield_now();
        }
    });
}

#[test]
fn a_wait_for_the_disk_times_out() {
    serving_with(
        |settings| settings.stall_timeout = Duration::from_millis(100),
        |address, pool| {
            let _held = permit(pool).expect("no other holder");
            let unknown = asking(address, &GET_A.replace("a.txt", "unknown"));
            assert!(answer(unknown).starts_with("HTTP/1.1 503 "));
        },
    );
}

#[test]
fn a_connection_that_waits_for_the_disk_is_closed_at_the_drain_timeout() {
    serving(|address, pool| {
        let held = permit(pool).expect("no other holder");
        pool.set_cold(true);
        let waiting = asking(address, GET_A);
        wait_for(pool, 1);
        pool.shutdown.drain();
        assert!(!answer(waiting).ends_with("text"), "it receives the head at most");
        drop(held);
    });
}

#[test]
fn a_hung_file_system_does_not_delay_reads_of_another() {
    serving(|address, pool| {
        let hung = FileSystem::numbered(1, Kind::Remote);
        let _held = pool.disk.try_acquire(hung).expect("no other holder");
        assert!(pool.disk.try_acquire(hung).is_none());
        pool.set_cold(true);
        assert_is_a(&answer(asking(address, GET_A)));
    });
}

#[test]
fn a_remote_file_is_closed_by_a_worker_with_a_permit() {
    let (content, pool, _events) = pool();
    let remote = FileSystem::numbered(1, Kind::Remote);
    let held = pool.disk.try_acquire(remote).expect("no other holder");
    let file = std::fs::File::open(content.path().join("a.txt")).expect("a file");
    drop(ContentFile::new(file, remote, &pool.disk));
    assert_eq!(pool.disk.counts(|_| true).1, 1, "it is still open");
    drop(held);
    let Task::CloseFile(_, permit) = Worker::new(&pool).next() else { panic!("there is nothing else to do") };
    assert_eq!(permit.file_system(), remote);
}

#[test]
fn sendfile_without_a_permit_falls_back_to_the_buffer() {
    serving_with(
        |settings| (settings.transfer, settings.parts.size) = (SendMethod::Sendfile, Bytes(LARGE as u64)),
        |address, pool| {
            let _held = permit(pool).expect("no other holder");
            let large = answer(asking(address, &GET_A.replace("a.txt", "large.bin")));
            assert!(large.ends_with(&"x".repeat(LARGE)));
        },
    );
}

#[test]
fn a_panic_of_a_poller_ends_the_server() {
    let (_content, pool, events) = pool();
    spawn(&pool, "poller".into(), |_| panic!("a test asked for it")).expect("a thread");
    assert!(wait(2, &events).is_err());
}

/// The seed requests of the fuzzer, by name.
fn seeds() -> Vec<(String, Vec<u8>)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds/connection");
    let entries = std::fs::read_dir(folder).expect("the seeds are there").map(|entry| entry.expect("an entry"));
    let read = |entry: std::fs::DirEntry| {
        (entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path()).expect("a file"))
    };
    entries.map(read).collect()
}

fn without_dates(heard: Transcript) -> (String, bool) {
    let text = String::from_utf8_lossy(&heard.bytes);
    assert!(!text.contains(SECRET));
    let lines =
        text.split_inclusive('\n').filter(|line| !line.starts_with("Date: ") && !line.contains("part-of-reeld"));
    (lines.collect(), heard.ended)
}

#[test]
fn what_is_said_in_any_two_pieces_is_answered_as_if_it_came_at_once() {
    let content = tempfile::tempdir().expect("a temporary folder");
    furnish(content.path()).expect("it is empty");
    let harness = Harness::new(content.path());
    let seeds = seeds();
    assert!(seeds.len() > 50, "the seeds are found");
    for (name, said) in seeds {
        let at_once = without_dates(harness.hears([&said[..]]));
        for cut in 1..said.len() {
            let (one, other) = said.split_at(cut);
            assert_eq!(without_dates(harness.hears([one, other])), at_once, "{name} cut at {cut}");
        }
        let byte_by_byte = without_dates(harness.hears(said.chunks(1)));
        assert_eq!(byte_by_byte, at_once, "{name} byte by byte");
    }
}
