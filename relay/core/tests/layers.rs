//! Which layer a subscriber gets, and how it changes.

mod common;

use common::{MS, NEAR, SECOND, World, publisher::Publisher, tile};
use relay_core::{
    forward::{Command, Event, Want},
    link::LinkConfig,
    types::{Codec, Mid, SinkId, TransportId},
};

fn follows_the_tile(codec: Codec, publisher: fn(Publisher) -> Publisher) {
    let mut world = World::new(1);
    let source = world.publish(publisher(Publisher::camera(codec, world.now)), NEAR);
    let subscriber = world.join(NEAR);
    let sink = world.subscribe(subscriber, source, codec, tile(320));
    let ssrc = World::ssrc(sink);
    world.run(2 * SECOND);
    assert_eq!(world.subscribers[subscriber].model.stream(ssrc).layer(), Some(0));
    for (width, layer) in [(1280, 2), (640, 1), (320, 0), (1280, 2)] {
        world.command(Command::SinkSet {
            id: sink,
            want: tile(width),
        });
        world.run(2 * SECOND);
        let stream = world.subscribers[subscriber].model.stream(ssrc);
        assert_eq!(stream.layer(), Some(layer), "a tile of {width}");
    }
    let stream = world.subscribers[subscriber].model.stream(ssrc);
    stream.assert_ordered();
    // No hole in the numbers over all switches.
    let numbers = *stream.packets.last_key_value().expect("packets came").0 + 1 - stream.first;
    assert_eq!(numbers, stream.packets.len() as u64);
    assert!(stream.longest_freeze(world.start + 500 * MS, world.now) < 150 * MS);
    assert_eq!(world.subscribers[subscriber].model.plis, 0);
}

#[test]
fn vp8_follows_the_tile_without_gaps() {
    follows_the_tile(Codec::Vp8, |publisher| publisher);
}

#[test]
fn h264_follows_the_tile_without_gaps() {
    follows_the_tile(Codec::H264, |publisher| publisher);
}

#[test]
fn layers_told_apart_by_ssrc_follow_the_tile() {
    follows_the_tile(Codec::Vp8, Publisher::by_ssrc);
}

#[test]
fn vp8_picture_numbers_go_on_across_layers() {
    let mut world = World::new(2);
    let source = world.publish(Publisher::camera(Codec::Vp8, world.now), NEAR);
    let subscriber = world.join(NEAR);
    let sink = world.subscribe(subscriber, source, Codec::Vp8, tile(320));
    world.run(2 * SECOND);
    world.command(Command::SinkSet {
        id: sink,
        want: tile(1280),
    });
    world.run(2 * SECOND);
    let stream = world.subscribers[subscriber].model.stream(World::ssrc(sink));
    let mut pictures: Vec<(u16, u8)> = stream
        .packets
        .values()
        .map(|packet| {
            let picture = u16::from_be_bytes([packet.payload[2], packet.payload[3]]) & 0x7fff;
            (picture, packet.payload[4])
        })
        .collect();
    pictures.dedup();
    assert!(pictures.len() > 100);
    for pair in pictures.windows(2) {
        assert_eq!(pair[1].0, (pair[0].0 + 1) & 0x7fff);
        assert_eq!(pair[1].1, pair[0].1.wrapping_add(1));
    }
}

#[test]
fn times_stay_true_across_layers() {
    let mut world = World::new(3);
    let source = world.publish(Publisher::camera(Codec::Vp8, world.now), NEAR);
    let subscriber = world.join(NEAR);
    let sink = world.subscribe(subscriber, source, Codec::Vp8, tile(320));
    world.run(3 * SECOND);
    for i in 0..20 {
        world.command(Command::SinkSet {
            id: sink,
            want: tile(if i % 2 == 0 { 1280 } else { 320 }),
        });
        world.run(SECOND);
    }
    let stream = world.subscribers[subscriber].model.stream(World::ssrc(sink));
    let (first, last) = (stream.decoded[10], stream.decoded[stream.decoded.len() - 1]);
    let ticks = f64::from(last.timestamp.wrapping_sub(first.timestamp)) / 90_000.0;
    let real = (last.at - first.at).as_secs_f64();
    assert!((ticks - real).abs() < 0.03, "{ticks} s of media in {real} s");
    // Sender reports tell the same line from the first to the last, in the publisher's own clock.
    let (_, ntp, timestamp) = stream.reports[2];
    let (_, last_ntp, last_timestamp) = stream.reports[stream.reports.len() - 1];
    let by_ntp = (last_ntp - ntp) as f64 / 2_f64.powi(32);
    let by_ticks = f64::from(last_timestamp.wrapping_sub(timestamp)) / 90_000.0;
    assert!((by_ntp - by_ticks).abs() < 0.02, "{by_ntp} s against {by_ticks} s");
    assert_eq!(ntp >> 60, 0xd, "the publisher's clock");
}

/// When a subscriber was told of a stream's clock, and whether each time on one line of the publisher's own.
fn clock_told(world: &World, subscriber: usize, sink: SinkId, rate: f64) -> (Vec<u64>, bool) {
    let reports = &world.subscribers[subscriber].model.stream(World::ssrc(sink)).reports;
    let on_line = |&(_, ntp, timestamp): &(_, u64, u32)| {
        let (_, last_ntp, last_timestamp) = reports[reports.len() - 1];
        let by_ntp = last_ntp.wrapping_sub(ntp) as f64 / 2_f64.powi(32);
        let by_ticks = f64::from(last_timestamp.wrapping_sub(timestamp)) / rate;
        (by_ntp - by_ticks).abs() < 0.06 && ntp >> 60 == 0xd
    };
    let at = |(at, ..): &(std::time::Instant, u64, u32)| (*at - world.start).as_secs();
    (reports.iter().map(at).collect(), reports.iter().all(on_line))
}

#[test]
fn all_streams_of_a_publisher_are_on_its_one_clock_from_their_first_report() {
    let mut world = World::new(31);
    let camera = world.publish(Publisher::camera(Codec::Vp8, world.now), NEAR);
    // As browsers do: the first report of sound comes long after that of the picture.
    let section = Mid::new(b"1").expect("a name");
    let mut microphone = Publisher::microphone(world.now).in_section(section);
    microphone.layers[0].ssrc = 0x5000_0000;
    let sound = world.publish_beside(0, microphone);
    world.publishers[1].model.next_report = world.now + 2_500 * MS;
    let subscriber = world.join(NEAR);
    let camera = world.subscribe(subscriber, camera, Codec::Vp8, tile(1280));
    let sound = world.subscribe(subscriber, sound, Codec::Opus, tile(0));
    world.run(8 * SECOND);
    let (at, true) = clock_told(&world, subscriber, camera, 90_000.0) else {
        panic!("the camera's clock jumps");
    };
    assert!(at.len() >= 7, "{at:?}");
    let (at, true) = clock_told(&world, subscriber, sound, 48_000.0) else {
        panic!("the microphone's clock jumps");
    };
    assert!(at[0] < 2 && at.len() >= 7, "{at:?}");
}

#[test]
fn a_publisher_that_reports_late_is_waited_for_and_one_that_never_does_has_our_clock() {
    for (first, told) in [(2_500 * MS, 2), (60 * SECOND, 6)] {
        let mut world = World::new(32);
        let source = world.publish(Publisher::microphone(world.now), NEAR);
        world.publishers[0].model.next_report = world.now + first;
        let subscriber = world.join(NEAR);
        let sink = world.subscribe(subscriber, source, Codec::Opus, tile(0));
        world.run(10 * SECOND);
        let (at, of_publisher) = clock_told(&world, subscriber, sink, 48_000.0);
        assert!((told..=told + 1).contains(&at[0]), "{at:?}");
        assert_eq!(of_publisher, told == 2);
    }
}

#[test]
fn a_late_joiner_sees_a_picture_soon() {
    let mut world = World::new(4);
    let source = world.publish(Publisher::camera(Codec::H264, world.now), NEAR);
    let early = world.join(NEAR);
    world.subscribe(early, source, Codec::H264, tile(1280));
    world.run(10 * SECOND);
    let mut requests = world.publishers[0].model.layers[2].requests;
    // Six come within half a second: one keyframe serves them all.
    for _ in 0..6 {
        let late = world.join(NEAR);
        let joined = world.now;
        let sink = world.subscribe(late, source, Codec::H264, tile(1280));
        world.run(80 * MS);
        let late_clients: Vec<_> = world.subscribers[late].model.stream(World::ssrc(sink)).decoded.clone();
        if late_clients.is_empty() {
            world.run(70 * MS);
        }
        let first = world.subscribers[late]
            .model
            .stream(World::ssrc(sink))
            .decoded
            .first()
            .copied();
        assert!(first.expect("a picture").at - joined < 150 * MS);
    }
    requests = world.publishers[0].model.layers[2].requests - requests;
    assert!(requests <= 2, "{requests} keyframes asked for");
    world.run(2 * SECOND);
    for client in &world.subscribers {
        for stream in client.model.streams.values() {
            stream.assert_ordered();
            assert!(stream.decoded.len() > 50);
        }
        assert_eq!(client.model.plis, 0);
    }
}

#[test]
fn a_layer_that_stops_is_replaced_and_taken_again() {
    let mut world = World::new(5);
    let source = world.publish(Publisher::camera(Codec::Vp8, world.now), NEAR);
    let subscriber = world.join(NEAR);
    let sink = world.subscribe(subscriber, source, Codec::Vp8, tile(1280));
    world.run(2 * SECOND);
    world.publishers[0].model.layers[2].enabled = false;
    world.run(2 * SECOND);
    let ssrc = World::ssrc(sink);
    assert_eq!(world.subscribers[subscriber].model.stream(ssrc).layer(), Some(1));
    assert!(
        world
            .events
            .iter()
            .any(|(_, event)| matches!(event, Event::LayerStopped { layer: 2, .. }))
    );
    world.publishers[0].model.layers[2].enabled = true;
    world.run(2 * SECOND);
    let stream = world.subscribers[subscriber].model.stream(ssrc);
    assert_eq!(stream.layer(), Some(2));
    stream.assert_ordered();
    assert!(stream.longest_freeze(world.start + SECOND, world.now) < 1_100 * MS);
}

#[test]
fn the_publisher_is_told_what_is_wanted() {
    let unsubscribed = told_of_wishes(|_, sink| Command::SinkRemove { id: sink });
    assert_eq!(unsubscribed, [(0, Some(0)), (1, Some(2)), (6, None)]);
    // Who closes the page wants nothing more, either.
    assert_eq!(
        told_of_wishes(|transport, _| Command::TransportRemove { id: transport }),
        unsubscribed
    );
}

/// What a publisher hears of one viewer of small, large, middling tiles, who goes in the fifth second; and when.
fn told_of_wishes(go: impl Fn(TransportId, SinkId) -> Command) -> Vec<(u64, Option<u8>)> {
    let mut world = World::new(6);
    let source = world.publish(Publisher::camera(Codec::Vp8, world.now), NEAR);
    let subscriber = world.join(NEAR);
    let sink = world.subscribe(subscriber, source, Codec::Vp8, tile(320));
    world.run(SECOND);
    world.command(Command::SinkSet {
        id: sink,
        want: tile(1280),
    });
    world.run(SECOND);
    world.command(Command::SinkSet {
        id: sink,
        want: tile(640),
    });
    world.run(3 * SECOND);
    world.command(go(world.subscribers[subscriber].id, sink));
    world.run(6 * SECOND);
    world
        .events
        .iter()
        .filter_map(|(at, event)| match event {
            Event::LayerWanted { highest, .. } => Some((at.as_secs(), *highest)),
            _ => None,
        })
        .collect()
}

#[test]
fn a_publisher_that_starts_over_is_followed() {
    for codec in [Codec::Vp8, Codec::H264] {
        let mut world = World::new(7);
        let source = world.publish(Publisher::camera(codec, world.now), NEAR);
        let subscriber = world.join(NEAR);
        let sink = world.subscribe(subscriber, source, codec, tile(1280));
        world.run(2 * SECOND);
        world.publishers[0].model.restart();
        world.run(2 * SECOND);
        let stream = world.subscribers[subscriber].model.stream(World::ssrc(sink));
        stream.assert_ordered();
        assert!(stream.longest_freeze(world.start + 500 * MS, world.now) < 200 * MS);
    }
}

#[test]
fn a_muted_camera_goes_on_after_its_pause() {
    let mut world = World::new(8);
    let source = world.publish(Publisher::camera(Codec::Vp8, world.now), NEAR);
    let subscriber = world.join(NEAR);
    let sink = world.subscribe(subscriber, source, Codec::Vp8, tile(1280));
    world.run(2 * SECOND);
    world.command(Command::SourceMute {
        id: source,
        muted: true,
        ordered: false,
    });
    world.publishers[0].model.silent = true;
    let requests = world.publishers[0].model.layers[2].requests;
    world.run(10 * SECOND);
    assert_eq!(world.publishers[0].model.layers[2].requests, requests);
    assert!(
        !world
            .events
            .iter()
            .any(|(_, event)| matches!(event, Event::LayerStopped { .. }))
    );
    world.command(Command::SourceMute {
        id: source,
        muted: false,
        ordered: false,
    });
    world.publishers[0].model.silent = false;
    let unmuted = world.now;
    world.run(2 * SECOND);
    let stream = world.subscribers[subscriber].model.stream(World::ssrc(sink));
    assert!(stream.longest_freeze(unmuted + 200 * MS, world.now) < 150 * MS);
    stream.assert_ordered();
}

#[test]
fn what_somebody_else_muted_is_not_sent_on_until_it_is_unmuted() {
    for codec in [Codec::Vp8, Codec::Vp9] {
        let mut world = World::new(31);
        let publisher = match codec {
            Codec::Vp9 => Publisher::svc(codec, world.now),
            _ => Publisher::camera(codec, world.now),
        };
        let source = world.publish(publisher, NEAR);
        let subscriber = world.join(NEAR);
        let sink = world.subscribe(subscriber, source, codec, tile(1280));
        world.run(2 * SECOND);
        let mute = |muted| Command::SourceMute {
            id: source,
            muted,
            ordered: muted,
        };
        world.command(mute(true));
        world.run(200 * MS);
        let newcomer = world.join(NEAR);
        let late = world.subscribe(newcomer, source, codec, tile(1280));
        let count = |world: &World| {
            let stream = world.subscribers[subscriber].model.stream(World::ssrc(sink));
            (
                stream.packets.len(),
                world.subscribers[newcomer]
                    .model
                    .stream(World::ssrc(late))
                    .packets
                    .len(),
            )
        };
        let (sent, _) = count(&world);
        // Its client does not obey.
        world.run(3 * SECOND);
        assert_eq!(count(&world), (sent, 0));
        world.command(mute(false));
        let unmuted = world.now;
        world.run(2 * SECOND);
        for (who, sink) in [(subscriber, sink), (newcomer, late)] {
            let stream = world.subscribers[who].model.stream(World::ssrc(sink));
            assert!(
                stream.longest_freeze(unmuted + 300 * MS, world.now) < 150 * MS,
                "{codec:?}"
            );
            stream.assert_ordered();
        }
    }
}

#[test]
fn a_subscriber_that_wants_nothing_gets_nothing() {
    let mut world = World::new(9);
    let source = world.publish(Publisher::camera(Codec::Vp8, world.now), NEAR);
    let subscriber = world.join(NEAR);
    let sink = world.subscribe(subscriber, source, Codec::Vp8, tile(1280));
    world.run(2 * SECOND);
    let off = Want {
        enabled: false,
        ..tile(1280)
    };
    world.command(Command::SinkSet { id: sink, want: off });
    world.run(100 * MS);
    let before = world.subscribers[subscriber].model.bytes;
    world.run(2 * SECOND);
    assert_eq!(world.subscribers[subscriber].model.bytes, before);
    world.command(Command::SinkSet {
        id: sink,
        want: tile(1280),
    });
    world.run(SECOND);
    let stream = world.subscribers[subscriber].model.stream(World::ssrc(sink));
    stream.assert_ordered();
    assert!(
        stream
            .decoded
            .last()
            .is_some_and(|decoded| world.now - decoded.at < 100 * MS)
    );
}

#[test]
fn extensions_have_the_subscribers_ids() {
    let mut world = World::new(10);
    let source = world.publish(Publisher::microphone(world.now), NEAR);
    world.publishers[0].model.level = 20;
    let subscriber = world.join(NEAR);
    let sink = world.subscribe(subscriber, source, Codec::Opus, Want::default());
    world.run(SECOND);
    let stream = world.subscribers[subscriber].model.stream(World::ssrc(sink));
    assert!(stream.packets.len() > 40);
    assert!(stream.packets.values().all(|packet| packet.level == Some(20)));
    assert_eq!(stream.mid.as_deref(), Some(sink.0.to_string().as_bytes()));
}

#[test]
fn an_operator_sees_what_flows() {
    let mut world = World::new(9);
    let source = world.publish(Publisher::camera(Codec::Vp8, world.now), LinkConfig::default());
    let subscriber = world.join(LinkConfig::default());
    let sink = world.subscribe(subscriber, source, Codec::Vp8, Want::default());
    world.run(5 * SECOND);
    let ids = [
        world.publishers[0].id,
        world.subscribers[subscriber].id,
        TransportId(99),
    ];
    let view = world.shard.view(world.now, &ids);
    assert_eq!(view.len(), 2, "those that are here");
    let layers = &view[0].sources[0].layers;
    assert_eq!(layers.len(), 3);
    assert!(layers.iter().all(|layer| layer.active && layer.packets.0 > 0));
    assert!(
        (1_200_000..1_900_000).contains(&layers[2].bits_per_second),
        "{layers:?}"
    );
    assert_eq!((layers[0].listeners, layers[2].listeners), (0, 1));
    let sent = view[1].sinks[0];
    assert_eq!(
        (sent.id, sent.source, sent.layer, sent.paused),
        (sink, source, Some(2), false)
    );
    assert!(sent.sent.0 > 100 && view[1].rtt_ms.is_some());
    let stats = world.shard.stats();
    let waited = stats.delays.counts.iter().sum::<u64>();
    assert!(
        waited > 100 && waited <= stats.packets_out,
        "{waited} of {}",
        stats.packets_out
    );
}

#[test]
fn a_publisher_that_starts_over_again_and_again_costs_its_subscribers_little() {
    let mut world = World::new(7);
    let source = world.publish(Publisher::single(Codec::Vp8, 500_000, world.now), NEAR);
    let subscriber = world.join(NEAR);
    let sink = world.subscribe(subscriber, source, Codec::Vp8, tile(1280));
    world.run(SECOND);
    let starts = |world: &World| {
        let mut events = world.events.iter();
        events
            .by_ref()
            .filter(|(_, event)| matches!(event, Event::LayerStarted { .. }))
            .count()
    };
    let before = starts(&world);
    for _ in 0..30 {
        world.publishers[0].model.restart();
        world.run(100 * MS);
    }
    assert!(
        (4..=7).contains(&(starts(&world) - before)),
        "{}",
        starts(&world) - before
    );
    world.run(2 * SECOND);
    let stream = world.subscribers[subscriber].model.stream(World::ssrc(sink));
    assert!(stream.longest_freeze(world.now - SECOND, world.now) < 200 * MS);
}
