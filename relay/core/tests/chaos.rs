//! Whatever comes in and in whatever order room control speaks: no panic, no number used twice, no growth.

mod common;

use std::time::Duration;

use common::{Collector, MS, SECOND, World, publisher::Publisher, sink_exts};
use proptest::prelude::*;
use relay_core::{
    forward::{Command, Config, LayerSpec, Shard, SinkSpec, SourceSpec, Want},
    link::LinkConfig,
    types::{Codec, FloorId, Mid, Pt, Rid, SinkId, SourceId, Ssrc, TransportId},
};

fn source_spec(codec: Codec, layers: usize, svc: bool) -> SourceSpec {
    let layer = |n: usize| LayerSpec {
        rid: Rid::new(&b"qhf"[n..=n]).ok(),
        width: 320 << n,
        height: 180 << n,
        ..LayerSpec::default()
    };
    SourceSpec {
        codec,
        pt: Pt(96),
        rtx_pt: Some(Pt(97)),
        red_pt: Some(Pt(63)),
        mid: Mid::new(b"0").expect("a name"),
        layers: (0..layers).map(layer).collect(),
        exts: common::exts(),
        svc,
        nack: true,
        floor: (codec == Codec::Opus).then_some(FloorId(1)),
        muted: false,
    }
}

fn sink_spec(ssrc: u32) -> SinkSpec {
    SinkSpec {
        ssrc: Ssrc(ssrc),
        rtx_ssrc: Some(Ssrc(ssrc + 1)),
        pt: Pt(120),
        rtx_pt: Some(Pt(121)),
        red_pt: Some(Pt(63)),
        exts: sink_exts(),
        mid: Mid::new(b"7").expect("a name"),
        is_screen: false,
        allow_pause: true,
    }
}

fn codec() -> impl Strategy<Value = Codec> {
    prop_oneof![
        Just(Codec::Opus),
        Just(Codec::Vp8),
        Just(Codec::H264),
        Just(Codec::Vp9),
        Just(Codec::Av1)
    ]
}

/// A packet that often is nearly right: version 2, a known payload type, few SSRCs, near sequence numbers.
fn rtp() -> impl Strategy<Value = Vec<u8>> {
    let payload = proptest::collection::vec(any::<u8>(), 0..60);
    let pt = prop_oneof![Just(96_u8), Just(97), Just(63), 0_u8..128];
    let dependency = proptest::collection::vec(any::<u8>(), 0..16);
    let parts = (pt, any::<bool>(), 0_u16..700, 0_u32..4, 0_u8..4, dependency, payload);
    parts.prop_map(|(pt, marker, seq, ssrc, rid, dependency, payload)| {
        let fields = relay_core::rtp::HeaderFields {
            padding: false,
            marker,
            pt,
            seq: seq.wrapping_mul(if ssrc == 3 { 97 } else { 1 }),
            timestamp: u32::from(seq) * 3_000,
            ssrc,
        };
        let mut header = relay_core::rtp::HeaderWriter::new(&fields, false);
        header.ext(4, b"0");
        if let Some(rid) = b"qhf".get(usize::from(rid)) {
            header.ext(if pt == 97 { 11 } else { 10 }, &[*rid]);
        }
        header.ext(3, &seq.to_be_bytes());
        header.ext(1, &[20]);
        header.ext(12, &dependency);
        let mut bytes = header.finish().to_vec();
        bytes.extend(payload);
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_packets_are_forwarded_or_dropped(
        codec in codec(), layers in 1_usize..4, svc: bool,
        packets in proptest::collection::vec(prop_oneof![8 => rtp(), 1 => proptest::collection::vec(any::<u8>(), 0..80)], 0..300),
        rtcp in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..30),
    ) {
        let world = World::new(1);
        let start = world.now;
        let mut shard = Shard::new(Config::new(start, 0, 1));
        let (publisher, subscriber) = (TransportId(1), TransportId(2));
        for id in [publisher, subscriber] {
            shard.handle_command(start, Command::TransportAdd { id });
        }
        shard.handle_command(start, Command::SourceAdd { id: SourceId(1), transport: publisher, spec: source_spec(codec, layers, svc && codec != Codec::Opus) });
        shard.handle_command(start, Command::SinkAdd {
            id: SinkId(1), transport: subscriber, source: SourceId(1), spec: sink_spec(10), want: Want::default(),
        });
        let mut out = Collector::default();
        let mut rtcp = rtcp.iter();
        let mut now = start;
        for (n, packet) in packets.iter().enumerate() {
            now += Duration::from_millis(3);
            shard.handle_rtp(now, publisher, packet);
            if n % 10 == 0 && let Some(mut bytes) = rtcp.next().cloned() {
                // Often a known kind of feedback about a known stream.
                if bytes.len() >= 12 {
                    let kind = [(0x81, 205), (0x8f, 205), (0x81, 206), (0x84, 206), (0x80, 200), (0x81, 201)][usize::from(bytes[1]) % 6];
                    let words = u8::try_from(bytes.len() / 4 - 1).expect("small");
                    bytes[..4].copy_from_slice(&[kind.0, kind.1, 0, words]);
                    bytes[8..12].copy_from_slice(&10_u32.to_be_bytes());
                }
                shard.handle_rtcp(now, subscriber, &bytes);
                shard.handle_rtcp(now, publisher, &bytes);
            }
            shard.handle_timeout(now);
            shard.transmit(now, &mut out);
            while shard.poll_event().is_some() {}
        }
        for second in 0..10_u32 {
            let later = now + Duration::from_secs(1) * second;
            shard.handle_timeout(later);
            shard.transmit(later, &mut out);
        }
    }
}

/// One step of a meeting that goes wild.
#[derive(Debug, Clone)]
enum Step {
    Subscribe(usize, usize),
    Unsubscribe(usize),
    Want(usize, u32, bool),
    Mute(usize, bool),
    Restart(usize),
    Layer(usize, usize, bool),
    Connect(usize),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0_usize..3, 0_usize..5).prop_map(|(subscriber, source)| Step::Subscribe(subscriber, source)),
        (0_usize..20).prop_map(Step::Unsubscribe),
        (
            0_usize..20,
            prop_oneof![Just(0), Just(320), Just(640), Just(1280)],
            any::<bool>()
        )
            .prop_map(|(sink, width, enabled)| Step::Want(sink, width, enabled)),
        (0_usize..3, any::<bool>()).prop_map(|(source, muted)| Step::Mute(source, muted)),
        (0_usize..3).prop_map(Step::Restart),
        (0_usize..2, 0_usize..3, any::<bool>()).prop_map(|(source, layer, on)| Step::Layer(source, layer, on)),
        (0_usize..3).prop_map(Step::Connect),
        (1_u64..600).prop_map(Step::Wait),
        (1_u64..600).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_meeting_keeps_its_promises(seed: u64, steps in proptest::collection::vec(step(), 1..60)) {
        let mut world = World::new(seed % 1_000);
        let lossy = LinkConfig {
            delay: 15 * MS, jitter: 5 * MS, loss: 0.03, burst: 2.0, reorder: 0.02, ..LinkConfig::default()
        };
        let sources = [
            (world.publish(Publisher::camera(Codec::Vp8, world.now), lossy), Codec::Vp8),
            (world.publish(Publisher::camera(Codec::H264, world.now), lossy), Codec::H264),
            (world.publish(Publisher::microphone(world.now), lossy), Codec::Opus),
            (world.publish(Publisher::svc(Codec::Vp9, world.now), lossy), Codec::Vp9),
            (world.publish(Publisher::svc(Codec::Av1, world.now), lossy), Codec::Av1),
        ];
        let subscribers = [
            world.join(lossy),
            world.join(LinkConfig { rate: Some(700_000), queue_bytes: 40_000, ..lossy }),
            world.join(LinkConfig { rate: Some(5_000_000), ..lossy }),
        ];
        let mut sinks = Vec::new();
        for step in steps {
            match step {
                Step::Subscribe(subscriber, source) => {
                    let (source, codec) = sources[source];
                    sinks.push(world.subscribe(subscribers[subscriber], source, codec, Want::default()));
                }
                Step::Unsubscribe(sink) if sink < sinks.len() => {
                    let id = sinks.swap_remove(sink);
                    world.command(Command::SinkRemove { id });
                }
                Step::Want(sink, width, enabled) if sink < sinks.len() => {
                    let want = Want { enabled, width, height: width * 9 / 16, max_layer: None, priority: 0 };
                    world.command(Command::SinkSet { id: sinks[sink], want });
                }
                Step::Mute(source, muted) => {
                    world.publishers[source].model.silent = muted;
                    world.command(Command::SourceMute { id: sources[source].0, muted, ordered: false });
                }
                Step::Restart(source) => world.publishers[source].model.restart(),
                Step::Layer(source, layer, on) => world.publishers[source].model.layers[layer].enabled = on,
                Step::Connect(subscriber) => {
                    let id = world.subscribers[subscriber].id;
                    world.command(Command::TransportConnected { id });
                }
                Step::Wait(ms) => world.run(Duration::from_millis(ms)),
                Step::Unsubscribe(_) | Step::Want(..) => {}
            }
        }
        world.run(SECOND);
        for client in &world.subscribers {
            for stream in client.model.streams.values() {
                stream.assert_ordered();
            }
        }
        // Everything ends cleanly.
        for (source, _) in sources {
            world.command(Command::SourceRemove { id: source });
        }
        world.run(100 * MS);
        let ids: Vec<_> = world.publishers.iter().map(|client| client.id).chain(world.subscribers.iter().map(|client| client.id)).collect();
        for id in ids {
            world.command(Command::TransportRemove { id });
        }
        prop_assert_eq!(world.shard.poll_timeout(), None);
    }
}

#[test]
fn a_run_whose_first_packet_waited_too_long_starts_over() {
    let start = World::new(1).now;
    let mut shard = Shard::new(Config::new(start, 0, 1));
    let (publisher, subscriber) = (TransportId(1), TransportId(2));
    for id in [publisher, subscriber] {
        shard.handle_command(start, Command::TransportAdd { id });
    }
    shard.handle_command(
        start,
        Command::SourceAdd {
            id: SourceId(1),
            transport: publisher,
            spec: source_spec(Codec::H264, 1, false),
        },
    );
    let packet = |seq: u16, keyframe: bool| {
        let fields = relay_core::rtp::HeaderFields {
            padding: false,
            marker: true,
            pt: 96,
            seq,
            timestamp: u32::from(seq) * 3_000,
            ssrc: 5,
        };
        let mut header = relay_core::rtp::HeaderWriter::new(&fields, false);
        header.ext(4, b"0");
        let mut bytes = header.finish().to_vec();
        bytes.extend([if keyframe { 0x67 } else { 0x41 }, 1, 2, 3]);
        bytes
    };
    shard.handle_command(
        start,
        Command::SinkAdd {
            id: SinkId(1),
            transport: subscriber,
            source: SourceId(1),
            spec: sink_spec(10),
            want: Want::default(),
        },
    );
    // More packets than the cache holds come before anything may leave.
    let mut now = start;
    for seq in 0..3_000 {
        now += MS;
        shard.handle_rtp(now, publisher, &packet(seq, seq == 0));
    }
    let mut out = Collector::default();
    shard.transmit(now, &mut out);
    let sent = |out: &Collector| out.out.iter().filter(|(to, _)| *to == subscriber).count();
    assert_eq!(sent(&out), 0, "nothing that a decoder could start with");
    shard.handle_timeout(now + SECOND);
    shard.transmit(now + SECOND, &mut out);
    assert!(
        out.out.iter().any(|(to, _)| *to == publisher),
        "a keyframe is asked for"
    );
    for seq in 3_000..3_010 {
        now += MS;
        shard.handle_rtp(now + SECOND, publisher, &packet(seq, seq == 3_000));
        shard.transmit(now + SECOND, &mut out);
    }
    assert_eq!(sent(&out), 10);
}
