//! What a room does, told as a specification on virtual time.
#![expect(deprecated, reason = "clients read what newer ones have elsewhere, too")]

mod announcing;
mod bounds;
mod codecs;
mod data;
mod describing;
mod errand;
mod going_on;
mod isolation;
mod joining;
mod leaving;
mod media;
mod moderation;
mod permission;
mod quality;
mod resuming;
mod service;
mod sharing;
mod spans;
mod waiting;
mod watching;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use domain::{
    id::{ParticipantNumber, RoomName},
    quality::QualitySpan,
    relay::{Action as Do, Entered, Event},
    room::{MuteMode, RoomSettings},
};
use livekit_protocol::{
    AddTrackRequest, ClientInfo, IceServer, ParticipantInfo, SessionDescription, SimulcastCodec, TrackSource,
    TrackType, VideoLayer, VideoQuality, signal_request, signal_response::Message,
};

use super::*;
use crate::{
    forward,
    types::{Fingerprint, Ssrc, TransportCommand, TransportEvent, TransportId},
};

const ONE_JOIN: &str = include_str!("../sdp/fixtures/chromium-one-join.sdp");
const ONE_PUBLISH: &str = include_str!("../sdp/fixtures/chromium-one-publish.sdp");
const PUBLISHER_DATA: &str = include_str!("../sdp/fixtures/chromium-publisher-data.sdp");
const PUBLISHER_CAMERA: &str = include_str!("../sdp/fixtures/chromium-publisher-camera.sdp");
const PUBLISHER_CAMERA_REMOVED: &str = include_str!("../sdp/fixtures/chromium-publisher-camera-removed.sdp");

/// The client's ids in [`ONE_PUBLISH`].
const ONE_MICROPHONE: &str = "9885f94b-4c94-4335-96d0-84807a022d26";
const ONE_CAMERA: &str = "74352974-0b7c-47cf-90f3-ff44900bdc21";
/// And in [`PUBLISHER_CAMERA`].
const DUAL_MICROPHONE: &str = "270760ba-4633-4412-8272-0380425107fb";
const DUAL_CAMERA: &str = "55d7e28d-6462-4850-a41e-df148e47792f";

/// Wall clock at the start of each test.
const START_MS: i64 = 1_790_000_000_000;

/// Any instant: the clock is read once, and only to have a value of the type.
#[expect(clippy::disallowed_methods, reason = "an instant has no other constructor")]
pub(super) fn origin() -> Instant {
    Instant::now()
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

/// A relay on virtual time, and all that came out of it, in order.
struct World {
    control: Control,
    start: Instant,
    elapsed: Duration,
    /// Messages to clients.
    sent: Vec<(u64, Message)>,
    accepted: Vec<u64>,
    refused: Vec<(u64, Refusal)>,
    closed: Vec<u64>,
    transports: Vec<TransportCommand>,
    forward: Vec<forward::Command>,
    events: Vec<Event>,
    spans: Vec<QualitySpan>,
    entering: Vec<RoomName>,
    left: Vec<RoomName>,
    /// Whether the people of the last one were told to come again.
    reconnecting: bool,
}

fn meeting() -> RoomName {
    "1/183/1790000000".parse().expect("a room")
}

fn settings() -> RoomSettings {
    RoomSettings {
        conference: meeting().conference,
        subject: "Tea".into(),
        max_participants: 3,
        mute_mode: MuteMode::Conversation,
        waiting_room: false,
        hard_stop: START_MS / 1000 + 3_600,
        window_end: START_MS / 1000 + 3_600,
        empty_grace_seconds: 30,
    }
}

/// A participant of a classic room, `moderator` of a meeting when `number` is given.
fn ticket(identity: &str, number: Option<u32>) -> Ticket {
    Ticket {
        room: number.map_or(RoomKey::Named("room".into()), |_| RoomKey::Meeting(meeting())),
        identity: identity.into(),
        name: identity.to_uppercase(),
        jti: format!("jti-{identity}"),
        token: Arc::from(format!("token-{identity}")),
        issued: None,
        first_use_by: None,
        expires: START_MS / 1000 + 3_600,
        number: number.map(|number| ParticipantNumber::new(number).expect("from 1")),
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

/// Names a server after whoever asks.
#[derive(Debug)]
struct OneServer;

impl IceServers for OneServer {
    fn servers(&self, now: Now, ticket: &Ticket) -> Vec<IceServer> {
        vec![IceServer {
            urls: vec!["stun:203.0.113.7:7882".into()],
            username: format!("{}-{}", ticket.jti, now.unix_ms),
            credential: String::new(),
        }]
    }
}

fn number(number: u32) -> ParticipantNumber {
    ParticipantNumber::new(number).expect("from 1")
}

/// The participant of this number, by its token.
fn holder(number: u32) -> By {
    By::Holder {
        identity: format!("p{number}"),
        jti: format!("jti-p{number}"),
    }
}

/// The control plane says that the meeting may open.
fn opens(settings: RoomSettings) -> Result<Entered, Refusal> {
    Ok(Entered {
        settings,
        members: Default::default(),
        rules: None,
        earlier: Vec::new(),
    })
}

/// A meeting of `p1`, `p2` and so on, each of whom comes with one connection of its number.
fn opened_by(settings: RoomSettings, tickets: impl IntoIterator<Item = Ticket>) -> World {
    let mut world = World::new();
    for ticket in tickets {
        world.come(ticket);
    }
    world.handle(Input::Entered {
        room: meeting(),
        answer: opens(settings),
    });
    world.connect_all();
    world.events.clear();
    world
}

/// A meeting of two guests.
fn opened() -> World {
    opened_by(settings(), [1, 2].map(|n| ticket(&format!("p{n}"), Some(n))))
}

fn offer(sdp: &str, id: u32) -> SessionDescription {
    SessionDescription {
        r#type: "offer".into(),
        sdp: sdp.into(),
        id,
        ..SessionDescription::default()
    }
}

fn join(connection: u64, ticket: Ticket, mode: Mode) -> Join {
    Join {
        connection: ConnectionId(connection),
        ticket,
        attempt: 0,
        client: ClientInfo {
            protocol: 17,
            ..ClientInfo::default()
        },
        mode,
        auto_subscribe: true,
        errand: None,
        adaptive_stream: true,
        allow_pause: false,
        offer: (mode == Mode::Single).then(|| offer(ONE_JOIN, 1)),
        add_tracks: Vec::new(),
    }
}

fn microphone(cid: &str) -> signal_request::Message {
    signal_request::Message::AddTrack(AddTrackRequest {
        cid: cid.into(),
        r#type: TrackType::Audio.into(),
        source: TrackSource::Microphone.into(),
        ..AddTrackRequest::default()
    })
}

fn camera(cid: &str) -> signal_request::Message {
    camera_with(cid, &["vp8"])
}

/// A camera with its codec, and a backup codec if there is a second one.
fn camera_with(cid: &str, codecs: &[&str]) -> signal_request::Message {
    let layer = |quality: VideoQuality, width, height, bitrate| VideoLayer {
        quality: quality.into(),
        width,
        height,
        bitrate,
        ..VideoLayer::default()
    };
    signal_request::Message::AddTrack(AddTrackRequest {
        cid: cid.into(),
        r#type: TrackType::Video.into(),
        source: TrackSource::Camera.into(),
        width: 640,
        height: 360,
        layers: vec![
            layer(VideoQuality::Low, 320, 180, 160_000),
            layer(VideoQuality::Medium, 640, 360, 450_000),
        ],
        simulcast_codecs: codecs
            .iter()
            .enumerate()
            .map(|(n, codec)| SimulcastCodec {
                codec: (*codec).into(),
                cid: if n == 0 { cid.into() } else { String::new() },
                ..SimulcastCodec::default()
            })
            .collect(),
        ..AddTrackRequest::default()
    })
}

/// What a browser answers to an offer of ours: it takes everything.
fn answer_to(offer: &SessionDescription) -> SessionDescription {
    let sdp = offer
        .sdp
        .replace("a=setup:active", "a=setup:passive")
        .replace("a=sendrecv", "a=recvonly")
        .replace("a=sendonly", "a=recvonly")
        .lines()
        .filter(|line| {
            !["a=msid:", "a=ssrc", "a=candidate", "a=end-of", "a=ice-lite"]
                .iter()
                .any(|prefix| line.starts_with(prefix))
        })
        .flat_map(|line| [line, "\r\n"])
        .collect();
    SessionDescription {
        r#type: "answer".into(),
        sdp,
        id: offer.id,
        ..SessionDescription::default()
    }
}

impl World {
    fn new() -> Self {
        Self::where_share(TOGETHER)
    }

    /// With so many of a room on each of two media workers.
    fn where_share(together: u32) -> Self {
        let config = Config {
            region: "eu".into(),
            relay: "relay-1".into(),
            candidates: vec![crate::sdp::Candidate {
                address: "203.0.113.7:7882".parse().expect("an address"),
                protocol: crate::sdp::CandidateProtocol::Udp,
            }],
            ice_servers: Arc::new(OneServer),
            fingerprint: Fingerprint([7; 32]),
            workers: 2,
            together,
            max_participants: 4,
            capacity: 100,
            auto_cameras: 49,
        };
        Self {
            control: Control::new(config, Box::new(Counter(1))),
            start: origin(),
            elapsed: Duration::ZERO,
            sent: Vec::new(),
            accepted: Vec::new(),
            refused: Vec::new(),
            closed: Vec::new(),
            transports: Vec::new(),
            forward: Vec::new(),
            events: Vec::new(),
            spans: Vec::new(),
            entering: Vec::new(),
            left: Vec::new(),
            reconnecting: false,
        }
    }

    /// `a` and `c` with two connections get what `b` publishes with one: microphone and camera.
    fn published() -> Self {
        let mut world = Self::new();
        world.enter(1, "a", Mode::Dual);
        world.enter(2, "b", Mode::Single);
        world.enter(3, "c", Mode::Dual);
        world.publish(2);
        world.answer(1);
        world.answer(3);
        world
    }

    fn now(&self) -> Now {
        Now {
            at: self.start + self.elapsed,
            unix_ms: START_MS + i64::try_from(self.elapsed.as_millis()).expect("a short test"),
        }
    }

    fn handle(&mut self, input: Input) {
        self.control.handle(self.now(), input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.control.poll_output() {
            match output {
                Output::Accept { connection } => self.accepted.push(connection.0),
                Output::Refuse { connection, refusal } => self.refused.push((connection.0, refusal)),
                Output::Send { connection, message } => self
                    .sent
                    .push((connection.0, message.message.clone().expect("a message"))),
                Output::Close { connection } => self.closed.push(connection.0),
                Output::Enter { room, .. } => self.entering.push(room),
                Output::Leave { room, reconnecting } => {
                    self.left.push(room);
                    self.reconnecting = reconnecting;
                }
                Output::Report(event) => self.events.push(event),
                Output::Quality(span) => self.spans.push(span),
                Output::Transport(command) => self.transports.push(command),
                Output::Forward(command) => self.forward.push(command),
            }
        }
    }

    /// Lets time pass, deadline by deadline.
    fn pass(&mut self, duration: Duration) {
        let end = self.elapsed + duration;
        while let Some(at) = self.control.poll_timeout().filter(|at| *at <= self.start + end) {
            self.elapsed = self.elapsed.max(at - self.start);
            self.control.handle_timeout(self.now());
            self.drain();
        }
        self.elapsed = end;
    }

    fn signal(&mut self, connection: u64, message: signal_request::Message) {
        self.handle(Input::Signal {
            connection: ConnectionId(connection),
            message,
        });
    }

    /// Somebody comes into the classic room and connects its media.
    fn enter(&mut self, connection: u64, identity: &str, mode: Mode) {
        self.handle(Input::Join(Box::new(join(connection, ticket(identity, None), mode))));
        if mode == Mode::Dual {
            self.answer(connection);
            self.signal(connection, signal_request::Message::Offer(offer(PUBLISHER_DATA, 1)));
        }
        self.connect_all();
    }

    /// Somebody of a meeting comes, on the connection of its number.
    fn come(&mut self, ticket: Ticket) {
        let connection = ticket.number.expect("of a meeting").value().into();
        self.handle(Input::Join(Box::new(join(connection, ticket, Mode::Single))));
    }

    /// The control plane orders something in the meeting.
    fn order(&mut self, action: Do) -> Result<(), Denied> {
        self.order_by(&By::ControlPlane, action)
    }

    fn order_by(&mut self, by: &By, action: Do) -> Result<(), Denied> {
        let answer = self.control.order(self.now(), &RoomKey::Meeting(meeting()), by, action);
        self.drain();
        answer
    }

    /// Answers the last offer to a client.
    fn answer(&mut self, connection: u64) {
        self.answer_with(connection, |sdp| sdp);
    }

    /// Answers the last offer as a browser does, with that changed.
    fn answer_with(&mut self, connection: u64, change: impl FnOnce(String) -> String) {
        let offer = self.last(connection, |message| match message {
            Message::Offer(offer) => Some(offer.clone()),
            _ => None,
        });
        let mut answer = answer_to(&offer.expect("an offer"));
        answer.sdp = change(answer.sdp);
        self.signal(connection, signal_request::Message::Answer(answer));
    }

    /// All transports that were made connect.
    fn connect_all(&mut self) {
        for id in self.made() {
            self.handle(Input::Transport(TransportEvent::Connected { id }));
        }
    }

    /// The last message to a client that `pick` wants.
    fn last<T>(&self, connection: u64, pick: impl Fn(&Message) -> Option<T>) -> Option<T> {
        self.sent
            .iter()
            .rev()
            .filter(|(to, _)| *to == connection)
            .find_map(|(_, message)| pick(message))
    }

    /// Names of a client's messages, in order.
    fn names(&self, connection: u64) -> Vec<&'static str> {
        self.sent
            .iter()
            .filter(|(to, _)| *to == connection)
            .map(|(_, message)| name(message))
            .collect()
    }

    /// What a client last heard of somebody.
    fn seen(&self, connection: u64, identity: &str) -> Option<ParticipantInfo> {
        self.last(connection, |message| {
            let infos = match message {
                Message::Update(update) => &update.participants,
                Message::Join(join) => &join.other_participants,
                _ => return None,
            };
            infos.iter().find(|info| info.identity == identity).cloned()
        })
    }

    /// The last join answer to a client.
    fn welcome(&self, connection: u64) -> livekit_protocol::JoinResponse {
        self.last(connection, |message| match message {
            Message::Join(join) => Some(join.clone()),
            _ => None,
        })
        .expect("a join response")
    }

    /// What the client that came by a connection is called (`PA_…`).
    fn sid(&self, connection: u64) -> String {
        self.welcome(connection).participant.expect("itself").sid
    }

    /// The transports that were made, in order.
    fn made(&self) -> Vec<TransportId> {
        let made = self.transports.iter().filter_map(|command| match command {
            TransportCommand::Create { id, .. } => Some(*id),
            _ => None,
        });
        made.collect()
    }

    /// Reason and action of the leave message to a client.
    fn leave(
        &self,
        connection: u64,
    ) -> Option<(
        livekit_protocol::DisconnectReason,
        livekit_protocol::leave_request::Action,
    )> {
        self.last(connection, |message| match message {
            Message::Leave(leave) => Some((leave.reason(), leave.action())),
            _ => None,
        })
    }

    /// The last list of sections by track to a client.
    fn tracks_by_mid(&self, connection: u64) -> BTreeMap<String, String> {
        self.last(connection, |message| match message {
            Message::Answer(description) | Message::Offer(description) => Some(description.mid_to_track_id.clone()),
            _ => None,
        })
        .unwrap_or_default()
        .into_iter()
        .collect()
    }

    fn sources(&self) -> Vec<(&crate::types::SourceId, &forward::SourceSpec)> {
        self.forward
            .iter()
            .filter_map(|command| match command {
                forward::Command::SourceAdd { id, spec, .. } => Some((id, spec)),
                _ => None,
            })
            .collect()
    }

    fn sinks(&self) -> Vec<(&crate::types::SinkId, &crate::types::SourceId, &forward::Want)> {
        self.forward
            .iter()
            .filter_map(|command| match command {
                forward::Command::SinkAdd { id, source, want, .. } => Some((id, source, want)),
                _ => None,
            })
            .collect()
    }

    /// Somebody publishes microphone and camera over one connection.
    fn publish(&mut self, connection: u64) {
        self.signal(connection, microphone(ONE_MICROPHONE));
        self.signal(connection, camera(ONE_CAMERA));
        self.signal(connection, signal_request::Message::Offer(offer(ONE_PUBLISH, 3)));
    }

    /// Media of all that is published comes.
    fn media_comes(&mut self) {
        let sources: Vec<_> = self.sources().into_iter().map(|(source, _)| *source).collect();
        for source in sources {
            self.handle(Input::Forward(forward::Event::LayerStarted {
                source,
                layer: 0,
                ssrc: Ssrc(1_000 + source.0),
                rtx_ssrc: None,
            }));
        }
    }

    fn forget(&mut self) {
        self.sent.clear();
        self.forward.clear();
        self.transports.clear();
    }
}

fn name(message: &Message) -> &'static str {
    match message {
        Message::Join(_) => "join",
        Message::Answer(_) => "answer",
        Message::Offer(_) => "offer",
        Message::Update(_) => "update",
        Message::TrackPublished(_) => "track_published",
        Message::Leave(_) => "leave",
        Message::RoomUpdate(_) => "room_update",
        Message::RefreshToken(_) => "refresh_token",
        Message::Reconnect(_) => "reconnect",
        Message::MediaSectionsRequirement(_) => "media_sections_requirement",
        Message::TrackSubscribed(_) => "track_subscribed",
        Message::RequestResponse(_) => "request_response",
        Message::ConnectionQuality(_) => "connection_quality",
        _ => "other",
    }
}
