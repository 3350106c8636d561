use domain::Reason;
use domain::conference::{Conference, Kind};
use domain::id::ParticipantNumber;
use domain::relay::{Entered, Event, EventKind, OccurrenceState};
use domain::room::{KeptRules, MuteMode};
use jiff::{SignedDuration, Timestamp};
use store::{Store, Swept};

use super::races::heartbeat;
use super::world::{TestRelay, World, joins, minute, noon, operator};

/// Sweeps, and tells what became of this world's conference. The table may hold other worlds, which are swept too.
async fn sweep(
    world: &World,
    conference: domain::id::ConferenceId,
    now: Timestamp,
) -> (Option<Reason>, OccurrenceState) {
    let swept: Swept = world.store.sweep(now, Timestamp::MIN).await.expect("sweeps");
    let reason = swept
        .ended
        .iter()
        .find(|ended| ended.room.conference == conference)
        .map(|ended| ended.reason);
    (
        reason,
        world
            .store
            .conference(&world.scope(), conference)
            .await
            .expect("found")
            .first()
            .state,
    )
}

pub async fn nobody_came(store: &Store) {
    let world = World::new(store).await;
    let relay = world.relay("a", noon()).await;
    let reservationless = Conference {
        kind: Kind::Reservationless,
        ..world.conference(noon()).await
    };
    store
        .conference_create(&reservationless, &operator("conference-create"))
        .await
        .expect("made");
    let id = reservationless.id;
    assert_eq!(sweep(&world, id, minute(14)).await, (None, OccurrenceState::Scheduled));
    assert_eq!(
        sweep(&world, id, minute(15)).await,
        (Some(Reason::Expired), OccurrenceState::Ended)
    );
    assert_eq!(sweep(&world, id, minute(15)).await, (None, OccurrenceState::Ended));

    let ad_hoc = world.open(&relay, minute(20), true).await.live.conference;
    assert_eq!(
        sweep(&world, ad_hoc, minute(21)).await,
        (None, OccurrenceState::Scheduled)
    );
    assert_eq!(
        sweep(&world, ad_hoc, minute(22)).await,
        (Some(Reason::Expired), OccurrenceState::Ended)
    );

    let planned = world.planned(minute(40)).await.id;
    world.open(&relay, minute(30), false).await;
    // The lease is over: the room is free, the meeting still to come; then its window closes.
    assert_eq!(
        sweep(&world, planned, minute(32)).await,
        (None, OccurrenceState::Scheduled)
    );
    let view = store
        .room(world.host.access_code, minute(32))
        .await
        .expect("read")
        .expect("a room");
    assert_eq!(view.room.live, None);
    assert_eq!(
        sweep(&world, planned, minute(99)).await,
        (None, OccurrenceState::Scheduled)
    );
    assert_eq!(
        sweep(&world, planned, minute(100)).await,
        (Some(Reason::Expired), OccurrenceState::Ended)
    );
}

pub async fn a_dead_relays_participants_have_left(store: &Store) {
    let world = World::new(store).await;
    let relay = world.relay("a", noon()).await;
    let room = world.planned(noon()).await.room();
    world.open(&relay, noon(), false).await;
    relay.enter(room, noon()).await.expect("enters");
    let batch = (1..=25).map(|n| joins(room, n, n == 1)).collect();
    relay.report(1, batch, noon()).await.expect("kept");
    let seconds = |seconds| {
        noon()
            .saturating_add(SignedDuration::from_secs(seconds))
            .expect("a time")
    };
    assert_eq!(
        sweep(&world, room.conference, seconds(44)).await.1,
        OccurrenceState::Active
    );
    assert_eq!(
        sweep(&world, room.conference, seconds(45)).await.1,
        OccurrenceState::Scheduled
    );
    assert_eq!(
        sweep(&world, room.conference, seconds(46)).await.1,
        OccurrenceState::Scheduled
    );
    let kept = store
        .events(world.reseller.id, room.conference, 25, noon())
        .await
        .expect("read");
    assert_eq!(kept.len(), 25);
    let lost = |event: &Event| {
        matches!(
            event.kind,
            EventKind::ParticipantLeave {
                reason: Reason::ConnectionLost,
                duration_ms: 45_000,
                ..
            }
        )
    };
    assert!(kept.iter().all(|(_, event)| lost(event)), "{kept:?}");
}

/// Nothing is heard of a relay, and it may have gone on: what would be over when it is empty is held for two minutes.
pub async fn an_unheard_meeting_is_held_for_a_while(store: &Store) {
    let world = World::new(store).await;
    for heard_again in [true, false] {
        let relay = world.relay("a", noon()).await;
        let ad_hoc = world.room_name(&world.open(&relay, noon(), true).await);
        relay.enter(ad_hoc, noon()).await.expect("enters");
        relay
            .report(1, vec![joins(ad_hoc, 1, true)], noon())
            .await
            .expect("kept");
        assert_eq!(
            sweep(&world, ad_hoc.conference, minute(1)).await,
            (None, OccurrenceState::Scheduled)
        );
        if heard_again {
            let answer = store
                .relay_heartbeat(&heartbeat(&relay, &[ad_hoc]), minute(2))
                .await
                .expect("heard");
            assert_eq!(answer.ended, []);
            relay.register(minute(4)).await;
            assert_eq!(
                sweep(&world, ad_hoc.conference, minute(4)).await,
                (None, OccurrenceState::Active)
            );
            let state = relay.leave(ad_hoc, minute(4)).await.expect("leaves");
            assert_eq!(state, OccurrenceState::Ended);
        } else {
            assert_eq!(
                sweep(&world, ad_hoc.conference, minute(3)).await,
                (Some(Reason::Expired), OccurrenceState::Ended)
            );
        }
    }
}

/// While the table or the platform is away no relay can be heard, and when they are back no relay has lost anything.
pub async fn silence_counts_only_while_somebody_listens(store: &Store) {
    let world = World::new(store).await;
    let relay = world.relay("a", noon()).await;
    let room = world.planned(noon()).await.room();
    world.open(&relay, noon(), false).await;
    relay.enter(room, noon()).await.expect("enters");
    relay
        .report(1, vec![joins(room, 1, false)], noon())
        .await
        .expect("kept");
    let seconds = |from: Timestamp, seconds| from.saturating_add(SignedDuration::from_secs(seconds)).expect("a time");
    for (swept, since) in [
        (noon(), noon()),
        (minute(1), noon()),
        // None for four minutes.
        (minute(5), minute(5)),
        (seconds(minute(5), 44), minute(5)),
    ] {
        let listening = store.listening_since(swept).await.expect("noted");
        assert_eq!(listening, since);
        if swept >= minute(5) {
            store.sweep(swept, listening).await.expect("sweeps");
            let state = store.conference(&world.scope(), room.conference).await.expect("found");
            assert!(state.is_active(), "{swept}");
        }
    }
    store.sweep(seconds(minute(5), 45), minute(5)).await.expect("sweeps");
    let state = store.conference(&world.scope(), room.conference).await.expect("found");
    assert!(!state.is_active());
}

/// A day after the first join a meeting is over, whoever is in it, and its relays are to be told.
pub async fn a_meeting_stops_after_a_day(store: &Store) {
    let world = World::new(store).await;
    let relay = world.relay("a", noon()).await;
    let room = world.planned(noon()).await.room();
    world.open(&relay, noon(), false).await;
    relay.enter(room, noon()).await.expect("enters");
    for (at, reason) in [(24 * 60 - 1, None), (24 * 60, Some(Reason::Expired))] {
        relay.register(minute(at)).await;
        let swept = store.sweep(minute(at), Timestamp::MIN).await.expect("sweeps");
        let ended = swept.ended.iter().find(|ended| ended.room == room);
        assert_eq!(ended.map(|ended| ended.reason), reason);
        if let Some(ended) = ended {
            let told: Vec<_> = ended.relays.iter().map(|relay| &relay.id).collect();
            assert_eq!(told, [&relay.id]);
        }
    }
    let code = world.host.access_code;
    let view = store.room(code, minute(24 * 60)).await.expect("read").expect("a room");
    assert_eq!(view.room.live, None);
    let answer = store
        .relay_heartbeat(&heartbeat(&relay, &[room]), minute(24 * 60))
        .await
        .expect("heard");
    assert_eq!(answer.ended.len(), 1);
}

pub async fn guests_make_way_when_a_window_opens(store: &Store) {
    let world = World::new(store).await;
    let relay = world.relay("a", noon()).await;
    let ad_hoc = world.room_name(&world.open(&relay, noon(), true).await);
    relay.enter(ad_hoc, noon()).await.expect("enters");
    relay
        .report(1, vec![joins(ad_hoc, 1, false)], noon())
        .await
        .expect("kept");
    let planned = world.planned(minute(30)).await;
    relay.register(minute(14)).await;
    assert_eq!(
        sweep(&world, ad_hoc.conference, minute(14)).await,
        (None, OccurrenceState::Active)
    );
    relay.register(minute(15)).await;
    let swept = store.sweep(minute(15), Timestamp::MIN).await.expect("sweeps");
    let moved = swept
        .ended
        .iter()
        .find(|ended| ended.room == ad_hoc)
        .expect("was ended");
    assert_eq!((moved.reason, moved.relays.len()), (Reason::Moved, 1));
    let opened = world.open(&relay, minute(16), false).await;
    assert_eq!(opened.live.conference, planned.id);
}

pub async fn a_restarted_relay_begins_with_nothing(store: &Store) {
    let world = World::new(store).await;
    let started = u64::try_from(noon().as_millisecond()).expect("after 1970");
    let first = world.relay("a", minute(-1)).await;
    let room = world.planned(noon()).await.room();
    world.open(&first, noon(), false).await;
    first.enter(room, noon()).await.expect("enters");
    first
        .report(1, vec![joins(room, 1, false), joins(room, 2, false)], noon())
        .await
        .expect("kept");

    let second = TestRelay {
        epoch: started,
        ..first
    };
    second.register(noon()).await;
    second.enter(room, noon()).await.expect("enters");
    second
        .report(1, vec![joins(room, 1, false)], noon())
        .await
        .expect("kept");
    // Nobody took its place: the first relay's process is gone.
    let whose = (world.reseller.id, room.conference);
    let (there, _) = store.attendance(whose, None, None, 10, noon()).await.expect("read");
    let ends: Vec<Vec<Option<Reason>>> = there
        .iter()
        .map(|one| one.stays.iter().map(|stay| stay.reason).collect())
        .collect();
    assert_eq!(ends, [vec![None], vec![Some(Reason::ConnectionLost), None]]);
    second.register(minute(1)).await;
    // The one who came back stays; the other one is reported as gone, once.
    assert_eq!(
        sweep(&world, room.conference, minute(1)).await,
        (None, OccurrenceState::Active)
    );
    second.register(minute(2)).await;
    assert_eq!(
        sweep(&world, room.conference, minute(2)).await,
        (None, OccurrenceState::Active)
    );
    let kept = store
        .events(world.reseller.id, room.conference, 3, noon())
        .await
        .expect("read");
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(matches!(kept[0].1.kind, EventKind::ParticipantLeave { participant, .. } if participant.value() == 2));
    assert_eq!(
        second.leave(room, minute(2)).await.expect("leaves"),
        OccurrenceState::Scheduled
    );
}

/// What moderators set, and who was in, is known to whichever relay a meeting goes on at, and forgotten when everybody has left.
pub async fn rules_hold_while_a_meeting_goes_on(store: &Store) {
    let world = World::new(store).await;
    let room = world.planned(noon()).await.room();
    let relay = world.relay("a", noon()).await;
    world.open(&relay, noon(), false).await;
    let first = relay.enter(room, noon()).await.expect("enters");
    assert_eq!((first.rules, first.earlier), (None, Vec::new()));
    let rules = KeptRules {
        locked: true,
        mute_mode: MuteMode::Presentation,
    };
    let event = |kind| Event {
        room,
        at: noon().as_millisecond(),
        kind,
    };
    let gone = |number, reason| {
        event(EventKind::ParticipantLeave {
            participant: ParticipantNumber::new(number).expect("a number"),
            jti: format!("j{number}"),
            reason,
            duration_ms: 1,
        })
    };
    let mut batch: Vec<Event> = (1..=5).map(|n| joins(room, n, n == 1)).collect();
    batch.extend([
        gone(3, Reason::Left),
        gone(4, Reason::Removed),
        gone(5, Reason::ConnectionLost),
        event(EventKind::RoomRules { rules }),
    ]);
    relay.report(1, batch, noon()).await.expect("kept");

    let known = |entered: &Entered| -> Vec<(u32, bool, bool)> {
        let known = entered.earlier.iter();
        known
            .map(|one| (one.participant.value(), one.moderator, one.removed.is_some()))
            .collect()
    };
    // The relay was killed, and begins anew.
    let next = TestRelay { epoch: 2, ..relay };
    next.register(minute(1)).await;
    let again = next.enter(room, minute(1)).await.expect("enters");
    assert_eq!(again.rules, Some(rules));
    assert_eq!(
        known(&again),
        [(1, true, false), (2, false, false), (4, false, true), (5, false, false)]
    );

    // It ends in order, and its people go elsewhere.
    next.report(1, vec![joins(room, 1, true)], minute(1))
        .await
        .expect("kept");
    let lost = Event {
        at: minute(5).as_millisecond(),
        ..gone(1, Reason::ConnectionLost)
    };
    next.report(2, vec![lost], minute(5)).await.expect("kept");
    next.close(room, true, minute(5)).await.expect("leaves");
    let other = world.relay("b", minute(6)).await;
    world.open(&other, minute(6), false).await;
    let elsewhere = other.enter(room, minute(6)).await.expect("enters");
    assert_eq!(elsewhere.rules, Some(rules));
    assert!(known(&elsewhere).contains(&(1, true, false)));
    assert!(
        !known(&elsewhere).iter().any(|(number, ..)| *number == 5),
        "gone for long"
    );

    // Nobody comes in time.
    other.close(room, true, minute(7)).await.expect("leaves");
    world.open(&other, minute(10), false).await;
    let late = other.enter(room, minute(10)).await.expect("enters");
    assert_eq!(late.rules, None);

    assert_eq!(known(&late), [(4, false, true)], "who was removed stays so");

    // Somebody asked to come elsewhere, and never came, when the relay was given up.
    let locks = vec![event(EventKind::RoomRules { rules })];
    other.report(1, locks.clone(), minute(10)).await.expect("kept");
    let sequence = |events: Vec<(u64, Event)>| events.last().map(|(number, _)| *number);
    let all = || store.events(world.reseller.id, room.conference, 0, minute(10));
    let before = sequence(all().await.expect("read"));
    other.report(2, locks, minute(10)).await.expect("kept");
    assert_eq!(sequence(all().await.expect("read")), before, "told again, and known");
    let third = world.relay("c", minute(11)).await;
    world.open(&third, minute(11), false).await;
    sweep(&world, room.conference, minute(12)).await;
    let elsewhere = third.enter(room, minute(12)).await.expect("enters");
    assert_eq!(elsewhere.rules, Some(rules));

    // All have left.
    let other = third;
    let locks = vec![event(EventKind::RoomRules { rules })];
    other.report(1, locks, minute(12)).await.expect("kept");
    other.leave(room, minute(13)).await.expect("leaves");
    world.open(&other, minute(13), false).await;
    assert_eq!(other.enter(room, minute(13)).await.expect("enters").rules, None);
}
