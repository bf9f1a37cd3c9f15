//! Listening sockets and notifications of a service manager, played by the test.

use std::cell::RefCell;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{self, UnixDatagram};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use rustix::process::Signal;

use super::support::*;

/// Becomes the program, with standard input as descriptor 3.
const PASS: [&str; 3] =
    ["sh", "-c", "exec 3<&0 0</dev/null; LISTEN_FDS=${FDS-1} LISTEN_PID=${FOR-$$} exec \"$0\" \"$@\""];

/// The command that runs the program on this inherited socket.
fn activated(socket: impl Into<OwnedFd>, content: &std::path::Path, flags: &[&str]) -> Command {
    let mut command = program(&PASS);
    command.arg(content).args(flags).stdin(Stdio::from(socket.into())).stdout(Stdio::null());
    command
}

fn listening() -> (TcpListener, SocketAddr) {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = socket.local_addr().expect("it is bound");
    (socket, address)
}

pub fn start_on(socket: &TcpListener, flags: &[&str]) -> Server {
    let folder = content();
    let mut command = activated(socket.try_clone().expect("a descriptor"), folder.path(), flags);
    Server::spawn(folder, &mut command)
}

/// Where a service manager receives notifications.
struct Manager {
    socket: UnixDatagram,
    name: String,
    received: RefCell<Vec<String>>,
}

impl Manager {
    fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("reeld-test-{}-{number}", std::process::id());
        let address = net::SocketAddr::from_abstract_name(&name).expect("a name");
        let socket = UnixDatagram::bind_addr(&address).expect("a free name");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Manager { socket, name: format!("@{name}"), received: RefCell::default() }
    }

    /// Receives a notification; None if none comes in time.
    fn receive(&self) -> Option<()> {
        let mut bytes = [0; 4096];
        let length = self.socket.recv(&mut bytes).ok()?;
        let text = String::from_utf8(bytes[..length].to_vec()).expect("a text");
        self.received.borrow_mut().push(text);
        Some(())
    }

    /// Waits for the first notification with this line.
    fn wait_for(&self, line: &str) -> String {
        self.wait_for_number(1, line)
    }

    /// Waits for this many notifications with this line, and returns the last.
    fn wait_for_number(&self, number: usize, line: &str) -> String {
        loop {
            let has_line = |message: &&String| message.lines().any(|found| found.starts_with(line));
            if let Some(message) = self.received.borrow().iter().filter(has_line).nth(number - 1) {
                return message.clone();
            }
            self.receive().unwrap_or_else(|| panic!("no {line} in {:?}", self.received.borrow()));
        }
    }

    fn server(&self, flags: &[&str], more: &[(&str, &str)]) -> Server {
        let folder = content();
        let mut command = reeld(folder.path(), &ON_A_FREE_PORT);
        command.args(flags).env("NOTIFY_SOCKET", &self.name).envs(more.iter().copied()).stdout(Stdio::null());
        Server::spawn(folder, &mut command)
    }
}

#[test]
fn a_service_manager_is_told_ready_status_stopping_and_that_the_drain_goes_on() {
    let manager = Manager::new();
    let mut server = manager.server(&["--workers", "2"], &[]);
    manager.wait_for("READY=1");
    manager.wait_for("STATUS=0 connections, 0 of 2 workers busy, 4 files");
    let mut reader = server.connect();
    reader.get("/film.mp4", "");
    reader.head();
    manager.wait_for("STATUS=1 connection, 0 of 2 workers busy, 4 files");
    fs::write(server.content.path().join("new.txt"), "new").expect("the disk has room");
    manager.wait_for("STATUS=1 connection, 0 of 2 workers busy, 5 files");
    server.signal(Signal::TERM);
    let stopping = manager.wait_for("STOPPING=1");
    assert!(stopping.contains("EXTEND_TIMEOUT_USEC=") && stopping.contains("STATUS=draining, 1 connection\n"));
    // Renewed while the pool moves.
    manager.wait_for_number(3, "EXTEND_TIMEOUT_USEC=");
    assert_film_bytes(&reader.body(PART), 0, PART);
    drop(reader);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_watchdog_hears_only_from_a_server_that_it_watches_and_that_moves() {
    let manager = Manager::new();
    let server = manager.server(&["--workers", "1"], &[("WATCHDOG_USEC", "400000")]);
    manager.wait_for_number(4, "WATCHDOG=1");
    drop(server);
    let other = Manager::new();
    let watched_elsewhere = other.server(&["--workers", "2"], &[("WATCHDOG_USEC", "400000"), ("WATCHDOG_PID", "1")]);
    // Several times as long as a watchdog would take.
    fs::write(watched_elsewhere.content.path().join("new.txt"), "new").expect("the disk has room");
    other.wait_for("STATUS=0 connections, 0 of 2 workers busy, 5 files");
    assert!(!other.received.borrow().concat().contains("WATCHDOG"), "{:?}", other.received.borrow());
}

#[test]
fn a_service_manager_that_is_gone_costs_one_warning() {
    for (place, sentence) in [
        ("/nonexistent/notify", "cannot notify the service manager: "),
        ("notify", "NOTIFY_SOCKET is \"notify\"; it must be an absolute path, or a name after @"),
    ] {
        let folder = content();
        let mut command = reeld(folder.path(), &ON_A_FREE_PORT);
        command.env("NOTIFY_SOCKET", place).stdout(Stdio::null());
        let program = Program::spawn(&mut command).expect("it starts");
        // After the line that names the address, or if the variable is wrong, before it.
        program.diagnostic_within(sentence, PATIENCE).expect("a warning");
        if place == "notify" {
            program.address_within(PATIENCE).expect("it goes on");
        }
        program.signal(Signal::TERM);
        program.diagnostic_within("draining", PATIENCE).expect("it drains");
        assert_eq!(program.diagnostic_within(sentence, std::time::Duration::from_millis(100)), None);
    }
}

#[test]
fn an_inherited_socket_is_served_instead_of_the_configured_one() {
    let (socket, address) = listening();
    // In the backlog before the server sets the options of the socket.
    let mut early = Client::new(TcpStream::connect(address).expect("it listens"));
    early.get("/small.txt", "");
    let mut server = start_on(&socket, &["--port", "1"]);
    assert_eq!(server.address, address);
    assert_eq!(early.answer().body, b"small");
    assert_eq!(server.get("/small.txt", "").body, b"small");
    // No worker blocks on a client of the first moment.
    let mut second = server.connect();
    second.get("/small.txt", "");
    assert_eq!(second.answer().body, b"small");
    drop((early, second));
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(0));
    TcpStream::connect(address).expect("the service manager still listens");
}

#[test]
fn sockets_for_another_process_are_not_taken() {
    let (socket, address) = listening();
    let folder = content();
    let mut command = activated(socket, folder.path(), &ON_A_FREE_PORT);
    command.env("FOR", "1");
    let server = Server::spawn(folder, &mut command);
    assert_ne!(server.address, address);
    assert_eq!(server.get("/small.txt", "").body, b"small");
}

#[test]
fn what_is_no_listening_socket_is_refused_in_one_sentence() {
    let folder = content();
    let (socket, address) = listening();
    let connected = TcpStream::connect(address).expect("it listens");
    let unix = UnixDatagram::unbound().expect("a socket");
    let file = fs::File::open("/dev/null").expect("a file");
    let not_listening = "reeld: error: descriptor 3 of LISTEN_FDS is no listening TCP socket; ";
    let command = |what: OwnedFd| activated(what, folder.path(), &[]);
    let cases = [
        (command(connected.into()), "1", not_listening),
        (command(unix.into()), "1", not_listening),
        (command(file.into()), "1", not_listening),
        (command(socket.try_clone().expect("a descriptor").into()), "2", "reeld: error: descriptor 4 of LISTEN_FDS is"),
        (
            command(socket.into()),
            "two",
            "reeld: error: LISTEN_FDS is \"two\"; it must be a number of listening sockets",
        ),
    ];
    for (mut command, count, sentence) in cases {
        let output = command.env("FDS", count).stderr(Stdio::piped()).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.starts_with(sentence) && said.lines().count() == 1, "{said}");
        assert_eq!(output.status.code(), Some(64));
    }
}

#[test]
fn while_a_reader_is_served_to_its_end_new_clients_are_served_too() {
    let (socket, address) = listening();
    let mut server = start_on(&socket, &[]);
    let mut idle = server.connect();
    idle.get("/small.txt", "");
    idle.answer();
    let mut reader = server.connect();
    reader.get("/film.mp4", "");
    reader.head();
    server.signal(Signal::TERM);
    server.wait_for_diagnostic("draining");
    // An idle connection may still ask once.
    idle.get("/small.txt", "");
    let last = idle.answer();
    assert_eq!((last.field("Connection"), &*last.body), (Some("close"), &b"small"[..]));
    assert!(idle.is_closed());
    drop(idle);
    for _ in 0..3 {
        let answer = server.get("/small.txt", "");
        assert_eq!((answer.field("Connection"), &*answer.body), (Some("close"), &b"small"[..]));
    }
    assert_film_bytes(&reader.body(PART), 0, PART);
    drop(reader);
    assert_eq!(server.wait().code(), Some(0));
    // A client that comes before the successor waits for it.
    let mut waiting = Client::new(TcpStream::connect(address).expect("the service manager listens"));
    waiting.get("/small.txt", "");
    let _successor = start_on(&socket, &[]);
    assert_eq!(waiting.answer().body, b"small");
}

#[test]
fn a_silent_client_does_not_hold_up_the_handover() {
    let (socket, _) = listening();
    let mut server = start_on(&socket, &[]);
    let mut silent = server.connect();
    server.signal(Signal::TERM);
    assert!(silent.is_closed());
    assert_eq!(server.wait().code(), Some(0));
}

/// Asks over kept connections until the end, and counts the responses.
fn ask_until(end: &AtomicBool, address: SocketAddr, counted: &AtomicUsize) {
    while !end.load(Ordering::Relaxed) {
        let mut client = Client::new(TcpStream::connect(address).expect("it listens"));
        loop {
            client.get("/small.txt", "");
            let answer = client.answer();
            assert_eq!((answer.status, &*answer.body), (200, &b"small"[..]));
            counted.fetch_add(1, Ordering::Relaxed);
            if answer.field("Connection") == Some("close") {
                break;
            }
            if end.load(Ordering::Relaxed) {
                return;
            }
        }
    }
}

/// Runs clients while `replace` puts one server in the place of another, and checks that no request
/// fails.
fn under_load(replace: impl Fn(&TcpListener, Server) -> Server) {
    let (socket, address) = listening();
    let (end, counted) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut server = start_on(&socket, &[]);
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let (end, counted) = (Arc::clone(&end), Arc::clone(&counted));
            thread::spawn(move || ask_until(&end, address, &counted))
        })
        .collect();
    for _ in 0..3 {
        let before = counted.load(Ordering::Relaxed);
        wait_until("clients are served", || counted.load(Ordering::Relaxed) > before + 100);
        server = replace(&socket, server);
    }
    let before = counted.load(Ordering::Relaxed);
    wait_until("clients are served", || counted.load(Ordering::Relaxed) > before + 100);
    end.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().expect("no request fails");
    }
    drop(server);
}

#[test]
fn a_restart_under_load_loses_no_request() {
    under_load(|socket, mut server| {
        server.signal(Signal::TERM);
        assert_eq!(server.wait().code(), Some(0));
        start_on(socket, &[])
    });
}

#[test]
fn a_second_server_takes_over_while_the_first_drains() {
    let paused = Mutex::new(Vec::new());
    under_load(|socket, mut server| {
        let mut reader = server.connect();
        reader.get("/film.mp4", "");
        reader.head();
        paused.lock().expect("no panic").push(reader);
        let successor = start_on(socket, &[]);
        server.signal(Signal::TERM);
        server.wait_for_diagnostic("draining");
        thread::spawn(move || server.wait());
        successor
    });
}
