//! A worker: takes a connection from the channel, lets it go on, and passes it to where it belongs
//! next.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::connection::read_buffer::ReadBuffer;
use super::connection::{Connection, Next, Pool, Wakeup, Worker};
use super::pool::Task;

/// Works until the channel says that the server has ended.
pub(super) fn work(pool: &Pool) {
    let (mut worker, mut read_buffer) = (Worker::new(pool), ReadBuffer::new());
    loop {
        match worker.next() {
            // A panic has been logged by the panic hook; it ends this connection and nothing else.
            // The buffer holds nothing that outlives the connection.
            Task::Serve(connection, wakeup) => {
                let run = || connection.run(wakeup, &mut worker, &mut read_buffer);
                if let Ok(next) = catch_unwind(AssertUnwindSafe(run)) {
                    pass_on(pool, next);
                }
            }
            Task::CloseFile(file, _permit) => {
                worker.run_slot = None;
                drop(file);
            }
            Task::End => break,
        }
    }
}

fn pass_on(pool: &Pool, next: Next) {
    match next {
        Next::Requeue(connection) => pool.queue(connection, Wakeup::Requeued),
        Next::Park(parked) => pool.active.park([parked]),
        Next::WaitForDisk(file_system, parked) => pool.wait_for_disk(file_system, parked),
        Next::Close(connection) => drop::<Connection>(connection),
    }
}
