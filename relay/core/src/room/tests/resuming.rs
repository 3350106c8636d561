use domain::Reason;
use livekit_protocol::{
    DataChannelReceiveState, DataPacket, DisconnectReason, ParticipantPermission, SyncState, TrackPublishedResponse,
    UpdateParticipantMetadata, UpdateParticipantRequest, UpdateSubscription, UserPacket, data_packet::Value,
    leave_request::Action, request_response,
};
use prost::Message as _;

use super::*;

fn resume(world: &World, connection: u64, of: u64, identity: &str) -> Input {
    let sid = world.sid(of);
    Input::Resume(Box::new(Resume {
        connection: ConnectionId(connection),
        ticket: ticket(identity, None),
        attempt: 0,
        sid,
        sync_state: None,
    }))
}

#[test]
fn who_comes_back_hears_first_that_it_may_go_on() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Single);
    world.enter(2, "b", Mode::Single);
    world.handle(Input::SignalClosed {
        connection: ConnectionId(2),
    });
    let back = resume(&world, 3, 2, "b");
    world.handle(back);
    assert_eq!(world.accepted.last(), Some(&3));
    assert_eq!(world.names(3), ["reconnect", "update", "room_update", "refresh_token"]);
    world.pass(Duration::from_secs(60));
    assert_eq!(world.control.census().participants, 2);
}

#[test]
fn a_connection_that_was_given_up_takes_the_session_from_no_later_one() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Single);
    let back = |world: &World, connection, attempt| {
        let Input::Resume(back) = resume(world, connection, 1, "a") else {
            panic!("a resume")
        };
        Input::Resume(Box::new(Resume { attempt, ..*back }))
    };
    let (earlier, later) = (back(&world, 2, 20), back(&world, 3, 30));
    world.handle(later);
    // What the page had begun arrives behind what took its place.
    world.handle(earlier);
    assert_eq!(world.refused, [(2, Refusal::Because(Reason::Duplicate))]);
    assert_eq!(world.closed, [1]);
    // One that does not count goes on as ever.
    let uncounted = back(&world, 4, 0);
    world.handle(uncounted);
    assert_eq!(world.accepted, [1, 3, 4]);
    assert_eq!(world.closed, [1, 3]);
}

#[test]
fn what_was_said_of_its_tracks_meanwhile_is_said_again() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Single);
    world.enter(2, "b", Mode::Single);
    world.publish(2);
    world.media_comes();
    world.handle(Input::SignalClosed {
        connection: ConnectionId(2),
    });
    let tracks = world.seen(1, "b").expect("told").tracks;
    let sid = |source| {
        tracks
            .iter()
            .find(|track| track.source() == source)
            .expect("published")
            .sid
            .clone()
    };
    for (source, _) in world
        .sources()
        .into_iter()
        .map(|(id, spec)| (*id, spec.codec))
        .collect::<Vec<_>>()
    {
        world.handle(Input::Forward(forward::Event::LayerWanted {
            source,
            highest: Some(1),
        }));
    }
    let request = livekit_protocol::MuteRoomTrackRequest {
        room: "room".into(),
        identity: "b".into(),
        track_sid: sid(TrackSource::Microphone),
        muted: true,
    };
    world
        .control
        .mute_published_track(world.now(), &request)
        .expect("muted");
    world.drain();
    let back = resume(&world, 3, 2, "b");
    world.handle(back);
    let wanted = world.last(3, |message| match message {
        Message::SubscribedQualityUpdate(update) => Some(update.track_sid.clone()),
        _ => None,
    });
    assert_eq!(wanted, Some(sid(TrackSource::Camera)));
    let mute = world.last(3, |message| match message {
        Message::Mute(order) => Some((order.sid.clone(), order.muted)),
        _ => None,
    });
    assert_eq!(mute, Some((sid(TrackSource::Microphone), true)));
}

/// Lets the server change what `identity` may do in the room.
fn permit(world: &mut World, identity: &str, sources: &[TrackSource]) {
    let request = UpdateParticipantRequest {
        room: "room".into(),
        identity: identity.into(),
        permission: Some(ParticipantPermission {
            can_subscribe: true,
            can_publish: true,
            can_publish_sources: sources.iter().map(|source| (*source).into()).collect(),
            ..ParticipantPermission::default()
        }),
        ..UpdateParticipantRequest::default()
    };
    world.control.update_participant(world.now(), request).expect("changed");
    world.drain();
}

/// Somebody comes back before the relay noticed that its signalling was away, and says what it believes.
fn resume_with(world: &mut World, connection: u64, of: (u64, &str), state: SyncState) {
    let Input::Resume(mut back) = resume(world, connection, of.0, of.1) else {
        panic!("a resume")
    };
    back.sync_state = Some(state);
    world.handle(Input::Resume(back));
}

#[test]
fn sections_that_were_asked_for_on_a_dead_connection_are_asked_for_again() {
    let mut world = World::new();
    let mut without_sections = join(1, ticket("a", None), Mode::Single);
    without_sections.offer = Some(offer(PUBLISHER_DATA, 1));
    world.handle(Input::Join(Box::new(without_sections)));
    world.connect_all();
    world.enter(2, "b", Mode::Single);
    world.publish(2);
    let asked = |world: &World, connection| {
        world.last(connection, |message| match message {
            Message::MediaSectionsRequirement(more) => Some((more.num_audios, more.num_videos)),
            _ => None,
        })
    };
    assert_eq!(asked(&world, 1), Some((1, 1)));
    let back = resume(&world, 3, 1, "a");
    world.handle(back);
    assert_eq!(asked(&world, 3), Some((1, 1)));
}

#[test]
fn who_does_not_know_that_its_track_was_taken_hears_it_when_it_comes_back() {
    let mut world = World::published();
    let tracks = world.seen(1, "b").expect("told").tracks;
    permit(&mut world, "b", &[TrackSource::Camera]);
    permit(&mut world, "b", &[]);
    let believed = tracks.iter().map(|track| TrackPublishedResponse {
        cid: String::new(),
        track: Some(track.clone()),
    });
    let state = SyncState {
        publish_tracks: believed.collect(),
        ..SyncState::default()
    };
    resume_with(&mut world, 4, (2, "b"), state);
    let taken: Vec<&str> = world
        .sent
        .iter()
        .filter_map(|(to, message)| match message {
            Message::TrackUnpublished(taken) if *to == 4 => Some(taken.track_sid.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(taken, [tracks[0].sid.as_str()]);
}

#[test]
fn a_section_of_a_track_that_was_taken_is_no_other_track() {
    let mut world = World::published();
    permit(&mut world, "b", &[TrackSource::Camera]);
    permit(&mut world, "b", &[]);
    world.forget();
    let signal_request::Message::AddTrack(request) = microphone("sound of the screen") else {
        panic!("an announcement")
    };
    world.signal(
        2,
        signal_request::Message::AddTrack(AddTrackRequest {
            source: TrackSource::ScreenShareAudio.into(),
            ..request
        }),
    );
    // Nor when its client offers for another reason before it has stopped the microphone.
    world.signal(2, signal_request::Message::Offer(offer(ONE_PUBLISH, 4)));
    assert!(world.sources().is_empty());
    // The microphone itself may come back in it.
    world.signal(2, microphone(ONE_MICROPHONE));
    assert_eq!(world.sources().len(), 1);
}

#[test]
fn what_is_wanted_of_others_is_made_good() {
    let mut world = World::published();
    let tracks = world.seen(1, "b").expect("told").tracks;
    world.forward.clear();
    let state = SyncState {
        subscription: Some(UpdateSubscription {
            track_sids: vec![tracks[0].sid.clone()],
            subscribe: false,
            ..UpdateSubscription::default()
        }),
        track_sids_disabled: vec![tracks[1].sid.clone()],
        ..SyncState::default()
    };
    resume_with(&mut world, 4, (1, "a"), state);
    let stopped = |command: &&forward::Command| matches!(command, forward::Command::SinkRemove { .. });
    assert_eq!(world.forward.iter().filter(stopped).count(), 1);
    let shown = world.forward.iter().find_map(|command| match command {
        forward::Command::SinkSet { want, .. } => Some(want.enabled),
        _ => None,
    });
    assert_eq!(shown, Some(false));
}

#[test]
fn with_two_connections_the_server_restarts_ice_on_its_own() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Dual);
    world.handle(Input::SignalClosed {
        connection: ConnectionId(1),
    });
    let before = world.transports.len();
    let back = resume(&world, 2, 1, "a");
    world.handle(back);
    assert!(world.names(2).contains(&"offer"));
    assert!(
        world.transports[before..]
            .iter()
            .any(|command| matches!(command, TransportCommand::RestartIce { .. }))
    );
}

#[test]
fn an_ice_restart_of_the_client_is_answered_with_new_credentials() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Single);
    world.forget();
    let restarted = ONE_JOIN
        .replace("a=ice-ufrag:", "a=ice-ufrag:new")
        .replace("a=ice-pwd:", "a=ice-pwd:new");
    world.signal(1, signal_request::Message::Offer(offer(&restarted, 2)));
    assert!(
        world
            .transports
            .iter()
            .any(|command| matches!(command, TransportCommand::RestartIce { .. }))
    );
    assert!(
        world
            .transports
            .iter()
            .any(|command| matches!(command, TransportCommand::Remote { .. }))
    );
}

#[test]
fn an_unknown_session_begins_anew() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Single);
    let stranger = Input::Resume(Box::new(Resume {
        connection: ConnectionId(2),
        ticket: ticket("b", None),
        attempt: 0,
        sid: "PA_x".into(),
        sync_state: None,
    }));
    world.handle(stranger);
    assert_eq!(
        world.leave(2),
        Some((DisconnectReason::StateMismatch, Action::Reconnect))
    );
    assert_eq!(world.names(2), ["leave"]);
    // Another identity does not take over a session whose name it has heard.
    let theft = resume(&world, 3, 1, "b");
    world.handle(theft);
    assert_eq!(world.names(3), ["leave"]);
}

#[test]
fn missed_reliable_messages_are_sent_again() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Single);
    world.enter(2, "b", Mode::Single);
    let publisher = world.sid(1);
    for sequence in 1..=3 {
        let packet = DataPacket {
            sequence,
            value: Some(Value::User(UserPacket::default())),
            ..DataPacket::default()
        };
        world.handle(Input::Transport(TransportEvent::Data {
            id: TransportId(3),
            label: Arc::from("_reliable"),
            data: packet.encode_to_vec().into(),
        }));
    }
    world.forget();
    let state = SyncState {
        datachannel_receive_states: vec![DataChannelReceiveState {
            publisher_sid: publisher,
            last_seq: 1,
        }],
        ..SyncState::default()
    };
    world.signal(2, signal_request::Message::SyncState(state));
    assert_eq!(
        world
            .transports
            .iter()
            .filter(|command| matches!(command, TransportCommand::Send { .. }))
            .count(),
        2
    );
}

/// Says something on the reliable channel of the transport that was made as the `n`-th.
fn say(world: &mut World, n: usize, sequence: u32, text: &str, to: &[String]) {
    let packet = DataPacket {
        sequence,
        destination_identities: to.to_vec(),
        value: Some(Value::User(UserPacket {
            payload: text.into(),
            ..UserPacket::default()
        })),
        ..DataPacket::default()
    };
    let id = world.made()[n];
    world.handle(Input::Transport(TransportEvent::Data {
        id,
        label: Arc::from("_reliable"),
        data: packet.encode_to_vec().into(),
    }));
}

/// What the relay says on reliable channels, in order: by which transport, whose number, and what.
fn said(world: &World) -> Vec<(TransportId, String, u32, String)> {
    let commands = world.transports.iter();
    let said = commands.filter_map(|command| match command {
        TransportCommand::Send { id, label, data } if &**label == "_reliable" => {
            let packet = DataPacket::decode(data.clone()).expect("a packet");
            let Some(Value::User(user)) = packet.value else {
                panic!("no text");
            };
            let text = String::from_utf8(user.payload).expect("text");
            Some((*id, packet.participant_identity, packet.sequence, text))
        }
        _ => None,
    });
    said.collect()
}

/// `c` comes back and says up to which number of whom it has got everything.
fn comes_back(world: &mut World, has: &[(&str, u32)]) {
    let Input::Resume(mut back) = resume(world, 4, 3, "c") else {
        panic!("a resume");
    };
    let states = has.iter().map(|(sid, last_seq)| DataChannelReceiveState {
        publisher_sid: (*sid).to_owned(),
        last_seq: *last_seq,
    });
    back.sync_state = Some(SyncState {
        datachannel_receive_states: states.collect(),
        ..SyncState::default()
    });
    world.handle(Input::SignalClosed {
        connection: ConnectionId(3),
    });
    world
        .transports
        .retain(|command| !matches!(command, TransportCommand::Send { .. }));
    world.handle(Input::Resume(back));
}

#[test]
fn who_comes_back_gets_of_what_was_said_what_it_has_not_got_and_nothing_for_others() {
    for mode in [Mode::Single, Mode::Dual] {
        let mut world = World::new();
        world.enter(1, "a", Mode::Single);
        world.enter(2, "b", Mode::Single);
        world.enter(3, "c", mode);
        let [a, b, c] = [1, 2, 3].map(|connection| world.sid(connection));
        let to = |one: &str| [one.to_owned()];
        say(&mut world, 0, 1, "had", &[]);
        say(&mut world, 0, 2, "had, the last", &[]);
        say(&mut world, 0, 3, "to all", &[]);
        say(&mut world, 0, 4, "to b alone", &to("b"));
        say(&mut world, 0, 5, "to c", &to("c"));
        say(&mut world, 0, 6, "to c by its sid", &to(&c));
        say(&mut world, 0, 7, "to b by its sid", &to(&b));
        // Without a number nobody can say that it was missed.
        say(&mut world, 0, 0, "not counted", &[]);
        say(&mut world, 1, 1, "all of b's", &[]);
        // Its own does not come back, whatever it claims.
        say(&mut world, 2, 1, "by c", &[]);
        comes_back(&mut world, &[(&a, 2), (&b, 0), (&c, 0), ("PA_unknown", 0)]);
        let receiving = *world.made().last().expect("c's");
        let expected = [
            (receiving, "a".to_owned(), 3, "to all".to_owned()),
            (receiving, "a".to_owned(), 5, "to c".to_owned()),
            (receiving, "a".to_owned(), 6, "to c by its sid".to_owned()),
            (receiving, "b".to_owned(), 1, "all of b's".to_owned()),
        ];
        assert_eq!(said(&world), expected, "{mode:?}");
        // Who has everything gets nothing, and nothing comes from whom it does not name.
        comes_back(&mut world, &[(&a, 7)]);
        assert_eq!(said(&world), []);
    }
}

#[test]
fn who_comes_late_does_not_get_what_was_said_before() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Single);
    world.enter(2, "b", Mode::Single);
    let a = world.sid(1);
    say(&mut world, 0, 1, "before", &[]);
    world.pass(Duration::from_secs(1));
    world.enter(3, "c", Mode::Single);
    say(&mut world, 0, 2, "after", &[]);
    comes_back(&mut world, &[(&a, 0)]);
    let texts: Vec<String> = said(&world).into_iter().map(|(.., text)| text).collect();
    assert_eq!(texts, ["after"]);
}

#[test]
fn own_metadata_is_changed_by_those_who_may() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Single);
    let update = |attributes: &[(&str, &str)]| {
        signal_request::Message::UpdateMetadata(UpdateParticipantMetadata {
            metadata: "m".into(),
            attributes: attributes
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            request_id: 7,
            ..UpdateParticipantMetadata::default()
        })
    };
    world.signal(1, update(&[("hand", "up")]));
    let info = world.seen(1, "a").expect("told");
    assert_eq!(
        (info.metadata.as_str(), info.attributes.get("hand").map(String::as_str)),
        ("m", Some("up"))
    );
    // In rooms of classic keys all attributes are the applications'.
    world.signal(1, update(&[("role", "moderator")]));
    let response = world.last(1, |message| match message {
        Message::RequestResponse(response) => Some((response.request_id, response.reason())),
        _ => None,
    });
    assert_eq!(response, Some((7, request_response::Reason::Ok)));
    assert_eq!(world.seen(1, "a").expect("told").attributes["role"], "moderator");
}
