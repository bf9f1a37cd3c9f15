//! reeld streams a folder of media over HTTP/1.1 from a fixed pool of blocking threads, without
//! epoll and without an async runtime. However many clients hang on, the number of threads, the
//! memory and the time that a new client waits stay bounded.
//!
//! The rooms, from the top floor to the ground; each imports only from rooms below it, and a test
//! holds that:
//!
//! | floor | room | what lives there |
//! |---|---|---|
//! | 6 | `main.rs`, `failure.rs` | the command: configuration → sockets → server → exit code |
//! | 5 | [`config`] | flags and environment → a configuration that is valid |
//! | 4 | [`args`], [`environment`] | the flags as typed, and the variables that stand for them |
//! | 3 | [`serve`] | acceptor, channel, workers, pollers: how requests share the threads |
//! | 2 | [`ops`] | what the operator sees and does: access log, diagnostics, signals, limits of the system |
//! | 1 | [`site`] | what is served: the index, opening files, what may block, what is hidden |
//! | 0 | [`http`] | what HTTP says: pure functions and closed enums |
//! | −1 | [`limits`], [`bytes`], [`nearest`] | what a peer can grow, its unit, near names |
//!
//! A request is a value that changes its type as it walks through: the bytes of a connection become
//! a [`Request`](http::Request), its target a [`Resource`](site::Resource) that was opened, both
//! together a [`Response`](http::Response) that is decided whole before a byte is written, and that
//! a transfer. `serve/connection/exchange.rs` is the road of a request, `serve/connection/mod.rs`
//! the life of a connection; begin with these two.
//!
//! ```text
//!            accept                recv                       park (no progress, others wait)
//!  clients ─────────▶ acceptor ─▶ channel ─▶ worker ×N ────────────────────────▶ two pollers
//!                                   ▲          │  keep-alive loop, pread → send        │
//!                                   └──────────┴───────────────────────────────────────┘
//!                                         ready again, or its quantum is spent
//! ```

#![forbid(unsafe_code)]

pub mod config;

pub mod args;
pub mod environment;

pub mod serve;

pub mod ops;

pub mod site;

pub mod http;

pub mod bytes;
pub mod limits;
pub mod nearest;
