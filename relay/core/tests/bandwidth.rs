//! Slow links, and links that get better and worse.

mod common;

use std::time::{Duration, Instant};

use common::{MS, SECOND, World, publisher::Publisher};
use relay_core::{
    forward::{Command, Event, Want},
    link::LinkConfig,
    types::{Codec, ExtKind, SinkId, SourceId},
};

const NEAR: LinkConfig = LinkConfig {
    delay: Duration::from_millis(20),
    jitter: Duration::from_millis(3),
    loss: 0.0,
    burst: 1.0,
    reorder: 0.0,
    reorder_by: Duration::from_millis(20),
    rate: None,
    queue_bytes: 100_000,
    overhead_bytes: 28,
    black_out: false,
};

fn rate(bits: u64, queue_bytes: usize) -> LinkConfig {
    LinkConfig {
        rate: Some(bits),
        queue_bytes,
        ..NEAR
    }
}

fn one_camera(seed: u64, down: LinkConfig) -> (World, usize, SinkId) {
    let mut world = World::new(seed);
    let source = world.publish(Publisher::camera(Codec::Vp8, world.now), NEAR);
    let subscriber = world.join(down);
    let sink = world.subscribe(subscriber, source, Codec::Vp8, Want::default());
    (world, subscriber, sink)
}

/// The client's section has not taken the extension of transport-wide numbers.
fn subscribe_without_numbers(world: &mut World, subscriber: usize, source: SourceId, codec: Codec) -> SinkId {
    let number = world.next_id();
    let mut spec = world.sink_spec(number, codec);
    spec.exts = [(ExtKind::Mid, 5)].into_iter().collect();
    let transport = world.subscribers[subscriber].id;
    let model = &mut world.subscribers[subscriber].model;
    model.expect(world.now, number * 1_000, codec);
    model.unnumbered.push(number * 1_000);
    let id = SinkId(number);
    world.command(Command::SinkAdd {
        id,
        transport,
        source,
        spec,
        want: Want::default(),
    });
    id
}

/// The share of pictures of each layer within a span that ends now.
fn shares(world: &World, subscriber: usize, sink: SinkId, span: Duration) -> [f64; 3] {
    let stream = world.subscribers[subscriber].model.stream(World::ssrc(sink));
    let recent: Vec<_> = stream
        .decoded
        .iter()
        .filter(|decoded| decoded.at + span > world.now)
        .collect();
    [0, 1, 2].map(|layer| {
        recent.iter().filter(|decoded| decoded.layer == layer).count() as f64 / (span.as_secs_f64() * 30.0)
    })
}

#[test]
fn a_slow_link_gets_the_low_layer_within_five_seconds() {
    // Long and short queues: the first shows as delay, the second as loss.
    for (seed, queue) in [(1, 100_000), (2, 30_000), (3, 6_000)] {
        let (mut world, subscriber, sink) = one_camera(seed, rate(300_000, queue));
        world.run(5 * SECOND);
        world.run(10 * SECOND);
        let [low, ..] = shares(&world, subscriber, sink, 10 * SECOND);
        assert!(low > 0.9, "low layer {low} with a queue of {queue}");
        let stream = world.subscribers[subscriber].model.stream(World::ssrc(sink));
        stream.assert_ordered();
        // What is sent fits the link.
        let overflowed = world.subscribers[subscriber].down.stats();
        world.run(10 * SECOND);
        let later = world.subscribers[subscriber].down.stats();
        let lost = (later.overflowed - overflowed.overflowed) as f64 / (later.sent - overflowed.sent) as f64;
        assert!(lost < 0.05, "{lost} lost with a queue of {queue}");
    }
}

#[test]
fn a_link_that_opens_gets_the_high_layer_back_within_seconds() {
    let (mut world, subscriber, sink) = one_camera(4, rate(300_000, 50_000));
    world.run(15 * SECOND);
    assert!(shares(&world, subscriber, sink, 5 * SECOND)[0] > 0.9);
    world.subscribers[subscriber].down.configure(NEAR);
    world.run(8 * SECOND);
    let stream = world.subscribers[subscriber].model.stream(World::ssrc(sink));
    assert_eq!(stream.layer(), Some(2));
    world.run(10 * SECOND);
    assert!(shares(&world, subscriber, sink, 8 * SECOND)[2] > 0.97);
}

#[test]
fn a_subscriber_that_asks_for_little_gets_no_more() {
    let (mut world, subscriber, sink) = one_camera(43, NEAR);
    let transport = world.subscribers[subscriber].id;
    world.run(5 * SECOND);
    assert!(shares(&world, subscriber, sink, 2 * SECOND)[2] > 0.9);
    for (most, layer) in [(Some(250_000), Some(0)), (Some(60_000), None), (None, Some(2))] {
        world.events.clear();
        world.command(Command::TransportBound { id: transport, most });
        world.run(6 * SECOND);
        let shares = shares(&world, subscriber, sink, 2 * SECOND);
        match layer {
            Some(layer) => assert!(shares[layer] > 0.9, "{most:?}: {shares:?}"),
            None => {
                let paused = |event: &Event| matches!(event, Event::StreamState { active: false, .. });
                assert!(shares == [0.0; 3] && world.events.iter().any(|(_, event)| paused(event)));
            }
        }
    }
}

#[test]
fn a_slow_way_back_is_no_full_link() {
    for seed in 1..5 {
        let mut world = World::new(seed);
        let layers = [(320, 150_000), (640, 500_000), (1280, 1_500_000)];
        let camera = Publisher::wavering(Codec::Vp8, &layers, seed, world.now);
        let source = world.publish(camera, NEAR);
        let subscriber = world.join(NEAR);
        let sink = world.subscribe(subscriber, source, Codec::Vp8, Want::default());
        world.run(5 * SECOND);
        // Something else fills its uplink.
        let lagging = LinkConfig {
            delay: 650 * MS,
            ..NEAR
        };
        world.subscribers[subscriber].up.configure(lagging);
        world.run(60 * SECOND);
        let stream = world.subscribers[subscriber].model.stream(World::ssrc(sink));
        assert_eq!(stream.layer(), Some(2), "seed {seed}");
        let of_top = stream.decoded.iter().filter(|decoded| decoded.layer == 2).count();
        assert!(of_top > 62 * 20, "{of_top} pictures of the top layer with seed {seed}");
    }
}

#[test]
fn a_client_that_tells_only_its_loss_gets_what_its_line_carries() {
    let (mut world, subscriber, sink) = one_camera(44, rate(700_000, 40_000));
    world.subscribers[subscriber].model.tells = false;
    world.run(20 * SECOND);
    let [low, middle, _] = shares(&world, subscriber, sink, 5 * SECOND);
    assert!(low + middle > 0.9, "{low} {middle}");
    world.subscribers[subscriber].down.configure(NEAR);
    world.run(60 * SECOND);
    let [.., top] = shares(&world, subscriber, sink, 5 * SECOND);
    assert!(top > 0.9, "{top}");
}

#[test]
fn a_client_whose_packets_have_no_numbers_gets_what_its_line_carries() {
    let mut world = World::new(45);
    let camera = world.publish(Publisher::camera(Codec::Vp8, world.now), NEAR);
    let subscriber = world.join(rate(700_000, 40_000));
    let sink = subscribe_without_numbers(&mut world, subscriber, camera, Codec::Vp8);
    world.run(20 * SECOND);
    let [low, middle, _] = shares(&world, subscriber, sink, 10 * SECOND);
    assert!(low + middle > 0.9, "{low} {middle}");
    // More is tried now and then only, as that costs pictures.
    let before = world.subscribers[subscriber].down.stats();
    world.run(60 * SECOND);
    let [low, middle, _] = shares(&world, subscriber, sink, 60 * SECOND);
    assert!(low + middle > 0.9, "{low} {middle}");
    let after = world.subscribers[subscriber].down.stats();
    let lost = (after.overflowed - before.overflowed) as f64 / (after.sent - before.sent) as f64;
    assert!(lost < 0.05, "{lost} lost");
    world.subscribers[subscriber].down.configure(NEAR);
    world.run(90 * SECOND);
    let [.., top] = shares(&world, subscriber, sink, 5 * SECOND);
    assert!(top > 0.9, "{top}");
}

#[test]
fn a_muted_camera_leaves_its_bandwidth_to_the_others_and_so_does_one_that_fell_silent() {
    let share = |silent: bool, muted: bool| {
        let mut world = World::new(41);
        let cameras = [0, 1].map(|_| world.publish(Publisher::camera(Codec::Vp8, world.now), NEAR));
        let subscriber = world.join(rate(900_000, 40_000));
        let sinks = cameras.map(|camera| world.subscribe(subscriber, camera, Codec::Vp8, Want::default()));
        world.run(5 * SECOND);
        if muted {
            world.command(Command::SourceMute {
                id: cameras[0],
                muted: true,
                ordered: false,
            });
        }
        world.publishers[0].model.silent = silent;
        world.run(20 * SECOND);
        shares(&world, subscriber, sinks[1], 8 * SECOND)
    };
    let [_, beside, _] = share(false, false);
    let [_, alone, _] = share(true, true);
    let [_, outlived, _] = share(true, false);
    assert!(
        beside < 0.5 && alone > 0.9 && outlived > 0.9,
        "middle layer: {beside} beside another, {alone} beside a muted one, {outlived} beside a silent one"
    );
}

#[test]
fn a_probe_is_padded_with_what_carries_its_number() {
    let mut world = World::new(42);
    let cameras = [0, 1].map(|_| world.publish(Publisher::camera(Codec::Vp8, world.now), NEAR));
    let subscriber = world.join(rate(700_000, 40_000));
    subscribe_without_numbers(&mut world, subscriber, cameras[0], Codec::Vp8);
    world.subscribe(subscriber, cameras[1], Codec::Vp8, Want::default());
    world.run(20 * SECOND);
    let padding = world.shard.stats().padding;
    assert!((1..2_000).contains(&padding), "{padding} packets of padding");
}

/// How long until pictures of this layer come steadily (ten in a row) from `since` on.
fn steady_after(world: &World, subscriber: usize, sink: SinkId, layer: u8, since: Instant) -> Option<Duration> {
    let stream = world.subscribers[subscriber].model.stream(World::ssrc(sink));
    let recent: Vec<_> = stream.decoded.iter().filter(|decoded| decoded.at >= since).collect();
    recent
        .windows(10)
        .find(|run| run.iter().all(|decoded| decoded.layer == layer) && run[9].at - run[0].at < SECOND)
        .map(|run| run[0].at - since)
}

#[test]
fn the_layer_follows_a_bottleneck_within_three_seconds() {
    for seed in 1..9 {
        let wide = rate(1_000_000, 40_000);
        let (mut world, subscriber, sink) = one_camera(seed, wide);
        world.run(10 * SECOND);
        for (config, layer) in [
            (rate(300_000, 12_000), 0),
            (wide, 1),
            (rate(300_000, 30_000), 0),
            (wide, 1),
        ] {
            let since = world.now;
            world.subscribers[subscriber].down.configure(config);
            world.run(10 * SECOND);
            let after = steady_after(&world, subscriber, sink, layer, since);
            assert!(
                after.is_some_and(|after| after <= 3 * SECOND),
                "layer {layer} after {after:?} with seed {seed}"
            );
        }
    }
}

#[test]
fn after_a_black_out_pictures_come_at_once_and_the_high_layer_soon() {
    for seed in 1..9 {
        let (mut world, subscriber, sink) = one_camera(seed, NEAR);
        world.run(8 * SECOND);
        let both = |world: &mut World, config| {
            world.subscribers[subscriber].down.configure(config);
            world.subscribers[subscriber].up.configure(config);
        };
        both(
            &mut world,
            LinkConfig {
                black_out: true,
                ..NEAR
            },
        );
        world.run(5 * SECOND);
        both(&mut world, NEAR);
        let since = world.now;
        world.run(10 * SECOND);
        let stream = world.subscribers[subscriber].model.stream(World::ssrc(sink));
        let first = stream.decoded.iter().find(|decoded| decoded.at >= since);
        let first = first.map(|decoded| decoded.at - since);
        assert!(
            first.is_some_and(|first| first <= SECOND),
            "a picture after {first:?} with seed {seed}"
        );
        let after = steady_after(&world, subscriber, sink, 2, since);
        assert!(
            after.is_some_and(|after| after <= 300 * MS),
            "the high layer after {after:?} with seed {seed}"
        );
    }
}

/// What a link carried before says nothing of one that comes back as another.
#[test]
fn a_link_that_comes_back_slower_gets_what_it_carries() {
    for (seed, bits, layer) in [(1, 300_000, 0), (2, 300_000, 0), (3, 900_000, 1), (4, 900_000, 1)] {
        let (mut world, subscriber, sink) = one_camera(seed, NEAR);
        world.run(8 * SECOND);
        for config in [
            LinkConfig {
                black_out: true,
                ..NEAR
            },
            rate(bits, 40_000),
        ] {
            world.subscribers[subscriber].down.configure(config);
            let back = LinkConfig { rate: None, ..config };
            world.subscribers[subscriber].up.configure(back);
            world.run(5 * SECOND);
        }
        let since = world.now - 5 * SECOND;
        world.run(5 * SECOND);
        let after = steady_after(&world, subscriber, sink, layer, since);
        assert!(
            after.is_some_and(|after| after <= 3 * SECOND),
            "layer {layer} after {after:?} with seed {seed}"
        );
    }
}

#[test]
fn a_picture_that_never_fitted_comes_once_the_link_opens() {
    let mut world = World::new(8);
    let voice = world.publish(Publisher::microphone(world.now), NEAR);
    let camera = world.publish(Publisher::camera(Codec::Vp8, world.now), NEAR);
    // Less than a voice needs.
    let subscriber = world.join(rate(25_000, 20_000));
    world.subscribe(subscriber, voice, Codec::Opus, Want::default());
    world.run(5 * SECOND);
    let sink = world.subscribe(subscriber, camera, Codec::Vp8, Want::default());
    world.run(5 * SECOND);
    let pictures = |world: &World| {
        let stream = world.subscribers[subscriber].model.stream(World::ssrc(sink));
        (stream.decoded.len(), stream.layer())
    };
    assert_eq!(pictures(&world), (0, None));
    world.subscribers[subscriber].down.configure(NEAR);
    world.run(10 * SECOND);
    let (count, layer) = pictures(&world);
    assert!(
        count > 50 && layer == Some(2),
        "{count} pictures, of layer {layer:?} at last"
    );
}

#[test]
fn a_middling_link_stays_on_the_middle_layer() {
    let (mut world, subscriber, sink) = one_camera(5, rate(900_000, 60_000));
    world.run(40 * SECOND);
    let [low, middle, high] = shares(&world, subscriber, sink, 30 * SECOND);
    assert!(middle > 0.8, "{low} {middle} {high}");
    let stream = world.subscribers[subscriber].model.stream(World::ssrc(sink));
    let frozen = stream.frozen(world.now - 30 * SECOND, world.now);
    assert!(frozen < SECOND, "{frozen:?}");
}

#[test]
fn a_good_link_is_not_held_back() {
    let (mut world, subscriber, sink) = one_camera(6, rate(20_000_000, 200_000));
    world.run(20 * SECOND);
    assert!(shares(&world, subscriber, sink, 18 * SECOND)[2] > 0.98);
    let estimate = world.shard.estimate(world.subscribers[subscriber].id);
    assert!(estimate > Some(1_800_000), "{estimate:?}");
}

#[test]
fn loss_that_is_not_congestion_does_not_cost_the_high_layer() {
    let lossy = LinkConfig {
        loss: 0.05,
        burst: 2.0,
        ..NEAR
    };
    let (mut world, subscriber, sink) = one_camera(7, lossy);
    world.run(30 * SECOND);
    let [low, middle, high] = shares(&world, subscriber, sink, 25 * SECOND);
    assert!(high > 0.85, "{low} {middle} {high}");
}

#[test]
fn pictures_pause_on_a_link_too_slow_for_any_and_sound_goes_on() {
    let mut world = World::new(8);
    let camera = world.publish(Publisher::camera(Codec::Vp8, world.now), NEAR);
    let microphone = world.publish(Publisher::microphone(world.now), NEAR);
    let subscriber = world.join(rate(120_000, 20_000));
    let video = world.subscribe(subscriber, camera, Codec::Vp8, Want::default());
    let audio = world.subscribe(subscriber, microphone, Codec::Opus, Want::default());
    world.run(20 * SECOND);
    let states: Vec<bool> = world
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            Event::StreamState { sink, active } if *sink == video => Some(*active),
            _ => None,
        })
        .collect();
    assert!(states.starts_with(&[true, false]), "{states:?}");
    let sound = world.subscribers[subscriber].model.stream(World::ssrc(audio));
    let recent = sound
        .packets
        .values()
        .filter(|packet| packet.at + 10 * SECOND > world.now)
        .count();
    assert!(recent > 480, "{recent} of 500 packets of sound");
    world.subscribers[subscriber].down.configure(NEAR);
    world.run(10 * SECOND);
    let stream = world.subscribers[subscriber].model.stream(World::ssrc(video));
    assert_eq!(stream.layer(), Some(2));
    assert!(
        stream
            .decoded
            .last()
            .is_some_and(|decoded| world.now - decoded.at < 100 * MS)
    );
}

#[test]
fn several_cameras_share_a_link() {
    let mut world = World::new(9);
    let cameras: Vec<_> = (0..4)
        .map(|_| world.publish(Publisher::camera(Codec::Vp8, world.now), NEAR))
        .collect();
    let subscriber = world.join(rate(2_500_000, 150_000));
    let sinks: Vec<_> = cameras
        .iter()
        .zip([1280, 320, 320, 320])
        .map(|(camera, width)| {
            let want = Want {
                width,
                height: width * 9 / 16,
                ..Want::default()
            };
            world.subscribe(subscriber, *camera, Codec::Vp8, want)
        })
        .collect();
    world.run(30 * SECOND);
    let [_, _, high] = shares(&world, subscriber, sinks[0], 15 * SECOND);
    assert!(high > 0.8, "{high}");
    for sink in &sinks[1..] {
        let [low, ..] = shares(&world, subscriber, *sink, 15 * SECOND);
        assert!(low > 0.9, "{low}");
    }
}

/// What fits a link with a fifth to spare is shown all the time, whatever its pictures' sizes, and whoever speaks meanwhile.
/// Where the queue holds half a keyframe of it, nothing freezes at least.
#[test]
fn what_fits_a_slow_link_is_kept() {
    let three = |high| [(320, 140_000), (640, 400_000), (1280, high)];
    for (bits, queue, layers, layer) in [
        (300_000, 12_000, &three(1_500_000)[..2], Some(0)),
        (1_000_000, 40_000, &three(720_000), Some(2)),
        (2_500_000, 60_000, &three(1_700_000), Some(2)),
        (2_500_000, 30_000, &three(1_700_000), Some(2)),
        (1_000_000, 12_000, &three(780_000), None),
    ] {
        for seed in 1..21 {
            let mut world = World::new(seed * 1_000);
            let camera = Publisher::wavering(Codec::Vp8, layers, seed, world.now);
            let source = world.publish(camera, NEAR);
            let voice = world.publish(Publisher::microphone(world.now), NEAR);
            world.run(2 * SECOND + 37 * MS * u32::try_from(seed).expect("small"));
            let subscriber = world.join(rate(bits, queue));
            // As browsers: what is missing may come for three seconds.
            world.subscribers[subscriber].model.patience = 3 * SECOND;
            world.subscribe(subscriber, voice, Codec::Opus, Want::default());
            let sink = world.subscribe(subscriber, source, Codec::Vp8, common::tile(1280));
            world.run(6 * SECOND);
            let since = world.now;
            world.run(15 * SECOND);
            let stream = world.subscribers[subscriber].model.stream(World::ssrc(sink));
            let shown: Vec<_> = stream.decoded.iter().filter(|decoded| decoded.at >= since).collect();
            let other = |layer: u8| shown.iter().filter(|decoded| decoded.layer != layer).count();
            let others = layer.map_or(0, other);
            let frozen = stream.frozen(since, world.now);
            assert!(
                shown.len() > 285 && others <= 15 && frozen < 750 * MS,
                "{others} of {} of other layers and {frozen:?} frozen at {bits} bit/s with seed {seed}",
                shown.len()
            );
        }
    }
}
