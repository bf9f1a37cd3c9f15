//! The listening sockets.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::time::Duration;

use rustix::io::Errno;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::pool::INLINE_WAIT;
use crate::limits::{BACKLOG, LINGER_TIME, UNSENT_MAX};

/// One or more sockets that listen on one port. Their connections inherit the options that the
/// workers need.
#[derive(Debug)]
pub struct Listener {
    pub(super) sockets: Vec<TcpListener>,
    /// Whether another process holds the sockets too, and listens when this one has ended.
    pub(super) is_inherited: bool,
}

/// Tries for a port that is free on every address, when the system chooses it.
const PORT_TRIES: usize = 16;

impl Listener {
    /// Listens on every address of the host, or without a host on all IPv6 and IPv4 addresses. With
    /// port 0 the system chooses.
    ///
    /// Addresses that this machine does not have are skipped, unless all of them are missing. The
    /// kernel closes a connection whose client acknowledges nothing for a little longer than the
    /// stall timeout. Fails if the host cannot be resolved, or if an address cannot be bound
    /// (bind(2), listen(2)).
    pub fn bind(host: Option<&str>, port: u16, stall_timeout: Duration) -> io::Result<Self> {
        let Some(host) = host else {
            let socket = match bind((Ipv6Addr::UNSPECIFIED, port).into(), stall_timeout) {
                Err(error) if is_missing(&error) => bind((Ipv4Addr::UNSPECIFIED, port).into(), stall_timeout),
                bound => bound,
            };
            return Ok(Listener::bound(vec![socket?]));
        };
        let addresses = resolve(host, port)?;
        let mut tries = 0..PORT_TRIES;
        loop {
            match bind_all(&addresses, stall_timeout) {
                Err(error) if port == 0 && error.kind() == io::ErrorKind::AddrInUse && tries.next().is_some() => {}
                bound => return bound.map(Listener::bound),
            }
        }
    }

    fn bound(sockets: Vec<TcpListener>) -> Self {
        Listener { sockets, is_inherited: false }
    }

    /// Takes listening sockets of another process, such as a service manager. Their options are
    /// set as if they were bound here.
    pub fn inherit(sockets: Vec<TcpListener>, stall_timeout: Duration) -> io::Result<Self> {
        for socket in &sockets {
            socket.set_nonblocking(true)?;
            prepare(SockRef::from(socket), stall_timeout)?;
        }
        Ok(Listener { sockets, is_inherited: true })
    }

    /// The addresses of the sockets.
    pub fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.sockets.iter().map(TcpListener::local_addr).collect()
    }
}

/// Resolves a host. localhost is always both loopback addresses (RFC 6761 section 6.3), whatever
/// /etc/hosts says, because browsers try both.
fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if host.trim_end_matches('.').eq_ignore_ascii_case("localhost") {
        return Ok(vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()]);
    }
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in (host, port).to_socket_addrs()? {
        // /etc/hosts may list an address twice.
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

/// Listens on all addresses, with the same port on each even if it is 0.
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

/// Whether this machine lacks the address or its whole address family.
fn is_missing(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL))
}

fn bind(address: SocketAddr, stall_timeout: Duration) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if let SocketAddr::V6(address) = address {
        // The system default varies (ipv6(7), bindv6only).
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    // Connections of an earlier run in TIME_WAIT must not prevent the bind (socket(7)).
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    prepare(SockRef::from(&socket), stall_timeout)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Sets the options that connections inherit from the listener (tcp(7), socket(7)), which saves
/// four system calls each: no delay for small responses, timeouts of blocking calls, the limit of
/// unsent bytes. They must be set before listen(2), or the first connections lack them.
fn prepare(socket: SockRef, stall_timeout: Duration) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    // This also covers closed sockets, whose unacknowledged bytes the kernel would keep for
    // minutes. The server's own timeout comes a little earlier.
    socket.set_tcp_user_timeout(Some(stall_timeout + LINGER_TIME))?;
    socket.set_read_timeout(Some(INLINE_WAIT))?;
    socket.set_write_timeout(Some(INLINE_WAIT))?;
    socket.set_tcp_notsent_lowat(UNSENT_MAX)
}

/// Sets the same options on a connection that was in the backlog of an inherited socket before
/// they were set there.
pub(super) fn prepare_connection(socket: &Socket, stall_timeout: Duration) -> io::Result<()> {
    match socket.read_timeout()? {
        Some(_) => Ok(()),
        None => prepare(SockRef::from(socket), stall_timeout),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    const STALL_TIMEOUT: Duration = Duration::from_secs(60);

    fn accept(listener: &Listener) -> Socket {
        listener.sockets[0].set_nonblocking(false).expect("the socket is open");
        listener.sockets[0].accept().expect("the client has connected").0.into()
    }

    fn assert_prepared(socket: &Socket) {
        assert!(socket.tcp_nodelay().expect("an option"));
        assert_eq!(socket.tcp_user_timeout().expect("an option"), Some(STALL_TIMEOUT + LINGER_TIME));
        assert_eq!(socket.tcp_notsent_lowat().expect("an option"), UNSENT_MAX);
        // The kernel rounds up to its ticks.
        for time in [socket.read_timeout(), socket.write_timeout()] {
            assert!(time.expect("an option").is_some_and(|time| (INLINE_WAIT..INLINE_WAIT * 4).contains(&time)));
        }
    }

    #[test]
    fn connections_inherit_the_options_of_the_listener() {
        let listener = Listener::bind(Some("127.0.0.1"), 0, STALL_TIMEOUT).expect("a free port");
        let _client = TcpStream::connect(&*listener.addresses().expect("it is bound")).expect("it listens");
        assert_prepared(&accept(&listener));
    }

    #[test]
    fn connections_to_an_inherited_socket_have_the_same_options_even_the_first() {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = socket.local_addr().expect("it is bound");
        let _first = TcpStream::connect(address).expect("it listens");
        let listener = Listener::inherit(vec![socket], STALL_TIMEOUT).expect("options");
        let _second = TcpStream::connect(address).expect("it listens");
        let first = accept(&listener);
        prepare_connection(&first, STALL_TIMEOUT).expect("options");
        assert_prepared(&first);
        assert_prepared(&accept(&listener));
    }

    #[test]
    fn without_a_host_it_listens_on_ipv6_and_ipv4() {
        let listener = Listener::bind(None, 0, STALL_TIMEOUT).expect("a free port");
        let [address] = *listener.addresses().expect("it is bound") else { panic!("one socket serves both") };
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
    fn missing_addresses_are_skipped_unless_all_are_missing() {
        let missing = ["192.0.2.1:0", "[2001:db8::1]:0"].map(|address| address.parse().expect("an address"));
        let error = bind_all(&missing, STALL_TIMEOUT).expect_err("these are for documentation (RFC 5737, RFC 3849)");
        assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable);
        let sockets =
            bind_all(&[missing[0], (Ipv4Addr::LOCALHOST, 0).into(), missing[1]], STALL_TIMEOUT).expect("a free port");
        assert_eq!(sockets.len(), 1);
    }

    #[test]
    fn a_port_taken_on_one_address_is_in_use() {
        let taken = bind((Ipv4Addr::new(127, 0, 0, 2), 0).into(), STALL_TIMEOUT).expect("a free port");
        let port = taken.local_addr().expect("it is bound").port();
        let error =
            bind_all(&[(Ipv4Addr::LOCALHOST, port).into(), (Ipv4Addr::new(127, 0, 0, 2), port).into()], STALL_TIMEOUT);
        assert_eq!(error.expect_err("it is taken").kind(), io::ErrorKind::AddrInUse);
    }
}
