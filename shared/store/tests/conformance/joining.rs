use std::collections::BTreeSet;

use domain::Reason;
use domain::conference::{Conference, Kind, Opens};
use domain::relay::OccurrenceState;
use store::{Error, RoomTarget, Store};

use super::world::{World, joins, minute, noon};

pub async fn a_planned_meeting_opens_in_its_window(store: &Store) {
    let world = World::new(store).await;
    let relay = world.relay("r", minute(-30)).await;
    // Many old ones do not hide it.
    for hour in 3..60 {
        world.planned(minute(-60 * hour)).await;
    }
    let conference = world.planned(noon()).await;
    let view = store
        .room(world.host.access_code, minute(-16))
        .await
        .expect("read")
        .expect("a room");
    match view.opens(minute(-16), false) {
        Opens::NotStarted(Some(next)) => {
            assert_eq!((next.conference, next.start), (conference.id, noon()))
        }
        other => panic!("{other:?}"),
    }
    let live = world.open(&relay, minute(-15), false).await;
    assert_eq!(
        (live.live.conference, live.live.lease, &live.home),
        (conference.id, Some(minute(-13)), &relay.id)
    );
    // Confirming while the lease is long costs no write.
    let again = world.open(&relay, minute(-15), false).await;
    assert_eq!(again, live);
    let renewed = world
        .open(
            &relay,
            minute(-14)
                .saturating_add(jiff::SignedDuration::from_secs(1))
                .expect("a time"),
            false,
        )
        .await;
    assert!(renewed.live.lease > live.live.lease);
    relay.enter(world.room_name(&live), minute(-14)).await.expect("enters");
    let active = world.open(&relay, minute(30), false).await;
    assert_eq!(
        (active.live.conference, active.live.lease, active.live.first_join),
        (conference.id, None, Some(minute(-14)))
    );
}

pub async fn two_first_joiners_get_one_meeting(store: &Store) {
    let world = World::new(store).await;
    let relays = [world.relay("a", noon()).await, world.relay("b", noon()).await];
    let alive: Vec<_> = relays.iter().map(|relay| relay.id.clone()).collect();
    let mut tasks = Vec::new();
    for n in 0..10 {
        let conference = Conference {
            kind: Kind::AdHoc,
            ..world.conference(noon()).await
        };
        let (store, code, home, alive) = (
            store.clone(),
            world.host.access_code,
            alive[n % 2].clone(),
            alive.clone(),
        );
        tasks.push(tokio::spawn(async move {
            loop {
                let view = store.room(code, noon()).await.expect("read").expect("a room");
                let target = match view.opens(noon(), true) {
                    Opens::Live(live) => RoomTarget::Live(live),
                    Opens::AdHoc => RoomTarget::AdHoc(&conference),
                    other => panic!("{other:?}"),
                };
                match store.room_open(&view, target, &home, &alive, noon()).await {
                    Err(Error::Raced) => {}
                    opened => return opened.expect("opens"),
                }
            }
        }));
    }
    let mut opened = BTreeSet::new();
    for task in tasks {
        let live = task.await.expect("runs");
        opened.insert((live.live.conference, live.home));
    }
    assert_eq!(opened.len(), 1, "{opened:?}");
}

pub async fn participants_are_numbered_from_one(store: &Store) {
    let world = World::new(store).await;
    let conference = world.planned(noon()).await;
    let number = async || {
        store
            .participant_number(world.reseller.id, conference.id)
            .await
            .expect("a number")
            .value()
    };
    assert_eq!([number().await, number().await, number().await], [1, 2, 3]);
}

pub async fn a_home_that_is_gone_is_replaced(store: &Store) {
    let world = World::new(store).await;
    let (first, second) = (world.relay("a", noon()).await, world.relay("b", minute(10)).await);
    world.planned(noon()).await;
    let live = world.open(&first, noon(), false).await;
    let room = world.room_name(&live);
    first.enter(room, noon()).await.expect("enters");
    // The first one is silent since noon; only the second one lives.
    let moved = world.open(&second, minute(10), false).await;
    assert_eq!((&moved.home, moved.live.lease), (&second.id, Some(minute(12))));
    second.enter(room, minute(10)).await.expect("enters");
    assert_eq!(world.open(&second, minute(11), false).await.home, second.id);
}

pub async fn a_planned_meeting_takes_the_place_of_guests(store: &Store) {
    let world = World::new(store).await;
    let relay = world.relay("a", noon()).await;
    let ad_hoc = world.open(&relay, noon(), true).await;
    let room = world.room_name(&ad_hoc);
    relay.enter(room, noon()).await.expect("enters");
    relay
        .report(1, vec![joins(room, 1, false)], noon())
        .await
        .expect("kept");
    let planned = world.planned(minute(20)).await;
    relay.register(minute(6)).await;
    let opened = world.open(&relay, minute(6), false).await;
    assert_eq!(opened.live.conference, planned.id);
    let former = store.conference(&world.scope(), room.conference).await.expect("found");
    assert_eq!(
        (former.first().state, former.first().ended_reason),
        (OccurrenceState::Ended, Some(Reason::Moved))
    );
}

pub async fn nothing_opens_what_was_ended_meanwhile(store: &Store) {
    let world = World::new(store).await;
    let relay = world.relay("a", noon()).await;
    let conference = world.planned(noon()).await;
    let view = store
        .room(world.host.access_code, noon())
        .await
        .expect("read")
        .expect("a room");
    world.end(conference.id).await;
    let Opens::Planned { planned, .. } = view.opens(noon(), false) else {
        panic!("was open")
    };
    let alive = [relay.id.clone()];
    let refused = store
        .room_open(&view, RoomTarget::Planned(planned), &relay.id, &alive, noon())
        .await;
    assert!(matches!(refused, Err(Error::Raced)), "{refused:?}");
    let refused = relay.enter(conference.room(), noon()).await;
    assert!(matches!(refused, Err(Error::Ended(Reason::Ended))), "{refused:?}");
}
