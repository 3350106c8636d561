//! The transport thread: takes datagrams and commands from channels, sends on the media workers' sockets.

use std::{
    collections::{BTreeSet, HashMap},
    net::UdpSocket,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::BytesMut;
use crossbeam_channel::{Receiver, Sender, select};
use relay_core::types::{TransportCommand, TransportEvent, TransportId};

use super::{
    channels::ChannelEvent,
    dtls::DtlsConfig,
    peer::{Peer, PeerEvent},
};
use crate::engine::{self, EngineEvent, TransportStats, Way, WorkerHandle, WorkerInput};

/// Inputs taken in a row before what they caused is sent: acknowledgements of a burst go out together.
const BURST: usize = 64;
/// Events that may wait for room control before messages are left in SCTP.
const MAX_EVENTS: usize = 1_024;
/// The same of what room control has told us: a message may go to hundreds.
const MAX_INPUTS: usize = 4_096;
/// How often messages left in SCTP are tried again, and counters published.
const TICK: Duration = Duration::from_millis(250);
const RETRY: Duration = Duration::from_millis(5);

/// What the transport thread is told.
#[derive(Debug)]
pub(crate) enum TransportInput {
    /// By room control.
    Command(TransportCommand),
    /// The client nominated this way to it.
    Selected(TransportId, Way),
    /// End the thread.
    Stop,
}

/// A datagram of DTLS, whose client it is of, and when it arrived.
#[derive(Debug)]
pub(crate) struct Datagram(pub(crate) TransportId, pub(crate) Instant, pub(crate) BytesMut);

/// The way to the transport thread. Datagrams have a queue of their own: no handshake waits behind a flood of messages.
#[derive(Debug, Clone)]
pub(crate) struct ToTransports {
    pub(crate) inputs: Sender<TransportInput>,
    pub(crate) datagrams: Sender<Datagram>,
}

impl ToTransports {
    /// The way, and its end at the thread.
    pub(crate) fn new() -> (Self, Receiver<TransportInput>, Receiver<Datagram>) {
        let (inputs, input_end) = crossbeam_channel::unbounded();
        let (datagrams, datagram_end) = crossbeam_channel::unbounded();
        (Self { inputs, datagrams }, input_end, datagram_end)
    }
}

/// All that the thread is made of.
pub(crate) struct TransportParts {
    pub(crate) inputs: Receiver<TransportInput>,
    pub(crate) datagrams: Receiver<Datagram>,
    pub(crate) events: Sender<EngineEvent>,
    pub(crate) workers: Vec<WorkerHandle>,
    pub(crate) socket: UdpSocket,
    pub(crate) config: DtlsConfig,
    pub(crate) stats: Arc<Mutex<TransportStats>>,
}

struct Entry {
    peer: Peer,
    /// Its entry in the timers.
    due: Option<Instant>,
}

pub(crate) struct TransportThread {
    parts: TransportParts,
    peers: HashMap<TransportId, Entry>,
    timers: BTreeSet<(Instant, TransportId)>,
    /// Clients that something happened to since the last flush.
    dirty: BTreeSet<TransportId>,
    /// Clients with messages left in SCTP.
    unread: BTreeSet<TransportId>,
    counts: TransportStats,
    next_tick: Instant,
    running: bool,
}

impl TransportThread {
    pub(crate) fn new(parts: TransportParts, now: Instant) -> Self {
        Self {
            parts,
            peers: HashMap::new(),
            timers: BTreeSet::new(),
            dirty: BTreeSet::new(),
            unread: BTreeSet::new(),
            counts: TransportStats::default(),
            next_tick: now,
            running: true,
        }
    }

    /// The thread's body: ends at [`TransportInput::Stop`], or when the engine is gone.
    pub(crate) fn run(mut self) {
        while self.running {
            let wait = self.deadline().saturating_duration_since(Instant::now());
            select! {
                recv(self.parts.inputs) -> input => match input {
                    Ok(input) => self.handle(input),
                    Err(_) => break,
                },
                recv(self.parts.datagrams) -> datagram => match datagram {
                    Ok(datagram) => self.take(datagram),
                    Err(_) => break,
                },
                default(wait) => {}
            }
            for _ in 1..BURST {
                let Ok(input) = self.parts.inputs.try_recv() else {
                    break;
                };
                self.handle(input);
            }
            for _ in 1..BURST {
                let Ok(datagram) = self.parts.datagrams.try_recv() else {
                    break;
                };
                self.take(datagram);
            }
            let now = Instant::now();
            self.handle_timeouts(now);
            self.flush(now);
            if self.next_tick <= now {
                self.publish(now);
            }
        }
    }

    fn deadline(&self) -> Instant {
        let mut at = self.next_tick;
        if let Some((due, _)) = self.timers.first() {
            at = at.min(*due);
        }
        if !self.unread.is_empty() {
            at = at.min(Instant::now() + RETRY);
        }
        at
    }

    /// Whether room control, or we, are so far behind that clients must wait.
    fn hold(&self) -> bool {
        self.parts.events.len() >= MAX_EVENTS || self.parts.inputs.len() >= MAX_INPUTS
    }

    fn handle(&mut self, input: TransportInput) {
        match input {
            TransportInput::Command(command) => self.handle_command(Instant::now(), command),
            TransportInput::Selected(id, way) => {
                let hold = self.hold();
                if let Some(entry) = self.peers.get_mut(&id) {
                    entry.peer.select(Instant::now(), way, hold);
                    self.dirty.insert(id);
                }
            }
            TransportInput::Stop => self.running = false,
        }
    }

    fn take(&mut self, Datagram(id, now, datagram): Datagram) {
        let hold = self.hold();
        if let Some(entry) = self.peers.get_mut(&id) {
            entry.peer.handle(now, datagram, hold);
            self.dirty.insert(id);
        }
    }

    fn handle_command(&mut self, now: Instant, command: TransportCommand) {
        let hold = self.hold();
        let id = engine::id_of(&command);
        if let TransportCommand::Create { dtls, srtp, .. } = command {
            let config = &self.parts.config;
            self.peers.entry(id).or_insert_with(|| Entry {
                peer: Peer::new(config, dtls, srtp),
                due: None,
            });
            return;
        }
        let Some(entry) = self.peers.get_mut(&id) else {
            return;
        };
        self.dirty.insert(id);
        match command {
            // The workers answer checks.
            TransportCommand::Create { .. } | TransportCommand::RestartIce { .. } => {}
            TransportCommand::Remote {
                fingerprint,
                dtls,
                channels,
                ..
            } => entry.peer.expect(now, (fingerprint, dtls, channels), hold),
            TransportCommand::OpenChannel {
                label,
                ordered,
                max_retransmits,
                ..
            } => entry.peer.channels().open(now, label, ordered, max_retransmits),
            TransportCommand::Send { label, data, .. } => {
                if entry.peer.channels().send(now, &label, data) {
                    self.counts.messages_out += 1;
                } else {
                    self.counts.messages_dropped += 1;
                }
            }
            TransportCommand::Close { .. } => self.close(now, id),
        }
    }

    fn close(&mut self, now: Instant, id: TransportId) {
        if let Some(mut entry) = self.peers.remove(&id) {
            entry.peer.close(now);
            self.send_all(now, &mut entry.peer);
            self.counts.resent += u64::from(entry.peer.resends());
            if let Some(due) = entry.due {
                self.timers.remove(&(due, id));
            }
        }
        self.dirty.remove(&id);
        self.unread.remove(&id);
        self.worker(id).send(WorkerInput::Remove(id));
    }

    fn worker(&self, id: TransportId) -> &WorkerHandle {
        &self.parts.workers[engine::worker_of(id.0, self.parts.workers.len())]
    }

    fn handle_timeouts(&mut self, now: Instant) {
        let hold = self.hold();
        while let Some((due, id)) = self.timers.first().copied()
            && due <= now
        {
            self.timers.pop_first();
            if let Some(entry) = self.peers.get_mut(&id) {
                entry.due = None;
                entry.peer.handle_timeout(now, hold);
                self.dirty.insert(id);
            }
        }
        if !hold {
            for id in std::mem::take(&mut self.unread) {
                if let Some(entry) = self.peers.get_mut(&id) {
                    entry.peer.read(now);
                    self.dirty.insert(id);
                }
            }
        }
    }

    /// Reports and sends what has gathered, and sets timers anew.
    fn flush(&mut self, now: Instant) {
        for id in std::mem::take(&mut self.dirty) {
            let Some(mut entry) = self.peers.remove(&id) else {
                continue;
            };
            // Keys reach the worker before the client learns from our last flight that media may come.
            for event in entry.peer.take_events(now) {
                self.report(id, event);
            }
            self.send_all(now, &mut entry.peer);
            if entry.peer.channels().has_unread() {
                self.unread.insert(id);
            }
            let due = entry.peer.poll_timeout();
            if due != entry.due {
                if let Some(old) = entry.due {
                    self.timers.remove(&(old, id));
                }
                if let Some(due) = due {
                    self.timers.insert((due, id));
                }
                entry.due = due;
            }
            self.peers.insert(id, entry);
        }
    }

    fn send_all(&mut self, now: Instant, peer: &mut Peer) {
        let to = peer.way().cloned();
        let (socket, counts) = (&self.parts.socket, &mut self.counts);
        peer.transmit(now, |datagram| {
            if to.as_ref().is_some_and(|to| to.send(socket, datagram)) {
                counts.packets_out += 1;
            } else {
                counts.dropped += 1;
            }
        });
    }

    fn report(&mut self, id: TransportId, event: PeerEvent) {
        let event = match event {
            PeerEvent::Connected(keys) => {
                self.counts.connected += 1;
                self.worker(id).send(WorkerInput::Keys(id, keys));
                TransportEvent::Connected { id }
            }
            PeerEvent::Disconnected(why) => {
                self.counts.failed += u64::from(why == relay_core::types::DisconnectReason::DtlsFailed);
                TransportEvent::Disconnected { id, why }
            }
            PeerEvent::Channel(ChannelEvent::Open(label)) => TransportEvent::ChannelOpen { id, label },
            PeerEvent::Channel(ChannelEvent::Data(label, data)) => {
                self.counts.messages_in += 1;
                TransportEvent::Data { id, label, data }
            }
            PeerEvent::Channel(ChannelEvent::Buffered(label, bytes)) => {
                TransportEvent::ChannelBuffered { id, label, bytes }
            }
            // Told as a disconnection.
            PeerEvent::Channel(ChannelEvent::Lost) => return,
        };
        // It fails only when nobody listens any more.
        let _ = self.parts.events.send(EngineEvent::Transport(event));
    }

    fn publish(&mut self, now: Instant) {
        self.next_tick = now + TICK;
        let resends: u32 = self.peers.values().map(|e| e.peer.resends()).sum();
        let stats = TransportStats {
            resent: self.counts.resent + u64::from(resends),
            transports: self.peers.len(),
            busy: engine::thread_time(),
            ..self.counts
        };
        *self.parts.stats.lock().unwrap_or_else(PoisonError::into_inner) = stats;
    }
}
