//! A room of five hundred, of whom fifty publish camera and microphone and twenty more a microphone: what each of them is told,
//! and what is forwarded. All on a virtual clock.

mod common;

use std::collections::BTreeMap;

use common::{
    MS, SECOND,
    assembly::Assembly,
    hall::{Hall, Publishes, Told},
};
use relay_core::{
    forward::{Event, SpeakerLevel, VOICES},
    room::Input,
    types::{MediaKind, SourceId},
};

const PEOPLE: u64 = 500;
const CAMERAS: usize = 50;
const MICROPHONES: usize = 70;
/// As many as one page of the room's gallery shows.
const AUTO_CAMERAS: usize = 25;

/// Every tenth publishes both, and of the others every twentieth a microphone, twenty in all.
fn publishes(n: u64) -> Publishes {
    match n {
        _ if n.is_multiple_of(10) => Publishes::Both,
        _ if n % 20 == 5 && n < 400 => Publishes::Sound,
        _ => Publishes::Nothing,
    }
}

/// What clients were told: the most to any, and the mean.
struct Summary {
    messages: u64,
    bytes: u64,
    mean_messages: u64,
    mean_bytes: u64,
}

/// Sums up what clients were told, and prints it by kind.
fn most(hall: &Hall, what: &str) -> Summary {
    let told: Vec<&Told> = hall.clients.values().map(|client| &client.told).collect();
    let count = told.len() as u64;
    let summary = Summary {
        messages: told.iter().map(|told| told.messages()).max().expect("clients"),
        bytes: told.iter().map(|told| told.bytes()).max().expect("clients"),
        mean_messages: told.iter().map(|told| told.messages()).sum::<u64>() / count,
        mean_bytes: told.iter().map(|told| told.bytes()).sum::<u64>() / count,
    };
    println!(
        "{what}: at most {} messages and {} bytes to one, {} and {} on average",
        summary.messages, summary.bytes, summary.mean_messages, summary.mean_bytes
    );
    let mut kinds = BTreeMap::new();
    for (kind, (messages, bytes)) in told.iter().flat_map(|told| &told.by_kind) {
        let entry: &mut (u64, u64) = kinds.entry(*kind).or_default();
        entry.0 += messages;
        entry.1 += bytes;
    }
    for (kind, (messages, bytes)) in kinds {
        println!("    {kind}: {messages} messages, {} kB in all", bytes / 1000);
    }
    summary
}

/// Five hundred have come within ten seconds, and all is told.
fn filled(order: impl Iterator<Item = u64>) -> Hall {
    let mut hall = Hall::new(600, u32::try_from(AUTO_CAMERAS).expect("few"));
    for n in order {
        hall.join(&format!("p{n}"), publishes(n));
        hall.pass(20 * MS);
    }
    hall.pass(10 * SECOND);
    hall
}

/// The same, with those first who publish.
fn full() -> Hall {
    let publishing = |n: &u64| publishes(*n) != Publishes::Nothing;
    filled(
        (0..PEOPLE)
            .filter(publishing)
            .chain((0..PEOPLE).filter(|n| !publishing(n))),
    )
}

#[test]
fn five_hundred_come_within_ten_seconds() {
    let mut hall = filled(0..PEOPLE);
    hall.assert_all_known();
    assert_eq!(hall.sources(MediaKind::Audio).len(), MICROPHONES);
    assert_eq!(hall.sources(MediaKind::Video).len(), CAMERAS);
    for client in hall.clients.values() {
        let count = |kind| client.sinks.values().filter(|known| **known == kind).count();
        let own = usize::from(client.publishes != Publishes::Nothing);
        assert_eq!(count(MediaKind::Audio), MICROPHONES - own, "all microphones");
        assert_eq!(count(MediaKind::Video), AUTO_CAMERAS, "the first cameras");
    }
    // The first ones hear of each of the first fifty at once.
    let told = most(&hall, "joining");
    assert!(told.messages <= 250, "{} messages to one client", told.messages);
    assert!(told.bytes <= 1_000_000, "{} bytes to one client", told.bytes);
    assert!(told.mean_messages <= 65, "{} messages each", told.mean_messages);
    assert!(told.mean_bytes <= 650_000, "{} bytes each", told.mean_bytes);

    // Nothing goes on, and nothing is told.
    hall.forget();
    hall.pass(60 * SECOND);
    let told = most(&hall, "a quiet minute");
    assert_eq!(told.messages, 0);
}

#[test]
fn further_cameras_come_to_who_asks_and_sections_are_used_again() {
    let mut hall = full();
    let viewer = *hall.clients.keys().nth(300).expect("somebody");
    let sections = |hall: &Hall| hall.clients[&viewer].sections;
    let pictures = |hall: &Hall| {
        let sinks = hall.clients[&viewer].sinks.values();
        sinks.filter(|kind| **kind == MediaKind::Video).count()
    };
    assert_eq!(hall.clients[&viewer].unsent.len(), CAMERAS - AUTO_CAMERAS);
    let page: Vec<String> = hall.clients[&viewer].unsent[..10].to_vec();
    let next: Vec<String> = hall.clients[&viewer].unsent[10..20].to_vec();
    let before = sections(&hall);
    hall.forget();
    hall.ask(viewer, page.clone(), true);
    hall.pass(SECOND);
    assert_eq!(pictures(&hall), AUTO_CAMERAS + 10);
    assert_eq!(sections(&hall), before + 10);
    assert_eq!(hall.clients[&viewer].told.of("offer").0, 1, "all in one description");
    for (away, come) in [(&page, &next), (&next, &page)] {
        hall.ask(viewer, away.clone(), false);
        hall.pass(SECOND);
        hall.ask(viewer, come.clone(), true);
        hall.pass(SECOND);
        assert_eq!(pictures(&hall), AUTO_CAMERAS + 10);
        assert_eq!(sections(&hall), before + 10);
    }
    // The others have not heard of it, but for publishers, whose pictures are wanted now.
    let viewers = hall.clients.iter().filter(|(connection, _)| **connection != viewer);
    assert!(
        viewers
            .map(|(_, client)| client.told.of("offer").0)
            .all(|offers| offers == 0)
    );
}

#[test]
fn others_cameras_take_the_place_of_those_that_go() {
    let mut hall = full();
    let viewer = *hall.clients.keys().nth(300).expect("somebody");
    let declined = hall.clients[&viewer].unsent.clone();
    hall.ask(viewer, declined, false);
    let leaving: Vec<u64> = publishers(&hall).into_iter().take(30).collect();
    for connection in leaving {
        hall.leave(connection);
        hall.pass(20 * MS);
    }
    hall.pass(5 * SECOND);
    for (connection, client) in hall.clients.iter().filter(|(_, client)| !client.gone) {
        let own = usize::from(client.publishes == Publishes::Both);
        let pictures = client.sinks.values().filter(|kind| **kind == MediaKind::Video).count();
        // Those whom it wants not to see do not come back.
        let most = if *connection == viewer { 0 } else { CAMERAS - 30 - own };
        assert_eq!(pictures, most, "{}", client.identity);
    }
}

/// Those who publish a camera, in the order in which they came.
fn publishers(hall: &Hall) -> Vec<u64> {
    let here = hall.clients.iter().filter(|(_, client)| !client.gone);
    let publishers = here.filter(|(_, client)| client.publishes == Publishes::Both);
    publishers.map(|(connection, _)| *connection).collect()
}

/// Those who publish nothing.
fn viewers(hall: &Hall) -> Vec<u64> {
    let here = hall.clients.iter().filter(|(_, client)| !client.gone);
    let viewers = here.filter(|(_, client)| client.publishes == Publishes::Nothing);
    viewers.map(|(connection, _)| *connection).collect()
}

#[test]
fn who_speaks_and_how_connections_do_is_told_in_few_bytes() {
    let mut hall = full();
    let sources = hall.sources(MediaKind::Audio);
    hall.forget();
    for window in 0..10 {
        // Eight speak, each time others, and eight have stopped.
        let level = |(n, source): (usize, &SourceId)| match n / VOICES {
            group if group == window % 8 => Some((*source, 4)),
            group if group + 1 == window % 8 => Some((*source, 0)),
            _ => None,
        };
        let changed = sources.iter().enumerate().filter_map(level);
        let changed = changed.map(|(source, eighths)| SpeakerLevel { source, eighths });
        let changed = changed.collect();
        hall.handle(Input::Forward(Event::Speakers { changed }));
        hall.pass(400 * MS);
    }
    let told = most(&hall, "four seconds of talk");
    for client in hall.clients.values() {
        assert_eq!(client.told.of("speakers_changed").0, 10);
        assert!(client.told.of("speakers_changed").1 <= 10 * 16 * 32);
    }
    assert!(told.bytes <= 5_000, "{} bytes", told.bytes);

    hall.pass(6 * SECOND);
    hall.forget();
    let transport = hall.transport(publishers(&hall)[7]);
    hall.handle(Input::Forward(Event::Quality {
        transport,
        loss_up: 0.2,
        loss_down: 0.0,
        rtt_ms: Some(400),
        score: 1.5,
    }));
    let viewer = hall.transport(viewers(&hall)[7]);
    hall.handle(Input::Forward(Event::Quality {
        transport: viewer,
        loss_up: 0.2,
        loss_down: 0.0,
        rtt_ms: Some(400),
        score: 1.5,
    }));
    hall.pass(20 * SECOND);
    let told = most(&hall, "a publisher's link, and a viewer's, get bad");
    let of = |connection: u64| hall.clients[&connection].told.of("connection_quality");
    assert!(hall.clients.keys().all(|connection| of(*connection).0 >= 1));
    assert_eq!(of(viewers(&hall)[7]).0, 2, "it hears of itself");
    assert_eq!(of(viewers(&hall)[8]).0, 1, "nobody else hears of it");
    assert!(told.bytes <= 100, "{} bytes", told.bytes);
}

#[test]
fn two_hundred_go_within_four_seconds() {
    let mut hall = full();
    hall.forget();
    let going: Vec<u64> = viewers(&hall)
        .into_iter()
        .take(190)
        .chain(publishers(&hall).into_iter().take(10))
        .collect();
    for n in 0..going.len() {
        // Viewers and publishers mixed: 59 and 200 have no factor in common.
        hall.leave(going[n * 59 % going.len()]);
        hall.pass(20 * MS);
    }
    hall.pass(5 * SECOND);
    hall.assert_all_known();
    hall.clients.retain(|_, client| !client.gone);
    let told = most(&hall, "two hundred go");
    assert!(told.messages <= 40, "{} messages", told.messages);
    assert!(told.bytes <= 500_000, "{} bytes", told.bytes);
}

#[test]
fn a_hundred_come_back() {
    let mut hall = full();
    hall.forget();
    let mixed = |hall: &Hall| {
        let few = publishers(hall).into_iter().take(10);
        viewers(hall).into_iter().take(90).chain(few).collect::<Vec<u64>>()
    };
    // To their sessions: that concerns nobody else.
    let mut resumed = Vec::new();
    for connection in mixed(&hall) {
        resumed.push(hall.resume(connection));
        hall.pass(20 * MS);
    }
    hall.pass(5 * SECOND);
    hall.assert_all_known();
    let others = hall
        .clients
        .iter()
        .filter(|(connection, _)| !resumed.contains(connection));
    assert_eq!(others.map(|(_, client)| client.told.messages()).max(), Some(0));
    let told = most(&hall, "a hundred resume");
    assert!(told.messages <= 8, "{} messages", told.messages);
    assert!(told.bytes <= 160_000, "{} bytes", told.bytes);

    // Anew, under the same identity.
    hall.forget();
    for connection in mixed(&hall) {
        let client = hall.clients.get_mut(&connection).expect("is here");
        client.gone = true;
        let (identity, publishes) = (client.identity.clone(), client.publishes);
        hall.join(&identity, publishes);
        hall.pass(20 * MS);
    }
    hall.pass(5 * SECOND);
    hall.assert_all_known();
    hall.clients.retain(|_, client| !client.gone);
    let told = most(&hall, "a hundred reconnect");
    assert!(told.messages <= 35, "{} messages", told.messages);
    assert!(told.bytes <= 600_000, "{} bytes", told.bytes);
}

#[test]
fn only_the_loudest_are_forwarded_to_five_hundred() {
    let mut assembly = Assembly::new(70, 0, 500);
    assembly.watch();
    let steps: u64 = 200;
    let mut heard = std::collections::BTreeSet::new();
    for step in 0..steps {
        // Two speak at a time, every second others.
        for (n, level) in assembly.levels.iter_mut().enumerate() {
            let turn = usize::try_from(step / 50).expect("few");
            *level = if n / 2 == turn * 5 + 1 { 20 } else { 70 };
        }
        assembly.step();
        if step % 50 == 49 {
            heard.append(&mut assembly.out.streams);
            let speaking = assembly.told.iter().filter(|(_, level)| **level > 0);
            let speaking: Vec<u32> = speaking.map(|(source, _)| source.0).collect();
            let first = u32::try_from(step / 50 * 10 + 2).expect("few");
            for n in first..first + 2 {
                assert!(heard.contains(&Assembly::ssrc(n)), "{n} is heard");
                assert!(speaking.contains(&n), "{n} is shown as speaking");
            }
            assert!(speaking.len() <= VOICES);
        }
    }
    // Those who spoke, and who was there first.
    assert!(heard.len() <= 2 * 4 + VOICES, "{} microphones", heard.len());
    let most = steps * VOICES as u64;
    for packets in &assembly.out.each {
        // Of two who change places within a step both may be sent.
        assert!((most - 40..=most + 8).contains(packets), "{packets} of {most} packets");
    }
}
