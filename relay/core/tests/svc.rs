//! VP9 and AV1: several spatial layers in one stream, and simulcast.

mod common;

use common::{MS, NEAR, SECOND, World, heads, publisher::Publisher, subscriber::Received, tile};
use relay_core::{
    forward::{Command, Event},
    link::LinkConfig,
    types::{Codec, SinkId, SourceId},
};

const BOTH: [Codec; 2] = [Codec::Vp9, Codec::Av1];

/// A meeting of one camera and one subscriber with a tile of that width.
fn meeting(seed: u64, publisher: impl FnOnce(&World) -> Publisher, link: LinkConfig, width: u32) -> (World, SinkId) {
    let mut world = World::new(seed);
    let publisher = publisher(&world);
    let codec = publisher.codec;
    let source = world.publish(publisher, link);
    let sink = join(&mut world, source, codec, link, width);
    (world, sink)
}

/// One more subscriber.
fn join(world: &mut World, source: SourceId, codec: Codec, link: LinkConfig, width: u32) -> SinkId {
    let subscriber = world.join(link);
    let sink = world.subscribe(subscriber, source, codec, tile(width));
    let model = &mut world.subscribers[subscriber].model;
    model.streams.get_mut(&World::ssrc(sink)).expect("expected").svc = world.publishers[0].model.spec().svc;
    sink
}

fn stream(world: &World, subscriber: usize, sink: SinkId) -> &Received {
    world.subscribers[subscriber].model.stream(World::ssrc(sink))
}

fn assert_whole(stream: &Received) {
    stream.assert_ordered();
    let numbers = *stream.packets.last_key_value().expect("packets came").0 + 1 - stream.first;
    assert_eq!(numbers, stream.packets.len() as u64, "no hole in the numbers");
    let packets: Vec<_> = stream.packets.values().collect();
    for pair in packets.windows(2) {
        let ends = pair[0].timestamp != pair[1].timestamp;
        assert_eq!(pair[0].marker, ends, "the marker is on the last packet of a picture");
    }
}

#[test]
fn layers_of_one_stream_follow_the_tile_without_holes() {
    for codec in BOTH {
        let (mut world, sink) = meeting(1, |world| Publisher::svc(codec, world.now), NEAR, 320);
        world.run(2 * SECOND);
        assert_eq!(stream(&world, 0, sink).layer(), Some(0));
        for (width, layer) in [(1280, 2), (640, 1), (320, 0), (640, 1), (1280, 2), (320, 0)] {
            let keyframes = world.publishers[0].model.layers[0].keyframes;
            let former = stream(&world, 0, sink).layer();
            world.command(Command::SinkSet {
                id: sink,
                want: tile(width),
            });
            world.run(SECOND);
            assert_eq!(
                stream(&world, 0, sink).layer(),
                Some(layer),
                "{codec:?}: a tile of {width}"
            );
            let more = world.publishers[0].model.layers[0].keyframes - keyframes;
            assert_eq!(
                more,
                u32::from(former < Some(layer)),
                "{codec:?}: only a way up costs a keyframe"
            );
        }
        let received = stream(&world, 0, sink);
        assert_whole(received);
        assert!(received.longest_freeze(world.start + 500 * MS, world.now) < 100 * MS);
        let model = &world.subscribers[0].model;
        assert_eq!((model.plis, model.nacks), (0, 0));
    }
}

#[test]
fn what_is_lost_is_repaired_whatever_was_dropped_before_it() {
    for codec in BOTH {
        let link = LinkConfig {
            loss: 0.03,
            reorder: 0.02,
            ..NEAR
        };
        let (mut world, sink) = meeting(2, |world| Publisher::svc(codec, world.now), link, 640);
        world.run(60 * SECOND);
        let received = stream(&world, 0, sink);
        assert_eq!(received.layer(), Some(1), "{codec:?}");
        let frozen = received.frozen(world.start + SECOND, world.now);
        assert!(frozen < 1_200 * MS, "{codec:?}: {frozen:?}");
        assert!(
            received.decoded.len() > 1_750,
            "{codec:?}: {} pictures",
            received.decoded.len()
        );
        assert!(world.shard.stats().retransmitted > 50);
        // Nothing of the layer that is not wanted.
        let body = |payload: &[u8]| (!payload.is_empty()).then(|| received.body(payload)[0]);
        assert!(received.packets.values().all(|packet| body(&packet.payload) <= Some(1)));
    }
}

#[test]
fn a_narrow_link_gets_the_layer_that_fits_and_more_when_it_widens() {
    for codec in BOTH {
        let link = LinkConfig {
            rate: Some(600_000),
            ..NEAR
        };
        let mut world = World::new(3);
        let source = world.publish(Publisher::svc(codec, world.now), NEAR);
        let sink = join(&mut world, source, codec, link, 1280);
        world.run(20 * SECOND);
        assert_eq!(stream(&world, 0, sink).layer(), Some(1), "{codec:?}");
        world.subscribers[0].down.configure(NEAR);
        world.run(20 * SECOND);
        assert_eq!(stream(&world, 0, sink).layer(), Some(2), "{codec:?}");
    }
}

#[test]
fn a_link_too_narrow_for_the_lowest_layer_gets_half_of_its_pictures() {
    for codec in BOTH {
        let link = LinkConfig {
            rate: Some(80_000),
            ..NEAR
        };
        let mut world = World::new(8);
        let source = world.publish(Publisher::svc(codec, world.now), NEAR);
        let sink = join(&mut world, source, codec, link, 320);
        world.run(20 * SECOND);
        let before = world.now;
        world.run(20 * SECOND);
        let received = stream(&world, 0, sink);
        let pictures = received.decoded.iter().filter(|decoded| decoded.at > before).count();
        assert!((250..=450).contains(&pictures), "{codec:?}: {pictures} pictures");
        assert!(received.longest_freeze(before, world.now) < 300 * MS, "{codec:?}");
    }
}

#[test]
fn who_comes_late_has_a_picture_at_once() {
    for codec in BOTH {
        let (mut world, _) = meeting(4, |world| Publisher::svc(codec, world.now), NEAR, 1280);
        world.run(5 * SECOND);
        let source = SourceId(2);
        for (n, width) in [(1, 1280), (2, 320)] {
            let joined = world.now;
            let sink = join(&mut world, source, codec, NEAR, width);
            world.run(SECOND);
            let first = stream(&world, n, sink).decoded.first().expect("a picture").at - joined;
            assert!(first < 200 * MS, "{codec:?}: {first:?}");
            assert_eq!(stream(&world, n, sink).layer(), Some(if n == 1 { 2 } else { 0 }));
            assert_whole(stream(&world, n, sink));
        }
        let requests = world.publishers[0].model.layers[0].requests;
        assert!(requests <= 3, "{codec:?}: {requests} requests");
    }
}

#[test]
fn a_layer_that_the_encoder_stops_is_left_and_found_again() {
    for codec in BOTH {
        let (mut world, sink) = meeting(5, |world| Publisher::svc(codec, world.now), NEAR, 1280);
        world.run(2 * SECOND);
        assert_eq!(stream(&world, 0, sink).layer(), Some(2));
        world.publishers[0].model.layers[2].enabled = false;
        world.run(3 * SECOND);
        assert_eq!(stream(&world, 0, sink).layer(), Some(1), "{codec:?}");
        let stopped = |event: &Event| matches!(event, Event::LayerStopped { layer: 2, .. });
        assert!(world.events.iter().any(|(_, event)| stopped(event)));
        world.publishers[0].model.layers[2].enabled = true;
        world.run(3 * SECOND);
        let received = stream(&world, 0, sink);
        assert_eq!(received.layer(), Some(2), "{codec:?}");
        assert_whole(received);
        assert!(received.longest_freeze(world.start + 500 * MS, world.now) < 100 * MS);
    }
}

#[test]
fn simulcast_of_both_codecs_follows_the_tile_with_numbers_that_go_on() {
    for codec in BOTH {
        let (mut world, sink) = meeting(6, |world| Publisher::camera(codec, world.now), NEAR, 320);
        world.run(2 * SECOND);
        for (width, layer) in [(1280, 2), (640, 1), (320, 0), (1280, 2)] {
            world.command(Command::SinkSet {
                id: sink,
                want: tile(width),
            });
            world.run(2 * SECOND);
            assert_eq!(
                stream(&world, 0, sink).layer(),
                Some(layer),
                "{codec:?}: a tile of {width}"
            );
        }
        let received = stream(&world, 0, sink);
        assert_whole(received);
        assert_eq!(world.subscribers[0].model.plis, 0);
        let mut pictures: Vec<u16> = received
            .packets
            .values()
            .map(|packet| match codec {
                Codec::Vp9 => u16::from_be_bytes([packet.payload[1], packet.payload[2]]) & 0x7fff,
                _ => heads::frame_number(packet.dependency.as_ref().expect("passed on")),
            })
            .collect();
        pictures.dedup();
        assert!(pictures.len() > 200);
        assert!(
            pictures
                .windows(2)
                .all(|pair| pair[1] == pair[0].wrapping_add(1) & 0x7fff)
        );
    }
}

#[test]
fn an_encoder_that_starts_over_is_followed() {
    for codec in BOTH {
        let (mut world, sink) = meeting(7, |world| Publisher::svc(codec, world.now), NEAR, 1280);
        world.run(2 * SECOND);
        world.publishers[0].model.restart();
        world.run(2 * SECOND);
        let received = stream(&world, 0, sink);
        assert_eq!(received.layer(), Some(2), "{codec:?}");
        received.assert_ordered();
        assert!(received.longest_freeze(world.start + 500 * MS, world.now) < 500 * MS);
    }
}
