//! How requests are read, contract §1: where parameters come from, which forms they have, what is refused how, and that
//! nothing is written on a refusal.

use crate::world::{World, meeting, refusal};
use domain::Role;
use functions::{Access, Route};
use serde_json::{Value, json};

fn sessions() -> impl Iterator<Item = Route> {
    functions::all()
        .into_iter()
        .filter(|route| matches!(route.access, Access::Session(_)))
}

/// A token that may call the route.
fn token<'a>(world: &'a World, route: &Route) -> &'a str {
    match route.access {
        Access::Session(Role::Host) => &world.acme.host.token,
        _ => &world.acme.reseller_admin.token,
    }
}

#[tokio::test]
async fn broken_bodies_are_refused_by_every_method_and_write_nothing() {
    let world = World::new().await;
    let acme = &world.acme.fqdn;
    for route in sessions() {
        let token = format!("AuthToken {}", token(&world, &route));
        let before = world.table.dump().await;
        let send = async |kind: &str, body: &[u8]| {
            world
                .post(acme, route.path)
                .header("authorization", &token)
                .raw(kind, body.to_vec())
                .send()
                .await
                .refused()
        };
        let malformed = refusal(400, "invalid_field", "");
        for body in ["{", "nonsense", "[]", "\"text\"", "{\"a\": 1}}", "{\"a\": NaN}"] {
            assert_eq!(
                send("application/json", body.as_bytes()).await,
                malformed,
                "{} {body}",
                route.id
            );
        }
        assert_eq!(
            send("application/json; charset=utf-8", &[b'{', 0xff]).await,
            malformed,
            "{}",
            route.id
        );
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(50_000), "]".repeat(50_000));
        assert_eq!(
            send("application/json", deep.as_bytes()).await,
            malformed,
            "{}",
            route.id
        );
        let kind = refusal(415, "unsupported_media_type", "");
        for other in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
        ] {
            assert_eq!(send(other, b"{}").await, kind, "{} {other}", route.id);
        }
        let large = format!("{{\"padding\":\"{}\"}}", "x".repeat(256 * 1024));
        assert_eq!(
            send("application/json", large.as_bytes()).await,
            refusal(413, "too_large", ""),
            "{}",
            route.id
        );
        // These list what is in the caller's reach.
        if ![
            "audit_fetch_all",
            "company_fetch_all",
            "contact_fetch_all",
            "host_export",
            "host_fetch_all",
            "plan_fetch_all",
        ]
        .contains(&route.id)
        {
            let empty = send("application/json", b"{}").await;
            assert_eq!(
                (empty.0, empty.1.as_str()),
                (400, "missing_field"),
                "{} asks for something",
                route.id
            );
        }
        assert!(before == world.table.dump().await, "{} wrote something", route.id);
    }
}

#[tokio::test]
async fn wrong_types_are_refused_by_the_field() {
    let world = World::new().await;
    let host = world.acme.host.id;
    let company = json!({"subdomain": "new", "name": "New"});
    let account = json!({"company_id": world.acme.id, "name": "New", "email": "new@people.test"});
    let wrong: [(&str, Value, &str, Value); 40] = [
        ("company/create", company.clone(), "subdomain", json!(5)),
        ("company/create", company.clone(), "subdomain", json!("www")),
        ("company/create", company.clone(), "subdomain", json!("a.b")),
        ("company/create", company.clone(), "name", json!("")),
        ("company/create", company.clone(), "name", json!("a\u{0}b")),
        ("company/create", company.clone(), "name", json!("a\nb")),
        ("company/create", company.clone(), "openid_provider", json!("yes")),
        ("company/create", company.clone(), "branding", json!("red")),
        ("company/create", company.clone(), "embed_policy", json!("nobody")),
        ("company/create", company.clone(), "time_zone", json!("Mars/Base")),
        ("company/create", company.clone(), "locale", json!("english")),
        ("company/create", company.clone(), "subscription_ids", json!("all")),
        ("company/fetch", json!({}), "company_id", json!("five")),
        ("company/fetch", json!({}), "company_id", json!(0)),
        (
            "company/fetch",
            json!({}),
            "company_id",
            json!(9_007_199_254_740_992_u64),
        ),
        ("company/fetch", json!({}), "company_id", json!(1.5)),
        ("host/create", account.clone(), "email", json!("nobody")),
        ("host/create", account.clone(), "email", json!("a\u{1}@b.test")),
        ("host/create", account.clone(), "password", json!("short")),
        ("host/create", account.clone(), "password", json!(12_345_678)),
        ("host/create", account.clone(), "role", json!("ROOT")),
        ("host/create", account.clone(), "access_code", json!("0123456")),
        ("host/create", account.clone(), "access_code", json!(123)),
        ("host/create", account.clone(), "moderator_pin", json!("12a4")),
        (
            "host/create",
            account.clone(),
            "primary_dialin_number",
            json!("+15551234567"),
        ),
        ("host/create", account.clone(), "phone", json!("555")),
        ("host/create", account.clone(), "auto_record", json!("loud")),
        ("host/create", account.clone(), "auto_record", json!(1)),
        ("host/create", account.clone(), "auto_transcribe", json!(true)),
        ("host/create", account.clone(), "waiting_room", json!("perhaps")),
        ("host/create", account.clone(), "mute_mode", json!("loud")),
        ("host/create", account, "subscription_ids", json!({"a": 1})),
        ("conference/create", meeting(host), "host_id", json!(true)),
        ("conference/create", meeting(host), "subject", json!("x".repeat(256))),
        ("conference/create", meeting(host), "agenda", json!("x".repeat(8_001))),
        ("conference/create", meeting(host), "start", json!("tomorrow")),
        (
            "conference/create",
            meeting(host),
            "start",
            json!("2029-06-02 13:00:00"),
        ),
        ("conference/create", meeting(host), "duration", json!(1_441)),
        ("conference/create", meeting(host), "security_pin", json!("123")),
        ("conference/create", meeting(host), "participants", json!("all")),
    ];
    let before = world.table.dump().await;
    for (method, mut body, field, value) in wrong {
        body[field] = value.clone();
        let answer = world.root(method, body).await;
        assert_eq!(
            answer.refused(),
            refusal(400, "invalid_field", field),
            "{method} {field} {value}"
        );
    }
    assert!(before == world.table.dump().await, "something was written");
}

#[tokio::test]
async fn nested_fields_are_blamed_by_their_path() {
    let world = World::new().await;
    let host = world.acme.host.id;
    let company = |field: &str, value: Value| {
        let mut body = json!({"subdomain": "new", "name": "New"});
        body[field] = value;
        ("company/create", body)
    };
    let conference = |field: &str, value: Value| {
        let mut body = meeting(host);
        body[field] = value;
        ("conference/create", body)
    };
    let wrong = [
        (
            company("branding", json!({"primary_color": "red"})),
            "branding.primary_color",
        ),
        (company("branding", json!({"radius": 12})), "branding.radius"),
        (
            company("branding", json!({"font": "Comic Sans MS, url(//evil.example)"})),
            "branding.font",
        ),
        (
            company("branding", json!({"logo_url": "http://example.com/logo.png"})),
            "branding.logo_url",
        ),
        (
            company("branding", json!({"icon_url": "https://127.0.0.1/icon.png"})),
            "branding.icon_url",
        ),
        (
            company("branding", json!({"support_url": "javascript:alert(1)"})),
            "branding.support_url",
        ),
        (
            company("embed_origins", json!(["https://a.test", "https://a.test/path"])),
            "embed_origins[1]",
        ),
        (
            company("hidden_controls", json!(["mic", "lights"])),
            "hidden_controls[1]",
        ),
        (
            company("dialin_numbers", json!([{"number": "+15551234567", "country": "usa"}])),
            "dialin_numbers[0].country",
        ),
        (
            company("dialin_numbers", json!([{"number": "5", "country": "US"}])),
            "dialin_numbers[0].number",
        ),
        (
            company("media_policy", json!({"max_resolution": 721})),
            "media_policy.max_resolution",
        ),
        (
            company("media_policy", json!({"max_participants": 0})),
            "media_policy.max_participants",
        ),
        (company("retention_days", json!({"chat": 0})), "retention_days.chat"),
        (conference("participants", json!([1, "x"])), "participants[1]"),
        (conference("participants", json!([9_000_000])), "participants[0]"),
        (
            conference("participant_emails", json!(["a@people.test", "b"])),
            "participant_emails[1]",
        ),
        (
            conference("participant_emails", json!([{"email": "b"}])),
            "participant_emails[0].email",
        ),
        (
            conference("participant_emails", json!([{"email": "a@b.test", "phone": "5"}])),
            "participant_emails[0].phone",
        ),
        (
            conference("reminders", json!([{"channel": "pigeon", "minutes_before": 1}])),
            "reminders[0].channel",
        ),
    ];
    let before = world.table.dump().await;
    for ((method, body), field) in wrong {
        let answer = world.root(method, body).await;
        assert_eq!(answer.refused(), refusal(400, "invalid_field", field), "{method}");
    }
    let nameless = conference("participant_emails", json!([{"name": "x"}]));
    let answer = world.root(nameless.0, nameless.1).await;
    assert_eq!(
        answer.refused(),
        refusal(400, "missing_field", "participant_emails[0].email")
    );
    assert!(before == world.table.dump().await, "something was written");
}

#[tokio::test]
async fn required_fields_are_missed_one_by_one() {
    let world = World::new().await;
    let account = json!({"company_id": world.acme.id, "name": "New", "email": "new@people.test"});
    let whole = [
        ("company/create", json!({"subdomain": "new", "name": "New"})),
        ("company/fetch", json!({"company_id": world.acme.id})),
        ("host/create", account),
        ("host/fetch", json!({"host_id": world.acme.host.id})),
        ("conference/create", meeting(world.acme.host.id)),
        (
            "conference/create/reservationless",
            json!({"host_id": world.acme.host.id}),
        ),
        ("conference/fetch", json!({"conference_id": world.acme.host.conference})),
        ("conference/end", json!({"conference_id": world.acme.host.conference})),
    ];
    let before = world.table.dump().await;
    for (method, body) in whole {
        for field in body.as_object().expect("an object").keys() {
            let mut less = body.clone();
            less.as_object_mut().expect("an object").remove(field);
            assert_eq!(
                world.root(method, less.clone()).await.refused(),
                refusal(400, "missing_field", field),
                "{method}"
            );
            less[field] = Value::Null;
            assert_eq!(
                world.root(method, less).await.refused(),
                refusal(400, "missing_field", field),
                "{method}"
            );
        }
    }
    assert!(before == world.table.dump().await, "something was written");
}

#[tokio::test]
async fn everything_may_come_in_the_query_and_the_body_wins() {
    let world = World::new().await;
    let acme = &world.acme;
    let query = format!(
        "auth_token={}&host_id={}&subject=From+the+query&start=2026-06-02+13%3A00%3A00&time_zone=UTC&duration=30\
         &one_time_access_code=true&participant_emails=%5B%7B%22email%22%3A%22a%40b.test%22%7D%5D&companyId=7",
        acme.host.token, acme.host.id
    );
    let path = format!("/enterprise_api/conference/create?{query}");
    let made = world.post(&acme.fqdn, &path).send().await.ok();
    assert_eq!(made["subject"], "From the query");
    assert!(made["one_time_access_code"].is_u64());
    assert_eq!(made["participant_emails"][0]["email"], "a@b.test");
    let over = world
        .post(&acme.fqdn, &path)
        .json(&json!({"subject": "From the body", "duration": "45"}))
        .send()
        .await
        .ok();
    assert_eq!(
        (over["subject"].as_str(), over["duration"].as_u64()),
        (Some("From the body"), Some(45))
    );
    let sign_in = format!(
        "/enterprise_api/authenticate?email={}&password={}",
        acme.host.email,
        crate::world::PASSWORD
    );
    assert!(world.post(&acme.fqdn, &sign_in).send().await.ok()["auth_token"].is_string());
}

#[tokio::test]
async fn booleans_and_integers_may_be_texts() {
    let world = World::new().await;
    let mut body = meeting(0);
    body["host_id"] = world.acme.host.id.to_string().into();
    body["duration"] = "60".into();
    body["one_time_access_code"] = "true".into();
    body["secure_url"] = "false".into();
    let made = world.root("conference/create", body).await.ok();
    assert_eq!(made["duration"], 60);
    assert!(made["one_time_access_code"].is_u64());
}

#[tokio::test]
async fn null_says_as_much_as_nothing() {
    let world = World::new().await;
    let body = json!({"auth_token": null, "host_id": world.acme.host.id});
    let answer = world
        .post(&world.acme.fqdn, "/enterprise_api/host/fetch")
        .json(&body)
        .send()
        .await;
    assert_eq!(answer.json()["message"], "Missing auth_token");
    let mut body = meeting(world.acme.host.id);
    body["idempotency_key"] = Value::Null;
    let first = world.root("conference/create", body.clone()).await.ok();
    let second = world.root("conference/create", body).await.ok();
    assert_ne!(
        first["conference_id"], second["conference_id"],
        "no key: done each time"
    );
}

#[tokio::test]
async fn every_answer_forbids_keeping_and_says_what_is_left() {
    let world = World::new().await;
    let acme = &world.acme;
    let fetch = json!({"host_id": acme.host.id});
    world
        .api(&acme.fqdn, &acme.host.token, "host/fetch", fetch.clone())
        .await
        .ok();
    world.settle().await;
    let one = world
        .api(&acme.fqdn, &acme.host.token, "host/fetch", fetch.clone())
        .await;
    let two = world.api(&acme.fqdn, &acme.host.token, "host/fetch", fetch).await;
    let left = |answer: &crate::world::Answer| {
        answer
            .header("x-ratelimit-remaining")
            .and_then(|left| left.parse::<u32>().ok())
    };
    assert_eq!(left(&one).expect("said"), left(&two).expect("said") + 1);
    // A refused one counts as well.
    let all = left(&two).expect("said");
    let create = json!({"subdomain": "x", "name": "X"});
    let refused = world.api(&acme.fqdn, &acme.host.token, "company/create", create).await;
    assert_eq!((refused.status(), left(&refused)), (403, Some(all - 1)));
    let large = vec![b' '; 300 * 1_024];
    let rates = world.app.config.rates;
    // Nothing is counted where no session is known.
    for (host, path, body, status, begin) in [
        (
            acme.fqdn.as_str(),
            "host/fetch",
            b"{}".to_vec(),
            401,
            rates.session_per_minute,
        ),
        (
            "nobody.demo.test",
            "host/fetch",
            b"{}".to_vec(),
            401,
            rates.session_per_minute,
        ),
        (&acme.fqdn, "host/fetch", large, 413, rates.session_per_minute),
        (
            &acme.fqdn,
            "no/such/method",
            b"{}".to_vec(),
            404,
            rates.session_per_minute,
        ),
        (&acme.fqdn, "authenticate", b"{}".to_vec(), 400, rates.sign_in_failures),
    ] {
        let call = world.post(host, &format!("/enterprise_api/{path}"));
        let answer = call.raw("application/json", body).send().await;
        assert_eq!((answer.status(), left(&answer)), (status, Some(begin)), "{path}");
    }
    let nobody = world
        .api("nobody.demo.test", &acme.host.token, "host/fetch", json!({}))
        .await;
    assert_eq!((nobody.status(), left(&nobody)), (404, Some(rates.session_per_minute)));
    assert!(one.header("x-request-id").is_some());
    for path in [
        "/enterprise_api/nothing",
        "/enterprise_api/host/fetch",
        "/enterprise_api/openapi.json",
    ] {
        let answer = world.call("GET", &acme.fqdn, path).send().await;
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
    }
    assert_eq!(
        world
            .call("GET", &acme.fqdn, "/enterprise_api/host/fetch")
            .send()
            .await
            .status(),
        404
    );
}
