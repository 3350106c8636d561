//! What a reseller's companies send in a day is counted; what is too much waits, and nobody is locked out by it.

use functions::operator::{self, Dispatched};
use jiff::SignedDuration;
use serde_json::json;

use crate::asked::work_of;
use crate::post::Fate;
use crate::site::{ACME, Site};

async fn dispatch(site: &Site) -> Dispatched {
    let work = work_of("dispatch", operator::dispatch(&site.app, &[]));
    work.await.expect("dispatched")
}

/// John's site, when he has been welcomed, and so many mails of the reseller's go out in a day.
async fn site(mails: u32) -> Site {
    let site = Site::new().await;
    site.host("John").await;
    dispatch(&site).await;
    site.mails.take();
    daily(&site, mails).await;
    site
}

/// The operator says how many mails of the reseller's go out in a day.
async fn daily(site: &Site, mails: u32) {
    let mut asked = site.first();
    asked.reseller.daily_mails = Some(mails);
    operator::init(&site.app, &asked).await.expect("said");
    // Until then it is not looked at again.
    site.advance(60);
}

async fn invite(site: &Site, guests: std::ops::Range<u32>) {
    let guests: Vec<String> = guests.map(|guest| format!("g{guest}@guest.test")).collect();
    let asked = json!({"host_id": 2, "subject": "Numbers", "start": "2026-12-01 10:00:00", "time_zone": "UTC",
        "duration": 60, "participant_emails": guests, "reminders": []});
    site.admin_api("conference/create", asked).await;
}

/// Guests who were written to, each named once.
fn guests(site: &Site) -> Vec<String> {
    let mut to: Vec<String> = site.mails.take().iter().map(|mail| mail.to.to_string()).collect();
    to.retain(|to| to.ends_with("guest.test"));
    to.sort();
    let all = to.len();
    to.dedup();
    assert_eq!(to.len(), all, "{to:?}");
    to
}

#[tokio::test]
async fn what_is_more_than_a_day_holds_goes_out_on_the_next() {
    let site = site(100).await;
    invite(&site, 0..60).await;
    invite(&site, 60..130).await;
    let done = dispatch(&site).await;
    let first = guests(&site);
    // The host is told of both meetings.
    assert_eq!((first.len(), done.failed, done.parked), (98, 0, 0));
    // Whoever tries again is told the same, and gives nothing up.
    let mut held = done.held;
    for _ in 0..8 {
        site.advance(20 * 60);
        held += dispatch(&site).await.held;
        assert_eq!(guests(&site), [""; 0]);
    }
    assert!(held >= 3, "{held}");
    site.advance(24 * 60 * 60);
    dispatch(&site).await;
    let mut all = [first, guests(&site)].concat();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 130);
}

#[tokio::test]
async fn an_operator_lets_more_out_within_the_hour() {
    let site = site(1).await;
    invite(&site, 0..5).await;
    dispatch(&site).await;
    let first = guests(&site).len();
    assert!(first <= 1);
    daily(&site, 0).await;
    site.advance(60 * 60);
    dispatch(&site).await;
    assert_eq!(first + guests(&site).len(), 5);
}

#[tokio::test]
async fn what_does_not_go_out_does_not_count() {
    let site = site(6).await;
    site.mails.meet(&[Fate::Failed; 4]);
    invite(&site, 0..5).await;
    for _ in 0..4 {
        dispatch(&site).await;
        site.advance(10);
    }
    assert_eq!(guests(&site).len(), 5);
}

#[tokio::test]
async fn what_was_counted_goes_out_however_slowly() {
    let site = site(100).await;
    // A host and a guest each time, with minutes between.
    for guest in 0..45 {
        invite(&site, guest..guest + 1).await;
        dispatch(&site).await;
        assert_eq!(guests(&site).len(), 1, "{guest}");
        site.advance(5 * 60);
    }
}

#[tokio::test]
async fn who_forgot_a_password_is_written_to_all_the_same() {
    let site = site(1).await;
    invite(&site, 0..5).await;
    dispatch(&site).await;
    site.mails.take();
    let asked = site
        .post(ACME, "/password")
        .header("origin", &format!("https://{ACME}"));
    asked.json(&json!({"email": "john@acme.test"})).send().await.ok();
    dispatch(&site).await;
    let to: Vec<String> = site.mails.take().iter().map(|mail| mail.to.to_string()).collect();
    assert_eq!(to, ["john@acme.test"]);
}

#[tokio::test]
async fn each_reseller_and_each_day_is_counted_by_itself() {
    let site = Site::new().await;
    let reseller = domain::id::ResellerId::new(1).expect("an id");
    daily(&site, 1).await;
    let take = async |now| site.app.store.mails_take(reseller, now).await.expect("taken");
    let (today, tomorrow) = (
        site.now(),
        site.now()
            .saturating_add(SignedDuration::from_hours(24))
            .expect("a time"),
    );
    assert_eq!(take(today).await, store::MailsLeft::Some(1));
    assert_eq!(take(today).await, store::MailsLeft::None);
    assert_eq!(take(tomorrow).await, store::MailsLeft::Some(1));
    let mut other = site.first();
    other.reseller.domain = "other.test".parse().expect("a domain");
    let other = operator::init(&site.app, &other).await.expect("made").reseller_id;
    let taken = site.app.store.mails_take(other, today).await.expect("taken");
    assert_eq!(taken, store::MailsLeft::All);
}
