//! Shutdown.

use std::net::TcpStream;

use rustix::process::Signal;

use super::support::*;

#[test]
fn on_a_signal_answers_are_finished_and_no_connection_is_accepted() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Server::start(&["--workers", "2"]);
        let mut idle = server.connect();
        idle.get("/small.txt", "");
        idle.answer();
        let mut silent = server.connect();
        let mut readers: Vec<Client> = (0..20).map(|_| server.connect()).collect();
        for client in &mut readers {
            client.get("/film.mp4", "");
            client.head().field("Content-Range").expect("a part");
        }
        server.signal(signal);
        assert!(idle.is_closed() && silent.is_closed());
        wait_until("the listener is closed", || TcpStream::connect(server.address).is_err());
        for client in &mut readers {
            assert_film_bytes(&client.body(PART), 0, PART);
            assert!(client.is_closed());
        }
        assert_eq!(server.wait().code(), Some(0));
    }
}

#[test]
fn a_transfer_that_does_not_finish_in_time_is_cut() {
    let mut server = Server::start(&["--drain-timeout", "0.2"]);
    let mut reader = server.connect();
    reader.get("/film.mp4", "");
    reader.head();
    server.signal(Signal::TERM);
    server.wait_for_diagnostic("connections aborted: 1");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_hangup_ends_nothing() {
    let mut server = Server::start(&[]);
    let mut reader = server.connect();
    reader.get("/film.mp4", "");
    reader.head();
    server.signal(Signal::HUP);
    assert_film_bytes(&reader.body(PART), 0, PART);
    assert_eq!(server.get("/small.txt", "").body, b"small");
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_second_signal_ends_it_now() {
    let mut server = Server::start(&[]);
    let mut reader = server.connect();
    reader.get("/film.mp4", "");
    reader.head();
    server.signal(Signal::INT);
    server.wait_for_diagnostic("draining");
    server.signal(Signal::INT);
    assert_eq!(server.wait().code(), Some(130));
}
