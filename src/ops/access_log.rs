//! The access log: a line for each exchange, in NCSA Combined format or as JSON.

use std::fmt;
use std::fmt::Write;
use std::io;
use std::time::{Duration, Instant, SystemTime};

use super::non_blocking_writer::{NonBlockingWriter, Notice, plain_notice};
use super::output::Output;
use super::record::{Observer, Record};
use crate::http::date::{self, Rfc3339};
use crate::json;

/// The form of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// NCSA Combined.
    Combined,
    /// A JSON object in each line (<https://jsonlines.org>).
    Json,
}

/// The log as the workers see it.
#[derive(Clone, Debug)]
pub struct AccessLog {
    writer: NonBlockingWriter,
    format: LogFormat,
}

impl AccessLog {
    /// Starts the thread that writes the log to this output. Fails if it cannot be started.
    pub fn start(format: LogFormat, output: impl Output + 'static) -> io::Result<Self> {
        let notice: Notice = match format {
            LogFormat::Combined => plain_notice,
            LogFormat::Json => |dropped| format!("{{\"lines_lost\":{dropped}}}\n"),
        };
        Ok(AccessLog { writer: NonBlockingWriter::start("access-log", output, notice)?, format })
    }

    /// The writer of its lines.
    pub fn writer(&self) -> &NonBlockingWriter {
        &self.writer
    }
}

/// Bytes of a line beside its texts, an IPv6 address among them.
const USUAL_ROOM: usize = 128;

impl Observer for AccessLog {
    fn observe(&self, record: &Record) {
        let texts = record.request_line.len() + record.referer.len() + record.user_agent.len();
        let mut line = String::with_capacity(texts + USUAL_ROOM);
        let written = match self.format {
            LogFormat::Combined => write_combined(&mut line, record),
            LogFormat::Json => write_json(&mut line, record, Instant::now()),
        };
        written.expect("a String takes every character");
        self.writer.add(line.as_bytes());
    }
}

fn write_combined(out: &mut String, record: &Record) -> fmt::Result {
    out.push_str(&record.client.0);
    out.push_str(" - - [");
    date::with_text(SystemTime::now(), |date| {
        // IMF-fixdate has fixed columns: "Sun, 06 Nov 1994 08:49:37 GMT".
        for (text, end) in [(&date[5..7], "/"), (&date[8..11], "/"), (&date[12..16], ":"), (&date[17..25], " +0000] ")]
        {
            out.push_str(text);
            out.push_str(end);
        }
    });
    quote(out, &record.request_line);
    write!(out, " {} ", record.status.code())?;
    match record.sent {
        0 => out.push_str("- "),
        sent => write!(out, "{sent} ")?,
    }
    quote(out, &record.referer);
    out.push(' ');
    quote(out, &record.user_agent);
    out.push('\n');
    Ok(())
}

/// Writes a JSON object. Times are in seconds: `queue_wait` in the queue for a worker, and from the
/// first byte of the request `first_byte` until that of the response, `duration` until the end.
fn write_json(out: &mut String, record: &Record, now: Instant) -> fmt::Result {
    let Record { client, status, promised, sent, .. } = record;
    write!(out, "{{\"time\":\"{}\",\"client\":\"{}\"", Rfc3339(SystemTime::now()), client.0)?;
    // What arrived of a request that could not be read may be any of these words or none.
    let mut words = record.request_line.splitn(2, |&byte| byte == b' ');
    let (method, rest) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let end = rest.iter().rposition(|&byte| byte == b' ').unwrap_or(rest.len());
    for (name, text) in [
        ("method", method),
        ("target", &rest[..end]),
        ("protocol", rest.get(end + 1..).unwrap_or_default()),
        ("referer", &record.referer),
        ("user_agent", &record.user_agent),
    ] {
        write!(out, ",\"{name}\":")?;
        if text.is_empty() {
            out.push_str("null");
        } else {
            out.push('"');
            json::escape(out, &String::from_utf8_lossy(text));
            out.push('"');
        }
    }
    write!(out, ",\"status\":{},\"promised\":{promised},\"sent\":{sent},\"range\":", status.code())?;
    match &record.range {
        Some(range) => write!(out, "\"{}-{}\"", range.start, range.end.saturating_sub(1))?,
        None => out.push_str("null"),
    }
    let seconds = |time: Duration| format!("{}.{:06}", time.as_secs(), time.subsec_micros());
    let since = |time: Instant| seconds(time.saturating_duration_since(record.arrived));
    let first_byte = record.first_byte.map_or_else(|| "null".into(), since);
    writeln!(
        out,
        ",\"queue_wait\":{},\"first_byte\":{first_byte},\"duration\":{},\"outcome\":\"{}\"}}",
        seconds(record.queue_wait),
        since(now),
        record.outcome.name(),
    )
}

/// Writes a peer's text in quotes, so that it can end neither its field nor its line nor reach a
/// terminal: quotes, backslashes and what is no visible ASCII as `\xHH`; a dash for an empty one.
fn quote(out: &mut String, text: &[u8]) {
    out.push('"');
    if text.is_empty() {
        out.push('-');
    }
    for &byte in text {
        match byte {
            b' '..=b'~' if !b"\"\\".contains(&byte) => out.push(char::from(byte)),
            _ => write!(out, "\\x{byte:02X}").expect("a String takes every character"),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, pipe};
    use std::net::IpAddr;
    use std::sync::Arc;
    use std::time::Instant;

    use super::super::output::Descriptor;
    use super::super::record::{Peer, Recording};
    use super::*;
    use crate::http::head::{Parsed, parse};
    use crate::http::{Refusal, Request, Response, Status};
    use crate::limits::LOG_FIELD_MAX;

    const PEER: IpAddr = IpAddr::V6(std::net::Ipv4Addr::new(192, 0, 2, 7).to_ipv6_mapped());

    /// The line of an answer with this status of which this was sent.
    fn line(request_line: &[u8], request: Option<&Request>, status: Status, sent: u64) -> String {
        line_of(LogFormat::Combined, request_line, request, status, sent)
    }

    fn line_of(format: LogFormat, request_line: &[u8], request: Option<&Request>, status: Status, sent: u64) -> String {
        let (reader, out) = pipe().expect("a pipe");
        let log: Arc<dyn Observer> = Arc::new(AccessLog::start(format, Descriptor(out, "a pipe")).expect("a thread"));
        let response = Response::refusal(Refusal::close(status, "Because."));
        let client = Peer::new(PEER);
        let mut recording = Recording::new(&log, &client, request_line, request, Instant::now(), &response);
        recording.sent = sent;
        drop(recording);
        let mut line = String::new();
        BufReader::new(reader).read_line(&mut line).expect("a line");
        line
    }

    #[test]
    fn an_answer_has_its_line() {
        let head = b"GET /a%22\" HTTP/1.1\r\nHost: h\r\nReferer: http://h/\r\nUser-Agent: a\\b\"\t\xff\r\n\r\n";
        let Ok(Parsed::Complete(request, _)) = parse(head) else { panic!("it is a whole head") };
        let line = line(b"GET /a%22\" HTTP/1.1", Some(&request), Status::PartialContent, 42);
        let (peer, rest) = line.split_once(" - - [").expect("a peer");
        let (date, rest) = rest.split_once("] ").expect("a date");
        assert_eq!(peer, "192.0.2.7");
        assert_eq!(date.len(), "06/Nov/1994:08:49:37 +0000".len());
        assert_eq!(rest, "\"GET /a%22\\x22 HTTP/1.1\" 206 42 \"http://h/\" \"a\\x5Cb\\x22\\x09\\xFF\"\n");
    }

    #[test]
    fn an_unread_request_has_dashes() {
        assert!(line(b"", None, Status::RequestTimeout, 0).ends_with("] \"-\" 408 - \"-\" \"-\"\n"));
    }

    #[test]
    fn a_line_of_json_has_every_field() {
        let head = b"GET /a%22 HTTP/1.1\r\nHost: h\r\nUser-Agent: a\\b\"\t\xff\r\n\r\n";
        let Ok(Parsed::Complete(request, _)) = parse(head) else { panic!("it is a whole head") };
        for (request_line, request, fields) in [
            (
                &b"GET /a%22 HTTP/1.1"[..],
                Some(&request),
                ["\"GET\"", "\"/a%22\"", "\"HTTP/1.1\"", "\"a\\\\b\\\"\\t\u{fffd}\""],
            ),
            (b"", None, ["null", "null", "null", "null"]),
            (b"GET", None, ["\"GET\"", "null", "null", "null"]),
            (b"a b\"c", None, ["\"a\"", "\"b\\\"c\"", "null", "null"]),
            (b"GET /a b HTTP/1.1", None, ["\"GET\"", "\"/a b\"", "\"HTTP/1.1\"", "null"]),
        ] {
            let line = line_of(LogFormat::Json, request_line, request, Status::NotFound, 42);
            let value: serde_json::Value = serde_json::from_str(&line).expect("it is JSON");
            for (name, text) in ["method", "target", "protocol", "user_agent"].into_iter().zip(fields) {
                let expected: serde_json::Value = serde_json::from_str(text).expect("it is JSON");
                assert_eq!(value[name], expected, "{name} of {line}");
            }
            assert_eq!(
                (&value["client"], &value["status"], &value["sent"]),
                (&"192.0.2.7".into(), &404.into(), &42.into())
            );
            assert_eq!((&value["range"], &value["outcome"]), (&serde_json::Value::Null, &"aborted".into()));
            assert!(value["queue_wait"].is_f64() && value["duration"].is_f64() && value["first_byte"].is_null());
        }
    }

    #[test]
    fn a_very_long_field_is_cut() {
        let line = line(&[b'a'; 3 * LOG_FIELD_MAX], None, Status::UriTooLong, 0);
        assert_eq!(line.matches('a').count(), LOG_FIELD_MAX);
    }
}
