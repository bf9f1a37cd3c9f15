//! An outlet for lines: standard output or standard error, which may be slow or stuck, and for which nobody waits.
//!
//! Lines go into a buffer, and one thread writes whatever the buffer holds. Where the outlet is too slow for too long, lines
//! are dropped and counted, and the count is told in their place.

use std::fmt::Display;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use crate::limits::OUTLET_BACKLOG_MAX;

/// Where lines are added. Clones lead to the same outlet.
#[derive(Clone, Debug, Default)]
pub struct Outlet(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    dropped: u64,
    /// The thread is writing what it took.
    writing: bool,
}

/// How long lines gather after some were written: a write, and a wake-up of the thread, cost the same for one as for many.
const GATHERING: Duration = Duration::from_millis(5);

/// How long the last lines may take; an outlet that is stuck must not keep the server from ending.
const LAST_LINES: Duration = Duration::from_secs(1);

impl Outlet {
    /// Starts the thread, by this name, that writes to `out`. Fails where there can be no thread.
    pub fn start(name: &str, out: OwnedFd) -> io::Result<Self> {
        let outlet = Outlet::default();
        let shared = Arc::clone(&outlet.0);
        let thread_name = name.to_string();
        thread::Builder::new().name(name.into()).spawn(move || shared.write_to(&out, &thread_name))?;
        Ok(outlet)
    }

    /// Adds a line, which brings its line end with it.
    pub fn add(&self, line: &[u8]) {
        let mut waiting = self.0.lock();
        if waiting.lines.len() + line.len() > OUTLET_BACKLOG_MAX {
            waiting.dropped += 1;
            return;
        }
        let was_empty = waiting.lines.is_empty();
        waiting.lines.extend_from_slice(line);
        drop(waiting);
        if was_empty {
            self.0.news.notify_all();
        }
    }

    /// Waits until every line is written, or the outlet has been stuck for a second.
    pub fn flush(&self) {
        let until = Instant::now() + LAST_LINES;
        let mut waiting = self.0.lock();
        while (!waiting.lines.is_empty() || waiting.writing) && Instant::now() < until {
            let time = until.saturating_duration_since(Instant::now());
            waiting = self.0.news.wait_timeout(waiting, time).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Shared {
    /// Writes what comes. A write that fails loses its lines, which is told once; the next ones may fare better.
    fn write_to(&self, out: &OwnedFd, name: &str) {
        let mut told = false;
        let mut lines = Vec::new();
        let mut waiting = self.lock();
        loop {
            while waiting.lines.is_empty() {
                waiting = self.news.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
            std::mem::swap(&mut lines, &mut waiting.lines);
            if waiting.dropped > 0 {
                lines.extend_from_slice(lost(waiting.dropped).as_bytes());
                waiting.dropped = 0;
            }
            waiting.writing = true;
            drop(waiting);
            if let Err(error) = write_all(out, &lines)
                && !std::mem::replace(&mut told, true)
            {
                log::error!("what goes to {name} is lost: {error}");
            }
            lines.clear();
            waiting = self.lock();
            waiting.writing = false;
            drop(waiting);
            self.news.notify_all();
            thread::sleep(GATHERING);
            waiting = self.lock();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lost(lines: impl Display) -> String {
    format!("reeld: warn: this output was too slow, lines lost: {lines}\n")
}

/// Writes all of it, also where the descriptor was set not to block by whoever shares it.
fn write_all(out: &OwnedFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(out, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                // An interrupted poll is tried again with the write.
                let _ = poll(&mut [PollFd::from_borrowed_fd(out.as_fd(), PollFlags::OUT)], None);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, pipe};

    use super::*;

    #[test]
    fn lines_are_written_in_order() {
        let (mut reader, writer) = pipe().expect("a pipe");
        let outlet = Outlet::start("test", writer.into()).expect("a thread");
        outlet.add(b"one\n");
        outlet.add(b"two\n");
        outlet.flush();
        let mut bytes = [0; 8];
        reader.read_exact(&mut bytes).expect("they are written");
        assert_eq!(&bytes, b"one\ntwo\n");
    }

    #[test]
    fn nobody_waits_for_a_slow_outlet_and_what_is_lost_is_told() {
        let (mut reader, writer) = pipe().expect("a pipe");
        rustix::fs::fcntl_setfl(&writer, rustix::fs::OFlags::NONBLOCK).expect("it is a pipe");
        let outlet = Outlet::start("test", writer.into()).expect("a thread");
        let line = [&[b'a'; 1023][..], b"\n"].concat();
        let count = 3 * OUTLET_BACKLOG_MAX / line.len();
        for _ in 0..count {
            outlet.add(&line);
        }
        outlet.add(b"the last\n");
        let mut text = Vec::new();
        let mut bytes = [0; 64 * 1024];
        while !text.windows(10).any(|window| window == b"lines lost") {
            let read = reader.read(&mut bytes).expect("more comes");
            text.extend_from_slice(&bytes[..read]);
        }
        let written = text.split(|&byte| byte == b'\n').filter(|found| found.len() == 1023).count();
        assert!((1..count).contains(&written), "{written} of {count}");
        // What comes after the jam is written again.
        outlet.add(b"after\n");
        while !text.ends_with(b"after\n") {
            let read = reader.read(&mut bytes).expect("more comes");
            text.extend_from_slice(&bytes[..read]);
        }
    }
}
