//! reeld streams a folder of media over HTTP/1.1 from a fixed pool of blocking threads, without
//! epoll and without an async runtime. However many clients stay connected, the number of threads,
//! the memory and the time that a new client waits stay bounded.
//!
//! The modules, from the top layer down. Each imports only from layers below its own; a test
//! enforces that:
//!
//! | layer | modules | contents |
//! |---|---|---|
//! | 8 | `main.rs`, `failure.rs`, `supervision.rs` | the command: configuration → sockets → server → exit code |
//! | 7 | [`config`] | flags and environment → a valid configuration |
//! | 6 | [`args`], [`environment`] | the command-line flags, and the variables that replace them |
//! | 6 | [`admin`] | the listener for operators: health, metrics, the live page |
//! | 5 | [`serve`] | acceptor, channel, workers, pollers: how requests share the threads |
//! | 5 | [`check`] | what is wrong with the files of a folder, and what mends it |
//! | 4 | [`ops`] | what the operator sees and does: access log, metrics, diagnostics, signals, limits of the system |
//! | 3 | [`pages`] | the pages that stand for folders and files, for people and for programs |
//! | 2 | [`site`] | what is served: the index, opening files, what may block, what is hidden |
//! | 1 | [`media`] | what a media file is, what a browser makes of it, and the files beside it |
//! | 0 | [`http`] | the rules of HTTP: pure functions and closed enums |
//! | −1 | [`limits`], [`bytes`], [`piece`], [`json`], [`nearest`] | limits of what a peer can grow, byte units, pieces of content, strings in JSON, spelling suggestions |
//!
//! A request changes its type on the way: the bytes of a connection are parsed into a
//! [`Request`](http::Request), its target is opened as a [`Resource`](site::Resource), both decide
//! a [`Response`](http::Response) before a byte of it is written, and the response becomes a
//! transfer. Begin with `serve/connection/exchange.rs`, the path of a request, and
//! `serve/connection/mod.rs`, the life of a connection.
//!
//! ```text
//!            accept                recv            park (the client sends or takes no more)
//!  clients ─────────▶ acceptor ─▶ channel ─▶ worker ×N ────────────────────────▶ two pollers
//!                                   ▲          │  keep-alive loop, pread → send        │
//!                                   └──────────┴───────────────────────────────────────┘
//!                                         ready again, or its quantum is spent
//! ```

#![forbid(unsafe_code)]

pub mod config;

pub mod args;
pub mod environment;

pub mod admin;

pub mod check;
pub mod serve;

pub mod ops;

pub mod pages;

pub mod site;

pub mod media;

pub mod http;

pub mod bytes;
pub mod json;
pub mod limits;
pub mod nearest;
pub mod piece;
