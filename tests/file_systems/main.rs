//! The server on file systems that are slow, hang, fail, are mounted late or have second names for
//! files; see `slowfs/`.

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "not every test needs all of it")]
mod support;

mod errors;
mod hung;
mod listing;
mod mounts;
mod names;
mod start;
mod tool;
mod waiting;
