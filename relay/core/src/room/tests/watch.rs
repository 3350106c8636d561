use std::collections::BTreeSet;

use super::*;

/// `b` publishes first, then `c`.
fn stage() -> World {
    let mut world = World::new();
    for (connection, identity) in [(2, "b"), (3, "c")] {
        world.enter(connection, identity, Mode::Single);
        world.publish(connection);
        world.pass(Duration::from_secs(1));
    }
    world
}

fn watches(world: &mut World, identity: &str) -> BTreeMap<String, String> {
    let watcher = Join {
        auto_subscribe: false,
        watch: Some(identity.into()),
        ..join(9, ticket("w", None), Mode::Single)
    };
    world.handle(Input::Join(Box::new(watcher)));
    world.tracks_by_mid(9)
}

#[test]
fn the_first_answer_has_what_one_publisher_sends_and_nothing_else() {
    for identity in ["b", "c"] {
        let mut world = stage();
        let got: BTreeSet<String> = watches(&mut world, identity).into_values().collect();
        let others = world.welcome(9).other_participants;
        let publisher = others.iter().find(|one| one.identity == identity).expect("told");
        let sent: BTreeSet<String> = publisher.tracks.iter().map(|track| track.sid.clone()).collect();
        assert_eq!((got.len(), got), (2, sent));
    }
}

#[test]
fn what_is_published_later_is_not_asked_for() {
    let mut world = World::new();
    world.enter(2, "b", Mode::Single);
    assert!(watches(&mut world, "b").is_empty());
    world.publish(2);
    assert!(!world.names(9).contains(&"media_sections_requirement"));
}

#[test]
fn the_publisher_who_has_been_there_longest_is_watched_unless_one_is_named() {
    let mut world = stage();
    let key = ticket("b", None).room;
    let publisher = |world: &World, named| world.control.publisher(&key, named);
    assert_eq!(publisher(&world, None).as_deref(), Some("b"));
    assert_eq!(publisher(&world, Some("c")).as_deref(), Some("c"));
    assert_eq!(publisher(&world, Some("nobody")), None);
    assert_eq!(world.control.publisher(&RoomKey::Named("elsewhere".into()), None), None);
    world.signal(2, signal_request::Message::Leave(Default::default()));
    assert_eq!(publisher(&world, None).as_deref(), Some("c"));
    assert_eq!(publisher(&world, Some("b")), None);
}

#[test]
fn who_is_hidden_is_watched_by_nobody() {
    let mut world = World::new();
    let mut hidden = ticket("b", None);
    hidden.grants.hidden = true;
    world.handle(Input::Join(Box::new(join(2, hidden, Mode::Single))));
    let key = ticket("b", None).room;
    world.publish(2);
    assert_eq!(world.control.publisher(&key, Some("b")), None);
    assert!(watches(&mut world, "b").is_empty());
}
