//! The listening socket.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};

use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use super::pool::CLIENT_WAIT;
use crate::limits::{BACKLOG, UNSENT_MAX};

/// A socket that listens, and whose connections are as the workers need them.
#[derive(Debug)]
pub struct Listener(pub(super) TcpListener);

impl Listener {
    /// Binds and listens. Without a host on all addresses, of IPv6 and IPv4; port 0 lets the system choose one.
    pub fn bind(host: Option<&str>, port: u16) -> io::Result<Self> {
        let Some(host) = host else {
            return match bind((Ipv6Addr::UNSPECIFIED, port).into()) {
                Err(error) if no_ipv6(&error) => bind((Ipv4Addr::UNSPECIFIED, port).into()),
                bound => bound,
            };
        };
        let address = (host, port).to_socket_addrs()?.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
        bind(address)
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

fn no_ipv6(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL))
}

fn bind(address: SocketAddr) -> io::Result<Listener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if let SocketAddr::V6(address) = address {
        // Some systems are set up otherwise (ipv6(7), bindv6only).
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    // Connections of an earlier run that linger in TIME_WAIT do not stand in the way (socket(7)).
    socket.set_reuse_address(true)?;
    prepare(&socket)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(Listener(socket.into()))
}

/// Sets what every connection inherits from the listener (tcp(7), socket(7)), which saves four system calls for each: no
/// delay of small answers, the longest time that a blocking call may wait, the limit of unsent bytes. It must be set before
/// the socket listens, or the first connections would come without it.
fn prepare(socket: &Socket) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_read_timeout(Some(CLIENT_WAIT))?;
    socket.set_write_timeout(Some(CLIENT_WAIT))?;
    socket.set_tcp_notsent_lowat(UNSENT_MAX)
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use socket2::SockRef;

    use super::*;

    #[test]
    fn connections_inherit_what_the_workers_need() {
        let listener = Listener::bind(Some("127.0.0.1"), 0).expect("a free port");
        let _client = TcpStream::connect(listener.address().expect("it is bound")).expect("it listens");
        listener.0.set_nonblocking(false).expect("it is ours");
        let (stream, _) = listener.0.accept().expect("the client has connected");
        let socket = SockRef::from(&stream);
        assert!(socket.tcp_nodelay().expect("an option"));
        assert_eq!(socket.tcp_notsent_lowat().expect("an option"), UNSENT_MAX);
        // The kernel rounds up to its ticks.
        for time in [socket.read_timeout(), socket.write_timeout()] {
            assert!(time.expect("an option").is_some_and(|time| (CLIENT_WAIT..CLIENT_WAIT * 4).contains(&time)));
        }
    }

    #[test]
    fn without_a_host_it_listens_on_both_kinds_of_addresses() {
        let listener = Listener::bind(None, 0).expect("a free port");
        let address = listener.address().expect("it is bound");
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, address.port())).is_ok());
        if address.is_ipv6() {
            assert!(TcpStream::connect((Ipv6Addr::LOCALHOST, address.port())).is_ok());
        }
    }
}
