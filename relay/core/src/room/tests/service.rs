use livekit_protocol::{
    CreateRoomRequest, DisconnectReason, ListRoomsRequest, MuteRoomTrackRequest, ParticipantPermission,
    RoomParticipantIdentity, SendDataRequest, UpdateParticipantRequest, UpdateRoomMetadataRequest,
    UpdateSubscriptionsRequest, data_packet::Value, leave_request::Action,
};
use prost::Message as _;

use super::*;

/// `a` watches `b`, who publishes microphone and camera.
fn pair() -> World {
    let mut world = World::new();
    world.enter(1, "a", Mode::Dual);
    world.enter(2, "b", Mode::Single);
    world.publish(2);
    world.answer(1);
    world.connect_all();
    world.forget();
    world
}

fn who(identity: &str) -> RoomParticipantIdentity {
    RoomParticipantIdentity {
        room: "room".into(),
        identity: identity.into(),
        ..RoomParticipantIdentity::default()
    }
}

fn tracks_of_b(world: &mut World) -> Vec<livekit_protocol::TrackInfo> {
    let info = world.control.get_participant(world.now(), &who("b"));
    info.expect("there").tracks
}

fn mute(sid: &str, muted: bool) -> MuteRoomTrackRequest {
    MuteRoomTrackRequest {
        room: "room".into(),
        identity: "b".into(),
        track_sid: sid.into(),
        muted,
    }
}

#[test]
fn a_room_is_opened_before_anybody_joins_and_closes_if_nobody_does() {
    let mut world = World::new();
    let request = CreateRoomRequest {
        name: "room".into(),
        metadata: "m0".into(),
        max_participants: 2,
        empty_timeout: 60,
        ..CreateRoomRequest::default()
    };
    let info = world.control.create_room(world.now(), request.clone()).expect("made");
    assert_eq!(
        (info.name.as_str(), info.metadata.as_str(), info.max_participants),
        ("room", "m0", 2)
    );
    // Again is no other room.
    let again = world.control.create_room(world.now(), request).expect("there");
    assert_eq!(again.sid, info.sid);
    world.pass(Duration::from_secs(59));
    world.enter(1, "a", Mode::Single);
    let told = world.welcome(1).room.expect("told");
    assert_eq!((told.sid, told.metadata.as_str()), (info.sid, "m0"));
    assert_eq!(world.control.list_rooms(&ListRoomsRequest::default()).rooms.len(), 1);

    let mut world = World::new();
    let request = CreateRoomRequest {
        name: "room".into(),
        empty_timeout: 60,
        ..CreateRoomRequest::default()
    };
    world.control.create_room(world.now(), request).expect("made");
    world.pass(Duration::from_secs(61));
    assert!(world.control.list_rooms(&ListRoomsRequest::default()).rooms.is_empty());
}

#[test]
fn times_that_are_left_out_are_those_of_the_peer() {
    let mut world = World::new();
    let request = CreateRoomRequest {
        name: "room".into(),
        departure_timeout: 40,
        ..CreateRoomRequest::default()
    };
    let info = world.control.create_room(world.now(), request).expect("made");
    assert_eq!((info.empty_timeout, info.departure_timeout), (300, 40));
    let in_it = |world: &mut World| {
        let request = livekit_protocol::ListParticipantsRequest { room: "room".into() };
        let now = world.now();
        world
            .control
            .list_participants(now, &request)
            .expect("answered")
            .participants
            .len()
    };
    world.pass(Duration::from_secs(299));
    world.enter(1, "a", Mode::Single);
    assert_eq!(in_it(&mut world), 1);
    world.handle(Input::SignalClosed {
        connection: ConnectionId(1),
    });
    world.pass(Duration::from_secs(15 + 39));
    assert_eq!(world.control.list_rooms(&ListRoomsRequest::default()).rooms.len(), 1);
    world.pass(Duration::from_secs(2));
    assert!(world.control.list_rooms(&ListRoomsRequest::default()).rooms.is_empty());
    assert_eq!(in_it(&mut world), 0, "nobody is in a room that is not there");
}

#[test]
fn what_cannot_be_is_refused() {
    let mut world = pair();
    let now = world.now();
    let named = |name: String| CreateRoomRequest {
        name,
        ..CreateRoomRequest::default()
    };
    for name in [String::new(), "x".repeat(257)] {
        assert!(matches!(
            world.control.create_room(now, named(name)),
            Err(Failure::Invalid(_))
        ));
    }
    assert!(matches!(
        world.control.get_participant(now, &who("nobody")),
        Err(Failure::NotFound(_))
    ));
    assert!(matches!(
        world.control.mute_published_track(now, &mute("TR_none", true)),
        Err(Failure::NotFound(_))
    ));
    let long = UpdateRoomMetadataRequest {
        room: "room".into(),
        metadata: "x".repeat(65_537),
    };
    assert!(matches!(
        world.control.update_room_metadata(now, long),
        Err(Failure::Invalid(_))
    ));
    // As many rooms as participants, and no more.
    for n in 1..100 {
        world
            .control
            .create_room(now, named(format!("r{n}")))
            .expect("room for it");
    }
    assert_eq!(
        world.control.create_room(now, named("one more".into())),
        Err(Failure::Exhausted)
    );
}

#[test]
fn meetings_are_out_of_reach() {
    let mut world = World::new();
    let meeting_ticket = ticket("p1", Some(1));
    world.handle(Input::Join(Box::new(join(1, meeting_ticket, Mode::Single))));
    world.handle(Input::Entered {
        room: meeting(),
        answer: opens(settings()),
    });
    assert_eq!(world.accepted, [1]);
    assert!(world.control.list_rooms(&ListRoomsRequest::default()).rooms.is_empty());
    let request = RoomParticipantIdentity {
        room: meeting().to_string(),
        identity: "p1".into(),
        ..RoomParticipantIdentity::default()
    };
    let now = world.now();
    assert!(world.control.get_participant(now, &request).is_err());
    assert!(world.control.remove_participant(now, &request).is_err());
    let delete = livekit_protocol::DeleteRoomRequest {
        room: meeting().to_string(),
    };
    assert!(world.control.delete_room(now, &delete).is_err());
    world.drain();
    assert!(world.closed.is_empty());
}

#[test]
fn a_track_is_muted_for_all_but_not_unmuted() {
    let mut world = pair();
    let sid = tracks_of_b(&mut world)[0].sid.clone();
    let answer = world.control.mute_published_track(world.now(), &mute(&sid, true));
    assert!(answer.expect("muted").track.expect("the track").muted);
    world.drain();
    assert!(world.sent.iter().any(|(to, message)| {
        *to == 2 && matches!(message, Message::Mute(order) if order.sid == sid && order.muted)
    }));
    assert!(world.seen(1, "b").expect("told").tracks[0].muted);
    assert!(
        world
            .forward
            .iter()
            .any(|command| matches!(command, forward::Command::SourceMute { muted: true, .. }))
    );
    assert!(matches!(
        world.control.mute_published_track(world.now(), &mute(&sid, false)),
        Err(Failure::Refused(_))
    ));
}

#[test]
fn who_muted_itself_first_unmutes_itself() {
    let mut world = pair();
    let sid = tracks_of_b(&mut world)[0].sid.clone();
    let own = |world: &mut World, muted| {
        let request = livekit_protocol::MuteTrackRequest {
            sid: sid.clone(),
            muted,
        };
        world.signal(2, signal_request::Message::Mute(request));
    };
    // Before any media of it has come.
    own(&mut world, true);
    let answer = world.control.mute_published_track(world.now(), &mute(&sid, true));
    assert!(answer.expect("so already").track.expect("the track").muted);
    world.drain();
    own(&mut world, false);
    assert!(!world.seen(1, "b").expect("told").tracks[0].muted);
}

#[test]
fn who_may_publish_no_more_loses_its_tracks() {
    let mut world = pair();
    let request = UpdateParticipantRequest {
        room: "room".into(),
        identity: "b".into(),
        metadata: "mb".into(),
        permission: Some(ParticipantPermission {
            can_subscribe: true,
            can_publish: true,
            can_publish_sources: vec![TrackSource::Microphone.into()],
            ..ParticipantPermission::default()
        }),
        ..UpdateParticipantRequest::default()
    };
    let info = world.control.update_participant(world.now(), request).expect("changed");
    world.drain();
    assert_eq!((info.metadata.as_str(), info.tracks.len()), ("mb", 1));
    let seen = world.seen(1, "b").expect("told");
    assert_eq!((seen.metadata.as_str(), seen.tracks.len()), ("mb", 1));
    assert!(!seen.permission.expect("told").can_publish_data);
    assert!(
        world
            .sent
            .iter()
            .any(|(to, message)| *to == 2 && matches!(message, Message::TrackUnpublished(_)))
    );
    world.forget();
    world.signal(2, camera("another"));
    assert_eq!(world.names(2), ["request_response"]);
}

/// Whether `a` may subscribe from now on.
fn may_subscribe(world: &mut World, can_subscribe: bool) {
    let request = UpdateParticipantRequest {
        room: "room".into(),
        identity: "a".into(),
        permission: Some(ParticipantPermission {
            can_subscribe,
            ..ParticipantPermission::default()
        }),
        ..UpdateParticipantRequest::default()
    };
    world.control.update_participant(world.now(), request).expect("changed");
    world.drain();
}

#[test]
fn who_may_subscribe_no_more_gets_nothing_until_it_may_again() {
    let mut world = pair();
    may_subscribe(&mut world, false);
    let stopped = |command: &&forward::Command| matches!(command, forward::Command::SinkRemove { .. });
    assert_eq!(world.forward.iter().filter(stopped).count(), 2);
    world.answer(1);
    world.forget();
    let update = UpdateSubscriptionsRequest {
        room: "room".into(),
        identity: "a".into(),
        track_sids: tracks_of_b(&mut world).into_iter().map(|track| track.sid).collect(),
        subscribe: true,
        ..UpdateSubscriptionsRequest::default()
    };
    world.control.update_subscriptions(world.now(), update).expect("known");
    world.drain();
    assert!(!world.names(1).contains(&"offer"));
    may_subscribe(&mut world, true);
    world.answer(1);
    assert_eq!(world.sinks().len(), 2);
}

#[test]
fn what_was_wanted_before_is_wanted_after_subscribing_was_not_allowed() {
    let mut world = pair();
    let [sound, picture] = [0, 1].map(|n| tracks_of_b(&mut world)[n].sid.clone());
    world.signal(
        1,
        signal_request::Message::TrackSetting(livekit_protocol::UpdateTrackSettings {
            track_sids: vec![picture],
            width: 1280,
            height: 720,
            ..Default::default()
        }),
    );
    world.signal(
        1,
        signal_request::Message::Subscription(livekit_protocol::UpdateSubscription {
            track_sids: vec![sound],
            subscribe: false,
            ..Default::default()
        }),
    );
    world.answer(1);
    for can_subscribe in [false, true] {
        world.forget();
        may_subscribe(&mut world, can_subscribe);
        world.answer(1);
    }
    let sizes: Vec<u32> = world.sinks().iter().map(|(_, _, want)| want.width).collect();
    assert_eq!(sizes, [1280]);
}

#[test]
fn data_from_the_server_reaches_those_named() {
    let mut world = pair();
    let request = |destinations: &[&str]| SendDataRequest {
        room: "room".into(),
        data: b"hello".to_vec(),
        destination_identities: destinations.iter().map(|one| (*one).to_owned()).collect(),
        topic: Some("x".into()),
        ..SendDataRequest::default()
    };
    let mut sent = |destinations: &[&str]| {
        world.forget();
        world
            .control
            .send_data(world.now(), request(destinations))
            .expect("sent");
        world.drain();
        let payloads = world.transports.iter().filter_map(|command| match command {
            TransportCommand::Send { data, .. } => livekit_protocol::DataPacket::decode(data.clone()).ok()?.value,
            _ => None,
        });
        payloads
            .filter(|value| matches!(value, Value::User(user) if user.payload == b"hello" && user.topic() == "x"))
            .count()
    };
    assert_eq!([sent(&[]), sent(&["b"]), sent(&["nobody"])], [2, 1, 0]);
}

#[test]
fn removed_and_deleted_are_told_apart_and_a_removed_one_may_come_back() {
    let mut world = pair();
    world.control.remove_participant(world.now(), &who("b")).expect("there");
    world.drain();
    assert_eq!(
        world.leave(2),
        Some((DisconnectReason::ParticipantRemoved, Action::Disconnect))
    );
    world.enter(3, "b", Mode::Single);
    assert!(world.accepted.contains(&3));
    let delete = livekit_protocol::DeleteRoomRequest { room: "room".into() };
    world.control.delete_room(world.now(), &delete).expect("there");
    world.drain();
    assert_eq!(
        world.leave(1),
        Some((DisconnectReason::RoomDeleted, Action::Disconnect))
    );
    assert_eq!(
        world.leave(3),
        Some((DisconnectReason::RoomDeleted, Action::Disconnect))
    );
    // The name is free for another room.
    world.enter(4, "a", Mode::Single);
    assert!(world.accepted.contains(&4));
}

#[test]
fn what_somebody_changes_of_itself_is_told_before_it_is_acknowledged() {
    let mut world = pair();
    world.signal(
        1,
        signal_request::Message::UpdateMetadata(livekit_protocol::UpdateParticipantMetadata {
            name: "Ann".into(),
            request_id: 7,
            ..Default::default()
        }),
    );
    assert_eq!(world.names(1), ["update", "request_response"]);
    assert_eq!(world.seen(2, "a").expect("told").name, "Ann");
}
