//! Receiving: what a client sends, and how long a worker may wait for it.

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use socket2::Socket;

use super::read_buffer::ReadBuffer;
use crate::serve::pool::inbox::Interest;
use crate::serve::pool::{Next, Worker};

/// How a worker may receive next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Receive {
    /// The poller saw something, or the connection is new: try, and block if the worker may.
    TryThenBlock,
    /// After a response: block if the worker may. Trying first is futile, as the client has not
    /// read the response yet.
    Block,
    /// Leave waiting to the poller, which enforces the deadline.
    Park,
}

/// Receives what has arrived, or what arrives while the worker may block.
pub(in crate::serve) fn receive<C: Send + 'static>(
    socket: &Socket,
    worker: &mut Worker<C>,
    read_buffer: &mut ReadBuffer,
    how: Receive,
) -> Result<(), Next> {
    if how == Receive::TryThenBlock {
        match receive_with(socket, read_buffer, RecvFlags::DONTWAIT) {
            Err(Next::Wait(_)) => {}
            received => return received,
        }
    }
    let permit = if how == Receive::Park { None } else { worker.try_block() };
    let Some(_permit) = permit else { return Err(Next::Wait(Interest::Readable)) };
    receive_with(socket, read_buffer, RecvFlags::empty())
}

fn receive_with(socket: &Socket, read_buffer: &mut ReadBuffer, flags: RecvFlags) -> Result<(), Next> {
    match recv(socket, read_buffer.spare(), flags) {
        Ok((_, 0)) => Err(Next::Close),
        Ok((_, count)) => {
            read_buffer.received(count);
            Ok(())
        }
        Err(Errno::INTR) => Ok(()),
        Err(Errno::AGAIN) => Err(Next::Wait(Interest::Readable)),
        Err(_) => Err(Next::Close),
    }
}

/// Receives and drops what a client still sends until it closes its side (RFC 9112 section 9.6).
pub(in crate::serve) fn linger<C: Send + 'static>(
    socket: &Socket,
    left: &mut u64,
    worker: &mut Worker<C>,
    read_buffer: &mut ReadBuffer,
    how: Receive,
) -> Next {
    read_buffer.consume(read_buffer.bytes().len());
    let mut received = receive(socket, worker, read_buffer, how);
    loop {
        if let Err(next) = received {
            return next;
        }
        let dropped = read_buffer.bytes().len();
        if dropped as u64 >= *left {
            return Next::Close;
        }
        read_buffer.consume(dropped);
        *left -= dropped as u64;
        received = receive_with(socket, read_buffer, RecvFlags::DONTWAIT);
    }
}

/// Receives and drops what has arrived, so that closing the socket does not reset the connection.
pub(in crate::serve) fn discard(socket: &Socket) {
    let mut bytes = [0; 4096];
    while recv(socket, &mut bytes, RecvFlags::DONTWAIT).is_ok_and(|(_, count)| count > 0) {}
}
