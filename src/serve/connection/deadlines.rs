//! How long a connection may wait for its client, and what becomes of it then.

use std::time::{Duration, Instant};

use super::read_buffer::ReadBuffer;
use super::{Connection, Inner, Pool, State, Worker, send};
use crate::http::Refusal;
use crate::limits::STALL_PROGRESS;
use crate::ops::record::Outcome;
use crate::serve::pool::Next;

/// A head that is unfinished for this long comes from a slow sender. Some clients send it in
/// several pieces, but at once.
const SLOW_HEAD: Duration = Duration::from_millis(50);

impl Connection {
    /// Whether what the client sends may be seen some milliseconds later, because it takes its time
    /// with a request head.
    pub(in crate::serve) fn is_slow_sender(&self, now: Instant, head_timeout: Duration) -> bool {
        match self.inner.state {
            // The deadline is as long as that after the head began.
            State::Reading => self.inner.deadline.is_some_and(|deadline| now + head_timeout >= deadline + SLOW_HEAD),
            State::Idle { to_drop } => !to_drop.is_over(),
            State::Sending(_) | State::Lingering { .. } => false,
        }
    }

    /// Until when the client may be waited for. A deadline, once set, holds until the state has
    /// been left, so that a client that sends a byte now and then gains nothing by it. One that
    /// takes enough of its answer has a new one.
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

    /// What becomes of a connection whose deadline has passed.
    pub(in crate::serve) fn on_timeout(&mut self, worker: &mut Worker, read_buffer: &ReadBuffer) -> Result<(), Next> {
        match &mut self.inner.state {
            // Only a request that has begun is worth an answer. An idle client could take the 408
            // for the answer to its next request.
            State::Reading => {
                self.reject(Refusal::TIMED_OUT, read_buffer, worker.pool);
                Ok(())
            }
            // A socket takes bytes some time before poll(2) says so, so the slow are asked once
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
                Err(_) => Err(self.reset(worker.pool)),
            },
            State::Idle { .. } | State::Lingering { .. } => Err(Next::Close),
        }
    }

    /// Lets the kernel forget what the client does not take, rather than keep it for minutes
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
        // If it fails, the kernel forgets later.
        let _ = self.socket.set_linger(Some(Duration::ZERO));
        Next::Close
    }

    /// Until when a connection may be waited for whose deadline has passed while it was idle or
    /// lingered, because its client still takes what the kernel holds of its last answer. None if
    /// it does not; the connection can be closed then.
    pub fn extend(&mut self, now: Instant, pool: &Pool) -> Option<Instant> {
        let before = self.inner.unacknowledged.take();
        let left = pool.send_queues.unacknowledged(&self.socket).unwrap_or_default();
        let time = match before {
            // Now that it has all of its answer, it is idle.
            Some(_) if left == 0 && self.is_idle() => pool.settings.idle_timeout,
            _ if left == 0 => return None,
            Some(before) if before.saturating_sub(left) < STALL_PROGRESS => {
                self.reset(pool);
                return None;
            }
            _ => {
                self.inner.unacknowledged = Some(left);
                pool.settings.stall_timeout
            }
        };
        self.inner.deadline = Some(now + time);
        self.inner.deadline
    }
}
