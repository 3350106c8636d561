use domain::Reason;
use domain::conference::Opens;
use domain::id::ParticipantNumber;
use domain::relay::{Event, EventKind, OccurrenceState};
use store::{Error, Store};

use super::world::{TestRelay, World, joins, leaves, minute, noon};

/// A world whose planned meeting is entered at noon.
async fn entered(store: &Store) -> (World, TestRelay, domain::id::RoomName) {
    let world = World::new(store).await;
    let relay = world.relay("r", noon()).await;
    let room = world.planned(noon()).await.room();
    world.open(&relay, noon(), false).await;
    relay.enter(room, noon()).await.expect("enters");
    (world, relay, room)
}

pub async fn events_are_kept_once_and_in_order(store: &Store) {
    let (world, relay, room) = entered(store).await;
    let batches = [
        vec![joins(room, 1, false), joins(room, 2, true)],
        vec![],
        vec![leaves(room, 1)],
    ];
    for (n, batch) in (1..).zip(&batches) {
        relay.report(n, batch.clone(), noon()).await.expect("kept");
        relay
            .report(n, batch.clone(), noon())
            .await
            .expect("a repeat is harmless");
    }
    relay
        .report(1, batches[0].clone(), noon())
        .await
        .expect("an old repeat too");
    assert!(matches!(relay.report(5, Vec::new(), noon()).await, Err(Error::Gap(4))));
    let kept = store
        .events(world.reseller.id, room.conference, 0, noon())
        .await
        .expect("read");
    let expected: Vec<(u64, Event)> = (1..).zip(batches.concat()).collect();
    assert_eq!(kept, expected);
    assert_eq!(
        store
            .events(world.reseller.id, room.conference, 2, noon())
            .await
            .expect("read"),
        expected[2..]
    );

    // A room that it has not entered.
    let foreign = World::new(store).await.planned(noon()).await;
    relay
        .report(4, vec![joins(foreign.room(), 1, false)], noon())
        .await
        .expect("passed over");
    assert_eq!(
        store
            .events(foreign.reseller, foreign.id, 0, noon())
            .await
            .expect("read"),
        []
    );
    // The next start counts from one again.
    let next = TestRelay { epoch: 2, ..relay };
    next.register(noon()).await;
    assert!(matches!(next.report(2, Vec::new(), noon()).await, Err(Error::Gap(1))));
    next.report(1, vec![joins(room, 3, false)], noon()).await.expect("kept");
    assert_eq!(
        store
            .events(world.reseller.id, room.conference, 3, noon())
            .await
            .expect("read")
            .len(),
        1
    );
}

pub async fn a_large_batch_is_kept_whole(store: &Store) {
    let (world, relay, room) = entered(store).await;
    let batch: Vec<Event> = (1..=100).map(|n| joins(room, n, false)).collect();
    relay.report(1, batch.clone(), noon()).await.expect("kept");
    let kept = store
        .events(world.reseller.id, room.conference, 0, noon())
        .await
        .expect("read");
    assert_eq!(kept, (1..).zip(batch.clone()).collect::<Vec<_>>());
    let more = [batch, vec![joins(room, 101, false)]].concat();
    assert!(matches!(relay.report(2, more, noon()).await, Err(Error::TooLarge(_))));
}

pub async fn moderators_present_are_counted(store: &Store) {
    let (world, relay, room) = entered(store).await;
    let moderators = async || {
        let view = store
            .room(world.host.access_code, noon())
            .await
            .expect("read")
            .expect("a room");
        view.room.live.expect("is live").live.moderators
    };
    relay
        .report(
            1,
            vec![joins(room, 1, true), joins(room, 2, false), joins(room, 3, true)],
            noon(),
        )
        .await
        .expect("kept");
    assert_eq!(moderators().await, 2);
    // The same one again is still one; gone and come in one batch is here.
    relay
        .report(
            2,
            vec![joins(room, 1, true), leaves(room, 3), joins(room, 3, true)],
            noon(),
        )
        .await
        .expect("kept");
    assert_eq!(moderators().await, 2);
    relay
        .report(
            3,
            vec![leaves(room, 1), leaves(room, 2), leaves(room, 3), leaves(room, 3)],
            noon(),
        )
        .await
        .expect("kept");
    assert_eq!(moderators().await, 0);
}

pub async fn a_room_ended_from_inside_has_ended(store: &Store) {
    let (world, relay, room) = entered(store).await;
    let by = ParticipantNumber::new(1);
    let end = Event {
        room,
        at: noon().as_millisecond(),
        kind: EventKind::RoomEnd {
            reason: Reason::Ended,
            by,
        },
    };
    relay
        .report(1, vec![joins(room, 1, true), end, leaves(room, 1)], noon())
        .await
        .expect("kept");
    let found = store.conference(&world.scope(), room.conference).await.expect("found");
    assert_eq!(
        (found.first().state, found.first().ended_reason),
        (OccurrenceState::Ended, Some(Reason::Ended))
    );
    let view = store
        .room(world.host.access_code, noon())
        .await
        .expect("read")
        .expect("a room");
    assert_eq!((view.opens(noon(), false), &view.room.live), (Opens::Ended, &None));
    assert_eq!(
        relay.leave(room, minute(1)).await.expect("leaves"),
        OccurrenceState::Ended
    );
}

pub async fn two_meetings_on_one_code_in_one_batch(store: &Store) {
    let (world, relay, first) = entered(store).await;
    let end = Event {
        room: first,
        at: 0,
        kind: EventKind::RoomEnd {
            reason: Reason::Ended,
            by: None,
        },
    };
    world.end(first.conference).await;
    let second = world.room_name(&world.open(&relay, noon(), true).await);
    relay.enter(second, noon()).await.expect("enters");
    let batch = vec![
        joins(first, 1, true),
        end,
        leaves(first, 1),
        joins(second, 1, true),
        leaves(first, 1),
        joins(second, 2, true),
    ];
    relay.report(1, batch, noon()).await.expect("kept");
    assert_eq!(
        store
            .events(world.reseller.id, first.conference, 0, noon())
            .await
            .expect("read")
            .len(),
        4
    );
    assert_eq!(
        store
            .events(world.reseller.id, second.conference, 0, noon())
            .await
            .expect("read")
            .len(),
        2
    );
    let view = store
        .room(world.host.access_code, noon())
        .await
        .expect("read")
        .expect("a room");
    assert_eq!(view.room.live.expect("is live").live.moderators, 2);
}
