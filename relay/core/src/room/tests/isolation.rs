//! Two rooms on one relay have nothing to do with each other, whatever the people of one say about those of the other.

use livekit_protocol::{
    DataChannelReceiveState, DataPacket, MuteTrackRequest, ParticipantTracks, SubscriptionPermission, SyncState,
    TrackPermission, UpdateLocalAudioTrack, UpdateLocalVideoTrack, UpdateSubscription, UpdateTrackSettings, UserPacket,
    data_packet::Value,
};
use prost::Message as _;

use super::*;

/// `a` and `b` in "room", by the connections 1 and 2; `a` and `b` in "other", by 3 and 4. Each `b` publishes, and each `a`
/// gets it.
fn two_rooms() -> World {
    let mut world = World::new();
    for (first, room) in [(1, "room"), (3, "other")] {
        for (connection, identity) in [(first, "a"), (first + 1, "b")] {
            let ticket = Ticket {
                room: RoomKey::Named(room.into()),
                ..ticket(identity, None)
            };
            world.handle(Input::Join(Box::new(join(connection, ticket, Mode::Single))));
        }
        world.connect_all();
        world.publish(first + 1);
        world.signal(first, signal_request::Message::Offer(offer(ONE_JOIN, 2)));
    }
    assert_eq!(world.sinks().len(), 4);
    world.pass(Duration::from_secs(2));
    world
}

fn view(world: &World, room: &str) -> RoomView {
    world.control.room_view(room).expect("the room")
}

/// Sids of `b` and of its tracks in a room.
fn published(world: &World, room: &str) -> (String, Vec<String>) {
    let view = view(world, room);
    let b = view.participants.iter().find(|one| one.identity == "b").expect("b");
    (b.sid.clone(), b.tracks.iter().map(|track| track.sid.clone()).collect())
}

/// Everything that somebody may say of tracks and of who publishes them, naming these.
fn messages(sid: &str, tracks: &[String]) -> Vec<signal_request::Message> {
    use signal_request::Message as Says;
    let subscription = |subscribe| UpdateSubscription {
        track_sids: tracks.to_vec(),
        participant_tracks: vec![ParticipantTracks {
            participant_sid: sid.to_owned(),
            track_sids: tracks.to_vec(),
        }],
        subscribe,
    };
    let Says::AddTrack(camera) = camera("another") else {
        panic!("an announcement");
    };
    vec![
        Says::TrackSetting(UpdateTrackSettings {
            track_sids: tracks.to_vec(),
            disabled: true,
            ..UpdateTrackSettings::default()
        }),
        Says::Subscription(subscription(false)),
        Says::Subscription(subscription(true)),
        Says::Mute(MuteTrackRequest {
            sid: tracks[0].clone(),
            muted: true,
        }),
        Says::UpdateAudioTrack(UpdateLocalAudioTrack {
            track_sid: tracks[0].clone(),
            features: vec![1],
        }),
        Says::UpdateVideoTrack(UpdateLocalVideoTrack {
            track_sid: tracks[1].clone(),
            width: 16,
            height: 9,
        }),
        Says::SubscriptionPermission(SubscriptionPermission {
            all_participants: false,
            track_permissions: vec![TrackPermission {
                participant_sid: sid.to_owned(),
                track_sids: tracks.to_vec(),
                ..TrackPermission::default()
            }],
        }),
        // Another codec of the track.
        Says::AddTrack(AddTrackRequest {
            sid: tracks[1].clone(),
            ..camera
        }),
        Says::SyncState(SyncState {
            datachannel_receive_states: vec![DataChannelReceiveState {
                publisher_sid: sid.to_owned(),
                last_seq: 0,
            }],
            ..SyncState::default()
        }),
    ]
}

/// `b` of the first or second room says something to those named.
fn say(world: &mut World, room: usize, sequence: u32, to: &[&str]) {
    let names = || to.iter().map(|one| (*one).to_owned()).collect();
    let packet = DataPacket {
        sequence,
        destination_identities: names(),
        value: Some(Value::User(UserPacket {
            payload: b"hush".to_vec(),
            destination_sids: names(),
            ..UserPacket::default()
        })),
        ..DataPacket::default()
    };
    let id = world.made()[room * 2 + 1];
    world.handle(Input::Transport(TransportEvent::Data {
        id,
        label: Arc::from("_reliable"),
        data: packet.encode_to_vec().into(),
    }));
}

/// Transports by which something was said since the last look.
fn heard(world: &World) -> Vec<TransportId> {
    let commands = world.transports.iter();
    let heard = commands.filter_map(|command| match command {
        TransportCommand::Send { id, .. } => Some(*id),
        _ => None,
    });
    heard.collect()
}

#[test]
fn who_names_tracks_and_people_of_another_room_changes_nothing_there() {
    let mut world = two_rooms();
    say(&mut world, 1, 1, &[]);
    let (sid, tracks) = published(&world, "other");
    let before = view(&world, "other");
    world.sent.clear();
    let (forward, transports) = (world.forward.len(), world.transports.len());
    for connection in [1, 2] {
        for message in messages(&sid, &tracks) {
            // Its own permission takes the first `b`'s tracks from the first `a`, and says nothing of the other room.
            if connection == 2 && matches!(message, signal_request::Message::SubscriptionPermission(_)) {
                continue;
            }
            world.signal(connection, message);
        }
    }
    world.pass(Duration::from_secs(2));
    assert_eq!((world.forward.len(), world.transports.len()), (forward, transports));
    assert_eq!(view(&world, "other"), before);
    let told = |world: &World| -> Vec<&'static str> { [3, 4].into_iter().flat_map(|to| world.names(to)).collect() };
    assert_eq!(told(&world), [] as [&str; 0]);
    // Nor are they heard of by who asked: each announcement is refused, and that is all.
    let refusals = |names: Vec<&str>| names.iter().all(|name| *name == "request_response");
    assert!(refusals(world.names(1)) && refusals(world.names(2)));
    // The permission of a publisher is about its own tracks.
    let permission = messages(&sid, &tracks).swap_remove(6);
    world.signal(2, permission);
    assert_eq!(view(&world, "other"), before);
    assert_eq!(told(&world), [] as [&str; 0]);
    // The same words in the room itself are understood.
    for (connection, n) in [(3, 0), (3, 1), (4, 3)] {
        let known = world.forward.len();
        world.signal(connection, messages(&sid, &tracks).swap_remove(n));
        world.pass(Duration::from_secs(1));
        assert!(world.forward.len() > known, "message {n}");
    }
}

#[test]
fn a_message_reaches_nobody_of_another_room_by_identity_or_sid() {
    let mut world = two_rooms();
    let made = world.made();
    let (stranger, _) = published(&world, "other");
    let a = view(&world, "other")
        .participants
        .into_iter()
        .find(|one| one.identity == "a");
    let a = a.expect("a").sid;
    for to in [&[&*stranger][..], &[&*a], &[&*stranger, &*a]] {
        say(&mut world, 0, 0, to);
        assert_eq!(heard(&world), []);
    }
    // Both rooms have somebody of that identity.
    say(&mut world, 0, 0, &["a"]);
    assert_eq!(heard(&world), [made[0]]);
    say(&mut world, 0, 0, &[]);
    assert_eq!(heard(&world), [made[0], made[0]]);
    say(&mut world, 1, 0, &["a"]);
    assert_eq!(heard(&world), [made[0], made[0], made[2]]);
}

#[test]
fn nobody_goes_on_with_a_session_of_another_room() {
    let mut world = two_rooms();
    let (sid, _) = published(&world, "other");
    let before = view(&world, "other");
    world.sent.clear();
    let thief = |room: &str| Resume {
        connection: ConnectionId(9),
        // The same person, by name and token, with a token for the first room.
        ticket: Ticket {
            room: RoomKey::Named(room.into()),
            ..ticket("b", None)
        },
        attempt: 0,
        sid: sid.clone(),
        sync_state: None,
    };
    for room in ["room", "nowhere"] {
        world.handle(Input::Resume(Box::new(thief(room))));
        assert_eq!(world.names(9), ["leave"]);
        world.sent.clear();
    }
    assert_eq!(view(&world, "other"), before);
    assert!(world.names(4).is_empty() && !world.closed.contains(&4));
    world.handle(Input::Resume(Box::new(thief("other"))));
    assert_eq!(world.names(9)[0], "reconnect");
}

#[test]
fn what_the_shards_tell_is_told_in_its_room_only() {
    let mut world = two_rooms();
    let sources: Vec<_> = world.sources().into_iter().map(|(source, _)| *source).collect();
    let sinks: Vec<_> = world.sinks().into_iter().map(|(sink, ..)| *sink).collect();
    // Sound and picture of the first room come first.
    for (n, tell) in [(0, [1, 2]), (2, [3, 4])] {
        world.sent.clear();
        world.handle(Input::Forward(forward::Event::Speakers {
            changed: vec![forward::SpeakerLevel {
                source: sources[n],
                eighths: 4,
            }],
        }));
        world.handle(Input::Forward(forward::Event::StreamState {
            sink: sinks[n + 1],
            active: false,
        }));
        world.handle(Input::Forward(forward::Event::LayerWanted {
            source: sources[n + 1],
            highest: None,
        }));
        let mut told: Vec<u64> = world.sent.iter().map(|(to, _)| *to).collect();
        told.sort_unstable();
        let [a, b] = tell;
        assert_eq!(told, [a, a, b, b]);
    }
}
