//! The ways in for clients whose network lets no UDP through to the media port: ICE-TCP and TURN.
//!
//! Whatever they come by, their datagrams go to the media workers by links, and the rest is the same for all. What a
//! client may hold here is bounded before it has shown who it is, and its connections and allocations after that.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use relay_core::room::IceServers;
use thiserror::Error;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use self::{
    admission::{Admission, network},
    certificate::{Certificate, Files},
    counts::Counts,
    servers::Servers,
    tls::Held,
    turn::{Credentials, Server},
};
use crate::{config::Tls, engine::Gate, sockets};

mod admission;
mod certificate;
mod counts;
mod frames;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod outflow;
mod servers;
mod stream;
mod tls;
mod turn;

pub use admission::Limits;
pub use certificate::CertificateError;
pub use counts::AccessStats;
pub(crate) use tls::HttpsListener;

/// Wait after the system has refused to hand a connection over: it has too few descriptors.
const SYSTEM_FULL: Duration = Duration::from_millis(100);
/// Bytes that the kernel is asked to hold of TURN's datagrams, in either direction.
const UDP_BUFFER: usize = 1 << 22;
/// Bytes that the kernel holds unsent per connection, besides ours: what waits there can no longer be dropped.
const UNSENT: u32 = 32 * 1024;

/// Which ports are opened, and how much clients may hold.
#[derive(Debug, Clone)]
pub struct AccessConfig {
    /// Address of the TCP port for ICE-TCP and TURN; port 0 takes a free one.
    pub tcp: SocketAddr,
    /// Address of the UDP port for STUN and TURN; port 0 takes a free one.
    pub udp: SocketAddr,
    /// The port for HTTPS and TURN by TLS, if there is to be one.
    pub tls: Option<Tls>,
    /// Addresses at which clients reach the media port; TURN relays to these alone.
    pub peers: Vec<SocketAddr>,
    /// Connections, in all and of one address.
    pub connections: Limits,
    /// Allocations, in all and of one participant.
    pub allocations: Limits,
}

/// Why a way in cannot be opened.
#[derive(Debug, Error)]
pub enum AccessError {
    /// The TCP port.
    #[error("TCP port {0}")]
    Tcp(SocketAddr, #[source] io::Error),
    /// The UDP port.
    #[error("STUN port {0}")]
    Udp(SocketAddr, #[source] io::Error),
    /// The TLS port.
    #[error("TLS port {0}")]
    Tls(SocketAddr, #[source] io::Error),
    /// The certificate.
    #[error("TLS certificate")]
    Certificate(#[from] CertificateError),
    /// There is no cryptography.
    #[error("cryptography: {0}")]
    Crypto(String),
}

/// What all connections share.
#[derive(Debug)]
struct Shared {
    gate: Gate,
    turn: Arc<Server>,
    admission: Admission<std::net::IpAddr>,
    counts: Arc<Counts>,
}

/// The open TLS port.
#[derive(Debug)]
struct TlsPort {
    address: SocketAddr,
    turn_name: String,
    https: Option<HttpsListener>,
}

/// The open ways in. Dropping it closes them, and every connection.
#[derive(Debug)]
pub struct Access {
    tcp: SocketAddr,
    udp: SocketAddr,
    peers: Vec<SocketAddr>,
    tls: Option<TlsPort>,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

impl Access {
    /// Opens the ports and serves them, on the runtime that it is called in. `secret` is what credentials are made by.
    ///
    /// # Errors
    /// When a port is taken.
    pub fn open(config: &AccessConfig, gate: Gate, secret: &[u8; 32]) -> Result<Self, AccessError> {
        let crypto = rtc::crypto::default_provider().map_err(|error| AccessError::Crypto(error.to_string()))?;
        let tcp_error = |error| AccessError::Tcp(config.tcp, error);
        let udp_error = |error| AccessError::Udp(config.udp, error);
        let listener = sockets::listen(config.tcp).map_err(tcp_error)?;
        let tcp = listener.local_addr().map_err(tcp_error)?;
        let socket = sockets::bind_udp(config.udp, UDP_BUFFER).map_err(udp_error)?;
        let udp = socket.local_addr().map_err(udp_error)?;
        let counts = Arc::<Counts>::default();
        let turn = Arc::new(Server::new(
            Credentials::new(secret),
            config.peers.clone(),
            gate.clone(),
            config.allocations,
            crypto,
            counts.clone(),
        ));
        let shared = Arc::new(Shared {
            gate,
            turn: turn.clone(),
            admission: Admission::new(config.connections),
            counts,
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, shared.clone(), |stream, client, shared| async move {
            stream::serve(stream, client, &shared).await;
        }));
        tasks.spawn(turn::serve(Arc::new(socket), turn));
        let tls = match &config.tls {
            Some(config) => Some(open_tls(config, shared.clone(), &mut tasks)?),
            None => None,
        };
        Ok(Self {
            tcp,
            udp,
            tls,
            peers: config.peers.clone(),
            shared,
            _tasks: tasks,
        })
    }

    /// Where ICE-TCP and TURN by TCP are served.
    #[must_use]
    pub fn tcp_addr(&self) -> SocketAddr {
        self.tcp
    }

    /// Where STUN and TURN by UDP are served.
    #[must_use]
    pub fn udp_addr(&self) -> SocketAddr {
        self.udp
    }

    /// User name and password for TURN, for a session and until a Unix second.
    #[must_use]
    pub fn credentials(&self, session: &str, until: i64) -> (String, String) {
        self.shared.turn.credentials().issue(session, until)
    }

    /// Names the open ports to clients.
    pub(crate) fn servers(&self) -> Arc<dyn IceServers> {
        let turn = self.shared.turn.clone();
        let (udp, tcp) = (self.udp.port(), self.tcp.port());
        let tls = self
            .tls
            .as_ref()
            .map(|tls| (tls.turn_name.as_str(), tls.address.port()));
        Arc::new(Servers::new(turn, &self.peers, udp, tcp, tls))
    }

    /// Where HTTPS and TURN by TLS are served.
    #[must_use]
    pub fn tls_addr(&self) -> Option<SocketAddr> {
        self.tls.as_ref().map(|tls| tls.address)
    }

    /// The connections of HTTPS, once.
    pub(crate) fn https(&mut self) -> Option<HttpsListener> {
        self.tls.as_mut()?.https.take()
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self) -> AccessStats {
        self.shared.stats()
    }

    /// The way to the counters, which keeps nothing open.
    pub(crate) fn meter(&self) -> Meter {
        Meter(self.shared.clone())
    }
}

/// Reads the counters.
#[derive(Debug)]
pub(crate) struct Meter(Arc<Shared>);

impl Meter {
    pub(crate) fn read(&self) -> AccessStats {
        self.0.stats()
    }
}

impl Shared {
    fn stats(&self) -> AccessStats {
        AccessStats {
            turn_allocations: self.turn.allocations() as u64,
            connections: self.admission.total() as u64,
            ..self.counts.read()
        }
    }
}

fn open_tls(config: &Tls, shared: Arc<Shared>, tasks: &mut JoinSet<()>) -> Result<TlsPort, AccessError> {
    let error = |error| AccessError::Tls(config.listen, error);
    let certificate = Arc::new(Certificate::read(Files {
        chain: config.certificate.clone(),
        key: config.key.clone(),
    })?);
    let listener = sockets::listen(config.listen).map_err(error)?;
    let address = listener.local_addr().map_err(error)?;
    let (port, connections) = tls::Port::new(&config.turn_name, &certificate);
    let port = Arc::new(port);
    tasks.spawn(certificate.renew());
    tasks.spawn(accept(listener, shared, move |stream, client, shared| {
        let port = port.clone();
        async move { port.serve(stream, client, &shared).await }
    }));
    Ok(TlsPort {
        address,
        turn_name: config.turn_name.clone(),
        https: Some(HttpsListener { address, connections }),
    })
}

/// Serves every connection to a port, each by a task that ends with this one.
async fn accept<Served>(
    listener: TcpListener,
    shared: Arc<Shared>,
    serve: impl Fn(Held, SocketAddr, Arc<Shared>) -> Served,
) where
    Served: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let (stream, client) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(SYSTEM_FULL).await;
                continue;
            }
        };
        let Ok(admitted) = shared.admission.admit(network(client.ip())) else {
            shared.counts.tcp_refused.add();
            continue;
        };
        shared.counts.tcp_accepted.add();
        prepare(&stream);
        connections.spawn(serve(Held::new(stream, admitted), client, shared.clone()));
    }
}

/// Sets a connection up for media: nothing waits for more to come, and little waits where it cannot be dropped.
fn prepare(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let _ = socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT);
}
