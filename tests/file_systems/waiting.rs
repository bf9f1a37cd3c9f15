//! Clients that wait for a hung file system, and shutdown while they do.

use std::fs;
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::hung::{Hung, cold_name};
use super::mounts::can_mount;
use super::support::*;

/// Names are cached, so that each request gets as far as the read.
const READS_HANG: &str = "read * hang\ncache-names 3600000";

/// The workers, of 8, that may block on one file system; their reads cannot be interrupted.
const BLOCKED_MAX: usize = 4;

/// Everything with a timeout of 0.5 s has ended by then.
const SOON: Duration = Duration::from_secs(5);

/// Clients that each request a file in `slow/`.
fn clients(hung: &Hung, count: usize) -> Vec<Client> {
    let mut clients: Vec<Client> = (0..count).map(|_| hung.server.connect()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.get(&format!("/slow/{}", cold_name(number)), "");
    }
    clients
}

/// How many clients have got neither a 503 nor the end of the connection by then.
fn unanswered_until(until: Instant, clients: &mut [Client]) -> usize {
    let is_unanswered = |client: &mut Client| {
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        client.stream.set_read_timeout(Some(left)).expect("a timeout");
        let mut answer = [0; 12];
        match client.stream.read(&mut answer) {
            Ok(0) => false,
            Ok(_) => &answer != b"HTTP/1.1 503",
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        }
    };
    clients.iter_mut().map(|client| usize::from(is_unanswered(client))).sum()
}

/// Connections of a server that the client has closed and the server has not, from
/// proc_pid_net_tcp(5).
fn half_closed(address: SocketAddr) -> usize {
    let sockets = fs::read_to_string("/proc/net/tcp").expect("proc is mounted");
    let port = format!(":{:04X}", address.port());
    let is_half_closed = |line: &&str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields[1].ends_with(&port) && fields[3] == "08"
    };
    sockets.lines().filter(is_half_closed).count()
}

#[test]
fn clients_that_leave_while_they_wait_make_room() {
    if !can_mount() {
        return;
    }
    let hung = Hung::start(60, &["--workers", "8", "--max-connections", "64"]);
    hung.slow.set(READS_HANG);
    for _ in 0..4 {
        let leaving = clients(&hung, 60);
        hung.slow.wait_for_hung("read");
        drop(leaving);
        wait_until("the connections of clients that left are closed", || {
            half_closed(hung.server.address) <= BLOCKED_MAX
        });
        assert_eq!(hung.server.get("/small.txt", "").status, 200);
        // The next time a new read must hang.
        hung.slow.set("");
        wait_until("all are closed", || half_closed(hung.server.address) == 0);
        hung.slow.set(READS_HANG);
    }
}

#[test]
fn clients_that_wait_for_a_hung_file_system_have_a_deadline() {
    if !can_mount() {
        return;
    }
    let hung = Hung::start(60, &["--workers", "8", "--stall-timeout", "0.5"]);
    hung.slow.set(READS_HANG);
    let mut waiting = clients(&hung, 60);
    hung.slow.wait_for_hung("read");
    let unanswered = unanswered_until(Instant::now() + SOON, &mut waiting);
    assert!(unanswered <= BLOCKED_MAX, "{unanswered} of 60 still wait");
}

#[test]
fn clients_that_wait_for_a_hung_file_system_are_cut_at_the_end() {
    if !can_mount() {
        return;
    }
    // All but the read keeps the process until the file system has answered, see tool.rs.
    for rule in ["lookup * hang", "open * hang", "getattr * hang", "read * hang"] {
        let mut hung = Hung::start(60, &["--workers", "8", "--drain-timeout", "0.5"]);
        hung.slow.set(&format!("cache-names 3600000\n{rule}"));
        let mut waiting = clients(&hung, 60);
        hung.slow.wait_for_hung(rule.split(' ').next().expect("an operation"));
        hung.server.signal(Signal::TERM);
        let unanswered = unanswered_until(Instant::now() + SOON, &mut waiting);
        assert!(unanswered <= BLOCKED_MAX, "{rule}: {unanswered} of 60 still wait");
        assert!(TcpStream::connect(hung.server.address).is_err(), "{rule}: it listens");
        hung.slow.set("");
        assert_eq!(hung.server.wait().code(), Some(0), "{rule}");
    }
}

#[test]
fn a_hung_read_does_not_keep_the_server_from_ending() {
    if !can_mount() {
        return;
    }
    for transfer in ["pread", "sendfile"] {
        let mut hung = Hung::start(1, &["--drain-timeout", "0.5", "--transfer", transfer]);
        hung.slow.set(READS_HANG);
        let _waiting = clients(&hung, 1);
        hung.slow.wait_for_hung("read");
        hung.server.signal(Signal::TERM);
        let begun = Instant::now();
        assert_eq!(hung.server.wait().code(), Some(0), "{transfer}");
        assert!(begun.elapsed() < SOON, "{transfer}: {:?}", begun.elapsed());
    }
}
