//! Subscribers whose transport-wide feedback lies: they may spoil their own picture, and nothing else.

mod common;

use std::time::Duration;

use common::{MS, NEAR, SECOND, World, publisher::Publisher};
use relay_core::{
    forward::Want,
    types::{Codec, SinkId},
};

/// Bounds of every estimate, bits per second: one voice, and what shards are configured with.
const LEAST: u64 = 50_000;
const MOST: u64 = 50_000_000;

/// What is said of the packets, every 50 ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lie {
    /// All has arrived, also what is still under way, at one and the same moment.
    AtOnce,
    /// All arrives ten times as fast as it was sent.
    Faster,
    /// Packets have arrived that were never sent.
    NeverSent,
    /// Anything has arrived at any time.
    Wild,
    /// All arrives for so many seconds, and for as many all is lost, in turns.
    InTurns(u64),
    /// All is lost.
    Lost,
    /// Nothing at all is said.
    Silence,
}

const LIES: [Lie; 8] = [
    Lie::AtOnce,
    Lie::Faster,
    Lie::NeverSent,
    Lie::Wild,
    Lie::InTurns(1),
    Lie::InTurns(4),
    Lie::Lost,
    Lie::Silence,
];

/// Chance by a seed.
struct Chance(u64);

impl Chance {
    fn bits(&mut self, count: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.0 >> 32).expect("32 bits") >> (32 - count)
    }
}

/// One message of feedback about `count` packets from `base` on, each with a delta of 250 µs ticks, or lost without.
fn message(base: u64, count: u16, reference: u32, number: u8, delta: Option<&mut dyn FnMut() -> i16>) -> Vec<u8> {
    let mut body = Vec::new();
    for id in [77_u32, 0] {
        body.extend(id.to_be_bytes());
    }
    body.extend(u16::try_from(base & 0xffff).expect("masked").to_be_bytes());
    body.extend(count.to_be_bytes());
    body.extend((reference << 8 | u32::from(number)).to_be_bytes());
    // One run of symbols: 2 is a delta of two bytes.
    let symbol = if delta.is_some() { 2_u16 } else { 0 };
    body.extend((symbol << 13 | count).to_be_bytes());
    if let Some(delta) = delta {
        for _ in 0..count {
            body.extend(delta().to_be_bytes());
        }
    }
    while !body.len().is_multiple_of(4) {
        body.push(0);
    }
    let words = u16::try_from(body.len() / 4).expect("a datagram");
    let mut message = vec![0x8f, 205];
    message.extend(words.to_be_bytes());
    message.extend(body);
    message
}

impl Lie {
    /// What is said after so long, when `highest` is the number that came last.
    fn told(self, after: Duration, highest: u64, number: u8, chance: &mut Chance) -> Vec<Vec<u8>> {
        let ticks = u32::try_from(after.as_millis() / 64).expect("a short test");
        // Half of it has long been told, and the last hundred are under way at most.
        let from = (highest + 100).saturating_sub(400);
        match self {
            Self::AtOnce => vec![message(from, 400, ticks, number, Some(&mut || 0))],
            Self::Faster => {
                // The receiver's clock crawls: 5 ms for 50.
                let ticks = ticks / 10;
                vec![message(from, 400, ticks, number, Some(&mut || 0))]
            }
            Self::NeverSent => [1_000, 10_000, 30_000, 60_000]
                .into_iter()
                .map(|ahead| message(highest + ahead, 500, ticks, number, Some(&mut || 4)))
                .collect(),
            Self::Wild => {
                let (count, reference) = (50 + chance.bits(8), chance.bits(24));
                let base = (highest + u64::from(chance.bits(7))).saturating_sub(u64::from(count));
                let count = u16::try_from(count).expect("small");
                let mut delta = || u16::try_from(chance.bits(16)).expect("16 bits").cast_signed();
                vec![message(base, count, reference, number, Some(&mut delta))]
            }
            Self::InTurns(seconds) if (after.as_secs() / seconds).is_multiple_of(2) => {
                vec![message(from, 400, ticks, number, Some(&mut || 1))]
            }
            Self::InTurns(_) | Self::Lost => vec![message(from, 400, 0, number, None)],
            Self::Silence => Vec::new(),
        }
    }
}

/// Cameras: more than is assumed of a link at first, so that it is probed.
const CAMERAS: u32 = 4;

/// What the best layers of all take with all that is around them, bits per second.
const ALL: u64 = 6_600_000;

const HONEST: usize = 0;
const LIAR: usize = 1;

/// An honest subscriber and one that lies; both get all cameras.
struct Meeting {
    world: World,
    sinks: [Vec<SinkId>; 2],
}

impl Meeting {
    fn new(seed: u64) -> Self {
        let mut world = World::new(seed);
        let sources: Vec<_> = (0..CAMERAS)
            .map(|_| world.publish(Publisher::camera(Codec::Vp8, world.now), NEAR))
            .collect();
        let sinks = [HONEST, LIAR].map(|subscriber| {
            assert_eq!(world.join(NEAR), subscriber);
            let sources = sources.iter();
            let sinks = sources.map(|source| world.subscribe(subscriber, *source, Codec::Vp8, Want::default()));
            sinks.collect()
        });
        world.subscribers[LIAR].model.tells = false;
        Self { world, sinks }
    }

    /// Lets time pass with that lie told in it; every estimate stays within its bounds.
    fn lie(&mut self, lie: Lie, span: Duration) {
        let world = &mut self.world;
        let mut chance = Chance(5);
        let (began, mut number) = (world.now, 0_u8);
        while world.now < began + span {
            world.run(50 * MS);
            let liar = &world.subscribers[LIAR];
            let (id, highest) = (liar.id, liar.model.highest_number());
            for message in lie.told(world.now - began, highest, number, &mut chance) {
                assert!(message.len() < 1_200, "it fits a datagram");
                world.shard.handle_rtcp(world.now, id, &message);
            }
            number = number.wrapping_add(1);
            world.flush();
            let estimate = world.shard.estimate(id).expect("a transport");
            assert!((LEAST..=MOST).contains(&estimate), "{lie:?}: {estimate}");
        }
    }

    /// The share of pictures of the high layer within a span that ends now, of the camera that does worst.
    fn share(&self, subscriber: usize, span: Duration) -> f64 {
        let model = &self.world.subscribers[subscriber].model;
        let shares = self.sinks[subscriber].iter().map(|sink| {
            let decoded = model.stream(World::ssrc(*sink)).decoded.iter();
            let high = decoded.filter(|decoded| decoded.layer == 2 && decoded.at + span > self.world.now);
            high.count() as f64 / (span.as_secs_f64() * 30.0)
        });
        shares.fold(f64::MAX, f64::min)
    }
}

#[test]
fn whatever_is_claimed_little_is_sent_for_it_and_others_get_theirs() {
    for lie in LIES {
        let mut meeting = Meeting::new(1);
        meeting.lie(lie, 30 * SECOND);
        let liar = &meeting.world.subscribers[LIAR].model;
        let seconds = meeting.world.elapsed().as_secs();
        let (padding, sent) = (liar.padding * 255 / seconds, liar.bytes * 8 / seconds);
        // A probe is of 25 kB, and after one that found nothing there is a pause of a second.
        assert!(padding < 10_000, "{lie:?}: {padding} bytes of padding a second");
        assert!(sent < ALL + 8 * padding, "{lie:?}: {sent} bit/s");
        let high = meeting.share(HONEST, 15 * SECOND);
        assert!(high > 0.98, "{lie:?}: the honest one gets {high} of the high layer");
    }
}

#[test]
fn who_stops_lying_gets_what_its_link_carries() {
    for lie in LIES {
        let mut meeting = Meeting::new(2);
        meeting.lie(lie, 10 * SECOND);
        meeting.world.subscribers[LIAR].model.tells = true;
        meeting.world.run(30 * SECOND);
        let high = meeting.share(LIAR, 5 * SECOND);
        assert!(high > 0.95, "{lie:?}: {high} of the high layer");
    }
}
