//! A line writer for standard output or standard error that never blocks its callers.
//!
//! Lines go into a queue, and one thread writes them. A failed write, as on a full disk, is
//! retried. When the queue is full, lines are dropped, and their number is written in their place.

use std::io;
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use memchr::{memchr_iter, memrchr};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use crate::limits::OUTPUT_QUEUE_MAX;

/// The writing end of the queue. Clones share one queue.
#[derive(Clone, Debug, Default)]
pub struct NonBlockingWriter(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    lines: Vec<u8>,
    /// Lines dropped after those in `lines`.
    dropped: u64,
    /// Lines that the thread has taken from the queue but not written.
    unwritten: u64,
}

/// The lines that the thread is writing.
#[derive(Debug, Default)]
struct Batch {
    /// Whole lines not yet written. If lines were dropped, the last one says so.
    lines: Vec<u8>,
    dropped: u64,
    /// Whether part of the first line has been written.
    cut: bool,
}

/// How long lines are gathered after a write: a wake-up and a write cost the same for one line as
/// for many.
const BATCH_DELAY: Duration = Duration::from_millis(5);

/// How long to wait before retrying a failed write. Less than [`FLUSH_TIME`], so that a flush
/// includes a retry.
const RETRY_DELAY: Duration = Duration::from_millis(500);

/// The longest that [`NonBlockingWriter::flush`] waits: a stuck output must not keep the server
/// from ending.
const FLUSH_TIME: Duration = Duration::from_secs(1);

impl NonBlockingWriter {
    /// Starts a thread with this name that writes to `out`. Fails if it cannot be started.
    pub fn start(name: &'static str, out: impl AsFd + Send + 'static) -> io::Result<Self> {
        Self::start_with(name, move |bytes| write(&out, bytes))
    }

    fn start_with(
        name: &'static str,
        write: impl FnMut(&[u8]) -> io::Result<usize> + Send + 'static,
    ) -> io::Result<Self> {
        let writer = NonBlockingWriter::default();
        let shared = Arc::clone(&writer.0);
        thread::Builder::new().name(name.into()).spawn(move || shared.run(name, write))?;
        Ok(writer)
    }

    /// Adds a line, including its line feed.
    pub fn add(&self, line: &[u8]) {
        let mut queue = self.0.lock();
        if queue.lines.len() + line.len() > OUTPUT_QUEUE_MAX {
            queue.dropped += 1;
            return;
        }
        let was_empty = queue.lines.is_empty();
        queue.lines.extend_from_slice(line);
        drop(queue);
        if was_empty {
            self.0.changed.notify_all();
        }
    }

    /// Waits for at most a second until every line is written. Returns the number of lines that are
    /// not.
    pub fn flush(&self) -> u64 {
        let pending = |queue: &Queue| queue.unwritten + count(&queue.lines) + queue.dropped;
        let queue = self.0.changed.wait_timeout_while(self.0.lock(), FLUSH_TIME, |queue| pending(queue) > 0);
        pending(&queue.unwrap_or_else(PoisonError::into_inner).0)
    }
}

impl Shared {
    /// Writes batches forever. A series of failed writes is logged once.
    fn run(&self, name: &str, mut write: impl FnMut(&[u8]) -> io::Result<usize>) {
        let mut batch = Batch::default();
        loop {
            self.take(&mut batch);
            let mut is_logged = false;
            while let Err(error) = batch.write(&mut write) {
                self.lock().unwritten = batch.unwritten();
                if !std::mem::replace(&mut is_logged, true) {
                    log::error!("{name}: cannot write, will try again: {error}");
                }
                thread::sleep(RETRY_DELAY);
            }
            self.lock().unwritten = 0;
            self.changed.notify_all();
            thread::sleep(BATCH_DELAY);
        }
    }

    /// Waits for lines and moves them into the empty batch.
    fn take(&self, batch: &mut Batch) {
        let queue = self.changed.wait_while(self.lock(), |queue| queue.lines.is_empty());
        let mut queue = queue.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut batch.lines, &mut queue.lines);
        batch.dropped = std::mem::take(&mut queue.dropped);
        if batch.dropped > 0 {
            let notice = format!("reeld: warn: this output was too slow or full, lines lost: {}\n", batch.dropped);
            batch.lines.extend_from_slice(notice.as_bytes());
        }
        queue.unwritten = batch.unwritten();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Batch {
    /// Writes as many lines as possible. A partly written line is terminated and written again in
    /// full.
    fn write(&mut self, mut write: impl FnMut(&[u8]) -> io::Result<usize>) -> io::Result<()> {
        if self.cut {
            write(b"\n")?;
            self.cut = false;
        }
        let mut written = 0;
        let result = loop {
            match write(&self.lines[written..]) {
                Ok(count) => written += count,
                Err(error) => break Err(error),
            }
            if written == self.lines.len() {
                break Ok(());
            }
        };
        let whole = memrchr(b'\n', &self.lines[..written]).map_or(0, |end| end + 1);
        self.cut = whole < written;
        self.lines.drain(..whole);
        result
    }

    /// The number of lines lost if nothing more is written.
    fn unwritten(&self) -> u64 {
        count(&self.lines) - u64::from(self.dropped > 0) + self.dropped
    }
}

fn count(lines: &[u8]) -> u64 {
    memchr_iter(b'\n', lines).count() as u64
}

/// Writes some bytes. Another process that shares the descriptor may have made it non-blocking.
fn write(out: impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match rustix::io::write(&out, bytes) {
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                // An interrupted poll is retried together with the write.
                let _ = poll(&mut [PollFd::from_borrowed_fd(out.as_fd(), PollFlags::OUT)], None);
            }
            result => return Ok(result?),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, pipe};

    use super::*;

    #[test]
    fn lines_are_written_in_order() {
        let (mut reader, out) = pipe().expect("a pipe");
        let writer = NonBlockingWriter::start("test", out).expect("a thread");
        writer.add(b"one\n");
        writer.add(b"two\n");
        assert_eq!(writer.flush(), 0);
        let mut bytes = [0; 8];
        reader.read_exact(&mut bytes).expect("they are written");
        assert_eq!(&bytes, b"one\ntwo\n");
    }

    #[test]
    fn a_slow_output_blocks_no_caller_and_lost_lines_are_counted() {
        let (mut reader, out) = pipe().expect("a pipe");
        rustix::fs::fcntl_setfl(&out, rustix::fs::OFlags::NONBLOCK).expect("it is a pipe");
        let writer = NonBlockingWriter::start("test", out).expect("a thread");
        let line = [&[b'a'; 1023][..], b"\n"].concat();
        let count = 3 * OUTPUT_QUEUE_MAX / line.len();
        for _ in 0..count {
            writer.add(&line);
        }
        writer.add(b"the last\n");
        let mut text = Vec::new();
        let mut bytes = [0; 64 * 1024];
        while !text.windows(10).any(|window| window == b"lines lost") {
            let read = reader.read(&mut bytes).expect("more comes");
            text.extend_from_slice(&bytes[..read]);
        }
        let written = text.split(|&byte| byte == b'\n').filter(|found| found.len() == 1023).count();
        assert!((1..count).contains(&written), "{written} of {count}");
        // Lines after the blockage are written again.
        writer.add(b"after\n");
        while !text.ends_with(b"after\n") {
            let read = reader.read(&mut bytes).expect("more comes");
            text.extend_from_slice(&bytes[..read]);
        }
    }

    /// A disk with a limited number of free bytes.
    #[derive(Clone, Default)]
    struct Disk(Arc<Mutex<(usize, Vec<u8>)>>);

    impl Disk {
        fn write(&self, bytes: &[u8]) -> io::Result<usize> {
            let (room, written) = &mut *self.0.lock().expect("no test panics here");
            let count = bytes.len().min(*room);
            if count == 0 {
                return Err(Errno::NOSPC.into());
            }
            *room -= count;
            written.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn make_room(&self, bytes: usize) {
            self.0.lock().expect("no test panics here").0 += bytes;
        }

        fn text(&self) -> String {
            String::from_utf8(self.0.lock().expect("no test panics here").1.clone()).expect("a text")
        }
    }

    #[test]
    fn after_a_full_disk_the_cut_line_is_ended_and_written_again() {
        let disk = Disk::default();
        let mut batch = Batch { lines: b"one\ntwo\nthree\n".to_vec(), ..Batch::default() };
        for (room, written) in [
            (0, ""),
            (6, "one\ntw"),
            (0, "one\ntw"),
            (1, "one\ntw\n"),
            (4, "one\ntw\ntwo\n"),
            (2, "one\ntw\ntwo\nth"),
            (3, "one\ntw\ntwo\nth\nth"),
        ] {
            disk.make_room(room);
            assert!(batch.write(|bytes| disk.write(bytes)).is_err(), "after {written:?}");
            assert_eq!(disk.text(), written);
        }
        assert_eq!(batch.unwritten(), 1);
        disk.make_room(100);
        assert!(batch.write(|bytes| disk.write(bytes)).is_ok());
        assert_eq!(disk.text(), "one\ntw\ntwo\nth\nth\nthree\n");
        assert_eq!(batch.unwritten(), 0);
    }

    #[test]
    fn every_line_that_a_full_disk_lost_is_counted() {
        let disk = Disk::default();
        let to_disk = disk.clone();
        let writer = NonBlockingWriter::start_with("test", move |bytes| to_disk.write(bytes)).expect("a thread");
        let line = [&[b'a'; 1023][..], b"\n"].concat();
        let count = 3 * OUTPUT_QUEUE_MAX as u64 / 1024;
        for _ in 0..count {
            writer.add(&line);
        }
        assert_eq!(writer.flush(), count, "none is written");
        disk.make_room(4 * OUTPUT_QUEUE_MAX);
        while writer.flush() > 0 {}
        let text = disk.text();
        let written = text.lines().filter(|line| line.len() == 1023).count() as u64;
        let lost = text.lines().filter_map(|line| line.split_once("lines lost: ")?.1.parse::<u64>().ok()).sum::<u64>();
        assert_eq!((written + lost, lost > 0), (count, true), "{written} written, {lost} lost");
    }
}
