//! The addresses at which other devices reach the server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use if_addrs::Interface;

/// Where other devices reach a server that is bound to these addresses; the address that most of
/// them share a network with comes first. Those of interfaces that are down are left out, and the
/// link-local ones of IPv6, which no browser opens (RFC 4007 section 11). None where the system
/// does not tell its interfaces.
pub fn for_other_devices(bound: &[SocketAddr]) -> Vec<SocketAddr> {
    if bound.iter().all(|address| !address.ip().is_unspecified()) {
        return reachable(bound, &[]);
    }
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let mut local: Vec<IpAddr> = interfaces.iter().filter(|one| one.is_oper_up()).map(Interface::ip).collect();
    let main = main_address();
    // A stable sort: virtual networks of containers may come first in the list of the system.
    local.sort_by_key(|address| (Some(*address) != main, address.is_ipv6()));
    reachable(bound, &local)
}

/// The bound addresses that other devices reach; of an unspecified one those of this machine.
fn reachable(bound: &[SocketAddr], local: &[IpAddr]) -> Vec<SocketAddr> {
    let addresses = bound.iter().flat_map(|address| match address.ip() {
        any if any.is_unspecified() => {
            // A socket of IPv6 takes IPv4 as well, but not the other way round.
            let served = local.iter().filter(|local| any.is_ipv6() || local.is_ipv4());
            served.map(|local| SocketAddr::new(*local, address.port())).collect()
        }
        _ => vec![*address],
    });
    addresses.filter(|address| !address.ip().is_loopback() && !is_link_local_v6(address.ip())).collect()
}

fn is_link_local_v6(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

/// The address that the system sends from to the rest of the world. To connect a UDP socket sends
/// nothing (connect(2)).
fn main_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // Any address behind the default route does; this one is for documentation (RFC 5737).
    socket.connect((Ipv4Addr::new(203, 0, 113, 1), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_devices_reach_what_is_no_loopback_and_not_link_local() {
        let local = ["127.0.0.1", "192.0.2.7", "::1", "2001:db8::7", "fd00::7", "fe80::7"];
        let local = local.map(|address| address.parse().expect("an address"));
        for (bound, reached) in [
            ("[::]:80", &["192.0.2.7:80", "[2001:db8::7]:80", "[fd00::7]:80"][..]),
            ("0.0.0.0:80", &["192.0.2.7:80"]),
            ("127.0.0.1:80", &[]),
            ("192.0.2.7:80", &["192.0.2.7:80"]),
            ("[::1]:80", &[]),
            ("[fe80::7%2]:80", &[]),
        ] {
            let addresses = reachable(&[bound.parse().expect("an address")], &local);
            assert_eq!(addresses.iter().map(SocketAddr::to_string).collect::<Vec<_>>(), reached, "{bound}");
        }
    }
}
