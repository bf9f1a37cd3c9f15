//! The access log: a line of NCSA Combined format for each exchange.

use std::fmt;
use std::fmt::Write;
use std::time::SystemTime;

use super::non_blocking_writer::NonBlockingWriter;
use super::record::{Observer, Record};
use crate::http::date;

/// The log as the workers see it.
#[derive(Clone, Debug)]
pub struct AccessLog(NonBlockingWriter);

impl AccessLog {
    /// A log that goes to this writer.
    pub fn new(writer: NonBlockingWriter) -> Self {
        AccessLog(writer)
    }
}

/// Bytes of a line beside its texts, an IPv6 address among them.
const USUAL_ROOM: usize = 128;

impl Observer for AccessLog {
    fn observe(&self, record: &Record) {
        let texts = record.request_line.len() + record.referer.len() + record.user_agent.len();
        let mut line = String::with_capacity(texts + USUAL_ROOM);
        write_line(&mut line, record).expect("a String takes every character");
        self.0.add(line.as_bytes());
    }
}

fn write_line(out: &mut String, record: &Record) -> fmt::Result {
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

    use super::super::record::{Peer, Recording};
    use super::*;
    use crate::http::head::{Parsed, parse};
    use crate::http::{Refusal, Request, Response, Status};
    use crate::limits::LOG_FIELD_MAX;

    const PEER: IpAddr = IpAddr::V6(std::net::Ipv4Addr::new(192, 0, 2, 7).to_ipv6_mapped());

    /// The line of an answer with this status of which this was sent.
    fn line(request_line: &[u8], request: Option<&Request>, status: Status, sent: u64) -> String {
        let (reader, out) = pipe().expect("a pipe");
        let log: Arc<dyn Observer> = Arc::new(AccessLog::new(NonBlockingWriter::start("log", out).expect("a thread")));
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
    fn a_very_long_field_is_cut() {
        let line = line(&[b'a'; 3 * LOG_FIELD_MAX], None, Status::UriTooLong, 0);
        assert_eq!(line.matches('a').count(), LOG_FIELD_MAX);
    }
}
