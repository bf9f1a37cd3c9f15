//! The rules of HTTP: pure functions and closed enums, no I/O of any kind.
//!
//! In the order in which a request meets them: [`proxy_protocol`], [`head`] (bytes to a
//! [`Request`]), [`forwarded`] and [`trusted_proxies`] (from which client), [`framing`] and
//! [`chunked`] (where it ends), [`target`] and [`query`] (what it names), [`precondition`],
//! [`range`] and [`players`] (how much of the file is wanted), [`response`], [`multipart`] and
//! [`cors`] (the answer), with the vocabulary of [`fields`], [`status`], [`validators`],
//! [`authority`] and [`date`].

pub mod authority;
pub mod chunked;
pub mod cors;
pub mod date;
pub mod fields;
pub mod forwarded;
pub mod framing;
pub mod head;
pub mod multipart;
pub mod players;
pub mod precondition;
pub mod proxy_protocol;
pub mod query;
pub mod range;
pub mod response;
pub mod segment;
pub mod status;
pub mod target;
pub mod trusted_proxies;
pub mod validators;

pub use cors::Cors;
pub use fields::Method;
pub use head::Request;
pub use query::Query;
pub use response::{Representation, Response};
pub use segment::Segment;
pub use status::{Refusal, Status};
pub use trusted_proxies::TrustedProxies;
pub use validators::{Validators, ViewTag};
