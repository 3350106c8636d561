//! How often a request goes to the table and back, one after the other: a read twice (a list up to three times), a write
//! three times, whatever the method. Claims of blocks of ids are not counted; the tenant of a host name is remembered.

use std::time::Duration;

use functions::Kind;
use serde_json::{Value, json};

use crate::world::{Answer, PASSWORD, World, meeting};

/// How long the table takes for an answer: what is asked at once overlaps.
const LATENCY: Duration = Duration::from_millis(40);

/// Lists of things that lie apart: they are found by one read and read by another.
const LISTS: [&str; 3] = ["host/fetch_all", "conference/fetch_all", "host/export"];

/// Ten mail addresses from this number on; half of those of two calls in a row are the same.
fn people(from: u32) -> Vec<String> {
    (from..from + 10).map(|n| format!("guest{n}@guest.test")).collect()
}

/// How often a call goes to the table and back, and its answer.
async fn trips(world: &World, call: impl Future<Output = Answer>) -> (usize, Value) {
    world.settle().await;
    world.table.take();
    world.table.set_latency(LATENCY);
    let answer = call.await.ok();
    world.table.set_latency(Duration::ZERO);
    let asked = world.table.take();
    (asked.iter().map(|asked| asked.trip).max().unwrap_or_default(), answer)
}

/// One call that is answered within its round trips.
async fn few(world: &World, method: &str, body: Value) -> Value {
    let path = format!("/enterprise_api/{method}");
    let route = functions::all().into_iter().find(|route| route.path == path);
    let most = match route.expect("a method").kind {
        // Where a page begins must be known before it is read, and what runs now before the meetings of a time.
        Kind::Read if body.get("after").is_some() || LISTS.contains(&method) => 3,
        Kind::Read => 2,
        Kind::Write => 3,
    };
    let (took, answer) = trips(world, world.root(method, body)).await;
    assert!(took <= most, "{method}: {took} round trips");
    answer
}

#[tokio::test]
async fn every_method_of_accounts_takes_as_few() {
    let world = World::new().await;
    let acme = world.acme.clone();
    let new = json!({"subdomain": "c0", "name": "N"});
    let empty = world.root("company/create", new).await.ok()["id"].clone();
    let email = |n: u32| format!("n{n}@x.test");
    let contact = json!({"host_id": acme.host.id, "name": "N", "email": email(0)});
    world.root("contact/create", contact).await.ok();
    let hosts = json!({"limit": 2});
    let first = few(&world, "host/fetch_all", hosts).await;
    let (company, host, sibling) = (acme.id, acme.host.id, acme.sibling.id);
    let calls = [
        ("host/fetch_all", json!({"limit": 2, "after": first[1]["host_id"]})),
        (
            "host/fetch_all",
            json!({"company_id": company, "limit": 2, "after": host}),
        ),
        ("company/fetch_all", json!({"limit": 1})),
        ("company/fetch_all", json!({"limit": 1, "after": empty})),
        (
            "company/update",
            json!({"company_id": company, "name": "Other", "subdomain": "moved", "idempotency_key": "a"}),
        ),
        (
            "host/update",
            json!({"host_id": host, "name": "Other", "email": email(1), "idempotency_key": "b"}),
        ),
        (
            "host/update",
            json!({"host_id": host, "phone": "+15550001111", "access_code": "8765432", "idempotency_key": "c"}),
        ),
        (
            "host/reset_login_token",
            json!({"host_id": sibling, "idempotency_key": "d"}),
        ),
        ("host/export", json!({"host_id": host, "limit": 1})),
        (
            "host/export",
            json!({"host_id": host, "limit": 1, "after": format!("c{}", acme.host.contact)}),
        ),
        (
            "contact/create",
            json!({"host_id": host, "name": "N", "email": email(2), "idempotency_key": "e"}),
        ),
        ("contact/fetch", json!({"contact_id": acme.host.contact})),
        (
            "contact/fetch_all",
            json!({"host_id": host, "after": acme.host.contact}),
        ),
        (
            "contact/update",
            json!({"contact_id": acme.host.contact, "email": email(3), "idempotency_key": "f"}),
        ),
        (
            "contact/update",
            json!({"contact_id": acme.host.contact, "name": "Other", "idempotency_key": "g"}),
        ),
        (
            "contact/delete",
            json!({"contact_id": acme.host.contact, "idempotency_key": "h"}),
        ),
        ("plan/fetch_all", json!({})),
        ("subscription/fetch_all", json!({"company_id": company})),
        ("audit/fetch_all", json!({"company_id": company, "limit": 3})),
        ("report/usage", json!({"company_id": company})),
        ("report/usage", json!({"host_id": host})),
        ("report/usage", json!({"company_id": company, "host_id": host})),
        ("host/delete", json!({"host_id": sibling, "idempotency_key": "i"})),
        ("host/erase", json!({"host_id": sibling, "idempotency_key": "j"})),
        ("host/erase", json!({"host_id": host, "idempotency_key": "k"})),
        ("company/delete", json!({"company_id": empty, "idempotency_key": "l"})),
        (
            "company/delete",
            json!({"company_id": world.other.id, "force": true, "idempotency_key": "m"}),
        ),
    ];
    for (method, body) in calls {
        few(&world, method, body).await;
    }
}

#[tokio::test]
async fn every_method_takes_at_most_two_reads_and_three_writes() {
    let world = World::with_series().await;
    let acme = world.acme.clone();
    // The first of each claims a block of ids.
    let email = |n: u32| format!("n{n}@x.test");
    world
        .root(
            "host/create",
            json!({"company_id": acme.id, "name": "N", "email": email(0)}),
        )
        .await
        .ok();
    world
        .root("company/create", json!({"subdomain": "c0", "name": "N"}))
        .await
        .ok();
    let mut planned = meeting(acme.host.id);
    planned["participants"] = world
        .root("conference/fetch", json!({"conference_id": acme.host.conference}))
        .await
        .ok()["participants"]
        .clone();
    planned["idempotency_key"] = "planned".into();
    let now = json!({"host_id": acme.host.id, "one_time_access_code": true, "idempotency_key": "now"});
    let calls = [
        ("host/fetch", json!({"host_id": acme.host.id})),
        (
            "host/sso_ticket",
            json!({"host_id": acme.host.id, "idempotency_key": "ticket"}),
        ),
        ("company/fetch", json!({"company_id": acme.id})),
        ("conference/fetch", json!({"conference_id": acme.host.conference})),
        (
            "company/create",
            json!({"subdomain": "c1", "name": "N", "idempotency_key": "company"}),
        ),
        (
            "host/create",
            json!({"company_id": acme.id, "name": "N", "email": email(1), "idempotency_key": "host"}),
        ),
        ("conference/create", planned),
        ("conference/create/reservationless", now),
        ("conference/fetch_all", json!({"host_id": acme.host.id, "limit": 1})),
        (
            "conference/fetch_all",
            json!({"host_id": acme.host.id, "after": acme.host.series, "active": false, "from": "2026-01-01 00:00:00"}),
        ),
        (
            "conference/participants",
            json!({"conference_id": acme.host.series, "after": "1780383600-1"}),
        ),
        (
            "conference/quality",
            json!({"conference_id": acme.host.series, "after": "1780383600-1780383600000-1"}),
        ),
        (
            "conference/update",
            json!({"conference_id": acme.host.conference, "start": "2026-06-02 14:00:00", "one_time_access_code": true,
                "idempotency_key": "update"}),
        ),
        (
            "conference/update",
            json!({"conference_id": acme.host.series, "occurrence": "2026-06-05 07:00:00", "scope": "following",
                "start": "2026-06-05 08:00:00", "idempotency_key": "series"}),
        ),
        (
            "conference/create",
            json!({"host_id": acme.sibling.id, "subject": "New people", "start": "2026-06-03 13:00:00", "time_zone": "UTC",
                "duration": 60, "participant_emails": people(0), "idempotency_key": "people"}),
        ),
        (
            "conference/create/reservationless",
            json!({"host_id": acme.sibling.id, "participant_emails": people(5), "idempotency_key": "more people"}),
        ),
        (
            "conference/update",
            json!({"conference_id": acme.sibling.conference, "participant_emails": people(10), "idempotency_key": "changed people"}),
        ),
        (
            "conference/end",
            json!({"conference_id": acme.host.conference, "idempotency_key": "end"}),
        ),
        (
            "conference/delete",
            json!({"conference_id": acme.host.series, "idempotency_key": "delete"}),
        ),
    ];
    for (method, body) in calls {
        few(&world, method, body).await;
    }
    let body = json!({"email": acme.host.email, "password": PASSWORD});
    let call = world
        .post(&acme.fqdn, "/enterprise_api/authenticate")
        .json(&body)
        .send();
    let (took, _) = trips(&world, call).await;
    assert!(took <= 3, "authenticate: {took} round trips");
}

#[tokio::test]
async fn nothing_is_read_for_who_shows_no_token() {
    let world = World::new().await;
    let acme = world.acme.clone();
    world.table.take();
    let named = json!({"conference_id": acme.host.conference});
    let call = world.post(&acme.fqdn, "/enterprise_api/conference/update").json(&named);
    assert_eq!(call.send().await.status(), 401);
    assert_eq!(world.table.take(), []);
}
