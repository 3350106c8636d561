//! Who may have a publisher's tracks, by its own word.

use livekit_protocol::{LeaveRequest, SubscriptionPermission, TrackPermission, UpdateSubscription};

use super::*;

/// `a` and `c` have got what `b` publishes, and nothing has been told since.
fn published() -> World {
    let mut world = World::published();
    for connection in [1, 3] {
        assert_eq!(gets(&world, connection), tracks(&world));
    }
    world.forget();
    world
}

/// `b`, as the relay knows it.
fn publisher(world: &World) -> ParticipantView {
    of(world, "b")
}

fn of(world: &World, identity: &str) -> ParticipantView {
    let view = world.control.room_view("room").expect("the room");
    let one = view.participants.into_iter().find(|one| one.identity == identity);
    one.expect("there")
}

/// The sids of `b`'s microphone and camera.
fn tracks(world: &World) -> [String; 2] {
    let b = publisher(world);
    [0, 1].map(|n| b.tracks[n].sid.clone())
}

/// Tracks with a section in the last description to a client, sound first.
fn gets(world: &World, connection: u64) -> Vec<String> {
    world.tracks_by_mid(connection).into_values().collect()
}

/// All of a participant's tracks, by its identity.
fn all_for(identity: &str) -> TrackPermission {
    TrackPermission {
        participant_identity: identity.into(),
        all_tracks: true,
        ..TrackPermission::default()
    }
}

/// `b` says who may have its tracks; those with two connections answer what they are offered then.
fn permit(world: &mut World, track_permissions: Vec<TrackPermission>) {
    let permission = SubscriptionPermission {
        all_participants: false,
        track_permissions,
    };
    world.signal(2, signal_request::Message::SubscriptionPermission(permission));
    for connection in [1, 3] {
        if world.names(connection).contains(&"offer") {
            world.answer(connection);
        }
    }
}

/// What a client was told of its permissions: track and whether it may, all of `b`.
fn told(world: &World, connection: u64) -> Vec<(String, bool)> {
    let to_it = world.sent.iter().filter(|(to, _)| *to == connection);
    to_it
        .filter_map(|(_, message)| match message {
            Message::SubscriptionPermissionUpdate(update) => {
                assert_eq!(update.participant_sid, publisher(world).sid);
                Some((update.track_sid.clone(), update.allowed))
            }
            _ => None,
        })
        .collect()
}

/// Tracks that the shard sends to somebody.
fn flows(world: &World, identity: &str) -> Vec<String> {
    let subscriptions = of(world, identity).subscriptions.into_iter();
    let mut sids: Vec<String> = subscriptions
        .filter(|one| one.sink.is_some())
        .map(|one| one.track)
        .collect();
    sids.sort_by_key(|sid| !sid.starts_with("TR_AM"));
    sids
}

#[test]
fn who_is_named_by_identity_keeps_all_tracks_and_the_others_lose_them() {
    let mut world = published();
    let [sound, picture] = tracks(&world);
    permit(&mut world, vec![all_for("a")]);
    assert_eq!(told(&world, 1), []);
    assert_eq!(flows(&world, "a"), tracks(&world));
    assert_eq!(told(&world, 3), [(sound.clone(), false), (picture.clone(), false)]);
    assert!(gets(&world, 3).is_empty() && flows(&world, "c").is_empty());
    // Nor by asking for them.
    world.forget();
    let asks = UpdateSubscription {
        track_sids: tracks(&world).to_vec(),
        subscribe: true,
        ..UpdateSubscription::default()
    };
    world.signal(3, signal_request::Message::Subscription(asks));
    assert!(told(&world, 3).iter().all(|(_, allowed)| !allowed));
    assert!(!world.names(3).contains(&"offer") && flows(&world, "c").is_empty());
    // A later word changes places.
    world.forget();
    permit(&mut world, vec![all_for("c")]);
    assert_eq!(told(&world, 1), [(sound.clone(), false), (picture.clone(), false)]);
    assert!(gets(&world, 1).is_empty() && flows(&world, "a").is_empty());
    assert_eq!(told(&world, 3), [(sound, true), (picture, true)]);
    assert_eq!(gets(&world, 3), tracks(&world));
    assert_eq!(flows(&world, "c"), tracks(&world));
}

#[test]
fn who_is_named_by_sid_keeps_all_tracks_and_the_others_lose_them() {
    let mut world = published();
    let c = of(&world, "c").sid;
    let named = TrackPermission {
        participant_sid: c.clone(),
        all_tracks: true,
        ..TrackPermission::default()
    };
    permit(&mut world, vec![named]);
    assert_eq!((told(&world, 1).len(), flows(&world, "a").len()), (2, 0));
    assert_eq!((told(&world, 3).len(), flows(&world, "c").len()), (0, 2));
    // With both, the identity counts.
    world.forget();
    let both = TrackPermission {
        participant_sid: c,
        ..all_for("a")
    };
    permit(&mut world, vec![both]);
    assert_eq!((flows(&world, "a").len(), flows(&world, "c").len()), (2, 0));
    // Who is named by nothing is nobody.
    let nobody = TrackPermission {
        all_tracks: true,
        ..TrackPermission::default()
    };
    permit(&mut world, vec![nobody]);
    assert_eq!((flows(&world, "a").len(), flows(&world, "c").len()), (0, 0));
}

#[test]
fn single_tracks_are_given_to_who_is_named_for_them() {
    let mut world = published();
    let [sound, picture] = tracks(&world);
    let only = |identity: &str, sid: &String| TrackPermission {
        participant_identity: identity.into(),
        track_sids: vec![sid.clone()],
        ..TrackPermission::default()
    };
    permit(&mut world, vec![only("a", &sound), only("c", &picture)]);
    assert_eq!(told(&world, 1), [(picture.clone(), false)]);
    assert_eq!(gets(&world, 1)[..], [&*sound]);
    assert_eq!(flows(&world, "a")[..], [&*sound]);
    assert_eq!(told(&world, 3), [(sound.clone(), false)]);
    assert_eq!(flows(&world, "c")[..], [&*picture]);
    // Several words about one add up.
    world.forget();
    permit(&mut world, vec![only("a", &sound), only("a", &picture)]);
    assert_eq!(told(&world, 1), [(picture.clone(), true)]);
    assert_eq!(flows(&world, "a"), tracks(&world));
    assert_eq!(told(&world, 3), [(picture, false)]);
    assert!(flows(&world, "c").is_empty());
}

#[test]
fn newcomers_are_held_to_it_until_a_later_word_gives_them_the_track() {
    let mut world = published();
    let [sound, picture] = tracks(&world);
    permit(&mut world, vec![all_for("a"), all_for("d")]);
    world.signal(3, signal_request::Message::Leave(LeaveRequest::default()));
    world.enter(4, "d", Mode::Single);
    assert_eq!(told(&world, 4), []);
    assert_eq!(
        (gets(&world, 4), flows(&world, "d")),
        (tracks(&world).to_vec(), tracks(&world).to_vec())
    );
    // With one connection or two, who is not named hears so and is offered nothing.
    let refused = [(sound.clone(), false), (picture.clone(), false)];
    world.enter(5, "e", Mode::Single);
    assert_eq!(told(&world, 5), refused);
    assert!(gets(&world, 5).is_empty() && flows(&world, "e").is_empty());
    assert!(!world.names(5).contains(&"media_sections_requirement"));
    world.signal(5, signal_request::Message::Leave(LeaveRequest::default()));
    world.enter(3, "f", Mode::Dual);
    world.answer(3);
    let told_f = told(&world, 3);
    assert_eq!(told_f[told_f.len() - 2..], refused);
    assert!(gets(&world, 3).is_empty() && flows(&world, "f").is_empty());
    // Everybody may.
    world.forget();
    let everybody = SubscriptionPermission {
        all_participants: true,
        ..SubscriptionPermission::default()
    };
    world.signal(2, signal_request::Message::SubscriptionPermission(everybody));
    world.answer(3);
    assert_eq!(told(&world, 3), [(sound, true), (picture, true)]);
    assert_eq!(flows(&world, "f"), tracks(&world));
    assert_eq!((told(&world, 1), told(&world, 4)), (vec![], vec![]));
}

/// Each change costs the others identifiers of streams, of which a session has so many.
#[test]
fn who_gives_and_takes_without_end_is_put_out_itself() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Dual);
    world.enter(2, "b", Mode::Single);
    world.publish(2);
    world.answer(1);
    // Two tracks each time, which is more than is earned meanwhile.
    let mut words = 0;
    for all_participants in [false, true].into_iter().cycle().take(6_000) {
        if world.leave(2).is_some() {
            break;
        }
        words += 1;
        world.pass(Duration::from_millis(50));
        world.answer(1);
        let permission = SubscriptionPermission {
            all_participants,
            ..SubscriptionPermission::default()
        };
        world.signal(2, signal_request::Message::SubscriptionPermission(permission));
    }
    assert!((2_000..6_000).contains(&words), "{words}");
    assert_eq!(world.leave(1), None);
}

#[test]
fn what_is_published_after_the_word_is_held_to_it() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Dual);
    world.enter(2, "b", Mode::Single);
    world.enter(3, "c", Mode::Dual);
    permit(&mut world, vec![all_for("a")]);
    world.forget();
    world.publish(2);
    world.answer(1);
    assert_eq!(flows(&world, "a"), tracks(&world));
    assert_eq!(told(&world, 1), []);
    let refused: Vec<(String, bool)> = tracks(&world).into_iter().map(|sid| (sid, false)).collect();
    assert_eq!(told(&world, 3), refused);
    assert!(!world.names(3).contains(&"offer"));
    // It is seen all the same.
    assert_eq!(world.seen(3, "b").expect("told").tracks.len(), 2);
}
