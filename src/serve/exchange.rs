//! An exchange: one request and its answer, from the moment it is decided until the last byte is sent.

use std::time::{Duration, Instant, SystemTime};

use socket2::Socket;

use super::disk::DiskRight;
use super::pool::Pool;
use super::transfer::{Progress, Transfer};
use crate::http::framing::Content;
use crate::http::multipart::Section;
use crate::http::response::Body;
use crate::http::target::{self, Path};
use crate::http::{Method, Refusal, Request, Response, head};
use crate::limits::{LINGER_TIME, STALL_PROGRESS};
use crate::ops::access_log::{Line, Peer};
use crate::site::{self, Found, Reach};

/// An answer under way.
#[derive(Debug)]
pub(super) struct Exchange {
    transfer: Transfer,
    /// What was sent when the client last showed that it is alive.
    sent_before: u64,
    after: After,
    /// Ends in the access log with the exchange, however that ends.
    log_line: Option<Box<Line>>,
}

/// What comes after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// The next request, behind so many bytes of this one's content.
    NextRequest { to_drop: u64 },
    /// The end, when the client has taken the answer and closed its side too, or so much time has passed. Closing at once
    /// could destroy the answer: whatever arrives at a closed socket is answered with a reset (RFC 9112 section 9.6).
    Linger(Duration),
}

/// Bytes of a usual response head, so that it is written without growing.
const LEAD_CAPACITY: usize = 512;

impl Exchange {
    /// The answer to a request that had begun by then. `said` is what it was read from. None if the disk has to be waited for
    /// and nobody may: there is no `right` to do so, and none to be had.
    pub fn answer(
        request: &Request,
        begun: Instant,
        said: &[u8],
        mut right: Option<DiskRight>,
        peer: &Peer,
        pool: &Pool,
    ) -> Option<Self> {
        let now = SystemTime::now();
        let (response, content) = response(request, begun, &mut right, pool, now)?;
        let persistent = request.persistent && !response.close && !pool.stop.is_finishing();
        let after = match (persistent, request.content) {
            (true, Content::Dropped(to_drop)) => After::NextRequest { to_drop },
            (true, _) => After::NextRequest { to_drop: 0 },
            (false, _) => After::Linger(pool.settings.stall_timeout),
        };
        let log = pool.log.as_ref();
        let log_line = log.map(|log| log.begin(peer, head::first_line(said), Some(request), response.status));
        let mut exchange = Exchange::new(response, content, after, log_line, pool, now);
        if let Some(right) = right {
            exchange.allow_disk(right);
        }
        Some(exchange)
    }

    /// The answer to a request that was not read, after which none is read. `said` is what came of it.
    pub fn last_words(refusal: Refusal, said: &[u8], peer: &Peer, pool: &Pool) -> Self {
        let mut response = Response::refusal(refusal);
        let request_line = head::first_line(said);
        if request_line.starts_with(b"HEAD ") {
            response = response.without_body();
        }
        let log_line = pool.log.as_ref().map(|log| log.begin(peer, request_line, None, response.status));
        Exchange::new(response, None, After::Linger(LINGER_TIME), log_line, pool, SystemTime::now())
    }

    fn new(
        response: Response,
        content: Option<site::Content>,
        after: After,
        log_line: Option<Line>,
        pool: &Pool,
        now: SystemTime,
    ) -> Self {
        let kept = if let Some(site::Content::Kept(kept)) = &content { kept.content.len() } else { 0 };
        let mut lead = String::with_capacity(LEAD_CAPACITY + kept);
        let persistent = matches!(after, After::NextRequest { .. });
        let head_length = response.write(&mut lead, persistent, pool.settings.cors.as_ref(), now);
        let (bytes, mut further) = match response.body {
            Body::Empty | Body::Text(_) => (0..0, Vec::new()),
            Body::File(bytes) => (bytes, Vec::new()),
            Body::Sections(sections) => (0..0, sections),
        };
        let mut section = Section { text: lead.into_bytes(), bytes };
        let file = match content {
            None => None,
            Some(site::Content::Opened(file)) => Some(file),
            Some(site::Content::Kept(kept)) => {
                [&mut section].into_iter().chain(&mut further).for_each(|section| section.take_from(&kept.content));
                None
            }
        };
        let transfer = Transfer::new(pool.settings.transfer, head_length, file, section, further);
        Exchange { transfer, sent_before: 0, after, log_line: log_line.map(Box::new) }
    }

    /// Sends as far as the turn goes.
    pub fn send(&mut self, socket: &Socket, pool: &Pool) -> Progress {
        let progress = self.transfer.advance(socket, pool);
        if let Some(line) = &mut self.log_line {
            line.sent = self.transfer.content_sent();
        }
        progress
    }

    /// Allows the next read of the file to wait for the disk.
    pub fn allow_disk(&mut self, right: DiskRight) {
        self.transfer.allow_disk(right);
    }

    /// What comes when all is sent.
    pub fn after(&self) -> After {
        self.after
    }

    /// Whether the client took enough since this last said so to count as alive.
    pub fn is_alive(&mut self) -> bool {
        let sent = self.transfer.sent();
        let alive = sent - self.sent_before >= STALL_PROGRESS;
        if alive {
            self.sent_before = sent;
        }
        alive
    }
}

/// Decides the answer, and opens the file it takes bytes from. None if the disk has to be waited for and may not.
fn response(
    request: &Request,
    begun: Instant,
    right: &mut Option<DiskRight>,
    pool: &Pool,
    now: SystemTime,
) -> Option<(Response, Option<site::Content>)> {
    if let Some(response) = Response::to_method(request) {
        return Some((response, None));
    }
    let decided = target::read(request.target).and_then(|target| {
        Ok(match find(&target.path, begun, right, pool)? {
            Found::File(resource) => {
                let response = Response::file(request, resource.representation, &pool.settings.parts, now);
                Some((response, Some(resource.content)))
            }
            Found::Folder => Some((Response::redirect(target.path.location(target.query)), None)),
            Found::NotInMemory => None,
        })
    });
    let (response, file) = decided.unwrap_or_else(|refusal| Some((Response::refusal(refusal), None)))?;
    Some(if request.method == Method::Head { (response.without_body(), None) } else { (response, file) })
}

/// Finds what a path leads to, with the right to wait for the disk if that is needed and there is one to be had.
fn find(path: &Path, begun: Instant, right: &mut Option<DiskRight>, pool: &Pool) -> Result<Found, Refusal> {
    if right.is_none() {
        let found = pool.site.find(path, begun, Reach::Memory);
        if !matches!(found, Ok(Found::NotInMemory)) {
            return found;
        }
    }
    if !pool.may_wait_for_disk(right) {
        return Ok(Found::NotInMemory);
    }
    pool.site.find(path, begun, Reach::Disk)
}
