//! The access log: a line of NCSA Combined format for each answer, on standard output.
//!
//! Workers never wait for it: they add lines to a buffer, and one thread writes whatever the buffer holds. Where standard
//! output is too slow for too long, lines are dropped and counted, and the count is told.

use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::http::date::ImfDate;
use crate::http::{Request, Status};
use crate::limits::{LOG_BACKLOG_MAX, LOG_FIELD_MAX};

/// The log as the workers see it.
#[derive(Debug, Default)]
pub struct AccessLog {
    waiting: Mutex<Waiting>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    dropped: u64,
    /// No line will come any more.
    ended: bool,
    /// The last line has been written.
    finished: bool,
}

/// The thread that writes, as seen by whoever started it.
#[derive(Debug)]
pub struct Writer(Arc<AccessLog>);

/// How long the last lines may take; a standard output that is stuck must not keep the server from ending.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The line of one answer. It is added to the log when it is dropped, that is, when the answer has ended in any way.
#[derive(Debug)]
pub struct Line {
    log: Arc<AccessLog>,
    peer: IpAddr,
    request: String,
    status: Status,
    referer: String,
    user_agent: String,
    /// Bytes of content really sent.
    pub sent: u64,
}

impl AccessLog {
    /// Starts the log; it writes to `out`.
    pub fn start(out: impl Write + Send + 'static) -> io::Result<(Arc<Self>, Writer)> {
        let log = Arc::new(AccessLog::default());
        let for_thread = Arc::clone(&log);
        thread::Builder::new().name("access-log".into()).spawn(move || for_thread.write_to(out))?;
        Ok((Arc::clone(&log), Writer(log)))
    }

    /// Begins the line of an answer. Without a `request` there was none that could be read; `line` is its first line as far
    /// as it came.
    pub fn begin(self: &Arc<Self>, peer: IpAddr, line: &[u8], request: Option<&Request>, status: Status) -> Line {
        let field = |name| escaped(request.and_then(|request| request.only(name)).unwrap_or_default());
        Line {
            log: Arc::clone(self),
            peer: peer.to_canonical(),
            request: escaped(line),
            status,
            referer: field("referer"),
            user_agent: field("user-agent"),
            sent: 0,
        }
    }

    fn add(&self, line: &Line) {
        let mut waiting = self.lock();
        if waiting.lines.len() > LOG_BACKLOG_MAX {
            waiting.dropped += 1;
            return;
        }
        let was_empty = waiting.lines.is_empty();
        writeln!(waiting.lines, "{line}").expect("a Vec takes every byte");
        drop(waiting);
        if was_empty {
            self.news.notify_one();
        }
    }

    /// Writes what comes until the log has ended and nothing is left.
    fn write_to(&self, mut out: impl Write) {
        let mut broken = false;
        let mut lines = Vec::new();
        loop {
            let mut waiting = self.lock();
            while waiting.lines.is_empty() && !waiting.ended {
                waiting = self.news.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
            if waiting.lines.is_empty() {
                waiting.finished = true;
                self.news.notify_all();
                return;
            }
            std::mem::swap(&mut lines, &mut waiting.lines);
            let dropped = std::mem::take(&mut waiting.dropped);
            drop(waiting);
            if dropped > 0 {
                log::warn!("standard output is too slow: {dropped} lines of the access log were dropped");
            }
            if !broken && let Err(error) = out.write_all(&lines).and_then(|()| out.flush()) {
                log::error!("the access log ends, because standard output fails: {error}");
                broken = true;
            }
            lines.clear();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    /// Waits until every line is written, or standard output has been stuck for too long.
    pub fn finish(self) {
        let mut waiting = self.0.lock();
        waiting.ended = true;
        self.0.news.notify_all();
        let until = Instant::now() + LAST_LINES;
        while !waiting.finished && Instant::now() < until {
            let time = until.saturating_duration_since(Instant::now());
            waiting = self.0.news.wait_timeout(waiting, time).unwrap_or_else(PoisonError::into_inner).0;
        }
        if !waiting.finished {
            log::warn!("standard output is stuck: the last lines of the access log are lost");
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.log.add(self);
    }
}

impl fmt::Display for Line {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // IMF-fixdate has fixed columns: "Sun, 06 Nov 1994 08:49:37 GMT".
        let date = ImfDate(SystemTime::now()).to_string();
        let (day, month, year, time) = (&date[5..7], &date[8..11], &date[12..16], &date[17..25]);
        write!(out, "{} - - [{day}/{month}/{year}:{time} +0000] ", self.peer)?;
        write!(out, "\"{}\" {} ", or_dash(&self.request), self.status.code())?;
        match self.sent {
            0 => out.write_str("-")?,
            sent => write!(out, "{sent}")?,
        }
        write!(out, " \"{}\" \"{}\"", or_dash(&self.referer), or_dash(&self.user_agent))
    }
}

fn or_dash(field: &str) -> &str {
    if field.is_empty() { "-" } else { field }
}

/// A peer's text, so that it can end neither its field nor its line nor reach a terminal: quotes, backslashes and what is
/// no visible ASCII as `\xHH`, the rest of a very long one left out.
fn escaped(text: &[u8]) -> String {
    let mut safe = String::with_capacity(text.len().min(LOG_FIELD_MAX));
    for &byte in &text[..text.len().min(LOG_FIELD_MAX)] {
        match byte {
            b'"' | b'\\' => write!(safe, "\\x{byte:02X}").expect("a String takes every character"),
            b' '..=b'~' => safe.push(char::from(byte)),
            _ => write!(safe, "\\x{byte:02X}").expect("a String takes every character"),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::http::head::{NO_FIELDS, Reading, read};

    const PEER: IpAddr = IpAddr::V6(std::net::Ipv4Addr::new(192, 0, 2, 7).to_ipv6_mapped());

    /// A place to write to that tells what was written, one message a write.
    struct Told(mpsc::SyncSender<String>);

    impl Write for Told {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(String::from_utf8_lossy(bytes).into_owned()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_answer_has_its_line() {
        let (tell, told) = mpsc::sync_channel(8);
        let (log, writer) = AccessLog::start(Told(tell)).expect("a thread");
        let head = b"GET /a%22\" HTTP/1.1\r\nHost: h\r\nReferer: http://h/\r\nUser-Agent: a\\b\"\t\xff\r\n\r\n";
        let mut fields = NO_FIELDS;
        let Ok(Reading::Whole(request, _)) = read(head, &mut fields) else { panic!("it is a whole head") };
        let mut line = log.begin(PEER, b"GET /a%22\" HTTP/1.1", Some(&request), Status::PartialContent);
        line.sent = 42;
        drop(line);
        let line = told.recv().expect("a line");
        let (peer, rest) = line.split_once(" - - [").expect("a peer");
        let (date, rest) = rest.split_once("] ").expect("a date");
        assert_eq!(peer, "192.0.2.7");
        assert_eq!(date.len(), "06/Nov/1994:08:49:37 +0000".len());
        assert_eq!(rest, "\"GET /a%22\\x22 HTTP/1.1\" 206 42 \"http://h/\" \"a\\x5Cb\\x22\\x09\\xFF\"\n");
        writer.finish();
    }

    #[test]
    fn an_unread_request_has_dashes() {
        let (tell, told) = mpsc::sync_channel(8);
        let (log, writer) = AccessLog::start(Told(tell)).expect("a thread");
        drop(log.begin(PEER, b"", None, Status::RequestTimeout));
        writer.finish();
        assert!(told.recv().expect("a line").ends_with("] \"-\" 408 - \"-\" \"-\"\n"));
        assert!(told.recv().is_err(), "one answer, one line");
    }

    #[test]
    fn nobody_waits_for_a_slow_output() {
        // A channel without room: the writer waits inside its first write until the test takes it.
        let (tell, told) = mpsc::sync_channel(0);
        let (log, writer) = AccessLog::start(Told(tell)).expect("a thread");
        let long = vec![b'a'; LOG_FIELD_MAX];
        let count = 3 * LOG_BACKLOG_MAX / LOG_FIELD_MAX;
        for _ in 0..count {
            drop(log.begin(PEER, &long, None, Status::Ok));
        }
        assert!(log.lock().dropped > 0, "more than the backlog was dropped rather than waited for");
        assert!(log.lock().lines.len() < LOG_BACKLOG_MAX + 2 * LOG_FIELD_MAX);
        let reader = thread::spawn(move || told.iter().map(|text| text.lines().count()).sum::<usize>());
        writer.finish();
        let written = reader.join().expect("it only counts");
        assert!((1..count).contains(&written));
    }
}
