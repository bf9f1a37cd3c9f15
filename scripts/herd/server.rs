//! The server under load: started on a folder of its own, observed from outside, ended.

use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};

/// The part size of the server.
pub const PART: usize = 5 * 1024 * 1024;
/// Bytes of the film: two parts and some more.
pub const FILM: usize = 2 * PART + 12_345;
/// Bytes of the small file.
pub const SMALL: usize = 1024;

/// A process tick of proc(5), which is 10 ms on every Linux that reeld runs on.
const TICK: Duration = Duration::from_millis(10);
const PAGE: u64 = 4096;

pub struct Server {
    child: Child,
    /// What is served.
    pub folder: PathBuf,
    pub address: SocketAddr,
    /// What the film is.
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
        let folder = std::env::temp_dir().join(format!("reeld-herd-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let film: Vec<u8> =
            (0..FILM).map(|at| (at ^ (at >> 8).wrapping_mul(31) ^ (at >> 16).wrapping_mul(17)) as u8).collect();
        fs::write(folder.join("film.mp4"), &film)?;
        fs::write(folder.join("small.txt"), vec![b's'; SMALL])?;
        let mut command = match open_files {
            None => Command::new(program),
            // prlimit(1) of util-linux becomes the program, so the process is the server's all the
            // same.
            Some(limit) => {
                let mut command = Command::new("prlimit");
                command.arg(format!("--nofile={limit}")).arg(program);
                command
            }
        };
        command.arg(&folder).args(["--host", "127.0.0.1", "--port", "0", "--log", "off"]).args(flags);
        let mut child = command.stderr(Stdio::piped()).spawn()?;
        let mut diagnostics = BufReader::new(child.stderr.take().expect("it is piped"));
        let mut line = String::new();
        let address = loop {
            line.clear();
            if diagnostics.read_line(&mut line)? == 0 {
                return Err(io::Error::other("the server did not start"));
            }
            if let Some((_, rest)) = line.split_once("http://") {
                break rest.split('/').next().and_then(|text| text.parse().ok()).expect("an address is printed");
            }
        };
        // What else it says must not fill the pipe.
        thread::spawn(move || io::copy(&mut diagnostics, &mut io::sink()));
        Ok(Server { child, folder, address, film: Arc::new(film) })
    }

    pub fn sight(&self) -> io::Result<Sight> {
        let of = |name: &str| format!("/proc/{}/{name}", self.child.id());
        let stat = fs::read_to_string(of("stat"))?;
        // Behind the name of the program, which may have spaces: the fields from the third on
        // (proc(5)).
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

    pub fn terminate(&self) -> io::Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), Signal::TERM)?)
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already, and the folder is a temporary one.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Raises the soft limit of open files to the hard one.
pub fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    // If it fails, connecting will say so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

fn tcp_bytes() -> io::Result<u64> {
    let mut text = String::new();
    fs::File::open("/proc/net/sockstat")?.read_to_string(&mut text)?;
    let line = text.lines().find(|line| line.starts_with("TCP:")).unwrap_or_default();
    let mut words = line.split(' ').skip_while(|word| *word != "mem");
    Ok(words.nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * PAGE)
}
