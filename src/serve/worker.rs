//! A worker: takes a connection from the channel, lets it go on, and passes it to where it belongs next.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::connection::{Connection, Next};
use super::input::Input;
use super::pool::Pool;

/// Works until the channel says that the server has ended.
pub(super) fn work(pool: &Pool) {
    let mut input = Input::new();
    while let Some(connection) = pool.next() {
        // A panic has been told by the panic hook; it ends this connection and nothing else. The input holds nothing that
        // outlives the connection.
        if let Ok(next) = catch_unwind(AssertUnwindSafe(|| connection.serve(pool, &mut input))) {
            pass_on(pool, next);
        }
    }
    // Others must hear of the end, too.
    pool.places.pass_on();
}

fn pass_on(pool: &Pool, next: Next) {
    match next {
        Next::Queue(connection) => pool.queue(connection),
        Next::Park(parked) => pool.recent.park([parked]),
        Next::WaitForDisk(connection) => pool.disk.wait(connection),
        Next::Close(connection) => drop::<Connection>(connection),
    }
}
