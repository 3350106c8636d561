//! How often joining waits for the table, one request after another: counted by a table that takes its time.

use std::time::{Duration, Instant};

use crate::site::{ACME, Host, Site};
use serde_json::{Value, json};

/// Long against everything else that a join does.
const LATENCY: Duration = Duration::from_millis(300);

/// How many latencies a join takes, and its answer.
async fn trips(site: &Site, body: &Value) -> (u32, Value) {
    site.notes.set_latency(LATENCY);
    let started = Instant::now();
    let answer = site.join(ACME, body).send().await;
    let took = started.elapsed();
    site.notes.set_latency(Duration::ZERO);
    (
        u32::try_from(took.as_millis() / LATENCY.as_millis()).expect("few"),
        answer.ok(),
    )
}

async fn live() -> (Site, Host) {
    let site = Site::new().await;
    site.relay_up().await;
    let host = site.host("Ann").await;
    site.admin_api("conference/create/reservationless", json!({"host_id": host.id}))
        .await;
    (site, host)
}

#[tokio::test]
async fn a_live_meeting_is_joined_in_two_round_trips() {
    let (site, host) = live().await;
    let body = json!({"code": host.code, "name": "Bob"});
    site.join(ACME, &body).send().await.ok();
    let (second, _) = trips(&site, &body).await;
    assert_eq!(second, 2);
}

#[tokio::test]
async fn the_first_join_takes_three() {
    let site = Site::new().await;
    site.relay_up().await;
    let host = site.host("Ann").await;
    let planned = json!({"host_id": host.id, "subject": "Plan", "start": "2026-06-01 12:00:00", "time_zone": "UTC", "duration": 60});
    site.admin_api("conference/create", planned).await;
    let (first, _) = trips(&site, &json!({"code": host.code, "name": "Bob"})).await;
    assert_eq!(first, 3);
}

#[tokio::test]
async fn a_rejoin_takes_two() {
    let (site, host) = live().await;
    let first = site
        .join(ACME, &json!({"code": host.code, "name": "Bob"}))
        .send()
        .await
        .ok();
    let (again, answer) = trips(&site, &json!({"code": host.code, "token": first["token"]})).await;
    assert_eq!((again, &answer["participant"]), (2, &first["participant"]));
}
