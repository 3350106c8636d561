//! Loss and disorder on either side do not stop pictures.

mod common;

use std::time::Duration;

use common::{MS, SECOND, World, publisher::Publisher};
use relay_core::{forward::Want, link::LinkConfig, types::Codec};

fn link(loss: f64, burst: f64, reorder: f64) -> LinkConfig {
    LinkConfig {
        delay: 20 * MS,
        jitter: 5 * MS,
        loss,
        burst,
        reorder,
        reorder_by: 15 * MS,
        ..LinkConfig::default()
    }
}

/// Runs a minute of a camera over `up` and `down`; returns the share of time frozen and the share of pictures seen.
fn minute(seed: u64, codec: Codec, up: LinkConfig, down: LinkConfig) -> (f64, f64) {
    let mut world = World::new(seed);
    let source = world.publish(Publisher::camera(codec, world.now), up);
    let subscriber = world.join(down);
    let sink = world.subscribe(subscriber, source, codec, Want::default());
    world.run(60 * SECOND);
    let stream = world.subscribers[subscriber].model.stream(World::ssrc(sink));
    stream.assert_ordered();
    let frozen = stream.frozen(world.start + SECOND, world.now).as_secs_f64() / 59.0;
    (frozen, stream.decoded.len() as f64 / 1_800.0)
}

#[test]
fn two_percent_loss_on_both_sides_hardly_shows() {
    for (seed, codec) in [(1, Codec::Vp8), (2, Codec::H264)] {
        let (frozen, seen) = minute(seed, codec, link(0.02, 2.0, 0.0), link(0.02, 2.0, 0.0));
        assert!(frozen <= 0.01, "frozen {frozen}");
        assert!(seen > 0.98, "seen {seen}");
    }
}

#[test]
fn five_percent_loss_is_repaired() {
    let (frozen, seen) = minute(3, Codec::Vp8, link(0.05, 3.0, 0.0), link(0.05, 3.0, 0.0));
    assert!(frozen <= 0.02, "frozen {frozen}");
    assert!(seen > 0.97, "seen {seen}");
}

#[test]
fn a_picture_that_loses_its_beginning_comes_soon() {
    let first = |seed| {
        let mut world = World::new(seed);
        let source = world.publish(Publisher::camera(Codec::Vp8, world.now), link(0.0, 1.0, 0.0));
        world.run(3 * SECOND);
        let subscriber = world.join(link(0.1, 1.0, 0.0));
        let sink = world.subscribe(subscriber, source, Codec::Vp8, Want::default());
        let since = world.now;
        world.run(3 * SECOND);
        let stream = world.subscribers[subscriber].model.stream(World::ssrc(sink));
        stream.decoded.first().map_or(3 * SECOND, |decoded| decoded.at - since)
    };
    let mut times: Vec<_> = (0..200).map(first).collect();
    times.sort_unstable();
    // Of two hundred, where one in ten packets is lost; asked for as a whole, 180 came within 590 ms.
    assert!(times[100] < 200 * MS && times[180] < 400 * MS, "{times:?}");
}

#[test]
fn what_is_too_much_to_be_asked_for_is_made_good_by_a_keyframe() {
    let mut world = World::new(9);
    let near = link(0.0, 1.0, 0.0);
    let source = world.publish(Publisher::single(Codec::Vp8, 1_500_000, world.now), near);
    let subscriber = world.join(near);
    let sink = world.subscribe(subscriber, source, Codec::Vp8, Want::default());
    world.subscribers[subscriber].model.patience = 60 * SECOND;
    world.run(3 * SECOND);
    let sent = |world: &World| world.publishers[0].model.layers[0].packets;
    let before = sent(&world);
    world.publishers[0].up.configure(LinkConfig {
        black_out: true,
        ..near
    });
    world.run(1_900 * MS);
    world.publishers[0].up.configure(near);
    let (since, missed) = (world.now, sent(&world) - before);
    assert!((257..512).contains(&missed), "{missed} packets");
    world.run(SECOND);
    let stream = world.subscribers[subscriber].model.stream(World::ssrc(sink));
    assert!(stream.longest_freeze(since + 300 * MS, world.now) < 150 * MS);
}

#[test]
fn disorder_is_no_loss() {
    let (frozen, seen) = minute(4, Codec::H264, link(0.0, 1.0, 0.03), link(0.0, 1.0, 0.03));
    assert!(frozen <= 0.001, "frozen {frozen}");
    assert!(seen > 0.99, "seen {seen}");
}

#[test]
fn a_subscriber_is_repaired_from_the_cache_without_the_publisher() {
    let mut world = World::new(5);
    let source = world.publish(Publisher::camera(Codec::Vp8, world.now), link(0.0, 1.0, 0.0));
    let good = world.join(link(0.0, 1.0, 0.0));
    let bad = world.join(link(0.05, 1.0, 0.0));
    world.subscribe(good, source, Codec::Vp8, Want::default());
    let sink = world.subscribe(bad, source, Codec::Vp8, Want::default());
    world.run(20 * SECOND);
    assert!(world.shard.stats().retransmitted > 50);
    let model = &world.subscribers[bad].model;
    assert!(model.stream(World::ssrc(sink)).decoded.len() > 570);
    // The good one was sent nothing twice.
    let stream = world.subscribers[good]
        .model
        .streams
        .values()
        .next()
        .expect("one stream");
    assert!(stream.packets.values().all(|packet| !packet.again));
}

#[test]
fn a_black_out_of_two_seconds_is_survived() {
    let mut world = World::new(6);
    let source = world.publish(Publisher::camera(Codec::Vp8, world.now), link(0.0, 1.0, 0.0));
    let subscriber = world.join(link(0.0, 1.0, 0.0));
    let sink = world.subscribe(subscriber, source, Codec::Vp8, Want::default());
    world.run(5 * SECOND);
    let dark = LinkConfig {
        black_out: true,
        ..link(0.0, 1.0, 0.0)
    };
    world.publishers[0].up.configure(dark);
    world.publishers[0].down.configure(dark);
    world.run(2 * SECOND);
    world.publishers[0].up.configure(link(0.0, 1.0, 0.0));
    world.publishers[0].down.configure(link(0.0, 1.0, 0.0));
    let back = world.now;
    world.run(3 * SECOND);
    let stream = world.subscribers[subscriber].model.stream(World::ssrc(sink));
    let first = stream
        .decoded
        .iter()
        .find(|decoded| decoded.at > back + 40 * MS)
        .expect("it goes on");
    assert!(first.at - back < Duration::from_millis(700), "{:?}", first.at - back);
    stream.assert_ordered();
}

#[test]
fn audio_arrives_at_once_whatever_the_pictures_do() {
    let mut world = World::new(7);
    let near = link(0.0, 1.0, 0.0);
    let camera = world.publish(Publisher::camera(Codec::Vp8, world.now), near);
    let microphone = world.publish(Publisher::microphone(world.now), near);
    let subscriber = world.join(near);
    world.subscribe(subscriber, camera, Codec::Vp8, Want::default());
    let sink = world.subscribe(subscriber, microphone, Codec::Opus, Want::default());
    world.run(10 * SECOND);
    let stream = world.subscribers[subscriber].model.stream(World::ssrc(sink));
    assert!(stream.packets.len() > 495);
    let gaps: Vec<_> = stream
        .packets
        .values()
        .zip(stream.packets.values().skip(1))
        .map(|(a, b)| b.at - a.at)
        .collect();
    assert!(gaps.iter().all(|gap| *gap < 40 * MS));
}
