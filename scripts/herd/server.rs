//! The server under load: started on a folder of its own and observed from outside.

use std::fs;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use tempfile::TempDir;

use crate::program::{self, Program};

/// The part size of the server.
pub const PART: usize = 5 * 1024 * 1024;
/// Bytes of the film: a little more than two parts.
pub const FILM: usize = 2 * PART + 12_345;
/// Bytes of the small file.
pub const SMALL: usize = 1024;

/// A process tick of proc(5), which is 10 ms on every Linux that reeld runs on.
const TICK: Duration = Duration::from_millis(10);
const PAGE: u64 = 4096;

/// A server that does not listen within this time has failed to start.
const START_TIME: Duration = Duration::from_secs(20);

/// Dropped in this order: the folder is removed after the server has ended.
pub struct Server {
    program: Program,
    /// The content folder.
    pub folder: TempDir,
    pub address: SocketAddr,
    /// The content of the film.
    pub film: Arc<Vec<u8>>,
}

/// What can be seen of the server from outside.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    pub at: Instant,
    pub threads: usize,
    pub descriptors: usize,
    pub resident_bytes: u64,
    pub cpu: Duration,
    /// Memory of all TCP sockets of this machine, the clients' ends included.
    pub tcp_bytes: u64,
}

impl Server {
    /// Starts the program with these flags, under a limit of open files if one is given.
    pub fn start(program: &Path, flags: &[&str], open_files: Option<u64>) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let film: Vec<u8> =
            (0..FILM).map(|at| (at ^ (at >> 8).wrapping_mul(31) ^ (at >> 16).wrapping_mul(17)) as u8).collect();
        fs::write(folder.path().join("film.mp4"), &film)?;
        fs::write(folder.path().join("small.txt"), vec![b's'; SMALL])?;
        let limit = open_files.map(|limit| format!("--nofile={limit}"));
        let wrapper = limit.as_ref().map_or(Vec::new(), |limit| vec!["prlimit", limit]);
        let mut command = program::command(&wrapper, program);
        command.arg(folder.path()).args(program::ON_A_FREE_PORT).args(["--log", "off"]).args(flags);
        let program = Program::spawn(&mut command)?;
        let (address, _) =
            program.address_within(START_TIME).ok_or_else(|| io::Error::other("the server did not start"))?;
        Ok(Server { program, folder, address, film: Arc::new(film) })
    }

    pub fn sight(&self) -> io::Result<Sight> {
        let of = |name: &str| format!("/proc/{}/{name}", self.program.child.id());
        let stat = fs::read_to_string(of("stat"))?;
        // After the program name, which may contain spaces: the fields from the third on (proc(5)).
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let number = |field: usize| fields.get(field - 3).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        Ok(Sight {
            at: Instant::now(),
            threads: number(20) as usize,
            descriptors: fs::read_dir(of("fd"))?.count(),
            resident_bytes: number(24) * PAGE,
            cpu: TICK * (number(14) + number(15)) as u32,
            tcp_bytes: tcp_bytes()?,
        })
    }

    pub fn terminate(&self) {
        self.program.signal(Signal::TERM);
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        self.program.child.wait()
    }
}

/// Raises the soft limit of open files to the hard one.
pub fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    // If it fails, connecting reports it.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

fn tcp_bytes() -> io::Result<u64> {
    let mut text = String::new();
    fs::File::open("/proc/net/sockstat")?.read_to_string(&mut text)?;
    let line = text.lines().find(|line| line.starts_with("TCP:")).unwrap_or_default();
    let mut words = line.split(' ').skip_while(|word| *word != "mem");
    Ok(words.nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * PAGE)
}
