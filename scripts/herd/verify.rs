//! A million requests, each verified: all kinds of ranges of files with sizes around the edges of a
//! part, over kept connections that are sometimes broken off.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;
use std::thread;

use crate::client::Client;
use crate::report::Report;
use crate::server::Server;

/// The part size: small, so that many requests fit into a minute.
const PART: usize = 16 * 1024;

/// Concurrent clients.
const CLIENTS: usize = 8;

pub fn verify(program: &Path, report: &mut Report) -> io::Result<()> {
    let server = Server::start(program, &["--workers", "8", "--part-size", &PART.to_string()], None)?;
    let files = files(&mut Random(1));
    for (place, file) in files.iter().enumerate() {
        fs::write(server.folder.path().join(format!("{place}.bin")), file)?;
    }
    let each = report.clients(1_000_000) / CLIENTS;
    let ask = |seed| ask(server.address, &files, each, Random(seed));
    let wrong: Vec<String> = thread::scope(|scope| {
        let askers: Vec<_> = (0..CLIENTS as u64).map(|number| scope.spawn(move || ask(number + 2))).collect();
        let results = askers.into_iter().map(|asker| asker.join().expect("a client does not panic"));
        results.filter_map(|result| result.err().map(|error| error.to_string())).collect()
    });
    let count = each * CLIENTS;
    let measured = wrong.first().map_or("none", |first| first);
    report.must(&format!("wrong answers of {count} verified"), measured, "none", wrong.is_empty());
    Ok(())
}

/// Files around the edges of one, two and three parts, and of any size between.
fn files(random: &mut Random) -> Vec<Vec<u8>> {
    let edges = (0..=3).flat_map(|parts| [-2, -1, 0, 1, 2].map(|beside| parts * PART as isize + beside));
    let sizes: Vec<usize> = edges.filter_map(|size| usize::try_from(size).ok()).collect();
    let any: Vec<usize> = (0..20).map(|_| random.below(4 * PART)).collect();
    sizes.into_iter().chain(any).map(|size| (0..size).map(|_| random.next() as u8).collect()).collect()
}

/// Requests until this many responses have been verified. Fails at the first wrong one.
fn ask(address: SocketAddr, files: &[Vec<u8>], count: usize, mut random: Random) -> io::Result<()> {
    let mut client = Client::connect(address)?;
    let mut body = Vec::new();
    let mut verified = 0;
    while verified < count {
        let place = random.below(files.len());
        let file = &files[place];
        let wanted: Vec<Wanted> = (0..random.below(3)).map(|_| Wanted::any(&mut random, file.len())).collect();
        let fields: Vec<String> = wanted.iter().map(Wanted::to_string).collect();
        let range = if fields.is_empty() { String::new() } else { format!("Range: bytes={}\r\n", fields.join(",")) };
        let request = format!("GET /{place}.bin HTTP/1.1\r\nHost: herd\r\n{range}\r\n");
        client.say(request.as_bytes())?;
        if random.below(200) == 0 {
            // Disconnects with the response unread.
            client = Client::connect(address)?;
            continue;
        }
        let head = client.head()?;
        body.clear();
        client.body(head.length, &mut body)?;
        let expected = expected(file, &wanted, head.boundary.as_deref());
        if (head.status, &head.content_range, &body) != (expected.0, &expected.1, &expected.2) {
            let found = format!("{request:?} of {} bytes: {} {:?}", file.len(), head.status, head.content_range);
            return Err(io::Error::other(found));
        }
        verified += 1;
    }
    Ok(())
}

enum Wanted {
    Between(usize, usize),
    From(usize),
    Last(usize),
}

impl Wanted {
    fn any(random: &mut Random, size: usize) -> Self {
        let mut position = || random.below(size + size / 8 + 3);
        let (one, other) = (position(), position());
        match random.below(4) {
            0 => Wanted::From(one),
            1 => Wanted::Last(one),
            2 => Wanted::Between(one, one + random.below(40)),
            _ => Wanted::Between(one.min(other), one.max(other)),
        }
    }

    /// The bytes that it selects.
    fn of(&self, size: usize) -> Range<usize> {
        match *self {
            Wanted::Between(first, last) => first..(last + 1).min(size),
            Wanted::From(first) => first..size,
            Wanted::Last(length) => size.saturating_sub(length)..size,
        }
    }
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Wanted::Between(first, last) => write!(out, "{first}-{last}"),
            Wanted::From(first) => write!(out, "{first}-"),
            Wanted::Last(length) => write!(out, "-{length}"),
        }
    }
}

/// The expected status, Content-Range and content; at most two ranges are requested.
fn expected(file: &[u8], wanted: &[Wanted], boundary: Option<&str>) -> (u16, Option<String>, Vec<u8>) {
    let size = file.len();
    let content_range = |bytes: &Range<usize>| format!("bytes {}-{}/{size}", bytes.start, bytes.end - 1);
    let part = |bytes: Range<usize>| (206, Some(content_range(&bytes)), file[bytes].to_vec());
    if wanted.is_empty() {
        return if size > PART { part(0..PART) } else { (200, None, file.to_vec()) };
    }
    if size == 0 && wanted.iter().any(|wanted| matches!(wanted, Wanted::Last(1..))) {
        return (200, None, Vec::new());
    }
    let mut ranges: Vec<Range<usize>> = wanted.iter().map(|wanted| wanted.of(size)).collect();
    ranges.retain(|range| !range.is_empty());
    if let [one, other] = &mut ranges[..]
        && one.start <= other.end
        && other.start <= one.end
    {
        *one = one.start.min(other.start)..one.end.max(other.end);
        ranges.truncate(1);
    }
    let mut left = PART;
    for range in &mut ranges {
        range.end = range.end.min(range.start + left);
        left -= range.len();
    }
    ranges.retain(|range| !range.is_empty());
    match &ranges[..] {
        [] => (416, Some(format!("bytes */{size}")), b"The file has none of the bytes asked for.\n".to_vec()),
        [one] => part(one.clone()),
        several => {
            let boundary = boundary.unwrap_or("none, though there are several parts");
            let mut body = Vec::new();
            for bytes in several {
                let kind = "Content-Type: application/octet-stream";
                let head = format!("\r\n--{boundary}\r\n{kind}\r\nContent-Range: {}\r\n\r\n", content_range(bytes));
                body.extend_from_slice(head.as_bytes());
                body.extend_from_slice(&file[bytes.clone()]);
            }
            body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
            (206, None, body)
        }
    }
}

/// Numbers that look random and are the same in every run (Marsaglia's xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        ((self.next() >> 16) % end as u64) as usize
    }
}
