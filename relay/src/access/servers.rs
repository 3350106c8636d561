//! The servers that clients are told of, with credentials of their own.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use livekit_protocol::IceServer;
use relay_core::room::{IceServers, Now, Ticket};

use super::turn::Server;

/// Longest life of credentials, in seconds: a client may need them for the first time when it publishes, long after it has
/// joined. An allocation may outlive them.
const CREDENTIALS_SECONDS: i64 = 12 * 3_600;

/// Names our servers.
#[derive(Debug)]
pub(super) struct Servers {
    turn: Arc<Server>,
    stun_urls: Vec<String>,
    turn_urls: Vec<String>,
}

impl Servers {
    /// On these ports of the best address of each family, best first; `tls` is name and port of TURN by TLS.
    pub(super) fn new(
        turn: Arc<Server>,
        addresses: &[SocketAddr],
        udp: u16,
        tcp: u16,
        tls: Option<(&str, u16)>,
    ) -> Self {
        let mut ips = addresses.iter().map(SocketAddr::ip);
        let best = [ips.clone().find(IpAddr::is_ipv4), ips.find(IpAddr::is_ipv6)];
        let (mut stun_urls, mut turn_urls) = (Vec::new(), Vec::new());
        for ip in best.into_iter().flatten() {
            let (udp, tcp) = (SocketAddr::new(ip, udp), SocketAddr::new(ip, tcp));
            stun_urls.push(format!("stun:{udp}"));
            turn_urls.push(format!("turn:{udp}?transport=udp"));
            turn_urls.push(format!("turn:{tcp}?transport=tcp"));
        }
        turn_urls.extend(tls.map(|(name, port)| format!("turns:{name}:{port}?transport=tcp")));
        Self {
            turn,
            stun_urls,
            turn_urls,
        }
    }
}

impl IceServers for Servers {
    fn servers(&self, now: Now, ticket: &Ticket) -> Vec<IceServer> {
        let until = ticket.expires.min(now.unix_ms / 1_000 + CREDENTIALS_SECONDS);
        // The `jti`s of one room mean nothing in another.
        let session = format!("{} {}", ticket.room, ticket.jti);
        let (username, credential) = self.turn.credentials().issue(&session, until);
        vec![
            IceServer {
                urls: self.stun_urls.clone(),
                ..IceServer::default()
            },
            IceServer {
                urls: self.turn_urls.clone(),
                username,
                credential,
            },
        ]
    }
}
