//! A reeld process: its address, its diagnostics, its end.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, unbounded};
use rustix::process::{Pid, Signal, kill_process};

/// Arguments to listen on a free port of the loopback address.
pub const ON_A_FREE_PORT: [&str; 4] = ["--host", "127.0.0.1", "--port", "0"];

/// The command that runs the program without arguments, through a wrapper such as prlimit(1) that
/// becomes it.
pub fn command(wrapper: &[&str], program: &Path) -> Command {
    let mut words = wrapper.iter().map(OsStr::new).chain([program.as_os_str()]);
    let mut command = Command::new(words.next().expect("a program"));
    command.args(words).stdin(Stdio::null());
    command
}

/// A running program. It is killed when it is dropped.
pub struct Program {
    pub child: Child,
    diagnostics: Receiver<String>,
}

impl Program {
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        let mut child = command.stderr(Stdio::piped()).spawn()?;
        let lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        let (sender, diagnostics) = unbounded();
        // Always read, so that the pipe never fills.
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Ok(Program { child, diagnostics })
    }

    /// The address it listens on, and the line that names it; None if it takes longer than this.
    pub fn address_within(&self, time: Duration) -> Option<(SocketAddr, String)> {
        let line = self.diagnostic_within("http://", time)?;
        let (_, rest) = line.split_once("http://")?;
        Some((rest.split('/').next()?.parse().expect("an address"), line))
    }

    /// The next line of diagnostics with this text; None if it takes longer than this.
    pub fn diagnostic_within(&self, text: &str, time: Duration) -> Option<String> {
        let until = Instant::now() + time;
        let lines = std::iter::from_fn(|| self.diagnostics.recv_deadline(until).ok());
        lines.into_iter().find(|line| line.contains(text))
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the process exists");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
