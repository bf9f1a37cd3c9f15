//! Server settings.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::http::range::Parts;
use crate::http::{Cors, TrustedProxies};

/// The settings of a server: limits, timeouts, and how files are sent.
#[derive(Clone, Debug)]
pub struct Settings {
    pub workers: NonZeroUsize,
    /// Connections served at once; further ones get 503.
    pub max_connections: usize,
    /// How long a connection may wait for a request to begin.
    pub idle_timeout: Duration,
    /// How long a request head may take from its first byte.
    pub head_timeout: Duration,
    /// How long a client may take less than [`STALL_PROGRESS`](crate::limits::STALL_PROGRESS) of a
    /// response.
    pub stall_timeout: Duration,
    /// How long responses under way may take to finish during shutdown.
    pub drain_timeout: Duration,
    pub parts: Parts,
    /// Whether there are pages that list folders and play files.
    pub listing: bool,
    /// Whether films are sent with their index in front unless they are downloaded.
    pub faststart: bool,
    pub transfer: SendMethod,
    /// Origins whose web pages may play what is served.
    pub cors: Option<Cors>,
    /// The proxies whose word about a client is believed.
    pub trusted_proxies: TrustedProxies,
    /// Whether a connection from a trusted proxy begins with a PROXY header.
    pub proxy_protocol: bool,
}

/// How the bytes of a file get to the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendMethod {
    /// Through a buffer: pread(2) and send(2).
    Pread,
    /// Without a copy: sendfile(2).
    Sendfile,
}
