//! The listening sockets.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::time::Duration;

use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use super::pool::INLINE_WAIT;
use crate::limits::{BACKLOG, LINGER_TIME, UNSENT_MAX};

/// Sockets that listen on one port, and whose connections are as the workers need them. There is at
/// least one.
#[derive(Debug)]
pub struct Listener(pub(super) Vec<TcpListener>);

/// How often another port is tried if the system chose one that is taken on another address.
const PORT_TRIES: usize = 16;

impl Listener {
    /// Binds and listens on every address of the host; without a host on all addresses, of IPv6 and
    /// IPv4. Port 0 lets the system choose one.
    ///
    /// Of a host's addresses those that this machine does not have are left out, unless it has none
    /// of them. Where a client takes nothing of an answer for longer than the stall timeout, the
    /// kernel ends the connection. Fails if the host cannot be resolved, or an address not be
    /// listened on (bind(2), listen(2)).
    pub fn bind(host: Option<&str>, port: u16, stall_timeout: Duration) -> io::Result<Self> {
        let Some(host) = host else {
            let socket = match bind((Ipv6Addr::UNSPECIFIED, port).into(), stall_timeout) {
                Err(error) if is_missing(&error) => bind((Ipv4Addr::UNSPECIFIED, port).into(), stall_timeout),
                bound => bound,
            };
            return Ok(Listener(vec![socket?]));
        };
        let addresses = resolve(host, port)?;
        let mut tries = 0..PORT_TRIES;
        loop {
            match bind_all(&addresses, stall_timeout) {
                Err(error) if port == 0 && error.kind() == io::ErrorKind::AddrInUse && tries.next().is_some() => {}
                bound => return bound.map(Listener),
            }
        }
    }

    /// Where it listens.
    pub fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.0.iter().map(TcpListener::local_addr).collect()
    }
}

/// The addresses of a host. Those of localhost are the same everywhere (RFC 6761 section 6.3),
/// whatever is in /etc/hosts: browsers try both.
fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if host.trim_end_matches('.').eq_ignore_ascii_case("localhost") {
        return Ok(vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()]);
    }
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in (host, port).to_socket_addrs()? {
        // /etc/hosts may have one twice.
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

/// Listens on all of them, on the same port even if it is 0.
fn bind_all(addresses: &[SocketAddr], stall_timeout: Duration) -> io::Result<Vec<TcpListener>> {
    let mut sockets: Vec<TcpListener> = Vec::new();
    let mut missing = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        let mut address = *address;
        if let Some(first) = sockets.first() {
            address.set_port(first.local_addr()?.port());
        }
        match bind(address, stall_timeout) {
            Ok(socket) => sockets.push(socket),
            Err(error) if is_missing(&error) => missing = error,
            Err(error) => return Err(error),
        }
    }
    if sockets.is_empty() { Err(missing) } else { Ok(sockets) }
}

/// Whether the machine does not have the address, or no addresses of its kind.
fn is_missing(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL))
}

fn bind(address: SocketAddr, stall_timeout: Duration) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if let SocketAddr::V6(address) = address {
        // Some systems are set up otherwise (ipv6(7), bindv6only).
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    // Connections of an earlier run that linger in TIME_WAIT do not stand in the way (socket(7)).
    socket.set_reuse_address(true)?;
    prepare(&socket, stall_timeout)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Sets what every connection inherits from the listener (tcp(7), socket(7)), which saves four
/// system calls for each: no delay of small answers, the longest time that a blocking call may
/// wait, the limit of unsent bytes. It must be set before the socket listens, or the first
/// connections would come without it.
fn prepare(socket: &Socket, stall_timeout: Duration) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    // Also after we have closed it: the kernel would keep what the client does not take for
    // minutes. The server itself gives up such a client a little earlier.
    socket.set_tcp_user_timeout(Some(stall_timeout + LINGER_TIME))?;
    socket.set_read_timeout(Some(INLINE_WAIT))?;
    socket.set_write_timeout(Some(INLINE_WAIT))?;
    socket.set_tcp_notsent_lowat(UNSENT_MAX)
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use socket2::SockRef;

    use super::*;

    const STALL_TIMEOUT: Duration = Duration::from_secs(60);

    #[test]
    fn connections_inherit_what_the_workers_need() {
        let listener = Listener::bind(Some("127.0.0.1"), 0, STALL_TIMEOUT).expect("a free port");
        let _client = TcpStream::connect(&*listener.addresses().expect("it is bound")).expect("it listens");
        listener.0[0].set_nonblocking(false).expect("it is ours");
        let (stream, _) = listener.0[0].accept().expect("the client has connected");
        let socket = SockRef::from(&stream);
        assert!(socket.tcp_nodelay().expect("an option"));
        assert_eq!(socket.tcp_user_timeout().expect("an option"), Some(STALL_TIMEOUT + LINGER_TIME));
        assert_eq!(socket.tcp_notsent_lowat().expect("an option"), UNSENT_MAX);
        // The kernel rounds up to its ticks.
        for time in [socket.read_timeout(), socket.write_timeout()] {
            assert!(time.expect("an option").is_some_and(|time| (INLINE_WAIT..INLINE_WAIT * 4).contains(&time)));
        }
    }

    #[test]
    fn without_a_host_it_listens_on_both_kinds_of_addresses() {
        let listener = Listener::bind(None, 0, STALL_TIMEOUT).expect("a free port");
        let [address] = *listener.addresses().expect("it is bound") else { panic!("one socket is for both") };
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, address.port())).is_ok());
        if address.is_ipv6() {
            assert!(TcpStream::connect((Ipv6Addr::LOCALHOST, address.port())).is_ok());
        }
    }

    #[test]
    fn localhost_is_both_addresses_on_one_port() {
        if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
            eprintln!("skipped: this machine has no IPv6");
            return;
        }
        for _ in 0..100 {
            let listener = Listener::bind(Some("localhost"), 0, STALL_TIMEOUT).expect("a free port");
            let addresses = listener.addresses().expect("it is bound");
            let port = addresses[0].port();
            assert_eq!(addresses, [(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()]);
        }
    }

    #[test]
    fn addresses_that_are_missing_are_left_out_unless_all_are() {
        let missing = ["192.0.2.1:0", "[2001:db8::1]:0"].map(|address| address.parse().expect("an address"));
        let error = bind_all(&missing, STALL_TIMEOUT).expect_err("these are for documentation (RFC 5737, RFC 3849)");
        assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable);
        let sockets =
            bind_all(&[missing[0], (Ipv4Addr::LOCALHOST, 0).into(), missing[1]], STALL_TIMEOUT).expect("a free port");
        assert_eq!(sockets.len(), 1);
    }

    #[test]
    fn a_port_that_is_taken_on_another_address_is_in_use() {
        let taken = bind((Ipv4Addr::new(127, 0, 0, 2), 0).into(), STALL_TIMEOUT).expect("a free port");
        let port = taken.local_addr().expect("it is bound").port();
        let error =
            bind_all(&[(Ipv4Addr::LOCALHOST, port).into(), (Ipv4Addr::new(127, 0, 0, 2), port).into()], STALL_TIMEOUT);
        assert_eq!(error.expect_err("it is taken").kind(), io::ErrorKind::AddrInUse);
    }
}
