//! A worker: takes a connection from the channel, lets it go on, and passes it to where it belongs
//! next.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::connection::read_buffer::ReadBuffer;
use super::connection::{Connection, Pool, Wakeup, Worker};
use super::pool::{Next, Task};

/// Works until the channel says that the server has ended.
pub(super) fn work(pool: &Pool) {
    let (mut worker, mut read_buffer) = (Worker::new(pool), ReadBuffer::new());
    loop {
        match worker.next() {
            // A panic has been logged by the panic hook; it ends this connection and nothing else.
            // The buffer holds nothing that outlives the connection.
            Task::Serve(mut connection, wakeup) => {
                let serve = || {
                    let next = connection.run(wakeup, &mut worker, &mut read_buffer);
                    pass_on(pool, connection, next);
                };
                let _ = catch_unwind(AssertUnwindSafe(serve));
            }
            Task::CloseFile(file, _permit) => {
                worker.run_slot = None;
                drop(file);
            }
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
