//! Pictures leave whole: their packets wait a moment for each other, and for nothing else.

mod common;

use std::time::Duration;

use common::{Collector, Datagram, MS, SECOND, World, publisher::Publisher};
use relay_core::{
    forward::Want,
    link::LinkConfig,
    types::{Codec, TransportId},
};

/// A camera at a bitrate that takes several packets a picture, one subscriber, everything flowing.
fn flowing() -> (World, TransportId) {
    let mut world = World::new(7);
    let camera = Publisher::single(Codec::H264, 1_500_000, world.now);
    let source = world.publish(camera, LinkConfig::default());
    let subscriber = world.join(LinkConfig::default());
    let want = Want {
        width: 1280,
        height: 720,
        ..Want::default()
    };
    world.subscribe(subscriber, source, Codec::H264, want);
    world.run(2 * SECOND);
    let id = world.publishers[0].id;
    (world, id)
}

/// The packets of the next picture of several.
fn picture(world: &mut World) -> Vec<Vec<u8>> {
    loop {
        world.now = world.publishers[0].model.next_event();
        let sent = world.publishers[0].model.send(world.now).into_iter();
        let packets: Vec<_> = sent
            .filter_map(|datagram| match datagram {
                Datagram::Rtp(bytes) => Some(bytes),
                Datagram::Rtcp(_) => None,
            })
            .collect();
        if packets.len() > 2 {
            return packets;
        }
    }
}

/// Media packets that the shard gives out now.
fn given_out(world: &mut World) -> usize {
    let mut out = Collector::default();
    world.shard.transmit(world.now, &mut out);
    let media = |(_, datagram): &&(TransportId, Datagram)| matches!(datagram, Datagram::Rtp(_));
    out.out.iter().filter(media).count()
}

#[test]
fn the_packets_of_a_picture_leave_together_when_its_last_comes() {
    let (mut world, from) = flowing();
    let packets = picture(&mut world);
    let (last, first) = packets.split_last().expect("several");
    for packet in first {
        world.shard.handle_rtp(world.now, from, packet);
        assert_eq!(given_out(&mut world), 0);
    }
    world.now += Duration::from_micros(300);
    world.shard.handle_rtp(world.now, from, last);
    assert_eq!(given_out(&mut world), packets.len());
}

#[test]
fn a_picture_whose_end_is_late_is_waited_for_a_millisecond() {
    let (mut world, from) = flowing();
    let packets = picture(&mut world);
    world.shard.handle_rtp(world.now, from, &packets[0]);
    assert_eq!(given_out(&mut world), 0);
    let due = world.shard.poll_timeout().expect("something waits");
    assert!(due <= world.now + MS, "{:?}", due - world.now);
    world.now += MS;
    world.shard.handle_timeout(world.now);
    assert_eq!(given_out(&mut world), 1);
}
