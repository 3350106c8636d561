//! Start and end of a relay.

use std::{collections::HashMap, fmt, io, net::SocketAddr, sync::Arc, thread, time::Duration};

use domain::jws::{InvalidKey, Jwk, KeySet, SharedSecret};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use relay_core::{
    room::{self, Input},
    sdp::{Candidate, CandidateProtocol},
};
use thiserror::Error;
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use crate::{
    access::{Access, AccessConfig, AccessError, Limits},
    call::Caller,
    config::{Config, ConfigError},
    control::{self, Rooms, unix_ms},
    drain::Drain,
    engine::{self, Engine, EngineConfig, EngineError},
    http::{App, router},
    key::{self, KeyError},
    operator::{self, Desk, Refusals},
    orders::Pace,
    report::{About, QualityReporter, Reporter, Reports},
    tokens::Tokens,
    whip::Sessions,
};

/// A request's head must be there this long after it was waited for: after the connection, after the last request.
const REQUEST_HEAD: Duration = Duration::from_secs(10);

/// A connection that has not become a WebSocket answers no more requests after this time, and is cut so long after that: a place
/// among all connections is nobody's for good who has shown no token.
const PATIENCE: Patience = Patience {
    serves: Duration::from_secs(60),
    ends: Duration::from_secs(20),
};

struct Patience {
    serves: Duration,
    ends: Duration,
}

/// HTTP connections of one port at once; more are closed.
const MAX_REQUESTS: usize = 16_384;

/// What waits for the control plane at the end is given up after this long.
const FLUSH: Duration = Duration::from_secs(3);

/// Open connections are given this long to close at the end.
const GOODBYE: Duration = Duration::from_secs(2);

/// How often a relay that is to end looks whether somebody is still here.
const LOOK: Duration = Duration::from_millis(250);

/// Why a relay did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The configuration makes no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The relay has no key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A key of the control plane in the configuration is none.
    #[error("a key of the control plane in the configuration")]
    ControlKey(#[source] InvalidKey),
    /// The HTTP port cannot be opened.
    #[error("HTTP port {0}")]
    Listen(SocketAddr, #[source] io::Error),
    /// A port beside the media port cannot be opened.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The operator's port cannot be opened.
    #[error("operator's port {0}")]
    Operator(SocketAddr, #[source] io::Error),
    /// The media threads do not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A thread does not start.
    #[error("room thread")]
    Thread(#[source] io::Error),
    /// The HTTP client for the control plane cannot be made.
    #[error("HTTP client")]
    Client(#[source] reqwest::Error),
}

/// A running relay. Dropping it stops it at once; [`shutdown`](Self::shutdown) says goodbye first.
pub struct Relay {
    http: SocketAddr,
    operator: SocketAddr,
    udp: SocketAddr,
    tcp: SocketAddr,
    url: String,
    public_key: Jwk,
    rooms: Rooms,
    drain: Drain,
    reports: Reports,
    stop: watch::Sender<bool>,
    servers: JoinSet<()>,
    /// Watched by each signalling connection.
    signalling: watch::Sender<()>,
    access: Option<Access>,
    /// The operator's door, and what follows when drain begins.
    desk: [JoinHandle<()>; 2],
    /// What tells the control plane of meetings, and of how connections do.
    reporters: Vec<JoinHandle<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay")
            .field("http", &self.http)
            .field("udp", &self.udp)
            .finish_non_exhaustive()
    }
}

impl Relay {
    /// Opens the ports and starts. It does not wait for the control plane.
    ///
    /// # Errors
    /// When a port is taken or the configuration cannot be followed.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        config.check()?;
        let key = key::open(&config)?;
        let public_key = key.verifying_key().to_jwk();
        let listener = TcpListener::bind(config.listen)
            .await
            .map_err(|error| StartError::Listen(config.listen, error))?;
        crate::sockets::for_signalling(&listener);
        let http = listener
            .local_addr()
            .map_err(|error| StartError::Listen(config.listen, error))?;
        let operator = TcpListener::bind(config.operator.listen)
            .await
            .map_err(|error| StartError::Operator(config.operator.listen, error))?;
        let operator_address = operator
            .local_addr()
            .map_err(|error| StartError::Operator(config.operator.listen, error))?;
        let url = config.url.clone().unwrap_or_else(|| format!("http://{http}"));
        let (events_in, events) = crossbeam_channel::unbounded();
        let engine = Engine::start(
            &EngineConfig {
                udp: config.media.udp,
                workers: config.media.workers.max(1),
                socket_buffer: config.media.socket_buffer,
                voices: config.media.voices,
                ..EngineConfig::default()
            },
            events_in,
        )?;
        let udp = engine.udp_addr();
        let (reports, receiver) = match &config.control {
            Some(_) => {
                let (reports, receiver) = Reports::channel();
                (reports, Some(receiver))
            }
            None => (Reports::none(), None),
        };
        let tokens = Arc::new(tokens(&config)?);
        let mut access = Access::open(&access_config(&config, udp), engine.gate(), &rand::random())?;
        let (tcp, tls) = (access.tcp_addr(), access.tls_addr());
        let room_config = room_config(&config, &engine, &access);
        let (rooms, thread) =
            control::start(room_config, engine, events, reports.clone()).map_err(StartError::Thread)?;
        let drain = Drain::default();
        let refusals = Refusals::default();
        let reporters = match (&config.control, receiver) {
            (Some(control), Some(receiver)) => {
                let caller = Caller::new(config.name.clone(), &control.url, key).map_err(StartError::Client)?;
                let caller = Arc::new(caller);
                let about = About {
                    relay: config.name.clone(),
                    region: config.region.clone(),
                    url: url.clone(),
                    capacity: config.capacity,
                };
                let reporter = Reporter::new(
                    about,
                    caller.clone(),
                    tokens.clone(),
                    rooms.clone(),
                    drain.clone(),
                    reports.tally(),
                );
                let quality = QualityReporter::new(config.name.clone(), caller, reporter.known(), reports.spans());
                vec![tokio::spawn(reporter.run(receiver)), tokio::spawn(quality.run())]
            }
            _ => Vec::new(),
        };
        let signalling = watch::Sender::new(());
        let app = Arc::new(App {
            relay: config.name.clone(),
            tokens,
            rooms: rooms.clone(),
            drain: drain.clone(),
            refusals: refusals.clone(),
            commands: Arc::default(),
            requests: Arc::default(),
            pace: Pace::default(),
            sessions: Sessions::default(),
            signalling: signalling.clone(),
        });
        let (stop, stopped) = watch::channel(false);
        let router = router(app);
        let mut servers = JoinSet::new();
        servers.spawn(serve(listener, router.clone(), stopped.clone(), &PATIENCE));
        if let Some(https) = access.https() {
            servers.spawn(serve(https, router, stopped, &PATIENCE));
        }
        let desk = Arc::new(Desk {
            relay: config.name.to_string(),
            region: config.region.clone(),
            rooms: rooms.clone(),
            drain: drain.clone(),
            refusals,
            reports: reports.clone(),
            access: access.meter(),
            started: unix_ms() / 1000,
        });
        let desk = tokio::spawn(async move {
            if let Err(error) = axum::serve(operator, operator::router(desk)).await {
                tracing::error!(%error, "operator's server");
            }
        });
        let (begun, told) = (drain.clone(), rooms.clone());
        let drained = tokio::spawn(async move {
            begun.begun().await;
            told.send(Input::Drain);
        });
        tracing::info!(relay = %config.name, region = config.region, %http, operator = %operator_address, %udp, %tcp, tls = tls.map(tracing::field::display), standalone = config.control.is_none(), "relay started");
        Ok(Self {
            http,
            operator: operator_address,
            udp,
            tcp,
            url,
            public_key,
            rooms,
            drain,
            reports,
            stop,
            servers,
            signalling,
            access: Some(access),
            desk: [desk, drained],
            reporters,
            thread: Some(thread),
        })
    }

    /// Where HTTP and WebSockets are served.
    #[must_use]
    pub fn http_addr(&self) -> SocketAddr {
        self.http
    }

    /// Where operators look.
    #[must_use]
    pub fn operator_addr(&self) -> SocketAddr {
        self.operator
    }

    /// Opens no room any more; those that are open go on, and their people still come and go. The control plane hears of it.
    pub fn drain(&self) {
        self.drain.begin();
    }

    /// Waits until nobody is here, for at most `limit`.
    pub async fn emptied(&self, limit: Duration) {
        let empty = async {
            // Who cannot be asked may be there.
            while self.rooms.census().await.is_none_or(|census| census.participants > 0) {
                tokio::time::sleep(LOOK).await;
            }
        };
        if tokio::time::timeout(limit, empty).await.is_err() {
            tracing::warn!("somebody is still here, and the time is over");
        }
    }

    /// Where media is received.
    #[must_use]
    pub fn udp_addr(&self) -> SocketAddr {
        self.udp
    }

    /// Where ICE-TCP and TURN by TCP are served.
    #[must_use]
    pub fn tcp_addr(&self) -> SocketAddr {
        self.tcp
    }

    /// Where HTTPS and TURN by TLS are served, if they are.
    #[must_use]
    pub fn tls_addr(&self) -> Option<SocketAddr> {
        self.access.as_ref()?.tls_addr()
    }

    /// Base of the public address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The public half of the relay's key, for the operator to register.
    #[must_use]
    pub fn public_key(&self) -> &Jwk {
        &self.public_key
    }

    /// Tells everybody to go on elsewhere, reports what waits, and ends.
    pub async fn shutdown(mut self) {
        // Nobody is sent here any more.
        self.drain.begin();
        self.rooms.send(Input::Shutdown);
        // The rooms have reported what they had before they answer this.
        self.rooms.census().await;
        self.reports.flush(FLUSH).await;
        // It fails only when no server is left.
        let _ = self.stop.send(true);
        let ended = async {
            while self.servers.join_next().await.is_some() {}
            // Each has been told to go elsewhere then.
            self.signalling.closed().await;
        };
        let _ = tokio::time::timeout(GOODBYE, ended).await;
        self.end();
        if let Some(thread) = self.thread.take() {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
        tracing::info!("relay stopped");
    }

    fn end(&mut self) {
        self.rooms.stop();
        self.servers.abort_all();
        drop(self.access.take());
        for task in &self.desk {
            task.abort();
        }
        for task in &self.reporters {
            task.abort();
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.end();
    }
}

fn tokens(config: &Config) -> Result<Tokens, StartError> {
    let keys = config.control.as_ref().map_or(&[][..], |control| &control.keys);
    let keys = KeySet::from_jwks(keys).map_err(StartError::ControlKey)?;
    let secrets: HashMap<_, _> = config
        .api_keys
        .iter()
        .map(|(name, secret)| (name.clone(), SharedSecret::new(secret.0.as_bytes())))
        .collect();
    Ok(Tokens::new(keys, secrets))
}

fn access_config(config: &Config, udp: SocketAddr) -> AccessConfig {
    let media = &config.media;
    AccessConfig {
        tcp: media.tcp,
        udp: media.stun,
        tls: config.tls.clone(),
        peers: config.media_addresses(udp, udp.port()),
        connections: Limits {
            total: media.connections,
            each: media.connections_per_address,
        },
        allocations: Limits {
            total: media.allocations,
            each: media.allocations_per_participant,
        },
    }
}

fn room_config(config: &Config, engine: &Engine, access: &Access) -> room::Config {
    let udp = engine.udp_addr();
    let candidates = [
        (CandidateProtocol::Udp, udp.port()),
        (CandidateProtocol::TcpPassive, access.tcp_addr().port()),
    ];
    room::Config {
        region: config.region.clone(),
        relay: config.name.to_string(),
        ice_servers: access.servers(),
        candidates: candidates
            .into_iter()
            .flat_map(|(protocol, port)| {
                let addresses = config.media_addresses(udp, port);
                addresses
                    .into_iter()
                    .map(move |address| Candidate { address, protocol })
            })
            .collect(),
        fingerprint: engine.fingerprint(),
        workers: u32::try_from(engine.workers()).unwrap_or(1),
        together: config.media.together,
        max_participants: config.max_participants,
        capacity: config.capacity,
        auto_cameras: config.auto_cameras,
    }
}

/// Lets the process have the descriptors that so many people and connections need, and warns where it may not.
pub fn raise_descriptors(config: &Config) {
    // Beside their own connection most have one of signalling.
    let wanted = 2 * u64::from(config.capacity) + config.media.connections as u64;
    match engine::raise_descriptors() {
        Ok(most) if most < wanted => {
            tracing::warn!(most, wanted, "few descriptors: raise the hard limit of open files")
        }
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "the limit of open files stays"),
    }
}

/// Serves HTTP until it is told to stop and its connections have closed. A connection on which no whole request head comes in
/// time is closed.
async fn serve<L>(
    mut listener: L,
    router: axum::Router,
    mut stopped: watch::Receiver<bool>,
    patience: &'static Patience,
) where
    L: axum::serve::Listener,
{
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(REQUEST_HEAD);
    let mut connections = JoinSet::new();
    let stop = stopped.clone();
    let told = stopped.wait_for(|stopped| *stopped);
    tokio::pin!(told);
    loop {
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut told => break,
            // What has ended is forgotten.
            Some(_) = connections.join_next() => continue,
        };
        // Those that have become WebSockets are not counted: they have shown a token.
        if connections.len() >= MAX_REQUESTS {
            continue;
        }
        let service = TowerToHyperService::new(router.clone());
        let connection = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
        let mut stop = stop.clone();
        connections.spawn(async move {
            tokio::pin!(connection);
            let result = tokio::select! {
                result = connection.as_mut() => Some(result),
                () = async { drop(stop.wait_for(|stopped| *stopped).await) } => None,
                () = tokio::time::sleep(patience.serves) => None,
            };
            let result = match result {
                Some(result) => Ok(result),
                None => {
                    connection.as_mut().graceful_shutdown();
                    tokio::time::timeout(patience.ends, connection).await
                }
            };
            match result {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%error, "HTTP connection"),
                Err(_) => tracing::debug!("HTTP connection cut"),
            }
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

#[cfg(test)]
mod tests;
