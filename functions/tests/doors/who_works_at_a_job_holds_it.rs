//! A dispatcher that is slow, since the mail service is, is not taken for dead: nobody does its job beside it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::id::CompanyId;
use functions::operator::{self, Dispatched};
use jiff::SignedDuration;
use notify::{Mail, Mailer, Sending};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::asked::work_of;
use crate::site::Site;

async fn dispatch(site: &Site) -> Dispatched {
    let work = work_of("dispatch", operator::dispatch(&site.app, &[]));
    work.await.expect("dispatched")
}

/// Takes mail in when it is told to.
#[derive(Debug)]
struct Slow {
    begun: AtomicUsize,
    may: Semaphore,
}

impl Mailer for Slow {
    fn send<'a>(&'a self, _: &'a Mail, _: CompanyId) -> Sending<'a> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        Box::pin(async {
            drop(self.may.acquire().await.expect("not closed"));
            Ok(())
        })
    }
}

/// Waits for something, ten seconds at most.
async fn until(holds: impl AsyncFn() -> bool) {
    let waited = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waited)
        .await
        .expect("in time");
}

#[tokio::test]
async fn a_job_is_held_for_as_long_as_somebody_works_at_it() {
    let mut site = Site::new().await;
    let host = site.host("John").await;
    dispatch(&site).await;
    let asked = json!({"host_id": host.id, "subject": "Numbers", "start": "2026-06-20 15:00:00", "time_zone": "UTC",
        "duration": 60, "participant_emails": ["anna@guest.test"], "reminders": []});
    site.admin_api("conference/create", asked).await;
    let slow = Arc::new(Slow {
        begun: AtomicUsize::new(0),
        may: Semaphore::new(0),
    });
    // Who says every few seconds that it goes on does so sooner here.
    site.app = site
        .app
        .with_mailer(Arc::clone(&slow) as Arc<dyn Mailer>)
        .with_sleep(|time| Box::pin(tokio::time::sleep(time / 100)));

    let beside = async {
        until(async || slow.begun.load(Ordering::SeqCst) == 2).await;
        // Far longer than it holds a job without a word.
        for _ in 0..8 {
            site.advance(5);
            let soon = site.now().saturating_add(SignedDuration::from_secs(8)).expect("a time");
            until(async || site.app.store.jobs_due(soon, 10).await.expect("read").is_empty()).await;
            assert_eq!(
                dispatch(&site).await,
                Dispatched::default(),
                "nobody else has anything to do"
            );
        }
        assert_eq!(slow.begun.load(Ordering::SeqCst), 2);
        slow.may.add_permits(2);
    };
    let (done, ()) = tokio::join!(dispatch(&site), beside);
    assert_eq!(done.done, 1);
    assert_eq!(slow.begun.load(Ordering::SeqCst), 2, "everybody has one mail");
}
