//! The transport thread: takes datagrams and commands from channels, sends on the media workers' sockets.

use std::{
    collections::{BTreeSet, HashMap},
    net::UdpSocket,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use crossbeam_channel::{Receiver, Sender, select};
use relay_core::types::{TransportCommand, TransportEvent, TransportId};

use super::{
    channels::ChannelEvent,
    dtls::DtlsConfig,
    peer::{Peer, PeerEvent},
};
use crate::engine::{self, EngineEvent, TransportStats, Way, WorkerHandle, WorkerInput};

/// Messages taken in a row before what they and all else caused is sent: acknowledgements of a burst go out together.
const BURST: usize = 64;
/// Events that may wait for room control before messages are left in SCTP.
const MAX_EVENTS: usize = 1_024;
/// The same of messages that wait to be sent: one may go to hundreds.
const MAX_MESSAGES: usize = 4_096;
/// Messages of one client while so many wait, after which it is the first to be held. With four times as many, all are.
const SHARE: u32 = 64;
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
    /// A datagram of DTLS, and when it arrived.
    Datagram(TransportId, Instant, BytesMut),
    /// End the thread.
    Stop,
}

/// A message for a client's data channel.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) to: TransportId,
    pub(crate) label: Arc<str>,
    pub(crate) data: Bytes,
}

/// All that the thread is made of.
pub(crate) struct TransportParts {
    pub(crate) inputs: Receiver<TransportInput>,
    /// Messages have a queue of their own: no handshake waits behind a flood of them.
    pub(crate) messages: Receiver<Outgoing>,
    pub(crate) events: Sender<EngineEvent>,
    pub(crate) workers: Vec<WorkerHandle>,
    pub(crate) socket: UdpSocket,
    pub(crate) config: DtlsConfig,
    pub(crate) stats: Arc<Mutex<TransportStats>>,
}

/// How far room control, or we, are behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Backlog {
    Small,
    Large,
    Huge,
}

struct Entry {
    peer: Peer,
    /// Its entry in the timers.
    due: Option<Instant>,
    /// Messages that it sent, and since when: see [`TransportThread::era`].
    said: u32,
    era: u64,
}

impl Entry {
    /// Whether its messages must wait in SCTP.
    fn holds(&self, (backlog, era): (Backlog, u64)) -> bool {
        match backlog {
            Backlog::Small => false,
            Backlog::Large => self.era == era && self.said >= SHARE,
            Backlog::Huge => true,
        }
    }

    fn count(&mut self, era: u64) {
        if self.era != era {
            (self.era, self.said) = (era, 0);
        }
        self.said += 1;
    }
}

pub(crate) struct TransportThread {
    parts: TransportParts,
    peers: HashMap<TransportId, Entry>,
    timers: BTreeSet<(Instant, TransportId)>,
    /// Clients that something happened to since the last flush.
    dirty: BTreeSet<TransportId>,
    /// Clients with messages left in SCTP.
    unread: BTreeSet<TransportId>,
    /// Counts turns after which few messages waited.
    era: u64,
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
            era: 0,
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
                recv(self.parts.messages) -> message => match message {
                    Ok(message) => self.send(message),
                    Err(_) => break,
                },
                default(wait) => {}
            }
            self.turn();
        }
    }

    /// Takes what waits, of messages only some, and sends what came of it.
    fn turn(&mut self) {
        self.take_inputs();
        for _ in 1..BURST {
            let Ok(message) = self.parts.messages.try_recv() else {
                break;
            };
            self.send(message);
        }
        let now = Instant::now();
        self.handle_timeouts(now);
        self.flush(now);
        if self.parts.events.len() < MAX_EVENTS / 2 && self.parts.messages.len() < MAX_MESSAGES / 2 {
            self.era += 1;
        }
        if self.next_tick <= now {
            self.publish(now);
        }
    }

    fn take_inputs(&mut self) {
        for _ in 0..self.parts.inputs.len() {
            let Ok(input) = self.parts.inputs.try_recv() else {
                break;
            };
            self.handle(input);
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

    /// What decides whether a client must wait: one that floods, and not the others, unless there are many of them.
    fn backlog(&self) -> (Backlog, u64) {
        let (events, messages) = (self.parts.events.len(), self.parts.messages.len());
        let backlog = if events >= 4 * MAX_EVENTS || messages >= 4 * MAX_MESSAGES {
            Backlog::Huge
        } else if events >= MAX_EVENTS || messages >= MAX_MESSAGES {
            Backlog::Large
        } else {
            Backlog::Small
        };
        (backlog, self.era)
    }

    fn handle(&mut self, input: TransportInput) {
        match input {
            TransportInput::Command(command) => self.handle_command(Instant::now(), command),
            TransportInput::Selected(id, way) => {
                let backlog = self.backlog();
                if let Some(entry) = self.peers.get_mut(&id) {
                    let hold = entry.holds(backlog);
                    entry.peer.select(Instant::now(), way, hold);
                    self.dirty.insert(id);
                }
            }
            TransportInput::Datagram(id, now, datagram) => {
                let backlog = self.backlog();
                if let Some(entry) = self.peers.get_mut(&id) {
                    let hold = entry.holds(backlog);
                    entry.peer.handle(now, datagram, hold);
                    self.dirty.insert(id);
                }
            }
            TransportInput::Stop => self.running = false,
        }
    }

    /// Sends a message, once what was said before it is done: its channel may be among that.
    fn send(&mut self, message: Outgoing) {
        self.take_inputs();
        let Some(entry) = self.peers.get_mut(&message.to) else {
            return;
        };
        self.dirty.insert(message.to);
        let channels = entry.peer.channels();
        if channels.send(Instant::now(), &message.label, message.data) {
            self.counts.messages_out += 1;
        } else {
            self.counts.messages_dropped += 1;
        }
    }

    fn handle_command(&mut self, now: Instant, command: TransportCommand) {
        let backlog = self.backlog();
        let id = engine::id_of(&command);
        if let TransportCommand::Create { dtls, srtp, .. } = command {
            let config = &self.parts.config;
            self.peers.entry(id).or_insert_with(|| Entry {
                peer: Peer::new(config, dtls, srtp),
                due: None,
                said: 0,
                era: 0,
            });
            return;
        }
        let Some(entry) = self.peers.get_mut(&id) else {
            return;
        };
        self.dirty.insert(id);
        match command {
            // The workers answer checks, and messages come by their own way.
            TransportCommand::Create { .. } | TransportCommand::RestartIce { .. } | TransportCommand::Send { .. } => {}
            TransportCommand::Remote {
                fingerprint,
                dtls,
                channels,
                ..
            } => {
                let hold = entry.holds(backlog);
                entry.peer.expect(now, (fingerprint, dtls, channels), hold);
            }
            TransportCommand::OpenChannel {
                label,
                ordered,
                max_retransmits,
                ..
            } => entry.peer.channels().open(now, label, ordered, max_retransmits),
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
        let backlog = self.backlog();
        while let Some((due, id)) = self.timers.first().copied()
            && due <= now
        {
            self.timers.pop_first();
            if let Some(entry) = self.peers.get_mut(&id) {
                entry.due = None;
                let hold = entry.holds(backlog);
                entry.peer.handle_timeout(now, hold);
                self.dirty.insert(id);
            }
        }
        let (read, held) = std::mem::take(&mut self.unread)
            .into_iter()
            .partition::<BTreeSet<_>, _>(|id| self.peers.get(id).is_none_or(|entry| !entry.holds(backlog)));
        self.unread = held;
        for id in read {
            if let Some(entry) = self.peers.get_mut(&id) {
                entry.peer.read(now);
                self.dirty.insert(id);
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
                if matches!(event, PeerEvent::Channel(ChannelEvent::Data(..))) {
                    entry.count(self.era);
                }
                self.report(id, event);
            }
            self.send_all(now, &mut entry.peer);
            self.counts.refused += entry.peer.take_refused();
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

#[cfg(test)]
mod tests {
    use relay_core::types::{IceCredentials, SrtpChoice};
    use rtc::crypto::default_provider;

    use super::*;
    use crate::transport::Identity;

    #[test]
    fn a_flood_of_messages_waits_for_what_clients_need_and_none_goes_before_its_channel() {
        let crypto = default_provider().expect("a crypto provider");
        let identity = Identity::generate().expect("an identity");
        let (to_inputs, inputs) = crossbeam_channel::unbounded();
        let (to_messages, messages) = crossbeam_channel::unbounded();
        let parts = TransportParts {
            inputs: inputs.clone(),
            messages: messages.clone(),
            events: crossbeam_channel::unbounded().0,
            workers: Vec::new(),
            socket: UdpSocket::bind("127.0.0.1:0").expect("a socket"),
            config: DtlsConfig::new(&identity, &crypto).expect("a configuration"),
            stats: Arc::default(),
        };
        let mut thread = TransportThread::new(parts, Instant::now());
        let (label, command) = (Arc::<str>::from("_reliable"), |command| {
            to_inputs.send(TransportInput::Command(command)).expect("an end");
        });
        for id in (0..1_000).map(TransportId) {
            command(TransportCommand::Create {
                id,
                ice: IceCredentials {
                    ufrag: "u".into(),
                    pwd: "p".into(),
                },
                dtls: None,
                srtp: SrtpChoice::Best,
            });
            command(TransportCommand::OpenChannel {
                id,
                label: label.clone(),
                ordered: true,
                max_retransmits: None,
            });
            for _ in 0..10 {
                let (label, data) = (label.clone(), Bytes::from_static(b"early"));
                to_messages.send(Outgoing { to: id, label, data }).expect("an end");
            }
        }
        thread.turn();
        assert_eq!((inputs.len(), thread.peers.len()), (0, 1_000));
        assert_eq!(messages.len(), 10_000 - (BURST - 1));
        let (backlog, era) = thread.backlog();
        assert_eq!(backlog, Backlog::Large);
        let entry = thread.peers.get_mut(&TransportId(1)).expect("a client");
        for _ in 0..SHARE {
            assert!(!entry.holds((backlog, era)), "who says little is not held");
            entry.count(era);
        }
        assert!(
            entry.holds((backlog, era)),
            "who floods sends no more while so many wait"
        );
        let other = &thread.peers[&TransportId(2)];
        assert!(!other.holds((backlog, era)) && other.holds((Backlog::Huge, era)));
        while !messages.is_empty() {
            thread.turn();
        }
        assert_eq!(
            (thread.counts.messages_out, thread.counts.messages_dropped),
            (10_000, 0)
        );
        assert_eq!(thread.backlog().0, Backlog::Small);
        assert!(
            !thread.peers[&TransportId(1)].holds((Backlog::Large, thread.era)),
            "forgiven"
        );
    }
}
