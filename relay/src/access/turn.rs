//! Our TURN server (RFC 8656): for clients whose network lets them reach neither the media port nor ICE-TCP's.
//!
//! It relays to this relay's own media addresses only, so nothing of an allocation is a socket: what a client sends to such
//! an address goes to the media workers by a link, and the relayed address is a name by which they see it. Nobody can
//! reach anything else through us.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
};

use rtc::crypto::RTCCryptoProvider;

use super::{
    admission::{Admission, Limits},
    counts::Counts,
};
use crate::engine::Gate;

mod back;
mod credentials;
mod message;
mod session;
mod udp;

#[cfg(any(test, fuzzing))]
pub(crate) use session::fuzzing;

pub(super) use back::Back;
pub(super) use credentials::Credentials;
pub(super) use session::Session;
pub(super) use udp::serve;

/// The realm of credentials; every relay has secrets of its own.
const REALM: &str = "convoke";
/// Ports of relayed addresses (RFC 8656 §7.2); nothing listens there.
const PORTS: std::ops::RangeInclusive<u16> = 49_152..=65_535;

/// What all sessions share.
pub(super) struct Server {
    credentials: Credentials,
    /// The media addresses: the only peers there are.
    peers: Vec<SocketAddr>,
    gate: Gate,
    admission: Admission<String>,
    crypto: Arc<dyn RTCCryptoProvider>,
    counts: Arc<Counts>,
    next_port: AtomicU16,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("peers", &self.peers)
            .finish_non_exhaustive()
    }
}

impl Server {
    pub(super) fn new(
        credentials: Credentials,
        peers: Vec<SocketAddr>,
        gate: Gate,
        allocations: Limits,
        crypto: Arc<dyn RTCCryptoProvider>,
        counts: Arc<Counts>,
    ) -> Self {
        Self {
            credentials,
            peers,
            gate,
            admission: Admission::new(allocations),
            crypto,
            counts,
            next_port: AtomicU16::default(),
        }
    }

    pub(super) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Allocations there are.
    pub(super) fn allocations(&self) -> usize {
        self.admission.total()
    }

    /// An address of ours that relays, of the family asked for (1 is IPv4, 2 is IPv6) or of the first that we have.
    fn relayed(&self, family: Option<u8>) -> Option<SocketAddr> {
        let mut ours = self.peers.iter().map(SocketAddr::ip);
        let ip = match family {
            Some(1) => ours.find(IpAddr::is_ipv4),
            Some(2) => ours.find(IpAddr::is_ipv6),
            Some(_) => None,
            None => ours.clone().find(IpAddr::is_ipv4).or_else(|| ours.next()),
        }?;
        let ports = PORTS.end() - PORTS.start() + 1;
        let next = self.next_port.fetch_add(1, Ordering::Relaxed);
        Some(SocketAddr::new(ip, PORTS.start() + next % ports))
    }

    /// Whether permissions towards this address are given.
    fn serves(&self, peer: IpAddr) -> bool {
        self.peers.iter().any(|ours| ours.ip() == peer)
    }

    /// Whether datagrams to this address are relayed.
    fn relays_to(&self, peer: SocketAddr) -> bool {
        self.peers.contains(&peer)
    }
}
