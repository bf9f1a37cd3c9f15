//! The listening socket.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::time::Duration;

use rustix::io::Errno;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::limits::{BACKLOG, UNSENT_MAX};

/// Binds and listens. Without a host on all addresses, of IPv6 and IPv4; port 0 lets the system choose one.
pub fn listen(host: Option<&str>, port: u16) -> io::Result<TcpListener> {
    let Some(host) = host else {
        return match bind((Ipv6Addr::UNSPECIFIED, port).into()) {
            Err(error) if no_ipv6(&error) => bind((Ipv4Addr::UNSPECIFIED, port).into()),
            bound => bound,
        };
    };
    let address = (host, port).to_socket_addrs()?.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
    bind(address)
}

fn no_ipv6(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL))
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if let SocketAddr::V6(address) = address {
        // Some systems are set up otherwise (ipv6(7), bindv6only).
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    // Connections of an earlier run that linger in TIME_WAIT do not stand in the way (socket(7)).
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Sets what every accepted connection inherits from the listener (tcp(7), socket(7)), which saves five system calls for
/// each: no delay of small answers, the longest time that a blocking call may wait, the limit of unsent bytes.
pub(super) fn prepare(listener: &TcpListener, client_wait: Duration) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let socket = SockRef::from(listener);
    socket.set_tcp_nodelay(true)?;
    socket.set_read_timeout(Some(client_wait))?;
    socket.set_write_timeout(Some(client_wait))?;
    socket.set_tcp_notsent_lowat(UNSENT_MAX)
}
