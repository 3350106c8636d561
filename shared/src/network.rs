//! The network that a request comes from: what failures are counted by, since one person has many addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network: the /24 of an IPv4 address, the /64 of an IPv6 address.
///
/// ```
/// use domain::network::Network;
/// assert_eq!(Network::of("192.0.2.77".parse()?).to_string(), "192.0.2.0/24");
/// assert_eq!(Network::of("2001:db8:1:2:3::4".parse()?).to_string(), "2001:db8:1:2::/64");
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network(IpAddr);

impl Network {
    /// The network of this address; an IPv4 address in IPv6 clothes counts as IPv4.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & 0xffff_ff00))),
            IpAddr::V6(address) => Self(IpAddr::V6(Ipv6Addr::from_bits(
                address.to_bits() & !0xffff_ffff_ffff_ffff,
            ))),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.0, if self.0.is_ipv4() { 24 } else { 64 })
    }
}
