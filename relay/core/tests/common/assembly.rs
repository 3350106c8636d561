//! Many microphones of one room and many listeners, driven by hand: what an assembly costs.

use std::time::{Duration, Instant};

use relay_core::{
    forward::{Command, Config, Event, Outgoing, Shard, Transmit, Want},
    rtp::{HeaderFields, HeaderWriter},
    types::{Codec, ExtKind, FloorId, Mid, SinkId, SourceId, TransportId},
};

use super::{World, exts, publisher::Publisher, tile};

/// Transport of the first listener; microphones' and cameras' are below.
const LISTENERS: u32 = 1_000;
/// A camera's first packet of a picture, and the others, are one packet in so many of a microphone's time.
const PICTURE: u32 = 3;

/// Counts what is given out, and holds it to whole sequences.
#[derive(Default)]
pub struct Counter {
    pub packets: u64,
    pub bytes: u64,
    /// Packets of each listener.
    pub each: Vec<u64>,
    /// The last number of each stream by listener, if they are watched.
    pub last: Option<Vec<std::collections::HashMap<u32, u64>>>,
    /// Streams that had packets since this was cleared.
    pub streams: std::collections::BTreeSet<u32>,
}

impl Transmit for Counter {
    fn rtp(&mut self, packet: Outgoing<'_>) {
        self.packets += 1;
        self.bytes += (packet.header.len() + packet.payload[0].len() + packet.payload[1].len()) as u64;
        let Some(listener) = packet.to.0.checked_sub(LISTENERS) else {
            return;
        };
        self.each[listener as usize] += 1;
        if let Some(last) = &mut self.last {
            let ssrc = u32::from_be_bytes(packet.header[8..12].try_into().expect("four bytes"));
            if let Some(before) = last[listener as usize].insert(ssrc, packet.index) {
                assert_eq!(packet.index, before + 1, "a number is missing in a stream");
            }
            if listener == 0 {
                self.streams.insert(ssrc);
            }
        }
    }

    fn rtcp(&mut self, _to: TransportId, _compound: &[u8]) {}
}

pub struct Assembly {
    pub shard: Shard,
    pub now: Instant,
    pub out: Counter,
    /// −dBov of each microphone.
    pub levels: Vec<u8>,
    /// Loudness told, by source.
    pub told: std::collections::BTreeMap<SourceId, u8>,
    cameras: u32,
    n: u32,
    packet: Vec<u8>,
}

impl Assembly {
    /// So many open microphones and cameras, all of them sent to so many listeners in small tiles.
    pub fn new(microphones: u32, cameras: u32, listeners: u32) -> Self {
        let world = World::new(1);
        let start = world.now;
        let mut shard = Shard::new(Config {
            initial_bitrate: 50_000_000,
            ..Config::new(start, 0, 1)
        });
        let specs = (0..microphones + cameras).map(|n| {
            let mut model = if n < microphones {
                Publisher::microphone(start)
            } else {
                Publisher::single(Codec::Vp8, 150_000, start)
            };
            model.floor = (n < microphones).then_some(FloorId(1));
            model.in_section(Mid::new(b"0").expect("a name")).spec()
        });
        for (n, spec) in (0..).zip(specs) {
            let transport = TransportId(n);
            shard.handle_command(start, Command::TransportAdd { id: transport });
            let id = SourceId(n);
            shard.handle_command(start, Command::SourceAdd { id, transport, spec });
        }
        for listener in 0..listeners {
            let id = TransportId(LISTENERS + listener);
            shard.handle_command(start, Command::TransportAdd { id });
            for n in 0..microphones + cameras {
                let codec = if n < microphones { Codec::Opus } else { Codec::Vp8 };
                let number = listener * 200 + n + 1;
                shard.handle_command(
                    start,
                    Command::SinkAdd {
                        id: SinkId(number),
                        transport: id,
                        source: SourceId(n),
                        spec: world.sink_spec(number, codec),
                        want: if n < microphones { Want::default() } else { tile(320) },
                    },
                );
            }
        }
        Self {
            shard,
            now: start,
            out: Counter {
                each: vec![0; listeners as usize],
                ..Counter::default()
            },
            levels: vec![70; microphones as usize],
            told: Default::default(),
            cameras,
            n: 0,
            packet: Vec::with_capacity(1_500),
        }
    }

    /// Has the numbers of all streams watched.
    pub fn watch(&mut self) {
        self.out.last = Some(vec![Default::default(); self.out.each.len()]);
    }

    /// SSRC of a microphone at the first listener.
    pub fn ssrc(microphone: u32) -> u32 {
        (microphone + 1) * 1_000
    }

    /// 20 ms: a packet of each microphone, and every 60 ms one of each camera, a picture of 1,100 bytes.
    pub fn step(&mut self) {
        self.now += Duration::from_millis(20);
        self.n += 1;
        self.shard.handle_timeout(self.now);
        for microphone in 0..self.levels.len() {
            let level = self.levels[microphone];
            let id = u32::try_from(microphone).expect("few");
            self.write(self.n * 960, &[(ExtKind::AudioLevel, level)]);
            self.packet.resize(self.packet.len() + 80, 0xaa);
            self.shard.handle_rtp(self.now, TransportId(id), &self.packet);
        }
        if self.n.is_multiple_of(PICTURE) {
            for camera in 0..self.cameras {
                let id = u32::try_from(self.levels.len()).expect("few") + camera;
                self.write(self.n * 1_800, &[]);
                // VP8: a picture begins; a keyframe if its first bit is 0.
                let keyframe = self.n == PICTURE;
                self.packet.extend([0x10, u8::from(!keyframe)]);
                self.packet.resize(self.packet.len() + 1_098, 0xaa);
                self.shard.handle_rtp(self.now, TransportId(id), &self.packet);
            }
        }
        self.shard.transmit(self.now, &mut self.out);
        // What the pacer held back.
        let later = self.now + Duration::from_millis(10);
        self.shard.transmit(later, &mut self.out);
        while let Some(event) = self.shard.poll_event() {
            if let Event::Speakers { changed } = event {
                self.told
                    .extend(changed.iter().map(|level| (level.source, level.eighths)));
            }
        }
    }

    fn write(&mut self, timestamp: u32, levels: &[(ExtKind, u8)]) {
        let camera = levels.is_empty();
        let number = if camera { self.n / PICTURE } else { self.n };
        let fields = HeaderFields {
            padding: false,
            marker: camera,
            pt: 96,
            seq: u16::try_from(number & 0xffff).expect("masked"),
            timestamp,
            ssrc: 5,
        };
        let mut header = HeaderWriter::new(&fields, false);
        header.ext(exts().id(ExtKind::Mid).expect("negotiated"), b"0");
        for (kind, level) in levels {
            header.ext(exts().id(*kind).expect("negotiated"), &[*level]);
        }
        self.packet.clear();
        self.packet.extend(header.finish());
    }
}
