//! How often pages, sign-in and what relays report wait for the table, one request after another.

use crate::site::{ACME, Call, Host, Site};
use serde_json::{Value, json};

const OWN: &str = "https://acme.demo.test";

async fn known() -> (Site, Host) {
    let site = Site::new().await;
    site.relay_up().await;
    let ann = site.host("Ann").await;
    // The tenant of a host name is remembered.
    assert_eq!(site.get(ACME, "/login").send().await.status, 200);
    (site, ann)
}

fn by_token<'a>(site: &'a Site, host: &Host) -> Call<'a> {
    let id = host.id.to_string();
    let fields = [("host_id", id.as_str()), ("login_token_public_key", host.sso.as_str())];
    site.post(ACME, "/auth").header("origin", OWN).form(&fields)
}

#[tokio::test]
async fn pages_take_two_at_most() {
    let (site, ann) = known().await;
    site.admin_api("conference/create/reservationless", json!({"host_id": ann.id}))
        .await;
    let cookie = by_token(&site, &ann).send().await.cookies().join("; ");
    let room = format!("/conf/call/{}", ann.code);
    for path in ["/login", "/", &room, "/enterprise_api/docs", "/password/unknown"] {
        for cookie in ["", &cookie] {
            let (trips, answer) = site.trips(site.get(ACME, path).header("cookie", cookie).send()).await;
            assert!(trips <= 2, "{path}: {trips}");
            assert!(
                matches!(answer.status.as_u16(), 200 | 303 | 404),
                "{path}: {}",
                answer.status
            );
        }
    }
}

#[tokio::test]
async fn signing_in_takes_three_at_most() {
    let (site, ann) = known().await;
    let mut seen = Vec::new();
    let mut few = async |what, call: Call<'_>| {
        let (trips, answer) = site.trips(call.send()).await;
        assert!(matches!(answer.status.as_u16(), 200 | 303), "{what}: {}", answer.text);
        seen.push((what, trips));
        answer
    };
    let own = |path: &str| site.post(ACME, path).header("origin", OWN);
    let password = json!({"email": "ann@acme.test", "password": "SoSecret5!"});
    few("/login", own("/login").json(&password)).await;
    few("/auth by a token", by_token(&site, &ann)).await;
    let ticket = site.admin_api("host/sso_ticket", json!({"host_id": ann.id})).await;
    let path = format!(
        "/auth?host_id={}&login_token_public_key={}&redirect_url=/",
        ann.id,
        ticket["sso_ticket"].as_str().expect("a ticket")
    );
    let framed = few(
        "/auth in a frame by a ticket",
        site.get(ACME, &path).header("sec-fetch-dest", "iframe"),
    )
    .await;
    let (_, handoff) = framed.header("location").split_once("handoff=").expect("a handoff");
    let session = few("/auth/handoff", own("/auth/handoff").json(&json!({"handoff": handoff}))).await;
    let session = format!("Session {}", session.json()["session"].as_str().expect("a session"));
    let passed = own("/auth/session").header("authorization", &session);
    few("/auth/session", passed).await;
    let new = json!({"company_id": 1, "name": "Bob", "email": "bob@acme.test"});
    let link = site.admin_api("host/create", new).await["password_creation_link"].clone();
    let path = link
        .as_str()
        .expect("a link")
        .strip_prefix(OWN)
        .expect("of its company");
    let set = few("/password", own(path).json(&json!({"password": "An0therSecret!"}))).await;
    few("/logout", own("/logout").header("cookie", &set.cookies().join("; "))).await;
    assert!(seen.iter().all(|&(_, trips)| trips <= 3), "{seen:?}");
}

#[tokio::test]
async fn reports_of_relays_take_six_at_most_and_five_where_somebody_waits() {
    let (site, ann) = known().await;
    let made = site
        .admin_api("conference/create/reservationless", json!({"host_id": ann.id}))
        .await;
    let joined = site
        .join(ACME, &json!({"code": ann.code, "name": "Bob"}))
        .send()
        .await
        .ok();
    let room = format!("1/{}/{}", made["conference_id"], site.now().as_second());
    let event = |kind| {
        json!({"room": room, "at": 1, "kind": kind, "participant": joined["participant"], "jti": "j", "name": "Bob",
            "moderator": false, "region": "eu", "reason": "left", "duration_ms": 1})
    };
    let batch = |n, events: Value| json!({"relay": "relay-1", "epoch": 1, "n": n, "events": events});
    let reports = [
        (
            "enter",
            json!({"relay": "relay-1", "epoch": 1, "room": room, "participant": joined["participant"], "jti": "j"}),
        ),
        ("events", batch(1, json!([event("participant_join")]))),
        (
            "heartbeat",
            json!({"relay": "relay-1", "epoch": 1, "participants": 1, "load": 0.1,
            "rooms": [{"room": room, "participants": 1}]}),
        ),
        ("events", batch(2, json!([event("participant_leave")]))),
        ("leave", json!({"relay": "relay-1", "epoch": 1, "room": room})),
        (
            "register",
            json!({"relay": "relay-1", "region": "eu", "url": "https://r1.relay.test", "version": "1",
            "capacity": 100, "epoch": 2}),
        ),
    ];
    for (what, body) in reports {
        let (trips, answer) = site.trips(site.report(what, body)).await;
        // The relay's key and the report's id are two of them. Nobody waits for what was.
        let most = if matches!(what, "events" | "leave") { 6 } else { 5 };
        assert!(
            answer.status == 200 && trips <= most,
            "{what}: {trips}, {}",
            answer.text
        );
    }
}
