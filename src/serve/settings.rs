//! How to serve.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::http::Cors;
use crate::http::range::Parts;

/// How to serve.
#[derive(Clone, Debug)]
pub struct Settings {
    pub workers: NonZeroUsize,
    /// Connections served at once; further ones get 503.
    pub max_connections: usize,
    /// How long a connection may wait for a request to begin.
    pub idle_timeout: Duration,
    /// How long a request head may take from its first byte on.
    pub head_timeout: Duration,
    /// How long a client may take next to nothing of an answer; see
    /// [`STALL_PROGRESS`](crate::limits::STALL_PROGRESS).
    pub stall_timeout: Duration,
    /// How long answers under way may take to finish when the server ends.
    pub drain_timeout: Duration,
    pub parts: Parts,
    pub transfer: SendMethod,
    /// Whose web pages may play what is served.
    pub cors: Option<Cors>,
}

/// How the bytes of a file come to the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendMethod {
    /// By way of a buffer: pread(2) and send(2).
    Pread,
    /// Without a copy: sendfile(2).
    Sendfile,
}
