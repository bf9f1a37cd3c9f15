//! The lower bound for servers of small files on this machine: receives anything and sends constant
//! bytes, as cheaply as epoll allows a server that never gathers events. It parses no request and
//! opens no file. `scripts/bench-peers.sh` compares servers with it. It is not part of reeld.

use std::io;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::thread;

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::net::{RecvFlags, SendFlags, recv, send};
use socket2::{Domain, Socket, Type};

fn main() -> io::Result<()> {
    let (head, content) = (HEAD.as_bytes(), [b'k'; 1024]);
    let answer = [head, &content].concat();
    let first = listener(0)?;
    let port = first.local_addr()?.as_socket().expect("an address").port();
    let mut listeners = vec![first];
    for _ in 1..num_cpus::get() {
        listeners.push(listener(port)?);
    }
    eprintln!("listening on http://127.0.0.1:{port}/");
    thread::scope(|scope| {
        for listener in listeners {
            scope.spawn(|| serve(listener, &answer));
        }
    });
    Ok(())
}

/// As long as a response head of reeld for a file of 1 KiB.
const HEAD: &str = "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nConnection: keep-alive\r\n\
    Accept-Ranges: bytes\r\nContent-Type: application/octet-stream\r\nX-Content-Type-Options: nosniff\r\n\
    Content-Length: 1024\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nETag: \"400-ae1b981bc490a00\"\r\n\r\n";

fn listener(port: u16) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_port(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.bind(&SocketAddrV4::new(Ipv4Addr::LOCALHOST, port).into())?;
    socket.listen(4096)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn serve(listener: Socket, answer: &[u8]) {
    let epoll = epoll::create(CreateFlags::CLOEXEC).expect("a descriptor");
    let of = |fd: i32| EventData::new_u64(fd as u64);
    epoll::add(&epoll, &listener, of(listener.as_raw_fd()), EventFlags::IN).expect("it is ours");
    let mut connections: Vec<Option<OwnedFd>> = Vec::new();
    let mut events = [MaybeUninit::uninit(); 256];
    let mut bytes = [0; 4096];
    loop {
        let Ok((ready, _)) = epoll::wait(&epoll, &mut events, None) else { continue };
        for event in ready {
            let fd = event.data.u64() as usize;
            if fd == listener.as_raw_fd() as usize {
                while let Ok((connection, _)) = listener.accept_raw() {
                    let fd = connection.as_raw_fd() as usize;
                    epoll::add(&epoll, &connection, of(fd as i32), EventFlags::IN).expect("it is ours");
                    connections.resize_with(connections.len().max(fd + 1), || None);
                    connections[fd] = Some(connection.into());
                }
                continue;
            }
            let Some(connection) = &connections[fd] else { continue };
            let received = recv(connection.as_fd(), &mut bytes, RecvFlags::DONTWAIT);
            let gone = matches!(received, Ok((_, 0)) | Err(_));
            if gone || send(connection.as_fd(), answer, SendFlags::NOSIGNAL).is_err() {
                connections[fd] = None;
            }
        }
    }
}
