//! The sockets and threads of media: one UDP port for everybody, ICE, DTLS, SRTP and data channels.
//!
//! [`Engine`] owns the media workers and the transport thread. Room control sends [`EngineCommand`]s and receives
//! [`EngineEvent`]s; neither blocks.
//!
//! [`TransportCommand`]s open and close the way to a client, [`forward::Command`]s say what flows on it: both are
//! needed, and each in the order given. The worker of anything is its id modulo [`Engine::workers`]: mint the ids of sources and
//! sinks congruent with that of their transport. Packets whose subscribers are with other workers than their publisher cross to each of
//! these once, a batch at a time.

use std::{
    fmt, io,
    net::{SocketAddr, UdpSocket},
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU32},
    thread::JoinHandle,
    time::{Duration, Instant, SystemTime},
};

use crossbeam_channel::Sender;
use relay_core::{
    forward,
    types::{Fingerprint, TransportCommand, TransportEvent, TransportId},
};
use ring::rand::{SecureRandom, SystemRandom};
use rtc::crypto::RTCCryptoProvider;
use socket2::{Protocol, Type};
use thiserror::Error;
use tokio::sync::oneshot;

use self::{
    crossing::Crossings,
    directory::{Directory, Routes},
    ice::Patience,
    spread::Spread,
    sys::Waker,
    worker::{Worker, WorkerParts},
};
use crate::{
    sockets,
    transport::{DtlsConfig, Identity, IdentityError, Outgoing, TransportInput, TransportParts, TransportThread},
    vital,
};

mod crossing;
mod directory;
mod egress;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod ice;
pub(crate) mod link;
mod outlet;
mod spread;
mod srtp;
mod stats;
pub(crate) mod stun;
mod sys;
mod window;
mod worker;

pub use link::Gate;
pub use stats::{EngineStats, TransportStats, WorkerStats};

pub(crate) use link::Way;
pub(crate) use srtp::{Keys, Profile};
pub(crate) use sys::{raise_descriptors, resend_soon, thread_time};
pub(crate) use worker::{WorkerHandle, WorkerInput};

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
    /// Media workers, each a thread with two sockets of its own on that port; at least 1.
    pub workers: usize,
    /// Send and receive buffer asked of the kernel per socket, in bytes; it may grant less.
    pub socket_buffer: usize,
    /// Microphones of one room that are forwarded at once, the loudest; 0 forwards all.
    pub voices: usize,
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
            voices: forward::VOICES,
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

/// Seconds from 1900, where NTP begins, to 1970.
const NTP_OFFSET: u64 = 2_208_988_800;

/// The running media threads. Dropping it stops them.
pub struct Engine {
    udp: SocketAddr,
    identity: Identity,
    transports: Sender<TransportInput>,
    messages: Sender<Outgoing>,
    workers: Vec<WorkerHandle>,
    /// With several workers.
    spread: Option<Mutex<Spread>>,
    directory: Option<Arc<Directory>>,
    /// Counts the ids of links.
    links: Arc<AtomicU32>,
    worker_stats: Vec<Arc<Mutex<WorkerStats>>>,
    transport_stats: Arc<Mutex<TransportStats>>,
    threads: Vec<JoinHandle<()>>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("udp", &self.udp)
            .field("workers", &self.workers.len())
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// Opens the UDP port and starts the threads. Events arrive at `events`, which should be unbounded: the engine
    /// leaves data-channel messages with their senders while many events wait there, and media never waits for it.
    ///
    /// # Errors
    /// When the port is taken or the certificate cannot be made.
    pub fn start(config: &EngineConfig, events: Sender<EngineEvent>) -> Result<Self, EngineError> {
        let crypto = rtc::crypto::default_provider().map_err(|error| io::Error::other(error.to_string()))?;
        let identity = Identity::generate()?;
        let dtls = DtlsConfig::new(&identity, &crypto)?;
        let mut sockets = open_sockets(config)?;
        let udp = sockets[0].local_addr()?;
        let reports = sockets.split_off(sockets.len() / 2);
        let directory = (sockets.len() > 1).then(Arc::<Directory>::default);
        let (transports, transport_inputs) = crossbeam_channel::unbounded();
        let (messages, outgoing) = crossbeam_channel::unbounded();
        let mut engine = Self {
            udp,
            identity,
            transports,
            messages,
            workers: Vec::new(),
            spread: (sockets.len() > 1).then(|| Mutex::new(Spread::new(sockets.len()))),
            directory,
            links: Arc::default(),
            worker_stats: Vec::new(),
            transport_stats: Arc::default(),
            threads: Vec::new(),
        };
        let socket = sockets[0].try_clone()?;
        let wakers = sockets
            .iter()
            .map(|_| Waker::new().map(Arc::new))
            .collect::<io::Result<Vec<_>>>()?;
        let crossings = Crossings::between(&wakers);
        for (waker, (sockets, crossings)) in wakers.into_iter().zip(sockets.into_iter().zip(reports).zip(crossings)) {
            engine.start_worker(config, sockets, (waker, crossings), &events, crypto.clone())?;
        }
        if let Some(directory) = &engine.directory {
            directory.set_workers(engine.workers.clone());
        }
        let parts = TransportParts {
            inputs: transport_inputs,
            messages: outgoing,
            events,
            workers: engine.workers.clone(),
            socket,
            config: dtls,
            stats: engine.transport_stats.clone(),
        };
        let thread = TransportThread::new(parts, Instant::now());
        engine.spawn("transport".to_owned(), move || thread.run())?;
        Ok(engine)
    }

    fn start_worker(
        &mut self,
        config: &EngineConfig,
        (socket, reports): (UdpSocket, UdpSocket),
        (waker, crossings): (Arc<Waker>, Crossings),
        events: &Sender<EngineEvent>,
        crypto: Arc<dyn RTCCryptoProvider>,
    ) -> io::Result<()> {
        let (sender, inputs) = crossbeam_channel::unbounded();
        let number = self.workers.len();
        let stats = Arc::<Mutex<WorkerStats>>::default();
        let now = Instant::now();
        let parts = WorkerParts {
            socket,
            reports,
            inputs,
            waker: waker.clone(),
            transports: self.transports.clone(),
            events: events.clone(),
            routes: Routes::new(number, self.directory.clone()),
            patience: Patience {
                pause: config.pause_after,
                disconnect: config.disconnect_after,
            },
            crossings,
            forward: forward::Config {
                voices: config.voices,
                ..forward::Config::new(now, ntp_now(), random_seed()?)
            },
            crypto,
            stats: stats.clone(),
        };
        self.workers.push(WorkerHandle::new(sender, waker));
        self.worker_stats.push(stats);
        self.spawn(format!("media-{number}"), move || {
            Worker::new(parts, now).run();
        })
    }

    fn spawn(&mut self, name: String, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
        self.threads.push(vital::spawn(name, body)?);
        Ok(())
    }

    /// Hands over a command; commands about one transport are carried out in the order given, messages in theirs.
    pub fn send(&self, command: EngineCommand) {
        match command {
            EngineCommand::Transport(command) => self.send_transport(command),
            EngineCommand::Forward(command) => {
                let Some(spread) = &self.spread else {
                    self.workers[0].send(WorkerInput::Forward(command));
                    return;
                };
                // Who sends is one thread; the lock keeps what it says in order whoever does.
                let mut spread = spread.lock().unwrap_or_else(PoisonError::into_inner);
                for (worker, command) in spread.route(command) {
                    self.workers[worker].send(WorkerInput::Forward(command));
                }
            }
        }
    }

    fn send_transport(&self, command: TransportCommand) {
        if let TransportCommand::Send { id: to, label, data } = command {
            let _ = self.messages.send(Outgoing { to, label, data });
            return;
        }
        let id = id_of(&command);
        let number = worker_of(id.0, self.workers.len());
        let input = match &command {
            TransportCommand::Create { ice, .. } => Some(WorkerInput::Create(id, ice.clone())),
            TransportCommand::RestartIce { ice, .. } => Some(WorkerInput::RestartIce(id, ice.clone())),
            _ => None,
        };
        if let Some(directory) = &self.directory {
            match &command {
                TransportCommand::Create { ice, .. } | TransportCommand::RestartIce { ice, .. } => {
                    directory.insert(ice, number, id);
                }
                TransportCommand::Close { .. } => directory.remove(id),
                _ => {}
            }
        }
        // First the transport thread: it knows the client before the worker lets anything of it through. It fails
        // only when the thread has ended.
        let _ = self.transports.send(TransportInput::Command(command));
        if let Some(input) = input {
            self.workers[number].send(input);
        }
    }

    /// Where clients that do not use the UDP port come in.
    #[must_use]
    pub fn gate(&self) -> Gate {
        Gate::new(self.workers.clone(), self.directory.clone(), self.links.clone())
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

    /// How many workers there are: what a transport's sources and sinks have with it in common is their ids modulo this.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    /// What flows on these transports, from each worker that has some of them.
    pub(crate) fn view(&self, transports: &[TransportId]) -> Vec<oneshot::Receiver<Vec<forward::TransportView>>> {
        let of = |number: usize| -> Vec<TransportId> {
            let here = |id: &&TransportId| worker_of(id.0, self.workers.len()) == number;
            transports.iter().filter(here).copied().collect()
        };
        let ask = |(number, worker): (usize, &WorkerHandle)| {
            let ids = of(number);
            let (sender, receiver) = oneshot::channel();
            (!ids.is_empty()).then(|| {
                worker.send(WorkerInput::View(ids, sender));
                receiver
            })
        };
        self.workers.iter().enumerate().filter_map(ask).collect()
    }

    /// Counters, as of at most a quarter of a second ago.
    #[must_use]
    pub fn stats(&self) -> EngineStats {
        EngineStats {
            workers: self.worker_stats.iter().map(|s| *read(s)).collect(),
            transport: *read(&self.transport_stats),
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.transports.send(TransportInput::Stop);
        for worker in &self.workers {
            worker.send(WorkerInput::Stop);
        }
        for thread in self.threads.drain(..) {
            // One that panicked has ended the process.
            let _ = thread.join();
        }
    }
}

fn read<T>(stats: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    stats.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The worker of an id.
pub(crate) fn worker_of(id: u32, workers: usize) -> usize {
    id as usize % workers.max(1)
}

/// The transport that a command is about.
pub(crate) fn id_of(command: &TransportCommand) -> TransportId {
    match command {
        TransportCommand::Create { id, .. }
        | TransportCommand::Remote { id, .. }
        | TransportCommand::RestartIce { id, .. }
        | TransportCommand::OpenChannel { id, .. }
        | TransportCommand::Send { id, .. }
        | TransportCommand::Close { id } => *id,
    }
}

/// Two sockets per worker, all on one port: first one each for everything, then one each for SRTCP.
fn open_sockets(config: &EngineConfig) -> io::Result<Vec<UdpSocket>> {
    let bind = |address: SocketAddr, shared: bool| -> io::Result<UdpSocket> {
        let (socket, address) = sockets::socket(address, Type::DGRAM, Protocol::UDP)?;
        socket.set_reuse_port(shared)?;
        // As much as the system allows; with less, bursts are lost earlier.
        let _ = socket.set_recv_buffer_size(config.socket_buffer);
        let _ = socket.set_send_buffer_size(config.socket_buffer);
        sys::force_buffers(&socket, config.socket_buffer);
        socket.bind(&address.into())?;
        Ok(socket.into())
    };
    // A port that is shared can be taken twice, so first it is taken alone.
    let address = bind(config.udp, false)?.local_addr()?;
    let count = 2 * config.workers.max(1);
    let sockets = (0..count)
        .map(|_| bind(address, true))
        .collect::<io::Result<Vec<_>>>()?;
    sys::steer(&sockets)?;
    Ok(sockets)
}

/// The wall clock as NTP tells it: seconds since 1900 in 32.32 fixed point.
fn ntp_now() -> u64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    (since.as_secs() + NTP_OFFSET) << 32 | fraction
}

fn random_seed() -> io::Result<u64> {
    let mut seed = [0; 8];
    SystemRandom::new()
        .fill(&mut seed)
        .map_err(|_| io::Error::other("no random bytes"))?;
    Ok(u64::from_ne_bytes(seed))
}
