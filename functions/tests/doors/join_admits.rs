//! Who is let into which meeting, in which role, by `POST /conf/join`.

use crate::site::{ACME, Answer, Host, OTHER, START, Site};
use domain::join_token::JoinToken;
use proptest::prelude::*;
use serde_json::{Value, json};

pub(crate) async fn ready() -> (Site, Host) {
    let site = Site::new().await;
    site.relay_up().await;
    let host = site.host("Ann").await;
    (site, host)
}

/// A scheduled meeting, so many minutes from now.
pub(crate) async fn scheduled(site: &Site, host: &Host, minutes: i64, more: Value) -> Value {
    let start = jiff::Timestamp::from_second(site.now().as_second() + minutes * 60).expect("a time");
    let start = start.strftime("%Y-%m-%d %H:%M:%S").to_string();
    let mut body = json!({"host_id": host.id, "subject": "Plan", "start": start, "time_zone": "UTC", "duration": 60});
    body.as_object_mut()
        .expect("an object")
        .extend(more.as_object().expect("an object").clone());
    site.admin_api("conference/create", body).await
}

pub(crate) async fn join(site: &Site, body: Value) -> Answer {
    site.join(ACME, &body).send().await
}

pub(crate) fn claims(site: &Site, joined: &Value) -> JoinToken {
    let token = joined["token"].as_str().expect("a token");
    site.app
        .keys
        .signing
        .verifying_key()
        .verify(token)
        .expect("signed by us")
}

#[tokio::test]
async fn a_guest_of_a_scheduled_meeting_gets_a_token_for_its_room() {
    let (site, host) = ready().await;
    let made = scheduled(&site, &host, 10, json!({})).await;
    let joined = join(&site, json!({"code": host.code, "name": "Bob"})).await.ok();
    assert_eq!(
        (
            joined["role"].as_str(),
            joined["identity"].as_str(),
            &joined["participant"]
        ),
        (Some("guest"), Some("p1"), &json!(1))
    );
    assert_eq!(
        joined["relays"],
        json!([{"url": "https://r1.relay.test", "region": "eu"}])
    );
    assert_eq!(joined["conference"]["id"], made["conference_id"]);
    assert_eq!(
        (
            joined["conference"]["subject"].as_str(),
            joined["conference"]["host_name"].as_str()
        ),
        (Some("Plan"), Some("Ann"))
    );
    let token = claims(&site, &joined);
    assert_eq!(token.video.room, format!("1/{}/{}", made["conference_id"], START + 600));
    assert_eq!(
        (token.sub.as_str(), token.name.as_str(), token.video.room_admin),
        ("p1", "Bob", false)
    );
    assert_eq!((token.first_use_by, token.exp), (Some(START + 600), START + 24 * 3_600));
    let second = join(&site, json!({"code": host.code, "name": "Cid"})).await.ok();
    assert_eq!(second["identity"], "p2");
}

#[tokio::test]
async fn a_meeting_with_a_waiting_room_says_so_to_who_joins_and_to_its_relay() {
    let (site, host) = ready().await;
    let made = scheduled(&site, &host, 10, json!({"waiting_room": true})).await;
    let joined = join(&site, json!({"code": host.code, "name": "Bob"})).await.ok();
    assert_eq!(joined["role"], "guest");
    assert_eq!(joined["conference"]["waiting_room"], true);
    let room = claims(&site, &joined).video.room;
    let enter = json!({"relay": "relay-1", "epoch": 1, "room": room, "participant": 1, "jti": "j"});
    let entered = site.report("enter", enter).await.ok();
    assert_eq!(entered["settings"]["waiting_room"], true);
    // Who waits is not in: nobody is shown.
    let asked = json!({"conference_id": made["conference_id"]});
    assert_eq!(site.admin_api("conference/participants", asked).await, json!([]));
}

#[tokio::test]
async fn before_the_window_people_hear_when_it_opens() {
    let (site, host) = ready().await;
    scheduled(&site, &host, 60, json!({})).await;
    let early = join(&site, json!({"code": host.code, "name": "Bob"})).await;
    assert_eq!(early.refused(), (403, "not_started".into()));
    let told = early.json();
    assert_eq!(
        (
            told["reason"].as_str(),
            told["starts_at"].as_str(),
            told["subject"].as_str()
        ),
        (Some("not_started"), Some("2026-06-01T13:00:00Z"), Some("Plan"))
    );
    site.advance(45 * 60);
    site.relay_up_again().await;
    assert_eq!(join(&site, json!({"code": host.code, "name": "Bob"})).await.status, 200);
}

#[tokio::test]
async fn ended_and_expired_are_told_apart() {
    let (site, host) = ready().await;
    let made = scheduled(&site, &host, 0, json!({"one_time_access_code": true})).await;
    let code = made["one_time_access_code"].to_string();
    site.admin_api("conference/end", json!({"conference_id": made["conference_id"]}))
        .await;
    let ended = join(&site, json!({"code": code, "name": "Bob"})).await;
    assert_eq!(
        (ended.refused(), ended.json()["reason"].as_str()),
        ((403, "expired".into()), Some("ended"))
    );
    let other = scheduled(&site, &host, 0, json!({"one_time_access_code": true})).await;
    site.advance(3_600 + 24 * 3_600 + 1);
    site.relay_up_again().await;
    let late = join(
        &site,
        json!({"code": other["one_time_access_code"].to_string(), "name": "Bob"}),
    )
    .await;
    assert_eq!(
        (late.refused(), late.json()["reason"].as_str()),
        ((403, "expired".into()), Some("expired"))
    );
}

#[tokio::test]
async fn unknown_codes_are_not_found_and_slow_the_network_that_tries_them() {
    let (site, host) = ready().await;
    for code in ["7654321", "0000000", "", "x", "../..", "99999999999", "٣٤٥٦٧٨٩"] {
        assert_eq!(
            join(&site, json!({"code": code, "name": "Bob"})).await.refused(),
            (404, "not_found".into()),
            "{code}"
        );
    }
    // A code is good on its own company's host name alone.
    scheduled(&site, &host, 0, json!({})).await;
    assert_eq!(
        site.join(OTHER, &json!({"code": host.code, "name": "Bob"}))
            .send()
            .await
            .refused()
            .0,
        404
    );
    assert_eq!(
        site.join("nobody.test", &json!({"code": host.code, "name": "Bob"}))
            .send()
            .await
            .refused()
            .0,
        404
    );
    for _ in 0..20 {
        join(&site, json!({"code": "7654321", "name": "Bob"})).await;
    }
    assert_eq!(
        join(&site, json!({"code": "7654321", "name": "Bob"})).await.refused().0,
        429
    );
    assert_eq!(join(&site, json!({"code": host.code, "name": "Bob"})).await.status, 200);
}

#[tokio::test]
async fn the_pin_lets_in_and_guessing_it_locks_out() {
    let (site, host) = ready().await;
    let made = scheduled(&site, &host, 0, json!({"security_pin": "123456"})).await;
    let with = |more: Value| {
        let mut body = json!({"code": host.code, "name": "Bob"});
        body.as_object_mut()
            .expect("an object")
            .extend(more.as_object().expect("an object").clone());
        body
    };
    let without = join(&site, with(json!({}))).await;
    assert_eq!(
        (
            without.refused(),
            without.json()["reason"].as_str(),
            without.json()["field"].as_str()
        ),
        ((403, "forbidden".into()), Some("wrong_pin"), Some("pin"))
    );
    assert_eq!(join(&site, with(json!({"pin": "123456"}))).await.status, 200);
    for _ in 0..5 {
        assert_eq!(
            join(&site, with(json!({"pin": "654321"}))).await.json()["reason"],
            "wrong_pin"
        );
    }
    assert_eq!(
        join(&site, with(json!({"pin": "123456"}))).await.refused(),
        (429, "rate_limited".into())
    );
    // Moderators need no PIN, and another network is not locked out.
    assert_eq!(
        join(&site, with(json!({"moderator_token": made["moderator_token"]})))
            .await
            .ok()["role"],
        "moderator"
    );
    let elsewhere = site
        .join(ACME, &with(json!({"pin": "123456"})))
        .header("x-convoke-client", "198.51.100.9");
    assert_eq!(elsewhere.send().await.status, 200);
    site.advance(15 * 60 + 1);
    site.relay_up_again().await;
    assert_eq!(join(&site, with(json!({"pin": "123456"}))).await.status, 200);
}

#[tokio::test]
async fn two_who_join_first_at_once_are_in_one_meeting() {
    let (site, host) = ready().await;
    let body = json!({"code": host.code, "name": "Ann", "moderator_pin": host.pin});
    // On the heap: eight joins are too much for one stack.
    let [a, b, c, d, e, f, g, h] = [(); 8].map(|()| Box::pin(join(&site, body.clone())));
    let (a, b, c, d, e, f, g, h) = tokio::join!(a, b, c, d, e, f, g, h);
    let all: Vec<Value> = [a, b, c, d, e, f, g, h].iter().map(Answer::ok).collect();
    assert!(
        all.iter()
            .all(|one| one["conference"]["id"] == all[0]["conference"]["id"])
    );
    let mut numbers: Vec<u64> = all.iter().filter_map(|one| one["participant"].as_u64()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 8, "each has a number of its own");
}

#[tokio::test]
async fn a_hidden_code_opens_what_it_hides_and_for_its_company_only() {
    let (site, host) = ready().await;
    let made = scheduled(&site, &host, 0, json!({"secure_url": true})).await;
    let url = made["room_url"].as_str().expect("a link");
    let hidden = url
        .split("/conf/call/")
        .nth(1)
        .and_then(|rest| rest.split('?').next())
        .expect("a code");
    assert!(
        url.ends_with("?encrypted_pin=true") && !hidden.contains(&host.code),
        "{url}"
    );
    let ask = json!({"code": hidden, "encrypted": true, "name": "Bob"});
    assert_eq!(
        join(&site, ask.clone()).await.ok()["conference"]["id"],
        made["conference_id"]
    );
    assert_eq!(site.join(OTHER, &ask).send().await.refused().0, 404);
    assert_eq!(
        join(&site, json!({"code": host.code, "encrypted": true, "name": "Bob"}))
            .await
            .refused()
            .0,
        404
    );
}

#[tokio::test]
async fn without_a_relay_nobody_is_let_in() {
    let site = Site::new().await;
    let host = site.host("Ann").await;
    scheduled(&site, &host, 0, json!({})).await;
    let answer = join(&site, json!({"code": host.code, "name": "Bob"})).await;
    assert_eq!(answer.refused(), (503, "unavailable".into()));
    assert!(!answer.header("retry-after").is_empty());
}

#[tokio::test]
async fn names_are_asked_for_and_bounded() {
    let (site, host) = ready().await;
    scheduled(&site, &host, 0, json!({})).await;
    assert_eq!(
        join(&site, json!({"code": host.code})).await.refused(),
        (400, "missing_field".into())
    );
    for name in ["a\u{0}b".to_owned(), "x".repeat(101), "a\u{202e}b".into()] {
        assert_eq!(
            join(&site, json!({"code": host.code, "name": name})).await.json()["field"],
            "name"
        );
    }
    let html = join(&site, json!({"code": host.code, "name": "<b>Bob</b>"})).await.ok();
    assert_eq!(html["name"], "<b>Bob</b>");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_body_gets_an_answer_by_contract(body in "\\PC{0,60}|\\{\"code\": ?(\"\\PC{0,12}\"|[0-9]{1,20}|null|\\[\\])(, \"name\": \"\\PC{0,9}\")?\\}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let site = Site::new().await;
            let answer = site.post(ACME, "/conf/join").raw("application/json", body.into_bytes()).send().await;
            prop_assert!(answer.status.is_client_error() && answer.json()["code"].is_string(), "{}", answer.text);
            Ok(())
        })?;
    }
}
