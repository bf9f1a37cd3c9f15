//! A line writer for standard output, standard error or a file that never blocks its callers.
//!
//! Lines go into a queue, and one thread writes them to an [`Output`]. A failed write, as on a full
//! disk, is retried. When the queue is full, lines are dropped, and their number is written in
//! their place.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use memchr::{memchr_iter, memrchr};

use super::output::Output;
use crate::limits::OUTPUT_QUEUE_MAX;

/// The writing end of the queue. Clones share one queue.
#[derive(Clone, Debug, Default)]
pub struct NonBlockingWriter(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    /// Lines dropped since the start.
    dropped: AtomicU64,
}

/// The line that stands for this number of lost ones, with its line feed.
pub type Notice = fn(u64) -> String;

#[derive(Debug, Default)]
struct Queue {
    lines: Vec<u8>,
    /// Lines dropped after those in `lines`.
    dropped: u64,
    /// Lines that the thread has taken from the queue but not written.
    unwritten: u64,
    /// Whether the output is to be opened again before the next write.
    reopen: bool,
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
    /// Starts a thread with this name that writes to the output; `notice` makes the line that
    /// stands for lost ones. Fails if it cannot be started.
    pub fn start(name: &'static str, output: impl Output + 'static, notice: Notice) -> io::Result<Self> {
        let writer = NonBlockingWriter::default();
        let shared = Arc::clone(&writer.0);
        thread::Builder::new().name(name.into()).spawn(move || shared.run(name, output, notice))?;
        Ok(writer)
    }

    /// Adds a line, including its line feed.
    pub fn add(&self, line: &[u8]) {
        let mut queue = self.0.lock();
        if queue.lines.len() + line.len() > OUTPUT_QUEUE_MAX {
            queue.dropped += 1;
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let was_empty = queue.lines.is_empty();
        queue.lines.extend_from_slice(line);
        drop(queue);
        if was_empty {
            self.0.changed.notify_all();
        }
    }

    /// Has the output opened again, as log rotation wants it. No line is lost: a line that is being
    /// written then is still written as a whole.
    pub fn reopen(&self) {
        self.0.lock().reopen = true;
        self.0.changed.notify_all();
    }

    /// Lines dropped since the start because the output was too slow or full.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
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
    fn run(&self, name: &str, mut output: impl Output, notice: Notice) {
        let mut batch = Batch::default();
        loop {
            self.take(&mut batch, notice);
            let mut is_logged = false;
            loop {
                self.reopen_if_asked(name, &mut batch, &mut output);
                let Err(error) = batch.write(&mut output) else { break };
                self.lock().unwritten = batch.unwritten();
                if !std::mem::replace(&mut is_logged, true) {
                    log::error!("{name}: cannot write to {}, will try again: {error}", output.name());
                }
                let wait = self.changed.wait_timeout_while(self.lock(), RETRY_DELAY, |queue| !queue.reopen);
                drop(wait.unwrap_or_else(PoisonError::into_inner));
            }
            self.lock().unwritten = 0;
            self.changed.notify_all();
            thread::sleep(BATCH_DELAY);
        }
    }

    /// Waits for lines, or for the output to be opened again, and moves the lines into the empty
    /// batch.
    fn take(&self, batch: &mut Batch, notice: Notice) {
        let queue = self.changed.wait_while(self.lock(), |queue| queue.lines.is_empty() && !queue.reopen);
        let mut queue = queue.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut batch.lines, &mut queue.lines);
        batch.dropped = std::mem::take(&mut queue.dropped);
        if batch.dropped > 0 {
            batch.lines.extend_from_slice(notice(batch.dropped).as_bytes());
        }
        queue.unwritten = batch.unwritten();
    }

    fn reopen_if_asked(&self, name: &str, batch: &mut Batch, output: &mut impl Output) {
        if !std::mem::take(&mut self.lock().reopen) {
            return;
        }
        if batch.cut {
            // The old file keeps the cut line if it is full; the new one has all of it.
            let _ = output.write(b"\n");
        }
        match output.reopen() {
            Ok(()) => batch.cut = false,
            Err(error) => log::error!("{name}: cannot open {} again, so the old file stays: {error}", output.name()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Batch {
    /// Writes as many lines as possible. A partly written line is terminated and written again in
    /// full.
    fn write(&mut self, output: &mut impl Output) -> io::Result<()> {
        if self.cut {
            output.write(b"\n")?;
            self.cut = false;
        }
        let mut written = 0;
        let result = loop {
            if written == self.lines.len() {
                break Ok(());
            }
            match output.write(&self.lines[written..]) {
                Ok(count) => written += count,
                Err(error) => break Err(error),
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

/// Says in words how many lines were lost.
pub fn plain_notice(dropped: u64) -> String {
    format!("reeld: warn: this output was too slow or full, lines lost: {dropped}\n")
}

#[cfg(test)]
mod tests {
    use std::io::{Read, pipe};

    use rustix::io::Errno;

    use super::super::output::Descriptor;
    use super::*;

    #[test]
    fn lines_are_written_in_order() {
        let (mut reader, out) = pipe().expect("a pipe");
        let writer = NonBlockingWriter::start("test", Descriptor(out, "a pipe"), plain_notice).expect("a thread");
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
        let writer = NonBlockingWriter::start("test", Descriptor(out, "a pipe"), plain_notice).expect("a thread");
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

    impl Output for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let (room, written) = &mut *self.0.lock().expect("no test panics here");
            let count = bytes.len().min(*room);
            if count == 0 {
                return Err(Errno::NOSPC.into());
            }
            *room -= count;
            written.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn name(&self) -> String {
            "a disk".into()
        }
    }

    impl Disk {
        fn make_room(&self, bytes: usize) {
            self.0.lock().expect("no test panics here").0 += bytes;
        }

        fn fill(&self) {
            self.0.lock().expect("no test panics here").0 = 0;
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
            assert!(batch.write(&mut disk.clone()).is_err(), "after {written:?}");
            assert_eq!(disk.text(), written);
        }
        assert_eq!(batch.unwritten(), 1);
        disk.make_room(100);
        assert!(batch.write(&mut disk.clone()).is_ok());
        assert_eq!(disk.text(), "one\ntw\ntwo\nth\nth\nthree\n");
        assert_eq!(batch.unwritten(), 0);
    }

    #[test]
    fn every_line_that_a_full_disk_lost_is_counted() {
        let disk = Disk::default();
        let writer = NonBlockingWriter::start("test", disk.clone(), plain_notice).expect("a thread");
        let line = [&[b'a'; 1023][..], b"\n"].concat();
        let count = 3 * OUTPUT_QUEUE_MAX as u64 / 1024;
        let mut lost_before = 0;
        for outage in 1..=2 {
            for _ in 0..count {
                writer.add(&line);
            }
            assert_eq!(writer.flush(), count, "none is written");
            // Into the middle of a line, which is ended before the next.
            disk.make_room(1500);
            while !disk.text().ends_with(&"a".repeat(476)) {
                thread::yield_now();
            }
            disk.make_room(4 * OUTPUT_QUEUE_MAX);
            assert!((0..30).any(|_| writer.flush() == 0), "the disk has room");
            let text = disk.text();
            let written = text.lines().filter(|line| line.len() == 1023).count() as u64;
            let notices = text.lines().filter_map(|line| line.split_once("lines lost: ")?.1.parse::<u64>().ok());
            let lost = notices.sum::<u64>();
            assert_eq!(written + lost, outage * count, "{written} written, {lost} lost");
            assert!(lost > lost_before && writer.dropped() == lost);
            lost_before = lost;
            disk.fill();
        }
    }
}
