//! An exchange: one request and its response, from the decision to the last byte sent.

use std::time::{Duration, Instant, SystemTime};

use socket2::Socket;

use super::find::find;
use super::transfer::Transfer;
use crate::http::framing::{self, Discard};
use crate::http::range::Parts;
use crate::http::target;
use crate::http::{Method, Refusal, Request, Response, Status, forwarded, head};
use crate::limits::{CACHED_FILE_MAX, LINGER_TIME, STALL_PROGRESS};
use crate::ops::record::{Outcome, Peer, Record, Recording};
use crate::pages;
use crate::serve::pool::quota::Slot;
use crate::serve::pool::{Next, Pool, Worker};
use crate::site::{Content, Found, NotFound, WouldBlock};

/// A response being sent.
#[derive(Debug)]
pub(in crate::serve) struct Exchange<C> {
    transfer: Transfer<C>,
    /// Bytes sent when the client last counted as alive.
    sent_before: u64,
    then: Then,
    /// Goes to the observer when the exchange ends, however it ends.
    recording: Option<Box<Recording>>,
    /// Counts its generated content.
    #[expect(dead_code, reason = "it is held until the exchange ends")]
    generated: Option<Slot>,
}

/// What follows a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Then {
    /// The next request, after what is left of this one's content.
    NextRequest { to_drop: Discard },
    /// The end, once the client has closed its side or this time is over. Closing at once could
    /// destroy the response: bytes that arrive at a closed socket trigger a reset (RFC 9112 section
    /// 9.6).
    Linger(Duration),
}

/// Bytes of a usual response head and a small file after it, so that the buffer need not grow.
const HEAD_CAPACITY: usize = 2048;

impl<C: Send + 'static> Exchange<C> {
    /// The response to a request whose first byte had arrived by `arrived`; `request_head` holds
    /// the bytes it was parsed from. Fails if it needs a disk permit and none is free.
    pub fn respond(
        request: &Request,
        arrived: Instant,
        request_head: &[u8],
        peer: &Peer,
        worker: &mut Worker<C>,
    ) -> Result<Self, WouldBlock> {
        let (now, pool) = (SystemTime::now(), worker.pool);
        let (mut response, mut content) = response(request, arrived, worker, now)?;
        let mut generated = None;
        // What is small is copied, and what is cached is small.
        if let Some(Content::Memory(bytes)) = &content
            && bytes.len() > CACHED_FILE_MAX
        {
            generated = pool.generated.try_take(bytes.len());
            if generated.is_none() {
                (response, content) = (Response::refusal(Refusal::TOO_MANY_PAGES), None);
            }
        }
        let persistent = request.persistent && !response.close && !pool.shutdown.is_draining();
        let then = match (persistent, request.content) {
            (true, framing::Content::Dropped(to_drop)) => Then::NextRequest { to_drop },
            (true, _) => Then::NextRequest { to_drop: Discard::NOTHING },
            (false, _) => Then::Linger(pool.settings.stall_timeout),
        };
        let request_line = head::first_line(request_head);
        let record = |observer| Recording::new(observer, peer, request_line, Some(request), arrived, &response);
        let recording = pool.observer.as_ref().map(record);
        let exchange = Exchange::new(response, content, then, recording, pool, now);
        Ok(Exchange { generated, ..exchange })
    }

    /// An error response to a request that was not read or could not be parsed; the connection
    /// closes after it.
    pub fn reject(refusal: Refusal, request_head: &[u8], peer: &Peer, pool: &Pool<C>) -> Self {
        let mut response = Response::refusal(refusal);
        let request_line = head::first_line(request_head);
        if request_line.starts_with(b"HEAD ") {
            response = response.without_body();
        }
        let record = |observer| Recording::new(observer, peer, request_line, None, Instant::now(), &response);
        let recording = pool.observer.as_ref().map(record);
        Exchange::new(response, None, Then::Linger(LINGER_TIME), recording, pool, SystemTime::now())
    }

    fn new(
        response: Response,
        content: Option<Content>,
        then: Then,
        recording: Option<Recording>,
        pool: &Pool<C>,
        now: SystemTime,
    ) -> Self {
        let mut head = String::with_capacity(HEAD_CAPACITY);
        let persistent = matches!(then, Then::NextRequest { .. });
        response.write_head(&mut head, persistent, pool.settings.cors.as_ref(), now);
        let transfer = Transfer::new(head.into_bytes(), response.body, content, pool);
        Exchange { transfer, sent_before: 0, then, recording: recording.map(Box::new), generated: None }
    }

    /// The response head, before any of it is sent.
    pub fn head(&self) -> &[u8] {
        self.transfer.head()
    }

    /// Sends until all is sent, something would block, or the quantum is spent.
    pub fn send(&mut self, socket: &Socket, worker: &mut Worker<C>) -> Result<(), Next> {
        let progress = self.transfer.advance(socket, worker);
        if let Some(record) = self.recording.as_deref_mut() {
            record.set_sent(self.transfer.content_sent());
            if self.transfer.sent() > 0 {
                record.first_byte.get_or_insert_with(Instant::now);
            }
            if progress.is_ok() {
                record.outcome = Outcome::Complete;
            }
        }
        progress
    }

    /// Takes the record, which must outlive the exchange while the connection lingers.
    pub fn take_recording(&mut self) -> Option<Box<Recording>> {
        self.recording.take()
    }

    /// The record, to note how the exchange ends.
    pub fn record(&mut self) -> Option<&mut Record> {
        self.recording.as_deref_mut().map(|recording| &mut **recording)
    }

    /// What follows when all is sent.
    pub fn then(&self) -> Then {
        self.then
    }

    /// Whether the client has taken enough to count as alive since this last returned true.
    pub fn is_alive(&mut self) -> bool {
        let sent = self.transfer.sent();
        let alive = sent - self.sent_before >= STALL_PROGRESS;
        if alive {
            self.sent_before = sent;
        }
        alive
    }
}

/// Decides the response and opens its file. Fails if it needs a disk permit and none is free.
fn response<C: Send + 'static>(
    request: &Request,
    arrived: Instant,
    worker: &mut Worker<C>,
    now: SystemTime,
) -> Result<(Response, Option<Content>), WouldBlock> {
    if let Some(response) = Response::to_method(request) {
        return Ok((response, None));
    }
    let target = match target::parse(request.target) {
        Ok(target) => target,
        Err(refusal) => return Ok((Response::refusal(refusal), None)),
    };
    let (response, content) = match find(request, &target, arrived, worker) {
        Ok(Found::File(resource)) => {
            let settings = &worker.pool.settings;
            let parts = if resource.is_whole { &Parts::WHOLE } else { &settings.parts };
            let response = Response::of(request, resource.representation, parts, now);
            if response.status == Status::PartialContent && request.fields.every("range").next().is_none() {
                worker.pool.part_notices.add(request, parts.size);
            }
            (response, Some(resource.content))
        }
        Ok(Found::Folder) => {
            (Response::redirect(forwarded::prefix(request) + &target.path.location(target.query)), None)
        }
        Err(NotFound::WouldBlock(would_block)) => return Err(would_block),
        Err(NotFound::Refused(refusal)) if worker.pool.settings.listing => {
            (pages::refusal(request, &target, refusal), None)
        }
        Err(NotFound::Refused(refusal)) => (Response::refusal(refusal), None),
    };
    Ok(if request.method == Method::Head { (response.without_body(), None) } else { (response, content) })
}
