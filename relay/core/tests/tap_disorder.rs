//! Whatever the network does to the packets: what a tap hands out is what was sent, in order, and what is missing is told.

mod common;

use std::time::{Duration, Instant};

use common::{Collector, Handed, MS, World};
use proptest::prelude::*;
use relay_core::{
    forward::{Command, Config, Gap, LayerSpec, Shard, SourceSpec, TapSpec},
    rtp::{HeaderFields, HeaderWriter, opus_ticks, red_write},
    types::{Codec, ExtMap, Mid, Pt, SourceId, Ssrc, TapId, TransportId},
};

const PUBLISHER: TransportId = TransportId(1);
const TAP: TapId = TapId(1);

/// Chance by a seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end.max(1)
    }

    fn size(&mut self, end: u64) -> usize {
        usize::try_from(self.below(end)).expect("small")
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len)
            .map(|_| u8::try_from(self.below(256)).expect("a byte"))
            .collect()
    }
}

/// What happens to packets on their way: so many in a thousand.
#[derive(Debug, Clone, Copy)]
struct Network {
    seed: u64,
    lost: u64,
    twice: u64,
    overtaken: u64,
}

fn network(lost: impl Strategy<Value = u64>) -> impl Strategy<Value = Network> {
    (any::<u64>(), lost, 0_u64..200, 0_u64..200).prop_map(|(seed, lost, twice, overtaken)| Network {
        seed,
        lost,
        twice,
        overtaken,
    })
}

impl Network {
    /// The packets as they arrive.
    fn carry<T: Clone>(self, packets: &[T]) -> Vec<T> {
        let mut chance = Chance(self.seed);
        let mut order: Vec<(u64, T)> = Vec::new();
        for (place, packet) in (0_u64..).zip(packets) {
            if chance.below(1_000) < self.lost {
                continue;
            }
            for _ in 0..=u64::from(chance.below(1_000) < self.twice) {
                // What begins a stream has nothing before it to be in order with.
                let overtaken = place >= 20 && chance.below(1_000) < self.overtaken;
                let held = if overtaken { 1 + chance.below(12) } else { 0 };
                order.push((place + held, packet.clone()));
            }
        }
        order.sort_by_key(|(place, _)| *place);
        order.into_iter().map(|(_, packet)| packet).collect()
    }
}

/// A shard with a tap on one track without repair.
fn tapped(start: Instant, codec: Codec, red_pt: Option<Pt>) -> Shard {
    let mut shard = Shard::new(Config::new(start, 0, 1));
    let spec = SourceSpec {
        floor: None,
        codec,
        pt: Pt(96),
        rtx_pt: None,
        red_pt,
        mid: Mid::new(b"0").expect("a name"),
        layers: vec![LayerSpec {
            ssrc: Some(Ssrc(5)),
            ..LayerSpec::default()
        }],
        exts: ExtMap::new(),
        svc: false,
        nack: false,
        muted: false,
    };
    let (id, source) = (PUBLISHER, SourceId(1));
    shard.handle_command(start, Command::TransportAdd { id });
    shard.handle_command(
        start,
        Command::SourceAdd {
            id: source,
            transport: id,
            spec,
        },
    );
    shard.handle_command(
        start,
        Command::TapAdd {
            id: TAP,
            source,
            spec: TapSpec::default(),
        },
    );
    shard
}

fn packet(pt: u8, seq: u16, timestamp: u32, marker: bool, payload: &[u8]) -> Vec<u8> {
    let fields = HeaderFields {
        padding: false,
        marker,
        pt,
        seq,
        timestamp,
        ssrc: 5,
    };
    [HeaderWriter::new(&fields, false).finish(), payload].concat()
}

/// What a tap hands out of packets that arrive 2 ms apart.
fn hand_out(codec: Codec, red_pt: Option<Pt>, packets: &[Vec<u8>]) -> Vec<Handed> {
    let mut now = World::new(1).now;
    let mut shard = tapped(now, codec, red_pt);
    let mut out = Collector::default();
    for packet in packets {
        now += 2 * MS;
        shard.handle_rtp(now, PUBLISHER, packet);
        shard.transmit(now, &mut out);
    }
    for _ in 0..100 {
        now += Duration::from_millis(10);
        shard.handle_timeout(now);
        shard.transmit(now, &mut out);
    }
    out.tapped.into_iter().map(|(_, handed)| handed).collect()
}

/// An access unit as it was sent.
#[derive(Debug)]
struct Sent {
    keyframe: bool,
    units: Vec<Vec<u8>>,
}

const SPS: [u8; 6] = [0x67, 0x42, 0xc0, 0x1f, 0x80, 1];
const PPS: [u8; 3] = [0x68, 0x80, 1];

/// Pictures in every packing, and their packets.
fn film(seed: u64, count: u32) -> (Vec<Sent>, Vec<Vec<u8>>) {
    let mut chance = Chance(seed);
    let (mut sent, mut packets) = (Vec::new(), Vec::new());
    let mut seq = u16::try_from(chance.below(65_536)).expect("16 bits");
    let first_timestamp = u32::MAX - 30_000;
    for n in 0..count {
        let keyframe = n == 0 || chance.below(12) == 0;
        let mut units: Vec<Vec<u8>> = Vec::new();
        let mut payloads: Vec<Vec<u8>> = Vec::new();
        // Later keyframes may come without parameter sets; the tap puts them in.
        let sets = keyframe && (n == 0 || chance.below(2) == 0);
        if keyframe {
            units.extend([SPS.to_vec(), PPS.to_vec()]);
        }
        if sets {
            payloads.push([&[0x78, 0, 6][..], &SPS, &[0, 3], &PPS].concat());
        }
        for _ in 0..=chance.below(3) {
            let len = 2 + chance.size(2_500);
            let mut unit = chance.bytes(len);
            unit[0] = if keyframe { 0x65 } else { 0x41 };
            if len > 1_100 || len > 20 && chance.below(3) == 0 {
                let size = 10 + chance.size(1_000).min(len - 12);
                let chunks: Vec<&[u8]> = unit[1..].chunks(size).collect();
                for (i, chunk) in chunks.iter().enumerate() {
                    let flags = if i == 0 { 0x80 } else { 0 } | if i + 1 == chunks.len() { 0x40 } else { 0 };
                    payloads.push([&[unit[0] & 0xe0 | 28, flags | unit[0] & 0x1f][..], chunk].concat());
                }
            } else if chance.below(2) == 0 {
                let size = u16::try_from(len).expect("small").to_be_bytes();
                payloads.push([&[0x78][..], &size, &unit].concat());
            } else {
                payloads.push(unit.clone());
            }
            units.push(unit);
        }
        let timestamp = first_timestamp.wrapping_add(n * 3_000);
        let last = payloads.len() - 1;
        // Not every sender marks the last packet.
        let marked = chance.below(10) > 0;
        for (i, payload) in payloads.iter().enumerate() {
            packets.push(packet(96, seq, timestamp, marked && i == last, payload));
            seq = seq.wrapping_add(1);
            // Padding on the stream itself.
            if chance.below(20) == 0 && i < last {
                packets.push(packet(96, seq, timestamp, false, &[]));
                seq = seq.wrapping_add(1);
            }
        }
        sent.push(Sent { keyframe, units });
    }
    (sent, packets)
}

/// Holds what was handed out to what was sent; returns how many pictures it were.
fn hold_to(sent: &[Sent], handed: &[Handed]) -> Result<usize, TestCaseError> {
    let mut last: Option<(usize, u64)> = None;
    let (mut gap, mut count) = (false, 0);
    for what in handed {
        let Handed::Picture {
            timestamp,
            keyframe,
            units,
            ..
        } = what
        else {
            prop_assert!(
                last.is_some() && !gap,
                "a gap is told once, and not before the first picture"
            );
            gap = true;
            continue;
        };
        let n = sent.iter().position(|sent| sent.units == *units);
        let n = n.ok_or_else(|| TestCaseError::fail("what is handed out was sent"))?;
        prop_assert_eq!(*keyframe, sent[n].keyframe);
        match last {
            None => prop_assert!(keyframe),
            Some((before, at)) => {
                prop_assert!(n > before, "in order");
                prop_assert_eq!(gap, n > before + 1, "what is missing is told, and nothing else");
                prop_assert!(!gap || *keyframe, "after a gap comes a keyframe");
                prop_assert_eq!(timestamp - at, u64::try_from(n - before).expect("small") * 3_000);
            }
        }
        gap = false;
        count += 1;
        last = Some((n, *timestamp));
    }
    Ok(count)
}

/// Packets of Opus with pauses, each with its length in ticks and its timestamp.
fn speech(seed: u64, count: u32, red: bool) -> Vec<(u64, Vec<u8>, Vec<u8>)> {
    let mut chance = Chance(seed);
    let mut timestamp = u64::from(u32::MAX - 50_000);
    let mut seq = 65_000_u16;
    let mut before: Option<(u64, Vec<u8>)> = None;
    let mut speech = Vec::new();
    for n in 0..count {
        let mut data = n.to_be_bytes().to_vec();
        // 10 or 20 ms.
        data.insert(0, if chance.below(4) == 0 { 0x70 } else { 0x78 });
        data.resize(5 + chance.size(80), 7);
        let wire = u32::try_from(timestamp & 0xffff_ffff).expect("masked");
        let sent = if red {
            let mut payload = [0; 400];
            let copy = before
                .iter()
                .map(|(at, data)| (u32::try_from(timestamp - at).expect("small"), data.as_slice()));
            let len = red_write(&mut payload, 96, copy, &data).expect("room");
            packet(63, seq, wire, false, &payload[..len])
        } else {
            packet(96, seq, wire, false, &data)
        };
        speech.push((timestamp, data.clone(), sent));
        let ticks = u64::from(opus_ticks(&data).expect("Opus"));
        before = Some((timestamp, data));
        timestamp += ticks;
        if chance.below(30) == 0 {
            timestamp += 960 * (1 + chance.below(20));
        }
        seq = seq.wrapping_add(1);
    }
    speech
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn without_loss_every_picture_is_handed_out(seed: u64, network in network(Just(0))) {
        let (sent, packets) = film(seed, 60);
        let handed = hand_out(Codec::H264, None, &network.carry(&packets));
        // The end of the last picture may be known only by the next one.
        let count = hold_to(&sent, &handed)?;
        prop_assert!(count >= sent.len() - 1, "{count} of {}", sent.len());
    }

    #[test]
    fn with_loss_whole_pictures_are_handed_out_up_to_the_first_hole_and_from_a_keyframe_on(seed: u64, network in network(0_u64..150)) {
        let (sent, packets) = film(seed, 90);
        let handed = hand_out(Codec::H264, None, &network.carry(&packets));
        hold_to(&sent, &handed)?;
    }

    #[test]
    fn sound_is_handed_out_in_order_and_what_is_missing_is_counted(
        seed: u64, red: bool, network in network(prop_oneof![Just(0), 0_u64..200]),
    ) {
        let sent = speech(seed, 300, red);
        let packets: Vec<Vec<u8>> = sent.iter().map(|(.., packet)| packet.clone()).collect();
        let handed = hand_out(Codec::Opus, red.then_some(Pt(63)), &network.carry(&packets));
        let mut last: Option<(usize, u64)> = None;
        let (mut silent, mut missing) = (0, 0);
        for what in &handed {
            match what {
                Handed::Gap(Gap::Silence { ticks }) => silent += ticks,
                Handed::Gap(Gap::Sound { packets, ticks }) => {
                    silent += ticks;
                    missing += usize::try_from(*packets).expect("small");
                }
                Handed::Sound { timestamp, ticks, data, .. } => {
                    let n = sent.iter().position(|(_, sent, _)| sent == data);
                    let n = n.ok_or_else(|| TestCaseError::fail("what is handed out was sent"))?;
                    if let Some((before, end)) = last {
                        prop_assert_eq!(n, before + 1 + missing);
                        prop_assert_eq!(*timestamp, end + silent);
                        prop_assert_eq!(timestamp - end, sent[n].0 - sent[before].0 - u64::from(opus_ticks(&sent[before].1).expect("Opus")));
                    }
                    (silent, missing) = (0, 0);
                    last = Some((n, timestamp + u64::from(*ticks)));
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }
        if network.lost == 0 {
            let sounds = handed.iter().filter(|what| matches!(what, Handed::Sound { .. })).count();
            prop_assert!(sounds + 13 >= sent.len(), "{sounds}");
        }
    }
}
