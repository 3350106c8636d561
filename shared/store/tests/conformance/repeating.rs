use domain::Reason;
use domain::conference::{Exception, Opens};
use domain::id::Occurrence;
use domain::relay::OccurrenceState;
use jiff::Timestamp;
use store::{Error, RoomTarget, RoomView, Store};

use super::world::{World, joins, minute, noon, operator};

/// So many days after noon.
fn day(days: i64) -> Timestamp {
    minute(days * 24 * 60)
}

async fn view(world: &World, now: Timestamp) -> RoomView {
    let found = world.store.room(world.host.access_code, now).await.expect("read");
    found.expect("a room")
}

pub async fn a_code_opens_the_occurrence_of_its_day(store: &Store) {
    let world = World::new(store).await;
    let relay = world.relay("r", noon()).await;
    let daily = world.daily(noon(), 731).await;
    let other = world.planned(minute(24 * 60 + 90)).await;
    for days in [0, 1, 365, 730] {
        let seen = view(&world, day(days)).await;
        let Opens::Planned { planned, .. } = seen.opens(day(days), false) else {
            panic!("nothing opens on day {days}")
        };
        assert_eq!(
            (planned.conference, planned.occurrence),
            (daily.id, Occurrence::new(day(days).as_second()))
        );
        assert!(
            seen.planned.len() <= 6,
            "the days around alone are read: {}",
            seen.planned.len()
        );
    }
    let early = view(&world, minute(-16)).await;
    match early.opens(minute(-16), false) {
        Opens::NotStarted(Some(next)) => assert_eq!((next.conference, next.start), (daily.id, noon())),
        found => panic!("{found:?}"),
    }
    assert_eq!(
        view(&world, day(731)).await.opens(day(731), false),
        Opens::NotStarted(None)
    );
    // 80 minutes after one starts the other is nearer.
    let both = view(&world, minute(24 * 60 + 80)).await;
    match both.opens(minute(24 * 60 + 80), false) {
        Opens::Planned { planned, .. } => assert_eq!(planned.conference, other.id),
        found => panic!("{found:?}"),
    }

    let live = world.open(&relay, noon(), false).await;
    let room = world.room_name(&live);
    assert_eq!(room.occurrence, Occurrence::new(noon().as_second()));
    let entered = relay.enter(room, noon()).await.expect("enters");
    assert_eq!(entered.settings.window_end, minute(60).as_second());
    relay
        .report(1, vec![joins(room, 1, false)], noon())
        .await
        .expect("kept");
    let state = store.conference(&world.scope(), daily.id).await.expect("found");
    assert!(state.is_active() && state.first().active && !state.occurrences[1].active);
    // It runs over into the next one's window: it goes on, and is over when it is empty.
    relay.register(day(1)).await;
    let seen = view(&world, minute(24 * 60 - 10)).await;
    assert!(matches!(seen.opens(minute(24 * 60 - 10), false), Opens::Live(_)));
    assert_eq!(
        relay.leave(room, minute(24 * 60 - 5)).await.expect("leaves"),
        OccurrenceState::Ended
    );
    let next = world.open(&relay, minute(24 * 60 - 5), false).await;
    assert_eq!(next.live.occurrence, Occurrence::new(day(1).as_second()));
}

pub async fn the_sweeper_and_the_first_to_come_make_one_occurrence(store: &Store) {
    let world = World::new(store).await;
    let relay = world.relay("r", noon()).await;
    let daily = world.daily(noon(), 3).await;
    let seen = view(&world, noon()).await;
    let Opens::Planned { planned, .. } = seen.opens(noon(), false) else {
        panic!("opens")
    };
    store.sweep(noon(), Timestamp::MIN).await.expect("swept");
    let alive = [relay.id.clone()];
    let late = store
        .room_open(&seen, RoomTarget::Planned(planned), &relay.id, &alive, noon())
        .await;
    assert!(matches!(late, Err(Error::Raced)), "{late:?}");
    let live = world.open(&relay, noon(), false).await;
    relay.enter(world.room_name(&live), noon()).await.expect("enters");

    // The other way round; then a day that the sweeper slept through.
    let second = world.open(&relay, day(1), false).await;
    assert_eq!(second.live.occurrence, Occurrence::new(day(1).as_second()));
    store.sweep(day(1), Timestamp::MIN).await.expect("swept");
    store.sweep(day(5), Timestamp::MIN).await.expect("swept");
    let state = store.conference(&world.scope(), daily.id).await.expect("found");
    let states: Vec<_> = state.occurrences.iter().map(|view| view.state).collect();
    assert_eq!(
        states,
        [
            OccurrenceState::Ended,
            OccurrenceState::Ended,
            OccurrenceState::Scheduled
        ]
    );
    assert_eq!(view(&world, day(5)).await.opens(day(5), false), Opens::NotStarted(None));
}

pub async fn whoever_decided_on_an_earlier_plan_decides_anew(store: &Store) {
    let world = World::new(store).await;
    let relay = world.relay("r", noon()).await;
    let daily = world.daily(noon(), 3).await;
    let before = store.conference(&world.scope(), daily.id).await.expect("found");
    let around = store.surroundings(&before).await.expect("read");
    let seen = view(&world, noon()).await;
    let first = Occurrence::new(noon().as_second());
    let mut moved = before.conference.clone();
    let later = Exception {
        start: Some(minute(120)),
        ..Exception::default()
    };
    moved.series.as_mut().expect("repeats").set(first, later);
    let write = operator("conference-update");
    store
        .conference_update(&before, &around, &moved, &write)
        .await
        .expect("changed");
    // Who looked before the change, and who decided on a change before it.
    let Opens::Planned { planned, .. } = seen.opens(noon(), false) else {
        panic!("opens")
    };
    let alive = [relay.id.clone()];
    let opened = store
        .room_open(&seen, RoomTarget::Planned(planned), &relay.id, &alive, noon())
        .await;
    assert!(matches!(opened, Err(Error::Raced)), "{opened:?}");
    let twice = store.conference_update(&before, &around, &moved, &write).await;
    assert!(matches!(twice, Err(Error::Raced)), "{twice:?}");
    let deleted = store.conference_delete(&before, &around, &write).await;
    assert!(matches!(deleted, Err(Error::Raced)), "{deleted:?}");
    match view(&world, noon()).await.opens(noon(), false) {
        Opens::NotStarted(Some(next)) => assert_eq!((next.occurrence, next.start), (first, minute(120))),
        found => panic!("{found:?}"),
    }

    // Somebody comes while a change is being decided.
    let before = store.conference(&world.scope(), daily.id).await.expect("found");
    let around = store.surroundings(&before).await.expect("read");
    let live = world.open(&relay, minute(110), false).await;
    assert_eq!(live.live.occurrence, first);
    for outcome in [
        store.conference_update(&before, &around, &moved, &write).await,
        store.conference_delete(&before, &around, &write).await,
    ] {
        assert!(matches!(outcome, Err(Error::Raced)), "{outcome:?}");
    }
    let now = store.conference(&world.scope(), daily.id).await.expect("found");
    let around = store.surroundings(&now).await.expect("read");
    assert!(now.runs(&around, first, minute(110)), "somebody is on the way");
    relay.register(minute(110)).await;
    relay.enter(world.room_name(&live), minute(110)).await.expect("enters");
}

pub async fn an_end_ends_its_own_occurrence_alone(store: &Store) {
    let world = World::new(store).await;
    let relay = world.relay("r", noon()).await;
    let daily = world.daily(noon(), 3).await;
    assert!(world.end(daily.id).await.already, "nothing has begun");
    let live = world.open(&relay, noon(), false).await;
    relay.enter(world.room_name(&live), noon()).await.expect("enters");
    let ended = world.end(daily.id).await;
    assert_eq!((ended.rooms, ended.relays.len()), (vec![world.room_name(&live)], 1));
    assert_eq!(view(&world, noon()).await.opens(noon(), false), Opens::Ended);
    let state = store.conference(&world.scope(), daily.id).await.expect("found");
    assert_eq!(
        (state.first().ended_reason, state.is_active()),
        (Some(Reason::Ended), false)
    );
    let next = view(&world, day(1)).await;
    assert!(matches!(next.opens(day(1), false), Opens::Planned { .. }));
}
