//! How often joining waits for the table, one request after another.

use crate::an_end_reaches_the_relays::{one_request, running_meeting};
use crate::site::{ACME, Host, Site};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// How many latencies a join takes, and its answer.
async fn trips(site: &Site, body: &Value) -> (u32, Value) {
    let (trips, answer) = site.trips(site.join(ACME, body).send()).await;
    (trips, answer.ok())
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

/// How many latencies a method of the partner API takes, which knows its tenant.
async fn api_trips(site: &Site, method: &str, mut body: Value) -> u32 {
    body["auth_token"] = site.admin.clone().into();
    let (trips, answer) = site.trips(site.api(ACME, method, body)).await;
    answer.ok();
    trips
}

/// The session beside what is named; what else is read; the number. One more where the partner's own identity is
/// new; none of these where it is known and the meeting runs.
#[tokio::test]
async fn a_join_token_takes_three_and_one_more_for_a_new_identity() {
    let (site, host) = live().await;
    let asked = json!({"access_code": host.code, "name": "Bob"});
    let first = site.admin_api("conference/join_token", asked.clone()).await;
    assert_eq!(api_trips(&site, "conference/join_token", asked).await, 3);
    let by_id = json!({"conference_id": first["conference_id"], "name": "Bob", "identity": "user-7"});
    assert_eq!(api_trips(&site, "conference/join_token", by_id.clone()).await, 4);
    assert_eq!(api_trips(&site, "conference/join_token", by_id).await, 2);
}

/// The session beside the meeting; rates, claim and what else is read; the audit.
#[tokio::test]
async fn control_takes_three() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let site = Site::new().await;
    let meeting = running_meeting(&site, &url).await;
    let join = json!({"room": meeting["room"], "at": 1, "kind": "participant_join", "participant": 1, "jti": "j", "name": "Bob",
        "moderator": false, "region": "eu"});
    let batch = json!({"relay": "relay-1", "epoch": 1, "n": 1, "events": [join]});
    site.report("events", batch).await.ok();
    let asked = json!({"conference_id": meeting["conference_id"], "action": "remove", "participant": 1, "idempotency_key": "k"});
    let relay = async { one_request(listener.accept().await.expect("called").0, "200 OK").await };
    let (_, trips) = tokio::join!(relay, api_trips(&site, "conference/control", asked));
    assert_eq!(trips, 3);
}
