//! Connections that serve many requests.

use super::support::*;

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = Server::start(&["--workers", "2"]);
    let mut client = server.connect();
    let targets = ["/small.txt", "/none", "/film.mp4", "/index.html"];
    let all: String = targets.iter().map(|target| format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n")).collect();
    client.send(all.repeat(50));
    for _ in 0..50 {
        assert_eq!(client.answer().body, b"small");
        assert_eq!(client.answer().status, 404);
        client.answer().assert_film(0, PART);
        assert_eq!(client.answer().body, b"<!doctype html>");
    }
}

#[test]
fn clients_that_vanish_leave_nothing_behind() {
    let server = Server::start(&["--workers", "2"]);
    server.wait_for_threads(2);
    for round in 0..100 {
        let mut client = server.connect();
        match round % 4 {
            0 => client.send("GET /film.mp4 HT"),
            1 => client.get("/film.mp4", ""),
            2 => {
                client.get("/film.mp4", "");
                client.head();
            }
            _ => {}
        }
    }
    wait_until("all descriptors are given back", || server.held() == 0);
    assert_eq!(server.threads(), threads_with(2));
    assert_eq!(server.get("/small.txt", "").body, b"small");
}

#[test]
fn a_client_that_has_said_all_still_gets_its_answer() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.get("/film.mp4", "");
    client.stream.shutdown(std::net::Shutdown::Write).expect("it is open");
    client.answer().assert_film(0, PART);
    assert!(client.is_closed());
}
