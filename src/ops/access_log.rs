//! The access log: a line of NCSA Combined format for each answer.

use std::fmt;
use std::fmt::Write;
use std::net::IpAddr;
use std::time::SystemTime;

use super::outlet::Outlet;
use crate::http::date::ImfDate;
use crate::http::{Request, Status};
use crate::limits::LOG_FIELD_MAX;

/// The log as the workers see it.
#[derive(Clone, Debug)]
pub struct AccessLog(Outlet);

/// The line of one answer. It is added to the log when it is dropped, that is, when the answer has ended in any way.
#[derive(Debug)]
pub struct Line {
    outlet: Outlet,
    peer: IpAddr,
    request: String,
    status: Status,
    referer: String,
    user_agent: String,
    /// Bytes of content really sent.
    pub sent: u64,
}

impl AccessLog {
    /// A log that is written to this outlet.
    pub fn new(outlet: Outlet) -> Self {
        AccessLog(outlet)
    }

    /// Begins the line of an answer. Without a `request` there was none that could be read; `request_line` is what came of its
    /// first line.
    pub fn begin(&self, peer: IpAddr, request_line: &[u8], request: Option<&Request>, status: Status) -> Line {
        let field = |name| escaped(request.and_then(|request| request.only(name)).unwrap_or_default());
        Line {
            outlet: self.0.clone(),
            peer: peer.to_canonical(),
            request: escaped(request_line),
            status,
            referer: field("referer"),
            user_agent: field("user-agent"),
            sent: 0,
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.outlet.add(format!("{self}\n").as_bytes());
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
    use std::io::{BufRead, BufReader, PipeReader, pipe};

    use super::*;
    use crate::http::head::{NO_FIELDS, Reading, read};

    const PEER: IpAddr = IpAddr::V6(std::net::Ipv4Addr::new(192, 0, 2, 7).to_ipv6_mapped());

    fn log() -> (AccessLog, BufReader<PipeReader>) {
        let (reader, writer) = pipe().expect("a pipe");
        let outlet = Outlet::start("log", writer.into()).expect("a thread");
        (AccessLog::new(outlet), BufReader::new(reader))
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
        let mut fields = NO_FIELDS;
        let Ok(Reading::Whole(request, _)) = read(head, &mut fields) else { panic!("it is a whole head") };
        let mut line = log.begin(PEER, b"GET /a%22\" HTTP/1.1", Some(&request), Status::PartialContent);
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
        drop(log.begin(PEER, b"", None, Status::RequestTimeout));
        assert!(next_line(&mut reader).ends_with("] \"-\" 408 - \"-\" \"-\"\n"));
    }

    #[test]
    fn a_very_long_field_is_cut() {
        let (log, mut reader) = log();
        drop(log.begin(PEER, &[b'a'; 3 * LOG_FIELD_MAX], None, Status::UriTooLong));
        assert_eq!(next_line(&mut reader).matches('a').count(), LOG_FIELD_MAX);
    }
}
