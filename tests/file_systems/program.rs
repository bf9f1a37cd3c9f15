//! The server where it may not start, or where every line of its diagnostics counts.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, unbounded};
use rustix::process::{Pid, Signal, kill_process};

use super::support::reeld;

/// A program that is killed when this is dropped.
pub struct Program {
    child: Child,
    diagnostics: Receiver<String>,
}

impl Program {
    pub fn start(content: &Path, flags: &[&str]) -> Self {
        let mut command = reeld(content, &["--host", "127.0.0.1", "--port", "0", "--log", "off"]);
        let command = command.args(flags).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let (tell, diagnostics) = unbounded();
        let lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| tell.send(line)));
        Program { child, diagnostics }
    }

    /// Where it listens; None if it does not in this time.
    pub fn address_within(&self, time: Duration) -> Option<SocketAddr> {
        let until = Instant::now() + time;
        loop {
            let line = self.diagnostics.recv_deadline(until).ok()?;
            if let Some((_, rest)) = line.split_once("http://") {
                return rest.split('/').next()?.parse().ok();
            }
        }
    }

    /// Ends it and returns the diagnostics that were not read yet.
    pub fn end(&self) -> Vec<String> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("the process exists");
        self.diagnostics.iter().collect()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
