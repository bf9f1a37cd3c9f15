//! A worker: receives a connection from the channel, runs it, and sends it where it belongs next.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::connection::read_buffer::ReadBuffer;
use super::connection::{Connection, Pool, Wakeup, Worker};
use super::pool::{Next, Task};

/// Runs until the channel delivers [`Task::End`].
pub(super) fn work(pool: &Pool) {
    let (mut worker, mut read_buffer) = (Worker::new(pool), ReadBuffer::new());
    loop {
        match worker.next() {
            // A panic ends this connection only; the panic hook has logged it. The buffer holds
            // nothing that outlives the connection.
            Task::Serve(mut connection, wakeup) => {
                let serve = || {
                    let next = connection.run(wakeup, &mut worker, &mut read_buffer);
                    pass_on(pool, connection, next);
                };
                if catch_unwind(AssertUnwindSafe(serve)).is_err() {
                    pool.counters.panics.increment();
                }
            }
            Task::CloseFile(file, _permit) => {
                worker.run_slot = None;
                drop(file);
            }
            Task::Probe => pool.probed(),
            Task::End => break,
        }
    }
}

fn pass_on(pool: &Pool, connection: Connection, next: Next) {
    match next {
        Next::Requeue => pool.queue(connection, Wakeup::Requeued),
        Next::Wait(interest) => pool.active.park([connection.park(interest, pool)]),
        Next::WaitForDisk(file_system) => pool.wait_for_disk(file_system, connection),
        Next::Close => drop(connection),
    }
}
