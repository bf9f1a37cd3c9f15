//! The client of a connection from a trusted proxy.

use super::read_buffer::ReadBuffer;
use super::{Connection, Pool, State};
use crate::http::framing::Discard;
use crate::http::proxy_protocol::{self, Malformed, Parsed};
use crate::http::{Refusal, Request, forwarded, head};
use crate::ops::record::Peer;

const MALFORMED: Refusal = Refusal::malformed("The connection does not begin with a PROXY header.");

impl Connection {
    /// Whether the next byte must be of a PROXY header.
    pub(super) fn awaits_proxy_header(&self, pool: &Pool) -> bool {
        let settings = &pool.settings;
        settings.proxy_protocol
            && !self.inner.has_read_proxy_header
            && settings.trusted_proxies.contains(self.inner.address)
    }

    /// Whether these bytes are the start of a request or PROXY header.
    pub(super) fn has_begun(&self, bytes: &[u8], pool: &Pool) -> bool {
        // The signature of version 2 begins with empty lines.
        head::has_begun(bytes) || !bytes.is_empty() && self.awaits_proxy_header(pool)
    }

    /// Reads the PROXY header; false while it is incomplete. The request after it has its own time.
    pub(super) fn read_proxy_header(&mut self, read_buffer: &mut ReadBuffer) -> Result<bool, Refusal> {
        match proxy_protocol::parse(read_buffer.bytes()) {
            Ok(Parsed::Partial) => Ok(false),
            Ok(Parsed::Complete { client, length }) => {
                read_buffer.consume(length);
                let inner = &mut *self.inner;
                inner.has_read_proxy_header = true;
                if let Some(address) = client {
                    (inner.address, inner.peer) = (address, Peer::new(address));
                }
                self.transition(State::Idle { to_drop: Discard::NOTHING });
                Ok(true)
            }
            Err(Malformed) => {
                log::debug!("the trusted proxy {} sent no PROXY header", self.inner.peer.0);
                Err(MALFORMED)
            }
        }
    }

    /// The client of a request, which is marked if a trusted proxy sent it. After a PROXY header
    /// its sender is the client that the header names: the proxy does not read requests then.
    pub(super) fn client(&self, request: &mut Request, pool: &Pool) -> Peer {
        let trusted = &pool.settings.trusted_proxies;
        let address = self.inner.address;
        request.from_trusted_proxy = trusted.contains(address);
        match forwarded::client(request, address, trusted) {
            client if client == address => self.inner.peer.clone(),
            client => Peer::new(client),
        }
    }
}
