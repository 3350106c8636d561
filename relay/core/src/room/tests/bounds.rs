//! What one client may not make of a room.

use livekit_protocol::{
    AudioTrackFeature, DataChannelReceiveState, DataPacket, DisconnectReason, SyncState, UserPacket,
    client_info::Capability, data_packet::Value, leave_request::Action,
};
use prost::Message as _;

use super::{super::subscription::MAX_SSRCS, *};

/// The transport of the second who came.
const SECOND: TransportId = TransportId(5);

/// A reliable message of the second.
fn say(world: &mut World, sequence: u32, to: impl IntoIterator<Item = String>) {
    let packet = DataPacket {
        sequence,
        value: Some(Value::User(UserPacket {
            destination_sids: to.into_iter().collect(),
            ..UserPacket::default()
        })),
        ..DataPacket::default()
    };
    world.handle(Input::Transport(TransportEvent::Data {
        id: SECOND,
        label: Arc::from("_reliable"),
        data: packet.encode_to_vec().into(),
    }));
}

/// `a` and `b`, and the sid of `b`.
fn two() -> (World, String) {
    let mut world = World::new();
    world.enter(1, "a", Mode::Single);
    world.enter(2, "b", Mode::Single);
    let sid = world.sid(2);
    world.forget();
    (world, sid)
}

/// Messages that are sent since the last look.
fn sends(world: &mut World) -> usize {
    let sends = world.transports.iter();
    let count = sends
        .filter(|command| matches!(command, TransportCommand::Send { .. }))
        .count();
    world.transports.clear();
    count
}

/// Asks for all that was missed of a publisher.
fn ask(world: &mut World, connection: u64, publisher: &str) -> usize {
    sends(world);
    let state = SyncState {
        datachannel_receive_states: vec![DataChannelReceiveState {
            publisher_sid: publisher.to_owned(),
            last_seq: 0,
        }],
        ..SyncState::default()
    };
    world.signal(connection, signal_request::Message::SyncState(state));
    sends(world)
}

#[test]
fn a_message_to_absurdly_many_is_dropped() {
    let (mut world, _) = two();
    say(
        &mut world,
        1,
        (0..2_000).map(|n| if n == 0 { "a".to_owned() } else { n.to_string() }),
    );
    assert_eq!(sends(&mut world), 1);
    say(
        &mut world,
        2,
        std::iter::once("a".to_owned()).chain((0..2_000).map(|n| n.to_string())),
    );
    assert_eq!(sends(&mut world), 0);
}

#[test]
fn names_of_receivers_count_into_what_is_kept() {
    let (mut world, sid) = two();
    let names = |n: u32| {
        (0..1_500).map(move |name| {
            if name == 0 {
                "a".to_owned()
            } else {
                format!("{n:06}{name:020}")
            }
        })
    };
    for sequence in 1..=100 {
        say(&mut world, sequence, names(sequence));
    }
    let kept = ask(&mut world, 1, &sid);
    assert!(
        (5..20).contains(&kept),
        "{kept} of 100 messages with 75 kB of names each"
    );
}

#[test]
fn nobody_gets_tracks_of_who_is_hidden() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Single);
    let mut hidden = ticket("h", None);
    hidden.grants.hidden = true;
    world.handle(Input::Join(Box::new(join(2, hidden, Mode::Single))));
    world.connect_all();
    world.publish(2);
    world.media_comes();
    world.enter(3, "c", Mode::Single);
    assert_eq!(world.sources().len(), 2);
    assert_eq!(world.sinks().len(), 0);
}

#[test]
fn what_the_others_are_told_of_a_client_is_bounded() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Single);
    let mut large = join(2, ticket("b", None), Mode::Single);
    large.client.capabilities = vec![Capability::CapPacketTrailer.into(); 100_000];
    world.handle(Input::Join(Box::new(large)));
    world.connect_all();
    let (signal_request::Message::AddTrack(mut sound), signal_request::Message::AddTrack(mut picture)) =
        (microphone(ONE_MICROPHONE), camera(ONE_CAMERA))
    else {
        panic!("tracks");
    };
    sound.audio_features = vec![AudioTrackFeature::TfStereo.into(); 100_000];
    for layer in &mut picture.layers {
        layer.rid = "r".repeat(100_000);
    }
    for request in [sound, picture] {
        world.signal(2, signal_request::Message::AddTrack(request));
    }
    world.signal(2, signal_request::Message::Offer(offer(ONE_PUBLISH, 3)));
    world.media_comes();
    let info = world.seen(1, "b").expect("told");
    assert_eq!(info.tracks.len(), 2);
    assert!(info.encoded_len() < 2_000, "{} bytes", info.encoded_len());
    // Names of codecs are refused like other names.
    let signal_request::Message::AddTrack(mut long) = camera("another") else {
        panic!("a track");
    };
    long.simulcast_codecs[0].cid = "c".repeat(257);
    world.forget();
    world.signal(2, signal_request::Message::AddTrack(long));
    assert_eq!(world.names(2), ["request_response"]);
}

#[test]
fn a_join_request_announces_no_more_than_one_may_have() {
    let mut world = World::new();
    let mut large = join(1, ticket("a", None), Mode::Single);
    large.add_tracks = (0..100_000)
        .filter_map(|n| match microphone(&n.to_string()) {
            signal_request::Message::AddTrack(request) => Some(request),
            _ => None,
        })
        .collect();
    world.handle(Input::Join(Box::new(large)));
    let published = world.names(1).iter().filter(|name| **name == "track_published").count();
    assert_eq!(published, 32);
    assert!(world.names(1).len() < 40);
}

#[test]
fn what_one_changes_again_and_again_is_told_now_and_then() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Dual);
    world.enter(2, "b", Mode::Single);
    world.publish(2);
    let sid = world.seen(1, "b").expect("told").tracks[1].sid.clone();
    world.forget();
    let resize = |world: &mut World, width| {
        let update = livekit_protocol::UpdateLocalVideoTrack {
            track_sid: sid.clone(),
            width,
            height: 360,
        };
        world.signal(2, signal_request::Message::UpdateVideoTrack(update));
    };
    let updates = |world: &World| world.names(1).into_iter().filter(|name| *name == "update").count();
    // The same again is nothing new.
    for _ in 0..100 {
        resize(&mut world, 640);
    }
    assert_eq!(updates(&world), 0);
    for width in 1..1_000 {
        resize(&mut world, width);
    }
    assert!((30..=50).contains(&updates(&world)), "{}", updates(&world));
    // The last word is not lost, and others are not held up.
    world.pass(Duration::from_millis(100));
    assert_eq!(world.seen(1, "b").expect("told").tracks[1].width, 999);
    let before = updates(&world);
    for width in 1..1_000 {
        resize(&mut world, width);
        world.pass(Duration::from_millis(10));
    }
    assert!(
        (95..=105).contains(&(updates(&world) - before)),
        "{}",
        updates(&world) - before
    );
}

#[test]
fn who_renames_itself_again_and_again_is_told_of_now_and_then() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Dual);
    world.enter(2, "b", Mode::Single);
    world.forget();
    for n in 1..1_000 {
        let rename = livekit_protocol::UpdateParticipantMetadata {
            name: format!("b{n}"),
            request_id: n,
            ..Default::default()
        };
        world.signal(2, signal_request::Message::UpdateMetadata(rename));
    }
    let updates = |connection| {
        world
            .names(connection)
            .into_iter()
            .filter(|name| *name == "update")
            .count()
    };
    assert!((30..=50).contains(&updates(1)), "{}", updates(1));
    // It is answered all the same, and knows itself by then.
    let answered = world
        .names(2)
        .into_iter()
        .filter(|name| *name == "request_response")
        .count();
    assert_eq!((answered, updates(2)), (999, 999));
    world.pass(Duration::from_secs(1));
    assert_eq!(world.seen(1, "b").expect("told").name, "b999");
}

/// Publishes and goes, or takes its tracks away, without end: each costs the others SSRCs.
#[test]
fn who_publishes_and_unpublishes_without_end_is_put_out_itself_and_stays_out_for_a_while() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Dual);
    let mut rounds = 0;
    for connection in 2..2_000 {
        world.enter(connection, "b", Mode::Single);
        if !world.refused.is_empty() {
            break;
        }
        world.publish(connection);
        world.answer(1);
        rounds += 1;
    }
    // Two tracks each time, and room for as many as one may publish is left.
    assert_eq!((rounds, world.leave(1)), (986, None));
    world.pass(Duration::from_secs(2));
    world.refused.clear();
    world.enter(3_000, "b", Mode::Single);
    world.publish(3_000);
    assert!(world.refused.is_empty() && world.seen(1, "b").is_some());
}

/// A word that changes nothing costs nothing, and many words are heard as the last one.
#[test]
fn who_changes_its_permissions_again_and_again_is_heard_now_and_then() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Dual);
    world.enter(2, "b", Mode::Single);
    world.publish(2);
    world.answer(1);
    let permit = |world: &mut World, n: u32| {
        let names = ["a".to_owned(), format!("nobody {n}")];
        let track_permissions = names.map(|participant_identity| livekit_protocol::TrackPermission {
            participant_identity,
            all_tracks: true,
            ..Default::default()
        });
        let permission = livekit_protocol::SubscriptionPermission {
            all_participants: false,
            track_permissions: track_permissions[usize::from(n == 999)..].to_vec(),
        };
        world.signal(2, signal_request::Message::SubscriptionPermission(permission));
    };
    world.forget();
    for n in 0..1_000 {
        permit(&mut world, n);
    }
    assert_eq!(world.forward.len(), 0, "the last word waits");
    world.pass(Duration::from_secs(1));
    assert!(!world.forward.is_empty(), "nobody is named any more who is there");
    assert_eq!(world.leave(2), None);
}

/// Gives these tracks up, and takes them again.
fn subscribe_anew(world: &mut World, connection: u64, sids: &[String]) {
    for subscribe in [false, true] {
        let update = livekit_protocol::UpdateSubscription {
            track_sids: sids.to_vec(),
            subscribe,
            ..Default::default()
        };
        world.signal(connection, signal_request::Message::Subscription(update));
    }
}

#[test]
fn who_answers_no_offer_begins_anew() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Dual);
    world.enter(2, "b", Mode::Single);
    world.publish(2);
    let (sid, sids) = (world.sid(1), world.seen(1, "b").expect("told").tracks);
    let sids: Vec<String> = sids.into_iter().map(|track| track.sid).collect();
    let mut connection = 1;
    while world.leave(connection).is_none() {
        subscribe_anew(&mut world, connection, &sids);
        connection += 10;
        world.handle(Input::Resume(Box::new(Resume {
            connection: ConnectionId(connection),
            ticket: ticket("a", None),
            attempt: 0,
            sid: sid.clone(),
            sync_state: None,
        })));
        assert!(connection < 300, "for ever");
    }
    let offer = world.last(connection - 10, |message| match message {
        Message::Offer(offer) => Some(offer.sdp.matches("m=").count()),
        _ => None,
    });
    assert!(offer.is_some_and(|sections| sections <= 40), "{offer:?}");
}

#[test]
fn who_subscribes_without_end_begins_anew() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Single);
    world.enter(2, "b", Mode::Single);
    world.publish(2);
    let tracks = world.seen(1, "b").expect("told").tracks;
    let sids: Vec<String> = tracks.into_iter().map(|track| track.sid).collect();
    // Two for a camera and one for a microphone.
    let most = MAX_SSRCS / 3 + 1;
    for turn in 0..most {
        assert_eq!(world.leave(1), None, "after {turn} turns");
        subscribe_anew(&mut world, 1, &sids);
        world.sent.retain(|(_, message)| matches!(message, Message::Leave(_)));
        world.transports.clear();
        world.forward.clear();
    }
    assert_eq!(
        world.leave(1),
        Some((DisconnectReason::StateMismatch, Action::Reconnect))
    );
}
