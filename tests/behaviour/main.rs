//! The server as clients see it: the real program over real sockets.

mod activation;
mod admin;
mod answers;
mod case;
mod check;
mod command;
mod explain;
mod hostile;
mod keep_alive;
mod logs;
mod output;
mod overload;
mod pages;
mod player;
mod proxy;
mod ranges;
mod readers;
mod requirements;
mod shutdown;
mod slow_clients;
mod subtitles;
#[path = "../support/mod.rs"]
mod support;
mod timeouts;
mod views;
