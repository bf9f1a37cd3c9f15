//! Whether the server should be sent more clients.

use crate::http::{Refusal, Status};
use crate::site::Resource;

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

    /// The answer to a load balancer: 200 if the server is ready, else 503, with the word.
    pub fn answer(self) -> Result<Resource, Refusal> {
        if self != Health::Ready {
            return Err(Refusal::keep_alive(Status::ServiceUnavailable, self.word()));
        }
        let text = format!("{}\n", self.word());
        let fields = vec![("Cache-Control", "no-store".into())];
        Ok(Resource::generated(text.into_bytes(), "text/plain; charset=utf-8", fields))
    }
}
