//! A tap hands out whole pictures and sound in order, with the publisher's time, and says what is not there.

mod common;

use std::time::Duration;

use common::{
    Handed, MS, NEAR, SECOND, World,
    publisher::{self, Publisher},
    tile,
};
use relay_core::{
    forward::{Cause, Command, Event, Gap, TapSpec},
    link::LinkConfig,
    types::{Codec, TapId},
};

const LOSSY: LinkConfig = LinkConfig {
    delay: Duration::from_millis(20),
    jitter: Duration::from_millis(5),
    loss: 0.02,
    burst: 2.0,
    reorder: 0.02,
    reorder_by: Duration::from_millis(15),
    ..NEAR
};

/// A picture as these tests look at it.
#[derive(Debug, Clone, Copy)]
struct Seen {
    at: Duration,
    layer: u8,
    timestamp: u64,
    ntp: Option<u64>,
    keyframe: bool,
    /// The publisher's count of this layer's pictures.
    frame: u32,
}

/// The pictures of a tap; whatever lies between keyframes and gaps is in order, and keyframes have what they need.
fn pictures(world: &World, tap: TapId) -> Vec<Seen> {
    let mut seen: Vec<Seen> = Vec::new();
    let mut gap = false;
    for (at, what) in world.handed(tap) {
        let Handed::Picture {
            layer,
            timestamp,
            ntp,
            keyframe,
            units,
        } = what
        else {
            gap = true;
            continue;
        };
        let kinds: Vec<u8> = units.iter().map(|unit| unit[0] & 0x1f).collect();
        assert_eq!(*keyframe, kinds.contains(&5));
        if *keyframe {
            assert_eq!(kinds[..2], [7, 8], "parameter sets come first");
        }
        // Our own words are in the SEI of a keyframe, else in the slice.
        let unit = if *keyframe { &units[2] } else { &units[0] };
        let frame = u32::from_be_bytes(unit[3..7].try_into().expect("four bytes"));
        let next = Seen {
            at,
            layer: *layer,
            timestamp: *timestamp,
            ntp: *ntp,
            keyframe: *keyframe,
            frame,
        };
        let Some(last) = seen.last() else {
            assert!(next.keyframe, "it begins with a keyframe");
            seen.push(next);
            continue;
        };
        assert!(next.timestamp > last.timestamp, "time goes on");
        let follows = next.layer == last.layer && next.frame == last.frame + 1;
        assert!(next.keyframe || follows && !gap, "{next:?} after {last:?}");
        if next.layer == last.layer && !follows {
            assert!(gap, "what is left out is told: {next:?} after {last:?}");
        }
        gap = false;
        seen.push(next);
    }
    seen
}

fn gaps(world: &World, tap: TapId) -> Vec<(Duration, Gap)> {
    let gap = |(at, what): (Duration, &Handed)| match what {
        Handed::Gap(gap) => Some((at, *gap)),
        _ => None,
    };
    world.handed(tap).filter_map(gap).collect()
}

#[test]
fn pictures_are_whole_over_a_lossy_link_and_have_the_publishers_time() {
    let mut world = World::new(1);
    let source = world.publish(Publisher::camera(Codec::H264, world.now), LOSSY);
    let tap = world.tap(source, TapSpec::default());
    world.run(30 * SECOND);
    assert_eq!(gaps(&world, tap), [], "all was repaired in time");
    let seen = pictures(&world, tap);
    let top: Vec<Seen> = seen.iter().copied().filter(|seen| seen.layer == 2).collect();
    assert!(top.len() > 870, "{} pictures", top.len());
    assert!(top.windows(2).all(|pair| pair[1].frame == pair[0].frame + 1));
    for pair in seen.windows(2) {
        let step = pair[1].timestamp - pair[0].timestamp;
        assert!((2_990..=3_010).contains(&step), "{step} ticks between {pair:?}");
    }
    // Pictures are counted from 1, taken every 33.333 ms from the start.
    let mut dated = 0;
    for picture in &top {
        let taken = Duration::from_micros(33_333) * (picture.frame - 1);
        assert!(picture.at - taken < 520 * MS, "within the wait");
        let Some(ntp) = picture.ntp else { continue };
        let off = ntp.abs_diff(publisher::ntp(taken));
        assert!(off < (1 << 32) / 2_000, "half a millisecond at most: {off}");
        dated += 1;
    }
    // From the first report on that arrives.
    assert!(dated > 800, "{dated}");
}

#[test]
fn sound_and_pictures_meet_on_one_clock() {
    let mut world = World::new(2);
    let camera = world.publish(Publisher::single(Codec::H264, 800_000, world.now), LOSSY);
    let microphone = world.publish(Publisher::microphone(world.now), NEAR);
    let (pictures_tap, sound_tap) = (
        world.tap(camera, TapSpec::default()),
        world.tap(microphone, TapSpec::default()),
    );
    world.run(5 * SECOND);
    let mut sounds = 0;
    for (_, what) in world.handed(sound_tap) {
        let Handed::Sound { ntp, ticks, data, .. } = what else {
            panic!("nothing is missing, but {what:?}");
        };
        assert_eq!((data[0], *ticks), (0x78, 960));
        let frame = u32::from_be_bytes(data[3..7].try_into().expect("four bytes"));
        let Some(ntp) = ntp else { continue };
        let off = ntp.abs_diff(publisher::ntp(20 * MS * (frame - 1)));
        assert!(off < (1 << 32) / 2_000, "{off}");
        sounds += 1;
    }
    assert!(sounds > 200, "{sounds}");
    let seen = pictures(&world, pictures_tap);
    let last = seen.last().expect("pictures");
    let taken = publisher::ntp(Duration::from_micros(33_333) * (last.frame - 1));
    assert!(last.ntp.expect("reported").abs_diff(taken) < (1 << 32) / 2_000);
}

#[test]
fn a_black_out_is_a_gap_that_ends_with_a_keyframe() {
    let mut world = World::new(3);
    let source = world.publish(Publisher::camera(Codec::H264, world.now), NEAR);
    let tap = world.tap(source, TapSpec::default());
    world.run(3 * SECOND);
    let dark = LinkConfig {
        black_out: true,
        ..NEAR
    };
    for link in [NEAR, dark, NEAR] {
        world.publishers[0].up.configure(link);
        world.publishers[0].down.configure(link);
        world.run(if link.black_out { 2 * SECOND } else { 3 * SECOND });
    }
    let (told, gap) = gaps(&world, tap)[0];
    assert_eq!((gap, gaps(&world, tap).len()), (Gap::Pictures(Cause::Lost), 1));
    let back = 8 * SECOND;
    assert!(told > back && told < back + 600 * MS, "{told:?}");
    let seen = pictures(&world, tap);
    let after = seen.iter().find(|picture| picture.at > back).expect("it goes on");
    assert!(after.keyframe && after.at < back + 700 * MS, "{after:?}");
    assert!(seen.last().is_some_and(|last| last.at > world.elapsed() - 100 * MS));
    // The two seconds are in the time.
    let (first, last) = (seen[20], seen[seen.len() - 1]);
    let ticks = (last.timestamp - first.timestamp) as f64 / 90_000.0;
    let real = (last.at - first.at).as_secs_f64();
    assert!((ticks - real).abs() < 0.05, "{ticks} s of pictures in {real} s");
}

#[test]
fn the_highest_layer_that_arrives_is_handed_out() {
    let mut world = World::new(4);
    let source = world.publish(Publisher::camera(Codec::H264, world.now), NEAR);
    world.run(SECOND);
    let tap = world.tap(source, TapSpec::default());
    let low = world.tap(
        source,
        TapSpec {
            max_layer: Some(0),
            ..TapSpec::default()
        },
    );
    world.run(3 * SECOND);
    world.publishers[0].model.layers[2].enabled = false;
    world.run(3 * SECOND);
    world.publishers[0].model.layers[2].enabled = true;
    world.run(3 * SECOND);
    let seen = pictures(&world, tap);
    let mut layers: Vec<u8> = seen.iter().map(|picture| picture.layer).collect();
    layers.dedup();
    assert_eq!(layers, [2, 1, 2]);
    assert_eq!(gaps(&world, tap), []);
    let switched = seen.iter().position(|picture| picture.layer == 1).expect("it fell");
    assert!(seen[switched].at < 4 * SECOND + 1_200 * MS, "{:?}", seen[switched]);
    // On the way up no picture is left out: the layers show the same at the same time.
    let raised = seen.iter().rposition(|picture| picture.layer == 1).expect("it fell");
    let step = seen[raised + 1].timestamp - seen[raised].timestamp;
    assert!((2_900..=3_100).contains(&step), "{step}");
    assert!(pictures(&world, low).iter().all(|picture| picture.layer == 0));
    assert!(pictures(&world, low).len() > 260);
}

#[test]
fn a_tap_is_wanted_of_the_publisher_and_asks_for_keyframes() {
    let mut world = World::new(5);
    let source = world.publish(Publisher::camera(Codec::H264, world.now), NEAR);
    world.run(5 * SECOND);
    let requests = |world: &World| world.publishers[0].model.layers[2].requests;
    assert_eq!(requests(&world), 0);
    let tap = world.tap(source, TapSpec::default());
    let wanted = |world: &World| {
        let wanted = |(_, event): &(Duration, Event)| match event {
            Event::LayerWanted { highest, .. } => Some(*highest),
            _ => None,
        };
        world.events.iter().filter_map(wanted).next_back()
    };
    assert_eq!(wanted(&world), Some(Some(2)));
    world.run(SECOND);
    assert_eq!(requests(&world), 1);
    let first = pictures(&world, tap)[0];
    assert!(first.at < 5 * SECOND + 100 * MS, "{first:?}");
    for _ in 0..3 {
        world.command(Command::TapKeyframe { id: tap });
        world.run(2 * SECOND);
    }
    assert_eq!(requests(&world), 4);
    assert_eq!(
        pictures(&world, tap).iter().filter(|picture| picture.keyframe).count(),
        4
    );
    world.command(Command::TapRemove { id: tap });
    let count = world.handed(tap).count();
    world.run(6 * SECOND);
    assert_eq!(world.handed(tap).count(), count);
    assert_eq!(wanted(&world), Some(None));
    // One that is there when its source goes is gone with it.
    let other = world.tap(source, TapSpec::default());
    world.command(Command::SourceRemove { id: source });
    world.command(Command::TapKeyframe { id: other });
    world.run(SECOND);
}

#[test]
fn subscribers_and_taps_do_not_disturb_each_other() {
    let mut world = World::new(6);
    let source = world.publish(Publisher::camera(Codec::H264, world.now), LOSSY);
    let subscriber = world.join(LOSSY);
    let sink = world.subscribe(subscriber, source, Codec::H264, tile(320));
    let tap = world.tap(source, TapSpec::default());
    world.run(10 * SECOND);
    let stream = world.subscribers[subscriber].model.stream(World::ssrc(sink));
    assert_eq!(stream.layer(), Some(0));
    assert!(stream.decoded.len() > 280);
    assert!(
        pictures(&world, tap)
            .iter()
            .filter(|picture| picture.layer == 2)
            .count()
            > 280
    );
}

#[test]
fn a_publisher_that_starts_over_is_followed() {
    let mut world = World::new(7);
    let camera = world.publish(Publisher::camera(Codec::H264, world.now), NEAR);
    let microphone = world.publish(Publisher::microphone(world.now), NEAR);
    let (tap, sound) = (
        world.tap(camera, TapSpec::default()),
        world.tap(microphone, TapSpec::default()),
    );
    world.run(3 * SECOND);
    for client in &mut world.publishers {
        client.model.restart();
    }
    world.run(3 * SECOND);
    let told: Vec<Gap> = gaps(&world, tap).into_iter().map(|(_, gap)| gap).collect();
    assert_eq!(told, [Gap::Pictures(Cause::Restarted)]);
    let seen = pictures(&world, tap);
    assert!(seen.iter().filter(|picture| picture.layer == 2).count() > 170);
    let of_top = seen.iter().filter(|picture| picture.layer == 2);
    let times: Vec<u64> = of_top.map(|picture| picture.timestamp).collect();
    let steps: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(steps.iter().all(|step| (2_000..=9_500).contains(step)), "{steps:?}");
    let told = gaps(&world, sound);
    assert!(
        matches!(
            told[..],
            [(
                _,
                Gap::Sound {
                    packets: 0,
                    ticks: 0..2_000
                }
            )]
        ),
        "{told:?}"
    );
    assert!(world.handed(sound).count() > 295);
}

#[test]
fn pauses_of_the_encoder_are_told_as_silence() {
    let mut world = World::new(8);
    let source = world.publish(Publisher::microphone(world.now), NEAR);
    let tap = world.tap(source, TapSpec::default());
    for silent in [false, true, false, true, false] {
        world.publishers[0].model.silent = silent;
        world.run(SECOND);
    }
    let told = gaps(&world, tap);
    assert_eq!(told.len(), 2, "{told:?}");
    for (_, gap) in told {
        assert!(matches!(gap, Gap::Silence { ticks: 47_000..=49_000 }), "{gap:?}");
    }
    assert!((149..=151).contains(&(world.handed(tap).count() - 2)));
}

#[test]
fn a_muted_microphone_is_silent_whatever_it_sends() {
    let mut world = World::new(9);
    let source = world.publish(Publisher::microphone(world.now), NEAR);
    let tap = world.tap(source, TapSpec::default());
    let mut heard = Vec::new();
    for muted in [false, true, false] {
        world.command(Command::SourceMute {
            id: source,
            muted,
            ordered: true,
        });
        let before = world.handed(tap).count();
        world.run(SECOND);
        heard.push(world.handed(tap).count() - before);
    }
    assert!(heard[0] > 45 && heard[2] > 45, "{heard:?}");
    // One may have been under way.
    assert!(heard[1] <= 1, "{heard:?}");
    let told = gaps(&world, tap);
    assert!(
        matches!(told[..], [(_, Gap::Silence { ticks: 46_000..=50_000 })]),
        "{told:?}"
    );
}

#[test]
fn lost_sound_is_told_and_what_follows_waits_for_it_but_a_moment() {
    let mut world = World::new(9);
    let source = world.publish(
        Publisher::microphone(world.now),
        LinkConfig {
            loss: 0.05,
            burst: 1.0,
            ..LOSSY
        },
    );
    let tap = world.tap(source, TapSpec::default());
    world.run(20 * SECOND);
    let mut expected = None;
    let (mut lost, mut sounds) = (0, 0);
    for (at, what) in world.handed(tap) {
        match what {
            Handed::Gap(Gap::Sound { packets, ticks }) => {
                assert_eq!(*ticks, packets * 960);
                lost += packets;
                expected = expected.map(|frame: u64| frame + packets);
            }
            Handed::Sound { data, .. } => {
                let frame = u32::from_be_bytes(data[3..7].try_into().expect("four bytes"));
                assert_eq!(*expected.get_or_insert(u64::from(frame)), u64::from(frame));
                expected = Some(u64::from(frame) + 1);
                let late = at - 20 * MS * (frame - 1);
                assert!(late < 160 * MS, "{late:?}");
                sounds += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!((20..100).contains(&lost), "{lost} of {sounds}");
    assert!(lost + sounds > 990);
}

#[test]
fn other_codecs_are_not_handed_out() {
    let mut world = World::new(10);
    let source = world.publish(Publisher::camera(Codec::Vp8, world.now), NEAR);
    let tap = world.tap(source, TapSpec::default());
    world.run(SECOND);
    assert_eq!(world.handed(tap).count(), 0);
    world.command(Command::TapKeyframe { id: tap });
    world.command(Command::TapRemove { id: tap });
}
