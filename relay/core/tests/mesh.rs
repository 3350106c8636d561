//! Two relays joined by a link that loses and delays: what is published at one is seen and heard at the other.

mod common;

use std::time::Duration;

use common::{
    Crossed, Handed, MS, NEAR, SECOND, World,
    pair::Pair,
    publisher::{self, Publisher},
    subscriber::Received,
    tile,
};
use proptest::prelude::*;
use relay_core::{
    forward::{
        Command, Event, TapSpec, Want,
        mesh::{Clock, Keyframe, Message, Wish},
    },
    link::LinkConfig,
    types::{Codec, SinkId, SourceId},
};

/// Half-way around the world: 80 ms each way, 2 % lost.
const FAR: LinkConfig = LinkConfig {
    delay: Duration::from_millis(80),
    jitter: Duration::from_millis(4),
    loss: 0.02,
    burst: 2.0,
    ..NEAR
};

/// The same without losses.
const CLEAN: LinkConfig = LinkConfig { loss: 0.0, ..FAR };

const DARK: LinkConfig = LinkConfig { black_out: true, ..FAR };

fn stream(pair: &Pair, (subscriber, sink): (usize, SinkId)) -> &Received {
    pair.far.subscribers[subscriber].model.stream(World::ssrc(sink))
}

/// Every picture from the first one on was decoded, in order.
fn assert_complete(stream: &Received) {
    stream.assert_ordered();
    for pair in stream.decoded.windows(2) {
        assert_eq!(pair[1].frame, pair[0].frame + 1, "no picture is missing: {pair:?}");
    }
}

#[test]
fn a_camera_is_seen_complete_over_a_link_that_loses() {
    let link = LinkConfig { burst: 1.0, ..FAR };
    let mut frozen = 0.0;
    for seed in 0..8 {
        let codec = if seed % 2 == 0 { Codec::Vp8 } else { Codec::H264 };
        let mut pair = Pair::new(seed, link);
        let (_, remote) = pair.publish(Publisher::single(codec, 1_500_000, pair.near.now), NEAR);
        let watching = pair.watch(remote, codec, Want::default(), NEAR);
        pair.run(20 * SECOND);
        let seen = stream(&pair, watching);
        seen.assert_ordered();
        // Every packet comes in the end, or all but one in thousands, besides what is still under way.
        let newest = *seen.packets.last_key_value().expect("packets came").0;
        let last = newest - 200;
        let missing: Vec<u64> = (seen.first..last)
            .filter(|seq| !seen.packets.contains_key(seq))
            .collect();
        assert!(
            missing.len() <= 1 && last - seen.first > 2_500,
            "{missing:?} with {seed}"
        );
        // The wish goes there and a keyframe comes back; if its first packet is lost, another one does.
        let first = seen.decoded[0].at - pair.far.start;
        assert!(first < 900 * MS, "{first:?} with {seed}");
        assert!(seen.decoded.len() > 560, "{} pictures with {seed}", seen.decoded.len());
        frozen += seen.frozen(pair.far.start + SECOND, pair.far.now).as_secs_f64() / 19.0 / 8.0;
        // The link was repaired by the two relays alone.
        assert!(pair.near.shard.stats().retransmitted > 30);
        assert_eq!(pair.near.shard.stats().asked_of_publishers, 0);
    }
    assert!(frozen <= 0.01, "frozen {frozen}");
}

#[test]
fn a_camera_is_seen_as_it_was_sent_over_a_link_that_only_delays() {
    let mut pair = Pair::new(2, CLEAN);
    let (origin, remote) = pair.publish(Publisher::single(Codec::H264, 1_500_000, pair.near.now), NEAR);
    let watching = pair.watch(remote, Codec::H264, Want::default(), NEAR);
    pair.run(20 * SECOND);
    let seen = stream(&pair, watching);
    assert_complete(seen);
    let first = seen.decoded[0].at - pair.far.start;
    assert!(first < 250 * MS, "{first:?}");
    assert!(seen.decoded.len() > 590);
    let frames = &seen.decoded[10..];
    let late = frames.iter().map(|decoded| {
        let taken = Duration::from_micros(33_333) * (decoded.frame - 1);
        (decoded.at - pair.far.start).saturating_sub(taken)
    });
    // 10 ms to the relay, 80 to the next, 10 to the subscriber, with some jitter each.
    assert!(late.max().expect("pictures") < 110 * MS);
    let packets = u64::try_from(pair.layers_crossed(origin, Duration::ZERO)[0]).expect("small");
    let others = pair.there.stats().sent - packets;
    assert!(others <= 21, "{others} messages besides the packets, which cross once");
    assert_eq!(pair.requests(0, 0), 0);
}

#[test]
fn sound_is_heard_complete_and_speakers_are_known() {
    let mut pair = Pair::new(3, FAR);
    let (_, remote) = pair.publish(Publisher::microphone(pair.near.now), NEAR);
    pair.near.publishers[0].model.level = 12;
    let hearing = pair.watch(remote, Codec::Opus, Want::default(), NEAR);
    pair.run(20 * SECOND);
    let heard = stream(&pair, hearing);
    let numbers = *heard.packets.last_key_value().expect("packets came").0 + 1 - heard.first;
    let missing = numbers - heard.packets.len() as u64;
    assert!(
        numbers > 975 && missing <= 10,
        "{missing} of {numbers}, the last of them perhaps under way"
    );
    assert!(heard.packets.values().all(|packet| packet.level == Some(12)));
    let speaks = |(_, event): &(Duration, Event)| match event {
        Event::Speakers { changed } => changed.iter().any(|level| level.source == remote && level.eighths > 0),
        _ => false,
    };
    assert!(pair.far.events.iter().any(speaks));
}

#[test]
fn each_layer_crosses_once_and_only_while_it_is_wanted() {
    let mut pair = Pair::new(4, CLEAN);
    let (origin, remote) = pair.publish(Publisher::camera(Codec::Vp8, pair.near.now), NEAR);
    pair.run(2 * SECOND);
    assert_eq!(pair.layers_crossed(origin, Duration::ZERO), [0; 3], "nobody watches");
    let small: Vec<_> = (0..3)
        .map(|_| pair.watch(remote, Codec::Vp8, tile(320), NEAR))
        .collect();
    pair.run(2 * SECOND);
    let [low, middle, high] = pair.layers_crossed(origin, Duration::ZERO);
    let came = stream(&pair, small[0]).packets.len();
    assert!(
        (came..=came + 20).contains(&low) && middle + high == 0,
        "{low} {middle} {high} for {came}"
    );
    // A large tile: its layer comes too.
    let large = pair.watch(remote, Codec::Vp8, tile(1280), NEAR);
    let joined = pair.far.now;
    pair.run(3 * SECOND);
    assert_eq!(stream(&pair, large).layer(), Some(2));
    assert!(stream(&pair, small[0]).decoded.iter().all(|decoded| decoded.layer == 0));
    let first = stream(&pair, large).decoded[0].at - joined;
    assert!(first < 300 * MS, "something at once: {first:?}");
    let top = stream(&pair, large).decoded.iter().find(|decoded| decoded.layer == 2);
    let top = top.expect("it came").at - joined;
    assert!(top < 500 * MS, "{top:?}");
    // It gets small again: four seconds later only the low layer crosses.
    pair.far.command(Command::SinkSet {
        id: large.1,
        want: tile(320),
    });
    pair.run(5 * SECOND);
    let from = pair.near.elapsed();
    pair.run(2 * SECOND);
    let [low, middle, high] = pair.layers_crossed(origin, from);
    assert!(low > 50 && middle + high == 0, "{low} {middle} {high}");
    // The publisher was told all that, in its turn four seconds later.
    pair.run(3 * SECOND);
    let told = |(_, event): &(Duration, Event)| match event {
        Event::LayerWanted { source, highest } if *source == origin => Some(*highest),
        _ => None,
    };
    let told: Vec<_> = pair.near.events.iter().filter_map(told).collect();
    assert_eq!(told, [Some(0), Some(2), Some(0)]);
    for watching in small.into_iter().chain([large]) {
        stream(&pair, watching).assert_ordered();
    }
}

#[test]
fn the_far_relay_chooses_the_layer_of_each_subscriber() {
    let mut pair = Pair::new(5, FAR);
    let (_, remote) = pair.publish(Publisher::camera(Codec::H264, pair.near.now), NEAR);
    let narrow = LinkConfig {
        rate: Some(400_000),
        queue_bytes: 30_000,
        ..NEAR
    };
    let good = pair.watch(remote, Codec::H264, tile(1280), NEAR);
    let poor = pair.watch(remote, Codec::H264, tile(1280), narrow);
    pair.run(20 * SECOND);
    assert_eq!(stream(&pair, good).layer(), Some(2));
    assert_eq!(stream(&pair, poor).layer(), Some(0));
    let from = pair.far.start + 10 * SECOND;
    for watching in [good, poor] {
        let seen = stream(&pair, watching);
        seen.assert_ordered();
        assert!(
            seen.longest_freeze(from, pair.far.now) < 500 * MS,
            "{:?}",
            seen.longest_freeze(from, pair.far.now)
        );
    }
    // A subscriber changes its tile over and over.
    for i in 0..6 {
        let want = tile(if i % 2 == 0 { 320 } else { 1280 });
        pair.far.command(Command::SinkSet { id: good.1, want });
        pair.run(2 * SECOND);
        assert_eq!(stream(&pair, good).layer(), Some(if i % 2 == 0 { 0 } else { 2 }));
    }
    let seen = stream(&pair, good);
    seen.assert_ordered();
    assert!(seen.longest_freeze(from, pair.far.now) < 500 * MS);
}

#[test]
fn keyframe_requests_travel_and_are_merged() {
    let mut pair = Pair::new(6, CLEAN);
    let (_, remote) = pair.publish(Publisher::single(Codec::Vp8, 1_000_000, pair.near.now), NEAR);
    pair.watch(remote, Codec::Vp8, Want::default(), NEAR);
    pair.run(10 * SECOND);
    let before = pair.requests(0, 0);
    let mut late = Vec::new();
    for _ in 0..6 {
        late.push((pair.far.now, pair.watch(remote, Codec::Vp8, Want::default(), NEAR)));
        pair.run(60 * MS);
    }
    pair.run(SECOND);
    let asked = pair.requests(0, 0) - before;
    assert!((1..=2).contains(&asked), "{asked} keyframes asked for");
    for (joined, watching) in late {
        let first = stream(&pair, watching).decoded.first().expect("a picture").at - joined;
        assert!(first < 300 * MS, "{first:?}");
        assert_complete(stream(&pair, watching));
    }
}

#[test]
fn a_black_out_of_a_second_is_recovered_from() {
    let mut pair = Pair::new(7, FAR);
    let (_, camera) = pair.publish(Publisher::camera(Codec::H264, pair.near.now), NEAR);
    let (_, microphone) = pair.publish(Publisher::microphone(pair.near.now), NEAR);
    let watching = pair.watch(camera, Codec::H264, Want::default(), NEAR);
    let hearing = pair.watch(microphone, Codec::Opus, Want::default(), NEAR);
    pair.run(5 * SECOND);
    pair.configure(DARK);
    pair.run(SECOND);
    pair.configure(FAR);
    let back = pair.far.now;
    pair.run(5 * SECOND);
    let seen = stream(&pair, watching);
    seen.assert_ordered();
    let after = seen
        .decoded
        .iter()
        .find(|decoded| decoded.at > back + 20 * MS)
        .expect("it goes on");
    assert!(after.at - back < 600 * MS, "{:?}", after.at - back);
    assert_eq!(seen.layer(), Some(2));
    assert!(seen.longest_freeze(back + 600 * MS, pair.far.now) < 500 * MS);
    let heard = stream(&pair, hearing);
    let times = heard.packets.values().map(|packet| packet.at);
    let after = times.filter(|at| *at > back + 20 * MS).min().expect("it goes on") - back;
    assert!(after < 150 * MS, "{after:?}");
}

#[test]
fn a_long_black_out_starts_over_with_a_keyframe() {
    let mut pair = Pair::new(8, FAR);
    let (_, camera) = pair.publish(Publisher::single(Codec::Vp8, 1_500_000, pair.near.now), NEAR);
    let watching = pair.watch(camera, Codec::Vp8, Want::default(), NEAR);
    pair.run(3 * SECOND);
    pair.configure(DARK);
    pair.run(6 * SECOND);
    pair.configure(FAR);
    let back = pair.far.now;
    pair.run(3 * SECOND);
    let seen = stream(&pair, watching);
    seen.assert_ordered();
    let after = seen
        .decoded
        .iter()
        .find(|decoded| decoded.at > back)
        .expect("it goes on");
    // A packet comes over, a request goes there, a keyframe comes back.
    assert!(after.at - back < 800 * MS, "{:?}", after.at - back);
    assert!(seen.longest_freeze(after.at, pair.far.now) < 400 * MS);
}

#[test]
fn a_muted_camera_is_quiet_and_goes_on() {
    let mut pair = Pair::new(9, FAR);
    let camera = pair.publish(Publisher::camera(Codec::Vp8, pair.near.now), NEAR);
    let watching = pair.watch(camera.1, Codec::Vp8, tile(1280), NEAR);
    pair.run(3 * SECOND);
    pair.mute(0, camera, true);
    pair.run(SECOND);
    let (requests, from) = (pair.requests(0, 2), pair.near.elapsed());
    pair.run(10 * SECOND);
    assert_eq!(pair.requests(0, 2), requests);
    assert_eq!(pair.layers_crossed(camera.0, from), [0; 3]);
    let stopped = |(_, event): &(Duration, Event)| matches!(event, Event::LayerStopped { .. });
    assert!(!pair.far.events.iter().chain(&pair.near.events).any(stopped));
    pair.mute(0, camera, false);
    let unmuted = pair.far.now;
    pair.run(3 * SECOND);
    let seen = stream(&pair, watching);
    seen.assert_ordered();
    assert_eq!(seen.layer(), Some(2));
    assert!(seen.longest_freeze(unmuted + 200 * MS, pair.far.now) < 400 * MS);
}

#[test]
fn a_publisher_that_starts_over_is_followed_across_the_link() {
    let mut pair = Pair::new(10, FAR);
    let (_, camera) = pair.publish(Publisher::camera(Codec::H264, pair.near.now), NEAR);
    let watching = pair.watch(camera, Codec::H264, tile(1280), NEAR);
    pair.run(3 * SECOND);
    pair.near.publishers[0].model.restart();
    pair.run(3 * SECOND);
    let seen = stream(&pair, watching);
    seen.assert_ordered();
    assert_eq!(seen.layer(), Some(2));
    let frozen = seen.longest_freeze(pair.far.start + SECOND, pair.far.now);
    assert!(frozen < 700 * MS, "{frozen:?}");
}

#[test]
fn all_spatial_layers_of_one_stream_cross_together() {
    for codec in [Codec::Vp9, Codec::Av1] {
        let mut pair = Pair::new(11, FAR);
        let (_, camera) = pair.publish(Publisher::svc(codec, pair.near.now), NEAR);
        let watching = pair.watch(camera, codec, tile(640), NEAR);
        let client = &mut pair.far.subscribers[watching.0].model;
        client.streams.get_mut(&World::ssrc(watching.1)).expect("expected").svc = true;
        pair.run(10 * SECOND);
        let seen = stream(&pair, watching);
        assert_eq!(seen.layer(), Some(1), "{codec:?}");
        assert!(seen.decoded.len() > 280, "{codec:?}: {}", seen.decoded.len());
        assert!(seen.longest_freeze(pair.far.start + SECOND, pair.far.now) < 500 * MS);
    }
}

#[test]
fn a_tap_at_the_far_relay_hands_out_whole_pictures_with_the_publishers_time() {
    let mut pair = Pair::new(12, FAR);
    let (_, camera) = pair.publish(Publisher::single(Codec::H264, 1_500_000, pair.near.now), NEAR);
    let spec = TapSpec {
        wait: SECOND,
        ..TapSpec::default()
    };
    let tap = pair.far.tap(camera, spec);
    pair.run(10 * SECOND);
    let mut dated = 0;
    for (_, what) in pair.far.handed(tap) {
        let Handed::Picture {
            units, keyframe, ntp, ..
        } = what
        else {
            panic!("all was repaired in time, but {what:?}");
        };
        let unit = if *keyframe { &units[2] } else { &units[0] };
        let frame = u32::from_be_bytes(unit[3..7].try_into().expect("four bytes"));
        let Some(ntp) = ntp else { continue };
        let taken = publisher::ntp(Duration::from_micros(33_333) * (frame - 1));
        assert!(ntp.abs_diff(taken) < (1 << 32) / 2_000);
        dated += 1;
    }
    assert!(dated > 220, "{dated}");
}

#[test]
fn nothing_crosses_a_second_link_and_nothing_after_the_end() {
    let mut pair = Pair::new(13, CLEAN);
    let camera = pair.publish(Publisher::single(Codec::Vp8, 500_000, pair.near.now), NEAR);
    let watching = pair.watch(camera.1, Codec::Vp8, Want::default(), NEAR);
    pair.run(2 * SECOND);
    // Offered back over the link that it came by: refused.
    let link = pair.far_link;
    pair.far.command(Command::OfferAdd { source: camera.1, link });
    pair.far.shard.handle_mesh(
        pair.far.now,
        link,
        Message::Wish(Wish {
            source: camera.1,
            highest: Some(0),
        }),
    );
    pair.run(SECOND);
    assert!(
        !pair
            .answered
            .iter()
            .any(|(_, crossed)| matches!(crossed, Crossed::Packet { .. }))
    );
    // The far relay forgets the track, and the word of it is lost: the near one stops all the same.
    pair.configure(LinkConfig {
        black_out: true,
        ..CLEAN
    });
    pair.far.command(Command::SourceRemove { id: camera.1 });
    pair.run(500 * MS);
    pair.configure(CLEAN);
    pair.run(SECOND);
    let from = pair.near.elapsed();
    pair.run(SECOND);
    assert_eq!(pair.layers_crossed(camera.0, from), [0; 3]);
    assert!(stream(&pair, watching).decoded.len() > 80);
    // Links and tracks go in any order.
    pair.far.command(Command::TransportRemove { id: link });
    pair.near.command(Command::SourceRemove { id: camera.0 });
    pair.run(SECOND);
}

fn message() -> impl Strategy<Value = Crossed> {
    let source = (1_u32..8).prop_map(SourceId);
    let bytes = || proptest::collection::vec(any::<u8>(), 0..40);
    let seq = prop_oneof![8 => 65_536_u64..65_700, 1 => any::<u64>(), 1 => 65_536_u64..70_000];
    let packet = (
        source.clone(),
        0_u8..4,
        seq.clone(),
        any::<bool>(),
        any::<bool>(),
        bytes(),
        bytes(),
    );
    let highest = proptest::option::of(any::<u8>());
    prop_oneof![
        10 => packet.prop_map(|(source, layer, seq, marker, again, exts, payload)| Crossed::Packet {
            source, layer, seq, marker, again, exts, payload,
            timestamp: u32::try_from(seq & 0xffff).expect("masked") * 1_500,
        }),
        1 => (source.clone(), any::<u8>(), any::<u64>(), any::<u32>())
            .prop_map(|(source, layer, ntp, timestamp)| Crossed::Clock(Clock { source, layer, ntp, timestamp })),
        2 => (source.clone(), highest).prop_map(|(source, highest)| Crossed::Wish(Wish { source, highest })),
        2 => (source.clone(), any::<u8>(), proptest::collection::vec(seq, 0..20))
            .prop_map(|(source, layer, seqs)| Crossed::Nack { source, layer, seqs }),
        1 => (source, any::<u8>()).prop_map(|(source, layer)| Crossed::Keyframe(Keyframe { source, layer })),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_over_a_link_is_taken_or_dropped(messages in proptest::collection::vec((message(), 0_u64..30), 0..200)) {
        let mut pair = Pair::new(14, NEAR);
        for codec in [Codec::Vp8, Codec::H264, Codec::Opus, Codec::Av1] {
            let model = match codec {
                Codec::Opus => Publisher::microphone(pair.near.now),
                Codec::Av1 => Publisher::svc(codec, pair.near.now),
                _ => Publisher::camera(codec, pair.near.now),
            };
            let (origin, remote) = pair.publish(model, NEAR);
            pair.near.publishers.last_mut().expect("just added").model.silent = origin.0.is_multiple_of(2);
            pair.watch(remote, codec, Want::default(), NEAR);
            pair.far.tap(remote, TapSpec::default());
        }
        for (crossed, wait) in &messages {
            let link = pair.far_link;
            pair.far.shard.handle_mesh(pair.far.now, link, crossed.message());
            pair.near.shard.handle_mesh(pair.near.now, pair.near_link, crossed.message());
            pair.far.flush();
            pair.near.flush();
            if *wait > 25 {
                pair.run(Duration::from_millis(*wait));
            }
        }
        pair.run(SECOND);
    }
}
