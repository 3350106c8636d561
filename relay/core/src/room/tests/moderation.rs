use domain::{Reason, relay::EventKind};
use livekit_protocol::{DataPacket, MuteTrackRequest, data_packet::Value};
use prost::Message as _;

use super::*;

/// `p1` leads; `p2` publishes microphone and camera, and `p3` looks on.
fn led() -> World {
    led_in(settings())
}

fn led_in(settings: RoomSettings) -> World {
    let leader = Ticket {
        moderator: true,
        attributes: BTreeMap::from([("role".to_owned(), "moderator".to_owned())]),
        ..ticket("p1", Some(1))
    };
    let mut world = opened_by(settings, [leader, ticket("p2", Some(2)), ticket("p3", Some(3))]);
    world.publish(2);
    world.media_comes();
    world.pass(Duration::from_secs(2));
    world.forget();
    world
}

fn one(participant: u32) -> ParticipantNumber {
    number(participant)
}

/// Whether `p2`'s sound and picture are muted, as `p3` sees them; a track that is gone counts as neither.
fn muted(world: &World) -> Vec<(TrackSource, bool)> {
    let info = world.seen(3, "p2").expect("told");
    info.tracks.iter().map(|track| (track.source(), track.muted)).collect()
}

fn sid_of(world: &World, source: TrackSource) -> String {
    let info = world.seen(3, "p2").expect("told");
    let track = info.tracks.iter().find(|track| track.source() == source);
    track.expect("published").sid.clone()
}

/// Orders to mute that a client got.
fn mutes(world: &World, connection: u64) -> usize {
    let to = |(to, message): &&(u64, Message)| *to == connection && matches!(message, Message::Mute(_));
    world.sent.iter().filter(to).count()
}

fn rules(world: &World, connection: u64) -> String {
    world
        .last(connection, |message| match message {
            Message::RoomUpdate(update) => update.room.as_ref().map(|room| room.metadata.clone()),
            _ => None,
        })
        .unwrap_or_default()
}

/// What `connection` was last told of the rights of `identity`.
fn sources(world: &World, connection: u64, identity: &str) -> Vec<TrackSource> {
    let info = world.seen(connection, identity).expect("told");
    info.permission.expect("told").can_publish_sources().collect()
}

/// The wishes that people unmute: for how many, and who has them.
fn asked(world: &World) -> Vec<String> {
    let packets = world.transports.iter().filter_map(|command| match command {
        TransportCommand::Send { data, .. } => DataPacket::decode(data.clone()).ok(),
        _ => None,
    });
    packets
        .filter_map(|packet| match packet.value {
            Some(Value::User(user)) if user.topic() == ASK_UNMUTE && packet.participant_identity.is_empty() => {
                String::from_utf8(user.payload).ok()
            }
            _ => None,
        })
        .collect()
}

#[test]
fn a_mute_silences_and_is_seen_and_may_be_undone() {
    let mut world = led();
    let mute = Do::Mute { participant: one(2) };
    assert_eq!(world.order_by(&holder(1), mute), Ok(()));
    assert_eq!(
        muted(&world),
        [(TrackSource::Microphone, true), (TrackSource::Camera, false)]
    );
    assert_eq!(mutes(&world, 2), 1);
    let silenced = |command: &&forward::Command| {
        matches!(
            command,
            forward::Command::SourceMute {
                muted: true,
                ordered: true,
                ..
            }
        )
    };
    assert_eq!(world.forward.iter().filter(silenced).count(), 1);
    // Again is nothing new.
    assert_eq!(world.order_by(&holder(1), mute), Ok(()));
    assert_eq!(mutes(&world, 2), 1);
    let unmute = MuteTrackRequest {
        sid: sid_of(&world, TrackSource::Microphone),
        muted: false,
    };
    world.signal(2, signal_request::Message::Mute(unmute));
    assert_eq!(muted(&world)[0], (TrackSource::Microphone, false));
}

#[test]
fn a_camera_that_its_client_calls_muted_is_held_to_that_by_an_order() {
    let mut world = led();
    assert_eq!(world.order(Do::Mute { participant: one(2) }), Ok(()));
    let camera = sid_of(&world, TrackSource::Camera);
    world.signal(2, says(&camera, true));
    world.forget();
    let off = Do::CameraOff { participant: one(2) };
    let ordered = |world: &World| {
        let ordered = |command: &&forward::Command| {
            matches!(
                command,
                forward::Command::SourceMute {
                    muted: true,
                    ordered: true,
                    ..
                }
            )
        };
        world.forward.iter().filter(ordered).count()
    };
    for _ in 0..2 {
        assert_eq!(world.order_by(&holder(1), off), Ok(()));
        assert_eq!((ordered(&world), mutes(&world, 2)), (1, 0));
    }
}

/// `p3` announces its microphone and is muted before that is published: by one order, or by one to all.
fn muted_while_publishing(order: Do) -> (World, String) {
    let mut world = led();
    world.signal(3, microphone(ONE_MICROPHONE));
    let named = world.last(3, |message| match message {
        Message::TrackPublished(published) => published.track.as_ref().map(|track| track.sid.clone()),
        _ => None,
    });
    world.forget();
    assert_eq!(world.order(order), Ok(()));
    world.signal(3, signal_request::Message::Offer(offer(ONE_PUBLISH, 3)));
    let silent = |spec: &forward::SourceSpec| spec.muted;
    assert!(world.sources().iter().all(|(_, spec)| silent(spec)));
    (world, named.expect("a name"))
}

fn says(sid: &str, muted: bool) -> signal_request::Message {
    let sid = sid.to_owned();
    signal_request::Message::Mute(MuteTrackRequest { sid, muted })
}

#[test]
fn a_mute_that_comes_while_a_track_is_published_holds_once_it_is() {
    for order in [Do::Mute { participant: one(3) }, Do::MuteAll] {
        let (mut world, sid) = muted_while_publishing(order);
        let heard = |world: &World| !world.seen(2, "p3").expect("told").tracks[0].muted;
        // The client knew no such track, and says of the one it published that it is on.
        let orders = mutes(&world, 3);
        world.signal(3, says(&sid, false));
        assert!(!heard(&world));
        assert_eq!(mutes(&world, 3), orders + 1);
        // It obeys, and its person unmutes.
        world.signal(3, says(&sid, true));
        world.signal(3, says(&sid, false));
        assert!(heard(&world));
    }
}

#[test]
fn who_never_speaks_of_its_track_hears_the_order_again_once_it_knows_it() {
    let (mut world, sid) = muted_while_publishing(Do::MuteAll);
    let orders = mutes(&world, 3);
    world.media_comes();
    world.media_comes();
    world.pass(Duration::from_secs(30));
    assert_eq!(mutes(&world, 3), orders + 1);
    world.signal(3, says(&sid, true));
    world.signal(3, says(&sid, false));
    assert!(!world.seen(2, "p3").expect("told").tracks[0].muted);
}

/// `livekit-client` makes its publication after its first packet, and drops an order that comes between them. Of what it
/// hears later, that the track is muted, it says that it is on.
#[test]
fn a_mute_that_comes_with_the_first_sound_holds_though_its_client_drops_the_order() {
    let mut world = led();
    world.signal(3, microphone(ONE_MICROPHONE));
    world.signal(3, signal_request::Message::Offer(offer(ONE_PUBLISH, 3)));
    world.media_comes();
    assert_eq!(world.order(Do::Mute { participant: one(3) }), Ok(()));
    let track = |world: &World| world.seen(2, "p3").expect("told").tracks[0].clone();
    let sid = track(&world).sid;
    assert_eq!(mutes(&world, 3), 1);
    world.pass(Duration::from_secs(30));
    assert_eq!(mutes(&world, 3), 2);
    world.signal(3, says(&sid, false));
    assert!(track(&world).muted);
    assert_eq!(mutes(&world, 3), 3);
    // It obeys, and its person unmutes.
    world.signal(3, says(&sid, true));
    world.signal(3, says(&sid, false));
    assert!(!track(&world).muted);
    world.pass(Duration::from_secs(30));
    assert_eq!(mutes(&world, 3), 3);
}

/// `p2` is away when it is muted, and comes back with a join of its own, of which it thinks that nothing happened.
#[test]
fn a_mute_that_its_client_never_heard_of_holds_when_it_comes_back() {
    for grace_is_over in [false, true] {
        let mut world = led();
        world.handle(Input::SignalClosed {
            connection: ConnectionId(2),
        });
        assert_eq!(world.order(Do::MuteAll), Ok(()));
        assert_eq!(world.order(Do::CameraOff { participant: one(2) }), Ok(()));
        if grace_is_over {
            world.pass(Duration::from_secs(16));
        }
        world.forget();
        world.handle(Input::Join(Box::new(join(5, ticket("p2", Some(2)), Mode::Single))));
        world.publish(5);
        assert_eq!(
            muted(&world),
            [(TrackSource::Microphone, true), (TrackSource::Camera, true)]
        );
        assert_eq!(mutes(&world, 5), 2);
        // It hears that, and its person unmutes. The next track of its is none that was muted.
        let microphone = sid_of(&world, TrackSource::Microphone);
        world.signal(5, says(&microphone, true));
        world.signal(5, says(&microphone, false));
        assert_eq!(muted(&world)[0], (TrackSource::Microphone, false));
    }
}

/// `p2` is muted and comes back, but its microphone comes only after somebody wants to hear it, or long after.
#[test]
fn a_mute_is_not_given_again_to_who_is_asked_to_unmute_or_publishes_long_after() {
    let modes = [MuteMode::QuestionsAndAnswers, MuteMode::Conversation].map(|mute_mode| Do::SetMuteMode { mute_mode });
    for (orders, later, still) in [
        (Vec::new(), Duration::ZERO, true),
        (vec![Do::AskUnmute { participant: one(2) }], Duration::ZERO, false),
        (vec![Do::UnmuteAll], Duration::ZERO, false),
        (modes.to_vec(), Duration::ZERO, false),
        (Vec::new(), Duration::from_secs(29), true),
        (Vec::new(), Duration::from_secs(31), false),
    ] {
        let mut world = led();
        assert_eq!(world.order(Do::Mute { participant: one(2) }), Ok(()));
        assert_eq!(world.order(Do::CameraOff { participant: one(2) }), Ok(()));
        world.handle(Input::Join(Box::new(join(5, ticket("p2", Some(2)), Mode::Single))));
        world.connect_all();
        for order in &orders {
            assert_eq!(world.order(*order), Ok(()));
        }
        world.pass(later);
        world.publish(5);
        // A camera stays off, whatever is said of the sound.
        let camera = later < Duration::from_secs(30);
        assert_eq!(
            muted(&world),
            [(TrackSource::Microphone, still), (TrackSource::Camera, camera)],
            "{orders:?}, {later:?} later"
        );
    }
}

/// It goes again before its microphone is there.
#[test]
fn a_mute_holds_for_who_comes_back_twice() {
    let mut world = led();
    assert_eq!(world.order(Do::Mute { participant: one(2) }), Ok(()));
    for connection in [5, 6] {
        world.handle(Input::Join(Box::new(join(
            connection,
            ticket("p2", Some(2)),
            Mode::Single,
        ))));
        world.connect_all();
    }
    world.publish(6);
    assert_eq!(muted(&world)[0], (TrackSource::Microphone, true));
}

#[test]
fn who_unmuted_after_an_order_comes_back_as_it_was() {
    let mut world = led();
    assert_eq!(world.order(Do::Mute { participant: one(2) }), Ok(()));
    let microphone = sid_of(&world, TrackSource::Microphone);
    world.signal(2, says(&microphone, true));
    world.signal(2, says(&microphone, false));
    world.handle(Input::Join(Box::new(join(5, ticket("p2", Some(2)), Mode::Single))));
    world.publish(5);
    assert_eq!(muted(&world)[0], (TrackSource::Microphone, false));
}

#[test]
fn a_track_requested_after_the_order_is_not_muted_by_it() {
    let mut world = led();
    assert_eq!(world.order(Do::MuteAll), Ok(()));
    world.signal(3, microphone(ONE_MICROPHONE));
    world.signal(3, signal_request::Message::Offer(offer(ONE_PUBLISH, 3)));
    assert!(!world.seen(2, "p3").expect("told").tracks[0].muted);
    assert_eq!(mutes(&world, 3), 0);
}

#[test]
fn a_camera_goes_off_and_the_sound_stays() {
    let mut world = led();
    assert_eq!(world.order(Do::CameraOff { participant: one(2) }), Ok(()));
    assert_eq!(
        muted(&world),
        [(TrackSource::Microphone, false), (TrackSource::Camera, true)]
    );
    assert_eq!(mutes(&world, 2), 1);
}

#[test]
fn only_who_leads_and_is_there_orders_and_only_about_who_is_there() {
    let mut world = led();
    let mute = Do::Mute { participant: one(2) };
    let other_session = By::Holder {
        identity: "p1".into(),
        jti: "an earlier one".into(),
    };
    for stranger in [holder(2), holder(3), holder(9), other_session] {
        assert_eq!(world.order_by(&stranger, mute), Err(Denied::NotModerator));
        assert_eq!(world.order_by(&stranger, Do::Lock), Err(Denied::NotModerator));
    }
    assert_eq!(
        world.order(Do::Mute { participant: one(9) }),
        Err(Denied::NoParticipant)
    );
    assert!(world.sent.is_empty() && world.forward.is_empty() && world.transports.is_empty());
    let elsewhere = RoomKey::Meeting("1/184/1790000000".parse().expect("a room"));
    let answer = world
        .control
        .order(world.now(), &elsewhere, &By::ControlPlane, Do::Lock);
    assert_eq!(answer, Err(Denied::NoRoom));
    // A room of an API key has the server API instead.
    world.enter(7, "a", Mode::Single);
    let named = RoomKey::Named("room".into());
    let answer = world.control.order(world.now(), &named, &By::ControlPlane, Do::Lock);
    assert_eq!(answer, Err(Denied::NoRoom));
}

#[test]
fn who_is_asked_to_unmute_and_nobody_else_gets_a_message_from_the_server() {
    let mut world = led();
    assert_eq!(
        world.order_by(&holder(1), Do::AskUnmute { participant: one(3) }),
        Ok(())
    );
    assert_eq!(asked(&world), [r#"{"by":1}"#]);
    world.forget();
    assert_eq!(world.order(Do::AskUnmute { participant: one(3) }), Ok(()));
    assert_eq!(asked(&world), ["{}"]);
    world.forget();
    // All who are not heard: not the moderator, and not who speaks.
    assert_eq!(world.order(Do::UnmuteAll), Ok(()));
    assert_eq!(asked(&world), ["{}"]);
    world.forget();
    assert_eq!(world.order(Do::MuteAll), Ok(()));
    assert_eq!(world.order(Do::UnmuteAll), Ok(()));
    assert_eq!(asked(&world), ["{}", "{}"]);
}

#[test]
fn a_locked_room_lets_in_moderators_and_those_whose_connection_broke() {
    let mut world = led();
    assert_eq!(world.order_by(&holder(1), Do::Lock), Ok(()));
    assert_eq!(
        rules(&world, 2),
        r#"{"locked":true,"mute_mode":"conversation","waiting_room":false}"#
    );
    world.come(ticket("p4", Some(4)));
    world.handle(Input::Validate {
        connection: ConnectionId(40),
        ticket: Box::new(ticket("p4", Some(4))),
    });
    let locked = Refusal::Because(Reason::Locked);
    assert_eq!(world.refused, [(4, locked), (40, locked)]);
    // Its connection breaks, and it comes back with the same token.
    world.handle(Input::SignalClosed {
        connection: ConnectionId(3),
    });
    world.pass(Duration::from_secs(16));
    world.come(ticket("p3", Some(3)));
    assert_eq!(world.accepted.last(), Some(&3));
    // A library that connects anew says that it leaves first.
    world.signal(3, signal_request::Message::Leave(Default::default()));
    world.pass(Duration::from_secs(5));
    world.come(ticket("p3", Some(3)));
    assert_eq!(world.refused.len(), 2);
    // Who left is out.
    world.pass(Duration::from_secs(40));
    world.signal(3, signal_request::Message::Leave(Default::default()));
    world.pass(Duration::from_secs(40));
    world.come(ticket("p3", Some(3)));
    assert_eq!(world.refused.last(), Some(&(3, locked)));
    let leader = Ticket {
        moderator: true,
        ..ticket("p5", Some(5))
    };
    world.come(leader);
    assert_eq!(world.accepted.last(), Some(&5));
    world.forget();
    assert_eq!(world.order(Do::Unlock), Ok(()));
    assert_eq!(world.order(Do::Unlock), Ok(()));
    assert_eq!(world.names(2), ["room_update"]);
    world.signal(5, signal_request::Message::Leave(Default::default()));
    world.come(ticket("p4", Some(4)));
    assert_eq!(world.accepted.last(), Some(&4));
}

#[test]
fn who_is_promoted_leads_also_after_it_came_again_until_it_is_demoted() {
    let mut world = led();
    assert_eq!(world.order_by(&holder(1), Do::Promote { participant: one(2) }), Ok(()));
    assert_eq!(world.seen(3, "p2").expect("told").attributes["role"], "moderator");
    let role = |world: &World| match &world.events.last().expect("reported").kind {
        EventKind::ParticipantRole {
            participant, moderator, ..
        } => (participant.value(), *moderator),
        other => panic!("{other:?}"),
    };
    assert_eq!(role(&world), (2, true));
    assert_eq!(world.order_by(&holder(2), Do::Mute { participant: one(3) }), Ok(()));
    world.come(ticket("p2", Some(2)));
    assert_eq!(
        world.welcome(2).participant.expect("itself").attributes["role"],
        "moderator"
    );
    assert_eq!(world.order_by(&holder(2), Do::Demote { participant: one(1) }), Ok(()));
    assert_eq!(role(&world), (1, false));
    assert_eq!(world.seen(3, "p1").expect("told").attributes["role"], "guest");
    assert_eq!(world.order_by(&holder(1), Do::Lock), Err(Denied::NotModerator));
    // Its token still says that it leads; the room knows better.
    let leader = Ticket {
        moderator: true,
        ..ticket("p1", Some(1))
    };
    world.come(leader);
    assert_eq!(world.order_by(&holder(1), Do::Lock), Err(Denied::NotModerator));
    let events = world.events.len();
    assert_eq!(world.order(Do::Demote { participant: one(1) }), Ok(()));
    assert_eq!(world.events.len(), events);
}

#[test]
fn a_role_is_not_taken_by_oneself() {
    let mut world = led();
    let claim = livekit_protocol::UpdateParticipantMetadata {
        attributes: [("role".to_owned(), "moderator".to_owned())].into(),
        ..Default::default()
    };
    world.signal(3, signal_request::Message::UpdateMetadata(claim));
    assert_eq!(world.names(3), ["request_response"]);
    assert_eq!(world.order_by(&holder(3), Do::Lock), Err(Denied::NotModerator));
}

#[test]
fn in_a_presentation_only_moderators_and_who_is_given_the_word_are_heard() {
    let mut world = led();
    let mode = |mute_mode| Do::SetMuteMode { mute_mode };
    assert_eq!(world.order_by(&holder(1), mode(MuteMode::Presentation)), Ok(()));
    assert_eq!(
        rules(&world, 3),
        r#"{"locked":false,"mute_mode":"presentation","waiting_room":false}"#
    );
    assert_eq!(muted(&world), [(TrackSource::Camera, false)]);
    assert_eq!(
        sources(&world, 2, "p2"),
        [TrackSource::Camera, TrackSource::ScreenShare]
    );
    // Whatever it calls its sound.
    for source in [
        TrackSource::Microphone,
        TrackSource::ScreenShareAudio,
        TrackSource::Camera,
        TrackSource::Unknown,
    ] {
        world.forget();
        world.signal(
            3,
            signal_request::Message::AddTrack(AddTrackRequest {
                cid: "sound".into(),
                r#type: TrackType::Audio.into(),
                source: source.into(),
                ..AddTrackRequest::default()
            }),
        );
        assert_eq!(world.names(3), ["request_response"], "{source:?}");
    }
    assert_eq!(
        world.order_by(&holder(1), Do::AskUnmute { participant: one(3) }),
        Ok(())
    );
    assert_eq!(asked(&world), [r#"{"by":1}"#]);
    assert_eq!(sources(&world, 3, "p3"), []);
    world.forget();
    world.signal(3, microphone("sound"));
    assert_eq!(world.names(3), ["track_published"]);
    // A reconnect does not lose the word, a mute takes it back.
    world.come(ticket("p3", Some(3)));
    assert_eq!(sources(&world, 1, "p3"), []);
    assert_eq!(world.order_by(&holder(1), Do::Mute { participant: one(3) }), Ok(()));
    assert_eq!(
        sources(&world, 1, "p3"),
        [TrackSource::Camera, TrackSource::ScreenShare]
    );
    // Moderators speak, and who becomes one.
    assert_eq!(world.order(Do::Promote { participant: one(3) }), Ok(()));
    assert_eq!(sources(&world, 1, "p3"), []);
    assert_eq!(world.order(Do::Demote { participant: one(3) }), Ok(()));
    assert_eq!(sources(&world, 1, "p3").len(), 2);
    assert_eq!(world.order(mode(MuteMode::Conversation)), Ok(()));
    assert_eq!(sources(&world, 1, "p3"), []);
}

#[test]
fn with_questions_and_answers_people_are_muted_and_may_unmute() {
    let mut world = led();
    let questions = Do::SetMuteMode {
        mute_mode: MuteMode::QuestionsAndAnswers,
    };
    assert_eq!(world.order(questions), Ok(()));
    assert_eq!(
        muted(&world),
        [(TrackSource::Microphone, true), (TrackSource::Camera, false)]
    );
    assert_eq!(sources(&world, 3, "p2"), []);
    let unmute = MuteTrackRequest {
        sid: sid_of(&world, TrackSource::Microphone),
        muted: false,
    };
    world.signal(2, signal_request::Message::Mute(unmute));
    assert_eq!(muted(&world)[0], (TrackSource::Microphone, false));
    // The same mode again mutes nobody who has unmuted.
    assert_eq!(world.order(questions), Ok(()));
    assert_eq!(muted(&world)[0], (TrackSource::Microphone, false));
    // Who brings its sound along comes in muted.
    let signal_request::Message::AddTrack(request) = microphone(ONE_MICROPHONE) else {
        unreachable!();
    };
    let with_sound = Join {
        add_tracks: vec![request],
        ..join(4, ticket("p4", Some(4)), Mode::Single)
    };
    world.signal(3, signal_request::Message::Leave(Default::default()));
    world.handle(Input::Join(Box::new(with_sound)));
    let published = world.last(4, |message| match message {
        Message::TrackPublished(published) => published.track.as_ref().map(|track| track.muted),
        _ => None,
    });
    assert_eq!(published, Some(true));
}

#[test]
fn the_meetings_own_mode_holds_from_its_beginning() {
    let world = led_in(RoomSettings {
        mute_mode: MuteMode::Presentation,
        ..settings()
    });
    let room = world.control.census();
    assert_eq!(room.tracks, 1);
}

#[test]
fn who_may_only_send_sound_may_send_nothing_in_a_presentation() {
    let listener = Ticket {
        grants: Grants {
            sources: vec!["microphone".into()],
            ..ticket("p1", Some(1)).grants
        },
        ..ticket("p1", Some(1))
    };
    let settings = RoomSettings {
        mute_mode: MuteMode::Presentation,
        ..settings()
    };
    let mut world = opened_by(settings, [listener]);
    let permission = world.welcome(1).participant.and_then(|info| info.permission);
    assert!(!permission.expect("told").can_publish);
    world.forget();
    world.signal(1, camera(ONE_CAMERA));
    assert_eq!(world.names(1), ["request_response"]);
}
