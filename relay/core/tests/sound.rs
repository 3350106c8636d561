//! Sound: speakers, pauses of the encoder, restarts, redundancy.

mod common;

use std::time::Duration;

use common::{MS, SECOND, World, publisher::Publisher};
use relay_core::{
    forward::{Command, Event, Want},
    link::LinkConfig,
    types::{Codec, FloorId, SourceId},
};

fn near() -> LinkConfig {
    LinkConfig {
        delay: 10 * MS,
        jitter: 3 * MS,
        ..LinkConfig::default()
    }
}

fn levels(world: &World, source: SourceId) -> Vec<u8> {
    world
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            Event::Speakers { changed } => changed.iter().find(|level| level.source == source),
            _ => None,
        })
        .map(|level| level.eighths)
        .collect()
}

#[test]
fn who_speaks_is_told_when_it_changes() {
    let mut world = World::new(1);
    let first = world.publish(Publisher::microphone(world.now), near());
    let second = world.publish(Publisher::microphone(world.now), near());
    world.run(2 * SECOND);
    assert!(levels(&world, first).is_empty());
    world.publishers[0].model.level = 12;
    let began = world.elapsed();
    world.run(2 * SECOND);
    let heard = world
        .events
        .iter()
        .find(|(_, event)| matches!(event, Event::Speakers { .. }))
        .expect("heard")
        .0;
    assert!(heard - began <= 850 * MS, "{:?}", heard - began);
    assert!(levels(&world, first).iter().all(|level| (1..=8).contains(level)));
    assert!(levels(&world, second).is_empty());
    world.publishers[0].model.level = 127;
    world.run(SECOND);
    assert_eq!(levels(&world, first).last(), Some(&0));
    // A microphone that is muted in mid-speech stops at once.
    world.publishers[1].model.level = 5;
    world.run(SECOND);
    world.command(Command::SourceMute {
        id: second,
        muted: true,
        ordered: false,
    });
    assert_eq!(levels(&world, second).last(), Some(&0));
}

#[test]
fn a_muted_microphone_is_not_sent_on_whether_it_tells_levels_or_not() {
    for (tells, floor) in [
        (true, None),
        (false, None),
        (true, Some(FloorId(1))),
        (false, Some(FloorId(1))),
    ] {
        let mut world = World::new(21);
        let mut microphone = Publisher::microphone(world.now);
        (microphone.tells, microphone.floor) = (tells, floor);
        let source = world.publish(microphone, near());
        let subscriber = world.join(near());
        let sink = world.subscribe(subscriber, source, Codec::Opus, Want::default());
        let count = |world: &World| {
            let stream = world.subscribers[subscriber].model.stream(World::ssrc(sink));
            stream.packets.len()
        };
        world.run(2 * SECOND);
        assert!(count(&world) > 90, "{tells} {floor:?}");
        for ordered in [false, true] {
            world.command(Command::SourceMute {
                id: source,
                muted: true,
                ordered,
            });
            world.run(200 * MS);
            let sent = count(&world);
            world.run(2 * SECOND);
            assert_eq!(count(&world), sent, "{tells} {floor:?}");
            world.command(Command::SourceMute {
                id: source,
                muted: false,
                ordered: false,
            });
            world.run(SECOND);
            assert!(count(&world) > sent + 40, "{tells} {floor:?}");
        }
    }
}

#[test]
fn a_pause_of_the_encoder_is_no_loss() {
    let mut world = World::new(2);
    let source = world.publish(Publisher::microphone(world.now), near());
    let subscriber = world.join(near());
    let sink = world.subscribe(subscriber, source, Codec::Opus, Want::default());
    for _ in 0..10 {
        world.run(SECOND);
        world.publishers[0].model.silent = true;
        world.run(SECOND);
        world.publishers[0].model.silent = false;
    }
    world.run(SECOND);
    let stream = world.subscribers[subscriber].model.stream(World::ssrc(sink));
    let numbers = *stream.packets.last_key_value().expect("packets came").0 + 1 - stream.first;
    assert_eq!(numbers, stream.packets.len() as u64, "no number is missing");
    stream.assert_ordered();
    // The clock of the medium has run on through the pauses.
    let (first, last) = (
        stream.packets.first_key_value().expect("packets").1,
        stream.packets.last_key_value().expect("packets").1,
    );
    let ticks = f64::from(last.timestamp.wrapping_sub(first.timestamp)) / 48_000.0;
    let real = (last.at - first.at).as_secs_f64();
    assert!((ticks - real).abs() < 0.03, "{ticks} s of sound in {real} s");
}

/// Runs half a minute of speech over `down`; returns how much of it never came, as a share, and the copies sent with it.
fn speech(seed: u64, down: LinkConfig) -> (f64, u64) {
    let mut world = World::new(seed);
    let source = world.publish(Publisher::microphone(world.now), near());
    let subscriber = world.join(down);
    let sink = world.subscribe(subscriber, source, Codec::Opus, Want::default());
    // Until the first reports have told of the loss.
    world.run(3 * SECOND);
    let ssrc = World::ssrc(sink);
    let count = |world: &World| {
        let stream = world.subscribers[subscriber].model.stream(ssrc);
        let highest = *stream.packets.last_key_value().expect("packets came").0;
        (highest, stream.packets.len() as u64, stream.copies)
    };
    let before = count(&world);
    world.run(30 * SECOND);
    let after = count(&world);
    world.subscribers[subscriber].model.stream(ssrc).assert_ordered();
    let missing = 1.0 - (after.1 - before.1) as f64 / (after.0 - before.0) as f64;
    (missing, after.2 - before.2)
}

#[test]
fn sound_carries_copies_where_the_link_loses() {
    let lossy = LinkConfig { loss: 0.05, ..near() };
    let (missing, copies) = speech(5, lossy);
    assert!(missing < 0.002, "{missing} never came");
    assert!(copies > 1_400, "{copies} copies with 1,500 packets");
}

#[test]
fn sound_goes_once_where_nothing_is_lost() {
    assert_eq!(speech(6, near()), (0.0, 0));
}

#[test]
fn a_microphone_that_is_changed_goes_on_under_the_same_numbers() {
    let mut world = World::new(3);
    let source = world.publish(Publisher::microphone(world.now), near());
    let subscriber = world.join(near());
    let sink = world.subscribe(subscriber, source, Codec::Opus, Want::default());
    world.run(2 * SECOND);
    world.publishers[0].model.restart();
    world.run(2 * SECOND);
    let stream = world.subscribers[subscriber].model.stream(World::ssrc(sink));
    let numbers = *stream.packets.last_key_value().expect("packets came").0 + 1 - stream.first;
    assert_eq!(numbers, stream.packets.len() as u64);
    assert!(stream.packets.len() >= 195, "{}", stream.packets.len());
    stream.assert_ordered();
}

#[test]
fn a_sink_that_comes_back_under_its_ssrc_does_not_start_over() {
    let mut world = World::new(4);
    let source = world.publish(Publisher::microphone(world.now), near());
    let subscriber = world.join(near());
    let sink = world.subscribe(subscriber, source, Codec::Opus, Want::default());
    world.run(SECOND);
    for _ in 0..5 {
        world.command(Command::SinkRemove { id: sink });
        world.run(200 * MS);
        let transport = world.subscribers[subscriber].id;
        let spec = world.sink_spec(sink.0, Codec::Opus);
        world.command(Command::SinkAdd {
            id: sink,
            transport,
            source,
            spec,
            want: Want::default(),
        });
        world.run(SECOND);
    }
    // The collector asserts that no number was used twice.
    let stream = world.subscribers[subscriber].model.stream(World::ssrc(sink));
    let numbers = *stream.packets.last_key_value().expect("packets came").0 + 1 - stream.first;
    assert_eq!(numbers, stream.packets.len() as u64);
}

/// A meeting of so many open microphones of one room, and somebody who listens to all.
fn microphones(seed: u64, count: usize) -> (World, Vec<(SourceId, u32)>) {
    let mut world = World::new(seed);
    let listener = world.join(near());
    let tracks = (0..count).map(|_| {
        let mut microphone = Publisher::microphone(world.now);
        microphone.floor = Some(FloorId(1));
        microphone.level = 70;
        let source = world.publish(microphone, near());
        let sink = world.subscribe(listener, source, Codec::Opus, Want::default());
        (source, World::ssrc(sink))
    });
    let tracks = tracks.collect();
    (world, tracks)
}

/// Packets of each track that the listener has got.
fn got(world: &World, tracks: &[(SourceId, u32)]) -> Vec<usize> {
    let streams = tracks.iter().map(|(_, ssrc)| world.subscribers[0].model.stream(*ssrc));
    streams.map(|stream| stream.packets.len()).collect()
}

/// Which tracks the listener gets for a while.
fn heard(world: &mut World, tracks: &[(SourceId, u32)]) -> Vec<usize> {
    let before = got(world, tracks);
    world.run(100 * MS);
    let after = got(world, tracks);
    (0..tracks.len()).filter(|n| after[*n] > before[*n]).collect()
}

fn assert_seamless(world: &World, tracks: &[(SourceId, u32)]) {
    for (_, ssrc) in tracks {
        let stream = world.subscribers[0].model.stream(*ssrc);
        let Some((last, _)) = stream.packets.last_key_value() else {
            continue;
        };
        assert_eq!(
            last + 1 - stream.first,
            stream.packets.len() as u64,
            "no number is missing"
        );
        stream.assert_ordered();
    }
}

#[test]
fn as_many_microphones_as_there_are_places_are_all_sent() {
    let (mut world, tracks) = microphones(7, 8);
    world.run(SECOND);
    assert_eq!(heard(&mut world, &tracks), [0, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn who_begins_to_speak_takes_the_place_of_the_quietest() {
    let (mut world, tracks) = microphones(8, 12);
    world.run(SECOND);
    assert_eq!(heard(&mut world, &tracks).len(), 8);
    for n in 0..8 {
        world.publishers[n].model.level = if n == 5 { 60 } else { 30 };
    }
    world.run(2 * SECOND);
    assert_eq!(heard(&mut world, &tracks), [0, 1, 2, 3, 4, 5, 6, 7]);
    world.publishers[10].model.level = 20;
    let began = world.now;
    world.run(SECOND);
    let stream = world.subscribers[0].model.stream(tracks[10].1);
    let late = stream.packets.values().next().expect("heard").at - began;
    // One packet of 20 ms, and the links.
    assert!(late <= 70 * MS, "{late:?}");
    assert_eq!(heard(&mut world, &tracks), [0, 1, 2, 3, 4, 6, 7, 10]);
    assert!(levels(&world, tracks[10].0).last().is_some_and(|level| *level > 0));
    // Back again: its stream goes on under the next number.
    world.publishers[10].model.level = 127;
    world.run(3 * SECOND);
    world.publishers[5].model.level = 20;
    world.run(SECOND);
    assert_eq!(heard(&mut world, &tracks), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(levels(&world, tracks[10].0).last(), Some(&0));
    assert_seamless(&world, &tracks);
}

#[test]
fn pauses_between_words_cost_no_place() {
    let (mut world, tracks) = microphones(9, 9);
    for n in 0..8 {
        world.publishers[n].model.level = 30;
    }
    world.run(2 * SECOND);
    for n in 0..8 {
        world.publishers[n].model.level = 127;
    }
    world.run(500 * MS);
    // As loud as they were.
    world.publishers[8].model.level = 30;
    world.run(1_200 * MS);
    assert_eq!(heard(&mut world, &tracks), [0, 1, 2, 3, 4, 5, 6, 7]);
    // Nobody who is not sent is shown as speaking.
    assert!(levels(&world, tracks[8].0).is_empty());
    world.run(SECOND);
    assert!(heard(&mut world, &tracks).contains(&8));
    assert_seamless(&world, &tracks);
}

#[test]
fn a_click_takes_no_place_and_a_mute_gives_one() {
    let (mut world, tracks) = microphones(10, 9);
    world.run(3 * SECOND);
    // Whose packet came last at the beginning has no place.
    let places = heard(&mut world, &tracks);
    let outside = (0..9).find(|n| !places.contains(n)).expect("eight of nine");
    world.publishers[outside].model.level = 5;
    world.run(20 * MS);
    world.publishers[outside].model.level = 70;
    world.run(SECOND);
    assert_eq!(heard(&mut world, &tracks), places);
    let muted = places[3];
    world.command(Command::SourceMute {
        id: tracks[muted].0,
        muted: true,
        ordered: false,
    });
    world.publishers[muted].model.silent = true;
    world.run(100 * MS);
    let others: Vec<usize> = (0..9).filter(|n| *n != muted).collect();
    assert_eq!(heard(&mut world, &tracks), others);
    assert_seamless(&world, &tracks);
}

#[test]
fn rooms_do_not_compete_and_other_sound_is_always_sent() {
    let (mut world, mut tracks) = microphones(11, 10);
    for floor in [Some(FloorId(2)), None] {
        let mut microphone = Publisher::microphone(world.now);
        microphone.floor = floor;
        let source = world.publish(microphone, near());
        let sink = world.subscribe(0, source, Codec::Opus, Want::default());
        tracks.push((source, World::ssrc(sink)));
    }
    world.run(SECOND);
    let heard = heard(&mut world, &tracks);
    assert_eq!(heard.len(), 10);
    assert_eq!(heard[8..], [10, 11]);
}

#[test]
fn a_flood_of_sound_is_cut_to_what_a_voice_needs() {
    let mut world = World::new(31);
    let mut flood = Publisher::microphone(world.now);
    flood.interval = Duration::from_micros(100);
    let source = world.publish(flood, near());
    let subscriber = world.join(near());
    let sink = world.subscribe(subscriber, source, Codec::Opus, Want::default());
    world.run(4 * SECOND);
    let sent = world.subscribers[subscriber]
        .model
        .stream(World::ssrc(sink))
        .packets
        .len();
    assert!((2_000..=3_100).contains(&sent), "{sent} of 40,000");
}
