//! What goes into room control and what comes out of it.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Instant};

use domain::{
    Reason,
    id::{ContactId, ParticipantNumber, RoomName},
    quality::QualitySpan,
    relay::{Entered, Event},
};
use livekit_protocol::{
    AddTrackRequest, ClientInfo, IceServer, SessionDescription, SignalResponse, SyncState, signal_request,
};

use super::{moderation::ROLE, waiting::WAITING};
use crate::{
    forward,
    types::{Codec, Fingerprint, TransportCommand, TransportEvent},
};

/// The present: a monotonic instant and the wall clock beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// For durations and deadlines.
    pub at: Instant,
    /// Milliseconds since 1970, for what is written or shown.
    pub unix_ms: i64,
}

/// One signalling connection (a WebSocket). Minted by the owner of the sockets, never reused in a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// Which room: meetings of the platform and rooms of classic API keys have names of their own that cannot meet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoomKey {
    /// A meeting admitted by the control plane.
    Meeting(RoomName),
    /// A room of a classic API key, made when somebody joins it.
    Named(String),
}

impl fmt::Display for RoomKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Meeting(name) => name.fmt(f),
            Self::Named(name) => name.fmt(f),
        }
    }
}

/// What a participant may do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a grant of the token, independent of the others"
)]
pub struct Grants {
    /// May receive tracks.
    pub subscribe: bool,
    /// May publish tracks.
    pub publish: bool,
    /// May publish data messages.
    pub publish_data: bool,
    /// May change its own name, metadata and attributes.
    pub update_metadata: bool,
    /// Is not shown to the others.
    pub hidden: bool,
    /// Sources it may publish (`camera`, `microphone`, `screen_share`, `screen_share_audio`); empty is all.
    pub sources: Vec<String>,
}

/// A verified join token.
#[derive(Clone)]
pub struct Ticket {
    /// The room it opens.
    pub room: RoomKey,
    /// Who it is, unique in the room.
    pub identity: String,
    /// The name shown.
    pub name: String,
    /// Names the session: a second use replaces the first.
    pub jti: String,
    /// The token as it came, sent back when the client wants a fresh one.
    pub token: Arc<str>,
    /// Unix seconds at which the token was issued, where it says so.
    pub issued: Option<i64>,
    /// Unix seconds before which the session must have begun.
    pub first_use_by: Option<i64>,
    /// Unix seconds at which the token ends.
    pub expires: i64,
    /// The participant's number; absent for classic keys.
    pub number: Option<ParticipantNumber>,
    /// Which of the host's contacts it is, where that is known.
    pub contact: Option<ContactId>,
    /// May end the room.
    pub moderator: bool,
    /// What it may do.
    pub grants: Grants,
    /// Attributes shown to all.
    pub attributes: BTreeMap<String, String>,
    /// Metadata shown to all.
    pub metadata: String,
    /// Publishing H.264 is preferred in this room.
    pub h264: bool,
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("room", &self.room)
            .field("identity", &self.identity)
            .field("jti", &self.jti)
            .finish_non_exhaustive()
    }
}

/// Attributes of people in meetings that only the control plane and moderators write.
pub const RESERVED_ATTRIBUTES: [&str; 4] = [ROLE, "observer", "identity", WAITING];

/// How the client connects its media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One connection, always offered by the client (`/rtc/v1`).
    Single,
    /// One connection to publish, offered by the client, and one to subscribe, offered by the server (`/rtc`).
    Dual,
}

/// What a client comes for that makes one offer and no other: it gets that, or does not get in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Errand {
    /// To publish the tracks that it announces with the request.
    Publish,
    /// To watch what somebody publishes now.
    Watch {
        /// Whom, by identity.
        publisher: String,
        /// The codecs that its offer has sections for.
        takes: Vec<Codec>,
        /// Whether it is a browser: each has the best cipher, and would take another one.
        browser: bool,
    },
}

/// Somebody asks to come in.
#[derive(Debug, Clone)]
pub struct Join {
    /// The signalling connection that asks.
    pub connection: ConnectionId,
    /// The verified token.
    pub ticket: Ticket,
    /// Which attempt of its client with this token it is: later ones have higher numbers, 0 is for clients that do not count.
    pub attempt: u64,
    /// What the client says about itself.
    pub client: ClientInfo,
    /// One or two connections.
    pub mode: Mode,
    /// Subscribe to every track without being asked.
    pub auto_subscribe: bool,
    /// What it comes for, if its client makes one offer and no other.
    pub errand: Option<Errand>,
    /// The client tells the size at which it shows each track.
    pub adaptive_stream: bool,
    /// Video may stop when bandwidth is short; the client shows it as paused.
    pub allow_pause: bool,
    /// The client's first offer, when it came with the request.
    pub offer: Option<SessionDescription>,
    /// Tracks announced with the request.
    pub add_tracks: Vec<AddTrackRequest>,
}

/// Somebody comes back with a new signalling connection.
#[derive(Debug, Clone)]
pub struct Resume {
    /// The new signalling connection.
    pub connection: ConnectionId,
    /// The verified token.
    pub ticket: Ticket,
    /// Which attempt of its client it is, as for a [`Join`].
    pub attempt: u64,
    /// The session to go on with (`PA_…`).
    pub sid: String,
    /// What the client has, when it came with the request.
    pub sync_state: Option<SyncState>,
}

/// Who orders something in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// The control plane, which has checked its caller.
    ControlPlane,
    /// Somebody in the room, by the verified join token: it must lead.
    Holder {
        /// Who it is.
        identity: String,
        /// Its session.
        jti: String,
    },
}

/// Why an order is not carried out. Nothing is changed then, but that an order to let all in may find the room full after some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// No such meeting is open here.
    NoRoom,
    /// Who orders is not in the room, or does not lead it.
    NotModerator,
    /// Nobody of this number is here.
    NoParticipant,
    /// Who waits is let in or turned away, and nothing else; who is in is neither.
    Waiting,
    /// The room has as many participants as it may have.
    Full,
}

/// Why somebody does not get in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The meeting says no.
    Because(Reason),
    /// The control plane cannot be reached, or the relay is too busy.
    Unavailable,
    /// It may not do here what it comes for.
    NotAllowed,
    /// Nobody whom it may watch publishes anything.
    NobodyPublishes,
    /// Nothing that is published fits its offer.
    NothingFits,
}

/// What room control is told.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "an input lives for one call")]
pub enum Input {
    /// Somebody asks to come in.
    Join(Box<Join>),
    /// Somebody comes back.
    Resume(Box<Resume>),
    /// Would this token get in? Answered with [`Output::Accept`] or [`Output::Refuse`]; nothing else happens.
    Validate {
        /// Where the answer goes.
        connection: ConnectionId,
        /// The verified token.
        ticket: Box<Ticket>,
    },
    /// A client's message.
    Signal {
        /// From where.
        connection: ConnectionId,
        /// What.
        message: signal_request::Message,
    },
    /// A signalling connection is gone.
    SignalClosed {
        /// Which.
        connection: ConnectionId,
    },
    /// The control plane answered [`Output::Enter`].
    Entered {
        /// The meeting.
        room: RoomName,
        /// Its settings, or why it does not open here.
        answer: Result<Entered, Refusal>,
    },
    /// The control plane may have taken all who are in meetings for gone: they are reported as in again.
    ReportAgain,
    /// From the transports.
    Transport(TransportEvent),
    /// From the forwarding shards.
    Forward(forward::Event),
    /// No room is to be opened any more; those that are open go on.
    Drain,
    /// The relay goes down: everybody is told to reconnect.
    Shutdown,
}

/// What room control wants done.
#[derive(Debug)]
pub enum Output {
    /// The connection may be upgraded; messages for it follow.
    Accept {
        /// Which.
        connection: ConnectionId,
    },
    /// The connection does not get in.
    Refuse {
        /// Which.
        connection: ConnectionId,
        /// Why.
        refusal: Refusal,
    },
    /// A message to a client.
    Send {
        /// To whom.
        connection: ConnectionId,
        /// What; shared because an update goes to many.
        message: Arc<SignalResponse>,
    },
    /// No more messages: send what waits and close.
    Close {
        /// Which.
        connection: ConnectionId,
    },
    /// Ask the control plane whether this meeting may open here.
    Enter {
        /// The meeting.
        room: RoomName,
        /// Its first participant.
        participant: ParticipantNumber,
        /// The session of that participant.
        jti: String,
    },
    /// Tell the control plane that the meeting is closed here.
    Leave {
        /// The meeting.
        room: RoomName,
        /// Whether people were in it, who were told to come again, or could not get in.
        reconnecting: bool,
    },
    /// Tell the control plane what happened.
    Report(Event),
    /// Tell the control plane how a participant's connections did for a while, where that can be. Those of a room come together.
    Quality(QualitySpan),
    /// To the transports.
    Transport(TransportCommand),
    /// To the forwarding shards.
    Forward(forward::Command),
}

/// Names the servers that a client's ICE agent asks: the owner of the ports knows them, and makes the credentials.
pub trait IceServers: fmt::Debug + Send + Sync {
    /// Servers for the holder of `ticket`, who asks now; never none, or clients ask public ones.
    fn servers(&self, now: Now, ticket: &Ticket) -> Vec<IceServer>;
}

/// The usual [`Config::together`]: a meeting in which everybody sees everybody takes some sixth of a core at that size.
pub const TOGETHER: u32 = 32;

/// What room control is configured with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where this relay is, as participants see it.
    pub region: String,
    /// Name of this relay.
    pub relay: String,
    /// Addresses on which clients reach our UDP port.
    pub candidates: Vec<crate::sdp::Candidate>,
    /// Names the STUN and TURN servers for each client.
    pub ice_servers: Arc<dyn IceServers>,
    /// SHA-256 of our DTLS certificate.
    pub fingerprint: Fingerprint,
    /// Media workers: what is congruent modulo this to a transport's id is with its worker, sources that come by it and sinks that
    /// go by it.
    pub workers: u32,
    /// Participants of a room who share a media worker before the next one takes further ones; usually [`TOGETHER`].
    pub together: u32,
    /// Participants in a room of a classic key.
    pub max_participants: u32,
    /// Participants on this relay.
    pub capacity: u32,
    /// Cameras that a client which subscribes to everything gets without asking for them by name.
    pub auto_cameras: u32,
}
