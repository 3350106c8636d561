//! What is no good body is refused with its reason at every open door, and writes nothing: at those of sign-in, of joining, and of
//! relays, as at those of the partner API.

use functions::{Access, Route};
use serde_json::{Map, Value, json};

use crate::site::{ACME, Answer, Site, settled};

/// How a door reads its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reads {
    /// JSON.
    Json,
    /// A form, or JSON in its place.
    Form,
    /// JSON that a relay has signed.
    Report,
    /// A form, refused in the words of OAuth: `oauth_tokens` and its neighbours try it.
    Standard,
    /// Nothing: whatever is sent is left alone.
    Nothing,
}

/// Every POST that is no partner method.
fn open_doors() -> impl Iterator<Item = Route> {
    functions::all()
        .into_iter()
        .filter(|route| route.method == "POST" && !route.path.starts_with("/enterprise_api/"))
}

/// How a door reads, a body that reads, which of its fields must be there, and values that its fields cannot have. A new door has its
/// line here.
fn door(id: &str) -> (Reads, Value, &'static [&'static str], Vec<(&'static str, Value)>) {
    let relay = |mut body: Value| {
        body["relay"] = "relay-1".into();
        body["epoch"] = 1.into();
        body
    };
    match id {
        "sign_in" => (
            Reads::Form,
            json!({"host_id": 9, "login_token_public_key": "a1"}),
            &["host_id", "login_token_public_key"],
            vec![
                ("host_id", json!("nine")),
                ("host_id", json!(-1)),
                ("host_id", json!(9_007_199_254_740_992_u64)),
                ("host_id", json!({"a": 1})),
                ("login_token_public_key", json!(5)),
                ("login_token_public_key", json!("a\u{0}b")),
                ("redirect_url", json!(["/"])),
                ("after_call_url", json!(true)),
                ("remote_logout_url", json!({})),
                ("remember_me", json!(256)),
                ("remember_me", json!("often")),
            ],
        ),
        "sign_in_handoff" => (
            Reads::Form,
            json!({"handoff": "a1"}),
            &["handoff"],
            vec![
                ("handoff", json!(5)),
                ("handoff", json!("a\u{0}b")),
                ("redirect_url", json!([])),
                ("remember_me", json!(-1)),
            ],
        ),
        "sign_in_by_password" => (
            Reads::Json,
            json!({"email": "ann@acme.test", "password": "SoSecret5!"}),
            &["email", "password"],
            vec![
                ("email", json!(5)),
                ("email", json!("a\u{0}b@acme.test")),
                ("password", json!(["SoSecret5!"])),
                ("password", json!(12_345_678)),
                ("remember_me", json!("often")),
                ("redirect_url", json!(7)),
            ],
        ),
        "sign_in_forgotten" => (
            Reads::Json,
            json!({"email": "ann@acme.test"}),
            &["email"],
            vec![
                ("email", json!(5)),
                ("email", json!("no address")),
                ("email", json!("a\u{0}b@acme.test")),
            ],
        ),
        "sign_in_set_password" => (
            Reads::Json,
            json!({"password": "SoSecret5!"}),
            &["password"],
            vec![
                ("password", json!(12_345_678)),
                ("password", json!("short")),
                ("password", json!("x".repeat(1_025))),
                ("password", json!({"text": "SoSecret5!"})),
            ],
        ),
        "api_token_create" => (
            Reads::Json,
            json!({"name": "Billing server"}),
            &["name"],
            vec![
                ("name", json!("")),
                ("name", json!(7)),
                ("name", json!("x".repeat(101))),
            ],
        ),
        "api_token_revoke" => (
            Reads::Json,
            json!({"id": "0123"}),
            &["id"],
            vec![("id", json!(7)), ("id", json!({}))],
        ),
        "admin_webhook_create" => (
            Reads::Json,
            json!({"url": "https://app.test/hook", "events": ["conference_start"]}),
            &["url"],
            vec![
                ("url", json!(7)),
                ("events", json!("conference_start")),
                ("events", json!([])),
            ],
        ),
        "admin_webhook_update" => (
            Reads::Json,
            json!({"webhook_id": 1, "events": ["conference_start"]}),
            &["webhook_id"],
            vec![
                ("webhook_id", json!("x")),
                ("url", json!(["https://app.test/hook"])),
                ("events", json!([])),
                ("all_events", json!(true)),
                ("enabled", json!("maybe")),
                ("ping", json!(7)),
                ("new_signing_token", json!(7)),
            ],
        ),
        "admin_webhook_delete" | "admin_webhook_deliveries" => (
            Reads::Json,
            json!({"webhook_id": 1}),
            &["webhook_id"],
            vec![("webhook_id", json!(0)), ("webhook_id", json!({}))],
        ),
        "admin_webhook_redeliver" => (
            Reads::Json,
            json!({"webhook_id": 1, "delivery_id": "6f1ed002-ab5c-8f1e-9a51-0b6b531a2b3c"}),
            &["webhook_id", "delivery_id"],
            vec![("webhook_id", json!("x")), ("delivery_id", json!(7))],
        ),
        "oauth_client_create" => (
            Reads::Json,
            json!({"name": "Workflow", "redirect_uris": ["https://app.test/back"]}),
            &["name", "redirect_uris"],
            vec![
                ("name", json!("")),
                ("redirect_uris", json!("https://app.test/back")),
                ("redirect_uris", json!([])),
                ("redirect_uris", json!(["http://app.test/back"])),
                ("redirect_uris", json!(["http://127.0.0.1/back"])),
                ("redirect_uris", json!(vec!["https://app.test/back"; 11])),
                ("public", json!("maybe")),
            ],
        ),
        "oauth_client_rotate" | "oauth_client_delete" | "oauth_app_revoke" => (
            Reads::Json,
            json!({"client_id": "0123"}),
            &["client_id"],
            vec![("client_id", json!(7)), ("client_id", json!(["0123"]))],
        ),
        "oauth_consent" => (
            Reads::Json,
            json!({"request": "client_id=0123", "allow": true}),
            &["request", "allow"],
            vec![("request", json!({})), ("allow", json!("maybe"))],
        ),
        "oauth_token" | "oauth_revoke" | "oauth_introspect" => (Reads::Standard, json!({}), &[], Vec::new()),
        "conference_register" => (
            Reads::Json,
            json!({"name": "Ann", "email": "ann@guest.test"}),
            &["name", "email"],
            vec![
                ("name", json!("")),
                ("name", json!(["Ann"])),
                ("email", json!("nobody")),
                ("email", json!({"address": "ann@guest.test"})),
            ],
        ),
        "conference_join" => (
            Reads::Json,
            json!({"code": "1234567", "name": "Ann"}),
            &["code"],
            vec![
                ("code", json!(["1234567"])),
                ("code", json!("1\u{0}2")),
                ("encrypted", json!("maybe")),
                ("name", json!({})),
                ("pin", json!([1, 2])),
                ("moderator_pin", json!(true)),
                ("moderator_token", json!({"a": 1})),
                ("token", json!([])),
                ("observer", json!("sometimes")),
            ],
        ),
        "relay_register" => (
            Reads::Report,
            relay(json!({"region": "eu", "url": "https://r1.relay.test", "version": "1", "capacity": 100})),
            &["relay", "region", "url", "version", "capacity", "epoch"],
            vec![
                ("capacity", json!("100")),
                ("capacity", json!(-1)),
                ("epoch", json!(1.5)),
                ("url", json!(5)),
            ],
        ),
        "relay_heartbeat" => (
            Reads::Report,
            relay(json!({"participants": 0, "load": 0.0, "rooms": []})),
            &["relay", "epoch", "participants", "load", "rooms"],
            vec![
                ("participants", json!(4_294_967_296_u64)),
                ("load", json!("low")),
                ("rooms", json!({})),
                ("rooms", json!([{"room": "nowhere", "participants": 1}])),
            ],
        ),
        "relay_enter" => (
            Reads::Report,
            relay(json!({"room": "1/2/1780315200"})),
            &["relay", "epoch", "room"],
            vec![
                ("room", json!("1/2")),
                ("room", json!(1)),
                ("participant", json!("p1")),
                ("jti", json!(7)),
            ],
        ),
        "relay_leave" => (
            Reads::Report,
            relay(json!({"room": "1/2/1780315200"})),
            &["relay", "epoch", "room"],
            vec![("room", json!("../../1")), ("epoch", json!("1"))],
        ),
        "relay_events" => (
            Reads::Report,
            relay(json!({"n": 1, "events": []})),
            &["relay", "epoch", "n", "events"],
            vec![
                ("n", json!(-1)),
                ("events", json!("none")),
                ("events", json!([{"room": "1/2/1780315200", "at": 1, "kind": "party"}])),
                (
                    "events",
                    json!([{"room": "1/2/1780315200", "at": "now", "kind": "room_end", "reason": "ended"}]),
                ),
            ],
        ),
        "relay_quality" => (
            Reads::Report,
            relay(json!({"spans": []})),
            &["relay", "epoch", "spans"],
            vec![
                ("spans", json!("none")),
                ("spans", json!([{"room": "1/2/1780315200", "participant": 1, "at": 1}])),
                (
                    "spans",
                    json!([{"room": "1/2/1780315200", "participant": 1, "at": 1, "duration_ms": 60_000, "loss_up": "all",
                        "worst_loss_up": 0, "loss_down": 0, "worst_loss_down": 0, "score": 4, "lowest_score": 4, "grade": "good"}]),
                ),
            ],
        ),
        "sign_out" | "sign_in_pass_on" => (Reads::Nothing, json!({}), &[], Vec::new()),
        _ => panic!("{id} is a new door: say here what it reads"),
    }
}

async fn send(site: &Site, route: &Route, kind: &str, body: &[u8]) -> Answer {
    let mut call = site.post(ACME, &route.path.replace("{token}", "a-link"));
    if route.access == Access::Relay {
        let signed = site.relay.sign(&site.claims(body));
        call = call.header("authorization", &format!("Relay {signed}"));
    }
    call.raw(kind, body.to_vec()).send().await
}

/// Status, code and field of a refusal.
fn refused(answer: &Answer) -> (u16, String, String) {
    let (status, code) = answer.refused();
    let field = answer.json()["field"].as_str().unwrap_or_default().to_owned();
    (status, code, field)
}

fn refusal(status: u16, code: &str, field: &str) -> (u16, String, String) {
    (status, code.to_owned(), field.to_owned())
}

/// A site that writes nothing by itself.
async fn quiet() -> Site {
    let site = Site::new().await;
    settled().await;
    site.notes.take();
    site
}

/// Whether nothing was written since the last time.
async fn nothing_written(site: &Site) -> bool {
    settled().await;
    site.notes.take().iter().all(|touch| !touch.action.writes())
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn what_is_no_object_of_json_is_refused() {
    let site = quiet().await;
    for route in open_doors() {
        let (reads, ..) = door(route.id);
        let large = format!("{{\"padding\":\"{}\"}}", "x".repeat(256 * 1024));
        for kind in [JSON, FORM, "text/plain"] {
            let answer = send(&site, &route, kind, large.as_bytes()).await;
            assert_eq!(refused(&answer), refusal(413, "too_large", ""), "{} {kind}", route.id);
        }
        assert!(nothing_written(&site).await, "{}", route.id);
        if matches!(reads, Reads::Nothing | Reads::Standard) {
            continue;
        }
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(50_000), "]".repeat(50_000));
        let bodies: [&[u8]; 11] = [
            b"{",
            b"nonsense",
            b"[]",
            b"null",
            b"5",
            b"\"text\"",
            b"{\"a\": 1}}",
            b"{\"a\": NaN}",
            b"{\xff",
            b"\xef\xbb\xbf{}",
            deep.as_bytes(),
        ];
        for kind in [JSON, "application/json; charset=utf-8"] {
            for body in bodies {
                let told = refused(&send(&site, &route, kind, body).await);
                let body = String::from_utf8_lossy(&body[..body.len().min(20)]);
                assert_eq!(told, refusal(400, "invalid_field", ""), "{} {body}", route.id);
            }
        }
        for kind in [
            "text/plain",
            "multipart/form-data; boundary=x",
            "application/json5",
            FORM,
        ] {
            if kind == FORM && reads == Reads::Form {
                continue;
            }
            let told = refused(&send(&site, &route, kind, b"{}").await);
            assert_eq!(told, refusal(415, "unsupported_media_type", ""), "{} {kind}", route.id);
        }
        assert!(nothing_written(&site).await, "{} wrote something", route.id);
    }
}

#[tokio::test]
async fn fields_that_are_missing_or_of_a_wrong_type_are_named() {
    let site = quiet().await;
    for route in open_doors() {
        let (reads, good, required, wrong) = door(route.id);
        // A relay is told that its report does not read, and its operator, in the log, why.
        let named = |code: &str, field: &str| match reads {
            Reads::Report => refusal(400, "invalid_field", ""),
            _ => refusal(400, code, field),
        };
        for field in required {
            let mut less = good.clone();
            less.as_object_mut().map(|fields| fields.remove(*field));
            let told = refused(&send(&site, &route, JSON, less.to_string().as_bytes()).await);
            assert_eq!(told, named("missing_field", field), "{}", route.id);
        }
        for (field, value) in wrong {
            let mut body = good.clone();
            body[field] = value;
            let told = refused(&send(&site, &route, JSON, body.to_string().as_bytes()).await);
            assert_eq!(told, named("invalid_field", field), "{} {body}", route.id);
        }
        assert!(nothing_written(&site).await, "{} wrote something", route.id);
    }
}

#[tokio::test]
async fn forms_are_refused_like_json() {
    let site = quiet().await;
    for route in open_doors() {
        let (reads, good, required, _) = door(route.id);
        if reads != Reads::Form {
            continue;
        }
        let told = refused(&send(&site, &route, FORM, b"a=\xff").await);
        assert_eq!(told, refusal(400, "invalid_field", ""), "{}", route.id);
        for field in required {
            let rest = good.as_object().into_iter().flatten().filter(|(name, _)| name != field);
            let rest: Map<_, _> = rest.map(|(name, value)| (name.clone(), value.clone())).collect();
            let body = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(rest.iter().map(|(name, value)| (name, value.to_string())))
                .finish();
            let told = refused(&send(&site, &route, FORM, body.as_bytes()).await);
            assert_eq!(told, refusal(400, "missing_field", field), "{}", route.id);
        }
        assert!(nothing_written(&site).await, "{} wrote something", route.id);
    }
}

/// What reads is answered otherwise than what does not: the bodies above are refused for what they say they are.
#[tokio::test]
async fn the_good_bodies_read() {
    let site = Site::new().await;
    for route in open_doors() {
        let (reads, good, ..) = door(route.id);
        if reads == Reads::Standard {
            continue;
        }
        let answer = send(&site, &route, JSON, good.to_string().as_bytes()).await;
        assert!(
            ![400, 413, 415, 500].contains(&answer.status.as_u16()),
            "{}: {}",
            route.id,
            answer.text
        );
    }
}
