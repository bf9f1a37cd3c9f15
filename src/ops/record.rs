//! What became of an exchange, for those that observe them.

use std::fmt::Debug;
use std::net::IpAddr;
use std::ops::{Deref, DerefMut, Range};
use std::sync::Arc;
use std::time::Instant;

use crate::http::{Request, Response, Status};
use crate::limits::LOG_FIELD_MAX;

/// The address of a client, as it is shown.
#[derive(Clone, Debug)]
pub struct Peer(pub Arc<str>);

impl Peer {
    /// Of an IPv4 client of an IPv6 listener the IPv4 address is shown.
    pub fn new(address: IpAddr) -> Self {
        Peer(address.to_canonical().to_string().into())
    }
}

/// One request and its answer. Texts of the client are cut to [`LOG_FIELD_MAX`] bytes.
#[derive(Debug)]
pub struct Record {
    pub client: Peer,
    /// The request line as it came; of a request that could not be read, what came of it.
    pub request_line: Vec<u8>,
    pub referer: Vec<u8>,
    pub user_agent: Vec<u8>,
    pub status: Status,
    /// Bytes of content that the head announced.
    pub promised: u64,
    /// Bytes of content that the client took.
    pub sent: u64,
    /// The part of the representation in a 206.
    pub range: Option<Range<u64>>,
    /// Upper bound on when the first byte of the request arrived.
    pub arrived: Instant,
    /// When the first byte of the answer was sent, if it was.
    pub first_byte: Option<Instant>,
    pub outcome: Outcome,
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All was sent.
    Complete,
    /// The client left, the server ended, or the file could not be read to its end.
    Aborted,
    /// The client took next to nothing for too long, or the disk did not answer.
    TimedOut,
}

/// What takes note of the exchanges. It is called by workers and must not block.
pub trait Observer: Debug + Send + Sync {
    /// Called once for each exchange, when it has ended in any way.
    fn observe(&self, record: &Record);
}

/// The record of an exchange under way; the observer has it when this is dropped.
#[derive(Debug)]
pub struct Recording {
    record: Record,
    observer: Arc<dyn Observer>,
}

impl Recording {
    /// Without a `request` there was none that could be read.
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
