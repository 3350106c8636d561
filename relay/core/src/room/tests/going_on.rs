//! A meeting goes on after its relay has gone: what moderators made of it, and of its people, still holds.

use domain::{
    Reason,
    relay::{Earlier, EventKind},
    room::KeptRules,
};

use super::*;

const LOCKED: KeptRules = KeptRules {
    locked: true,
    mute_mode: MuteMode::Presentation,
};

fn earlier(participant: u32, moderator: bool) -> Earlier {
    Earlier {
        participant: number(participant),
        jti: format!("jti-p{participant}"),
        moderator,
        removed: None,
    }
}

/// These come after the relay has begun anew.
fn taken_up(entered: Entered, tickets: impl IntoIterator<Item = Ticket>) -> World {
    let mut world = World::new();
    for ticket in tickets {
        world.come(ticket);
    }
    world.handle(Input::Entered {
        room: meeting(),
        answer: Ok(entered),
    });
    world.connect_all();
    world
}

fn entered(settings: RoomSettings, rules: Option<KeptRules>, earlier: impl IntoIterator<Item = Earlier>) -> Entered {
    Entered {
        rules,
        earlier: earlier.into_iter().collect(),
        ..opens(settings).expect("opens")
    }
}

fn guest(participant: u32) -> Ticket {
    ticket(&format!("p{participant}"), Some(participant))
}

fn by_link(participant: u32) -> Ticket {
    Ticket {
        moderator: true,
        attributes: BTreeMap::from([("role".to_owned(), "moderator".to_owned())]),
        ..guest(participant)
    }
}

fn role(world: &World, connection: u64) -> String {
    let info = world.welcome(connection).participant.expect("told of itself");
    info.attributes["role"].clone()
}

#[test]
fn a_lock_and_who_is_heard_hold_and_who_was_in_comes_back() {
    let answer = entered(settings(), Some(LOCKED), [earlier(2, false)]);
    let world = taken_up(answer, [guest(2), guest(3)]);
    assert_eq!(world.accepted, [2]);
    assert_eq!(world.refused, [(3, Refusal::Because(Reason::Locked))]);
    let told = world.welcome(2);
    assert_eq!(
        told.room.expect("told of the room").metadata,
        r#"{"locked":true,"mute_mode":"presentation","waiting_room":false}"#
    );
    let permission = told
        .participant
        .and_then(|info| info.permission)
        .expect("told of its rights");
    assert!(
        !permission
            .can_publish_sources()
            .any(|source| source == TrackSource::Microphone)
    );
}

/// The first to come may be a stranger.
#[test]
fn a_meeting_is_held_for_its_people_for_two_minutes() {
    let mut world = taken_up(entered(settings(), Some(LOCKED), [earlier(2, false)]), [guest(3)]);
    world.pass(Duration::from_secs(110));
    world.come(guest(2));
    assert_eq!(world.accepted, [2]);
    let mut world = taken_up(entered(settings(), Some(LOCKED), []), [guest(3)]);
    world.pass(Duration::from_secs(121));
    assert_eq!(world.left, [meeting()]);
    let mut world = taken_up(entered(settings(), None, []), []);
    world.come(guest(3));
    world.handle(Input::Entered {
        room: meeting(),
        answer: opens(settings()),
    });
    world.signal(
        3,
        signal_request::Message::Leave(livekit_protocol::LeaveRequest::default()),
    );
    world.pass(Duration::from_secs(31));
    assert_eq!(world.left.last(), Some(&meeting()));
}

#[test]
fn who_was_let_in_is_in() {
    let with_door = RoomSettings {
        waiting_room: true,
        ..settings()
    };
    let world = taken_up(
        entered(with_door, None, [earlier(2, false)]),
        [by_link(1), guest(2), guest(3)],
    );
    let waits = |connection| {
        let info = world.welcome(connection).participant.expect("told of itself");
        info.attributes.contains_key("waiting")
    };
    assert_eq!([1, 2, 3].map(waits), [false, false, true]);
}

#[test]
fn who_led_leads_and_who_was_demoted_does_not() {
    let known = [earlier(1, false), earlier(2, true), earlier(3, false)];
    // By a token of its own that makes it a moderator now.
    let anew = Ticket {
        jti: "another".into(),
        ..by_link(3)
    };
    let world = taken_up(entered(settings(), None, known), [by_link(1), guest(2), anew]);
    assert_eq!(
        [1, 2, 3].map(|connection| role(&world, connection)),
        ["guest", "moderator", "moderator"]
    );
}

#[test]
fn who_was_removed_stays_out_until_they_are_let_in_anew() {
    let at = START_MS / 1_000;
    let removed = Earlier {
        removed: Some(at),
        ..earlier(2, false)
    };
    let issued = |issued, jti: &str| Ticket {
        issued: Some(issued),
        jti: jti.into(),
        ..guest(2)
    };
    let mut world = taken_up(
        entered(settings(), None, [removed]),
        [guest(1), guest(2), issued(at, "another")],
    );
    assert_eq!(world.accepted, [1]);
    assert_eq!(world.refused, [(2, Refusal::Because(Reason::Removed)); 2]);
    world.come(issued(at + 1, "yet another"));
    assert_eq!(world.accepted, [1, 2]);
}

#[test]
fn what_moderators_set_is_reported_and_told_again_where_it_may_be_unknown() {
    let rules = |world: &World| -> Vec<KeptRules> {
        let kinds = world.events.iter().map(|event| &event.kind);
        kinds
            .filter_map(|kind| match kind {
                EventKind::RoomRules { rules } => Some(*rules),
                _ => None,
            })
            .collect()
    };
    let mut world = opened();
    world.handle(Input::ReportAgain);
    assert_eq!(rules(&world), []);
    let locked = |locked| KeptRules {
        locked,
        mute_mode: MuteMode::Conversation,
    };
    for order in [Do::Lock, Do::Lock, Do::Unlock] {
        assert_eq!(world.order(order), Ok(()));
    }
    assert_eq!(rules(&world), [locked(true), locked(false)]);
    world.handle(Input::ReportAgain);
    assert_eq!(rules(&world).len(), 3);
    let mut world = taken_up(entered(settings(), Some(LOCKED), []), [by_link(1)]);
    world.handle(Input::ReportAgain);
    assert_eq!(rules(&world), [LOCKED]);
}
