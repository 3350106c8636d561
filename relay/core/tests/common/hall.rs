//! A room of many clients on a virtual clock, without media: what room control tells each of them, held against what the
//! clients' own library makes of it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use livekit_protocol::{
    AddTrackRequest, ClientInfo, IceServer, ParticipantInfo, SessionDescription, TrackSource, TrackType,
    UpdateSubscription, participant_info::State, signal_request, signal_response::Message,
};
use prost::Message as _;
use relay_core::{
    forward,
    room::{
        Config, ConnectionId, Control, Grants, IceServers, Input, Join, Mode, Now, Output, Random, Resume, RoomKey,
        Ticket,
    },
    sdp::{Candidate, CandidateProtocol},
    types::{Codec, Fingerprint, MediaKind, SinkId, SourceId, TransportCommand, TransportEvent, TransportId},
};

use super::MS;

const PUBLISHER_DATA: &str = include_str!("../../src/sdp/fixtures/chromium-publisher-data.sdp");
const PUBLISHER_CAMERA: &str = include_str!("../../src/sdp/fixtures/chromium-publisher-camera.sdp");
/// The client's ids in it.
const MICROPHONE: &str = "270760ba-4633-4412-8272-0380425107fb";
const CAMERA: &str = "55d7e28d-6462-4850-a41e-df148e47792f";

/// From a message to its answer.
const ROUND_TRIP: Duration = Duration::from_millis(50);

/// What somebody publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publishes {
    Nothing,
    Sound,
    Both,
}

/// What was told to one client.
#[derive(Debug, Default, Clone)]
pub struct Told {
    /// Messages and bytes by kind.
    pub by_kind: BTreeMap<&'static str, (u64, u64)>,
}

impl Told {
    pub fn messages(&self) -> u64 {
        self.by_kind.values().map(|(messages, _)| messages).sum()
    }

    pub fn bytes(&self) -> u64 {
        self.by_kind.values().map(|(_, bytes)| bytes).sum()
    }

    pub fn of(&self, kind: &str) -> (u64, u64) {
        self.by_kind.get(kind).copied().unwrap_or_default()
    }
}

/// One client, with what its library knows of the room.
pub struct Client {
    pub identity: String,
    pub publishes: Publishes,
    pub told: Told,
    pub sid: String,
    /// Others by identity: sid, and their tracks.
    pub known: BTreeMap<String, (String, BTreeSet<String>)>,
    /// Sound and pictures that it is sent.
    pub sinks: HashMap<SinkId, MediaKind>,
    /// Cameras that it knows and that are not sent to it in the last description.
    pub unsent: Vec<String>,
    /// Sections of the last offer.
    pub sections: usize,
    pub gone: bool,
}

/// Bytes that are never the same twice.
struct Counter(u64);

impl Random for Counter {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = self.0.to_be_bytes()[0];
        }
    }
}

#[derive(Debug)]
struct OneServer;

impl IceServers for OneServer {
    fn servers(&self, _now: Now, _ticket: &Ticket) -> Vec<IceServer> {
        vec![IceServer {
            urls: vec!["stun:203.0.113.7:7882".into()],
            ..IceServer::default()
        }]
    }
}

pub struct Hall {
    pub control: Control,
    start: Instant,
    pub elapsed: Duration,
    /// By signalling connection.
    pub clients: BTreeMap<u64, Client>,
    transports: HashMap<TransportId, u64>,
    sources: HashMap<SourceId, MediaKind>,
    /// What clients and transports will say, in order.
    later: VecDeque<(Duration, Input)>,
    /// Whose transports are being made.
    joining: u64,
    next: u64,
}

fn ticket(identity: &str) -> Ticket {
    Ticket {
        room: RoomKey::Named("hall".into()),
        identity: identity.into(),
        name: format!("Somebody with a name {identity}"),
        jti: format!("jti-{identity}"),
        token: Arc::from("a token of three hundred bytes ".repeat(10)),
        issued: None,
        first_use_by: None,
        expires: i64::MAX / 2_000,
        number: None,
        contact: None,
        moderator: false,
        grants: Grants {
            subscribe: true,
            publish: true,
            publish_data: true,
            update_metadata: true,
            hidden: false,
            sources: Vec::new(),
        },
        attributes: BTreeMap::from([("role".to_owned(), "guest".to_owned())]),
        metadata: String::new(),
        h264: false,
    }
}

fn offer(sdp: &str, id: u32) -> SessionDescription {
    SessionDescription {
        r#type: "offer".into(),
        sdp: sdp.into(),
        id,
        ..SessionDescription::default()
    }
}

/// What a browser answers to an offer of ours: it takes everything.
fn answer_to(offer: &SessionDescription) -> SessionDescription {
    let ours = ["a=msid:", "a=ssrc", "a=candidate", "a=end-of", "a=ice-lite"];
    let mut sdp = String::with_capacity(offer.sdp.len());
    for line in offer.sdp.lines() {
        let line = match line {
            "a=setup:active" => "a=setup:passive",
            "a=sendrecv" | "a=sendonly" => "a=recvonly",
            line if ours.iter().any(|prefix| line.starts_with(prefix)) => continue,
            line => line,
        };
        sdp.push_str(line);
        sdp.push_str("\r\n");
    }
    SessionDescription {
        r#type: "answer".into(),
        sdp,
        id: offer.id,
        ..SessionDescription::default()
    }
}

fn track(cid: &str, kind: TrackType, source: TrackSource) -> signal_request::Message {
    signal_request::Message::AddTrack(AddTrackRequest {
        cid: cid.into(),
        r#type: kind.into(),
        source: source.into(),
        ..AddTrackRequest::default()
    })
}

fn kind(message: &Message) -> &'static str {
    match message {
        Message::Join(_) => "join",
        Message::Answer(_) => "answer",
        Message::Offer(_) => "offer",
        Message::Update(_) => "update",
        Message::RoomUpdate(_) => "room_update",
        Message::SpeakersChanged(_) => "speakers_changed",
        Message::ConnectionQuality(_) => "connection_quality",
        Message::StreamStateUpdate(_) => "stream_state_update",
        _ => "other",
    }
}

impl Hall {
    /// An empty room for so many, where a client gets so many cameras unasked.
    #[allow(
        clippy::disallowed_methods,
        reason = "any instant will do as the start of the virtual clock"
    )]
    pub fn new(most: u32, auto_cameras: u32) -> Self {
        let config = Config {
            region: "eu".into(),
            relay: "relay-1".into(),
            candidates: vec![Candidate {
                address: "203.0.113.7:7882".parse().expect("an address"),
                protocol: CandidateProtocol::Udp,
            }],
            ice_servers: Arc::new(OneServer),
            fingerprint: Fingerprint([7; 32]),
            workers: 2,
            together: relay_core::room::TOGETHER,
            max_participants: most,
            capacity: most,
            auto_cameras,
        };
        Self {
            control: Control::new(config, Box::new(Counter(1))),
            start: Instant::now(),
            elapsed: Duration::ZERO,
            clients: BTreeMap::new(),
            transports: HashMap::new(),
            sources: HashMap::new(),
            later: VecDeque::new(),
            joining: 0,
            next: 0,
        }
    }

    fn now(&self) -> Now {
        Now {
            at: self.start + self.elapsed,
            unix_ms: 1_790_000_000_000 + i64::try_from(self.elapsed.as_millis()).expect("a short test"),
        }
    }

    fn later(&mut self, after: Duration, input: Input) {
        let at = self.elapsed + after;
        let place = self.later.partition_point(|(other, _)| *other <= at);
        self.later.insert(place, (at, input));
    }

    fn says(&mut self, after: Duration, connection: u64, message: signal_request::Message) {
        let connection = ConnectionId(connection);
        self.later(after, Input::Signal { connection, message });
    }

    pub fn handle(&mut self, input: Input) {
        self.control.handle(self.now(), input);
        self.drain();
    }

    /// Somebody comes and publishes that a moment later; with an identity that is there, in its place.
    pub fn join(&mut self, identity: &str, publishes: Publishes) -> u64 {
        self.next += 1;
        let connection = self.next;
        let client = Client {
            identity: identity.into(),
            publishes,
            told: Told::default(),
            sid: String::new(),
            known: BTreeMap::new(),
            sinks: HashMap::new(),
            unsent: Vec::new(),
            sections: 0,
            gone: false,
        };
        self.clients.insert(connection, client);
        self.joining = connection;
        self.handle(Input::Join(Box::new(Join {
            connection: ConnectionId(connection),
            ticket: ticket(identity),
            attempt: 0,
            client: ClientInfo {
                protocol: 17,
                ..ClientInfo::default()
            },
            mode: Mode::Dual,
            auto_subscribe: true,
            errand: None,
            adaptive_stream: true,
            allow_pause: true,
            offer: None,
            add_tracks: Vec::new(),
        })));
        let offered = signal_request::Message::Offer(offer(PUBLISHER_DATA, 1));
        self.says(ROUND_TRIP, connection, offered);
        if publishes != Publishes::Nothing {
            let sound = track(MICROPHONE, TrackType::Audio, TrackSource::Microphone);
            self.says(300 * MS, connection, sound);
            if publishes == Publishes::Both {
                let picture = track(CAMERA, TrackType::Video, TrackSource::Camera);
                self.says(300 * MS, connection, picture);
            }
            let offered = signal_request::Message::Offer(offer(PUBLISHER_CAMERA, 2));
            self.says(350 * MS, connection, offered);
        }
        connection
    }

    /// Somebody goes.
    pub fn leave(&mut self, connection: u64) {
        self.clients.get_mut(&connection).expect("is here").gone = true;
        let message = signal_request::Message::Leave(Default::default());
        self.handle(Input::Signal {
            connection: ConnectionId(connection),
            message,
        });
    }

    /// Somebody's signalling breaks and comes back under another connection.
    pub fn resume(&mut self, connection: u64) -> u64 {
        self.handle(Input::SignalClosed {
            connection: ConnectionId(connection),
        });
        self.next += 1;
        let fresh = self.next;
        let client = self.clients.remove(&connection).expect("is here");
        let (identity, sid) = (client.identity.clone(), client.sid.clone());
        for to in self.transports.values_mut().filter(|to| **to == connection) {
            *to = fresh;
        }
        self.clients.insert(fresh, client);
        self.handle(Input::Resume(Box::new(Resume {
            connection: ConnectionId(fresh),
            ticket: ticket(&identity),
            attempt: 0,
            sid,
            sync_state: None,
        })));
        fresh
    }

    /// Somebody asks for tracks, or wants them no more.
    pub fn ask(&mut self, connection: u64, track_sids: Vec<String>, subscribe: bool) {
        let request = UpdateSubscription {
            track_sids,
            subscribe,
            ..UpdateSubscription::default()
        };
        self.handle(Input::Signal {
            connection: ConnectionId(connection),
            message: signal_request::Message::Subscription(request),
        });
    }

    /// Lets time pass.
    pub fn pass(&mut self, span: Duration) {
        let end = self.elapsed + span;
        loop {
            let said = self.later.front().map(|(at, _)| *at);
            let due = self
                .control
                .poll_timeout()
                .map(|at| at.saturating_duration_since(self.start));
            let next = said.into_iter().chain(due).min().filter(|at| *at <= end);
            let Some(next) = next else {
                break;
            };
            self.elapsed = self.elapsed.max(next);
            if said == Some(next) {
                let (_, input) = self.later.pop_front().expect("just seen");
                self.handle(input);
            } else {
                self.control.handle_timeout(self.now());
                self.drain();
            }
        }
        self.elapsed = end;
    }

    /// Forgets what was told so far.
    pub fn forget(&mut self) {
        for client in self.clients.values_mut() {
            client.told = Told::default();
        }
    }

    /// Sources of sound, or of pictures, that are published.
    pub fn sources(&self, kind: MediaKind) -> Vec<SourceId> {
        let sources = self.sources.iter().filter(|(_, known)| **known == kind);
        let mut sources: Vec<SourceId> = sources.map(|(id, _)| *id).collect();
        sources.sort_unstable();
        sources
    }

    /// A transport of a client: the first is the one by which it publishes.
    pub fn transport(&self, connection: u64) -> TransportId {
        let own = self.transports.iter().filter(|(_, of)| **of == connection);
        *own.map(|(id, _)| id).min().expect("has transports")
    }

    /// Everybody here knows of everybody else, with what they publish.
    pub fn assert_all_known(&self) {
        let here: BTreeMap<&str, &Client> = self
            .clients
            .values()
            .filter(|client| !client.gone)
            .map(|client| (client.identity.as_str(), client))
            .collect();
        for client in here.values() {
            assert_eq!(client.known.len(), here.len() - 1, "{} knows others", client.identity);
            for (identity, (sid, tracks)) in &client.known {
                let other = here[identity.as_str()];
                assert_eq!(*sid, other.sid, "{} knows {identity}'s session", client.identity);
                let published = match other.publishes {
                    Publishes::Nothing => 0,
                    Publishes::Sound => 1,
                    Publishes::Both => 2,
                };
                assert_eq!(tracks.len(), published, "{} knows {identity}'s tracks", client.identity);
            }
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.control.poll_output() {
            match output {
                Output::Send { connection, message } => {
                    let bytes = message.encoded_len() as u64;
                    self.told(connection.0, message.message.as_ref().expect("a message"), bytes);
                }
                Output::Transport(TransportCommand::Create { id, .. }) => {
                    self.transports.insert(id, self.joining);
                    self.later(2 * ROUND_TRIP, Input::Transport(TransportEvent::Connected { id }));
                }
                Output::Forward(command) => self.forward(command),
                Output::Refuse { connection, refusal } => panic!("{connection:?} refused: {refusal:?}"),
                _ => {}
            }
        }
    }

    fn forward(&mut self, command: forward::Command) {
        match command {
            forward::Command::SourceAdd { id, spec, .. } => {
                let sound = spec.codec == Codec::Opus;
                assert_eq!(spec.floor.is_some(), sound, "microphones compete, cameras do not");
                self.sources.insert(id, spec.codec.kind());
            }
            forward::Command::SourceRemove { id } => {
                self.sources.remove(&id);
            }
            forward::Command::SinkAdd {
                id, transport, source, ..
            } => {
                let kind = self.sources[&source];
                let client = self.clients.get_mut(&self.transports[&transport]);
                client.expect("is here").sinks.insert(id, kind);
                // Its first picture comes at once.
                let flows = forward::Event::StreamState { sink: id, active: true };
                self.later(MS, Input::Forward(flows));
            }
            forward::Command::SinkRemove { id } => {
                for client in self.clients.values_mut() {
                    client.sinks.remove(&id);
                }
            }
            _ => {}
        }
    }

    /// A client hears something: its library takes it as `livekit-client` does.
    fn told(&mut self, connection: u64, message: &Message, bytes: u64) {
        let Some(client) = self.clients.get_mut(&connection) else {
            return;
        };
        let entry = client.told.by_kind.entry(kind(message)).or_default();
        entry.0 += 1;
        entry.1 += bytes;
        match message {
            Message::Join(join) => {
                client.sid = join.participant.as_ref().expect("itself").sid.clone();
                for info in &join.other_participants {
                    client.learn(info);
                }
            }
            Message::Update(update) => {
                let mut named = HashSet::new();
                for info in &update.participants {
                    assert!(named.insert(&info.sid), "{} twice in one update", info.identity);
                    client.learn(info);
                }
            }
            Message::Offer(offer) => {
                let known: HashSet<&String> = client.known.values().flat_map(|(_, tracks)| tracks).collect();
                let known = |sid: &String| known.contains(sid);
                assert!(
                    offer.mid_to_track_id.values().all(known),
                    "a track is offered that the client has not heard of"
                );
                let sent: HashSet<&String> = offer.mid_to_track_id.values().collect();
                let cameras = client.known.values().flat_map(|(_, tracks)| tracks);
                let unsent = cameras.filter(|sid| sid.starts_with("TR_VC") && !sent.contains(sid));
                client.unsent = unsent.cloned().collect();
                client.sections = offer.sdp.matches("\r\nm=").count();
                let answer = signal_request::Message::Answer(answer_to(offer));
                self.says(ROUND_TRIP, connection, answer);
            }
            _ => {}
        }
    }
}

impl Client {
    fn learn(&mut self, info: &ParticipantInfo) {
        if info.identity == self.identity {
            assert_eq!(info.sid, self.sid, "a client takes what it is told for its own");
            return;
        }
        if info.state() == State::Disconnected {
            self.known.remove(&info.identity);
            return;
        }
        let tracks = info.tracks.iter().map(|track| track.sid.clone()).collect();
        self.known.insert(info.identity.clone(), (info.sid.clone(), tracks));
    }
}
