//! Reports of relays: believed by their signature, over their body, for a minute, once.

use crate::site::{ACME, Site};
use domain::jws::SigningKey;
use domain::relay::ReportClaims;
use proptest::prelude::*;
use serde_json::{Value, json};

fn beat() -> Value {
    json!({"relay": "relay-1", "epoch": 1, "participants": 0, "load": 0.0, "rooms": []})
}

#[tokio::test]
async fn a_relay_registers_and_learns_the_keys_that_sign_tokens() {
    let site = Site::new().await;
    let body =
        json!({"relay": "relay-1", "region": "eu", "url": "https://r.test", "version": "1", "capacity": 9, "epoch": 5});
    let answer = site.report("register", body).await.ok();
    assert_eq!(answer["keys"], json!([site.app.keys.signing.verifying_key().to_jwk()]));
    let known = json!({"relay": "relay-1", "epoch": 5, "participants": 0, "load": 0.0, "rooms": []});
    assert_eq!(
        site.report("heartbeat", known).await.ok(),
        json!({"ended": [], "known": true})
    );
    let earlier =
        json!({"relay": "relay-1", "region": "eu", "url": "https://r.test", "version": "1", "capacity": 9, "epoch": 4});
    assert_eq!(
        site.report("register", earlier).await.refused(),
        (409, "conflict".into())
    );
}

#[tokio::test]
async fn nothing_is_believed_that_was_not_signed_by_this_relay_for_this_body_now() {
    let site = Site::new().await;
    site.relay_up().await;
    let body = serde_json::to_vec(&beat()).expect("JSON");
    let stranger = SigningKey::from_pkcs8(&SigningKey::generate()).expect("a key");
    let good = || site.claims(&body);
    let now = site.now().as_second();
    let spoiled: [(&str, ReportClaims); 7] = [
        (
            "audience",
            ReportClaims {
                aud: "other".into(),
                ..good()
            },
        ),
        (
            "over",
            ReportClaims {
                iat: now - 120,
                exp: now - 60,
                ..good()
            },
        ),
        (
            "not yet",
            ReportClaims {
                iat: now + 60,
                exp: now + 120,
                ..good()
            },
        ),
        (
            "too long",
            ReportClaims {
                exp: now + 3_600,
                ..good()
            },
        ),
        (
            "body",
            ReportClaims {
                body: domain::jws::body_hash(b"{}"),
                ..good()
            },
        ),
        (
            "no id",
            ReportClaims {
                jti: String::new(),
                ..good()
            },
        ),
        (
            "unknown relay",
            ReportClaims {
                iss: "relay-2".parse().expect("a name"),
                ..good()
            },
        ),
    ];
    for (what, claims) in spoiled {
        let answer = site.signed("heartbeat", body.clone(), &site.relay, &claims).await;
        assert_eq!(answer.refused(), (401, "unauthenticated".into()), "{what}");
    }
    assert_eq!(
        site.signed("heartbeat", body.clone(), &stranger, &good())
            .await
            .refused()
            .0,
        401
    );
    let other_body = json!({"relay": "relay-2", "epoch": 1, "participants": 0, "load": 0.0, "rooms": []});
    assert_eq!(site.report("heartbeat", other_body).await.refused().0, 401);
    assert_eq!(
        site.signed("heartbeat", body.clone(), &site.relay, &good()).await.ok()["known"],
        true
    );
}

#[tokio::test]
async fn a_report_is_believed_once() {
    let site = Site::new().await;
    site.relay_up().await;
    let body = serde_json::to_vec(&beat()).expect("JSON");
    let claims = site.claims(&body);
    assert_eq!(
        site.signed("heartbeat", body.clone(), &site.relay, &claims)
            .await
            .status,
        200
    );
    assert_eq!(
        site.signed("heartbeat", body, &site.relay, &claims).await.refused().0,
        401
    );
}

#[tokio::test]
async fn clocks_may_differ_by_seconds() {
    let site = Site::new().await;
    site.relay_up().await;
    let body = serde_json::to_vec(&beat()).expect("JSON");
    let claims = site.claims(&body);
    let ahead = ReportClaims {
        iat: claims.iat + 8,
        exp: claims.exp + 8,
        ..claims
    };
    assert_eq!(site.signed("heartbeat", body, &site.relay, &ahead).await.status, 200);
}

#[tokio::test]
async fn a_meeting_lives_at_its_relay_until_it_is_ended() {
    let site = Site::new().await;
    site.relay_up().await;
    let host = site.host("Ann").await;
    let made = site
        .admin_api("conference/create/reservationless", json!({"host_id": host.id}))
        .await;
    let joined = site
        .join(ACME, &json!({"code": host.code, "name": "Bob"}))
        .send()
        .await
        .ok();
    let room = format!("1/{}/{}", made["conference_id"], site.now().as_second());
    let enter = json!({"relay": "relay-1", "epoch": 1, "room": room, "participant": joined["participant"], "jti": "j"});
    let entered = site.report("enter", enter.clone()).await.ok();
    assert_eq!(entered["members"], json!(["relay-1"]));
    assert_eq!(entered["settings"]["subject"], "Ann's Meeting");

    let mut stale = enter.clone();
    stale["epoch"] = 0.into();
    assert_eq!(site.report("enter", stale).await.refused().0, 409);

    let event = json!({"room": room, "at": 1, "kind": "participant_join", "participant": 1, "jti": "j", "name": "Bob",
        "moderator": false, "region": "eu"});
    let batch = |n: u32| json!({"relay": "relay-1", "epoch": 1, "n": n, "events": [event]});
    assert_eq!(site.report("events", batch(1)).await.ok(), json!({"n": 1}));
    assert_eq!(site.report("events", batch(1)).await.ok(), json!({"n": 1}));
    assert_eq!(site.report("events", batch(3)).await.refused().0, 409);
    let foreign = json!({"relay": "relay-1", "epoch": 1, "n": 2, "events": [{"room": "1/999/5", "at": 1, "kind": "room_end", "reason": "ended"}]});
    let foreign = site.report("events", foreign).await;
    assert!(
        foreign.status.is_client_error() || foreign.status == 200,
        "{}",
        foreign.text
    );

    site.admin_api("conference/end", json!({"conference_id": made["conference_id"]}))
        .await;
    let beat = json!({"relay": "relay-1", "epoch": 1, "participants": 1, "load": 0.1, "rooms": [{"room": room, "participants": 1}]});
    assert_eq!(
        site.report("heartbeat", beat).await.ok()["ended"],
        json!([{"room": room, "reason": "ended"}])
    );
    let over = site.report("enter", enter).await;
    assert_eq!((over.refused().0, over.json()["reason"].as_str()), (409, Some("ended")));
    let left = json!({"relay": "relay-1", "epoch": 1, "room": room});
    assert_eq!(site.report("leave", left).await.ok(), json!({"state": "ended"}));
}

#[tokio::test]
async fn a_relay_that_drains_keeps_its_meetings_and_gets_no_others() {
    let site = Site::new().await;
    site.relay_up().await;
    let (ann, ben) = (site.host("Ann").await, site.host("Ben").await);
    let mut rooms = Vec::new();
    for host in [&ann, &ben] {
        let made = site
            .admin_api("conference/create/reservationless", json!({"host_id": host.id}))
            .await;
        rooms.push(format!("1/{}/{}", made["conference_id"], site.now().as_second()));
    }
    let join = async |code: &Value, name: &str| site.join(ACME, &json!({"code": code, "name": name})).send().await;
    let first = join(&json!(ann.code), "Cid").await.ok();
    let enter =
        json!({"relay": "relay-1", "epoch": 1, "room": rooms[0], "participant": first["participant"], "jti": "j"});
    site.report("enter", enter).await.ok();
    // Somebody is on the way to the other meeting, and nobody has come yet.
    join(&json!(ben.code), "Dot").await.ok();

    let held = json!([{"room": rooms[0], "participants": 1}]);
    let beat = json!({"relay": "relay-1", "epoch": 1, "participants": 1, "load": 0.1, "draining": true, "rooms": held});
    site.report("heartbeat", beat).await.ok();
    assert_eq!(
        join(&json!(ann.code), "Eve").await.ok()["relays"][0]["url"],
        "https://r1.relay.test"
    );
    assert_eq!(
        join(&json!(ben.code), "Flo").await.refused(),
        (503, "unavailable".into())
    );

    // A relay that has started anew is open again.
    let body = json!({"relay": "relay-1", "region": "eu", "url": "https://r1.relay.test", "version": "1", "capacity": 100, "epoch": 2});
    site.report("register", body).await.ok();
    join(&json!(ben.code), "Gus").await.ok();
}

#[tokio::test]
async fn too_many_events_are_refused() {
    let site = Site::new().await;
    site.relay_up().await;
    let event = json!({"room": "1/2/3", "at": 1, "kind": "room_end", "reason": "ended"});
    let batch = json!({"relay": "relay-1", "epoch": 1, "n": 1, "events": vec![event; 101]});
    assert_eq!(site.report("events", batch).await.refused(), (413, "too_large".into()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_bytes_with_any_signature_are_refused(body: Vec<u8>, token in "[A-Za-z0-9_.-]{0,80}|\\PC{0,40}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let site = Site::new().await;
            let sent = format!("Relay {token}");
            if let Ok(value) = http::HeaderValue::try_from(sent) {
                let call = site.post("x.test", "/relay/enter").header("authorization", value.to_str().unwrap_or("Relay x"));
                prop_assert_eq!(call.raw("application/json", body.clone()).send().await.refused().0, 401);
            }
            // Signed rubbish is rubbish.
            let claims = site.claims(&body);
            let answer = site.signed("enter", body, &site.relay, &claims).await;
            prop_assert!(answer.status.is_client_error(), "{}", answer.text);
            Ok(())
        })?;
    }
}
