use domain::{Reason, relay::EventKind};
use livekit_protocol::{DisconnectReason, LeaveRequest, leave_request::Action, participant_info::State};

use super::*;

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
    world.come(ticket("p2", Some(2)));
    world.come(ticket("p1", Some(1)));
    world.handle(Input::Entered {
        room: meeting(),
        answer: Ok(Entered {
            settings: settings(),
            members: Default::default(),
        }),
    });
    assert_eq!(world.refused, [(1, Refusal::Because(Reason::Removed))]);
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
