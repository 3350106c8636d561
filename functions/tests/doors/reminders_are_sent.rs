//! Who is invited is reminded at the right minute: of the meeting as it is then, once, and not of what does not take place.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use functions::operator::{self, Dispatched};
use jiff::Timestamp;
use mail_parser::MessageParser;
use serde_json::{Value, json};
use store::{Job, Work};

use crate::asked::work_of;
use crate::post::Fate;
use crate::site::Site;

/// A reminder: for whom, and when its meeting starts as the mail says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Reminder {
    to: String,
    when: String,
    id: String,
}

async fn dispatch(site: &Site) -> Dispatched {
    work_of("dispatch", operator::dispatch(&site.app, &[]))
        .await
        .expect("dispatched")
}

/// The reminders that go out now, by whom they are for. What else goes out is none.
async fn reminders(site: &Site) -> Vec<Reminder> {
    dispatch(site).await;
    let mut found = Vec::new();
    for mail in site.mails.take() {
        let message = MessageParser::default().parse(&mail.raw).expect("a mail");
        if !message.subject().expect("a subject").starts_with("Reminder: ") {
            continue;
        }
        let text = message.body_text(0).expect("text").replace("\r\n", "\n");
        let when = text.split("When:\n  ").nth(1).and_then(|rest| rest.lines().next());
        assert!(!text.contains("text/calendar"));
        found.push(Reminder {
            to: mail.to.to_string(),
            when: when.expect("a time").to_owned(),
            id: mail.id,
        });
    }
    found.sort_by(|a, b| a.to.cmp(&b.to));
    found
}

fn to(reminders: &[Reminder]) -> Vec<&str> {
    reminders.iter().map(|reminder| reminder.to.as_str()).collect()
}

/// Lets time pass up to this time of 1 June 2026, or of another day of that month.
fn until(site: &Site, time: &str) {
    let text = match time.len() {
        8 => format!("2026-06-01T{time}Z"),
        _ => format!("2026-06-{time}Z"),
    };
    let at: Timestamp = text.parse().expect("a time");
    let seconds = at.duration_since(site.now()).as_secs();
    assert!(seconds >= 0, "{text} is over");
    site.advance(seconds);
}

/// A site with a host; it is noon.
async fn site() -> (Site, u64) {
    let site = Site::new().await;
    let host = site.host("John").await;
    reminders(&site).await;
    (site, host.id)
}

/// A meeting at 14:00 UTC with Anna.
fn meeting(host: u64) -> Value {
    json!({"host_id": host, "subject": "Numbers", "start": "2026-06-01 14:00:00", "time_zone": "UTC", "duration": 60,
        "participant_emails": ["anna@guest.test"]})
}

async fn create(site: &Site, more: Value, host: u64) -> Value {
    let mut asked = meeting(host);
    for (name, value) in more.as_object().expect("fields") {
        asked[name] = value.clone();
    }
    site.admin_api("conference/create", asked).await
}

async fn update(site: &Site, made: &Value, mut more: Value) {
    more["conference_id"] = made["conference_id"].clone();
    site.admin_api("conference/update", more).await;
}

fn by_mail(minutes: &[u32]) -> Value {
    let all = minutes
        .iter()
        .map(|minutes| json!({"channel": "email", "minutes_before": minutes}));
    json!({"reminders": all.collect::<Vec<_>>()})
}

#[tokio::test]
async fn everybody_is_reminded_once_a_quarter_of_an_hour_before() {
    let (site, host) = site().await;
    create(&site, json!({}), host).await;
    until(&site, "13:44:59");
    assert!(reminders(&site).await.is_empty());
    until(&site, "13:45:00");
    let sent = reminders(&site).await;
    assert_eq!(to(&sent), ["anna@guest.test", "john@acme.test"]);
    assert!(
        sent.iter()
            .all(|mail| mail.when == "Monday, 1 June 2026, 14:00 – 15:00 (UTC)"),
        "{sent:?}"
    );
    until(&site, "02T00:00:00");
    assert!(reminders(&site).await.is_empty(), "once");
}

#[tokio::test]
async fn as_often_as_was_asked_and_never_where_none_was() {
    let (site, host) = site().await;
    create(&site, by_mail(&[60, 5, 60]), host).await;
    create(&site, by_mail(&[]), host).await;
    let mut times = Vec::new();
    for minute in 0..120 {
        site.advance(60);
        if !reminders(&site).await.is_empty() {
            times.push(minute + 1);
        }
    }
    assert_eq!(times, [60, 115]);
}

#[tokio::test]
async fn they_follow_a_meeting_that_moves_and_who_is_invited_to_it() {
    let (site, host) = site().await;
    let made = create(&site, json!({}), host).await;
    update(
        &site,
        &made,
        json!({"start": "2026-06-01 16:00:00", "participant_emails": ["bob@guest.test"]}),
    )
    .await;
    until(&site, "13:45:00");
    assert!(reminders(&site).await.is_empty(), "of the former start");
    until(&site, "15:45:00");
    let sent = reminders(&site).await;
    assert_eq!(to(&sent), ["bob@guest.test", "john@acme.test"]);
    assert!(sent[0].when.contains("16:00"), "{sent:?}");
    // Nobody's second reminder when something else changes.
    update(&site, &made, json!({"subject": "Figures"})).await;
    assert!(reminders(&site).await.is_empty());
    // Another rule: what it would have been due before is not caught up on.
    update(&site, &made, by_mail(&[60, 10])).await;
    assert!(reminders(&site).await.is_empty());
    until(&site, "15:50:00");
    assert_eq!(reminders(&site).await.len(), 2);
    let jobs = site.app.store.jobs_due(Timestamp::MAX, 10).await.expect("read");
    assert!(jobs.is_empty(), "{jobs:?}");
}

#[tokio::test]
async fn what_does_not_take_place_is_not_reminded_of_and_leaves_no_job() {
    let (site, host) = site().await;
    let made = create(&site, json!({}), host).await;
    let silent = create(&site, json!({}), host).await;
    let ended = create(&site, json!({"one_time_access_code": true}), host).await;
    reminders(&site).await;
    site.admin_api("conference/delete", json!({"conference_id": made["conference_id"]}))
        .await;
    update(&site, &silent, by_mail(&[])).await;
    reminders(&site).await;
    assert_eq!(
        site.app.store.jobs_due(Timestamp::MAX, 10).await.expect("read").len(),
        1
    );
    site.admin_api("conference/end", json!({"conference_id": ended["conference_id"]}))
        .await;
    until(&site, "13:50:00");
    assert!(reminders(&site).await.is_empty());
}

#[tokio::test]
async fn a_series_keeps_one_job_and_follows_each_of_its_times() {
    let (site, host) = site().await;
    let daily = json!({"recurrence": {"rrule": "FREQ=DAILY;COUNT=6"}});
    let made = create(&site, daily, host).await;
    reminders(&site).await;
    let moved = json!({"occurrence": "2026-06-02 14:00:00", "scope": "this", "start": "2026-06-02 18:00:00"});
    update(&site, &made, moved).await;
    let gone = json!({"conference_id": made["conference_id"], "occurrence": "2026-06-03 14:00:00", "scope": "this"});
    site.admin_api("conference/delete", gone).await;
    reminders(&site).await;
    let mut times = Vec::new();
    for _ in 0..6 * 24 * 4 {
        let jobs = site.app.store.jobs_due(Timestamp::MAX, 10).await.expect("read");
        assert!(jobs.len() <= 2, "{jobs:?}");
        if let Some(sent) = reminders(&site).await.first() {
            times.push((site.now().to_string(), sent.when.clone()));
        }
        site.advance(900);
    }
    let starts: Vec<&str> = times.iter().map(|(at, _)| at.as_str()).collect();
    assert_eq!(
        starts,
        [
            "2026-06-01T13:45:00Z",
            "2026-06-02T17:45:00Z",
            "2026-06-04T13:45:00Z",
            "2026-06-05T13:45:00Z",
            "2026-06-06T13:45:00Z"
        ]
    );
    assert!(times[1].1.contains("2 June 2026, 18:00"), "{times:?}");
    assert!(
        site.app
            .store
            .jobs_due(Timestamp::MAX, 10)
            .await
            .expect("read")
            .is_empty()
    );
}

#[tokio::test]
async fn what_is_late_is_sent_until_the_meeting_starts() {
    let (site, host) = site().await;
    create(&site, by_mail(&[60, 15]), host).await;
    create(&site, json!({"start": "2026-06-01 13:00:00"}), host).await;
    // Nobody does any work until shortly before the later one: of the first one nobody hears any more.
    until(&site, "13:59:00");
    let sent = reminders(&site).await;
    assert_eq!(
        to(&sent),
        ["anna@guest.test", "anna@guest.test", "john@acme.test", "john@acme.test"]
    );
    assert!(sent.iter().all(|mail| mail.when.contains("14:00 – 15:00")), "{sent:?}");
}

#[tokio::test]
async fn one_whom_it_does_not_reach_is_tried_until_the_start_as_the_same_mail() {
    let (site, host) = site().await;
    create(&site, json!({}), host).await;
    reminders(&site).await;
    until(&site, "13:45:00");
    site.mails.meet(&[Fate::Sent, Fate::Unheard]);
    let first = reminders(&site).await;
    assert_eq!(first.len(), 2);
    site.advance(5);
    let again = reminders(&site).await;
    assert!(again.len() == 1 && first.contains(&again[0]), "{again:?}");
    site.advance(3_600);
    assert!(reminders(&site).await.is_empty());
    // Nobody is reached at all, and by the time it works again the meeting has started.
    create(&site, json!({"start": "2026-06-01 16:00:00"}), host).await;
    reminders(&site).await;
    until(&site, "15:45:00");
    site.mails.meet(&[Fate::Failed; 2]);
    assert_eq!(dispatch(&site).await.failed, 1);
    until(&site, "16:00:00");
    assert!(reminders(&site).await.is_empty());
}

#[tokio::test]
async fn mail_that_fails_for_days_ends_no_series_of_reminders() {
    let (site, host) = site().await;
    let mut more = by_mail(&[2 * 24 * 60, 15]);
    more["start"] = "2026-06-04 14:00:00".into();
    create(&site, more, host).await;
    reminders(&site).await;
    until(&site, "02T14:00:00");
    // Two people, once an hour at last.
    site.mails.meet(&[Fate::Failed; 2 * 40]);
    for _ in 0..40 {
        assert_eq!(dispatch(&site).await.failed, 1);
        site.advance(3_600);
    }
    assert_eq!(reminders(&site).await.len(), 2);
    until(&site, "04T13:45:00");
    assert_eq!(reminders(&site).await.len(), 2);
}

#[tokio::test]
async fn a_change_while_reminders_go_out_leaves_nobody_out_and_reminds_nobody_twice() {
    let (site, host) = site().await;
    let people: Vec<String> = (0..50).map(|n| format!("p{n}@guest.test")).collect();
    let daily = json!({"participant_emails": people, "recurrence": {"rrule": "FREQ=DAILY;COUNT=3"}});
    let made = create(&site, daily, host).await;
    reminders(&site).await;
    until(&site, "13:45:00");
    // The second step reaches nobody: half-way, with 20 of 51 reminded.
    let mut fates = vec![Fate::Sent; 20];
    fates.extend([Fate::Failed; 20]);
    site.mails.meet(&fates);
    let mut sent = reminders(&site).await;
    assert_eq!(sent.len(), 20);
    let moved = json!({"occurrence": "2026-06-03 14:00:00", "scope": "this", "start": "2026-06-03 18:00:00"});
    update(&site, &made, moved).await;
    sent.extend(reminders(&site).await);
    sent.sort_by(|a, b| a.id.cmp(&b.id));
    sent.dedup();
    assert_eq!(sent.len(), 51);
    site.advance(600);
    assert!(reminders(&site).await.is_empty());
}

#[tokio::test]
async fn who_is_woken_by_the_clock_waits_for_what_is_due_within_the_minute() {
    let (site, host) = site().await;
    create(&site, json!({}), host).await;
    reminders(&site).await;
    let next = |before: i64| {
        let now = site.now();
        site.app.store.jobs_next(
            now,
            domain::conference::later(now, jiff::SignedDuration::from_secs(before)),
        )
    };
    let due = "2026-06-01T13:45:00Z".parse::<Timestamp>().expect("a time");
    assert_eq!(next(6_300).await.expect("read"), Some(due));
    assert_eq!(next(6_299).await.expect("read"), None);
    until(&site, "13:44:59");
    // The clock stands still until the wait is over.
    let (tick, work) = tokio::join!(
        async {
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            site.advance(1);
        },
        work_of("dispatch", operator::dispatch_minute(&site.app))
    );
    let () = tick;
    assert_eq!(work.expect("dispatched").steps, 1);
    assert_eq!(site.mails.take().len(), 2);
}

/// A clock that goes a hundred times as fast, while somebody waits.
fn fast(mut site: Site) -> (Site, Arc<AtomicI64>) {
    let clock = Arc::new(AtomicI64::new(site.now().as_millisecond()));
    let (now, goes) = (Arc::clone(&clock), Arc::clone(&clock));
    site.app = site
        .app
        .with_clock(move || Timestamp::from_millisecond(now.load(Ordering::Relaxed)).expect("a time"))
        .with_sleep(move |time| {
            let goes = Arc::clone(&goes);
            Box::pin(async move {
                tokio::time::sleep(time / 100).await;
                goes.fetch_add(time.as_millis() as i64, Ordering::Relaxed);
            })
        });
    (site, clock)
}

#[tokio::test]
async fn who_is_woken_by_the_stream_calls_one_to_wait_for_what_is_due_within_the_minute() {
    let (site, host) = site().await;
    let (site, clock) = fast(site);
    let begun = clock.load(Ordering::Relaxed);
    let soon = json!({"start": "2026-06-01 12:01:30", "reminders": [{"channel": "email", "minutes_before": 1}]});
    create(&site, soon, host).await;
    let now = Timestamp::from_millisecond(begun + 60_000).expect("a time");
    let names: Vec<String> = site
        .app
        .store
        .jobs_due(now, 10)
        .await
        .expect("read")
        .into_iter()
        .map(|job| job.id)
        .collect();
    assert_eq!(names.len(), 2, "to invite and to remind");
    let wake = async |names: &[String]| {
        let record =
            |name: &String| json!({"eventName": "INSERT", "dynamodb": {"Keys": {"pk": {"S": format!("JOB#{name}")}}}});
        let event = json!({"Records": names.iter().map(record).collect::<Vec<_>>()});
        let woken = work_of("dispatch", operator::wake(&site.app, &operator::DISPATCH, event));
        woken.await.expect("dispatched");
        clock.load(Ordering::Relaxed) - begun
    };
    let took = wake(&names).await;
    assert!(took < 20_000, "it does not wait itself: {took} ms");
    let reminded = |site: &Site| {
        let mails = site.mails.take();
        let mut raw = mails.iter().map(|mail| String::from_utf8_lossy(&mail.raw).into_owned());
        raw.any(|raw| raw.contains("Reminder: "))
    };
    assert!(!reminded(&site));
    let watch = site.app.store.job(Job::WATCH).await.expect("read");
    assert_eq!(watch.expect("somebody is called").work, Work::Help);
    let took = wake(&[Job::WATCH.to_owned()]).await;
    assert!(reminded(&site) && took < 130_000, "{took} ms");
}
