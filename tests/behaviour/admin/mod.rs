//! The admin listener: health, who may ask, and clients that misbehave.

mod metrics;
mod viewings;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use tempfile::tempdir;

use super::support::*;

/// A server with an admin listener.
struct Operated {
    server: Server,
    admin: SocketAddr,
}

impl Operated {
    fn start(flags: &[&str]) -> Self {
        Operated::of(Server::start(&[&["--admin", "127.0.0.1:0"], flags].concat()))
    }

    fn of(server: Server) -> Self {
        let line = server.wait_for_diagnostic("for operators: http://");
        let (_, url) = line.split_once("http://").expect("an address");
        Operated { server, admin: url.trim_end_matches('/').parse().expect("an address") }
    }

    fn connect(&self) -> Client {
        Client::new(TcpStream::connect(self.admin).expect("it listens"))
    }

    /// The answer of the admin listener to these lines, which end a head.
    fn ask(&self, head: &str) -> Answer {
        let mut client = self.connect();
        client.send(format!("{head}\r\n\r\n"));
        let answer = client.answer();
        assert!(client.is_closed());
        answer
    }

    fn get(&self, target: &str) -> Answer {
        self.ask(&format!("GET {target} HTTP/1.1\r\nHost: {}", self.admin))
    }

    /// The status and the word of `/health`.
    fn health(&self) -> (u16, String) {
        let answer = self.get("/health");
        (answer.status, String::from_utf8(answer.body).expect("a text"))
    }

    /// Clients that have asked for a part and take none of it.
    fn paused_readers(&self, count: usize) -> Vec<Client> {
        let ask = |_| {
            let mut client = self.server.connect();
            client.get("/film.mp4", "");
            client
        };
        let mut readers: Vec<Client> = (0..count).map(ask).collect();
        readers.iter_mut().for_each(|reader| assert_eq!(reader.head().status, 206));
        readers
    }
}

#[test]
fn health_has_a_word_for_ready_saturated_and_draining() {
    let mut operated = Operated::start(&["--max-connections", "3", "--drain-timeout", "60"]);
    assert_eq!(operated.health(), (200, "ready\n".into()));
    let readers = operated.paused_readers(3);
    assert_eq!(operated.health(), (503, "saturated\n".into()));
    drop(readers);
    wait_until("there is room again", || operated.health().0 == 200);
    let reader = operated.paused_readers(1);
    operated.server.signal(Signal::TERM);
    wait_until("it drains", || operated.health() == (503, "draining\n".into()));
    drop(reader);
    assert_eq!(operated.server.wait().code(), Some(0), "the admin listener does not keep it");
}

#[test]
fn load_balancers_see_the_health_on_the_main_port() {
    for flags in [&[][..], &["--no-listing"]] {
        // Without a file in it, / is no sign of health.
        let server = Server::start_on(tempdir().expect("a folder"), flags);
        let health = server.get("/.reeld/health", "");
        assert_eq!((health.status, &*health.body), (200, &b"ready\n"[..]));
        assert_eq!(health.field("Cache-Control"), Some("no-store"));
        for request in [
            "HEAD /.reeld/health HTTP/1.1\r\nHost: h",
            "GET /.reeld/health HTTP/1.0",
            // HAProxy's `option httpchk` without more, and its older form.
            "OPTIONS / HTTP/1.0",
            "OPTIONS * HTTP/1.1\r\nHost: h",
        ] {
            let mut client = server.connect();
            client.send(format!("{request}\r\n\r\n"));
            assert!(matches!(client.head().status, 200 | 204), "{request}");
        }
    }
}

#[test]
fn a_drained_server_that_is_handed_over_is_not_healthy() {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let server = super::activation::start_on(&socket, &["--drain-timeout", "60"]);
    let mut reader = server.connect();
    reader.get("/film.mp4", "");
    assert_eq!(reader.head().status, 206);
    server.signal(Signal::TERM);
    wait_until("it drains", || {
        let health = server.get("/.reeld/health", "");
        (health.status, &*health.body) == (503, b"draining\n")
    });
}

#[test]
fn an_admin_address_that_cannot_be_used_is_one_sentence_and_an_exit_code() {
    let content = content();
    let other = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = other.local_addr().expect("it is bound").to_string();
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
    let (port, same) = (port.to_string(), format!("127.0.0.1:{port}"));
    for (flags, code, sentence) in [
        (&["--port", "0", "--admin", "0.0.0.0:0"][..], 64, "--admin is '0.0.0.0:0', which other machines reach"),
        (&["--port", "0", "--admin", "[::]:0"], 64, "choose an address of 127.0.0.0/8 or [::1], or add --admin-public"),
        (&["--port", "0", "--admin", "[::ffff:192.0.2.1]:0"], 64, "which other machines reach"),
        (&["--port", "0", "--admin-public"], 64, "add an address, like --admin 127.0.0.1:9090"),
        (&["--port", "0", "--admin", "9090"], 64, "an IP address and a port, like 127.0.0.1:9090 or [::1]:9090"),
        (&["--port", "0", "--admin", "192.0.2.1:0", "--admin-public"], 71, "cannot listen on 192.0.2.1:0 for --admin"),
        (&["--port", &port, "--admin", &same], 69, "is in use; choose another address for --admin"),
    ] {
        let output = reeld(content.path(), &["--host", "127.0.0.1"]).args(flags).output().expect("it starts");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(stderr.contains(sentence), "{stderr}");
        assert!(!stderr.contains("serving"), "before it says that it serves: {stderr}");
    }
    let output = reeld(content.path(), &ON_A_FREE_PORT).args(["--admin", &taken]).output().expect("it starts");
    assert_eq!(output.status.code(), Some(69));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn a_web_page_under_another_name_reads_nothing() {
    let local = Operated::start(&[]);
    let port = local.admin.port();
    for (host, status) in [
        (format!("127.0.0.1:{port}"), 200),
        ("localhost".into(), 200),
        (format!("LOCALHOST:{port}"), 200),
        ("[::1]:9090".into(), 200),
        ("192.0.2.1".into(), 200),
        (format!("rebound.example:{port}"), 403),
        ("localhost.example".into(), 403),
        ("127.0.0.1.example".into(), 403),
    ] {
        for target in ["/", "/metrics", "/status.json", "/health"] {
            assert_eq!(local.ask(&format!("GET {target} HTTP/1.1\r\nHost: {host}")).status, status, "{host}{target}");
        }
    }
    assert_eq!(local.ask("GET /health HTTP/1.0").status, 200, "a health check has no name");
    let public = Operated::start(&["--admin-public"]);
    assert_eq!(public.ask("GET /health HTTP/1.1\r\nHost: films.example").status, 200);
}

#[test]
fn the_admin_listener_answers_as_http_wants() {
    let operated = Operated::start(&[]);
    let host = "Host: localhost";
    for (head, status) in [
        (format!("GET / HTTP/1.1\r\n{host}"), 200),
        (format!("GET /admin.js HTTP/1.1\r\n{host}"), 200),
        (format!("GET /film.mp4 HTTP/1.1\r\n{host}"), 404),
        (format!("GET /../metrics HTTP/1.1\r\n{host}"), 400),
        (format!("OPTIONS * HTTP/1.1\r\n{host}"), 204),
        (format!("POST / HTTP/1.1\r\n{host}\r\nContent-Length: 0"), 405),
        ("GET / HTTP/1.1".into(), 400),
        ("NONSENSE".into(), 400),
        (format!("GET / HTTP/1.1\r\n{host}\r\nX: {}", "x".repeat(1024 * 1024)), 431),
    ] {
        assert_eq!(operated.ask(&head).status, status, "{}", &head[..head.len().min(80)]);
    }
    for target in ["/", "/health", "/metrics", "/status.json", "/missing"] {
        let mut client = operated.connect();
        client.send(format!("HEAD {target} HTTP/1.1\r\n{host}\r\n\r\n"));
        let head = client.head();
        assert_eq!(head.status, if target == "/missing" { 404 } else { 200 });
        assert!(client.is_closed(), "no body of {target}");
    }
    let page = operated.get("/");
    let policy = page.field("Content-Security-Policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
    let page = String::from_utf8(page.body).expect("a text");
    assert!(!page.contains("//"), "nothing from elsewhere: {page}");
}

#[test]
fn clients_that_are_silent_or_slow_delay_no_other() {
    let operated = Operated::start(&[]);
    let mut silent: Vec<Client> = (0..100).map(|_| operated.connect()).collect();
    let mut slow = operated.connect();
    slow.send(format!("GET /health HTTP/1.1\r\nHost: {}", operated.admin));
    let start = Instant::now();
    for _ in 0..20 {
        assert_eq!(operated.health(), (200, "ready\n".into()));
    }
    let time = start.elapsed();
    assert!(time < Duration::from_secs(4), "less than the time that one of them may take: {time:?}");
    assert!(silent[0].is_closed(), "the oldest made room");
    slow.send("\r\n\r\n");
    assert_eq!(slow.answer().status, 200, "in two pieces is fine");
    assert!(silent.last_mut().expect("there are many").is_closed(), "its time is over");
}

/// With `FULL_SIZE` in the environment there are 10,000, or as many as the limit of open files
/// allows, and each answer comes within 10 ms. That takes an otherwise idle machine.
#[test]
fn health_is_answered_while_readers_pause() {
    let is_full_size = std::env::var_os("FULL_SIZE").is_some();
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).expect("up to the maximum");
    // A socket and a file each; what the server reserves is less than 600.
    let most = limit.maximum.map_or(10_000, |limit| (limit as usize - 600) / 2).min(10_000);
    let count = if is_full_size { most } else { 100 };
    let operated = Operated::start(&["--workers", "2", "--max-connections", "10100", "--stall-timeout", "600"]);
    let _readers = operated.paused_readers(count);
    let mut times: Vec<(Duration, Duration)> = Vec::new();
    for _ in 0..200 {
        let start = Instant::now();
        assert_eq!(operated.health(), (200, "ready\n".into()));
        let admin = start.elapsed();
        let start = Instant::now();
        assert_eq!(operated.server.get("/.reeld/health", "").status, 200);
        times.push((admin, start.elapsed()));
    }
    let (admin, main) = (times.iter().map(|time| time.0).max(), times.iter().map(|time| time.1).max());
    println!("{count} paused readers: /health within {admin:?}, /.reeld/health within {main:?}");
    assert!(!is_full_size || admin < Some(Duration::from_millis(10)), "{admin:?}");
}
