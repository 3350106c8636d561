//! `report/usage` counts what relays reported: meetings, people and their time, each once and on its day.

use serde_json::{Value, json};

use crate::asked::work_of;
use crate::hosts_are_erased::{batch, entered, event, joins, leaves, refused, relay_up};
use crate::site::{ACME, Site};

const DAY: i64 = 24 * 3_600;

fn line(date: &str, meetings: u64, participants: u64, seconds: u64) -> Value {
    json!({"date": date, "meetings": meetings, "participants": participants, "participant_seconds": seconds})
}

#[tokio::test]
async fn meetings_people_and_time_count_once_and_on_their_day() {
    let site = Site::new().await;
    relay_up(&site).await;
    let (ann, eve) = (site.host("Ann").await, site.host("Eve").await);
    let june = json!({"company_id": 1, "from": "2026-06-01", "to": "2026-07-01"});
    let empty = site.admin_api("report/usage", june.clone()).await;
    assert_eq!(
        empty,
        json!({"company_id": 1, "host_id": null, "from": "2026-06-01 00:00:00", "to": "2026-07-01 00:00:00", "hosts": 3,
            "meetings": 0, "participants": 0, "participant_seconds": 0, "days": []})
    );
    // Planned and never come to: nothing happened.
    let planned = json!({"host_id": ann.id, "subject": "Plan", "start": "2026-06-02 12:05:00", "time_zone": "UTC", "duration": 60});
    site.admin_api("conference/create", planned).await;
    let (_, first) = entered(&site, &ann).await;
    let (_, second) = entered(&site, &eve).await;
    let now = site.now().as_second();
    let midnight = now + DAY / 2;
    let mut another = joins("Bob");
    another["jti"] = json!("another");
    let events = [
        event(&first, now, 1, joins("Ann")),
        event(&first, now + 10, 2, joins("Bob")),
        // Somebody comes back, is taken over by another session, and stays over midnight.
        event(&first, now + 40, 2, leaves()),
        event(&first, now + 50, 2, joins("Bob")),
        event(&first, now + 60, 2, another),
        // A join that is told again.
        event(&first, now + 70, 1, joins("Ann")),
        event(&first, midnight + 60, 2, leaves()),
        event(&second, now, 1, joins("Eve")),
        event(&second, now + 2, 1, leaves()),
        // A leave that is told twice.
        event(&second, now + 9, 1, leaves()),
    ];
    let body = json!({"relay": "relay-1", "epoch": 1, "n": 1, "events": events});
    site.report("events", body.clone()).await.ok();
    // The same batch again, and the room entered again.
    site.report("events", body).await.ok();
    let enter = json!({"relay": "relay-1", "epoch": 1, "room": first, "participant": 1, "jti": "j1"});
    site.report("enter", enter).await.ok();
    let overnight = u64::try_from(DAY / 2).expect("positive");
    let used = site.admin_api("report/usage", june.clone()).await;
    let days = json!([
        line("2026-06-01", 2, 3, 30 + 10 + 2),
        line("2026-06-02", 0, 0, overnight)
    ]);
    assert_eq!(used["days"], days);
    assert_eq!(
        (&used["meetings"], &used["participants"], &used["participant_seconds"]),
        (&json!(2), &json!(3), &json!(overnight + 42))
    );
    let of_host = json!({"host_id": eve.id, "from": "2026-06-01", "to": "2026-06-02"});
    let used = site.admin_api("report/usage", of_host).await;
    assert_eq!((&used["company_id"], &used["host_id"]), (&json!(1), &json!(eve.id)));
    assert_eq!(used["days"], json!([line("2026-06-01", 1, 1, 2)]));
    // Only the days that were asked for.
    let later = json!({"company_id": 1, "from": "2026-06-02 00:00:00", "to": "2026-06-03 00:00:00"});
    let used = site.admin_api("report/usage", later).await;
    assert_eq!(used["days"], json!([line("2026-06-02", 0, 0, overnight)]));
    // Who is there when the relay falls silent has stayed until that is noticed.
    for seconds in [3_540, 60] {
        site.advance(seconds);
        work_of("sweep", functions::operator::sweep(&site.app))
            .await
            .expect("swept");
    }
    let used = site.admin_api("report/usage", june).await;
    assert_eq!(used["participant_seconds"], json!(overnight + 42 + 3_600));
    assert_eq!(used["participants"], 3);
}

#[tokio::test]
async fn whose_and_when_are_read_by_contract() {
    let site = Site::new().await;
    let host = site.host("Ann").await;
    let new = json!({"company_id": 1, "name": "Boss", "email": "boss@acme.test", "password": "SoSecret5!", "role": "COMPANY_ADMIN"});
    site.admin_api("host/create", new).await;
    let boss = json!({"email": "boss@acme.test", "password": "SoSecret5!"});
    let boss = site.api(ACME, "authenticate", boss).await.ok()["auth_token"].clone();
    let own = site.api(ACME, "report/usage", json!({"auth_token": boss})).await.ok();
    assert_eq!(
        (&own["company_id"], &own["from"], &own["to"], &own["hosts"]),
        (
            &json!(1),
            &json!("2026-05-03 00:00:00"),
            &json!("2026-06-02 00:00:00"),
            &json!(3)
        )
    );
    let other = json!({"auth_token": boss, "company_id": 2});
    assert_eq!(site.api(ACME, "report/usage", other).await.refused().0, 403);
    for (asked, code, field) in [
        (json!({}), "missing_field", "company_id"),
        (json!({"company_id": 1, "from": "soon"}), "invalid_field", "from"),
        (
            json!({"company_id": 1, "from": "2026-06-01 12:00:00"}),
            "invalid_field",
            "from",
        ),
        (json!({"company_id": 1, "to": "2026-02-30"}), "invalid_field", "to"),
        (
            json!({"company_id": 1, "from": "2026-06-02", "to": "2026-06-02"}),
            "invalid_field",
            "to",
        ),
        (
            json!({"company_id": 1, "from": "2025-01-01", "to": "2026-06-02"}),
            "invalid_field",
            "to",
        ),
        (json!({"company_id": 2, "host_id": host.id}), "not_found", "host_id"),
        (json!({"company_id": "x"}), "invalid_field", "company_id"),
    ] {
        let mut body = asked.clone();
        body["auth_token"] = site.admin.clone().into();
        let answer = site.api(ACME, "report/usage", body).await.json();
        assert_eq!(
            (&answer["code"], &answer["field"]),
            (&json!(code), &json!(field)),
            "{asked}"
        );
    }
    assert_eq!(
        refused(&site, "report/usage", json!({"company_id": 9_999})).await.0,
        404
    );
    assert_eq!(refused(&site, "report/usage", json!({"host_id": 9_999})).await.0, 404);
}

#[tokio::test]
async fn what_was_counted_stays_when_its_host_is_erased() {
    let site = Site::new().await;
    relay_up(&site).await;
    let ann = site.host("Ann").await;
    let (_, room) = entered(&site, &ann).await;
    let now = site.now().as_second();
    batch(
        &site,
        1,
        &[event(&room, now, 1, joins("Ann")), event(&room, now + 7, 1, leaves())],
    )
    .await;
    let june = json!({"company_id": 1, "from": "2026-06-01", "to": "2026-07-01"});
    let before = site.admin_api("report/usage", june.clone()).await;
    site.admin_api("host/erase", json!({"host_id": ann.id})).await;
    crate::hosts_are_erased::work(&site).await;
    let after = site.admin_api("report/usage", june).await;
    assert_eq!((&after["days"], &after["hosts"]), (&before["days"], &json!(1)));
    assert_eq!(after["days"], json!([line("2026-06-01", 1, 1, 7)]));
}
