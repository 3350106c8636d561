use domain::Reason;
use domain::conference::{Conference, Kind, Opens};
use domain::id::{Occurrence, ParticipantNumber};
use domain::relay::{EndedRoom, Event, EventKind};
use domain::relay::{Heartbeat, HeldRoom, OccurrenceState};
use jiff::{SignedDuration, Timestamp};
use store::{Error, RoomTarget, Store};

use super::world::{TestRelay, World, joins, leaves, minute, noon, operator};

/// A relay of a few people that holds these rooms.
pub fn heartbeat(relay: &TestRelay, rooms: &[domain::id::RoomName]) -> Heartbeat {
    Heartbeat {
        relay: relay.id.clone(),
        epoch: relay.epoch,
        participants: 1,
        load: 0.1,
        draining: false,
        rooms: rooms
            .iter()
            .map(|room| HeldRoom {
                room: *room,
                participants: 1,
            })
            .collect(),
    }
}

/// Whose leave is kept, and why.
async fn left(world: &World, conference: domain::id::ConferenceId) -> Vec<(u32, Reason)> {
    let events = world
        .store
        .events(world.reseller.id, conference, 0, noon())
        .await
        .expect("read");
    let leave = |(_, event): &(u64, Event)| match &event.kind {
        EventKind::ParticipantLeave {
            participant, reason, ..
        } => Some((participant.value(), *reason)),
        _ => None,
    };
    events.iter().filter_map(leave).collect()
}

/// A moderator ends while people join: whoever was let in too late is refused at the relay, and nothing is left live.
pub async fn an_end_against_joins(store: &Store) {
    let world = World::new(store).await;
    let relay = world.relay("r", noon()).await;
    for round in 0..6 {
        let now = minute(round * 90);
        relay.register(now).await;
        let meeting = world.planned(now).await;
        let join = async {
            let mut entered = Ok(());
            for _ in 0..8 {
                tokio::task::yield_now().await;
                match world.try_open(&relay, now, false).await {
                    Ok(Some(live)) => entered = relay.enter(world.room_name(&live), now).await.map(drop),
                    Ok(None) => break,
                    Err(Error::Raced) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
            entered
        };
        let end = async {
            for _ in 0..round {
                tokio::task::yield_now().await;
            }
            loop {
                let state = store.conference(&world.scope(), meeting.id).await.expect("found");
                let around = store.surroundings(&state).await.expect("read");
                let write = operator("conference-end");
                match store.conference_end(&state, &around, Reason::Ended, &write).await {
                    Err(Error::Raced) => {}
                    ended => return ended.expect("ends"),
                }
            }
        };
        let (entered, ended) = tokio::join!(join, end);
        assert!(!ended.already);
        assert!(
            matches!(entered, Ok(()) | Err(Error::Ended(Reason::Ended) | Error::Moved)),
            "{entered:?}"
        );
        let view = store
            .room(world.host.access_code, now)
            .await
            .expect("read")
            .expect("a room");
        assert_eq!((view.room.live.as_ref(), view.opens(now, false)), (None, Opens::Ended));
        let refused = relay.enter(meeting.room(), now).await;
        assert!(matches!(refused, Err(Error::Ended(Reason::Ended))), "{refused:?}");
        let beat = store
            .relay_heartbeat(&heartbeat(&relay, &[meeting.room()]), now)
            .await
            .expect("heard");
        assert_eq!(beat.ended.len(), 1, "the relay learns it at the latest now");
        relay.leave(meeting.room(), now).await.expect("leaves");
    }
}

/// A meeting that runs over keeps the host's code until it is empty; then the next one opens, whose window is open.
pub async fn a_meeting_runs_over_into_the_next(store: &Store) {
    let world = World::new(store).await;
    let relay = world.relay("r", noon()).await;
    let (first, second) = (world.planned(noon()).await, world.planned(minute(60)).await);
    let live = world.open(&relay, noon(), false).await;
    relay.enter(world.room_name(&live), noon()).await.expect("enters");
    for now in [minute(50), minute(61), minute(100)] {
        relay.register(now).await;
        assert_eq!(world.open(&relay, now, false).await.live.conference, first.id);
        store.sweep(now, Timestamp::MIN).await.expect("sweeps");
    }
    assert_eq!(
        relay.leave(first.room(), minute(101)).await.expect("leaves"),
        OccurrenceState::Ended
    );
    assert_eq!(world.open(&relay, minute(102), false).await.live.conference, second.id);
}

/// Nobody came to a reservationless meeting; the next one on the code is not in its way, and who comes late finds it over.
pub async fn a_reservationless_meeting_that_nobody_joined(store: &Store) {
    let world = World::new(store).await;
    let relay = world.relay("r", noon()).await;
    let meeting = Conference {
        kind: Kind::Reservationless,
        ..world.conference(noon()).await
    };
    let write = operator("conference-create");
    store.conference_create(&meeting, &write).await.expect("made");
    let active = async || {
        let marks = store.conferences_active(world.reseller.id, world.host.id).await;
        marks.expect("read").contains(&meeting.room())
    };
    assert!(active().await);
    // Somebody is let in at the last moment: the meeting waits for the way, and no longer.
    let late = minute(15)
        .saturating_add(SignedDuration::from_secs(-1))
        .expect("a time");
    relay.register(late).await;
    world.open(&relay, late, false).await;
    store.sweep(minute(15), Timestamp::MIN).await.expect("sweeps");
    assert!(active().await, "held for somebody on the way");
    store.sweep(minute(17), Timestamp::MIN).await.expect("sweeps");
    assert!(!active().await);
    let view = store
        .room(world.host.access_code, minute(17))
        .await
        .expect("read")
        .expect("a room");
    assert_eq!(view.opens(minute(17), false), Opens::Ended);
    let refused = relay.enter(meeting.room(), minute(17)).await;
    assert!(matches!(refused, Err(Error::Ended(Reason::Expired))), "{refused:?}");
}

/// A relay that loses its registration and registers again, with its meetings going on.
pub async fn a_relay_registered_again_keeps_its_rooms(store: &Store) {
    let world = World::new(store).await;
    let mut relay = world.relay("r", noon()).await;
    let room = world.planned(noon()).await.room();
    world.open(&relay, noon(), false).await;
    relay.enter(room, noon()).await.expect("enters");
    let people = vec![joins(room, 1, true), joins(room, 2, false), joins(room, 3, false)];
    relay.report(1, people, noon()).await.expect("kept");

    let ms = |at: Timestamp| u64::try_from(at.as_millisecond()).expect("after 1970");
    relay.epoch = ms(minute(1));
    relay.register(minute(1)).await;
    // An event comes before the first heartbeat.
    relay.report(1, vec![leaves(room, 3)], minute(1)).await.expect("kept");
    assert_eq!(left(&world, room.conference).await, [(3, Reason::Left)]);

    relay.epoch = ms(minute(2));
    relay.register(minute(2)).await;
    for _ in 0..2 {
        let beat = store
            .relay_heartbeat(&heartbeat(&relay, &[room]), minute(2))
            .await
            .expect("heard");
        assert_eq!((beat.ended, beat.known), (Vec::new(), true));
    }
    relay.register(minute(4)).await;
    store.sweep(minute(4), Timestamp::MIN).await.expect("sweeps");
    let state = store.conference(&world.scope(), room.conference).await.expect("found");
    assert!(state.is_active(), "nothing was taken from it");
    assert_eq!(left(&world, room.conference).await.len(), 1);
    relay.report(1, vec![leaves(room, 2)], minute(4)).await.expect("kept");
    assert_eq!(left(&world, room.conference).await[1..], [(2, Reason::Left)]);
    // A registration later its leave counts too.
    relay.epoch = ms(minute(5));
    relay.register(minute(5)).await;
    relay.report(1, vec![leaves(room, 1)], minute(5)).await.expect("kept");
    assert_eq!(
        relay.leave(room, minute(5)).await.expect("leaves"),
        OccurrenceState::Scheduled
    );
    assert_eq!(left(&world, room.conference).await.len(), 3);
    let view = store
        .room(world.host.access_code, minute(5))
        .await
        .expect("read")
        .expect("a room");
    assert_eq!(view.room.live, None);
}

/// A relay that nothing was heard of for long, while its meetings went on there.
pub async fn a_relay_heard_of_again_takes_its_rooms_back(store: &Store) {
    let world = World::new(store).await;
    let (relay, other) = (world.relay("r", noon()).await, world.relay("o", noon()).await);
    let room = world.planned(noon()).await.room();
    world.open(&relay, noon(), false).await;
    relay.enter(room, noon()).await.expect("enters");
    relay
        .report(1, vec![joins(room, 1, false)], noon())
        .await
        .expect("kept");
    store.sweep(minute(2), Timestamp::MIN).await.expect("sweeps");
    let active = async || {
        let state = store.conference(&world.scope(), room.conference).await.expect("found");
        state.is_active()
    };
    assert!(!active().await);
    let beat = async |relay: &TestRelay, now| {
        let heard = store.relay_heartbeat(&heartbeat(relay, &[room]), now).await;
        heard.expect("heard").ended
    };
    assert_eq!(beat(&relay, minute(3)).await, []);
    // Its people were reported as gone, and are told again: more than once is once.
    assert_eq!(left(&world, room.conference).await, [(1, Reason::ConnectionLost)]);
    let present = async || {
        let known = store.conference(&world.scope(), room.conference).await.expect("found");
        let of = (room.reseller, room.conference);
        let first = ParticipantNumber::new(1).expect("from 1");
        let found = store.present(of, known.occurrences.iter(), first).await;
        found.expect("read").is_some()
    };
    assert!(!present().await);
    for n in [2, 3] {
        relay
            .report(n, vec![joins(room, 1, false)], minute(3))
            .await
            .expect("kept");
        assert!(present().await);
    }
    let events = store.events(world.reseller.id, room.conference, 0, minute(3)).await;
    assert_eq!(events.expect("read").len(), 3);
    assert!(active().await, "it goes on where it was");
    // Silent again, and people gather elsewhere meanwhile.
    store.sweep(minute(5), Timestamp::MIN).await.expect("sweeps");
    other.register(minute(6)).await;
    world.open(&other, minute(6), false).await;
    other.enter(room, minute(6)).await.expect("enters");
    let moved = EndedRoom {
        room,
        reason: Reason::Moved,
    };
    assert_eq!(beat(&relay, minute(6)).await, [moved]);
    // It closes its own, and the other goes on, whatever it says of an end.
    let ends = async |n, reason, by| {
        let end = Event {
            room,
            at: minute(6).as_millisecond(),
            kind: EventKind::RoomEnd { reason, by },
        };
        relay.report(n, vec![end], minute(6)).await.expect("heard");
    };
    for (n, reason) in [(4, Reason::Moved), (5, Reason::Ended)] {
        ends(n, reason, None).await;
        assert!(active().await, "{reason:?}");
    }
    relay.leave(room, minute(6)).await.expect("leaves");
    assert_eq!(beat(&relay, minute(6)).await, []);
    assert!(active().await);
    assert_eq!(world.open(&other, minute(6), false).await.home, other.id);
    // But who ended it there for everybody was told that it is over.
    ends(6, Reason::Ended, ParticipantNumber::new(1)).await;
    assert!(!active().await);
    let over = EndedRoom {
        room,
        reason: Reason::Ended,
    };
    assert_eq!(beat(&other, minute(6)).await, [over]);
}

/// A relay is silent long enough for its meeting to be opened elsewhere, and not so long that it is swept.
pub async fn a_meeting_is_at_one_relay(store: &Store) {
    let second = |n| noon().saturating_add(SignedDuration::from_secs(n)).expect("a time");
    let world = World::new(store).await;
    let (relay, other) = (world.relay("r", noon()).await, world.relay("o", noon()).await);
    let room = world.planned(noon()).await.room();
    world.open(&relay, noon(), false).await;
    relay.enter(room, noon()).await.expect("enters");
    let people = vec![joins(room, 1, false), joins(room, 2, false)];
    relay.report(1, people, noon()).await.expect("kept");

    other.register(second(20)).await;
    world.open(&other, second(20), false).await;
    other.enter(room, second(20)).await.expect("enters");
    let beat = async |relay: &TestRelay, now| {
        let heard = store.relay_heartbeat(&heartbeat(relay, &[room]), now).await;
        heard.expect("heard").ended
    };
    let moved = EndedRoom {
        room,
        reason: Reason::Moved,
    };
    assert_eq!(beat(&relay, second(21)).await, [moved]);
    assert_eq!(beat(&other, second(21)).await, []);
    // Who does not say so itself is reported: the relay may be gone.
    relay.report(2, vec![leaves(room, 2)], second(21)).await.expect("kept");
    store.sweep(minute(1), Timestamp::MIN).await.expect("sweeps");
    let gone = [(2, Reason::Left), (1, Reason::ConnectionLost)];
    assert_eq!(left(&world, room.conference).await, gone);
    relay.leave(room, minute(1)).await.expect("leaves");

    // It comes back, and its people with it.
    other.leave(room, minute(2)).await.expect("leaves");
    relay.register(minute(2)).await;
    world.open(&relay, minute(2), false).await;
    relay.enter(room, minute(2)).await.expect("enters");
    relay
        .report(3, vec![joins(room, 1, false)], minute(2))
        .await
        .expect("kept");
    store.sweep(minute(2), Timestamp::MIN).await.expect("sweeps");
    assert_eq!(left(&world, room.conference).await, gone);
    assert_eq!(beat(&relay, minute(2)).await, []);
}

/// Somebody asks to come while nothing is heard of a meeting's relay, and never gets there: the next sweep, or before it
/// whoever asks next, leads to the relay again, and nothing new begins.
pub async fn a_meeting_stays_where_nobody_took_it_from(store: &Store) {
    let second = |n| noon().saturating_add(SignedDuration::from_secs(n)).expect("a time");
    for sweeps in [true, false] {
        let world = World::new(store).await;
        let (relay, other) = (world.relay("r", noon()).await, world.relay("o", noon()).await);
        let room = world.room_name(&world.open(&relay, noon(), true).await);
        relay.enter(room, noon()).await.expect("enters");
        other.register(second(20)).await;
        assert_eq!(world.open(&other, second(20), false).await.home, other.id);
        let heard = store.relay_heartbeat(&heartbeat(&relay, &[room]), second(150)).await;
        heard.expect("heard");
        if sweeps {
            store.sweep(second(150), Timestamp::MIN).await.expect("sweeps");
        } else {
            let begins = world.try_open(&other, second(150), true).await;
            assert!(matches!(begins, Err(Error::Raced)), "{begins:?}");
        }
        let found = world.open(&relay, second(150), false).await;
        assert_eq!((world.room_name(&found), found.home), (room, relay.id));
    }
}

/// A relay ends with people in an ad-hoc meeting, whose time is always over: it is held for them, and opens elsewhere.
pub async fn a_meeting_goes_on_as_its_relay_ends(store: &Store) {
    let world = World::new(store).await;
    let (relay, other) = (world.relay("r", noon()).await, world.relay("o", noon()).await);
    let live = world.open(&relay, noon(), true).await;
    let room = world.room_name(&live);
    relay.enter(room, noon()).await.expect("enters");
    let state = relay.close(room, true, minute(1)).await.expect("leaves");
    assert_eq!(state, OccurrenceState::Scheduled);
    other.register(minute(1)).await;
    let next = world.open(&other, minute(1), false).await;
    assert_eq!((world.room_name(&next), &next.home), (room, &other.id));
    other.enter(room, minute(1)).await.expect("enters");
    assert_eq!(
        other.leave(room, minute(2)).await.expect("leaves"),
        OccurrenceState::Ended
    );

    // Nobody comes.
    let room = world.room_name(&world.open(&other, minute(3), true).await);
    other.enter(room, minute(3)).await.expect("enters");
    other.close(room, true, minute(4)).await.expect("leaves");
    store.sweep(minute(5), Timestamp::MIN).await.expect("sweeps");
    let state = async || {
        let found = store.conference(&world.scope(), room.conference).await.expect("found");
        found.first().state
    };
    assert_eq!(state().await, OccurrenceState::Scheduled);
    store.sweep(minute(7), Timestamp::MIN).await.expect("sweeps");
    assert_eq!(state().await, OccurrenceState::Ended);
}

/// A relay dies, and at its next start an answer to entering is lost: who does not come again is still reported as gone.
pub async fn a_start_that_could_not_enter_forgets_nobody(store: &Store) {
    let world = World::new(store).await;
    let mut relay = world.relay("r", noon()).await;
    let room = world.planned(noon()).await.room();
    world.open(&relay, noon(), false).await;
    relay.enter(room, noon()).await.expect("enters");
    let people = vec![joins(room, 1, false), joins(room, 2, false)];
    relay.report(1, people, noon()).await.expect("kept");

    relay.epoch = minute(1).as_millisecond().try_into().expect("after 1970");
    relay.register(minute(1)).await;
    relay.close(room, true, minute(1)).await.expect("leaves");
    world.open(&relay, minute(1), false).await;
    relay.enter(room, minute(1)).await.expect("enters");
    relay
        .report(1, vec![joins(room, 1, false)], minute(1))
        .await
        .expect("kept");
    let second = |n| minute(1).saturating_add(SignedDuration::from_secs(n)).expect("a time");
    store.sweep(second(10), Timestamp::MIN).await.expect("sweeps");
    assert_eq!(left(&world, room.conference).await, [], "it may still come");
    store.sweep(second(31), Timestamp::MIN).await.expect("sweeps");
    assert_eq!(left(&world, room.conference).await, [(2, Reason::ConnectionLost)]);
}

/// Two relays, two occurrences of one code: nobody decides on a room that another has moved meanwhile.
pub async fn a_stale_look_decides_nothing(store: &Store) {
    let world = World::new(store).await;
    let relay = world.relay("r", noon()).await;
    let first = world.planned(noon()).await;
    let view = store
        .room(world.host.access_code, noon())
        .await
        .expect("read")
        .expect("a room");
    let live = world.open(&relay, noon(), false).await;
    assert_eq!(live.live.occurrence, Occurrence::new(noon().as_second()));
    let Opens::Planned { planned, .. } = view.opens(noon(), false) else {
        panic!("opens")
    };
    let alive = [relay.id.clone()];
    let stale = store
        .room_open(&view, RoomTarget::Planned(planned), &relay.id, &alive, noon())
        .await;
    assert!(matches!(stale, Err(Error::Raced)), "{stale:?}");
    relay.enter(first.room(), noon()).await.expect("enters");
    relay.enter(first.room(), noon()).await.expect("again, with no effect");
}
