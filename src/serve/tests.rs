//! The server as a whole, in this process, where a test can ask for what no client can.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::*;
use crate::bytes::Bytes;
use crate::http::range::PartPolicy;
use crate::site::Hidden;

/// Serves a folder with `a.txt` while the test runs, and ends when it has run.
fn serving(test: impl FnOnce(SocketAddr)) {
    let content = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(content.path().join("a.txt"), "text").expect("a file");
    let site = Site::scan(content.path(), Hidden::new([]).expect("no further folders")).expect("the folder is there");
    let second = Duration::from_secs(1);
    let settings = Settings {
        workers: NonZeroUsize::new(2).expect("not zero"),
        max_connections: 64,
        idle_timeout: 30 * second,
        head_timeout: 10 * second,
        stall_timeout: 60 * second,
        drain_timeout: second,
        parts: Parts { policy: PartPolicy::Always, size: Bytes(100) },
    };
    let listener = Listener::bind(Some("127.0.0.1"), 0).expect("a free port");
    let address = listener.address().expect("it is bound");
    let stop = Stop::new().expect("a descriptor");
    thread::scope(|scope| {
        let server = scope.spawn(|| run(&settings, listener, &site, None, &stop));
        test(address);
        stop.finish();
        server.join().expect("the server does not panic").expect("it could begin");
    });
}

fn asked(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    stream.write_all(request.as_bytes()).expect("the server receives");
    let mut answer = String::new();
    // A connection that ends with bytes unread is reset, which is an end as well.
    let _ = stream.read_to_string(&mut answer);
    answer
}

#[test]
fn a_panic_ends_one_connection_and_no_worker() {
    serving(|address| {
        for _ in 0..10 {
            assert_eq!(asked(address, "PANIC / HTTP/1.1\r\nHost: h\r\n\r\n"), "");
        }
        let answer = asked(address, "GET /a.txt HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("text"), "{answer}");
    });
}
