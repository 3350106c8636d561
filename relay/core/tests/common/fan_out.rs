//! One camera for many subscribers, driven by hand: what the hot path costs.

use std::time::{Duration, Instant};

use relay_core::{
    forward::{
        Command, Config, Outgoing, Shard, TapSpec, Tapped, Transmit, Want,
        mesh::{Message, Wish},
    },
    rtcp::twcc,
    rtp::{HeaderFields, HeaderWriter},
    types::{Codec, ExtKind, SinkId, SourceId, TapId, TransportId},
};

use super::{World, exts, publisher::Publisher};

/// Counts what is given out.
#[derive(Default)]
pub struct Counter {
    pub packets: u64,
    pub bytes: u64,
    /// Packets over links.
    pub crossed: u64,
    /// Pictures of taps.
    pub pictures: u64,
}

impl Transmit for Counter {
    fn rtp(&mut self, packet: Outgoing<'_>) {
        self.packets += 1;
        self.bytes += (packet.header.len() + packet.payload[0].len() + packet.payload[1].len()) as u64;
    }

    fn rtcp(&mut self, _to: TransportId, _compound: &[u8]) {}

    fn mesh(&mut self, _link: TransportId, message: Message<'_>) {
        self.crossed += u64::from(matches!(message, Message::Packet(_)));
    }

    fn tapped(&mut self, _tap: TapId, what: Tapped<'_>) {
        self.pictures += u64::from(matches!(what, Tapped::Picture(_)));
    }
}

pub struct FanOut {
    pub shard: Shard,
    /// Three spatial layers in one stream, of which subscribers get two.
    svc: bool,
    pub now: Instant,
    pub out: Counter,
    subscribers: u32,
    packet: Vec<u8>,
    seq: u16,
    /// Numbers that feedback has to tell about, per subscriber the same.
    told: u16,
    sent: u16,
}

/// Another relay.
pub const LINK: TransportId = TransportId(2);

/// Packets in a burst.
pub const BURST: u16 = 10;
/// Those of them in the two lower layers.
pub const LOWER: u16 = 5;

/// The descriptor of packet `i` of VP9 picture `n`.
fn svc_head(n: u32, i: u16) -> [u8; 5] {
    let (layer, begins, ends) = match i {
        0..2 => (0, i == 0, i == 1),
        2..LOWER => (1, i == 2, i == LOWER - 1),
        _ => (2, i == LOWER, i == BURST - 1),
    };
    let flags = 0xa0 | u8::from(n > 0) << 6 | u8::from(begins) << 3 | u8::from(ends) << 2;
    let [.., high, low] = n.to_be_bytes();
    [flags, high | 0x80, low, layer << 1 | u8::from(n == 0 && layer > 0), low]
}

impl FanOut {
    /// H.264 in one layer.
    pub fn new(subscribers: u32) -> Self {
        Self::of(subscribers, false)
    }

    /// VP9 in three layers, for subscribers with a tile of 640 pixels.
    pub fn svc(subscribers: u32) -> Self {
        Self::of(subscribers, true)
    }

    /// H.264 in one layer, which also crosses a link and is handed out to a tap.
    pub fn with_link_and_tap(subscribers: u32) -> Self {
        let mut fan_out = Self::new(subscribers);
        let (source, now) = (SourceId(1), fan_out.now);
        let wish = Wish {
            source,
            highest: Some(0),
        };
        let tap = Command::TapAdd {
            id: TapId(1),
            source,
            spec: TapSpec::default(),
        };
        for command in [
            Command::TransportAdd { id: LINK },
            Command::OfferAdd { source, link: LINK },
            tap,
        ] {
            fan_out.shard.handle_command(now, command);
        }
        fan_out.shard.handle_mesh(now, LINK, Message::Wish(wish));
        fan_out
    }

    fn of(subscribers: u32, svc: bool) -> Self {
        let world = World::new(1);
        let start = world.now;
        let config = Config {
            initial_bitrate: 20_000_000,
            ..Config::new(start, 0, 1)
        };
        let mut shard = Shard::new(config);
        let publisher = if svc {
            Publisher::svc(Codec::Vp9, start)
        } else {
            Publisher::single(Codec::H264, 8_000_000, start)
        };
        let want = Want {
            width: if svc { 640 } else { 0 },
            height: if svc { 360 } else { 0 },
            ..Want::default()
        };
        shard.handle_command(start, Command::TransportAdd { id: TransportId(1) });
        shard.handle_command(
            start,
            Command::SourceAdd {
                id: SourceId(1),
                transport: TransportId(1),
                spec: publisher.spec(),
            },
        );
        for n in 0..subscribers {
            let id = TransportId(100 + n);
            shard.handle_command(start, Command::TransportAdd { id });
            shard.handle_command(
                start,
                Command::SinkAdd {
                    id: SinkId(n),
                    transport: id,
                    source: SourceId(1),
                    spec: world.sink_spec(n + 1, publisher.codec),
                    want,
                },
            );
        }
        Self {
            shard,
            svc,
            now: start,
            out: Counter::default(),
            subscribers,
            packet: Vec::with_capacity(1_500),
            seq: 0,
            told: 0,
            sent: 0,
        }
    }

    /// One burst of packets of 1,000 bytes every 10 ms, with feedback of every subscriber every 100 ms.
    pub fn burst(&mut self, n: u32) {
        self.now += Duration::from_millis(10);
        self.shard.handle_timeout(self.now);
        for i in 0..BURST {
            self.seq = self.seq.wrapping_add(1);
            let fields = HeaderFields {
                padding: false,
                marker: self.seq.is_multiple_of(BURST),
                pt: 96,
                seq: self.seq,
                timestamp: n * 900,
                ssrc: 5,
            };
            let mut header = HeaderWriter::new(&fields, false);
            header.ext(
                exts().id(ExtKind::TransportCc).expect("negotiated"),
                &self.seq.to_be_bytes(),
            );
            header.ext(exts().id(ExtKind::Mid).expect("negotiated"), b"0");
            self.packet.clear();
            self.packet.extend(header.finish());
            if self.svc {
                self.packet.extend(svc_head(n, i));
            } else {
                // Parameter sets, a keyframe, and pictures after it.
                self.packet.push(match self.seq {
                    1..=3 if n == 0 => [0x67, 0x68, 0x65][usize::from(self.seq - 1)],
                    _ => 0x41,
                });
            }
            self.packet.resize(self.packet.len() + 999, 0xaa);
            self.shard.handle_rtp(self.now, TransportId(1), &self.packet);
        }
        self.shard.transmit(self.now, &mut self.out);
        self.sent = self.sent.wrapping_add(if self.svc { LOWER } else { BURST });
        // What the pacer held back.
        let later = self.now + Duration::from_millis(5);
        self.shard.transmit(later, &mut self.out);
        while self.shard.poll_event().is_some() {}
    }

    /// Every subscriber tells that all arrived.
    pub fn feedback(&mut self, scratch: &mut Vec<u8>, times: &mut Vec<Option<u64>>) {
        times.clear();
        let count = self.sent.wrapping_sub(self.told);
        times.extend((0..count).map(|i| Some(1_000_000 + u64::from(self.told) * 1_000 + u64::from(i) * 1_000)));
        scratch.clear();
        twcc::write(scratch, 9, 0, 0, self.told, times);
        self.told = self.sent;
        for n in 0..self.subscribers {
            self.shard.handle_rtcp(self.now, TransportId(100 + n), scratch);
        }
    }
}
