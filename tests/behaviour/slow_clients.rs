//! The promise: a client that stays connected delays no other.

use std::thread;

use super::support::*;

/// Readers that requested a part and received only its head.
fn paused(server: &Server, count: usize) -> Vec<Client> {
    let pause = |_| {
        let mut client = server.connect();
        client.get("/film.mp4", "");
        assert_eq!(client.head().status, 206);
        client
    };
    (0..count).map(pause).collect()
}

#[test]
fn one_worker_serves_beside_idle_silent_slow_and_paused_clients() {
    let server = Server::start(&["--workers", "1"]);
    let mut idle: Vec<Client> = (0..40).map(|_| server.connect()).collect();
    for client in &mut idle {
        client.get("/small.txt", "");
        assert_eq!(client.answer().body, b"small");
    }
    let _silent: Vec<Client> = (0..40).map(|_| server.connect()).collect();
    let mut slow: Vec<Client> = (0..20).map(|_| server.connect()).collect();
    for client in &mut slow {
        client.send("GET /small.txt HTTP/1.1\r\nHo");
    }
    let paused = paused(&server, 30);
    for _ in 0..20 {
        assert_eq!(server.get("/small.txt", "").body, b"small");
    }
    for client in &mut slow {
        client.send("st: h\r\n\r\n");
        assert_eq!(client.answer().body, b"small");
    }
    for client in &mut idle {
        client.get("/small.txt", "");
        assert_eq!(client.answer().body, b"small");
    }
    for mut client in paused {
        assert_film_bytes(&client.body(PART), 0, PART);
    }
}

#[test]
fn the_number_of_threads_does_not_depend_on_the_clients() {
    let server = Server::start(&["--workers", "3"]);
    server.wait_for_threads(3);
    let paused = paused(&server, 50);
    let _idle: Vec<Client> = (0..100).map(|_| server.connect()).collect();
    assert_eq!(server.get("/small.txt", "").status, 200);
    assert_eq!(server.threads(), threads_with(3));
    drop(paused);
}

#[test]
fn many_readers_at_once_each_get_every_byte() {
    let server = Server::start(&["--workers", "2"]);
    thread::scope(|scope| {
        for number in 0..32 {
            let server = &server;
            scope.spawn(move || {
                let mut client = server.connect();
                for first in [0, PART, 2 * PART, number * 1000] {
                    client.get("/film.mp4", &format!("Range: bytes={first}-\r\n"));
                    client.answer().assert_film(first, PART.min(FILM - first));
                }
            });
        }
    });
}
