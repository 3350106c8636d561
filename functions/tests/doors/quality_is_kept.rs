//! How connections did: believed of rooms that the relay has entered, kept for 30 days, told to whose meeting it is.

use serde_json::{Value, json};

use crate::hosts_are_erased::{entered, refused, relay_up, table, work};
use crate::site::{ACME, Site};

const DAY: i64 = 24 * 3_600;

/// A minute of somebody's, so many seconds after the site's start.
fn span(room: &str, participant: u32, second: i64) -> Value {
    json!({"room": room, "participant": participant, "at": (crate::site::START + second) * 1_000, "duration_ms": 60_000,
        "loss_up": 0.0125, "worst_loss_up": 0.05, "loss_down": 0.0, "worst_loss_down": 0.0, "rtt_ms": 42, "worst_rtt_ms": 90,
        "score": 4.1, "lowest_score": 3.5, "grade": "good"})
}

/// Reports them; how many were kept.
async fn report(site: &Site, spans: &[Value]) -> u64 {
    let body = json!({"relay": "relay-1", "epoch": 1, "spans": spans});
    let answer = site.report("quality", body).await.ok();
    answer["kept"].as_u64().expect("a number")
}

/// Seconds after the site's start, and participants, of what is told.
fn places(told: &Value) -> Vec<(String, u64)> {
    let told = told.as_array().expect("a list").iter();
    told.map(|one| {
        let time = one["start_time"].as_str().expect("text");
        (time[11..].to_owned(), one["participant"].as_u64().expect("a number"))
    })
    .collect()
}

#[tokio::test]
async fn what_a_relay_reports_is_told_in_order_page_by_page() {
    let site = Site::new().await;
    relay_up(&site).await;
    let host = site.host("Ann").await;
    let (meeting, room) = entered(&site, &host).await;
    // In no order, in two reports, one of them twice.
    let second = [span(&room, 3, 60), span(&room, 1, 60), span(&room, 2, 90)];
    assert_eq!(report(&site, &second).await, 3);
    for _ in 0..2 {
        let first = [span(&room, 2, 0), span(&room, 1, 0)];
        assert_eq!(report(&site, &first).await, 2);
    }
    assert_eq!(report(&site, &[span(&room, 2, 60)]).await, 1);
    let all = site
        .admin_api("conference/quality", json!({"conference_id": meeting}))
        .await;
    let at = |time: &str, participant: u64| (format!("12:{time}"), participant);
    let expected = [
        at("00:00", 1),
        at("00:00", 2),
        at("01:00", 1),
        at("01:00", 2),
        at("01:00", 3),
        at("01:30", 2),
    ];
    assert_eq!(places(&all), expected);
    assert_eq!(
        all[0],
        json!({"participant": 1, "identity": "p1", "occurrence": "2026-06-01 12:00:00", "start_time": "2026-06-01 12:00:00",
            "duration_ms": 60_000, "loss_up": 0.0125, "worst_loss_up": 0.05, "loss_down": 0.0, "worst_loss_down": 0.0,
            "rtt_ms": 42, "worst_rtt_ms": 90, "score": 4.1, "lowest_score": 3.5, "grade": "good"})
    );
    let (mut paged, mut after) = (Vec::new(), Value::Null);
    for _ in 0..expected.len() {
        let mut asked = json!({"conference_id": meeting, "limit": 2, "auth_token": site.admin});
        if !after.is_null() {
            asked["after"] = after;
        }
        let page = site.api(ACME, "conference/quality", asked).await;
        after = page.header("x-next-after").into();
        paged.extend(page.ok().as_array().expect("a list").clone());
        if after == "" {
            break;
        }
    }
    assert_eq!(json!(paged), all);
    let of = json!({"conference_id": meeting, "participant": 2, "occurrence": "2026-06-01 12:00:00"});
    let told = site.admin_api("conference/quality", of).await;
    assert_eq!(places(&told), [at("00:00", 2), at("01:00", 2), at("01:30", 2)]);
    let nobody = json!({"conference_id": meeting, "participant": 9});
    assert_eq!(site.admin_api("conference/quality", nobody).await, json!([]));
    for nowhere in [json!("1"), json!("1-2"), json!("1-2-0"), json!("a-b-c"), json!(5)] {
        let asked = json!({"conference_id": meeting, "after": nowhere});
        let answer = refused(&site, "conference/quality", asked).await;
        assert_eq!(answer, (400, "invalid_field".into()), "{nowhere}");
    }
}

#[tokio::test]
async fn only_whose_meeting_it_is_is_told() {
    let site = Site::new().await;
    relay_up(&site).await;
    let host = site.host("Ann").await;
    let (meeting, room) = entered(&site, &host).await;
    report(&site, &[span(&room, 1, 0)]).await;
    site.host("Eve").await;
    for (email, expected) in [("ann@acme.test", 200), ("eve@acme.test", 403)] {
        let own = json!({"email": email, "password": "SoSecret5!"});
        let token = site.api(ACME, "authenticate", own).await.ok()["auth_token"].clone();
        let asked = json!({"auth_token": token, "conference_id": meeting});
        let answer = site.api(ACME, "conference/quality", asked).await;
        assert_eq!(answer.status, expected, "{email}");
    }
}

#[tokio::test]
async fn spans_of_rooms_that_a_relay_has_not_entered_are_passed_over_and_impossible_ones_too() {
    let site = Site::new().await;
    relay_up(&site).await;
    let host = site.host("Ann").await;
    let (meeting, room) = entered(&site, &host).await;
    let planned = json!({"host_id": host.id, "subject": "Plan", "start": "2026-06-01 14:00:00", "time_zone": "UTC", "duration": 60,
        "one_time_access_code": true});
    let foreign = site.admin_api("conference/create", planned).await["conference_id"].clone();
    let not_entered = format!("1/{foreign}/{}", crate::site::START + 7_200);
    let changed = |field: &str, value: Value| {
        let mut span = span(&room, 2, 0);
        span[field] = value;
        span
    };
    let spans = [
        span(&not_entered, 1, 0),
        span("1/999/1780315200", 1, 0),
        span("7/1/1780315200", 1, 0),
        changed("loss_up", json!(1.5)),
        changed("score", json!(0.0)),
        changed("duration_ms", json!(3_600_000)),
        changed("at", json!((crate::site::START + 3_600) * 1_000)),
        changed("at", json!(0)),
        span(&room, 1, 0),
    ];
    assert_eq!(report(&site, &spans).await, 1);
    let told = site
        .admin_api("conference/quality", json!({"conference_id": meeting}))
        .await;
    assert_eq!(places(&told), [("12:00:00".to_owned(), 1)]);
    let told = site
        .admin_api("conference/quality", json!({"conference_id": foreign}))
        .await;
    assert_eq!(told, json!([]));

    // Of an earlier start of the relay, and more than one request holds.
    let stale = json!({"relay": "relay-1", "epoch": 9, "spans": []});
    assert_eq!(site.report("quality", stale).await.refused(), (409, "conflict".into()));
    let many: Vec<Value> = (1..=201).map(|n| span(&room, n, 0)).collect();
    let many = json!({"relay": "relay-1", "epoch": 1, "spans": many});
    assert_eq!(site.report("quality", many).await.refused(), (413, "too_large".into()));
}

/// What is told of a meeting, by an administrator who signs in anew.
async fn told(site: &Site, meeting: &Value) -> usize {
    let again = json!({"email": "admin@partner.test", "password": "Sup3rSecret!"});
    let token = site.api(ACME, "authenticate", again).await.ok()["auth_token"].clone();
    let asked = json!({"auth_token": token, "conference_id": meeting});
    let told = site.api(ACME, "conference/quality", asked).await.ok();
    told.as_array().expect("a list").len()
}

#[tokio::test]
async fn it_is_told_for_thirty_days_and_for_fewer_where_the_company_says_so() {
    let site = Site::new().await;
    relay_up(&site).await;
    let (first, second) = (site.host("Ann").await, site.host("Bob").await);
    let (long, room) = entered(&site, &first).await;
    assert_eq!(report(&site, &[span(&room, 1, 0)]).await, 1);
    let change = json!({"company_id": 1, "retention_days": {"events": 2}});
    site.admin_api("company/update", change).await;
    let (short, room) = entered(&site, &second).await;
    assert_eq!(report(&site, &[span(&room, 1, 0)]).await, 1);
    assert_eq!((told(&site, &long).await, told(&site, &short).await), (1, 1));
    site.advance(2 * DAY);
    assert_eq!((told(&site, &long).await, told(&site, &short).await), (1, 0));
    site.advance(28 * DAY - 1);
    assert_eq!(told(&site, &long).await, 1);
    site.advance(1);
    assert_eq!(told(&site, &long).await, 0);
    // The table has it still: it is not told because its time is over.
    assert_eq!(table(&site).await.matches("quality#").count(), 2);
}

#[tokio::test]
async fn it_goes_with_its_host_and_what_comes_late_is_not_kept() {
    let site = Site::new().await;
    relay_up(&site).await;
    let host = site.host("Ann").await;
    let (_, room) = entered(&site, &host).await;
    assert_eq!(report(&site, &[span(&room, 1, 0), span(&room, 2, 60)]).await, 2);
    assert!(table(&site).await.contains("quality#"));
    site.admin_api("host/erase", json!({"host_id": host.id})).await;
    work(&site).await;
    assert!(!table(&site).await.contains("quality#"));
    assert_eq!(report(&site, &[span(&room, 1, 120)]).await, 0);
    assert!(!table(&site).await.contains("quality#"));
}
