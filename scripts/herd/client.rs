//! A client: a blocking connection that checks responses to the byte.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long a client waits for a byte before it fails.
const PATIENCE: Duration = Duration::from_secs(20);

pub const SMALL: &str = "/small.txt";
pub const FILM: &str = "/film.mp4";

pub struct Client {
    pub stream: TcpStream,
    /// Bytes received after the head of the last response.
    rest: Vec<u8>,
}

pub struct Head {
    pub status: u16,
    pub length: usize,
    pub content_range: Option<String>,
    /// The boundary of a multipart response.
    pub boundary: Option<String>,
}

impl Client {
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Client { stream, rest: Vec::new() })
    }

    pub fn ask(&mut self, target: &str) -> io::Result<()> {
        self.say(request(target).as_bytes())
    }

    pub fn say(&mut self, request: &[u8]) -> io::Result<()> {
        self.stream.write_all(request)
    }

    /// Receives the head of an answer.
    pub fn head(&mut self) -> io::Result<Head> {
        let mut bytes = std::mem::take(&mut self.rest);
        loop {
            if let Some((head, length)) = read_head(&bytes)? {
                self.rest = bytes.split_off(length);
                return Ok(head);
            }
            let mut more = [0; 4096];
            let count = self.stream.read(&mut more)?;
            if count == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            bytes.extend_from_slice(&more[..count]);
        }
    }

    /// Receives this many bytes of a body and appends them to `known`.
    pub fn body(&mut self, length: usize, known: &mut Vec<u8>) -> io::Result<()> {
        let there = length.min(self.rest.len());
        known.extend(self.rest.drain(..there));
        let start = known.len();
        known.resize(start + length - there, 0);
        self.stream.read_exact(&mut known[start..])
    }

    /// Receives an answer whole, and returns its status.
    pub fn answer(&mut self, body: &mut Vec<u8>) -> io::Result<u16> {
        let head = self.head()?;
        body.clear();
        self.body(head.length, body)?;
        Ok(head.status)
    }

    /// Asks for a file and receives it whole.
    pub fn fetch(&mut self, target: &str, body: &mut Vec<u8>) -> io::Result<u16> {
        self.ask(target)?;
        self.answer(body)
    }

    /// Whether the server has closed its side without a reset.
    pub fn has_ended(&mut self) -> bool {
        self.rest.is_empty() && matches!(self.stream.read(&mut [0]), Ok(0))
    }
}

pub fn request(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: herd\r\n\r\n")
}

/// Parses the response head at the start of these bytes, and returns its length; None if it is
/// incomplete.
pub fn read_head(bytes: &[u8]) -> io::Result<Option<(Head, usize)>> {
    let Some(length) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let bad = || io::Error::new(ErrorKind::InvalidData, "the answer is no HTTP");
    let head = std::str::from_utf8(&bytes[..length]).map_err(|_| bad())?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(bad)?;
    let field = |start| head.lines().find_map(|line| line.strip_prefix(start)).map(String::from);
    let content = field("Content-Length: ").map_or(Ok(0), |text| text.parse()).map_err(|_| bad())?;
    let boundary = field("Content-Type: multipart/byteranges; boundary=");
    Ok(Some((Head { status, length: content, content_range: field("Content-Range: "), boundary }, length + 4)))
}
