use domain::id::{CompanyId, ConferenceId};
use jiff::{SignedDuration, Timestamp};
use store::{Job, Store, Work};

use super::world::{World, noon, operator};

fn later(seconds: i64) -> Timestamp {
    noon()
        .saturating_add(SignedDuration::from_secs(seconds))
        .expect("a time")
}

const LEASE: i64 = Job::LEASE.as_secs();

/// A host is deleted; its job.
async fn caused(world: &World) -> Job {
    world
        .store
        .host_delete(&world.host, &operator("host-delete"))
        .await
        .expect("begins");
    due(world, noon()).await.expect("due")
}

async fn due(world: &World, now: Timestamp) -> Option<Job> {
    let mut jobs = world.store.jobs_due(now, 1_000).await.expect("read");
    jobs.retain(|job| job.reseller == world.reseller.id);
    assert!(jobs.len() <= 1, "{jobs:?}");
    jobs.pop()
}

pub async fn a_job_is_held_by_one_at_a_time(store: &Store) {
    let world = World::new(store).await;
    let job = caused(&world).await;
    assert_eq!(store.job(&job.id).await.expect("read"), Some(job.clone()));
    let takers: Vec<_> = (0..12)
        .map(|_| {
            let (store, job) = (store.clone(), job.clone());
            tokio::spawn(async move { store.job_claim(&job, noon()).await.expect("read") })
        })
        .collect();
    let mut held = Vec::new();
    for taker in takers {
        held.extend(taker.await.expect("runs"));
    }
    assert_eq!(held.len(), 1, "{held:?}");
    let held = held.remove(0);
    assert_eq!(
        held,
        Job {
            claims: 1,
            ..job.clone()
        }
    );

    // Nobody finds it while it is held, nor takes it up by what was read before or is read now.
    assert_eq!(due(&world, later(LEASE - 1)).await, None);
    for known in [&job, &held] {
        assert_eq!(store.job_claim(known, later(LEASE - 1)).await.expect("read"), None);
    }
    store.job_done(&held).await.expect("struck off");
    assert_eq!(store.job(&job.id).await.expect("read"), None);
    assert_eq!(store.job_claim(&held, later(LEASE * 2)).await.expect("read"), None);
    store.job_done(&held).await.expect("harmless when repeated");
    assert_eq!(
        store.job(&job.id).await.expect("read"),
        None,
        "a claim of what is done makes nothing"
    );
}

pub async fn who_took_a_job_up_last_has_the_word(store: &Store) {
    let world = World::new(store).await;
    let job = caused(&world).await;
    let slow = store.job_claim(&job, noon()).await.expect("read").expect("free");
    let found = due(&world, later(LEASE)).await.expect("its lease is over");
    let quick = store
        .job_claim(&found, later(LEASE))
        .await
        .expect("read")
        .expect("free");
    assert_eq!(quick.claims, 2);

    // Whatever the slow one says now changes nothing.
    let wrong = Work::HostDelete {
        host: world.host.id,
        pass: 9,
        after: None,
    };
    store.job_done(&slow).await.expect("harmless");
    store
        .job_later(
            &Job {
                work: wrong,
                ..slow.clone()
            },
            later(1),
        )
        .await
        .expect("harmless");
    store.job_park(&slow, later(LEASE)).await.expect("harmless");
    assert_eq!(store.job(&job.id).await.expect("read").as_ref(), Some(&quick));
    assert_eq!(due(&world, later(2 * LEASE - 1)).await, None);
    store.job_done(&quick).await.expect("struck off");
    assert_eq!(store.job(&job.id).await.expect("read"), None);
}

pub async fn who_works_longer_goes_on_holding_a_job(store: &Store) {
    let world = World::new(store).await;
    let job = caused(&world).await;
    assert!(!store.job_hold(&job, noon()).await.expect("read"), "nobody took it up");
    let held = store.job_claim(&job, noon()).await.expect("read").expect("free");
    assert!(store.job_hold(&held, later(LEASE - 1)).await.expect("held"));
    assert_eq!(due(&world, later(2 * LEASE - 2)).await, None);
    assert_eq!(store.job_claim(&held, later(2 * LEASE - 2)).await.expect("read"), None);

    // Its holder dies; whoever takes it up then has the word.
    let found = due(&world, later(2 * LEASE - 1)).await.expect("its lease is over");
    let other = store
        .job_claim(&found, later(2 * LEASE))
        .await
        .expect("read")
        .expect("free");
    assert!(!store.job_hold(&held, later(2 * LEASE)).await.expect("read"));
    assert_eq!(due(&world, later(3 * LEASE - 1)).await, None);

    // What is laid down or done is held by nobody, however late that is said.
    store.job_later(&other, later(3 * LEASE)).await.expect("laid down");
    assert!(!store.job_hold(&other, later(2 * LEASE)).await.expect("read"));
    let found = due(&world, later(3 * LEASE)).await.expect("due when it said");
    let last = store
        .job_claim(&found, later(3 * LEASE))
        .await
        .expect("read")
        .expect("free");
    store.job_done(&last).await.expect("struck off");
    assert!(!store.job_hold(&last, later(3 * LEASE)).await.expect("read"));
    assert_eq!(store.job(&job.id).await.expect("read"), None, "nothing is made by it");
}

pub async fn one_at_a_time_is_called_to_wait_for_what_is_due_soon(store: &Store) {
    let world = World::new(store).await;
    let job = caused(&world).await;
    store.job_claim(&job, noon()).await.expect("read").expect("free");
    let over = store.jobs_next(later(1), noon()).await;
    assert_eq!(over.expect("nothing is asked of the table"), None);
    let call = async || store.jobs_watch(noon(), later(60)).await.expect("called");
    call().await;
    let called = store.job(Job::WATCH).await.expect("read").expect("called");
    assert_eq!((&called.work, called.created), (&Work::Help, noon()));
    assert_eq!(
        store.job_claim(&called, noon()).await.expect("read"),
        None,
        "it is for whom it wakes"
    );
    store.jobs_watch(later(1), later(60)).await.expect("one is called");
    assert_eq!(store.job(Job::WATCH).await.expect("read"), Some(called.clone()));

    // Whoever was called holds it; when that one has died anybody may strike it off, and another one is called.
    assert!(store.job_hold(&called, later(LEASE - 1)).await.expect("held"));
    assert_eq!(
        store.job_claim(&called, later(2 * LEASE - 2)).await.expect("read"),
        None
    );
    let dead = store.job_claim(&called, later(2 * LEASE)).await.expect("read");
    store.job_done(&dead.expect("free")).await.expect("struck off");
    call().await;
    let again = store.job(Job::WATCH).await.expect("read").expect("called");
    store.job_done(&again).await.expect("struck off");
}

pub async fn a_job_goes_on_later_as_it_has_become(store: &Store) {
    let world = World::new(store).await;
    let job = caused(&world).await;
    let mut held = store.job_claim(&job, noon()).await.expect("read").expect("free");
    held.work = Work::HostDelete {
        host: world.host.id,
        pass: 2,
        after: ConferenceId::new(17),
    };
    (held.failures, held.error) = (3, Some("the relay did not answer".into()));
    store.job_later(&held, later(60)).await.expect("laid down");
    assert_eq!(due(&world, later(59)).await, None);
    let found = due(&world, later(60)).await.expect("due");
    assert_eq!(found, held);
    assert_eq!(
        store.job_claim(&found, later(59)).await.expect("read"),
        None,
        "not before its time"
    );
    let again = store.job_claim(&found, later(60)).await.expect("read").expect("free");
    assert_eq!(again.claims, 2);

    store.job_park(&again, later(61)).await.expect("given up");
    assert_eq!(due(&world, later(1_000_000)).await, None, "nobody works at it any more");
    let parked = store.jobs_parked(1_000).await.expect("read");
    assert!(parked.contains(&again), "people find it: {parked:?}");
    assert_eq!(store.job(&job.id).await.expect("read"), Some(again.clone()));
    // A person who lays it down again brings it back.
    store.job_later(&again, later(70)).await.expect("laid down");
    assert_eq!(due(&world, later(70)).await, Some(again));
}

/// However many jobs of one company come before another's one.
pub async fn much_of_one_company_hides_no_other(store: &Store) {
    let world = World::new(store).await;
    let (reseller, large) = (world.reseller.id, world.company.id);
    // Behind it, and one whose number begins with the large one's.
    let small = [large.value() + 1, large.value() * 10 + 1].map(|id| CompanyId::new(id).expect("a number"));
    // Earlier than anything else in this table.
    let then: Timestamp = "2001-01-01T00:00:00Z".parse().expect("a time");
    let after = |ms| then.saturating_add(SignedDuration::from_millis(ms)).expect("a time");
    let begin = async |company, at| {
        let begun = store.job_begin(reseller, company, Work::CompanyDelete, at).await;
        begun.expect("begun");
    };
    // At one instant, and each at an instant of its own.
    for apart in [0, 1] {
        for number in 0..600 {
            begin(large, after(number * apart)).await;
        }
        let last = after(600 * apart);
        begin(small[0], last).await;
        begin(small[1], last).await;
        let found = store.jobs_due(last, 10).await.expect("read");
        let of = |company| found.iter().filter(|job| job.company == company).count();
        assert_eq!(small.map(of), [1, 1], "of {} found", found.len());
        // Many of the large one are none that are needed now.
        assert!((80..600).contains(&of(large)), "{}", of(large));
        while let left = store.jobs_due(last, 1_000).await.expect("read")
            && !left.is_empty()
        {
            for job in &left {
                store.job_done(job).await.expect("struck off");
            }
        }
    }
}
