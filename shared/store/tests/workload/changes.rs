//! Many writers who change, open and end the same two meetings on a table that fails on purpose: afterwards the code says what
//! the meetings say, and every acknowledged change was made once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::Reason;
use domain::conference::{Conference, Exception};
use domain::id::ConferenceId;
use domain::relay::OccurrenceState;
use store::{Error, Store};

use crate::conformance::world::{TestRelay, World, minute, noon, operator};

const WRITERS: i64 = 4;
const ROUNDS: i64 = 6;

/// What was written.
#[derive(Default)]
struct Counts {
    acknowledged: AtomicU64,
    /// The table did not say whether it was made.
    unknown: AtomicU64,
}

/// Runs the writers over the faulty store, and checks with the clean one.
pub async fn run(faulty: &Store, clean: &Store, seed: u64) {
    let world = World::new(clean).await;
    let relay = world.relay("c", noon()).await;
    let (single, daily) = (
        world.planned(minute(600)).await.id,
        world.daily(minute(300), 5).await.id,
    );
    let counts = Arc::new(Counts::default());
    let mut tasks = Vec::new();
    for writer in 0..WRITERS {
        let (world, counts) = (over(&world, faulty), Arc::clone(&counts));
        tasks.push(tokio::spawn(async move {
            for round in 0..ROUNDS {
                let by = writer * ROUNDS + round;
                change(&world, single, &counts, |conference| {
                    conference.start = minute(600 + by)
                })
                .await;
                change(&world, daily, &counts, |conference| cancel_or_move(conference, by)).await;
            }
        }));
    }
    // Somebody comes and goes meanwhile, to the occurrence of the first day.
    let (joining, guest) = (
        over(&world, faulty),
        TestRelay {
            store: faulty.clone(),
            id: relay.id.clone(),
            epoch: relay.epoch,
        },
    );
    tasks.push(tokio::spawn(async move {
        for _ in 0..ROUNDS {
            if let Ok(Some(live)) = joining.try_open(&guest, minute(290), false).await {
                let _ = guest.enter(joining.room_name(&live), minute(290)).await;
                let _ = guest.leave(joining.room_name(&live), minute(290)).await;
            }
        }
    }));
    for task in tasks {
        task.await.expect("a writer ran to its end");
    }
    check(clean, &world, (single, daily), &counts, seed).await;
}

fn over(world: &World, store: &Store) -> World {
    World {
        store: store.clone(),
        name: world.name.clone(),
        reseller: world.reseller.clone(),
        company: world.company.clone(),
        host: world.host.clone(),
    }
}

fn cancel_or_move(conference: &mut Conference, by: i64) {
    let series = conference.series.as_mut().expect("repeats");
    // Never the first day's, which somebody may be in.
    let which = series.starts[1 + usize::try_from(by % 4).expect("small")];
    let exception = if by % 3 == 0 {
        Exception {
            cancelled: true,
            ..Exception::default()
        }
    } else {
        let start = which.start().saturating_add(jiff::SignedDuration::from_mins(by + 1));
        Exception {
            start: Some(start.expect("a time")),
            ..Exception::default()
        }
    };
    series.set(which, exception);
}

async fn change(world: &World, id: ConferenceId, counts: &Counts, how: impl Fn(&mut Conference)) {
    loop {
        let Ok(state) = world.store.conference(&world.scope(), id).await else {
            continue;
        };
        let Ok(around) = world.store.surroundings(&state).await else {
            continue;
        };
        let mut after = state.conference.clone();
        how(&mut after);
        let write = operator("conference-update");
        match world.store.conference_update(&state, &around, &after, &write).await {
            Ok(()) => {
                counts.acknowledged.fetch_add(1, Ordering::Relaxed);
                return;
            }
            Err(Error::Raced) => {}
            Err(Error::Unavailable(_)) => {
                counts.unknown.fetch_add(1, Ordering::Relaxed);
                return;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

async fn check(
    clean: &Store,
    world: &World,
    (single, daily): (ConferenceId, ConferenceId),
    counts: &Counts,
    seed: u64,
) {
    let mut versions = 0;
    for id in [single, daily] {
        let state = clean.conference(&world.scope(), id).await.expect("found");
        versions += state.conference.version;
        let mut planned: Vec<_> = state
            .occurrences
            .iter()
            .filter(|view| !view.slot.cancelled)
            .map(|view| (view.slot.start, view.slot.duration))
            .collect();
        planned.sort_unstable();
        // What the code says, day by day.
        let mut shown = Vec::new();
        for day in 0..6 {
            let now = minute(day * 24 * 60);
            let view = clean
                .room(world.host.access_code, now)
                .await
                .expect("read")
                .expect("a room");
            let of = view.planned.iter().filter(|planned| planned.conference == id);
            shown.extend(of.map(|planned| (planned.start, planned.duration)));
        }
        shown.sort_unstable();
        shown.dedup();
        assert_eq!(shown, planned, "seed {seed}: the code and the meeting differ");
    }
    let (known, unknown) = (
        counts.acknowledged.load(Ordering::Relaxed),
        counts.unknown.load(Ordering::Relaxed),
    );
    assert!(
        (known..=known + unknown).contains(&versions),
        "seed {seed}: {versions} changes, {known} acknowledged, {unknown} unknown"
    );
    let audit = clean
        .audit(world.reseller.id, Some(world.company.id), 1_000)
        .await
        .expect("read");
    let changes = audit.iter().filter(|entry| entry.action == "conference-update").count();
    assert_eq!(
        u64::try_from(changes).expect("few"),
        versions,
        "seed {seed}: one audit item a change"
    );

    // Both end, and are cancelled, whatever happened before.
    let ended = world.end(single).await;
    assert!(!ended.already, "seed {seed}");
    let state = clean.conference(&world.scope(), daily).await.expect("found");
    let around = clean.surroundings(&state).await.expect("read");
    let write = operator("conference-delete");
    clean
        .conference_delete(&state, &around, &write)
        .await
        .expect("cancelled");
    let view = clean
        .room(world.host.access_code, minute(290))
        .await
        .expect("read")
        .expect("a room");
    let left = |planned: &&domain::conference::Planned| planned.state != OccurrenceState::Ended;
    assert_eq!(
        view.planned.iter().filter(left).count(),
        0,
        "seed {seed}: {:?}",
        view.planned
    );
    let refused = clean.conference(&world.scope(), daily).await;
    assert!(matches!(refused, Err(Error::NotFound(_))), "seed {seed}");
    let state = clean.conference(&world.scope(), single).await.expect("found");
    assert_eq!(state.first().ended_reason, Some(Reason::Ended), "seed {seed}");
}
