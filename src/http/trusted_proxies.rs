//! The proxies that are believed: addresses and networks in CIDR notation (RFC 4632 section 3.1).

use std::net::IpAddr;
use std::str::FromStr;

/// The addresses of the proxies whose word about a client is believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<Network>);

/// All addresses that share the first `length` bits with this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    length: u32,
}

impl TrustedProxies {
    /// Reads addresses and networks such as `127.0.0.1`, `10.0.0.0/8` and `fd00::/8`. Fails with
    /// the first that is neither.
    pub fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, &'a str> {
        let networks = texts.into_iter().map(|text| text.parse().map_err(|()| text));
        networks.collect::<Result<_, _>>().map(TrustedProxies)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this is the address of one. An IPv4 client of an IPv6 socket counts with its IPv4
    /// address (RFC 4291 section 2.5.5.2).
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address.to_canonical()))
    }
}

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        let common = match (self.address, address) {
            (IpAddr::V4(one), IpAddr::V4(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
            (IpAddr::V6(one), IpAddr::V6(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
            _ => return false,
        };
        common >= self.length
    }
}

impl FromStr for Network {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
        let address = address.parse::<IpAddr>().map_err(|_| ())?.to_canonical();
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let length = length.map_or(Ok(longest), str::parse).map_err(|_| ())?;
        if length <= longest { Ok(Network { address, length }) } else { Err(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_contains_the_addresses_that_share_its_first_bits() {
        for (network, inside, outside) in [
            ("127.0.0.1", &["127.0.0.1", "::ffff:127.0.0.1"][..], &["127.0.0.2", "::1", "::ffff:127.0.0.2"][..]),
            ("10.0.0.0/8", &["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"], &["11.0.0.0", "9.255.255.255", "a00::"]),
            ("192.0.2.128/25", &["192.0.2.128", "192.0.2.255"], &["192.0.2.127"]),
            ("10.1.2.3/8", &["10.9.9.9"], &["11.1.2.3"]),
            ("0.0.0.0/0", &["192.0.2.1", "::ffff:192.0.2.1"], &["2001:db8::1"]),
            ("::1", &["::1"], &["::2", "127.0.0.1"]),
            ("::ffff:192.0.2.1", &["192.0.2.1", "::ffff:192.0.2.1"], &["192.0.2.2"]),
            ("2001:db8::/32", &["2001:db8::", "2001:db8:ffff::1"], &["2001:db9::", "32.1.13.184"]),
            ("::/0", &["2001:db8::1"], &["192.0.2.1", "::ffff:192.0.2.1"]),
        ] {
            let trusted = TrustedProxies::new([network]).expect("a network");
            for address in inside {
                assert!(trusted.contains(address.parse().expect("an address")), "{address} in {network}");
            }
            for address in outside {
                assert!(!trusted.contains(address.parse().expect("an address")), "{address} not in {network}");
            }
        }
        assert!(!TrustedProxies::default().contains("127.0.0.1".parse().expect("an address")));
    }

    #[test]
    fn what_is_neither_an_address_nor_a_network_is_named() {
        for text in [
            "",
            "localhost",
            "10.0.0",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/-1",
            "10.0.0.0/8/8",
            "010.0.0.1",
            "::/129",
            "[::1]",
            "fe80::1%eth0",
            "10.0.0.0/255.0.0.0",
            " 10.0.0.1",
        ] {
            assert_eq!(TrustedProxies::new(["::1", text]), Err(text));
        }
    }
}
