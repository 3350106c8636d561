//! A company says for how many days it is kept who was in its meetings (`retention_days.events`): after that nobody is told
//! of it, and the table drops it.

use serde_json::{Value, json};

use crate::hosts_are_erased::{batch, entered, event, joins, leaves, relay_up};
use crate::site::{ACME, Host, Site};

const DAY: i64 = 24 * 3_600;

/// The times at which the table drops items of this kind.
async fn run_outs(site: &Site, kind: &str) -> Vec<Option<i64>> {
    let client = store::embedded::client(site.notes.client());
    let mut pages = client.scan().table_name("convoke").into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        for item in page.expect("scanned").items() {
            if item["sk"].as_s().is_ok_and(|sk| sk.starts_with(kind)) {
                let ttl = item.get("ttl").and_then(|ttl| ttl.as_n().ok());
                found.push(ttl.map(|ttl| ttl.parse().expect("a number")));
            }
        }
    }
    found
}

async fn keep(site: &Site, days: Value) {
    let change = json!({"company_id": 1, "retention_days": {"recordings": 5, "events": days}});
    site.admin_api("company/update", change).await;
}

/// A meeting with somebody who left after a minute, and somebody who stays.
async fn meeting(site: &Site, host: &Host, n: u64) -> Value {
    let (meeting, room) = entered(site, host).await;
    let now = site.now().as_second();
    let events = [
        event(&room, now, 1, joins("Ann")),
        event(&room, now, 2, joins("Bob")),
        event(&room, now + 60, 1, leaves()),
    ];
    batch(site, n, &events).await;
    meeting
}

/// How many the API tells were in a meeting, and in how many places the export does.
async fn told(site: &Site, host: &Host, meeting: &Value) -> (usize, usize) {
    let again = json!({"email": "admin@partner.test", "password": "Sup3rSecret!"});
    let token = site.api(ACME, "authenticate", again).await.ok()["auth_token"].clone();
    let asked = json!({"auth_token": token, "conference_id": meeting});
    let people = site.api(ACME, "conference/participants", asked).await.ok();
    let asked = json!({"auth_token": token, "host_id": host.id});
    let export = site.api(ACME, "host/export", asked).await.ok();
    let exported = export["conferences"].as_array().expect("a list").iter();
    let exported = exported.flat_map(|meeting| meeting["participants"].as_array().expect("a list"));
    (people.as_array().expect("a list").len(), exported.count())
}

#[tokio::test]
async fn who_was_in_a_meeting_is_told_for_as_many_days_as_the_company_says() {
    let site = Site::new().await;
    let host = site.host("Ann").await;
    relay_up(&site).await;
    keep(&site, json!(30)).await;
    let began = site.now().as_second();
    let meeting = meeting(&site, &host, 1).await;
    let id = meeting.to_string().parse().expect("an id");
    let reseller = "1".parse().expect("an id");
    assert_eq!(told(&site, &host, &meeting).await, (2, 2));
    let events = || async {
        let kept = site.app.store.events(reseller, id, 0, site.now()).await;
        kept.expect("read").len()
    };
    assert_eq!(events().await, 3);

    // Who has not left may stay for a day.
    let mut people = run_outs(&site, "PARTICIPANT#").await;
    people.sort_unstable();
    assert_eq!(people, [Some(began + 60 + 30 * DAY), Some(began + 31 * DAY)]);
    let said = [began, began, began + 60].map(|at| Some(at + 30 * DAY));
    assert_eq!(run_outs(&site, "EVENT#").await, said);

    // The table still has all of it: nobody is told of what has run out.
    site.advance(30 * DAY);
    assert_eq!(events().await, 1);
    assert_eq!(told(&site, &host, &meeting).await, (2, 2));
    site.advance(60);
    assert_eq!(events().await, 0);
    assert_eq!(told(&site, &host, &meeting).await, (1, 1));
    site.advance(DAY);
    assert_eq!(told(&site, &host, &meeting).await, (0, 0));
    assert_eq!(run_outs(&site, "EVENT#").await.len(), 3);
}

#[tokio::test]
async fn without_days_it_is_kept_for_ever_and_a_change_counts_for_the_next_meeting() {
    let site = Site::new().await;
    relay_up(&site).await;
    let (first, second) = (site.host("Ann").await, site.host("Bob").await);
    meeting(&site, &first, 1).await;
    keep(&site, json!(1)).await;
    meeting(&site, &second, 2).await;
    let mut kept = run_outs(&site, "EVENT#").await;
    kept.sort_unstable();
    assert_eq!(kept.iter().filter(|ttl| ttl.is_none()).count(), 3);
    assert_eq!(kept.len(), 6);
    keep(&site, Value::Null).await;
    let third = site.host("Eve").await;
    meeting(&site, &third, 3).await;
    assert_eq!(
        run_outs(&site, "EVENT#")
            .await
            .iter()
            .filter(|ttl| ttl.is_none())
            .count(),
        6
    );
}
