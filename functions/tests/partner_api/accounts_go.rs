//! Accounts and companies that go, and sessions that end: what follows at once and by job. And plans, which bound meetings.

use serde_json::json;

use crate::accounts_change::{as_admin, ids};
use crate::asked::work_of;
use crate::world::{PASSWORD, World, meeting, refusal};
use functions::operator;

/// Does all jobs, also those that wait a minute.
pub(crate) async fn work(world: &World) {
    for _ in 0..4 {
        let done = work_of("dispatch", operator::dispatch(&world.app, &[]))
            .await
            .expect("worked");
        assert_eq!((done.failed, done.parked), (0, 0));
        world.advance(61);
    }
}

#[tokio::test]
async fn sessions_end_with_a_reset_token_and_those_above_a_lowered_role() {
    let world = &World::new().await;
    let acme = &world.acme;
    world.advance(1);
    let made = world.root("host/fetch", json!({"host_id": acme.host.id})).await.ok();
    let reset = world
        .root("host/reset_login_token", json!({"host_id": acme.host.id}))
        .await
        .ok();
    assert_ne!(made["login_token_public_key"], reset["login_token_public_key"]);
    let own = world
        .api(
            &acme.fqdn,
            &acme.host.token,
            "host/fetch",
            json!({"host_id": acme.host.id}),
        )
        .await;
    assert_eq!(own.refused(), refusal(401, "unauthenticated", ""));
    // Also where it would not be let in: that it has to sign in comes first.
    let above = |token: String| async move {
        world
            .api(&acme.fqdn, &token, "host/fetch_all", json!({}))
            .await
            .refused()
    };
    assert_eq!(
        above(acme.host.token.clone()).await,
        refusal(401, "unauthenticated", "")
    );
    world.advance(1);
    let again = world.sign_in(&acme.fqdn, &acme.host.email).await;
    assert_eq!(above(again.clone()).await, refusal(403, "forbidden", ""));
    world
        .api(&acme.fqdn, &again, "host/fetch", json!({"host_id": acme.host.id}))
        .await
        .ok();
    // Reads and writes of a session above the account's role are over, and nothing is written.
    world
        .root("host/update", json!({"host_id": acme.admin.id, "role": "HOST"}))
        .await
        .ok();
    let before = world.table.dump().await;
    let write = as_admin(
        world,
        acme,
        "host/update",
        json!({"host_id": acme.sibling.id, "name": "X"}),
    )
    .await;
    assert_eq!(write.refused(), refusal(401, "unauthenticated", ""));
    assert!(before == world.table.dump().await);
}

#[tokio::test]
async fn a_deleted_host_is_gone_at_once_and_its_meetings_and_contacts_by_job() {
    let world = World::new().await;
    let acme = &world.acme;
    let host = &acme.host;
    let made = world.root("host/fetch", json!({"host_id": host.id})).await.ok();
    let asked = json!({"host_id": host.id, "idempotency_key": "gone"});
    let gone = world.root("host/delete", asked.clone()).await.ok();
    assert_eq!(gone, json!({"host_id": host.id}));
    assert_eq!(
        world.root("host/delete", asked).await.ok(),
        gone,
        "the key repeats the answer"
    );
    let own = world
        .api(&acme.fqdn, &host.token, "host/fetch", json!({"host_id": host.id}))
        .await;
    assert_eq!(own.refused(), refusal(401, "unauthenticated", ""));
    let body = json!({"email": host.email, "password": PASSWORD});
    assert_eq!(
        world
            .post(&acme.fqdn, "/enterprise_api/authenticate")
            .json(&body)
            .send()
            .await
            .status(),
        401
    );
    for (method, body) in [
        ("host/fetch", json!({"host_id": host.id})),
        ("host/update", json!({"host_id": host.id, "name": "X"})),
        ("host/delete", json!({"host_id": host.id})),
        ("conference/create", meeting(host.id)),
        ("contact/fetch_all", json!({"host_id": host.id})),
        (
            "contact/create",
            json!({"host_id": host.id, "name": "X", "email": "x@guest.test"}),
        ),
    ] {
        assert_eq!(
            world.root(method, body).await.refused(),
            refusal(404, "not_found", ""),
            "{method}"
        );
    }
    let listed = ids(
        &as_admin(&world, acme, "host/fetch_all", json!({})).await.ok(),
        "host_id",
    );
    assert!(!listed.contains(&host.id));
    let code = &made["access_code"]["number"];
    let join = world
        .post(&acme.fqdn, "/conf/join")
        .json(&json!({"code": code, "name": "Guest"}))
        .send()
        .await;
    assert_eq!(join.status(), 404);
    let new = json!({"company_id": acme.id, "name": "Next", "email": host.email, "access_code": code});
    assert_eq!(
        world.root("host/create", new).await.refused(),
        refusal(409, "conflict", "access_code")
    );
    work(&world).await;
    let meeting = json!({"conference_id": host.conference});
    assert_eq!(
        world.root("conference/fetch", meeting).await.refused(),
        refusal(404, "not_found", "")
    );
    let left: Vec<String> = world.table.dump().await.into_keys().collect();
    let of_host = |key: &&String| key.contains(&format!("#H#{} ", host.id)) && !key.contains("IDEMPOTENCY");
    let left: Vec<_> = left.iter().filter(of_host).collect();
    assert_eq!(left, [&format!("R#1#H#{} GONE", host.id)]);
    let contact = world.root("contact/fetch", json!({"contact_id": host.contact})).await;
    assert_eq!(contact.status(), 404);
    let own = world
        .root("host/delete", json!({"host_id": acme.reseller_admin.id}))
        .await;
    assert_eq!(own.refused(), refusal(409, "conflict", "host_id"));
}

#[tokio::test]
async fn a_company_goes_only_with_its_hosts_where_that_is_meant() {
    let world = World::new().await;
    let other = &world.other;
    let before = world.table.dump().await;
    let refused = world.root("company/delete", json!({"company_id": other.id})).await;
    assert_eq!(refused.refused(), refusal(409, "conflict", ""));
    assert!(before == world.table.dump().await);
    let own = world
        .root("company/delete", json!({"company_id": world.acme.id, "force": true}))
        .await;
    assert_eq!(own.refused(), refusal(409, "conflict", "company_id"));
    world
        .root("company/delete", json!({"company_id": other.id, "force": true}))
        .await
        .ok();
    let at_once = as_admin(&world, other, "host/fetch_all", json!({})).await;
    assert_eq!(at_once.refused(), refusal(401, "unauthenticated", ""));
    for (method, body) in [
        ("company/fetch", json!({"company_id": other.id})),
        (
            "host/create",
            json!({"company_id": other.id, "name": "X", "email": "x@people.test"}),
        ),
        ("host/fetch", json!({"host_id": other.host.id})),
    ] {
        assert_eq!(
            world.root(method, body).await.refused(),
            refusal(404, "not_found", ""),
            "{method}"
        );
    }
    work(&world).await;
    work(&world).await;
    let dump = world.table.dump().await;
    // Other companies' meetings have theirs.
    let own = format!(r#""company": "N(\"{}\")""#, other.id);
    let left: Vec<_> = dump
        .iter()
        .filter(|(key, item)| key.starts_with("JOB#") && (!key.starts_with("JOB#REMIND#") || item.contains(&own)))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    let rest: Vec<String> = dump.into_keys().collect();
    assert!(
        !rest.iter().any(|key| key == &format!("R#1#C#{} COMPANY", other.id)),
        "{rest:?}"
    );
    // Its name is free again.
    world
        .root("company/create", json!({"subdomain": "other", "name": "New"}))
        .await
        .ok();
    // One without hosts goes by itself.
    let empty = world
        .root("company/create", json!({"subdomain": "empty", "name": "Empty"}))
        .await
        .ok();
    world
        .root("company/delete", json!({"company_id": empty["id"]}))
        .await
        .ok();
}

#[tokio::test]
async fn plans_are_made_by_an_operator_and_bound_what_they_allow() {
    let world = World::new().await;
    let acme = &world.acme;
    let asked = json!({
        "reseller": {"name": "demo.test", "domain": "demo.test"},
        "company": {"subdomain": "acme", "name": "acme"},
        "admin": {"name": "Root", "email": "root@demo.test", "password": PASSWORD},
        "plans": [
            {"name": "Small", "max_participants": 10, "max_minutes": 40},
            {"name": "Large", "max_participants": 300, "max_minutes": 1440, "recording": true},
        ],
    });
    let asked: operator::Init = serde_json::from_value(asked).expect("an operator's words");
    for _ in 0..2 {
        operator::init(&world.app, &asked).await.expect("made");
    }
    let plans = world.root("plan/fetch_all", json!({})).await.ok();
    let [large, small] = plans.as_array().expect("a list").as_slice() else {
        panic!("two plans, newest first: {plans}")
    };
    assert_eq!(
        (&small["name"], &small["max_minutes"], &large["recording"]),
        (&json!("Small"), &json!(40), &json!(true))
    );
    let foreign = world
        .api(
            &world.rival.fqdn,
            &world.rival.reseller_admin.token,
            "plan/fetch_all",
            json!({}),
        )
        .await;
    assert_eq!(foreign.ok(), json!([]));
    let set = json!({"company_id": acme.id, "subscription_ids": [small["plan_id"], small["plan_id"]]});
    let company = world.root("company/update", set).await.ok();
    let [subscription] = company["subscription_ids"].as_array().expect("ids").as_slice() else {
        panic!("one: {company}")
    };
    let held = as_admin(&world, acme, "subscription/fetch_all", json!({})).await.ok();
    assert_eq!(
        (&held[0]["subscription_id"], &held[0]["plan_id"]),
        (subscription, &small["plan_id"])
    );
    let set = json!({"host_id": acme.host.id, "subscription_ids": [subscription]});
    let host = world.root("host/update", set.clone()).await.ok();
    assert_ne!(host["subscription_ids"][0], *subscription, "its own instance");
    assert_eq!(
        world.root("host/update", set).await.ok(),
        host,
        "the instance stays what it is"
    );
    assert_eq!(
        world.root("host/update", host.clone()).await.ok(),
        host,
        "by the instances' own ids too"
    );
    let unknown = json!({"host_id": acme.host.id, "subscription_ids": [subscription, 999]});
    assert_eq!(
        world.root("host/update", unknown).await.refused(),
        refusal(400, "invalid_field", "subscription_ids[1]")
    );
    let long = world.root("conference/create", meeting(acme.host.id)).await;
    assert_eq!(long.refused(), refusal(400, "invalid_field", "duration"));
    let now = world
        .root("conference/create/reservationless", json!({"host_id": acme.host.id}))
        .await
        .ok();
    assert_eq!(now["duration"], 40);
    let longer = json!({"conference_id": now["conference_id"], "duration": 41});
    assert_eq!(
        world.root("conference/update", longer).await.refused(),
        refusal(400, "invalid_field", "duration")
    );
    let none = json!({"company_id": acme.id, "subscription_ids": []});
    world.root("company/update", none).await.ok();
    let host = world.root("host/fetch", json!({"host_id": acme.host.id})).await.ok();
    assert_eq!(host["subscription_ids"], json!([]), "gone with the company's");
    world.root("conference/create", meeting(acme.host.id)).await.ok();
}
