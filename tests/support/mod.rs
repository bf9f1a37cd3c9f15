//! The server under test, a folder to serve, and a client that sends exactly the given bytes.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant, SystemTime};

use reeld::serve::THREADS_BESIDE_WORKERS;
use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use socket2::{Domain, Socket, Type};
use tempfile::TempDir;

mod program;

pub use program::{ON_A_FREE_PORT, Program};

/// How long a test waits before it fails; nothing takes a tenth of it.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub const PART: usize = 5 * 1024 * 1024;
pub const FILM: usize = 2 * PART + 12_345;

/// The byte at a position of the film: no two stretches of it are alike for long.
pub fn film_byte(position: usize) -> u8 {
    (position ^ (position >> 8).wrapping_mul(31) ^ (position >> 16).wrapping_mul(17)) as u8
}

/// The threads of a server with this many workers: those of the pool, and main, content, signals,
/// diagnostics and access log.
pub fn threads_with(workers: usize) -> usize {
    workers + THREADS_BESIDE_WORKERS + 5
}

/// A content folder: `film.mp4` of [`FILM`] bytes, `small.txt`, a page, an empty file, and a
/// secret. All are an hour old, because what was modified a moment ago has no Last-Modified.
pub fn content() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("confidential")).expect("a folder");
    fs::create_dir_all(at("films")).expect("a folder");
    let film: Vec<u8> = (0..FILM).map(film_byte).collect();
    for (name, bytes) in [
        ("film.mp4", &film[..]),
        ("small.txt", b"small"),
        ("index.html", b"<!doctype html>"),
        ("empty.txt", b""),
        ("confidential/secret.txt", b"secret"),
    ] {
        let mut file = File::create(at(name)).expect("a file");
        file.write_all(bytes).expect("the disk has room");
        file.set_modified(SystemTime::now() - Duration::from_secs(3600)).expect("a time");
    }
    folder
}

/// A running server. It is killed when it is dropped.
pub struct Server {
    program: Program,
    pub address: SocketAddr,
    pub content: TempDir,
    /// The line that it prints when it listens.
    pub start_line: String,
}

impl Server {
    /// Starts the program on the loopback address, on a free port, and waits until it listens.
    pub fn start(flags: &[&str]) -> Self {
        Server::start_on(content(), flags)
    }

    pub fn start_on(content: TempDir, flags: &[&str]) -> Self {
        Server::start_under(&[], content, flags)
    }

    /// Starts it through a wrapper that becomes it.
    pub fn start_under(wrapper: &[&str], content: TempDir, flags: &[&str]) -> Self {
        let mut command = program(wrapper);
        command.arg(content.path()).args(ON_A_FREE_PORT).args(flags).stdout(Stdio::piped());
        Server::spawn(content, &mut command)
    }

    /// Starts this command, which serves the folder, and waits until it listens.
    pub fn spawn(content: TempDir, command: &mut Command) -> Self {
        let program = Program::spawn(command).expect("the program starts");
        let (address, start_line) = program.address_within(PATIENCE).expect("a line that names the address");
        Server { program, address, content, start_line }
    }

    pub fn connect(&self) -> Client {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        // Small, so that the server keeps what the client has not read.
        socket.set_recv_buffer_size(64 * 1024).expect("a size");
        socket.connect(&self.address.into()).expect("the server listens");
        Client::new(socket.into())
    }

    /// The answer to one GET on a connection of its own.
    pub fn get(&self, target: &str, fields: &str) -> Answer {
        let mut client = self.connect();
        client.get(target, fields);
        client.answer()
    }

    /// Waits until the content folder and the folders in it are read, so that they are listed.
    pub fn wait_until_read(&self) {
        let entries = fs::read_dir(self.content.path()).expect("it is there").map(|entry| entry.expect("an entry"));
        let folders = entries.filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name());
        let link = |name: OsString| name.as_bytes().iter().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let targets: Vec<String> = folders.map(|name| format!("/{}/?json", link(name))).collect();
        let is_read = |target: &str| self.get(target, "").status != 503;
        wait_until("the content folder is read", || is_read("/?json") && targets.iter().all(|target| is_read(target)));
    }

    /// Waits for a line of the program's diagnostics that contains this.
    pub fn wait_for_diagnostic(&self, text: &str) -> String {
        self.program.diagnostic_within(text, PATIENCE).expect("a line of diagnostics")
    }

    pub fn signal(&self, signal: Signal) {
        self.program.signal(signal);
    }

    pub fn wait(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.program.child.try_wait().expect("the process exists") {
                return status;
            }
            assert!(Instant::now() < until, "the program does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends the server and returns its access log.
    pub fn log(mut self) -> String {
        self.signal(Signal::TERM);
        let mut log = String::new();
        self.program.child.stdout.take().expect("it is piped").read_to_string(&mut log).expect("a text");
        log
    }

    /// Lowers the limit of open files of the running server.
    pub fn limit_open_files(&self, limit: u64) {
        let limit = Rlimit { current: Some(limit), maximum: Some(limit) };
        prlimit(Some(Pid::from_child(&self.program.child)), Resource::Nofile, limit).expect("it is ours");
    }

    pub fn wait_for_threads(&self, workers: usize) {
        wait_until("all threads have started", || self.threads() == threads_with(workers));
    }

    pub fn threads(&self) -> usize {
        fs::read_dir(format!("/proc/{}/task", self.program.child.id())).expect("the process exists").count()
    }

    /// The descriptors that the server holds for clients: connections, and files of the content
    /// folder. The cache pins files with O_PATH descriptors (open(2)), which do not count.
    pub fn held(&self) -> usize {
        let process = format!("/proc/{}", self.program.child.id());
        let is_path = |number: &str| {
            let info = fs::read_to_string(format!("{process}/fdinfo/{number}")).unwrap_or_default();
            let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap_or_default();
            u32::from_str_radix(flags.trim(), 8).is_ok_and(|flags| flags & OFlags::PATH.bits() != 0)
        };
        let entries = fs::read_dir(format!("{process}/fd")).expect("the process exists");
        let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a number"));
        let open = names.filter(|number| !is_path(number));
        // A descriptor may be closed meanwhile.
        let links: Vec<_> = open.filter_map(|number| fs::read_link(format!("{process}/fd/{number}")).ok()).collect();
        let sockets = links.iter().filter(|link| link.to_string_lossy().starts_with("socket:")).count();
        let files = links.iter().filter(|link| link.starts_with(self.content.path())).count();
        // The listening socket, the pair of the signals, sock_diag; the content folder itself.
        sockets - 4 + files - 1
    }

    /// Bytes that the kernel holds because clients have not acknowledged them, even after the
    /// server has closed (proc(5), /proc/net/tcp).
    pub fn unacknowledged(&self) -> u64 {
        let table = fs::read_to_string("/proc/net/tcp").expect("a text");
        let local = format!("0100007F:{:04X}", self.address.port());
        let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let queues = rows.filter(|row| row.get(1) == Some(&&*local)).map(|row| row[4].split(':').next());
        queues.flatten().map(|queue| u64::from_str_radix(queue, 16).expect("a number")).sum()
    }

    /// What the descriptors of the server lead to.
    pub fn links(&self) -> Vec<String> {
        let entries = fs::read_dir(format!("/proc/{}/fd", self.program.child.id())).expect("the process exists");
        // A descriptor may be closed meanwhile.
        let links = entries.filter_map(|entry| fs::read_link(entry.expect("an entry").path()).ok());
        links.map(|link| link.to_string_lossy().into_owned()).collect()
    }
}

/// The command that runs the program with these arguments.
pub fn reeld(content: &Path, flags: &[&str]) -> Command {
    let mut command = program(&[]);
    command.arg(content).args(flags);
    command
}

/// The command that runs the program without arguments, through a wrapper that becomes it.
pub fn program(wrapper: &[&str]) -> Command {
    // At run time .ci/run names a copy that another user may execute.
    let path = std::env::var("CARGO_BIN_EXE_reeld").unwrap_or_else(|_| env!("CARGO_BIN_EXE_reeld").into());
    let mut command = program::command(wrapper, Path::new(&path));
    // The caller's environment must not change what is tested.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("REELD_")) {
        command.env_remove(name);
    }
    // tests/sendfile.rs runs the same tests.
    if env!("CARGO_CRATE_NAME") == "sendfile" {
        command.env("REELD_TRANSFER", "sendfile");
    }
    command
}

/// A terminal with this many columns, and the side that a program writes to.
pub fn terminal(columns: u16) -> (File, OwnedFd) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&terminal).and_then(|()| unlockpt(&terminal)).expect("it is ours");
    let size = Winsize { ws_row: 25, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&terminal, size).expect("it is ours");
    let name = ptsname(&terminal, Vec::new()).expect("a name");
    let other_side = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("the other side");
    (File::from(terminal), other_side)
}

/// Prints why this test is skipped. The test harness would hide `eprintln!`.
pub fn skip(reason: &str) {
    let line = format!("{} is skipped: {reason}\n", std::thread::current().name().unwrap_or("a test"));
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Whether these programs are installed; if not, prints why this test is skipped.
pub fn has_programs(programs: &[&str]) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    let is_there = |program: &&&str| path.split(':').any(|folder| Path::new(folder).join(program).exists());
    let missing = programs.iter().find(|program| !is_there(program));
    if let Some(missing) = missing {
        skip(&format!("there is no {missing}"));
    }
    missing.is_none()
}

/// Polls until the condition holds.
pub fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "timed out waiting until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub struct Client {
    pub stream: TcpStream,
    /// Received beyond the last answer.
    received: Vec<u8>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Client {
    pub fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Client { stream, received: Vec::new() }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the server receives");
    }

    pub fn get(&mut self, target: &str, fields: &str) {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: h\r\n{fields}\r\n"));
    }

    /// Receives the head of a response, and leaves what follows it.
    pub fn head(&mut self) -> Answer {
        loop {
            if let Some(length) = self.received.windows(4).position(|window| window == b"\r\n\r\n") {
                let rest = self.received.split_off(length + 4);
                let head = String::from_utf8(std::mem::replace(&mut self.received, rest)).expect("a head is ASCII");
                let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status line");
                return Answer { status, head, body: Vec::new() };
            }
            assert!(self.receive() > 0, "the server closed before a whole head: {:?}", self.received);
        }
    }

    /// Receives an answer with its body.
    pub fn answer(&mut self) -> Answer {
        let mut answer = self.head();
        let length = answer.field("Content-Length").map_or(0, |length| length.parse().expect("a number"));
        answer.body = self.body(length);
        answer
    }

    /// Receives this many bytes of a body.
    pub fn body(&mut self, length: usize) -> Vec<u8> {
        while self.received.len() < length {
            assert!(self.receive() > 0, "the server closed {} bytes into a body of {length}", self.received.len());
        }
        let rest = self.received.split_off(length);
        std::mem::replace(&mut self.received, rest)
    }

    /// Whether the server has closed, and sent nothing that was not received yet.
    pub fn is_closed(&mut self) -> bool {
        self.received.is_empty() && self.receive() == 0
    }

    /// Receives some bytes; 0 if the server has closed. Fails on a reset.
    fn receive(&mut self) -> usize {
        let mut bytes = vec![0; 64 * 1024];
        let count = self.stream.read(&mut bytes).expect("the server sends or closes");
        self.received.extend_from_slice(&bytes[..count]);
        count
    }
}

impl Answer {
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.head.lines().filter_map(|line| line.split_once(": ")).filter(|(found, _)| *found == name);
        let value = values.next().map(|(_, value)| value);
        assert!(values.next().is_none(), "{name} is repeated");
        value
    }

    /// Checks that it is this range of the film, and that Content-Range agrees.
    pub fn assert_film(&self, first: usize, length: usize) {
        assert_eq!(self.status, 206, "{}", self.head);
        let range = format!("bytes {first}-{}/{FILM}", first + length - 1);
        assert_eq!(self.field("Content-Range"), Some(&*range));
        assert_film_bytes(&self.body, first, length);
    }
}

pub fn assert_film_bytes(bytes: &[u8], first: usize, length: usize) {
    assert_eq!(bytes.len(), length);
    let wrong = bytes.iter().enumerate().position(|(place, &byte)| byte != film_byte(first + place));
    assert_eq!(wrong, None, "the place of the first wrong byte from {first} on");
}
