//! Connections that serve many requests.

use super::support::*;

#[test]
fn many_requests_on_one_connection() {
    let server = Server::start(&["--workers", "1"]);
    let mut client = server.connect();
    for _ in 0..500 {
        client.get("/small.txt", "");
        assert_eq!(client.answer().body, b"small");
    }
}

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
fn a_request_may_come_byte_by_byte() {
    let server = Server::start(&["--workers", "1"]);
    let mut client = server.connect();
    for byte in b"GET /film.mp4 HTTP/1.1\r\nHost: h\r\nRange: bytes=100-199\r\n\r\n" {
        client.send([*byte]);
    }
    client.answer().assert_film(100, 100);
}

#[test]
fn the_connection_ends_when_the_client_wants_it_to() {
    let server = Server::start(&[]);
    for (request, connection) in [
        ("GET /small.txt HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "close"),
        ("GET /small.txt HTTP/1.0\r\n\r\n", "close"),
        ("GET /small.txt HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "keep-alive"),
    ] {
        let mut client = server.connect();
        client.send(request);
        let answer = client.answer();
        assert_eq!((answer.field("Connection"), &answer.body[..]), (Some(connection), &b"small"[..]));
        assert!(answer.head.starts_with("HTTP/1.1 200 "));
        if connection == "close" {
            assert!(client.is_closed());
        } else {
            client.send(request);
            assert_eq!(client.answer().status, 200);
        }
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
