//! What clients encrypt end to end is nobody's to read or change: payloads go out byte for byte behind their descriptors.

mod common;

use std::collections::HashMap;

use common::{Collector, Datagram, MS, World, exts, heads, publisher::Publisher, sink_exts, tile};
use relay_core::{
    forward::{Command, SourceSpec},
    rtcp::write,
    rtp::{HeaderFields, HeaderWriter, RtpPacket},
    types::{Codec, ExtKind, SinkId, SourceId, TransportId},
};

const PUBLISHER: TransportId = TransportId(901);
const SUBSCRIBER: TransportId = TransportId(902);
const SOURCE: SourceId = SourceId(903);
const SINK: SinkId = SinkId(904);

/// Packets of each picture, of each layer.
const PACKETS: usize = 3;

/// Chance by a seed: what a cipher leaves.
struct Chance(u64);

impl Chance {
    fn bytes(&mut self, len: usize) -> Vec<u8> {
        let bytes = (0..len).map(|_| {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            self.0.to_be_bytes()[0]
        });
        bytes.collect()
    }
}

/// Bytes in front of a payload that the relay may write anew.
fn descriptor_len(codec: Codec) -> usize {
    match codec {
        Codec::Vp8 => 6,
        Codec::Vp9 => 5,
        Codec::H264 | Codec::Av1 | Codec::Opus => 0,
    }
}

/// What frame encryption leaves readable of a packet: descriptors and the first bytes of the picture.
fn readable(codec: Codec, number: u16, keyframe: bool, place: usize) -> Vec<u8> {
    let first = place == 0;
    match codec {
        Codec::Vp8 => {
            let [high, low] = (number | 0x8000).to_be_bytes();
            let start = if first { 0x10 } else { 0 };
            let tl0 = u8::try_from(number & 0xff).expect("masked");
            let mut bytes = vec![0x80 | start, 0xf0, high, low, tl0, 7];
            match (first, keyframe) {
                (true, true) => bytes.extend([0x10, 0x02, 0, 0x9d, 0x01, 0x2a, 0, 5, 0xd0, 2]),
                (true, false) => bytes.extend([0x31, 0x01, 0]),
                (false, _) => {}
            }
            bytes
        }
        Codec::H264 => match (keyframe, place) {
            // The parameter sets stay readable, and of a slice its two first bytes.
            (true, 0) => vec![
                0x78, 0, 4, 0x67, 0x42, 0xc0, 0x1f, 0, 3, 0x68, 0x80, 1, 0, 102, 0x65, 0x88,
            ],
            (true, 1) => vec![0x7c, 0x85, 0x88],
            (false, 0) => vec![0x41, 0x9a],
            (false, 1) => vec![0x5c, 0x81, 0x9a],
            (key, _) => vec![0x7c, if key { 0x45 } else { 0x41 }],
        },
        Codec::Vp9 | Codec::Av1 => heads::payload(codec, &picture(number, keyframe, place)),
        Codec::Opus => unreachable!("a picture"),
    }
}

fn picture(number: u16, keyframe: bool, place: usize) -> heads::Picture {
    heads::Picture {
        number,
        tl0: u8::try_from(number & 0xff).expect("masked"),
        layer: 0,
        temporal: 0,
        keyframe,
        first: place == 0,
        last: place + 1 == PACKETS,
    }
}

/// One packet as it was sent.
struct Sent {
    layer: usize,
    /// Which of its layer.
    place: usize,
    payload: Vec<u8>,
    dependency: Vec<u8>,
}

/// A camera whose pictures are encrypted, and one subscriber, on a relay.
struct Meeting {
    world: World,
    codec: Codec,
    spec: SourceSpec,
    chance: Chance,
    out: Collector,
    /// By what the cipher left, which is never the same twice.
    sent: HashMap<Vec<u8>, Sent>,
    counts: [usize; 3],
}

impl Meeting {
    fn new(codec: Codec) -> Self {
        let mut world = World::new(3);
        let spec = Publisher::camera(codec, world.now).by_ssrc().spec();
        for id in [PUBLISHER, SUBSCRIBER] {
            world.command(Command::TransportAdd { id });
            world.command(Command::TransportConnected { id });
        }
        world.command(Command::SourceAdd {
            id: SOURCE,
            transport: PUBLISHER,
            spec: spec.clone(),
        });
        let sink = world.sink_spec(SINK.0, codec);
        world.command(Command::SinkAdd {
            id: SINK,
            transport: SUBSCRIBER,
            source: SOURCE,
            spec: sink,
            want: tile(320),
        });
        Self {
            world,
            codec,
            spec,
            chance: Chance(9),
            out: Collector::default(),
            sent: HashMap::new(),
            counts: [0; 3],
        }
    }

    /// One picture of every layer.
    fn publish(&mut self, number: u16, keyframe: bool) {
        for layer in 0..3 {
            for place in 0..PACKETS {
                self.publish_packet(layer, number, keyframe, place);
            }
        }
        for _ in 0..33 {
            self.world.now += MS;
            self.world.shard.handle_timeout(self.world.now);
            self.world.shard.transmit(self.world.now, &mut self.out);
        }
    }

    fn publish_packet(&mut self, layer: usize, number: u16, keyframe: bool, place: usize) {
        // Layers do not number alike, so that a change shows.
        let number = number + 1_000 * u16::try_from(layer).expect("few");
        let cipher = self.chance.bytes(100);
        let mut payload = readable(self.codec, number, keyframe, place);
        payload.extend(&cipher);
        let dependency = if self.codec == Codec::Av1 {
            heads::dependency(&picture(number, keyframe, place))
        } else {
            Vec::new()
        };
        let count = self.counts[layer];
        self.counts[layer] += 1;
        let fields = HeaderFields {
            padding: false,
            marker: place + 1 == PACKETS,
            pt: 96,
            seq: u16::try_from(count).expect("a short test"),
            timestamp: u32::from(number) * 3_000,
            ssrc: self.spec.layers[layer].ssrc.expect("named").0,
        };
        let mut header = HeaderWriter::new(&fields, dependency.len() > 16);
        if !dependency.is_empty() {
            header.ext(
                exts().id(ExtKind::DependencyDescriptor).expect("negotiated"),
                &dependency,
            );
        }
        let bytes = [header.finish(), &payload].concat();
        self.world.shard.handle_rtp(self.world.now, PUBLISHER, &bytes);
        self.world.shard.transmit(self.world.now, &mut self.out);
        let sent = Sent {
            layer,
            place: count,
            payload,
            dependency,
        };
        self.sent.insert(cipher, sent);
    }

    /// Payloads that went out with this payload type.
    fn received(&self, pt: u8) -> impl Iterator<Item = (RtpPacket<'_>, &Sent)> {
        let packets = self.out.out.iter().filter_map(move |(to, datagram)| match datagram {
            Datagram::Rtp(bytes) if *to == SUBSCRIBER => RtpPacket::parse(bytes).ok().filter(|packet| packet.pt == pt),
            _ => None,
        });
        // What is shorter is padding of a probe.
        let media = packets.filter(|packet| packet.payload.len() > 100);
        media.map(|packet| {
            let cipher = &packet.payload[packet.payload.len() - 100..];
            let sent = self.sent.get(cipher).expect("what was encrypted is as it was");
            (packet, sent)
        })
    }

    fn assert_untouched(&self, payload: &[u8], sent: &Sent) {
        let len = descriptor_len(self.codec);
        assert_eq!(payload.len(), sent.payload.len(), "{:?}", self.codec);
        assert_eq!(payload[len..], sent.payload[len..], "{:?}", self.codec);
        if len > 0 {
            // What a descriptor says besides its numbers stays, too.
            assert_eq!(payload[0], sent.payload[0], "{:?}", self.codec);
        }
    }
}

#[test]
fn encrypted_pictures_go_out_byte_for_byte_whatever_the_layer() {
    for codec in [Codec::H264, Codec::Vp9, Codec::Av1, Codec::Vp8] {
        let mut meeting = Meeting::new(codec);
        for number in 0..60 {
            if number == 20 {
                meeting.world.command(Command::SinkSet {
                    id: SINK,
                    want: tile(1280),
                });
            }
            meeting.publish(number, number % 25 == 0);
        }
        let mut places: [Vec<usize>; 3] = Default::default();
        for (packet, sent) in meeting.received(120) {
            meeting.assert_untouched(packet.payload, sent);
            places[sent.layer].push(sent.place);
            if codec == Codec::Av1 {
                let id = sink_exts().id(ExtKind::DependencyDescriptor).expect("negotiated");
                let dependency = packet.exts.find(id).expect("passed on");
                assert_eq!(dependency.len(), sent.dependency.len());
                assert_eq!(
                    (dependency[0], &dependency[3..]),
                    (sent.dependency[0], &sent.dependency[3..])
                );
            }
        }
        // Layer after layer, each from a keyframe on, and without a gap; the low layer's picture comes before the high one's.
        assert_eq!(places[0], (0..26 * PACKETS).collect::<Vec<_>>(), "{codec:?}");
        assert_eq!(places[1], [] as [usize; 0], "{codec:?}");
        assert_eq!(places[2], (25 * PACKETS..60 * PACKETS).collect::<Vec<_>>(), "{codec:?}");
    }
}

#[test]
fn an_encrypted_packet_is_repaired_as_it_was_sent() {
    for codec in [Codec::H264, Codec::Vp9, Codec::Av1, Codec::Vp8] {
        let mut meeting = Meeting::new(codec);
        for number in 0..10 {
            meeting.publish(number, number == 0);
        }
        let received: Vec<(u16, Vec<u8>)> = meeting
            .received(120)
            .map(|(packet, _)| (packet.seq, packet.payload.to_vec()))
            .collect();
        let asked: Vec<&(u16, Vec<u8>)> = received.iter().rev().step_by(2).take(5).collect();
        let seqs: Vec<u16> = asked.iter().rev().map(|(seq, _)| *seq).collect();
        let mut nack = Vec::new();
        write::nack(&mut nack, 77, World::ssrc(SINK), &seqs);
        meeting.world.shard.handle_rtcp(meeting.world.now, SUBSCRIBER, &nack);
        meeting.publish(10, false);
        let again: Vec<(u16, Vec<u8>)> = meeting
            .received(121)
            .map(|(packet, _)| {
                let (seq, payload) = packet.payload.split_at(2);
                (u16::from_be_bytes([seq[0], seq[1]]), payload.to_vec())
            })
            .collect();
        assert_eq!(again, asked.into_iter().rev().cloned().collect::<Vec<_>>(), "{codec:?}");
    }
}
