//! A client that keeps the server waiting for too long is disconnected.

use std::io::{Read, Write};
use std::time::Duration;

use super::support::*;

#[test]
fn an_idle_connection_is_closed_in_silence() {
    let server = Server::start(&["--idle-timeout", "0.2"]);
    let mut never_asked = server.connect();
    assert!(never_asked.is_closed());
    let mut asked = server.connect();
    asked.get("/small.txt", "");
    assert_eq!(asked.answer().body, b"small");
    assert!(asked.is_closed());
}

#[test]
fn a_head_must_arrive_in_time_even_if_bytes_keep_coming() {
    let server = Server::start(&["--head-timeout", "0.3"]);
    let mut client = server.connect();
    client.send("GET /small.txt HTTP/1.1\r\nHost: h\r\nX: ");
    client.stream.set_read_timeout(Some(Duration::from_millis(2))).expect("a timeout");
    let mut answer = Vec::new();
    let mut sent = 0;
    // A byte every 2 ms until a response arrives.
    while answer.is_empty() && sent < 10_000 {
        sent += 1;
        client.stream.write_all(b"x").expect("the server receives");
        let mut bytes = [0; 4096];
        if let Ok(count) = client.stream.read(&mut bytes) {
            answer.extend_from_slice(&bytes[..count]);
        }
    }
    assert!(answer.starts_with(b"HTTP/1.1 408 "), "{:?} after {sent} bytes", String::from_utf8_lossy(&answer));
}

#[test]
fn a_reader_that_takes_nothing_is_disconnected() {
    let server = Server::start(&["--stall-timeout", "0.3"]);
    let mut client = server.connect();
    client.get("/film.mp4", "");
    assert_eq!(client.head().status, 206);
    assert_eq!(server.held(), 2, "the connection and the file");
    wait_until("the server closes it", || server.held() == 0);
    // The kernel has discarded what the client did not take.
    let end = client.stream.read_to_end(&mut Vec::new());
    assert_eq!(end.map_err(|error| error.kind()), Err(std::io::ErrorKind::ConnectionReset));
}

#[test]
fn a_reader_that_takes_little_by_little_is_served_to_the_end() {
    let server = Server::start(&["--stall-timeout", "0.5"]);
    let mut client = server.connect();
    client.get("/film.mp4", "");
    assert_eq!(client.head().status, 206);
    // Two seconds in all, four times the timeout.
    for first in (0..PART).step_by(PART / 40) {
        assert_film_bytes(&client.body(PART / 40), first, PART / 40);
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_reader_that_takes_its_last_answer_little_by_little_gets_all_of_it() {
    let length = 400 * 1024;
    let server = Server::start(&["--stall-timeout", "1"]);
    let mut client = server.connect();
    client.get("/film.mp4", &format!("Range: bytes=0-{}\r\nConnection: close\r\n", length - 1));
    assert_eq!(client.head().status, 206);
    // 192 KiB a second: 3 times what the timeout requires.
    for first in (0..length).step_by(length / 40) {
        assert_film_bytes(&client.body(length / 40), first, length / 40);
        std::thread::sleep(Duration::from_millis(52));
    }
    assert!(client.is_closed());
}

#[test]
fn bytes_that_the_client_has_not_acknowledged_are_not_logged_as_sent() {
    // The socket takes all of it.
    let length = 250 * 1024;
    let server = Server::start(&["--stall-timeout", "0.3"]);
    let mut client = server.connect();
    client.get("/film.mp4", &format!("Range: bytes=0-{}\r\nConnection: close\r\n", length - 1));
    assert_eq!(client.head().status, 206);
    wait_until("the server resets the connection", || server.held() == 0);
    assert_eq!(server.unacknowledged(), 0, "the kernel holds nothing for it");
    let log = server.log();
    let sent = log.split("\" 206 ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a line");
    let sent: usize = sent.parse().expect("a number");
    assert!((1..length).contains(&sent), "{sent} of {length}");
}

#[test]
fn a_connection_with_unread_bytes_is_not_idle() {
    let server = Server::start(&["--idle-timeout", "0.2", "--stall-timeout", "0.4"]);
    let ask = |_| {
        let mut client = server.connect();
        client.get("/film.mp4", "Range: bytes=0-300000\r\n");
        assert_eq!(client.head().status, 206);
        client
    };
    let _clients: Vec<Client> = (0..5).map(ask).collect();
    wait_until("the server closes them", || server.held() == 0);
    assert_eq!(server.unacknowledged(), 0, "no connection is left to the kernel");
}

#[test]
fn an_idle_connection_whose_client_still_reads_is_served_on() {
    // The socket takes all of it.
    let length = 250 * 1024;
    let server = Server::start(&["--idle-timeout", "0.3", "--stall-timeout", "10"]);
    let mut client = server.connect();
    client.get("/film.mp4", &format!("Range: bytes=0-{}\r\n", length - 1));
    assert_eq!(client.head().status, 206);
    std::thread::sleep(Duration::from_secs(1));
    assert_film_bytes(&client.body(length), 0, length);
    client.get("/small.txt", "");
    assert_eq!(client.answer().body, b"small");
}

#[test]
fn what_a_client_leaves_unread_does_not_outlive_the_stall_timeout() {
    let server = Server::start(&["--stall-timeout", "0.3"]);
    let mut client = server.connect();
    client.get("/film.mp4", "Range: bytes=0-255999\r\n");
    assert_eq!(client.head().status, 206);
    // It closes its side, so the server closes too; the kernel holds what is unread.
    client.stream.shutdown(std::net::Shutdown::Write).expect("it is open");
    wait_until("the server closes", || server.held() == 0);
    wait_until("the kernel discards what is unread", || server.unacknowledged() == 0);
}
