//! Whether the server should be sent more clients.

use crate::http::{Refusal, Status};

/// What a load balancer needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    Ready,
    /// It ends once the responses under way are sent.
    Draining,
    /// The limit of connections is reached, so new ones are answered 503.
    Saturated,
}

impl Health {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Health::Ready => "ready",
            Health::Draining => "draining",
            Health::Saturated => "saturated",
        }
    }

    /// The response to one that asks, unless the server is ready.
    pub fn refusal(self) -> Option<Refusal> {
        (self != Health::Ready).then_some(Refusal::keep_alive(Status::ServiceUnavailable, self.word()))
    }
}
