use std::collections::BTreeSet;

use domain::Reason;
use domain::relay::{EndedRoom, Heartbeat, HeldRoom, OccurrenceState};
use jiff::Timestamp;
use store::{Error, Store};

use super::world::{TestRelay, World, minute, noon};

fn heartbeat(relay: &TestRelay, rooms: Vec<HeldRoom>) -> Heartbeat {
    Heartbeat {
        relay: relay.id.clone(),
        epoch: relay.epoch,
        participants: 3,
        load: 0.25,
        draining: false,
        rooms,
    }
}

pub async fn only_registered_starts_are_believed(store: &Store) {
    let world = World::new(store).await;
    let stranger = TestRelay {
        store: store.clone(),
        id: format!("s-{}", world.name).parse().expect("a name"),
        epoch: 1,
    };
    assert!(matches!(
        store.relay_register(&stranger.registration(), noon()).await,
        Err(Error::NotFound(_))
    ));
    assert_eq!(store.relay(&stranger.id).await.expect("read"), None);

    let first = world.relay("r", noon()).await;
    let second = TestRelay {
        store: store.clone(),
        id: first.id.clone(),
        epoch: 2,
    };
    second.register(noon()).await;
    second.register(noon()).await;
    assert!(matches!(
        store.relay_register(&first.registration(), noon()).await,
        Err(Error::StaleEpoch)
    ));
    let conference = world.planned(noon()).await;
    assert!(matches!(
        first.enter(conference.room(), noon()).await,
        Err(Error::StaleEpoch)
    ));
    assert!(matches!(
        first.leave(conference.room(), noon()).await,
        Err(Error::StaleEpoch)
    ));
    assert!(matches!(
        first.report(1, Vec::new(), noon()).await,
        Err(Error::StaleEpoch)
    ));
    assert!(
        !store
            .relay_heartbeat(&heartbeat(&first, Vec::new()), noon())
            .await
            .expect("read")
            .known
    );
    assert!(
        store
            .relay_heartbeat(&heartbeat(&second, Vec::new()), noon())
            .await
            .expect("read")
            .known
    );
    let found = store.relay(&second.id).await.expect("read").expect("a relay");
    assert_eq!(
        (found.epoch, found.participants, found.load_permille, found.last_seen),
        (2, 3, 250, Some(noon()))
    );
}

pub async fn a_heartbeat_says_which_rooms_have_ended(store: &Store) {
    let world = World::new(store).await;
    let relay = world.relay("r", noon()).await;
    let (goes_on, ends) = (world.planned(noon()).await, world.planned(minute(1)).await);
    relay.enter(ends.room(), noon()).await.expect("enters");
    let ended = world.end(ends.id).await;
    assert_eq!(
        ended.relays.iter().map(|relay| &relay.id).collect::<Vec<_>>(),
        [&relay.id]
    );
    let held = |room| HeldRoom { room, participants: 1 };
    let rooms = vec![held(goes_on.room()), held(ends.room()), held(ends.room())];
    let answer = store
        .relay_heartbeat(&heartbeat(&relay, rooms), noon())
        .await
        .expect("read");
    let ended = EndedRoom {
        room: ends.room(),
        reason: Reason::Ended,
    };
    assert_eq!(answer.ended, [ended.clone(), ended]);
}

pub async fn the_living_are_listed_near_first(store: &Store) {
    // Far from the other worlds' times, whose relays do not live then.
    let now: Timestamp = "2030-01-01T00:00:00Z".parse().expect("a time");
    let world = World::new(store).await;
    let (near, far, dead) = (
        world.relay("near", now).await,
        world.relay("far", now).await,
        world.relay("dead", noon()).await,
    );
    let mut there = far.registration();
    there.region = "us".into();
    store.relay_register(&there, now).await.expect("registered");
    let ids = async |region| {
        let alive = store.relays_alive(region, now).await.expect("read");
        alive
            .into_iter()
            .map(|relay| relay.id)
            .filter(|id| id.as_str().ends_with(&world.name))
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(Some("us")).await, [far.id.clone(), near.id.clone()]);
    assert_eq!(ids(Some("eu")).await, [near.id, far.id]);
    assert!(!ids(None).await.contains(&dead.id));
}

pub async fn a_room_lives_on_one_relay(store: &Store) {
    let world = World::new(store).await;
    let (home, other) = (world.relay("a", noon()).await, world.relay("b", noon()).await);
    let conference = world.planned(noon()).await;
    world.open(&home, noon(), false).await;
    let refused = other.enter(conference.room(), noon()).await;
    assert!(matches!(refused, Err(Error::Moved)), "{refused:?}");
    let entered = home.enter(conference.room(), noon()).await.expect("enters");
    assert_eq!(entered.members, BTreeSet::from([home.id.clone()]));
    assert_eq!(entered.settings.hard_stop, minute(24 * 60).as_second());
    assert_eq!(entered.settings.window_end, minute(60).as_second());
    assert_eq!(home.enter(conference.room(), minute(5)).await.expect("again"), entered);
    let refused = other.enter(conference.room(), noon()).await;
    assert!(matches!(refused, Err(Error::Moved)), "{refused:?}");
    assert!(
        store
            .conference(&world.scope(), conference.id)
            .await
            .expect("found")
            .is_active()
    );
    // When the home is silent, a client with its old token may bring the room to another one.
    other.register(minute(10)).await;
    other.enter(conference.room(), minute(10)).await.expect("takes over");
}

pub async fn an_emptied_meeting_begins_again_inside_its_window(store: &Store) {
    let world = World::new(store).await;
    let relay = world.relay("a", noon()).await;
    let conference = world.planned(noon()).await;
    let room = conference.room();
    let state = async || {
        store
            .conference(&world.scope(), conference.id)
            .await
            .expect("found")
            .first()
            .state
    };
    world.open(&relay, noon(), false).await;
    relay.enter(room, noon()).await.expect("enters");
    assert_eq!(state().await, OccurrenceState::Active);
    assert_eq!(
        relay.leave(room, minute(10)).await.expect("leaves"),
        OccurrenceState::Scheduled
    );
    assert_eq!(
        relay.leave(room, minute(10)).await.expect("harmless"),
        OccurrenceState::Scheduled
    );
    assert_eq!(state().await, OccurrenceState::Scheduled);
    let live = world.open(&relay, minute(20), false).await;
    assert_eq!(live.live.conference, conference.id);
    relay.enter(room, minute(20)).await.expect("enters");
    // It may run over; emptied after its window it is over.
    assert_eq!(
        relay.leave(room, minute(70)).await.expect("leaves"),
        OccurrenceState::Ended
    );
    assert_eq!(state().await, OccurrenceState::Ended);
    let refused = relay.enter(room, minute(71)).await;
    assert!(matches!(refused, Err(Error::Ended(Reason::Expired))), "{refused:?}");
}

pub async fn an_emptied_ad_hoc_meeting_is_over(store: &Store) {
    let world = World::new(store).await;
    let relay = world.relay("a", noon()).await;
    let live = world.open(&relay, noon(), true).await;
    let room = world.room_name(&live);
    relay.enter(room, noon()).await.expect("enters");
    assert_eq!(
        relay.leave(room, minute(1)).await.expect("leaves"),
        OccurrenceState::Ended
    );
    let next = world.open(&relay, minute(2), true).await;
    assert_ne!(next.live.conference, live.live.conference);
}
