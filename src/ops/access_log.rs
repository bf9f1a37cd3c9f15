//! The access log: a line of NCSA Combined format for each answer.

use std::fmt;
use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use super::non_blocking_writer::NonBlockingWriter;
use crate::http::{Request, Status, date};
use crate::limits::LOG_FIELD_MAX;

/// The log as the workers see it.
#[derive(Clone, Debug)]
pub struct AccessLog(NonBlockingWriter);

/// The address of a client, as the log shows it.
#[derive(Clone, Debug)]
pub struct Peer(Arc<str>);

impl Peer {
    /// Of an IPv4 client of an IPv6 listener the IPv4 address is shown.
    pub fn new(address: IpAddr) -> Self {
        Peer(address.to_canonical().to_string().into())
    }
}

/// The line of one answer. It is added to the log when it is dropped, that is, when the answer has
/// ended in any way.
#[derive(Debug)]
pub struct Line {
    writer: NonBlockingWriter,
    peer: Peer,
    /// What stands between the date and the bytes sent: the request line and the status.
    request: String,
    /// What stands behind the bytes sent: where the client comes from, and what it is.
    client: String,
    /// Bytes of content really sent.
    pub sent: u64,
}

impl AccessLog {
    /// A log that goes to this writer.
    pub fn new(writer: NonBlockingWriter) -> Self {
        AccessLog(writer)
    }

    /// Begins the line of an answer. Without a `request` there was none that could be read;
    /// `request_line` is what came of its first line.
    pub fn begin(&self, peer: &Peer, request_line: &[u8], request: Option<&Request>, status: Status) -> Line {
        let field = |name| request.and_then(|request| request.only(name)).unwrap_or_default();
        let (referer, user_agent) = (field("referer"), field("user-agent"));
        let length = |text: &[u8]| text.len().min(LOG_FIELD_MAX) + USUAL_ROOM;
        let mut request = String::with_capacity(length(request_line));
        quote(&mut request, request_line);
        write!(request, " {}", status.code()).expect("a String takes every character");
        let mut client = String::with_capacity(length(referer) + length(user_agent));
        quote(&mut client, referer);
        client.push(' ');
        quote(&mut client, user_agent);
        Line { writer: self.0.clone(), peer: peer.clone(), request, client, sent: 0 }
    }
}

/// Bytes of a line beside its texts, an IPv6 address among them.
const USUAL_ROOM: usize = 96;

impl Drop for Line {
    fn drop(&mut self) {
        let mut line = String::with_capacity(self.request.len() + self.client.len() + USUAL_ROOM);
        self.write(&mut line).expect("a String takes every character");
        self.writer.add(line.as_bytes());
    }
}

impl Line {
    fn write(&self, out: &mut String) -> fmt::Result {
        out.push_str(&self.peer.0);
        out.push_str(" - - [");
        date::with_text(SystemTime::now(), |date| {
            // IMF-fixdate has fixed columns: "Sun, 06 Nov 1994 08:49:37 GMT".
            for (text, end) in
                [(&date[5..7], "/"), (&date[8..11], "/"), (&date[12..16], ":"), (&date[17..25], " +0000] ")]
            {
                out.push_str(text);
                out.push_str(end);
            }
        });
        out.push_str(&self.request);
        match self.sent {
            0 => out.push_str(" - "),
            sent => write!(out, " {sent} ")?,
        }
        out.push_str(&self.client);
        out.push('\n');
        Ok(())
    }
}

/// Writes a peer's text in quotes, so that it can end neither its field nor its line nor reach a
/// terminal: quotes, backslashes and what is no visible ASCII as `\xHH`, the rest of a very long
/// one left out; a dash for an empty one.
fn quote(out: &mut String, text: &[u8]) {
    out.push('"');
    if text.is_empty() {
        out.push('-');
    }
    for &byte in &text[..text.len().min(LOG_FIELD_MAX)] {
        match byte {
            b' '..=b'~' if !b"\"\\".contains(&byte) => out.push(char::from(byte)),
            _ => write!(out, "\\x{byte:02X}").expect("a String takes every character"),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, PipeReader, pipe};

    use super::*;
    use crate::http::head::{Parsed, parse};

    const PEER: IpAddr = IpAddr::V6(std::net::Ipv4Addr::new(192, 0, 2, 7).to_ipv6_mapped());

    fn log() -> (AccessLog, BufReader<PipeReader>) {
        let (reader, out) = pipe().expect("a pipe");
        let writer = NonBlockingWriter::start("log", out).expect("a thread");
        (AccessLog::new(writer), BufReader::new(reader))
    }

    fn next_line(reader: &mut impl BufRead) -> String {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        line
    }

    #[test]
    fn an_answer_has_its_line() {
        let (log, mut reader) = log();
        let head = b"GET /a%22\" HTTP/1.1\r\nHost: h\r\nReferer: http://h/\r\nUser-Agent: a\\b\"\t\xff\r\n\r\n";
        let Ok(Parsed::Complete(request, _)) = parse(head) else { panic!("it is a whole head") };
        let mut line = log.begin(&Peer::new(PEER), b"GET /a%22\" HTTP/1.1", Some(&request), Status::PartialContent);
        line.sent = 42;
        drop(line);
        let line = next_line(&mut reader);
        let (peer, rest) = line.split_once(" - - [").expect("a peer");
        let (date, rest) = rest.split_once("] ").expect("a date");
        assert_eq!(peer, "192.0.2.7");
        assert_eq!(date.len(), "06/Nov/1994:08:49:37 +0000".len());
        assert_eq!(rest, "\"GET /a%22\\x22 HTTP/1.1\" 206 42 \"http://h/\" \"a\\x5Cb\\x22\\x09\\xFF\"\n");
    }

    #[test]
    fn an_unread_request_has_dashes() {
        let (log, mut reader) = log();
        drop(log.begin(&Peer::new(PEER), b"", None, Status::RequestTimeout));
        assert!(next_line(&mut reader).ends_with("] \"-\" 408 - \"-\" \"-\"\n"));
    }

    #[test]
    fn a_very_long_field_is_cut() {
        let (log, mut reader) = log();
        drop(log.begin(&Peer::new(PEER), &[b'a'; 3 * LOG_FIELD_MAX], None, Status::UriTooLong));
        assert_eq!(next_line(&mut reader).matches('a').count(), LOG_FIELD_MAX);
    }
}
