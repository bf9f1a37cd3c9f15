//! More clients than the server accepts.

use std::time::Instant;

use reeld::limits::LINGER_TIME;
use reeld::ops::file_limit;

use super::support::*;

#[test]
fn a_connection_beyond_the_limit_reads_503_and_may_come_again() {
    let server = Server::start(&["--max-connections", "3", "--workers", "1"]);
    // Busy connections, as idle ones would be evicted.
    let mut admitted: Vec<Client> = (0..3).map(|_| server.connect()).collect();
    for client in &mut admitted {
        client.get("/film.mp4", "");
        assert_eq!(client.head().status, 206);
    }
    let mut beyond: Vec<Client> = (0..20).map(|_| server.connect()).collect();
    for client in &mut beyond {
        // The server may have answered and closed its side already; it still receives.
        client.get("/small.txt", "");
        let answer = client.answer();
        assert_eq!((answer.status, answer.field("Retry-After")), (503, Some("1")));
        assert_eq!(answer.field("Connection"), Some("close"));
        assert!(client.is_closed());
    }
    for client in &mut admitted {
        assert_film_bytes(&client.body(PART), 0, PART);
    }
    admitted.pop();
    wait_until("there is room again", || server.get("/small.txt", "").status == 200);
}

#[test]
fn near_the_limit_the_longest_idle_connection_is_evicted() {
    let server = Server::start(&["--max-connections", "8", "--workers", "1"]);
    let mut idle: Vec<Client> = (0..8).map(|_| server.connect()).collect();
    for client in &mut idle {
        client.get("/small.txt", "");
        assert_eq!(client.answer().body, b"small");
    }
    // At first all of them are active; new clients get 503 until the first reach the inactive
    // poller.
    wait_until("an idle connection is evicted", || server.get("/small.txt", "").status == 200);
    assert!(idle[0].is_closed(), "the longest idle connection");
    idle[7].get("/small.txt", "");
    assert_eq!(idle[7].answer().body, b"small", "the last one was left alone");
}

#[test]
fn without_descriptors_the_acceptor_waits_and_serves_again() {
    let server = Server::start(&["--workers", "2"]);
    server.wait_for_threads(2);
    server.limit_open_files(40);
    let silent: Vec<Client> = (0..60).map(|_| server.connect()).collect();
    server.wait_for_diagnostic("cannot accept connections");
    drop(silent);
    wait_until("it serves again", || {
        let mut client = server.connect();
        client.get("/small.txt", "");
        client.answer().status == 200
    });
}

#[test]
fn silent_clients_delay_no_503() {
    let server = Server::start(&["--max-connections", "4", "--workers", "1"]);
    let mut admitted: Vec<Client> = (0..4).map(|_| server.connect()).collect();
    for client in &mut admitted {
        client.get("/film.mp4", "");
        assert_eq!(client.head().status, 206);
    }
    let _silent: Vec<Client> = (0..200).map(|_| server.connect()).collect();
    let mut client = server.connect();
    let came = Instant::now();
    assert_eq!(client.answer().status, 503);
    assert!(came.elapsed() < LINGER_TIME, "less than the linger time of one of them");
    for client in &mut admitted {
        assert_film_bytes(&client.body(PART), 0, PART);
    }
}

#[test]
fn with_few_descriptors_silent_clients_delay_no_answer() {
    let limit = format!("--nofile={}", file_limit::SMALLEST);
    let server = Server::start_under(&["prlimit", &limit], content(), &[]);
    let _silent: Vec<Client> = (0..200).map(|_| server.connect()).collect();
    let mut client = server.connect();
    let came = Instant::now();
    client.send("GET /small.txt HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(matches!(client.answer().status, 200 | 503));
    assert!(came.elapsed() < LINGER_TIME, "{:?}", came.elapsed());
}
