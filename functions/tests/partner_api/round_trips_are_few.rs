//! How often a request goes to the table and back, one after the other: at most two reads and three writes, whatever the
//! method. Claims of blocks of ids are not counted; the tenant of a host name is remembered.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use crate::table::Asked;
use crate::world::{World, meeting};

fn trips(requests: &[Asked], writes: bool) -> usize {
    let of_kind = requests.iter().filter(|asked| asked.is_write == writes);
    of_kind.map(|asked| asked.trip).collect::<BTreeSet<_>>().len()
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
            json!({"conference_id": acme.host.series, "after": 1}),
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
            "conference/end",
            json!({"conference_id": acme.host.conference, "idempotency_key": "end"}),
        ),
        (
            "conference/delete",
            json!({"conference_id": acme.host.series, "idempotency_key": "delete"}),
        ),
    ];
    world.table.set_latency(Duration::from_millis(30));
    for (method, body) in calls {
        world.table.take();
        world.root(method, body).await.ok();
        let requests = world.table.take();
        let (reads, writes) = (trips(&requests, false), trips(&requests, true));
        assert!(
            reads <= 2 && writes <= 3,
            "{method}: {reads} reads, {writes} writes: {requests:#?}"
        );
    }
    world.table.take();
    world.sign_in(&acme.fqdn, &acme.host.email).await;
    let requests = world.table.take();
    let (reads, writes) = (trips(&requests, false), trips(&requests, true));
    assert!(
        reads <= 2 && writes <= 3,
        "authenticate: {reads} reads, {writes} writes: {requests:#?}"
    );
}
