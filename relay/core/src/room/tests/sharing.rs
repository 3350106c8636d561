//! Which media worker has whom of a room.

use livekit_protocol::LeaveRequest;

use super::*;

/// The workers of the first transports of those who came, in order, each by one connection.
fn workers(world: &World) -> Vec<u32> {
    let commands = world.transports.iter();
    let of = |command: &TransportCommand| match command {
        TransportCommand::Create { id, .. } => Some(id.0 % 2),
        _ => None,
    };
    commands.filter_map(of).collect()
}

#[test]
fn a_room_that_is_too_large_for_one_worker_has_several() {
    let mut world = World::where_share(2);
    for (connection, name) in [(1, "a"), (2, "b"), (3, "c"), (4, "d")] {
        world.enter(connection, name, Mode::Single);
    }
    // The first room is the second worker's.
    assert_eq!(workers(&world), [1, 1, 0, 0]);
    // Who comes after others have gone takes their place.
    for connection in [2, 3, 4] {
        world.signal(connection, signal_request::Message::Leave(LeaveRequest::default()));
    }
    world.pass(Duration::from_secs(5));
    world.enter(5, "e", Mode::Single);
    assert_eq!(workers(&world).last(), Some(&1));
    // Another room begins with the next worker.
    let mut other = ticket("f", None);
    other.room = RoomKey::Named("other".into());
    world.handle(Input::Join(Box::new(join(6, other, Mode::Single))));
    assert_eq!(workers(&world).last(), Some(&0));
}

#[test]
fn both_connections_of_a_participant_are_with_one_worker() {
    let mut world = World::where_share(1);
    for (connection, name) in [(1, "a"), (2, "b"), (3, "c")] {
        world.enter(connection, name, Mode::Dual);
    }
    assert_eq!(workers(&world), [1, 1, 0, 0, 1, 1]);
}

#[test]
fn what_comes_and_goes_by_a_transport_is_with_its_worker() {
    let mut world = World::where_share(1);
    for (connection, name) in [(1, "a"), (2, "b"), (3, "c")] {
        world.enter(connection, name, Mode::Single);
        world.publish(connection);
    }
    let (mut sources, mut sinks) = (0, 0);
    for command in &world.forward {
        match command {
            forward::Command::SourceAdd { id, transport, .. } => {
                sources += 1;
                assert_eq!(id.0 % 2, transport.0 % 2);
            }
            forward::Command::SinkAdd { id, transport, .. } => {
                sinks += 1;
                assert_eq!(id.0 % 2, transport.0 % 2);
            }
            _ => {}
        }
    }
    assert!(sources >= 3 && sinks >= 3, "{sources} {sinks}");
}
