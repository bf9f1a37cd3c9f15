//! Bytes that a socket holds because the client has not acknowledged them: sock_diag(7).

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

use rustix::net::netlink::SOCK_DIAG;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with};
use socket2::Socket;

/// Asks the kernel about the send queues of sockets.
#[derive(Debug)]
pub(in crate::serve) struct SendQueues {
    /// None if the kernel does not offer it or a sandbox forbids it.
    netlink: Option<Mutex<OwnedFd>>,
}

// linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h.
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_TCP: u8 = 6;
const ALL_STATES: u32 = u32::MAX;
const NO_COOKIE: [u8; 8] = [0xff; 8];
/// Bytes of struct nlmsghdr, which struct inet_diag_req_v2 follows.
const HEADER: usize = 16;
const REQUEST: usize = HEADER + 56;
/// Offset of idiag_wqueue in struct inet_diag_msg after the header.
const WRITE_QUEUE: usize = HEADER + 60;

impl SendQueues {
    /// Logs a warning with the consequence if sock_diag is not available.
    pub fn new() -> Self {
        let open = || {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, Some(SOCK_DIAG))
        };
        match open() {
            Ok(netlink) => SendQueues { netlink: Some(Mutex::new(netlink)) },
            Err(error) => {
                log::warn!("slow readers may lose the end of their last answer: sock_diag is not available ({error})");
                SendQueues { netlink: None }
            }
        }
    }

    /// Bytes that the client has not acknowledged; None if the kernel does not say.
    pub fn unacknowledged(&self, socket: &Socket) -> Option<u64> {
        let local = socket.local_addr().ok()?.as_socket()?;
        let peer = socket.peer_addr().ok()?.as_socket()?;
        let netlink = self.netlink.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        send(&*netlink, &request(local, peer), SendFlags::empty()).ok()?;
        let mut answer = [0; 1024];
        // The kernel replies within send(2): a reply that is not there yet will not come.
        let (_, length) = recv(&*netlink, &mut answer, RecvFlags::empty()).ok()?;
        let is_socket = answer[4..6] == SOCK_DIAG_BY_FAMILY.to_ne_bytes();
        let queue = answer[..length].get(WRITE_QUEUE..WRITE_QUEUE + 4)?;
        is_socket.then(|| u32::from_ne_bytes(queue.try_into().expect("four bytes")).into())
    }
}

/// A request for one socket. An IPv4 connection of an IPv6 listener counts as IPv6.
fn request(local: SocketAddr, peer: SocketAddr) -> [u8; REQUEST] {
    let address = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => {
            let mut octets = [0; 16];
            octets[..4].copy_from_slice(&ip.octets());
            octets
        }
        IpAddr::V6(ip) => ip.octets(),
    };
    let scope = if let SocketAddr::V6(peer) = peer { peer.scope_id() } else { 0 };
    let family = if local.is_ipv4() { AF_INET } else { AF_INET6 };
    let mut request = [0; REQUEST];
    let mut rest = &mut request[..];
    for field in [
        &(REQUEST as u32).to_ne_bytes()[..],
        &SOCK_DIAG_BY_FAMILY.to_ne_bytes(),
        &NLM_F_REQUEST.to_ne_bytes(),
        &[0; 8],
        &[family, IPPROTO_TCP, 0, 0],
        &ALL_STATES.to_ne_bytes(),
        &local.port().to_be_bytes(),
        &peer.port().to_be_bytes(),
        &address(local.ip()),
        &address(peer.ip()),
        &scope.to_ne_bytes(),
        &NO_COOKIE,
    ] {
        let (place, behind) = rest.split_at_mut(field.len());
        place.copy_from_slice(field);
        rest = behind;
    }
    request
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};

    use super::*;

    /// Fills the socket of a client that reads nothing. Returns the bytes it took.
    fn fill(socket: &Socket) -> u64 {
        socket.set_nonblocking(true).expect("the socket is open");
        let mut filled = 0;
        loop {
            match (&mut &*socket).write(&[0; 64 * 1024]) {
                Ok(count) => filled += count as u64,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return filled,
                Err(error) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn unacknowledged_bytes_are_counted() {
        let send_queues = SendQueues::new();
        // An IPv4 client of a listener on all addresses has an IPv6 address.
        let everywhere = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0));
        for listener in [TcpListener::bind((Ipv4Addr::LOCALHOST, 0)), everywhere].into_iter().flatten() {
            let port = listener.local_addr().expect("it is bound").port();
            let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("it listens");
            let socket: Socket = listener.accept().expect("the client has connected").0.into();
            let filled = fill(&socket);
            let queued = send_queues.unacknowledged(&socket).expect("sock_diag is available");
            assert!(0 < queued && queued <= filled, "{queued} of {filled}");
            client.read_exact(&mut vec![0; filled as usize]).expect("it was sent");
            while send_queues.unacknowledged(&socket) != Some(0) {
                std::thread::yield_now();
            }
        }
    }
}
