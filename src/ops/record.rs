//! The record of an exchange, for its observer.

use std::fmt::Debug;
use std::net::IpAddr;
use std::ops::{Deref, DerefMut, Range};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::http::{Request, Response, Status};
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
    /// The request line as received; what arrived of it if the request could not be read.
    pub request_line: Vec<u8>,
    pub referer: Vec<u8>,
    pub user_agent: Vec<u8>,
    pub status: Status,
    /// Bytes of the response body.
    pub promised: u64,
    /// Bytes of the response body that the client took.
    pub sent: u64,
    /// The part of the representation in a 206.
    pub range: Option<Range<u64>>,
    /// Upper bound on when the first byte of the request arrived.
    pub arrived: Instant,
    /// When a worker had decided the response.
    pub decided: Instant,
    /// When the first byte of the response was sent, if it was.
    pub first_byte: Option<Instant>,
    pub outcome: Outcome,
}

impl Record {
    /// The time from the first byte of the request until a worker had decided the response. It
    /// includes what the rest of the head took to arrive, and the wait for a disk permit.
    pub fn queue_wait(&self) -> Duration {
        self.decided.saturating_duration_since(self.arrived)
    }
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
    /// Called once for each exchange when it ends, however it ends.
    fn observe(&self, record: &Record);
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
            request_line: cut(request_line),
            referer: cut(field("referer")),
            user_agent: cut(field("user-agent")),
            status: response.status,
            promised: response.body_length(),
            sent: 0,
            range: response.part(),
            arrived,
            decided: Instant::now(),
            first_byte: None,
            outcome: Outcome::Aborted,
        };
        Recording { record, observer: Arc::clone(observer) }
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
