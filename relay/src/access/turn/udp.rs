//! STUN and TURN on a UDP port of their own.
//!
//! It is not the media port: browsers take whatever comes from the address of a STUN server for its answers, and would
//! then never hear an answer to a connectivity check from there.

use std::{
    collections::{HashMap, hash_map::Entry},
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    net::UdpSocket,
    time::{MissedTickBehavior, interval, sleep},
};

use super::{Back, Server, Session};
use crate::{access::SYSTEM_FULL, control::now, limit::PerSecond};

/// Datagrams a second that are looked at of those who have no allocation: each costs an answer, to an address that
/// may be forged.
const STRANGERS_PER_SECOND: u32 = 2_000;
/// Room for one datagram.
const DATAGRAM: usize = 2_048;
const TICK: Duration = Duration::from_secs(1);

/// Serves until the relay ends.
pub(in crate::access) async fn serve(socket: Arc<UdpSocket>, server: Arc<Server>) {
    let mut port = Port {
        socket: socket.clone(),
        server,
        sessions: HashMap::new(),
        strangers: PerSecond::new(Instant::now(), STRANGERS_PER_SECOND),
    };
    let mut datagram = [0; DATAGRAM];
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            received = socket.recv_from(&mut datagram) => match received {
                Ok((len, from)) => port.handle(from, &datagram[..len]),
                // An answer that went nowhere comes back as an error of the next receive.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(error) => {
                    tracing::warn!(%error, "STUN port");
                    sleep(SYSTEM_FULL).await;
                }
            },
            _ = tick.tick() => port.handle_timeout(Instant::now()),
        }
    }
}

struct Port {
    socket: Arc<UdpSocket>,
    server: Arc<Server>,
    /// Clients with an allocation.
    sessions: HashMap<SocketAddr, Session>,
    /// Datagrams of others that are looked at.
    strangers: PerSecond,
}

impl Port {
    fn handle(&mut self, from: SocketAddr, datagram: &[u8]) {
        let now = now();
        if let Entry::Occupied(mut session) = self.sessions.entry(from) {
            session.get_mut().handle(now, datagram);
            if !session.get().has_allocation() {
                session.remove();
            }
            return;
        }
        if !self.strangers.take(now.at) {
            self.server.counts.turn_limited.add();
            return;
        }
        let back = Back::Udp(self.socket.clone(), from);
        let mut session = Session::new(self.server.clone(), from, back);
        session.handle(now, datagram);
        if session.has_allocation() {
            self.sessions.insert(from, session);
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.sessions.retain(|_, session| {
            session.handle_timeout(now);
            session.has_allocation()
        });
    }
}
