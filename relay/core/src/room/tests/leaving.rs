use domain::{Reason, relay::EventKind};
use livekit_protocol::{
    DisconnectReason, LeaveRequest, SimulateScenario, leave_request::Action, participant_info::State,
    simulate_scenario::Scenario,
};

use super::*;
use crate::types::DisconnectReason as Away;

#[test]
fn who_says_goodbye_is_answered_reported_and_seen_as_gone() {
    let mut world = opened();
    world.pass(Duration::from_millis(1_500));
    world.signal(1, signal_request::Message::Leave(LeaveRequest::default()));
    assert_eq!(
        world.leave(1),
        Some((DisconnectReason::ClientInitiated, Action::Disconnect))
    );
    assert_eq!(world.closed, [1]);
    let info = world.seen(2, "p1").expect("told");
    assert_eq!(
        (info.state(), info.disconnect_reason()),
        (State::Disconnected, DisconnectReason::ClientInitiated)
    );
    let EventKind::ParticipantLeave {
        participant,
        reason,
        duration_ms,
        ..
    } = &world.events[0].kind
    else {
        panic!("{:?}", world.events);
    };
    assert_eq!((*participant, *reason, *duration_ms), (number(1), Reason::Left, 1_500));
}

#[test]
fn a_moderators_end_closes_the_room_for_good() {
    let leader = Ticket {
        moderator: true,
        ..ticket("p2", Some(2))
    };
    let mut world = opened_by(settings(), [ticket("p1", Some(1)), leader]);
    let end = Do::End { reason: Reason::Ended };
    assert_eq!(world.order_by(&holder(1), end), Err(Denied::NotModerator));
    assert!(world.closed.is_empty());
    assert_eq!(world.order_by(&holder(2), end), Ok(()));
    for connection in [1, 2] {
        assert_eq!(
            world.leave(connection),
            Some((DisconnectReason::RoomDeleted, Action::Disconnect))
        );
    }
    assert_eq!(
        world.events[0].kind,
        EventKind::RoomEnd {
            reason: Reason::Ended,
            by: Some(number(2))
        }
    );
    assert_eq!(world.left, [meeting()]);
    world.handle(Input::Join(Box::new(join(3, ticket("p3", Some(3)), Mode::Single))));
    assert_eq!(world.refused, [(3, Refusal::Because(Reason::Ended))]);
    assert_eq!(world.control.census(), Census::default());
}

#[test]
fn at_the_hard_stop_the_meeting_is_over() {
    let mut world = opened();
    world.pass(Duration::from_secs(3_601));
    assert_eq!(world.leave(1), Some((DisconnectReason::RoomClosed, Action::Disconnect)));
    assert!(world.events.iter().any(|event| event.kind
        == EventKind::RoomEnd {
            reason: Reason::Expired,
            by: None
        }));
}

#[test]
fn who_is_removed_does_not_come_back_with_the_same_token() {
    let mut world = opened();
    let remove = Do::Remove {
        participant: number(1),
        reason: Reason::Removed,
    };
    assert_eq!(world.order(remove), Ok(()));
    assert_eq!(world.order(remove), Err(Denied::NoParticipant));
    assert_eq!(
        world.leave(1),
        Some((DisconnectReason::ParticipantRemoved, Action::Disconnect))
    );
    world.handle(Input::Join(Box::new(join(3, ticket("p1", Some(1)), Mode::Single))));
    // Nor with another that it had by then, used or not; with what the partner gives it afterwards it does.
    let issued = |seconds| Ticket {
        jti: format!("other-{seconds}"),
        issued: Some(START_MS / 1_000 + seconds),
        ..ticket("p1", Some(1))
    };
    world.come(issued(-60));
    world.come(issued(0));
    let removed = Refusal::Because(Reason::Removed);
    assert_eq!(
        world.refused.iter().map(|(_, why)| *why).collect::<Vec<_>>(),
        [removed; 3]
    );
    world.pass(Duration::from_secs(1));
    world.come(issued(1));
    assert_eq!(world.refused.len(), 3);
    assert_eq!(world.accepted.last(), Some(&1));
}

#[test]
fn an_empty_meeting_closes_after_its_grace_and_opens_again() {
    let mut world = opened();
    world.signal(1, signal_request::Message::Leave(LeaveRequest::default()));
    world.signal(2, signal_request::Message::Leave(LeaveRequest::default()));
    world.pass(Duration::from_secs(29));
    assert!(world.left.is_empty());
    world.pass(Duration::from_secs(2));
    assert_eq!(world.left, [meeting()]);
    world.handle(Input::Join(Box::new(join(3, ticket("p3", Some(3)), Mode::Single))));
    assert_eq!(world.entering.len(), 2);
}

#[test]
fn who_was_removed_stays_out_of_a_meeting_that_opens_again() {
    let mut world = opened();
    let remove = Do::Remove {
        participant: number(1),
        reason: Reason::Removed,
    };
    assert_eq!(world.order(remove), Ok(()));
    world.signal(2, signal_request::Message::Leave(LeaveRequest::default()));
    world.pass(Duration::from_secs(31));
    assert_eq!(world.left, [meeting()]);
    // Whether it is opened, or is elsewhere just now.
    let opened = opens(settings());
    for answer in [Err(Refusal::Because(Reason::Moved)), opened] {
        world.refused.clear();
        world.come(ticket("p1", Some(1)));
        assert_eq!(world.refused, [(1, Refusal::Because(Reason::Removed))]);
        world.come(ticket("p2", Some(2)));
        world.come(ticket("p1", Some(1)));
        world.handle(Input::Entered {
            room: meeting(),
            answer,
        });
        let refused = |(to, why): &(u64, Refusal)| (*to, *why) == (1, Refusal::Because(Reason::Removed));
        assert!(world.refused.iter().filter(|one| refused(one)).count() >= 1);
        world.pass(Duration::from_secs(6));
    }
    assert_eq!(world.accepted.last(), Some(&2));
}

#[test]
fn who_loses_signalling_is_waited_for_and_then_gone() {
    let mut world = opened();
    world.handle(Input::SignalClosed {
        connection: ConnectionId(1),
    });
    world.pass(Duration::from_secs(14));
    assert!(world.events.is_empty());
    world.pass(Duration::from_secs(2));
    assert!(matches!(
        &world.events[0].kind,
        EventKind::ParticipantLeave {
            reason: Reason::ConnectionLost,
            ..
        }
    ));
}

#[test]
fn everything_of_who_goes_is_taken_down() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Dual);
    world.enter(2, "b", Mode::Single);
    world.publish(2);
    world.answer(1);
    world.signal(2, signal_request::Message::Leave(LeaveRequest::default()));
    let closed = world
        .transports
        .iter()
        .filter(|command| matches!(command, TransportCommand::Close { .. }))
        .count();
    let removed = world
        .forward
        .iter()
        .filter(|command| matches!(command, forward::Command::SourceRemove { .. }))
        .count();
    assert_eq!((closed, removed), (1, 2));
    world.answer(1);
    assert!(world.tracks_by_mid(1).is_empty());
}

#[test]
fn a_relay_that_goes_down_sends_everybody_elsewhere() {
    let mut world = opened();
    world.handle(Input::Shutdown);
    assert_eq!(
        world.leave(1),
        Some((DisconnectReason::ServerShutdown, Action::Reconnect))
    );
    assert_eq!(world.left, [meeting()]);
}

/// How the end of `p1`'s stay is told: to itself, to `p2`, and in the reports.
#[derive(Debug, PartialEq, Eq)]
struct End {
    told: Option<(DisconnectReason, Action)>,
    seen: DisconnectReason,
    reported: Reason,
}

/// The end of `p1`, which is gone after `go`.
fn end(go: impl FnOnce(&mut World)) -> End {
    let mut world = opened();
    go(&mut world);
    let seen = world.seen(2, "p1").expect("told");
    assert_eq!(seen.state(), State::Disconnected);
    let reports: Vec<Reason> = world
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::ParticipantLeave {
                participant, reason, ..
            } if *participant == number(1) => Some(*reason),
            _ => None,
        })
        .collect();
    let [reported] = reports[..] else {
        panic!("{reports:?}");
    };
    End {
        told: world.leave(1),
        seen: seen.disconnect_reason(),
        reported,
    }
}

/// The same reason for oneself and the others.
fn alike(reason: DisconnectReason, action: Action, reported: Reason) -> End {
    End {
        told: Some((reason, action)),
        seen: reason,
        reported,
    }
}

fn signal_away(world: &mut World) {
    world.handle(Input::SignalClosed {
        connection: ConnectionId(1),
    });
}

fn media_away(world: &mut World, why: Away) {
    let id = world.made()[0];
    world.handle(Input::Transport(TransportEvent::Disconnected { id, why }));
}

#[test]
fn who_goes_by_itself_or_by_an_order_is_told_and_seen_and_reported_alike() {
    let leaves = end(|world| world.signal(1, signal_request::Message::Leave(LeaveRequest::default())));
    let by_itself = alike(DisconnectReason::ClientInitiated, Action::Disconnect, Reason::Left);
    assert_eq!(leaves, by_itself);
    for (reason, told) in [
        (Reason::Removed, DisconnectReason::ParticipantRemoved),
        (Reason::Rejected, DisconnectReason::UserRejected),
        (Reason::Expired, DisconnectReason::RoomClosed),
        (Reason::Moved, DisconnectReason::Migration),
    ] {
        let removed = end(|world| {
            let participant = number(1);
            assert_eq!(world.order(Do::Remove { participant, reason }), Ok(()));
        });
        assert_eq!(removed, alike(told, Action::Disconnect, reason));
    }
    let broken = end(|world| world.signal(1, signal_request::Message::Offer(offer("v=0\r\nm=rubbish", 2))));
    let confused = alike(DisconnectReason::StateMismatch, Action::Reconnect, Reason::Error);
    assert_eq!(broken, confused);
}

#[test]
fn who_comes_a_second_time_has_not_left() {
    let mut world = opened();
    world.handle(Input::Join(Box::new(join(3, ticket("p1", Some(1)), Mode::Single))));
    let (duplicate, action) = (DisconnectReason::DuplicateIdentity, Action::Disconnect);
    assert_eq!(world.leave(1), Some((duplicate, action)));
    assert!(world.events.is_empty());
    // The others hear of the end of the former session before they hear of the next.
    let states: Vec<(String, State, DisconnectReason)> = world
        .sent
        .iter()
        .filter_map(|(to, message)| match message {
            Message::Update(update) if *to == 2 => Some(&update.participants),
            _ => None,
        })
        .flatten()
        .filter(|info| info.identity == "p1")
        .map(|info| (info.sid.clone(), info.state(), info.disconnect_reason()))
        .collect();
    let (former, next) = (world.sid(1), world.sid(3));
    let unknown = DisconnectReason::UnknownReason;
    let [.., gone, came] = &states[..] else {
        panic!("{states:?}");
    };
    assert_eq!(*gone, (former, State::Disconnected, duplicate));
    assert_eq!(*came, (next, State::Joined, unknown));
}

#[test]
fn media_that_never_connects_is_a_timeout_after_a_minute() {
    let mut world = opened();
    world.come(ticket("p3", Some(3)));
    world.events.clear();
    world.pass(Duration::from_secs(59));
    assert!(world.leave(3).is_none() && world.events.is_empty());
    world.pass(Duration::from_secs(1));
    let timeout = DisconnectReason::ConnectionTimeout;
    assert_eq!(world.leave(3), Some((timeout, Action::Disconnect)));
    assert_eq!(world.seen(1, "p3").expect("told").disconnect_reason(), timeout);
    assert!(matches!(
        &world.events[..],
        [Event {
            kind: EventKind::ParticipantLeave {
                reason: Reason::Timeout,
                duration_ms: 60_000,
                ..
            },
            ..
        }]
    ));
    // Who was connected in time stays.
    assert!(world.leave(1).is_none());
}

#[test]
fn media_that_fails_is_waited_for_and_is_then_a_lost_connection() {
    for why in [Away::Silent, Away::DtlsFailed, Away::ClosedByPeer] {
        let lost = end(|world| {
            media_away(world, why);
            world.pass(Duration::from_millis(19_999));
            assert!(world.leave(1).is_none() && world.events.is_empty(), "{why:?}");
            world.pass(Duration::from_millis(1));
        });
        let expected = alike(
            DisconnectReason::SignalClose,
            Action::Disconnect,
            Reason::ConnectionLost,
        );
        assert_eq!(lost, expected, "{why:?}");
    }
    // Media that is back in time is not lost.
    let mut world = opened();
    media_away(&mut world, Away::Silent);
    world.pass(Duration::from_secs(19));
    world.connect_all();
    world.pass(Duration::from_secs(60));
    assert!(world.leave(1).is_none() && world.events.is_empty());
}

#[test]
fn signalling_that_is_lost_beyond_its_grace_is_a_lost_connection() {
    let unheard = End {
        told: None,
        seen: DisconnectReason::SignalClose,
        reported: Reason::ConnectionLost,
    };
    let lost = end(|world| {
        signal_away(world);
        world.pass(Duration::from_millis(14_999));
        assert!(world.events.is_empty());
        world.pass(Duration::from_millis(1));
    });
    assert_eq!(lost, unheard);
    // Who has no media either is waited for a third of it.
    let nothing = end(|world| {
        media_away(world, Away::Silent);
        signal_away(world);
        world.pass(Duration::from_millis(4_999));
        assert!(world.events.is_empty());
        world.pass(Duration::from_millis(1));
    });
    assert_eq!(nothing, unheard);
    // Nobody comes back to a page that was closed.
    let closed = end(|world| {
        signal_away(world);
        media_away(world, Away::ClosedByPeer);
    });
    assert_eq!(closed, unheard);
}

#[test]
fn a_relay_that_goes_down_reports_lost_connections_and_no_end_of_the_meeting() {
    let mut world = opened();
    world.handle(Input::Shutdown);
    for connection in [1, 2] {
        let elsewhere = (DisconnectReason::ServerShutdown, Action::Reconnect);
        assert_eq!(world.leave(connection), Some(elsewhere));
    }
    let reasons: Vec<Option<Reason>> = world
        .events
        .iter()
        .map(|event| match &event.kind {
            EventKind::ParticipantLeave { reason, .. } => Some(*reason),
            _ => None,
        })
        .collect();
    assert_eq!(reasons, [Some(Reason::ConnectionLost); 2]);
    assert!(world.reconnecting, "the meeting is held for them");
    // Whoever asks here again goes elsewhere, too.
    world.come(ticket("p1", Some(1)));
    assert_eq!(world.refused, [(1, Refusal::Unavailable)]);
    assert_eq!(world.entering.len(), 1);
}

#[test]
fn a_meeting_that_nobody_is_in_is_not_held_as_a_relay_goes_down() {
    let mut world = opened();
    for connection in [1, 2] {
        world.signal(connection, signal_request::Message::Leave(LeaveRequest::default()));
    }
    world.handle(Input::Shutdown);
    assert_eq!((&world.left[..], world.reconnecting), (&[meeting()][..], false));
}

#[test]
fn a_meeting_that_has_moved_is_over_here_alone() {
    let mut world = opened();
    assert_eq!(world.order(Do::End { reason: Reason::Moved }), Ok(()));
    for connection in [1, 2] {
        let moved = (DisconnectReason::Migration, Action::Disconnect);
        assert_eq!(world.leave(connection), Some(moved));
    }
    let leaves = |event: &Event| {
        matches!(
            event.kind,
            EventKind::ParticipantLeave {
                reason: Reason::Moved,
                ..
            }
        )
    };
    assert_eq!(world.events.iter().filter(|event| leaves(event)).count(), 2);
    assert_eq!(world.events.len(), 2, "no end is reported");
    world.come(ticket("p1", Some(1)));
    assert_eq!(world.refused, [(1, Refusal::Because(Reason::Moved))]);
    // It may come back.
    world.pass(Duration::from_secs(6));
    world.come(ticket("p1", Some(1)));
    assert_eq!((world.refused.len(), world.entering.len()), (1, 2));
}

#[test]
fn an_end_is_for_good_where_the_meeting_was_refused_before() {
    let mut world = World::new();
    world.come(ticket("p1", Some(1)));
    world.handle(Input::Entered {
        room: meeting(),
        answer: Err(Refusal::Because(Reason::NotStarted)),
    });
    world.pass(Duration::from_secs(6));
    world.come(ticket("p1", Some(1)));
    world.handle(Input::Entered {
        room: meeting(),
        answer: opens(settings()),
    });
    assert_eq!(world.order(Do::End { reason: Reason::Ended }), Ok(()));
    world.refused.clear();
    world.come(ticket("p2", Some(2)));
    assert_eq!(world.refused, [(2, Refusal::Because(Reason::Ended))]);
}

#[test]
fn at_the_end_of_a_meeting_everybody_is_reported_with_its_reason() {
    for (reason, told) in [
        (Reason::Ended, DisconnectReason::RoomDeleted),
        (Reason::Expired, DisconnectReason::RoomClosed),
    ] {
        let mut world = opened();
        assert_eq!(world.order(Do::End { reason }), Ok(()));
        let kinds: Vec<&EventKind> = world.events.iter().map(|event| &event.kind).collect();
        let [
            EventKind::RoomEnd {
                reason: of_room,
                by: None,
            },
            left @ ..,
        ] = &kinds[..]
        else {
            panic!("{kinds:?}");
        };
        assert_eq!((*of_room, left.len()), (reason, 2));
        for kind in left {
            assert!(matches!(kind, EventKind::ParticipantLeave { reason: why, .. } if *why == reason));
        }
        for connection in [1, 2] {
            assert_eq!(world.leave(connection), Some((told, Action::Disconnect)));
        }
    }
}

#[test]
fn what_a_clients_own_test_asks_for_is_told_as_the_real_thing() {
    let simulate = |scenario| {
        end(|world| {
            let scenario = Some(scenario);
            world.signal(1, signal_request::Message::Simulate(SimulateScenario { scenario }));
        })
    };
    let failed = alike(DisconnectReason::JoinFailure, Action::Disconnect, Reason::Error);
    assert_eq!(simulate(Scenario::ServerLeave(true)), failed);
    let sent = alike(
        DisconnectReason::ServerShutdown,
        Action::Reconnect,
        Reason::ConnectionLost,
    );
    assert_eq!(simulate(Scenario::Migration(true)), sent);
    assert_eq!(simulate(Scenario::LeaveRequestFullReconnect(true)), sent);
}

#[test]
fn a_classic_room_keeps_nothing_of_who_is_gone() {
    let mut world = World::new();
    world.enter(1, "stays", Mode::Single);
    for number in 0..50 {
        world.enter(2, &format!("guest-{number}"), Mode::Single);
        world.handle(Input::SignalClosed {
            connection: ConnectionId(2),
        });
        world.pass(Duration::from_secs(20));
    }
    assert!(world.control.rooms().all(|room| room.broken.is_empty()));
    assert_eq!(world.control.census().participants, 1);
}
