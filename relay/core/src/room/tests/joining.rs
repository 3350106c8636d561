use domain::{Reason, relay::EventKind};
use livekit_protocol::participant_info::State;

use super::*;

fn enter_meeting(world: &mut World, connection: u64, number: u32) {
    world.handle(Input::Join(Box::new(join(
        connection,
        ticket(&format!("p{number}"), Some(number)),
        Mode::Single,
    ))));
}

fn opened() -> World {
    let mut world = World::new();
    enter_meeting(&mut world, 1, 1);
    world.handle(Input::Entered {
        room: meeting(),
        answer: opens(settings()),
    });
    world
}

#[test]
fn with_one_connection_everything_comes_in_one_go() {
    let mut world = World::new();
    world.handle(Input::Join(Box::new(join(1, ticket("a", None), Mode::Single))));
    assert_eq!(world.accepted, [1]);
    assert_eq!(world.names(1)[..3], ["join", "refresh_token", "answer"]);
    let welcome = world.welcome(1);
    assert!(
        !welcome.subscriber_primary && welcome.fast_publish && welcome.ping_interval == 5 && welcome.ping_timeout == 15
    );
    assert_eq!(welcome.ice_servers[0].urls, ["stun:203.0.113.7:7882"]);
    assert!(welcome.ice_servers[0].username.starts_with("jti-"));
    let created = world
        .transports
        .iter()
        .filter(|command| matches!(command, TransportCommand::Create { .. }))
        .count();
    assert_eq!(created, 1);
    assert!(
        world
            .transports
            .iter()
            .any(|command| matches!(command, TransportCommand::Remote { .. }))
    );
}

/// The tokens that a client was sent, in order.
fn tokens(world: &World, connection: u64) -> Vec<&str> {
    let to_it = world.sent.iter().filter(|(to, _)| *to == connection);
    to_it
        .filter_map(|(_, message)| match message {
            Message::RefreshToken(token) => Some(token.as_str()),
            _ => None,
        })
        .collect()
}

#[test]
fn everybody_gets_its_own_token_when_it_comes_and_every_five_minutes() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Single);
    world.pass(Duration::from_secs(100));
    world.enter(2, "b", Mode::Dual);
    assert_eq!(tokens(&world, 1), ["token-a"]);
    assert_eq!(tokens(&world, 2), ["token-b"]);
    // Seconds from the beginning, and how many tokens each has got by then.
    for (seconds, a, b) in [(299, 1, 1), (300, 2, 1), (399, 2, 1), (400, 2, 2), (1_000, 4, 4)] {
        world.pass(Duration::from_secs(seconds) - world.elapsed);
        assert_eq!(tokens(&world, 1), vec!["token-a"; a], "after {seconds} s");
        assert_eq!(tokens(&world, 2), vec!["token-b"; b], "after {seconds} s");
    }
}

#[test]
fn a_token_goes_to_the_session_that_brought_it_and_with_it() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Single);
    world.enter(2, "b", Mode::Single);
    world.pass(Duration::from_secs(200));
    // The same person with another token: the former one goes to nobody any more.
    let second = Ticket {
        jti: "another".into(),
        token: Arc::from("another token"),
        ..ticket("a", None)
    };
    world.handle(Input::Join(Box::new(join(3, second, Mode::Single))));
    world.connect_all();
    // While its signalling is away nothing is sent; who comes back gets it at once, and then five minutes later.
    world.handle(Input::SignalClosed {
        connection: ConnectionId(2),
    });
    world.pass(Duration::from_secs(10));
    let sid = world.sid(2);
    world.handle(Input::Resume(Box::new(Resume {
        connection: ConnectionId(4),
        ticket: ticket("b", None),
        attempt: 0,
        sid,
        sync_state: None,
    })));
    world.pass(Duration::from_secs(299));
    assert_eq!(tokens(&world, 4), ["token-b"]);
    world.pass(Duration::from_secs(1));
    assert_eq!(tokens(&world, 4), ["token-b", "token-b"]);
    assert_eq!(tokens(&world, 3), ["another token", "another token"]);
    assert_eq!(tokens(&world, 1), ["token-a"]);
    assert_eq!(tokens(&world, 2), ["token-b"]);
}

#[test]
fn with_two_connections_the_server_offers_at_once() {
    let mut world = World::new();
    world.handle(Input::Join(Box::new(join(1, ticket("a", None), Mode::Dual))));
    assert!(world.welcome(1).subscriber_primary);
    assert!(world.names(1).contains(&"offer"));
    let channels: Vec<&str> = world
        .transports
        .iter()
        .filter_map(|command| match command {
            TransportCommand::OpenChannel { label, .. } => Some(&**label),
            _ => None,
        })
        .collect();
    assert_eq!(channels, ["_reliable", "_lossy", "_data_track"]);
}

#[test]
fn a_participant_is_active_once_its_media_is_connected() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Single);
    world.enter(2, "b", Mode::Single);
    assert_eq!(world.seen(1, "b").expect("told").state(), State::Active);
    let own = world.seen(1, "a").expect("told of itself");
    assert_eq!((own.state(), own.name.as_str()), (State::Active, "A"));
}

#[test]
fn versions_grow() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Single);
    world.enter(2, "b", Mode::Single);
    let first = world.seen(1, "b").expect("told").version;
    world.publish(2);
    assert!(world.seen(1, "b").expect("told").version > first);
}

#[test]
fn a_meeting_opens_when_the_control_plane_says_so() {
    let mut world = World::new();
    enter_meeting(&mut world, 1, 1);
    enter_meeting(&mut world, 2, 2);
    assert_eq!(world.entering, [meeting()]);
    assert!(world.accepted.is_empty());
    world.handle(Input::Entered {
        room: meeting(),
        answer: opens(settings()),
    });
    assert_eq!(world.accepted, [1, 2]);
    assert!(
        matches!(&world.events[0].kind, EventKind::ParticipantJoin { participant, region, .. } if participant.value() == 1 && region == "eu")
    );
    assert_eq!(world.events.len(), 2);
}

#[test]
fn a_refusal_of_the_control_plane_reaches_all_who_wait_and_is_remembered() {
    let mut world = World::new();
    enter_meeting(&mut world, 1, 1);
    enter_meeting(&mut world, 2, 2);
    let refusal = Refusal::Because(Reason::Moved);
    world.handle(Input::Entered {
        room: meeting(),
        answer: Err(refusal),
    });
    assert_eq!(world.refused, [(1, refusal), (2, refusal)]);
    world.handle(Input::Validate {
        connection: ConnectionId(3),
        ticket: Box::new(ticket("p3", Some(3))),
    });
    assert_eq!(world.refused.last(), Some(&(3, refusal)));
    // Only for a while: the meeting may come back.
    world.pass(Duration::from_secs(6));
    enter_meeting(&mut world, 4, 4);
    assert_eq!(world.entering.len(), 2);
}

/// Whoever was first is gone before the answer, and it is asked anew for the next one: only one answer may count.
#[test]
fn a_second_answer_of_the_control_plane_changes_nothing() {
    for late in [Err(Refusal::Unavailable), Err(Refusal::Because(Reason::Moved))] {
        let mut world = World::new();
        enter_meeting(&mut world, 1, 1);
        world.handle(Input::SignalClosed {
            connection: ConnectionId(1),
        });
        enter_meeting(&mut world, 2, 2);
        assert_eq!(world.entering, [meeting(), meeting()]);
        world.handle(Input::Entered {
            room: meeting(),
            answer: opens(settings()),
        });
        world.handle(Input::Entered {
            room: meeting(),
            answer: late,
        });
        assert_eq!(world.accepted, [2]);
        // The room is there, and open to others; the control plane need not be told otherwise.
        assert!(world.left.is_empty());
        enter_meeting(&mut world, 3, 3);
        assert_eq!(world.accepted, [2, 3]);
        assert!(world.refused.is_empty());
    }
}

/// What the control plane then believes to be open here would be so without anybody in it.
#[test]
fn a_meeting_that_may_have_been_opened_is_left() {
    let mut world = World::new();
    enter_meeting(&mut world, 1, 1);
    world.handle(Input::SignalClosed {
        connection: ConnectionId(1),
    });
    enter_meeting(&mut world, 2, 2);
    let mut answered = |answer| {
        world.left.clear();
        world.handle(Input::Entered {
            room: meeting(),
            answer,
        });
        (world.left.len(), world.reconnecting)
    };
    assert_eq!(answered(Err(Refusal::Unavailable)), (1, true));
    // The second answer comes when the first has closed the room.
    for late in [opens(settings()), Err(Refusal::Unavailable)] {
        assert_eq!(answered(late), (1, true));
    }
    assert_eq!(answered(Err(Refusal::Because(Reason::Moved))).0, 0);
    assert_eq!(world.refused, [(2, Refusal::Unavailable)]);
}

#[test]
fn a_full_meeting_refuses_but_not_those_who_are_in() {
    let mut world = opened();
    enter_meeting(&mut world, 2, 2);
    enter_meeting(&mut world, 3, 3);
    enter_meeting(&mut world, 4, 4);
    assert_eq!(world.refused, [(4, Refusal::Because(Reason::Full))]);
    enter_meeting(&mut world, 5, 3);
    assert!(world.accepted.contains(&5));
}

#[test]
fn a_second_session_replaces_the_first_without_a_second_join_in_the_reports() {
    let mut world = opened();
    enter_meeting(&mut world, 2, 1);
    let (reason, action) = world.leave(1).expect("told to leave");
    assert_eq!(
        (reason, action),
        (
            livekit_protocol::DisconnectReason::DuplicateIdentity,
            livekit_protocol::leave_request::Action::Disconnect
        )
    );
    assert_eq!(world.closed, [1]);
    assert_eq!(world.events.len(), 1);
    assert!(world.welcome(2).other_participants.is_empty());
}

#[test]
fn an_attempt_that_was_given_up_does_not_put_out_the_one_that_took_its_place() {
    let mut world = World::new();
    let attempt = |connection, jti: &str, attempt| {
        let mut ticket = ticket("a", None);
        ticket.jti = jti.to_owned();
        Input::Join(Box::new(Join {
            attempt,
            ..join(connection, ticket, Mode::Single)
        }))
    };
    world.handle(attempt(1, "one", 20));
    world.handle(attempt(2, "one", 10));
    assert_eq!(world.refused, [(2, Refusal::Because(Reason::Duplicate))]);
    assert!(world.leave(1).is_none());
    // A library that begins anew goes by the same address.
    world.handle(attempt(3, "one", 20));
    // One that does not count, and with another token it is another visit.
    world.handle(attempt(4, "one", 0));
    world.handle(attempt(5, "one", 30));
    world.handle(attempt(6, "two", 10));
    assert_eq!(world.accepted, [1, 3, 4, 5, 6]);
    assert_eq!(world.closed, [1, 3, 4, 5]);
    assert_eq!(world.refused.len(), 1);
}

#[test]
fn who_does_not_connect_is_put_out() {
    let mut world = World::new();
    world.handle(Input::Join(Box::new(join(1, ticket("a", None), Mode::Single))));
    world.pass(Duration::from_secs(61));
    assert_eq!(
        world.leave(1).map(|(reason, _)| reason),
        Some(livekit_protocol::DisconnectReason::ConnectionTimeout)
    );
}

#[test]
fn who_goes_while_waiting_never_came() {
    let mut world = World::new();
    enter_meeting(&mut world, 1, 1);
    world.handle(Input::SignalClosed {
        connection: ConnectionId(1),
    });
    world.handle(Input::Entered {
        room: meeting(),
        answer: opens(settings()),
    });
    assert!(world.accepted.is_empty() && world.events.is_empty());
    world.pass(Duration::from_secs(31));
    assert_eq!(world.left, [meeting()]);
}

#[test]
fn a_late_first_use_is_refused_and_a_late_second_is_not() {
    let mut world = opened();
    let late = |number| Ticket {
        first_use_by: Some(START_MS / 1000 - 60),
        ..ticket(&format!("p{number}"), Some(number))
    };
    world.handle(Input::Join(Box::new(join(2, late(2), Mode::Single))));
    assert_eq!(world.refused, [(2, Refusal::Because(Reason::Expired))]);
    world.handle(Input::Join(Box::new(join(3, late(1), Mode::Single))));
    assert!(world.accepted.contains(&3));
}

#[test]
fn hidden_participants_are_seen_by_nobody_but_themselves() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Single);
    let mut hidden = ticket("h", None);
    hidden.grants.hidden = true;
    world.handle(Input::Join(Box::new(join(2, hidden, Mode::Single))));
    world.connect_all();
    assert_eq!(world.seen(1, "h"), None);
    assert!(world.seen(2, "h").is_some());
    world.enter(3, "c", Mode::Single);
    assert_eq!(world.welcome(3).other_participants.len(), 1);
}

#[test]
fn a_broken_offer_is_refused_and_harms_nobody() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Single);
    let mut broken = join(2, ticket("b", None), Mode::Single);
    broken.offer = Some(offer("v=0\r\nm=rubbish", 1));
    world.handle(Input::Join(Box::new(broken)));
    assert_eq!(
        world.leave(2).map(|(reason, _)| reason),
        Some(livekit_protocol::DisconnectReason::StateMismatch)
    );
    assert_eq!(world.control.census().participants, 1);
}

#[test]
fn ids_of_one_room_stay_on_one_worker() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Dual);
    world.enter(2, "b", Mode::Single);
    world.publish(2);
    let transports = world.transports.iter().filter_map(|command| match command {
        TransportCommand::Create { id, .. } => Some(id.0),
        _ => None,
    });
    let ids: Vec<u32> = transports.chain(world.sources().iter().map(|(id, _)| id.0)).collect();
    assert!(ids.iter().all(|id| id % 2 == ids[0] % 2), "{ids:?}");
}
