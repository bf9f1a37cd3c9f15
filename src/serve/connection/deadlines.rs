//! Deadlines: how long a connection waits for its client, and what happens then.

use std::time::{Duration, Instant};

use super::read_buffer::ReadBuffer;
use super::{Connection, Inner, Pool, State, Worker, send};
use crate::http::Refusal;
use crate::limits::STALL_PROGRESS;
use crate::ops::record::Outcome;
use crate::serve::pool::Next;
use crate::serve::pool::counters::Timeout;

/// A head unfinished for this long comes from a slow sender. Some clients send a head in several
/// pieces, but without pauses.
const SLOW_HEAD: Duration = Duration::from_millis(50);

impl Connection {
    /// Whether polling some milliseconds late does no harm, because the client sends slowly or
    /// sends content that is dropped.
    pub(in crate::serve) fn is_slow_sender(&self, now: Instant, head_timeout: Duration) -> bool {
        match self.inner.state {
            // The deadline is `head_timeout` after the head began.
            State::Reading => self.inner.deadline.is_some_and(|deadline| now + head_timeout >= deadline + SLOW_HEAD),
            State::Idle { to_drop } => !to_drop.is_over(),
            State::Sending(_) | State::Lingering { .. } => false,
        }
    }

    /// When waiting for the client ends. A deadline holds until the state changes, so a byte now
    /// and then gains nothing; only a client that takes enough of its response gets a new one.
    pub(in crate::serve) fn deadline(&mut self, now: Instant, pool: &Pool) -> Instant {
        let settings = &pool.settings;
        let Inner { state, deadline, .. } = &mut *self.inner;
        let time = match state {
            State::Idle { .. } => settings.idle_timeout,
            State::Reading => settings.head_timeout,
            State::Sending(exchange) => {
                if exchange.is_alive() {
                    *deadline = None;
                }
                settings.stall_timeout
            }
            State::Lingering { time, .. } => *time,
        };
        *deadline.get_or_insert(now + time)
    }

    /// Acts on an expired deadline.
    pub(in crate::serve) fn on_timeout(&mut self, worker: &mut Worker, read_buffer: &ReadBuffer) -> Result<(), Next> {
        match &mut self.inner.state {
            // Only a request that has begun gets a 408: an idle client could take it for the
            // response to its next request.
            State::Reading => {
                self.reject(Refusal::TIMED_OUT, read_buffer, worker.pool);
                Ok(())
            }
            // A socket accepts bytes some time before poll(2) reports it writable, so try once
            // more.
            State::Sending(exchange) => match send(exchange, &self.socket, worker) {
                Ok(state) => {
                    self.transition(state);
                    Ok(())
                }
                Err(next @ Next::WaitForDisk(_)) => Err(next),
                Err(next) if exchange.is_alive() => {
                    self.inner.deadline = None;
                    Err(next)
                }
                Err(_) => {
                    worker.pool.counters.time_out(Timeout::Stall);
                    Err(self.reset(worker.pool))
                }
            },
            State::Idle { .. } | State::Lingering { .. } => Err(Next::Close),
        }
    }

    /// Makes the kernel discard unsent bytes on close instead of keeping them for minutes
    /// (socket(7), SO_LINGER).
    pub(in crate::serve) fn reset(&mut self, pool: &Pool) -> Next {
        let unacknowledged = pool.send_queues.unacknowledged(&self.socket).unwrap_or_default();
        let record = match &mut self.inner.state {
            State::Sending(exchange) => exchange.record(),
            State::Lingering { recording, .. } => recording.as_deref_mut().map(|recording| &mut **recording),
            State::Idle { .. } | State::Reading => None,
        };
        if let Some(record) = record {
            // The socket took these bytes, but the client did not.
            record.sent = record.sent.saturating_sub(unacknowledged);
            record.outcome = Outcome::TimedOut;
        }
        // On failure the kernel discards them later.
        let _ = self.socket.set_linger(Some(Duration::ZERO));
        Next::Close
    }

    /// The new deadline of an idle or lingering connection that timed out, if its client is still
    /// taking what the kernel holds of the last response. Fails with the kind of timeout if the
    /// connection can be closed.
    pub fn extend(&mut self, now: Instant, pool: &Pool) -> Result<Instant, Timeout> {
        let before = self.inner.unacknowledged.take();
        let left = pool.send_queues.unacknowledged(&self.socket).unwrap_or_default();
        let time = match before {
            // The client has the whole response now, so the connection is idle.
            Some(_) if left == 0 && self.is_idle() => pool.settings.idle_timeout,
            _ if left == 0 => return Err(if self.is_lingering() { Timeout::Linger } else { Timeout::Idle }),
            Some(before) if before.saturating_sub(left) < STALL_PROGRESS => {
                self.reset(pool);
                return Err(Timeout::Stall);
            }
            _ => {
                self.inner.unacknowledged = Some(left);
                pool.settings.stall_timeout
            }
        };
        Ok(*self.inner.deadline.insert(now + time))
    }
}
