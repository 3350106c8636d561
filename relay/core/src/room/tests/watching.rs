use livekit_protocol::{CreateRoomRequest, LeaveRequest};

use super::*;

#[test]
fn a_relay_that_drains_opens_no_room_and_keeps_those_that_are_open() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Single);
    world.handle(Input::Drain);
    world.handle(Input::Drain);
    let elsewhere = |connection, identity| {
        let mut ticket = ticket(identity, None);
        ticket.room = RoomKey::Named("another".into());
        Box::new(join(connection, ticket, Mode::Single))
    };
    world.handle(Input::Join(elsewhere(2, "b")));
    assert_eq!(world.refused, [(2, Refusal::Unavailable)]);
    let request = CreateRoomRequest {
        name: "another".into(),
        ..CreateRoomRequest::default()
    };
    let now = world.now();
    assert_eq!(world.control.create_room(now, request), Err(Failure::Exhausted));

    world.enter(3, "c", Mode::Dual);
    world.handle(Input::SignalClosed {
        connection: ConnectionId(1),
    });
    let sid = world.sid(1);
    world.handle(Input::Resume(Box::new(Resume {
        connection: ConnectionId(4),
        ticket: ticket("a", None),
        attempt: 0,
        sid,
        sync_state: None,
    })));
    assert_eq!(world.accepted, [1, 3, 4]);
    assert_eq!(world.control.census().participants, 2);

    // The room goes as ever, and then it is one that would have to be opened.
    for connection in [3, 4] {
        world.signal(connection, signal_request::Message::Leave(LeaveRequest::default()));
    }
    world.pass(Duration::from_secs(60));
    assert_eq!(world.control.census().rooms, 0);
    world.handle(Input::Join(Box::new(join(5, ticket("a", None), Mode::Single))));
    assert_eq!(world.refused.last(), Some(&(5, Refusal::Unavailable)));
}

#[test]
fn an_operator_sees_how_many_there_are_and_how_well_they_do() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Dual);
    world.enter(2, "b", Mode::Single);
    world.publish(2);
    world.answer(1);
    world.handle(Input::Join(Box::new(join(3, ticket("c", None), Mode::Single))));
    for (transport, score) in [(1, 4.4), (2, 3.5)] {
        // The ids of one room are congruent: with two workers, every second one.
        let transport = TransportId(transport * 2 + 1);
        world.handle(Input::Forward(forward::Event::Quality {
            transport,
            loss_up: 0.25,
            loss_down: 0.5,
            rtt_ms: Some(40),
            score,
        }));
    }
    let overview = world.control.overview();
    assert_eq!((overview.rooms, overview.connecting), (1, 1));
    assert_eq!(overview.grades, [0, 0, 1, 1], "one good, one excellent");
    assert_eq!(overview.tracks, [1, 1]);
    assert_eq!(overview.subscriptions, 2);
    assert_eq!(overview.samples.len(), 2);
    let counts = overview.counts;
    assert_eq!((counts.joined, counts.published), (3, 2));
    assert_eq!(counts.connected.counts.iter().sum::<u64>(), 2);

    world.handle(Input::SignalClosed {
        connection: ConnectionId(2),
    });
    assert_eq!(world.control.overview().unsignalled, 1);
    world.pass(Duration::from_secs(30));
    let lost = domain::Reason::ALL
        .iter()
        .position(|reason| *reason == domain::Reason::ConnectionLost);
    assert_eq!(world.control.overview().counts.left[lost.expect("a reason")], 1);
}

#[test]
fn an_operator_sees_into_a_room() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Dual);
    world.enter(2, "b", Mode::Single);
    world.publish(2);
    world.answer(1);
    let lines = world.control.room_lines();
    assert_eq!((lines.len(), lines[0].participants, lines[0].tracks), (1, 2, 2));
    assert_eq!(world.control.room_view("elsewhere"), None);
    let view = world.control.room_view("room").expect("the room");
    let [a, b] = &view.participants[..] else {
        panic!("two participants");
    };
    assert_eq!((a.identity.as_str(), a.transports.len(), a.tracks.len()), ("a", 2, 0));
    assert_eq!(
        (b.transports.len(), b.tracks[1].codec, b.tracks[1].subscribers),
        (1, Some("vp8"), 1)
    );
    let sent: Vec<_> = a.subscriptions.iter().map(|one| one.track.as_str()).collect();
    let published: Vec<_> = b.tracks.iter().map(|track| track.sid.as_str()).collect();
    assert_eq!(sent.len(), published.len());
    assert!(sent.iter().all(|sid| published.contains(sid)));
    assert!(a.subscriptions.iter().all(|one| one.sink.is_some() && one.enabled));
}
