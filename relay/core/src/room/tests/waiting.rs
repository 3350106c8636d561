use domain::{Reason, relay::EventKind};
use livekit_protocol::{
    DataChannelReceiveState, DataPacket, DisconnectReason, SyncState, UpdateParticipantMetadata, UserPacket,
    data_packet::Value, leave_request::Action, request_response,
};
use prost::Message as _;

use super::*;

fn with_waiting_room() -> RoomSettings {
    RoomSettings {
        waiting_room: true,
        ..settings()
    }
}

fn leader() -> Ticket {
    Ticket {
        moderator: true,
        attributes: BTreeMap::from([("role".to_owned(), "moderator".to_owned())]),
        ..ticket("p1", Some(1))
    }
}

/// `p1` leads and publishes, `p2` was let in, `p3` waits.
fn one_waits() -> World {
    let mut world = opened_by(with_waiting_room(), [leader(), ticket("p2", Some(2))]);
    assert_eq!(world.order_by(&holder(1), admit(2)), Ok(()));
    world.publish(1);
    world.come(ticket("p3", Some(3)));
    world.connect_all();
    world.events.clear();
    world
}

fn admit(participant: u32) -> Do {
    Do::Admit {
        participant: number(participant),
    }
}

fn reject(participant: u32) -> Do {
    Do::Reject {
        participant: number(participant),
    }
}

/// Everybody a connection has been told of, but itself.
fn known(world: &World, connection: u64) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (_, message) in world.sent.iter().filter(|(to, _)| *to == connection) {
        let infos = match message {
            Message::Join(join) => &join.other_participants,
            Message::Update(update) => &update.participants,
            _ => continue,
        };
        names.extend(infos.iter().map(|info| info.identity.clone()));
    }
    names.retain(|name| *name != format!("p{connection}"));
    names.sort();
    names.dedup();
    names
}

fn message(text: &str, to: &[&str]) -> bytes::Bytes {
    let packet = DataPacket {
        destination_identities: to.iter().map(|one| (*one).to_owned()).collect(),
        value: Some(Value::User(UserPacket {
            payload: text.as_bytes().to_vec(),
            ..UserPacket::default()
        })),
        ..DataPacket::default()
    };
    packet.encode_to_vec().into()
}

/// Transports in the order of their making; each participant here has one.
fn transports(world: &World) -> Vec<TransportId> {
    let made = world.transports.iter().filter_map(|command| match command {
        TransportCommand::Create { id, .. } => Some(*id),
        _ => None,
    });
    made.collect()
}

fn messages_to(world: &World, transport: TransportId) -> usize {
    let to = |command: &&TransportCommand| matches!(command, TransportCommand::Send { id, .. } if *id == transport);
    world.transports.iter().filter(to).count()
}

fn say(world: &mut World, from: TransportId, data: bytes::Bytes) {
    world.handle(Input::Transport(TransportEvent::Data {
        id: from,
        label: Arc::from("_reliable"),
        data,
    }));
}

/// A partner takes somebody's role, who comes again: it is in no more until it is let in.
#[test]
fn who_was_in_and_waits_now_is_reported_as_gone() {
    let second = Ticket {
        number: Some(number(2)),
        ..ticket("p2", Some(2))
    };
    let led = Ticket {
        moderator: true,
        ..second.clone()
    };
    let mut world = opened_by(with_waiting_room(), [leader(), led]);
    world.handle(Input::Join(Box::new(join(3, second, Mode::Single))));
    let gone: Vec<_> = world.events.iter().map(|event| &event.kind).collect();
    assert!(
        matches!(gone[..], [EventKind::ParticipantLeave { participant, reason: Reason::Duplicate, .. }] if participant.value() == 2),
        "{gone:?}"
    );
    // And as there again when it is let in; whoever waits is not reported anew.
    world.events.clear();
    world.handle(Input::ReportAgain);
    assert_eq!(world.events.len(), 1);
    assert_eq!(world.order_by(&holder(1), admit(2)), Ok(()));
    assert_eq!(world.events.len(), 2);
}

#[test]
fn who_waits_is_connected_and_knows_of_nobody() {
    let mut world = one_waits();
    let welcome = world.welcome(3);
    let itself = welcome.participant.expect("itself");
    let permission = itself.permission.expect("told");
    assert_eq!(itself.attributes["waiting"], "true");
    assert!(!permission.can_subscribe && !permission.can_publish && !permission.can_publish_data);
    let room = welcome.room.expect("the room");
    assert_eq!((room.num_participants, room.num_publishers), (0, 0));
    // What happens in the room while it waits: somebody speaks, changes, goes, comes; the room is locked.
    world.signal(
        2,
        signal_request::Message::UpdateMetadata(UpdateParticipantMetadata {
            name: "Bea".into(),
            ..Default::default()
        }),
    );
    world.signal(2, signal_request::Message::Leave(Default::default()));
    assert_eq!(world.order_by(&holder(1), Do::Lock), Ok(()));
    world.pass(Duration::from_secs(20));
    assert_eq!(known(&world, 3), Vec::<String>::new());
    let names = world.names(3);
    assert!(
        !names.contains(&"room_update") && !names.contains(&"other"),
        "{names:?}"
    );
    // Nor after its connection broke.
    world.handle(Input::SignalClosed {
        connection: ConnectionId(3),
    });
    world.handle(Input::Resume(Box::new(Resume {
        connection: ConnectionId(3),
        ticket: ticket("p3", Some(3)),
        attempt: 0,
        sid: itself.sid,
        sync_state: None,
    })));
    assert_eq!(world.accepted.last(), Some(&3));
    assert_eq!(known(&world, 3), Vec::<String>::new());
}

#[test]
fn who_waits_receives_and_sends_no_media_and_no_data() {
    let mut world = one_waits();
    let [first, second, third] = transports(&world)[..] else {
        panic!("three connections");
    };
    let track = world.seen(2, "p1").expect("told").tracks[0].sid.clone();
    let before = (world.sinks().len(), world.sources().len());
    world.signal(
        3,
        signal_request::Message::Subscription(livekit_protocol::UpdateSubscription {
            track_sids: vec![track],
            subscribe: true,
            ..Default::default()
        }),
    );
    world.signal(3, microphone(ONE_MICROPHONE));
    world.signal(3, camera(ONE_CAMERA));
    world.signal(3, signal_request::Message::Offer(offer(ONE_PUBLISH, 3)));
    world.connect_all();
    assert_eq!((world.sinks().len(), world.sources().len()), before);
    assert!(world.tracks_by_mid(3).is_empty());
    let refused = |name: &&&str| **name == "request_response";
    assert_eq!(world.names(3).iter().filter(refused).count(), 2);
    for to in [&[][..], &["p1"], &["p3"]] {
        say(&mut world, third, message("let me in", to));
        say(&mut world, second, message("who is there", to));
    }
    assert_eq!(messages_to(&world, third), 0);
    // Only what `p2` said reached `p1`: to all, and to itself.
    assert_eq!((messages_to(&world, first), messages_to(&world, second)), (2, 0));
    let rename = UpdateParticipantMetadata {
        attributes: [("waiting".to_owned(), String::new())].into(),
        ..Default::default()
    };
    world.signal(3, signal_request::Message::UpdateMetadata(rename));
    assert_eq!(world.names(3).iter().filter(refused).count(), 3);
    assert_eq!(world.order_by(&holder(3), admit(3)), Err(Denied::NotModerator));
}

#[test]
fn who_was_let_in_is_not_sent_what_was_said_while_it_waited() {
    let mut world = one_waits();
    let made = world.made();
    let publisher_sid = world.sid(1);
    let says = |world: &mut World, sequence| {
        let packet = DataPacket {
            sequence,
            ..DataPacket::decode(message("hush", &[])).expect("a packet")
        };
        say(world, made[0], packet.encode_to_vec().into());
    };
    let claims_to_have_nothing = |world: &mut World| {
        let state = SyncState {
            datachannel_receive_states: vec![DataChannelReceiveState {
                publisher_sid: publisher_sid.clone(),
                last_seq: 0,
            }],
            ..SyncState::default()
        };
        world.signal(3, signal_request::Message::SyncState(state));
        messages_to(world, made[2])
    };
    says(&mut world, 1);
    assert_eq!(claims_to_have_nothing(&mut world), 0);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.order_by(&holder(1), admit(3)), Ok(()));
    assert_eq!(claims_to_have_nothing(&mut world), 0);
    says(&mut world, 2);
    assert_eq!(messages_to(&world, made[2]), 1);
    assert_eq!(claims_to_have_nothing(&mut world), 2);
}

#[test]
fn only_moderators_know_who_waits() {
    let mut world = one_waits();
    assert_eq!(known(&world, 1), ["p2", "p3"]);
    assert_eq!(world.seen(1, "p3").expect("told").attributes["waiting"], "true");
    assert_eq!(known(&world, 2), ["p1"]);
    // One who is made a moderator hears of it, and when it is one no more, that it is gone.
    let promote = Do::Promote { participant: number(2) };
    assert_eq!(world.order_by(&holder(1), promote), Ok(()));
    assert_eq!(world.seen(2, "p3").expect("told").attributes["waiting"], "true");
    let demote = Do::Demote { participant: number(2) };
    assert_eq!(world.order_by(&holder(1), demote), Ok(()));
    let state = livekit_protocol::participant_info::State::Disconnected;
    assert_eq!(world.seen(2, "p3").expect("told").state(), state);
    // Who gives up is gone for the moderator, and was never there for the control plane.
    world.events.clear();
    world.signal(3, signal_request::Message::Leave(Default::default()));
    assert_eq!(world.seen(1, "p3").expect("told").state(), state);
    assert!(world.events.is_empty());
}

#[test]
fn a_guest_cannot_look_like_anything_that_only_the_platform_says() {
    let mut world = one_waits();
    world.sent.clear();
    for (key, value) in [
        ("waiting", "true"),
        ("observer", "true"),
        ("identity", "the boss"),
        ("role", "moderator"),
    ] {
        let change = UpdateParticipantMetadata {
            attributes: [(key.to_owned(), value.to_owned())].into(),
            request_id: 7,
            ..Default::default()
        };
        world.signal(2, signal_request::Message::UpdateMetadata(change));
        let refused = world.last(2, |message| match message {
            Message::RequestResponse(response) => Some((response.request_id, response.reason())),
            _ => None,
        });
        assert_eq!(refused, Some((7, request_response::Reason::NotAllowed)), "{key}");
        world.forget();
    }
    assert!(world.names(1).is_empty());
}

#[test]
fn a_moderator_who_comes_back_hears_of_those_who_waited_and_went_meanwhile() {
    let mut world = one_waits();
    let sid = |world: &World, of| world.sid(of);
    for connection in [1, 2] {
        world.handle(Input::SignalClosed {
            connection: ConnectionId(connection),
        });
    }
    world.signal(3, signal_request::Message::Leave(Default::default()));
    let gone = |world: &World, connection| {
        let told = world.sent.iter().filter(|(to, _)| *to == connection);
        let infos = told.filter_map(|(_, message)| match message {
            Message::Update(update) => Some(&update.participants),
            _ => None,
        });
        infos.flatten().any(|info| info.identity == "p3")
    };
    for (connection, of, ticket) in [(11, 1, leader()), (12, 2, ticket("p2", Some(2)))] {
        let sid = sid(&world, of);
        world.handle(Input::Resume(Box::new(Resume {
            connection: ConnectionId(connection),
            ticket,
            attempt: 0,
            sid,
            sync_state: None,
        })));
    }
    assert!(gone(&world, 11), "{:?}", world.names(11));
    assert!(!gone(&world, 12), "it never knew");
}

#[test]
fn who_is_let_in_sees_all_gets_their_media_and_is_reported() {
    let mut world = one_waits();
    world.pass(Duration::from_secs(5));
    let sinks = world.sinks().len();
    assert_eq!(world.order_by(&holder(1), admit(3)), Ok(()));
    let EventKind::ParticipantJoin { participant, .. } = &world.events[0].kind else {
        panic!("{:?}", world.events);
    };
    assert_eq!(participant.value(), 3);
    assert_eq!(known(&world, 3), ["p1", "p2"]);
    assert_eq!(known(&world, 2), ["p1", "p3"]);
    let info = world.seen(2, "p3").expect("told");
    assert!(!info.attributes.contains_key("waiting"));
    assert!(info.permission.expect("told").can_publish);
    // Its client is asked to offer, and then gets what is published.
    world.signal(3, signal_request::Message::Offer(offer(ONE_JOIN, 4)));
    assert_eq!(world.sinks().len(), sinks + 2);
    // Again is nothing new.
    let events = world.events.len();
    assert_eq!(world.order_by(&holder(1), admit(3)), Ok(()));
    assert_eq!(world.events.len(), events);
    // It does not wait again when it comes back, and its stay is counted from when it was let in.
    world.pass(Duration::from_millis(700));
    world.come(ticket("p3", Some(3)));
    assert!(
        !world
            .welcome(3)
            .participant
            .expect("itself")
            .attributes
            .contains_key("waiting")
    );
    world.signal(3, signal_request::Message::Leave(Default::default()));
    let left = world.events.last().expect("reported");
    assert!(
        matches!(left.kind, EventKind::ParticipantLeave { duration_ms: 700, .. }),
        "{left:?}"
    );
}

#[test]
fn who_is_turned_away_hears_so_and_its_token_opens_nothing() {
    let mut world = one_waits();
    assert_eq!(world.order_by(&holder(1), reject(3)), Ok(()));
    assert_eq!(
        world.leave(3),
        Some((DisconnectReason::UserRejected, Action::Disconnect))
    );
    assert!(world.events.is_empty());
    world.come(ticket("p3", Some(3)));
    assert_eq!(world.refused, [(3, Refusal::Because(Reason::Rejected))]);
    assert_eq!(world.order_by(&holder(1), reject(3)), Err(Denied::NoParticipant));
    // Who is in is removed, not rejected; who waits is let in or turned away before anything else.
    assert_eq!(world.order_by(&holder(1), reject(2)), Err(Denied::Waiting));
    world.come(ticket("p4", Some(4)));
    for action in [
        Do::Mute { participant: number(4) },
        Do::AskUnmute { participant: number(4) },
        Do::CameraOff { participant: number(4) },
        Do::Promote { participant: number(4) },
        Do::Demote { participant: number(4) },
    ] {
        assert_eq!(world.order_by(&holder(1), action), Err(Denied::Waiting), "{action:?}");
    }
    // Nor is it asked with all others.
    world.transports.clear();
    assert_eq!(world.order_by(&holder(1), Do::UnmuteAll), Ok(()));
    let asked = world
        .transports
        .iter()
        .filter(|command| matches!(command, TransportCommand::Send { .. }));
    assert_eq!(asked.count(), 1);
}

#[test]
fn as_many_wait_as_may_be_in_and_nobody_is_let_into_a_full_room() {
    let mut world = one_waits();
    for n in 4..=6 {
        world.come(ticket(&format!("p{n}"), Some(n)));
    }
    assert_eq!(world.refused, [(6, Refusal::Because(Reason::Full))]);
    assert_eq!(world.order(admit(3)), Ok(()));
    assert_eq!(world.order(admit(4)), Err(Denied::Full));
    assert_eq!(world.order(admit(9)), Err(Denied::NoParticipant));
    // A locked room is closed to those who would knock, not to those who wait.
    assert_eq!(world.order(Do::Lock), Ok(()));
    world.come(ticket("p7", Some(7)));
    assert_eq!(world.refused.last(), Some(&(7, Refusal::Because(Reason::Locked))));
    world.signal(2, signal_request::Message::Leave(Default::default()));
    assert_eq!(world.order(admit(4)), Ok(()));
}

#[test]
fn all_who_wait_are_let_in_by_one_order() {
    let many = RoomSettings {
        max_participants: 100,
        ..with_waiting_room()
    };
    let mut world = opened_by(many, [leader()]);
    for n in 2..=61 {
        world.come(ticket(&format!("p{n}"), Some(n)));
    }
    world.events.clear();
    assert_eq!(world.order_by(&holder(2), Do::AdmitAll), Err(Denied::NotModerator));
    assert_eq!(world.order_by(&holder(1), Do::AdmitAll), Ok(()));
    let joined: Vec<u32> = world
        .events
        .iter()
        .filter_map(|event| match event.kind {
            EventKind::ParticipantJoin { participant, .. } => Some(participant.value()),
            _ => None,
        })
        .collect();
    assert_eq!(joined, (2..=61).collect::<Vec<_>>());
    assert_eq!(world.order_by(&holder(1), Do::AdmitAll), Ok(()), "nobody waits");
}

#[test]
fn all_who_fit_are_let_in() {
    let mut world = one_waits();
    world.come(ticket("p4", Some(4)));
    world.events.clear();
    assert_eq!(world.order_by(&holder(1), Do::AdmitAll), Err(Denied::Full));
    assert!(
        matches!(world.events[..], [Event { kind: EventKind::ParticipantJoin { participant, .. }, .. }] if participant.value() == 3)
    );
}

#[test]
fn a_room_where_somebody_waits_stays_open_and_ends_for_them_too() {
    let mut world = opened_by(with_waiting_room(), [ticket("p2", Some(2))]);
    world.pass(Duration::from_secs(60));
    assert!(world.left.is_empty() && world.events.is_empty());
    world.come(leader());
    assert_eq!(known(&world, 1), ["p2"]);
    assert_eq!(world.order_by(&holder(1), Do::End { reason: Reason::Ended }), Ok(()));
    assert_eq!(
        world.leave(2),
        Some((DisconnectReason::RoomDeleted, Action::Disconnect))
    );
}
