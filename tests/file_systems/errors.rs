//! Files that cannot be read, are cut, or are held by another program.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;

use super::hung::{Hung, cold_name};
use super::mounts::can_mount;
use super::support::*;

#[test]
fn an_io_error_names_the_file() {
    if !can_mount() {
        return;
    }
    for transfer in ["pread", "sendfile"] {
        let hung = Hung::start(1, &["--transfer", transfer]);
        let name = cold_name(0);
        hung.slow.set(&format!("read /{name} fail EIO"));
        let mut client = hung.server.connect();
        client.get(&format!("/slow/{name}"), "Connection: close\r\n");
        // It does not matter whether a head arrives before the end.
        let _ = client.stream.read_to_end(&mut Vec::new());
        hung.server.wait_for_diagnostic(&format!("slow/{name}"));
    }
}

#[test]
fn a_file_that_is_cut_while_it_is_sent_is_reported_once() {
    for transfer in ["pread", "sendfile"] {
        let content = content();
        let mut command = reeld(content.path(), &ON_A_FREE_PORT);
        let command = command.args(["--log", "off", "--transfer", transfer]);
        let program = Program::spawn(command).expect("the program starts");
        let (address, _) = program.address_within(PATIENCE).expect("it listens");
        let mut stream = std::net::TcpStream::connect(address).expect("it listens");
        let request = "GET /film.mp4 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
        std::io::Write::write_all(&mut stream, request.as_bytes()).expect("it receives");
        stream.read_exact(&mut [0; 1024]).expect("it answers");
        File::options()
            .write(true)
            .open(content.path().join("film.mp4"))
            .and_then(|film| film.set_len(1))
            .expect("cut");
        // Less than Content-Length arrives, then the end, which may be a reset.
        let _ = stream.read_to_end(&mut Vec::new());
        program.signal(Signal::TERM);
        let lines: Vec<_> = std::iter::from_fn(|| program.diagnostic_within("", PATIENCE)).collect();
        let told = lines.iter().filter(|line| line.contains("film.mp4")).count();
        assert_eq!(told, 1, "{transfer}: {lines:#?}");
    }
}

/// Holds a write lease on a file (fcntl(2), F_SETLEASE), as Samba does, and releases it 0.2 s after
/// another process opens the file.
const LEASE_HOLDER: &str = "
import fcntl, os, signal, sys, time
file = os.open(sys.argv[1], os.O_RDWR)
def give_up(*_):
    time.sleep(0.2)
    fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
signal.signal(signal.SIGIO, give_up)
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print('leased', flush=True)
sys.stdin.read()
";

#[test]
fn a_write_lease_is_waited_for() {
    if !has_programs(&["python3"]) {
        return;
    }
    let server = Server::start(&["--workers", "2"]);
    for (name, status) in [("film.mp4", 206), ("small.txt", 200)] {
        let holder = Holder::start(server.content.path().join(name).to_str().expect("UTF-8"));
        assert_eq!(server.get(&format!("/{name}"), "").status, status, "{name}");
        drop(holder);
    }
}

/// A process that holds a lease until this is dropped.
struct Holder(Child);

impl Holder {
    fn start(path: &str) -> Self {
        let mut python = Command::new("python3");
        let command = python.args(["-c", LEASE_HOLDER, path]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = Holder(command.spawn().expect("it is there"));
        let mut line = String::new();
        BufReader::new(holder.0.stdout.take().expect("it is piped")).read_line(&mut line).expect("a line");
        assert_eq!(line, "leased\n");
        holder
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
