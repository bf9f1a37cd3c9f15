//! reeld streams a folder of media over HTTP/1.1 from a fixed pool of blocking threads.

#![forbid(unsafe_code)]

pub mod bytes;
pub mod http;
pub mod limits;
pub mod ops;
pub mod site;
