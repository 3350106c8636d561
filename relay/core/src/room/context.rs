//! What every step of a room needs besides the room: the present, chance, fresh ids, and where output goes.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use livekit_protocol::{SignalResponse, signal_response};

use super::{
    api::{Config, ConnectionId, Now, Output},
    view::Counts,
};
use crate::{
    forward,
    types::{IceCredentials, SinkId, SourceId, Ssrc, TransportCommand, TransportId},
};

/// A source of unpredictable bytes: room control may not open one itself.
pub trait Random: Send {
    /// Fills `bytes`.
    fn fill(&mut self, bytes: &mut [u8]);
}

impl fmt::Debug for dyn Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}

/// A room as room control numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct RoomId(pub(super) u32);

/// One stay of one participant; a full reconnect is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SessionId(pub(super) u64);

/// Name of a published track (`TR_…`), unique in a process.
pub(super) type TrackSid = Arc<str>;

/// Which room, session or track an id of another layer belongs to.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) connections: HashMap<ConnectionId, (RoomId, SessionId)>,
    pub(super) transports: HashMap<TransportId, (RoomId, SessionId)>,
    pub(super) sources: HashMap<SourceId, (RoomId, TrackSid)>,
    pub(super) sinks: HashMap<SinkId, (RoomId, SessionId, TrackSid)>,
}

/// Counters of the ids that are never reused.
#[derive(Debug, Default)]
pub(super) struct Ids {
    pub(super) rooms: u32,
    pub(super) sessions: u64,
    transports: u32,
    sources: u32,
    sinks: u32,
}

/// See the module.
pub(super) struct Context<'a> {
    pub(super) now: Now,
    pub(super) room: RoomId,
    pub(super) config: &'a Config,
    pub(super) ids: &'a mut Ids,
    pub(super) index: &'a mut Index,
    pub(super) counts: &'a mut Counts,
    pub(super) random: &'a mut dyn Random,
    pub(super) out: &'a mut VecDeque<Output>,
}

const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

impl Context<'_> {
    /// The instant `delay` from now.
    pub(super) fn after(&self, delay: Duration) -> Instant {
        self.now.at + delay
    }

    /// A name such as `TR_4fK…`: a prefix and 12 letters or digits.
    pub(super) fn name(&mut self, prefix: &str) -> String {
        let mut text = String::with_capacity(prefix.len() + 12);
        text.push_str(prefix);
        self.push_letters(&mut text, 12);
        text
    }

    /// Fresh ICE credentials: 16 and 32 letters or digits, 95 and 190 bits.
    pub(super) fn ice(&mut self) -> IceCredentials {
        let (mut ufrag, mut pwd) = (String::new(), String::new());
        self.push_letters(&mut ufrag, 16);
        self.push_letters(&mut pwd, 32);
        IceCredentials { ufrag, pwd }
    }

    fn push_letters(&mut self, text: &mut String, count: usize) {
        let mut bytes = [0; 32];
        let bytes = &mut bytes[..count];
        self.random.fill(bytes);
        // The slight preference for the first letters (256 is no multiple of 62) costs under 0.1 bit per letter.
        text.extend(
            bytes
                .iter()
                .map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])),
        );
    }

    /// A random SSRC; the caller checks that its transport has none like it.
    pub(super) fn ssrc(&mut self) -> Ssrc {
        let mut bytes = [0; 4];
        self.random.fill(&mut bytes);
        Ssrc(u32::from_be_bytes(bytes).max(1))
    }

    /// An id's media worker is the id modulo their number: this one is with the worker of `with`.
    fn on_worker(&self, count: u32, with: u32) -> u32 {
        let workers = self.config.workers.max(1);
        count * workers + with % workers
    }

    /// A transport of `session` in a room with so many `others`. The first of a room share one media worker, which is cheapest;
    /// what comes to be too much for it goes to the others in turn.
    pub(super) fn transport(&mut self, session: SessionId, others: usize) -> TransportId {
        self.ids.transports += 1;
        let workers = self.config.workers.max(1) as usize;
        let further = others / (self.config.together.max(1) as usize) % workers;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "below the number of workers, which has 32 bits"
        )]
        let with = self.room.0 % self.config.workers.max(1) + further as u32;
        let id = TransportId(self.on_worker(self.ids.transports, with));
        self.index.transports.insert(id, (self.room, session));
        id
    }

    /// A source that carries `track`, which arrives on `transport`.
    pub(super) fn source(&mut self, transport: TransportId, track: TrackSid) -> SourceId {
        self.ids.sources += 1;
        let id = SourceId(self.on_worker(self.ids.sources, transport.0));
        self.index.sources.insert(id, (self.room, track));
        id
    }

    /// A sink that brings `track` to `session` by `transport`.
    pub(super) fn sink(&mut self, session: SessionId, transport: TransportId, track: TrackSid) -> SinkId {
        self.ids.sinks += 1;
        let id = SinkId(self.on_worker(self.ids.sinks, transport.0));
        self.index.sinks.insert(id, (self.room, session, track));
        id
    }

    /// Sends a message to a client, if it has a connection.
    pub(super) fn send(&mut self, connection: Option<ConnectionId>, message: signal_response::Message) {
        if connection.is_some() {
            self.send_shared(connection, &shared(message));
        }
    }

    /// Sends a message that others get too.
    pub(super) fn send_shared(&mut self, connection: Option<ConnectionId>, message: &Arc<SignalResponse>) {
        if let Some(connection) = connection {
            let message = message.clone();
            self.out.push_back(Output::Send { connection, message });
        }
    }

    /// Sends nothing more on a connection.
    pub(super) fn close(&mut self, connection: ConnectionId) {
        self.index.connections.remove(&connection);
        self.out.push_back(Output::Close { connection });
    }

    /// To the transports.
    pub(super) fn transports(&mut self, command: TransportCommand) {
        self.out.push_back(Output::Transport(command));
    }

    /// To the forwarding shards.
    pub(super) fn forward(&mut self, command: forward::Command) {
        self.out.push_back(Output::Forward(command));
    }
}

/// Wraps a message so that it can go to many.
pub(super) fn shared(message: signal_response::Message) -> Arc<SignalResponse> {
    Arc::new(SignalResponse { message: Some(message) })
}
