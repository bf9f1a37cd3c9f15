//! The record of an exchange, for its observer.

use std::borrow::Cow;
use std::fmt::Debug;
use std::net::IpAddr;
use std::ops::{Deref, DerefMut, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::http::{Method, Request, Response, Status};
use crate::limits::LOG_FIELD_MAX;

/// A client's address, as it is shown.
#[derive(Clone, Debug)]
pub struct Peer(pub Arc<str>);

impl Peer {
    /// An IPv4 client of an IPv6 listener is shown with its IPv4 address.
    pub fn new(address: IpAddr) -> Self {
        Peer(address.to_canonical().to_string().into())
    }
}

/// One request and its response. Text from the client is cut to [`LOG_FIELD_MAX`] bytes.
#[derive(Debug)]
pub struct Record {
    pub client: Peer,
    /// None if the request could not be read.
    pub method: Option<Method>,
    /// The request line as received; what arrived of it if the request could not be read.
    pub request_line: Vec<u8>,
    pub referer: Vec<u8>,
    pub user_agent: Vec<u8>,
    pub status: Status,
    /// The Content-Type; empty if there is none.
    pub content_type: Cow<'static, str>,
    /// Bytes of the whole representation; 0 if there is none.
    pub size: u64,
    /// Bytes of the response body.
    pub promised: u64,
    /// Bytes of the response body that the socket took, less those known not to have arrived.
    pub sent: u64,
    /// The part of the representation in a 206.
    pub range: Option<Range<u64>>,
    /// Upper bound on when the first byte of the request arrived. A connection may have been
    /// accepted then, if this is its first.
    pub arrived: Instant,
    /// How long the connection was in the queue for a worker since then.
    pub queue_wait: Duration,
    /// When the first byte of the response was sent, if it was.
    pub first_byte: Option<Instant>,
    pub outcome: Outcome,
    /// A copy of `sent` that an observer reads meanwhile.
    pub progress: Option<Arc<AtomicU64>>,
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All was sent.
    Complete,
    /// The client left, the server ended, or the file could not be read to its end.
    Aborted,
    /// The client took next to nothing for too long, or no disk permit came in time.
    TimedOut,
}

impl Outcome {
    /// Its name in the JSON log.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Complete => "complete",
            Outcome::Aborted => "aborted",
            Outcome::TimedOut => "timed-out",
        }
    }
}

/// Observes exchanges. Workers and pollers call it, so it must not block.
pub trait Observer: Debug + Send + Sync {
    /// Called once for each exchange before its response is sent. Returns where to keep a copy of
    /// `sent`, if the observer reads it meanwhile.
    fn begin(&self, _record: &Record) -> Option<Arc<AtomicU64>> {
        None
    }

    /// Called when the socket has taken this many more bytes of a body.
    fn advance(&self, _bytes: u64) {}

    /// Called once for each exchange when it ends, however it ends.
    fn observe(&self, record: &Record);
}

/// Observers that are called in turn.
#[derive(Debug)]
pub struct Observers(Vec<Arc<dyn Observer>>);

impl Observers {
    /// One observer that stands for all of these, if there are any.
    pub fn all(mut observers: Vec<Arc<dyn Observer>>) -> Option<Arc<dyn Observer>> {
        if observers.len() > 1 { Some(Arc::new(Observers(observers))) } else { observers.pop() }
    }
}

impl Observer for Observers {
    /// One of them at most reads `sent` meanwhile.
    fn begin(&self, record: &Record) -> Option<Arc<AtomicU64>> {
        self.0.iter().filter_map(|observer| observer.begin(record)).fold(None, |first, next| first.or(Some(next)))
    }

    fn advance(&self, bytes: u64) {
        self.0.iter().for_each(|observer| observer.advance(bytes));
    }

    fn observe(&self, record: &Record) {
        self.0.iter().for_each(|observer| observer.observe(record));
    }
}

/// The record of an exchange under way; dropping it hands it to the observer.
#[derive(Debug)]
pub struct Recording {
    record: Record,
    observer: Arc<dyn Observer>,
}

impl Recording {
    /// `request` is None if it could not be read.
    pub fn new(
        observer: &Arc<dyn Observer>,
        client: &Peer,
        request_line: &[u8],
        request: Option<&Request>,
        arrived: Instant,
        response: &Response,
    ) -> Self {
        let field = |name| request.and_then(|request| request.only(name)).unwrap_or_default();
        let cut = |text: &[u8]| text[..text.len().min(LOG_FIELD_MAX)].to_vec();
        let record = Record {
            client: client.clone(),
            method: request.map(|request| request.method),
            request_line: cut(request_line),
            referer: cut(field("referer")),
            user_agent: cut(field("user-agent")),
            status: response.status,
            content_type: response.content_type(),
            size: response.size(),
            promised: response.body_length(),
            sent: 0,
            range: response.part(),
            arrived,
            queue_wait: Duration::ZERO,
            first_byte: None,
            outcome: Outcome::Aborted,
            progress: None,
        };
        let progress = observer.begin(&record);
        Recording { record: Record { progress, ..record }, observer: Arc::clone(observer) }
    }

    /// Notes how many bytes of the body the socket has taken so far.
    pub fn set_sent(&mut self, sent: u64) {
        self.observer.advance(sent - self.record.sent);
        self.record.sent = sent;
        if let Some(progress) = &self.record.progress {
            progress.store(sent, Ordering::Relaxed);
        }
    }
}

impl Deref for Recording {
    type Target = Record;

    fn deref(&self) -> &Record {
        &self.record
    }
}

impl DerefMut for Recording {
    fn deref_mut(&mut self) -> &mut Record {
        &mut self.record
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.observer.observe(&self.record);
    }
}
