//! What clients are told of how well connections do, and of pictures that stop.

use livekit_protocol::{ConnectionQuality, ConnectionQualityInfo, StreamState, StreamStateInfo, UpdateSubscription};

use super::*;
use crate::types::{DisconnectReason as Away, SinkId};

/// The sinks by which a transport gets sound and picture, each with the source.
fn sinks_of(world: &World, of: TransportId) -> Vec<(SinkId, bool)> {
    let sinks = world.forward.iter().filter_map(|command| match command {
        forward::Command::SinkAdd {
            id, transport, spec, ..
        } if *transport == of => Some((*id, spec.rtx_ssrc.is_some())),
        _ => None,
    });
    sinks.collect()
}

fn picture_of(world: &World, of: TransportId) -> SinkId {
    let sinks = sinks_of(world, of);
    sinks.iter().find(|(_, is_picture)| *is_picture).expect("a picture").0
}

fn flows(world: &mut World, sink: SinkId, active: bool) {
    world.handle(Input::Forward(forward::Event::StreamState { sink, active }));
}

/// Who was told of streams since the last look, and what.
fn streams(world: &mut World) -> Vec<(u64, Vec<StreamStateInfo>)> {
    std::mem::take(&mut world.sent)
        .into_iter()
        .filter_map(|(to, message)| match message {
            Message::StreamStateUpdate(update) => Some((to, update.stream_states)),
            _ => None,
        })
        .collect()
}

#[test]
fn who_gets_a_picture_is_told_when_it_stops_and_when_it_flows_again() {
    let mut world = World::published();
    let (a, b, c) = {
        let made = world.made();
        (made[1], world.sid(2), made[4])
    };
    let camera = world.seen(1, "b").expect("told").tracks[1].sid.clone();
    let info = |state: StreamState| StreamStateInfo {
        participant_sid: b.clone(),
        track_sid: camera.clone(),
        state: state.into(),
    };
    let (pictures_a, pictures_c) = (picture_of(&world, a), picture_of(&world, c));
    world.sent.clear();
    flows(&mut world, pictures_a, false);
    assert_eq!(streams(&mut world), [(1, vec![info(StreamState::Paused)])]);
    flows(&mut world, pictures_a, true);
    assert_eq!(streams(&mut world), [(1, vec![info(StreamState::Active)])]);
    flows(&mut world, pictures_c, false);
    assert_eq!(streams(&mut world), [(3, vec![info(StreamState::Paused)])]);
    // Sound does not pause for clients, and of what is not sent any more nothing is told.
    let sounds = sinks_of(&world, a).into_iter().filter(|(_, is_picture)| !is_picture);
    for (sound, _) in sounds.collect::<Vec<_>>() {
        flows(&mut world, sound, false);
    }
    flows(&mut world, SinkId(9_999), false);
    world.signal(
        1,
        signal_request::Message::Subscription(UpdateSubscription {
            track_sids: vec![camera.clone()],
            ..UpdateSubscription::default()
        }),
    );
    flows(&mut world, pictures_a, false);
    assert_eq!(streams(&mut world), []);
}

/// A meeting of 51, of whom the first two publish and the next two get that.
fn crowd() -> World {
    let large = RoomSettings {
        max_participants: 60,
        ..settings()
    };
    let mut world = opened_by(large, (1..=51).map(|n| ticket(&format!("p{n}"), Some(n))));
    world.publish(1);
    world.publish(2);
    world.pass(Duration::from_secs(3));
    for connection in [3, 4] {
        world.signal(connection, signal_request::Message::Offer(offer(ONE_JOIN, 2)));
    }
    world.pass(Duration::from_secs(3));
    world.sent.retain(|(_, message)| matches!(message, Message::Join(_)));
    world
}

#[test]
fn in_a_large_room_pictures_that_stop_are_told_together_after_a_moment() {
    let mut world = crowd();
    let publishers = [1, 2].map(|connection| world.sid(connection));
    let made = world.made();
    let pictures = |transport| {
        let sinks = sinks_of(&world, transport).into_iter();
        let pictures: Vec<SinkId> = sinks.filter(|(_, is)| *is).map(|(sink, _)| sink).collect();
        assert_eq!(pictures.len(), 2);
        pictures
    };
    let (third, fourth) = (pictures(made[2]), pictures(made[3]));
    flows(&mut world, third[0], false);
    world.pass(Duration::from_millis(150));
    flows(&mut world, third[1], false);
    flows(&mut world, fourth[0], false);
    flows(&mut world, third[0], true);
    world.pass(Duration::from_millis(49));
    assert_eq!(streams(&mut world), []);
    world.pass(Duration::from_millis(1));
    let told = streams(&mut world);
    let states = |infos: &[StreamStateInfo]| -> Vec<(String, StreamState)> {
        let states = infos.iter().map(|info| (info.participant_sid.clone(), info.state()));
        states.collect()
    };
    let [(3, to_third), (4, to_fourth)] = &told[..] else {
        panic!("{told:?}");
    };
    let [p1, p2] = &publishers;
    let (paused, active) = (StreamState::Paused, StreamState::Active);
    // Which sink is of whom the room decides; both are named, and the first is told twice, in order.
    let (first, second) = if to_third[0].participant_sid == *p1 {
        (p1, p2)
    } else {
        (p2, p1)
    };
    let expected = [
        (first.clone(), paused),
        (second.clone(), paused),
        (first.clone(), active),
    ];
    assert_eq!(states(to_third), expected);
    assert_eq!(to_fourth.len(), 1);
    world.pass(Duration::from_secs(1));
    assert_eq!(streams(&mut world), []);
}

fn sample(world: &mut World, transport: TransportId, score: f32) {
    world.handle(Input::Forward(forward::Event::Quality {
        transport,
        loss_up: 0.0,
        loss_down: 0.0,
        rtt_ms: None,
        score,
    }));
}

/// What a client was last told of how well connections do, by participant.
fn qualities(world: &World, connection: u64) -> BTreeMap<String, (ConnectionQuality, f32)> {
    let updates: Vec<ConnectionQualityInfo> = world
        .last(connection, |message| match message {
            Message::ConnectionQuality(update) => Some(update.updates.clone()),
            _ => None,
        })
        .expect("told");
    let by_sid = updates.iter();
    by_sid
        .map(|info| (info.participant_sid.clone(), (info.quality(), info.score)))
        .collect()
}

/// `b` publishes and `a`, with two connections, gets it; `c` gets nothing.
fn watched() -> World {
    let mut world = World::new();
    world.enter(1, "a", Mode::Dual);
    world.enter(2, "b", Mode::Single);
    world.handle(Input::Join(Box::new(Join {
        auto_subscribe: false,
        ..join(3, ticket("c", None), Mode::Single)
    })));
    world.connect_all();
    world.publish(2);
    world.answer(1);
    world
}

#[test]
fn a_score_is_told_with_its_grade_to_oneself_and_to_who_subscribes() {
    use ConnectionQuality::{Excellent, Good, Poor};
    let mut world = watched();
    let made = world.made();
    let [a, b, c] = [1, 2, 3].map(|connection| world.sid(connection));
    for (score, grade) in [
        (4.5, Excellent),
        (4.01, Excellent),
        (4.0, Good),
        (3.01, Good),
        (3.0, Poor),
        (1.0, Poor),
        (4.4, Excellent),
    ] {
        sample(&mut world, made[2], score);
        world.pass(Duration::from_secs(5));
        let unknown = (Excellent, 4.5);
        let to_a = [(a.clone(), unknown), (b.clone(), (grade, score))];
        assert_eq!(qualities(&world, 1), BTreeMap::from(to_a));
        assert_eq!(qualities(&world, 2), BTreeMap::from([(b.clone(), (grade, score))]));
        assert_eq!(qualities(&world, 3), BTreeMap::from([(c.clone(), unknown)]));
    }
}

#[test]
fn the_worse_of_two_connections_counts() {
    let mut world = watched();
    let made = world.made();
    let a = world.sid(1);
    for (publisher, subscriber) in [(4.4, 3.5), (3.5, 4.4)] {
        sample(&mut world, made[0], publisher);
        sample(&mut world, made[1], subscriber);
        world.pass(Duration::from_secs(5));
        assert_eq!(qualities(&world, 1)[&a], (ConnectionQuality::Good, 3.5));
    }
}

#[test]
fn who_has_lost_its_media_is_lost_until_it_is_back_and_who_still_connects_is_not() {
    let mut world = watched();
    let b = world.sid(2);
    let transport = world.made()[2];
    sample(&mut world, transport, 4.4);
    world.handle(Input::Transport(TransportEvent::Disconnected {
        id: transport,
        why: Away::Silent,
    }));
    world.handle(Input::Join(Box::new(join(4, ticket("d", None), Mode::Single))));
    world.pass(Duration::from_secs(5));
    for connection in [1, 2] {
        assert_eq!(qualities(&world, connection)[&b].0, ConnectionQuality::Lost);
    }
    // Of itself it hears nothing yet.
    let d = world.sid(4);
    assert!(!qualities(&world, 4).contains_key(&d));
    assert!(qualities(&world, 4).contains_key(&b));
    world.handle(Input::Transport(TransportEvent::Connected { id: transport }));
    world.pass(Duration::from_secs(5));
    assert_eq!(qualities(&world, 1)[&b], (ConnectionQuality::Excellent, 4.4));
}
