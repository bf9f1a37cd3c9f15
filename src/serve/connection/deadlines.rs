//! How long a connection may wait for its client, and what becomes of it then.

use std::time::{Duration, Instant};

use super::{Connection, Pause, Stage, State, send};
use crate::http::Refusal;
use crate::limits::STALL_PROGRESS;
use crate::serve::input::Input;
use crate::serve::pool::Pool;

/// A head that is unfinished for this long comes from a slow sender. Some clients send it in several pieces, but at once.
const SLOW_HEAD: Duration = Duration::from_millis(50);

impl Connection {
    /// Whether what the client sends may be seen some milliseconds later, because it takes its time with a request head.
    pub(super) fn is_slow_sender(&self, now: Instant, head_timeout: Duration) -> bool {
        match self.state.stage {
            // The deadline is as long as that after the head began.
            Stage::Reading => self.state.deadline.is_some_and(|deadline| now + head_timeout >= deadline + SLOW_HEAD),
            Stage::Idle { to_drop } => !to_drop.is_over(),
            Stage::Sending(_) | Stage::Lingering { .. } => false,
        }
    }

    /// Until when the client may be waited for. A deadline, once set, holds until the stage has been left, so that a client
    /// that sends a byte now and then gains nothing by it. One that takes enough of its answer has a new one.
    pub(super) fn deadline(&mut self, now: Instant, pool: &Pool) -> Instant {
        let settings = &pool.settings;
        let State { stage, deadline, .. } = &mut *self.state;
        let time = match stage {
            Stage::Idle { .. } => settings.idle_timeout,
            Stage::Reading => settings.head_timeout,
            Stage::Sending(exchange) => {
                if exchange.is_alive() {
                    *deadline = None;
                }
                settings.stall_timeout
            }
            Stage::Lingering { time, .. } => *time,
        };
        *deadline.get_or_insert(now + time)
    }

    /// What becomes of a connection whose deadline has passed.
    pub(super) fn time_out(&mut self, pool: &Pool, input: &Input) -> Result<(), Pause> {
        match &mut self.state.stage {
            // Only a request that has begun is worth an answer. An idle client could take the 408 for the answer to its
            // next request.
            Stage::Reading => {
                self.reject(Refusal::TOO_SLOW, input, pool);
                Ok(())
            }
            // A socket takes bytes some time before poll(2) says so, so the slow are asked once more.
            Stage::Sending(exchange) => match send(exchange, &self.socket, pool) {
                Ok(stage) => {
                    self.enter(stage);
                    Ok(())
                }
                Err(Pause::WaitForDisk(file_system)) => {
                    self.state.timed_out = true;
                    Err(Pause::WaitForDisk(file_system))
                }
                Err(pause) if exchange.is_alive() => {
                    self.state.deadline = None;
                    Err(pause)
                }
                Err(_) => Err(self.reset(pool)),
            },
            Stage::Idle { .. } | Stage::Lingering { .. } => Err(Pause::End),
        }
    }

    /// Lets the kernel forget what the client does not take, rather than keep it for minutes (socket(7), SO_LINGER).
    pub(super) fn reset(&mut self, pool: &Pool) -> Pause {
        let unacknowledged = pool.send_queues.unacknowledged(&self.socket).unwrap_or_default();
        match &mut self.state.stage {
            Stage::Sending(exchange) => exchange.subtract_unacknowledged(unacknowledged),
            Stage::Lingering { log_line: Some(line), .. } => line.sent = line.sent.saturating_sub(unacknowledged),
            _ => {}
        }
        // If it fails, the kernel forgets later.
        let _ = self.socket.set_linger(Some(Duration::ZERO));
        Pause::End
    }

    /// Until when a connection may be waited for whose deadline has passed while it was idle or lingered, because its
    /// client still takes what the kernel holds of its last answer. None if it does not; the connection can be closed then.
    pub fn extend(&mut self, now: Instant, pool: &Pool) -> Option<Instant> {
        let before = self.state.unacknowledged.take();
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
                self.state.unacknowledged = Some(left);
                pool.settings.stall_timeout
            }
        };
        self.state.deadline = Some(now + time);
        self.state.deadline
    }
}
