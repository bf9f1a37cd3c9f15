//! What the admin listener answers.

use std::net::Ipv4Addr;
use std::time::SystemTime;

use super::exposition::Format;
use super::history::History;
use super::sources::Sources;
use super::{metrics, page, status};
use crate::http::range::Parts;
use crate::http::segment::Segment;
use crate::http::target;
use crate::http::{Method, Refusal, Request, Response, Status, authority};
use crate::site::{Content, Resource};

const FOREIGN_HOST: Refusal = Refusal::close(
    Status::Forbidden,
    "The Host field must have an address or localhost, or any web page could read this; --admin-public allows other names.",
);
const MISSING: Refusal = Refusal::close(Status::NotFound, "There are /, /health, /metrics and /status.json here.");

/// What the responses are made of.
#[derive(Debug)]
pub struct Routes {
    /// Whether requests under any host name are answered.
    pub is_public: bool,
    pub sources: Sources,
}

impl Routes {
    /// The response to a request, as it is sent.
    pub fn response(&self, request: &Request, history: &History) -> Vec<u8> {
        if let Some(response) = Response::to_method(request) {
            return Self::bytes(response, None);
        }
        match self.find(request, history) {
            Ok(Resource { representation, content, .. }) => {
                let response = Response::of(request, representation, &Parts::WHOLE, SystemTime::now());
                match content {
                    Content::Memory(content) if request.method != Method::Head => Self::bytes(response, Some(&content)),
                    _ => Self::bytes(response.without_body(), None),
                }
            }
            Err(refusal) if request.method == Method::Head => {
                Self::bytes(Response::refusal(refusal).without_body(), None)
            }
            Err(refusal) => Self::bytes(Response::refusal(refusal), None),
        }
    }

    /// A response with this content, as it is sent.
    pub fn bytes(response: Response, content: Option<&[u8]>) -> Vec<u8> {
        let mut head = String::new();
        response.write_head(&mut head, false, None, SystemTime::now());
        let mut bytes = head.into_bytes();
        for segment in response.body {
            match segment {
                Segment::Text(text) => bytes.extend_from_slice(text.as_bytes()),
                Segment::Bytes(range) => {
                    bytes.extend(
                        content
                            .and_then(|content| content.get(range.start as usize..range.end as usize))
                            .into_iter()
                            .flatten(),
                    );
                }
            }
        }
        bytes
    }

    fn find(&self, request: &Request, history: &History) -> Result<Resource, Refusal> {
        let target = target::parse(request.target)?;
        if !self.is_public && !has_own_host(request) {
            return Err(FOREIGN_HOST);
        }
        let text = |text: String, content_type| {
            Resource::generated(text.into_bytes(), content_type, vec![("Cache-Control", "no-store".into())])
        };
        match target.path.relative() {
            b"" => Ok(page::page()),
            b"health" => self.sources.server.health().answer(),
            b"metrics" => {
                let format = Format::accepted(request);
                Ok(text(metrics::text(&self.sources, format), format.content_type()))
            }
            b"status.json" => Ok(text(status::json(&self.sources, history), "application/json")),
            path => page::asset(path).ok_or(MISSING),
        }
    }
}

/// Whether the Host field has an address or `localhost`. A page of another site could reach a
/// loopback address under a name of its own (DNS rebinding).
fn has_own_host(request: &Request) -> bool {
    let is_own = |host: &[u8]| {
        let host = String::from_utf8_lossy(host);
        host.starts_with('[') || host.parse::<Ipv4Addr>().is_ok() || host.eq_ignore_ascii_case("localhost")
    };
    // HTTP/1.0, as of HAProxy's health checks, needs no Host.
    request.only("host").is_none_or(|host| authority::split(host).is_some_and(|(host, _)| is_own(host)))
}
