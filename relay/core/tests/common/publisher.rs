//! A publisher of one track: simulcast camera or microphone, as a browser sends it.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use relay_core::{
    forward::{LayerSpec, SourceSpec},
    rtcp::{Compound, RtcpPacket, write},
    rtp::{HeaderFields, HeaderWriter},
    types::{Codec, ExtKind, ExtMap, FloorId, Mid, Pt, Rid},
};

use super::{Datagram, MS, SECOND, heads};

/// Bytes of payload in a full packet.
const MTU: usize = 1_100;

/// The ids of header extensions in every m-section of these tests.
pub fn exts() -> ExtMap {
    [
        (ExtKind::AudioLevel, 1),
        (ExtKind::AbsSendTime, 2),
        (ExtKind::TransportCc, 3),
        (ExtKind::Mid, 4),
        (ExtKind::Rid, 10),
        (ExtKind::RepairedRid, 11),
        (ExtKind::DependencyDescriptor, 12),
    ]
    .into_iter()
    .collect()
}

/// One layer as it is sent.
pub struct SentLayer {
    pub ssrc: u32,
    pub bitrate: u32,
    pub width: u32,
    pub enabled: bool,
    /// Keyframes sent so far.
    pub keyframes: u32,
    /// Requests that came.
    pub requests: u32,
    seq: u16,
    rtx_seq: u16,
    timestamp_base: u32,
    frame: u32,
    picture: u16,
    tl0: u8,
    key_index: u8,
    keyframe_due: bool,
    pub packets: u32,
    bytes: u32,
    history: HashMap<u16, Kept>,
}

/// A packet that can be sent again.
#[derive(Clone)]
struct Kept {
    timestamp: u32,
    marker: bool,
    payload: Vec<u8>,
    dependency: Vec<u8>,
}

pub struct Publisher {
    pub codec: Codec,
    pub layers: Vec<SentLayer>,
    pub interval: Duration,
    /// −dBov of a microphone; 127 is silence.
    pub level: u8,
    /// Whether packets tell the level (RFC 6464).
    pub tells: bool,
    /// Sends nothing, as a muted camera or a microphone in a DTX pause.
    pub silent: bool,
    /// Names m-section and layer in this many first packets of each SSRC.
    pub named: u32,
    /// All layers in one stream.
    svc: bool,
    mid: Mid,
    transport_seq: u16,
    started: Instant,
    next_frame: Instant,
    /// When it tells its clock next.
    pub next_report: Instant,
    tick: u32,
    repairs: VecDeque<Datagram>,
    /// The media clock does not stop while silent.
    with_rids: bool,
    /// Whom it competes with for being sent.
    pub floor: Option<FloorId>,
    /// Of what the sizes of pictures waver by, if they do.
    wavers: Option<u64>,
}

impl Publisher {
    fn new(codec: Codec, layers: &[(u32, u32)], interval: Duration, started: Instant) -> Self {
        let layers = layers.iter().zip(1_u32..).map(|((width, bitrate), n)| SentLayer {
            ssrc: 0x1000_0000 * n + 7,
            bitrate: *bitrate,
            width: *width,
            enabled: true,
            keyframes: 0,
            requests: 0,
            seq: u16::try_from(65_500 + n).expect("small"),
            rtx_seq: 9,
            timestamp_base: n.wrapping_mul(0x3333_3333),
            frame: 0,
            picture: u16::try_from(n * 1_000).expect("small"),
            tl0: u8::try_from(n * 50).expect("small"),
            key_index: 0,
            keyframe_due: true,
            packets: 0,
            bytes: 0,
            history: HashMap::new(),
        });
        Self {
            codec,
            layers: layers.collect(),
            interval,
            level: 127,
            tells: true,
            silent: false,
            named: 20,
            svc: false,
            mid: Mid::new(b"0").expect("a name"),
            transport_seq: 65_000,
            started,
            next_frame: started,
            next_report: started,
            tick: 0,
            repairs: VecDeque::new(),
            with_rids: true,
            floor: None,
            wavers: None,
        }
    }

    /// A camera with three layers of 30 pictures a second.
    pub fn camera(codec: Codec, now: Instant) -> Self {
        let layers = [(320, 150_000), (640, 500_000), (1280, 1_500_000)];
        Self::new(codec, &layers, Duration::from_micros(33_333), now)
    }

    /// A camera with these layers, as (width, bits per second), of 20 pictures a second whose sizes waver by two fifths.
    pub fn wavering(codec: Codec, layers: &[(u32, u32)], seed: u64, now: Instant) -> Self {
        Self {
            wavers: Some(seed),
            ..Self::new(codec, layers, 50 * MS, now)
        }
    }

    /// A camera with three spatial layers in one stream, each predicted from the one below in keyframes only (L3T2_KEY).
    pub fn svc(codec: Codec, now: Instant) -> Self {
        let layers = [(320, 100_000), (640, 250_000), (1280, 700_000)];
        Self {
            svc: true,
            ..Self::new(codec, &layers, Duration::from_micros(33_333), now)
        }
    }

    /// A camera with one layer.
    pub fn single(codec: Codec, bitrate: u32, now: Instant) -> Self {
        Self::new(codec, &[(1280, bitrate)], Duration::from_micros(33_333), now)
    }

    /// A microphone.
    pub fn microphone(now: Instant) -> Self {
        Self::new(Codec::Opus, &[(0, 32_000)], 20 * MS, now)
    }

    /// Layers told apart by SSRCs in the description instead of RIDs.
    pub fn by_ssrc(mut self) -> Self {
        self.with_rids = false;
        self.named = 0;
        self
    }

    /// In that m-section instead of the first one.
    pub fn in_section(mut self, mid: Mid) -> Self {
        self.mid = mid;
        self
    }

    pub fn start(&mut self, now: Instant) {
        self.started = now;
        self.next_frame = now;
        self.next_report = now + 300 * MS;
    }

    pub fn spec(&self) -> SourceSpec {
        let rid = |n: usize| Rid::new(&b"qhf"[n..=n]).expect("a name");
        let simulcast = self.layers.len() > 1 && !self.svc;
        let layers = self.layers.iter().enumerate().map(|(n, layer)| LayerSpec {
            rid: (simulcast && self.with_rids).then(|| rid(n)),
            ssrc: (!self.with_rids && (n == 0 || !self.svc)).then_some(relay_core::types::Ssrc(layer.ssrc)),
            rtx_ssrc: (!self.with_rids && (n == 0 || !self.svc)).then_some(relay_core::types::Ssrc(layer.ssrc + 1)),
            width: layer.width,
            height: layer.width * 9 / 16,
            max_bitrate: 0,
        });
        SourceSpec {
            codec: self.codec,
            pt: Pt(96),
            rtx_pt: Some(Pt(97)),
            red_pt: None,
            mid: self.mid,
            layers: layers.collect(),
            exts: exts(),
            svc: self.svc,
            nack: self.codec != Codec::Opus,
            floor: self.floor,
            muted: false,
        }
    }

    pub fn next_event(&self) -> Instant {
        if self.repairs.is_empty() {
            self.next_frame.min(self.next_report)
        } else {
            self.started
        }
    }

    pub fn handle_rtcp(&mut self, now: Instant, bytes: &[u8]) {
        for packet in Compound::new(bytes) {
            match packet {
                RtcpPacket::Pli { media } => {
                    if let Some(layer) = self.layers.iter_mut().find(|layer| layer.ssrc == media) {
                        layer.keyframe_due = true;
                        layer.requests += 1;
                    }
                }
                RtcpPacket::Nack { media, seqs } => {
                    for seq in seqs {
                        self.repair(now, media, seq);
                    }
                }
                _ => {}
            }
        }
    }

    fn repair(&mut self, now: Instant, media: u32, seq: u16) {
        let Some(n) = self.layers.iter().position(|layer| layer.ssrc == media) else {
            return;
        };
        let Some(kept) = self.layers[n].history.get(&seq).cloned() else {
            return;
        };
        let layer = &mut self.layers[n];
        layer.rtx_seq = layer.rtx_seq.wrapping_add(1);
        let fields = HeaderFields {
            padding: false,
            marker: kept.marker,
            pt: 97,
            seq: layer.rtx_seq,
            timestamp: kept.timestamp,
            ssrc: layer.ssrc + 1,
        };
        let mut rtx = seq.to_be_bytes().to_vec();
        rtx.extend(kept.payload);
        let bytes = self.packet(n, &fields, &rtx, true, &kept.dependency);
        let _ = now;
        self.repairs.push_back(Datagram::Rtp(bytes));
    }

    /// What is sent at `now`.
    pub fn send(&mut self, now: Instant) -> Vec<Datagram> {
        let mut out: Vec<Datagram> = self.repairs.drain(..).collect();
        if now >= self.next_frame {
            self.next_frame += self.interval;
            self.tick += 1;
            if !self.silent {
                if self.svc && self.layers[0].keyframe_due {
                    for layer in &mut self.layers {
                        layer.keyframe_due = true;
                    }
                }
                for n in 0..self.layers.len() {
                    if self.layers[n].enabled {
                        self.frame(now, n, &mut out);
                    }
                }
            }
        }
        if now >= self.next_report {
            self.next_report = now + SECOND;
            let streams = if self.svc { 1 } else { self.layers.len() };
            for n in 0..streams {
                let mut bytes = Vec::new();
                let info = write::SenderInfo {
                    ssrc: self.layers[n].ssrc,
                    ntp: ntp(now - self.started),
                    timestamp: self.timestamp(now, n),
                    packets: self.layers[n].packets,
                    bytes: self.layers[n].bytes,
                };
                write::sender_report(&mut bytes, &info);
                out.push(Datagram::Rtcp(bytes));
            }
        }
        out
    }

    fn timestamp(&self, now: Instant, n: usize) -> u32 {
        let us = (now - self.started).as_micros();
        let ticks = us * u128::from(self.codec.clock_rate()) / 1_000_000;
        #[allow(clippy::cast_possible_truncation, reason = "timestamps wrap")]
        self.layers[n].timestamp_base.wrapping_add(ticks as u32)
    }

    fn frame(&mut self, now: Instant, n: usize, out: &mut Vec<Datagram>) {
        let stream = if self.svc { 0 } else { n };
        let timestamp = self.timestamp(now, stream);
        let top = !self.svc || self.layers[n + 1..].iter().all(|layer| !layer.enabled);
        let interval = self.interval.as_secs_f64();
        let codec = self.codec;
        let layer = &mut self.layers[n];
        let keyframe = std::mem::take(&mut layer.keyframe_due) || codec == Codec::Opus;
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a picture's bytes"
        )]
        let mut size = (f64::from(layer.bitrate) / 8.0 * interval) as usize;
        if let Some(state) = &mut self.wavers {
            *state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            size = size * usize::try_from(60 + (*state >> 33) % 81).expect("small") / 100;
        }
        if keyframe && codec != Codec::Opus {
            size *= 5;
            layer.keyframes += 1;
            layer.key_index = layer.key_index.wrapping_add(1);
        }
        layer.frame += 1;
        layer.picture = layer.picture.wrapping_add(1) & 0x7fff;
        layer.tl0 = layer.tl0.wrapping_add(1);
        if self.svc && n > 0 {
            // All layers of a picture have its numbers.
            let (below, above) = self.layers.split_at_mut(n);
            (above[0].frame, above[0].picture, above[0].tl0) = (below[0].frame, below[0].picture, below[0].tl0);
        }
        let count = size.div_ceil(MTU).max(1);
        let mut dependency = Vec::new();
        for i in 0..count {
            let layer = &self.layers[n];
            let mut payload = match codec {
                Codec::Vp9 | Codec::Av1 => {
                    let picture = heads::Picture {
                        number: layer.picture,
                        tl0: layer.tl0,
                        layer: if self.svc {
                            u8::try_from(n).expect("few layers")
                        } else {
                            0
                        },
                        temporal: u8::from(self.svc && !keyframe && layer.frame.is_multiple_of(2)),
                        keyframe,
                        first: i == 0,
                        last: i + 1 == count,
                    };
                    dependency = if codec == Codec::Av1 {
                        heads::dependency(&picture)
                    } else {
                        Vec::new()
                    };
                    heads::payload(codec, &picture)
                }
                _ => head(codec, layer, keyframe, i, count),
            };
            // What the subscriber's decoder model reads: layer, keyframe, picture, place in the picture.
            payload.push(u8::try_from(n).expect("few layers"));
            payload.push(u8::from(keyframe));
            payload.extend(self.layers[n].frame.to_be_bytes());
            payload.push(u8::try_from(i).expect("small"));
            payload.push(u8::try_from(count).expect("small"));
            payload.resize((size / count).max(payload.len()), 0xaa);
            if codec == Codec::H264 && payload[0] == 0x78 {
                let len = u16::try_from(payload.len() - 10).expect("a packet's worth");
                payload[8..10].copy_from_slice(&len.to_be_bytes());
            }
            let layer = &mut self.layers[stream];
            layer.seq = layer.seq.wrapping_add(1);
            layer.packets += 1;
            layer.bytes += u32::try_from(payload.len()).expect("small");
            let fields = HeaderFields {
                padding: false,
                marker: top && i + 1 == count,
                pt: 96,
                seq: layer.seq,
                timestamp,
                ssrc: layer.ssrc,
            };
            let kept = Kept {
                timestamp,
                marker: fields.marker,
                payload: payload.clone(),
                dependency: dependency.clone(),
            };
            layer.history.insert(layer.seq, kept);
            layer.history.remove(&layer.seq.wrapping_sub(1_000));
            let bytes = self.packet(stream, &fields, &payload, false, &dependency);
            out.push(Datagram::Rtp(bytes));
        }
    }

    fn packet(&mut self, n: usize, fields: &HeaderFields, payload: &[u8], rtx: bool, dependency: &[u8]) -> Vec<u8> {
        let ids = exts();
        let id = |kind| ids.id(kind).expect("all are negotiated");
        let mut header = HeaderWriter::new(fields, dependency.len() > 16);
        let named = self.layers[n].packets <= self.named || rtx && self.named > 0;
        if named {
            header.ext(id(ExtKind::Mid), self.mid.as_bytes());
            if self.layers.len() > 1 && self.with_rids && !self.svc {
                let kind = if rtx { ExtKind::RepairedRid } else { ExtKind::Rid };
                header.ext(id(kind), &b"qhf"[n..=n]);
            }
        }
        self.transport_seq = self.transport_seq.wrapping_add(1);
        header.ext(id(ExtKind::TransportCc), &self.transport_seq.to_be_bytes());
        if self.codec == Codec::Opus && self.tells {
            header.ext(id(ExtKind::AudioLevel), &[0x80 | self.level]);
        }
        if !dependency.is_empty() {
            header.ext(id(ExtKind::DependencyDescriptor), dependency);
        }
        let mut bytes = header.finish().to_vec();
        bytes.extend(payload);
        bytes
    }

    /// The publisher restarts its encoder: other SSRCs, other numbers.
    pub fn restart(&mut self) {
        for layer in &mut self.layers {
            layer.ssrc += 100;
            layer.seq = layer.seq.wrapping_add(30_000);
            layer.timestamp_base = layer.timestamp_base.wrapping_add(0x1234_5678);
            layer.packets = 0;
            layer.keyframe_due = true;
            layer.history.clear();
        }
    }
}

/// The codec's own bytes in front.
fn head(codec: Codec, layer: &SentLayer, keyframe: bool, i: usize, count: usize) -> Vec<u8> {
    match codec {
        Codec::Opus => vec![0x78],
        Codec::Vp8 => {
            let start = if i == 0 { 0x10 } else { 0 };
            let [high, low] = (layer.picture | 0x8000).to_be_bytes();
            let key = layer.key_index & 0x1f;
            vec![0x80 | start, 0xf0, high, low, layer.tl0, key, u8::from(!keyframe)]
        }
        Codec::H264 => match (keyframe, i) {
            // SPS and PPS in one aggregate come first, with our own words in SEI behind them; then the picture in fragments.
            (true, 0) => vec![0x78, 0, 2, 0x67, 1, 0, 1, 0x68, 0, 0, 0x06],
            (true, 1) => vec![0x7c, 0x85],
            (true, _) => vec![0x7c, if i + 1 == count { 0x45 } else { 0x05 }],
            (false, _) if count == 1 => vec![0x41],
            (false, 0) => vec![0x5c, 0x81],
            (false, _) => vec![0x5c, if i + 1 == count { 0x41 } else { 0x01 }],
        },
        Codec::Vp9 | Codec::Av1 => unreachable!("see `heads`"),
    }
}

/// NTP time of the publisher's own clock.
#[allow(clippy::cast_possible_truncation, reason = "a test does not last for years")]
pub fn ntp(since: Duration) -> u64 {
    0xd000_0000_0000_0000 + (((since.as_micros() as u64) << 32) / 1_000_000)
}
