//! Unique values under races, idempotency keys, and rates.

use crate::world::{World, meeting, refusal, together};
use functions::{Config, Rates};
use serde_json::{Value, json};

#[tokio::test]
async fn of_two_racing_creates_with_one_value_one_wins() {
    let world = World::new().await;
    let acme = world.acme.id;
    let host = |name: &str, more: Value| {
        let mut body = json!({"company_id": acme, "name": name, "email": format!("{name}@people.test")});
        body.as_object_mut()
            .expect("an object")
            .extend(more.as_object().expect("an object").clone());
        body
    };
    let races = [
        (
            "company/create",
            json!({"subdomain": "same", "name": "A"}),
            json!({"subdomain": "SAME", "name": "B"}),
            "subdomain",
        ),
        (
            "host/create",
            host("a", json!({"email": "one@x.test"})),
            host("b", json!({"email": "ONE@x.test"})),
            "email",
        ),
        (
            "host/create",
            host("c", json!({"access_code": 7_654_321})),
            host("d", json!({"access_code": "7654321"})),
            "access_code",
        ),
        (
            "host/create",
            host("e", json!({"openid_sub": "s"})),
            host("f", json!({"openid_sub": "s"})),
            "openid_sub",
        ),
    ];
    for (method, one, two, field) in races {
        let answers = together([world.root(method, one.clone()), world.root(method, two.clone())]).await;
        let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status() == 200);
        assert_eq!((won.len(), lost.len()), (1, 1), "{method} {field}");
        assert_eq!(lost[0].refused(), refusal(409, "conflict", field));
        let before = world.table.dump().await;
        let loser = if answers[0].status() == 200 { two } else { one };
        assert_eq!(
            world.root(method, loser).await.refused(),
            refusal(409, "conflict", field)
        );
        assert!(before == world.table.dump().await, "{method} wrote something");
    }
}

#[tokio::test]
async fn unique_values_are_unique_in_their_reseller_or_installation() {
    let world = World::new().await;
    let rival = &world.rival;
    world
        .made(rival, "company/create", json!({"subdomain": "other", "name": "Other"}))
        .await;
    let mine = json!({"company_id": world.acme.id, "name": "A", "email": "same@x.test", "openid_sub": "s", "access_code": 7_654_321});
    world.root("host/create", mine).await.ok();
    let theirs = json!({"company_id": rival.id, "name": "A", "email": "same@x.test", "openid_sub": "s"});
    world.made(rival, "host/create", theirs).await;
    let code = json!({"company_id": rival.id, "name": "A", "email": "b@x.test", "access_code": 7_654_321});
    let answer = world
        .api(&rival.fqdn, &rival.reseller_admin.token, "host/create", code)
        .await;
    assert_eq!(answer.refused(), refusal(409, "conflict", "access_code"));
}

fn creates(world: &World) -> [(&'static str, Value, Value); 4] {
    let (acme, host) = (world.acme.id, world.acme.host.id);
    let mut other = meeting(host);
    other["subject"] = "Other".into();
    [
        (
            "company/create",
            json!({"subdomain": "once", "name": "Once"}),
            json!({"subdomain": "twice", "name": "Once"}),
        ),
        (
            "host/create",
            json!({"company_id": acme, "name": "A", "email": "once@x.test"}),
            json!({"company_id": acme, "name": "B", "email": "twice@x.test"}),
        ),
        ("conference/create", meeting(host), other),
        (
            "conference/create/reservationless",
            json!({"host_id": host}),
            json!({"host_id": host, "subject": "Other"}),
        ),
    ]
}

#[tokio::test]
async fn a_repeat_with_the_same_key_answers_the_first_result() {
    let world = World::new().await;
    let acme = world.acme.clone();
    for (method, mut body, mut other) in creates(&world) {
        body["idempotency_key"] = "key-1".into();
        other["idempotency_key"] = "key-1".into();
        let first = world.root(method, body.clone()).await.ok();
        let before = world.table.dump().await;
        assert_eq!(world.root(method, body.clone()).await.ok(), first, "{method}");
        let again = world.sign_in(&acme.fqdn, &acme.reseller_admin.email).await;
        assert_eq!(
            world.api(&acme.fqdn, &again, method, body.clone()).await.ok(),
            first,
            "{method} by another session"
        );
        assert_eq!(
            world.root(method, other.clone()).await.refused(),
            refusal(409, "conflict", "idempotency_key"),
            "{method}"
        );
        assert!(before == world.table.dump().await, "{method} wrote something");
        world.advance(24 * 3_600 + 1);
        let fresh = world.sign_in(&acme.fqdn, &acme.reseller_admin.email).await;
        assert_eq!(
            world.api(&acme.fqdn, &fresh, method, other).await.status(),
            200,
            "{method}: the key is free again"
        );
        world.advance(-24 * 3_600 - 1);
    }
}

#[tokio::test]
async fn a_key_belongs_to_one_account_and_one_method() {
    let world = World::new().await;
    let acme = &world.acme;
    let mut body = meeting(acme.host.id);
    body["idempotency_key"] = "shared".into();
    let by_root = world.root("conference/create", body.clone()).await.ok();
    let by_host = world
        .api(&acme.fqdn, &acme.host.token, "conference/create", body.clone())
        .await
        .ok();
    assert_ne!(by_root["conference_id"], by_host["conference_id"]);
    let now = world.root("conference/create/reservationless", body).await.ok();
    assert_ne!(by_root["conference_id"], now["conference_id"]);
}

#[tokio::test]
async fn a_refused_request_gives_its_key_back() {
    let world = World::new().await;
    let mut body = json!({"subdomain": "acme", "name": "Taken", "idempotency_key": "k"});
    let before = world.table.dump().await;
    assert_eq!(
        world.root("company/create", body.clone()).await.refused(),
        refusal(409, "conflict", "subdomain")
    );
    assert!(before == world.table.dump().await, "something was written");
    body["subdomain"] = "free".into();
    world.root("company/create", body).await.ok();
    for key in [json!(""), json!(5), json!("x".repeat(65)), json!("a\u{0}b")] {
        let body = json!({"subdomain": "free2", "name": "Free", "idempotency_key": key});
        assert_eq!(
            world.root("company/create", body).await.refused(),
            refusal(400, "invalid_field", "idempotency_key")
        );
    }
}

#[tokio::test]
async fn of_two_racing_repeats_one_runs_and_the_other_waits() {
    let world = World::new().await;
    let mut body = meeting(world.acme.host.id);
    body["idempotency_key"] = "race".into();
    let answers = together((0..6).map(|_| world.root("conference/create", body.clone()))).await;
    let mut ids: Vec<u64> = answers
        .iter()
        .filter(|answer| answer.status() == 200)
        .map(|answer| answer.json()["conference_id"].as_u64().expect("an id"))
        .collect();
    ids.dedup();
    assert_eq!(ids.len(), 1, "one meeting");
    for answer in answers.iter().filter(|answer| answer.status() != 200) {
        assert_eq!(answer.refused(), refusal(409, "in_progress", "idempotency_key"));
    }
}

#[tokio::test]
async fn the_largest_meeting_is_made_and_answered_again() {
    let world = World::new().await;
    let (name, mailbox) = ("x".repeat(90), "y".repeat(50));
    let people: Vec<_> = (0..999)
        .map(|n| json!({"email": format!("{n}{mailbox}@guest.test"), "name": format!("{n} {name}")}))
        .collect();
    let mut body = meeting(world.acme.host.id);
    body["participant_emails"] = people[1..].into();
    body["recurrence"] = json!({"rrule": "FREQ=DAILY;COUNT=731"});
    body["idempotency_key"] = "large".into();
    let first = world.root("conference/create", body.clone()).await;
    let made = first.ok();
    assert_eq!(made["occurrences"].as_array().map(Vec::len), Some(731));
    assert!(first.0.body().len() > 320_000, "sealed, it is more than an item holds");
    assert_eq!(world.root("conference/create", body).await.ok(), made);
}

#[tokio::test]
async fn ending_with_a_key_answers_the_same_again() {
    let world = World::new().await;
    let id = world.acme.host.conference;
    let body = json!({"conference_id": id, "idempotency_key": "end"});
    let first = world.root("conference/end", body.clone()).await.ok();
    assert_eq!(world.root("conference/end", body).await.ok(), first);
    let late = json!({"conference_id": id, "idempotency_key": "late"});
    assert_eq!(world.root("conference/end", late.clone()).await.ok(), first);
    assert_eq!(world.root("conference/end", late).await.ok(), first);
}

#[tokio::test]
async fn rates_hold_per_session_object_and_company() {
    let rates = Rates {
        session_per_minute: 40,
        ..Rates::default()
    };
    let world = World::with(Config {
        rates,
        ..Config::default()
    })
    .await;
    let acme = world.acme.clone();
    let fetch = json!({"host_id": acme.host.id});
    let token = world.sign_in(&acme.fqdn, &acme.host.email).await;
    for left in (0..40).rev() {
        let answer = world.api(&acme.fqdn, &token, "host/fetch", fetch.clone()).await;
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(left.to_string().as_str()));
        answer.ok();
        world.settle().await;
    }
    let answer = world.api(&acme.fqdn, &token, "host/fetch", fetch.clone()).await;
    assert_eq!(answer.refused(), refusal(429, "rate_limited", ""));
    assert_eq!(answer.header("x-ratelimit-remaining"), Some("0"));
    let wait: i64 = answer.header("retry-after").expect("said").parse().expect("seconds");
    assert!((1..=60).contains(&wait));
    world
        .api(
            &acme.fqdn,
            &acme.sibling.token,
            "host/fetch",
            json!({"host_id": acme.sibling.id}),
        )
        .await
        .ok();
    world.advance(wait);
    world.api(&acme.fqdn, &token, "host/fetch", fetch).await.ok();

    let rates = Rates {
        object_per_minute: 3,
        ..Rates::default()
    };
    let world = World::with(Config {
        rates,
        ..Config::default()
    })
    .await;
    let end = json!({"conference_id": world.acme.host.conference});
    for _ in 0..3 {
        world.root("conference/end", end.clone()).await.ok();
    }
    assert_eq!(
        world.root("conference/end", end).await.refused(),
        refusal(429, "rate_limited", "")
    );
    world
        .root(
            "conference/end",
            json!({"conference_id": world.acme.sibling.conference}),
        )
        .await
        .ok();

    // The caller's own account and company are objects too where they are not named.
    let acme = world.acme.clone();
    for n in 0..4 {
        let contact = json!({"name": "Guest", "email": format!("guest{n}@guest.test")});
        let own = world.api(&acme.fqdn, &acme.host.token, "contact/create", contact).await;
        let change = json!({"name": format!("Acme {n}")});
        let changed = world.api(&acme.fqdn, &acme.admin.token, "company/update", change).await;
        let wanted = if n < 3 { 200 } else { 429 };
        assert_eq!((own.status(), changed.status()), (wanted, wanted), "write {n}");
    }

    let rates = Rates {
        company_per_minute: 25,
        ..Rates::default()
    };
    let world = World::with(Config {
        rates,
        ..Config::default()
    })
    .await;
    let fetch = json!({"host_id": world.acme.host.id});
    let answers = together((0..40).map(|_| world.root("host/fetch", fetch.clone()))).await;
    assert!(answers.iter().any(|answer| answer.status() == 429));
}
