//! What the fuzz targets in `relay/fuzz` call: each takes any bytes and must come back, with what it promises still true.
//!
//! Only in builds for fuzzing and for this crate's own tests. Where a target takes several things in a row, its input is
//! cut into chunks: a byte that says what, two for the length (little-endian), and so many bytes.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use axum::extract::ws::Message as Frame;
use livekit_protocol::{ClientInfo, IceServer, SessionDescription};
use relay_core::{
    forward::{self, Command, LayerSpec, Outgoing, Shard, SinkSpec, SourceSpec, Transmit, Want},
    room::{Config, ConnectionId, Control, Grants, IceServers, Input, Join, Mode, Now, Random, RoomKey, Ticket},
    rtcp::Compound,
    rtp::{HeaderFields, HeaderWriter, RtpPacket, red_primary},
    sdp::{Candidate, CandidateProtocol, Local, Negotiator, Role, SendState, SendTrack, Sending},
    types::{
        Codec, ExtKind, ExtMap, Fingerprint, FloorId, IceCredentials, Mid, Pt, Rid, SinkId, SourceId, Ssrc,
        TransportEvent, TransportId,
    },
};

pub use crate::{
    access::fuzzing::{frames, turn},
    engine::fuzzing::stun,
    transport::fuzzing::channels,
};

mod tap;
#[cfg(test)]
mod tests;

pub use tap::tap;

/// A target's name and its entry.
pub type Target = (&'static str, fn(&[u8]));

/// All targets, each a file of the same name in `relay/fuzz/fuzz_targets`.
pub const TARGETS: [Target; 10] = [
    ("stun", stun),
    ("rtp", rtp),
    ("rtcp", rtcp),
    ("exts", exts),
    ("sdp", sdp),
    ("signal", signal),
    ("channels", channels),
    ("turn", turn),
    ("frames", frames),
    ("tap", tap),
];

/// Chunks taken of one input.
const MAX_CHUNKS: usize = 64;

/// The chunks of an input.
pub(crate) fn chunks(mut data: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let ([what, low, high], rest) = data.split_first_chunk()?;
        let len = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (chunk, rest) = rest.split_at(len);
        data = rest;
        Some((*what, chunk))
    })
    .take(MAX_CHUNKS)
}

const PUBLISHER: TransportId = TransportId(1);
const SUBSCRIBER: TransportId = TransportId(2);

/// Ids of the header extensions in every m-section here.
fn ids() -> ExtMap {
    [
        (ExtKind::AudioLevel, 1),
        (ExtKind::AbsSendTime, 2),
        (ExtKind::TransportCc, 3),
        (ExtKind::Mid, 4),
        (ExtKind::Rid, 10),
        (ExtKind::RepairedRid, 11),
        (ExtKind::DependencyDescriptor, 12),
        (ExtKind::VideoOrientation, 13),
    ]
    .into_iter()
    .collect()
}

/// A shard that brings a track of each codec from one transport to another.
fn meeting(now: Instant) -> Shard {
    let mut shard = Shard::new(forward::Config::new(now, 0xe800_0000 << 32, 1));
    for id in [PUBLISHER, SUBSCRIBER] {
        shard.handle_command(now, Command::TransportAdd { id });
        shard.handle_command(now, Command::TransportConnected { id });
    }
    for (n, codec) in (0_u32..).zip([Codec::Opus, Codec::Vp8, Codec::H264, Codec::Vp9, Codec::Av1]) {
        let video = codec != Codec::Opus;
        let pt = Pt([111, 96, 102, 98, 45][n as usize]);
        let layer = |rid: &[u8]| LayerSpec {
            rid: Rid::new(rid).ok().filter(|_| video),
            ..LayerSpec::default()
        };
        let layers: &[&[u8]] = if video { &[b"q", b"h", b"f"] } else { &[b"q"] };
        let spec = SourceSpec {
            codec,
            pt,
            rtx_pt: video.then_some(Pt(pt.0 + 1)),
            red_pt: (!video).then_some(Pt(63)),
            mid: Mid::new(&[b'0' + pt.0 % 3]).expect("a digit"),
            layers: layers.iter().map(|rid| layer(rid)).collect(),
            exts: ids(),
            svc: matches!(codec, Codec::Vp9 | Codec::Av1),
            nack: video,
            floor: (!video).then_some(FloorId(1)),
            muted: false,
        };
        let sink = SinkSpec {
            ssrc: Ssrc(1_000 * (n + 1)),
            rtx_ssrc: video.then_some(Ssrc(1_000 * (n + 1) + 1)),
            pt,
            rtx_pt: video.then_some(Pt(pt.0 + 1)),
            red_pt: (!video).then_some(Pt(63)),
            exts: ids(),
            mid: spec.mid,
            is_screen: false,
            allow_pause: true,
        };
        let (source, id) = (SourceId(n), SinkId(n));
        shard.handle_command(
            now,
            Command::SourceAdd {
                id: source,
                transport: PUBLISHER,
                spec,
            },
        );
        shard.handle_command(
            now,
            Command::SinkAdd {
                id,
                transport: SUBSCRIBER,
                source,
                spec: sink,
                want: Want::default(),
            },
        );
    }
    shard
}

/// Holds a shard to what it promises of its packets.
#[derive(Default)]
struct Held {
    used: HashSet<(TransportId, u32, u64)>,
}

impl Transmit for Held {
    fn rtp(&mut self, packet: Outgoing<'_>) {
        let payload = packet.payload.concat();
        let whole = [packet.header, &payload].concat();
        let read = RtpPacket::parse(&whole).expect("what goes out is RTP");
        assert_eq!(u64::from(read.seq), packet.index & 0xffff);
        assert!(
            self.used.insert((packet.to, read.ssrc, packet.index)),
            "an index goes out twice"
        );
    }

    fn rtcp(&mut self, _to: TransportId, compound: &[u8]) {
        assert!(compound.len() <= 1_400 && Compound::new(compound).next().is_some());
    }
}

/// Lets the shard do what follows.
fn advance(shard: &mut Shard, now: Instant, held: &mut Held) {
    shard.handle_timeout(now);
    shard.transmit(now, held);
    while shard.poll_event().is_some() {}
}

/// RTP packets of a publisher, after the milliseconds in each chunk's first byte.
pub fn rtp(data: &[u8]) {
    let mut now = Instant::now();
    let (mut shard, mut held) = (meeting(now), Held::default());
    for (wait, packet) in chunks(data) {
        now += Duration::from_millis(wait.into());
        shard.handle_rtp(now, PUBLISHER, packet);
        if let Ok(packet) = RtpPacket::parse(packet) {
            let _ = red_primary(packet.payload);
        }
        advance(&mut shard, now, &mut held);
    }
    for _ in 0..3 {
        now += Duration::from_secs(1);
        advance(&mut shard, now, &mut held);
    }
}

/// A packet of a publisher's picture, the first one a keyframe.
fn picture(codec: Codec, seq: u16) -> Vec<u8> {
    let pt = if codec == Codec::Vp8 { 96 } else { 102 };
    let fields = HeaderFields {
        padding: false,
        marker: true,
        pt,
        seq,
        timestamp: u32::from(seq) * 3_000,
        ssrc: 7 + u32::from(pt),
    };
    let mut header = HeaderWriter::new(&fields, false);
    header.ext(4, &[b'0' + pt % 3]);
    header.ext(10, b"q");
    header.ext(3, &seq.to_be_bytes());
    let head: &[u8] = match (codec, seq) {
        (Codec::Vp8, 0) => &[0x90, 0xf0, 0x80, 0, 1, 1, 0],
        (Codec::Vp8, _) => &[0x90, 0xf0, 0x80, 1, 2, 1, 1],
        (_, 0) => &[0x67, 1],
        (..) => &[0x41, 1],
    };
    [header.finish(), head, &[0xaa; 400]].concat()
}

/// RTCP of a subscriber, and where the first byte of a chunk is odd of a publisher, while pictures flow.
pub fn rtcp(data: &[u8]) {
    let mut now = Instant::now();
    let (mut shard, mut held) = (meeting(now), Held::default());
    for seq in 0..20 {
        now += Duration::from_millis(5);
        for codec in [Codec::Vp8, Codec::H264] {
            shard.handle_rtp(now, PUBLISHER, &picture(codec, seq));
        }
        advance(&mut shard, now, &mut held);
    }
    for (what, compound) in chunks(data) {
        now += Duration::from_millis(u64::from(what >> 1) * 8);
        let from = if what & 1 == 1 { PUBLISHER } else { SUBSCRIBER };
        shard.handle_rtcp(now, from, compound);
        advance(&mut shard, now, &mut held);
    }
    now += Duration::from_secs(1);
    advance(&mut shard, now, &mut held);
}

/// One RTP header: what is read of its extensions and written again reads the same.
pub fn exts(data: &[u8]) {
    let Ok(packet) = RtpPacket::parse(data) else { return };
    let fields = HeaderFields {
        padding: false,
        marker: packet.marker,
        pt: packet.pt,
        seq: packet.seq,
        timestamp: packet.timestamp,
        ssrc: packet.ssrc,
    };
    let read: Vec<(u8, &[u8])> = packet.exts.into_iter().collect();
    for (id, data) in &read {
        assert!(packet.exts.find(*id).is_some(), "what is listed is found");
        assert!(data.len() <= 255);
    }
    let mut header = HeaderWriter::new(&fields, true);
    let fit = read.iter().filter(|(_, data)| data.len() <= 8).take(8);
    let written: Vec<_> = fit.copied().collect();
    for (id, data) in &written {
        header.ext(*id, data);
    }
    let bytes = header.finish().to_vec();
    let again = RtpPacket::parse(&bytes).expect("what we write, we read");
    assert_eq!((again.seq, again.ssrc, again.pt), (packet.seq, packet.ssrc, packet.pt));
    assert_eq!(again.exts.into_iter().collect::<Vec<_>>(), written);
}

/// A description, as an offer to us and as an answer to ours.
pub fn sdp(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let track = |n: u32, codec| SendTrack {
        track_sid: format!("TR_{n}"),
        stream_id: "PA_1|TR_1".to_owned(),
        codec,
        stereo: false,
        ssrc: Ssrc(10 * n),
        rtx_ssrc: (codec != Codec::Opus).then_some(Ssrc(10 * n + 1)),
    };
    let mut offered = Negotiator::new(local(), Role::ClientOffers);
    offered.add_send(track(1, Codec::Opus));
    offered.add_send(track(2, Codec::Vp8));
    if offered.accept_offer(text).is_ok() {
        let answer = offered.answer();
        let sections = |text: &str| text.lines().filter(|line| line.starts_with("m=")).count();
        assert_eq!(sections(&answer), sections(text), "an answer has the offer's sections");
        let _ = (offered.receiving().count(), offered.sending().count());
        let _ = offered.poll_sections_request();
        assert!(offered.accept_offer(text).is_ok(), "what was taken once is taken again");
    }
    let mut offering = Negotiator::new(local(), Role::ServerOffers);
    offering.add_send(track(1, Codec::H264));
    let offer = offering.create_offer();
    let before: Vec<Sending> = offering.sending().collect();
    let taken = offering.accept_answer(text).is_ok();
    let after: Vec<Sending> = offering.sending().collect();
    assert!(taken || after == before, "what is refused changes nothing");
    assert!(!taken || after.iter().all(|sending| sending.state != SendState::Offered));
    assert!(offering.accept_answer(text).is_err(), "an offer is answered once");
    assert!(offer.starts_with("v=0\r\n"));
}

fn local() -> Local {
    Local {
        session: 1,
        ice: IceCredentials {
            ufrag: "frag".to_owned(),
            pwd: "a-password-of-some-length".to_owned(),
        },
        fingerprint: Fingerprint([7; 32]),
        candidates: vec![candidate()],
        codecs: vec![Codec::Opus, Codec::Vp8, Codec::H264, Codec::Vp9, Codec::Av1],
    }
}

fn candidate() -> Candidate {
    Candidate {
        address: "203.0.113.7:7882".parse().expect("an address"),
        protocol: CandidateProtocol::Udp,
    }
}

struct Counter(u8);

impl Random for Counter {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(5).wrapping_add(1);
            *byte = self.0;
        }
    }
}

/// The same server for everybody.
#[derive(Debug)]
pub(crate) struct OneServer;

impl IceServers for OneServer {
    fn servers(&self, _: Now, _: &Ticket) -> Vec<IceServer> {
        vec![IceServer {
            urls: vec!["stun:203.0.113.7:7882".into()],
            ..IceServer::default()
        }]
    }
}

/// A relay's rooms, without any yet.
pub(crate) fn rooms() -> Control {
    let config = Config {
        region: "eu".into(),
        relay: "relay-1".into(),
        candidates: vec![candidate()],
        ice_servers: Arc::new(OneServer),
        fingerprint: Fingerprint([7; 32]),
        workers: 1,
        together: 1,
        max_participants: 10,
        capacity: 10,
        auto_cameras: 1,
    };
    Control::new(config, Box::new(Counter(1)))
}

/// Messages of clients, by WebSocket and by data channel, in a room of three. The low bits of a chunk's first byte say who
/// and how, the others how much time passes.
pub fn signal(data: &[u8]) {
    let mut control = rooms();
    let start = Instant::now();
    let mut waited = Duration::ZERO;
    let now = |waited: Duration| Now {
        at: start + waited,
        unix_ms: 1_790_000_000_000 + i64::try_from(waited.as_millis()).unwrap_or(0),
    };
    for n in 1..=3 {
        control.handle(now(waited), Input::Join(Box::new(join(n))));
        drain(&mut control);
    }
    for id in 1..=5 {
        let id = TransportId(id);
        control.handle(now(waited), Input::Transport(TransportEvent::Connected { id }));
        drain(&mut control);
    }
    for (what, bytes) in chunks(data) {
        waited += Duration::from_millis(u64::from(what >> 4) * 500);
        let connection = ConnectionId(u64::from(what & 3));
        let input = match what >> 2 & 3 {
            0 | 1 => {
                let frame = if what & 4 == 0 {
                    Frame::Binary(bytes.to_vec().into())
                } else {
                    Frame::Text(String::from_utf8_lossy(bytes).into_owned().into())
                };
                let message = crate::signal::read(&frame).and_then(|(request, _)| request.message);
                message.map(|message| Input::Signal { connection, message })
            }
            kind => Some(Input::Transport(TransportEvent::Data {
                id: TransportId(u32::from(what & 3) + 1),
                label: if kind == 2 { "_reliable" } else { "_lossy" }.into(),
                data: bytes.to_vec().into(),
            })),
        };
        if let Some(input) = input {
            control.handle(now(waited), input);
        }
        let told = drain(&mut control);
        // Whoever asks for much is not answered with more than that times the room.
        assert!(told <= 4_096 + 64 * bytes.len(), "{told} outputs");
        control.handle_timeout(now(waited));
        drain(&mut control);
    }
    control.handle(now(waited), Input::Shutdown);
    drain(&mut control);
    assert_eq!(control.census().participants, 0, "everybody can be put out");
}

fn drain(control: &mut Control) -> usize {
    std::iter::from_fn(|| control.poll_output()).count()
}

/// For a room of a classic key.
pub(crate) fn ticket(identity: &str) -> Ticket {
    Ticket {
        room: RoomKey::Named("room".into()),
        identity: identity.into(),
        name: identity.to_uppercase(),
        jti: format!("jti-{identity}"),
        token: Arc::from(format!("token-{identity}")),
        issued: None,
        first_use_by: None,
        expires: i64::MAX,
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
        attributes: BTreeMap::new(),
        metadata: String::new(),
        h264: false,
    }
}

/// The first and the third with two connections, the second with one.
pub(crate) fn join(n: u64) -> Join {
    let mode = if n == 2 { Mode::Single } else { Mode::Dual };
    let offer = SessionDescription {
        r#type: "offer".into(),
        sdp: include_str!("../core/src/sdp/fixtures/chromium-one-join.sdp").into(),
        id: 1,
        ..SessionDescription::default()
    };
    Join {
        connection: ConnectionId(n),
        ticket: Ticket {
            moderator: n == 1,
            ..ticket(&format!("p{n}"))
        },
        attempt: 0,
        client: ClientInfo {
            protocol: 17,
            ..ClientInfo::default()
        },
        mode,
        auto_subscribe: true,
        errand: None,
        adaptive_stream: true,
        allow_pause: true,
        offer: (mode == Mode::Single).then_some(offer),
        add_tracks: Vec::new(),
    }
}
