//! What relays report.

use std::sync::Arc;

use domain::id::ParticipantNumber;
use domain::id::RoomName;
use domain::jws::{SigningKey, body_hash};
use domain::relay::{CONTROL_AUDIENCE, Enter, Event, EventKind, Events, Leave, REPORT_SECONDS, Register, ReportClaims};
use serde::Serialize;
use serde_json::{Value, json};

use crate::relay;
use crate::row::{Ask, Asks, COUNTED, Row};
use crate::world::World;

/// A relay's report, signed.
struct Relay {
    key: SigningKey,
    now: i64,
}

impl Relay {
    fn report(&self, what: &str, n: usize, body: &impl Serialize) -> Ask {
        let body = serde_json::to_vec(body).expect("JSON");
        let claims = ReportClaims {
            iss: "relay-1".parse().expect("a name"),
            aud: CONTROL_AUDIENCE.into(),
            iat: self.now,
            exp: self.now + REPORT_SECONDS,
            jti: format!("{what}-{n}"),
            body: body_hash(&body),
        };
        Ask::post(&format!("/relay/{what}"), "application/json", body)
            .header("authorization", &format!("Relay {}", self.key.sign(&claims)))
    }
}

pub async fn rows(world: &World) -> Vec<Row> {
    let host = world.acme.sibling.id;
    let now = json!({"host_id": host, "one_time_access_code": true});
    let id = world.root("conference/create/reservationless", now).await.ok()["conference_id"].clone();
    let relay = Arc::new(Relay {
        key: relay(world).await,
        now: world.app.now().as_second(),
    });
    let token = world
        .root("conference/join_token", json!({"conference_id": id, "name": "Bob"}))
        .await
        .ok();
    let room = room_of(token["token"].as_str().expect("a token"));
    let at = world.app.now().as_millisecond();
    let (id, epoch) = ("relay-1".parse::<domain::id::RelayId>().expect("a name"), 1);
    let register = Register {
        relay: id.clone(),
        region: "eu".into(),
        url: "https://r1.relay.test".into(),
        version: "1".into(),
        capacity: 1_000_000,
        epoch,
    };
    let beat = json!({"relay": id, "epoch": epoch, "participants": 0, "load": 0.0, "rooms": []});
    let enter = Enter {
        relay: id.clone(),
        epoch,
        room,
        participant: None,
        jti: None,
    };
    let leave = Leave {
        relay: id.clone(),
        epoch,
        room,
        reconnecting: false,
    };
    let events = move |n: usize| Events {
        relay: id.clone(),
        epoch,
        n: n as u64 + 1,
        events: vec![Event {
            room,
            at,
            kind: EventKind::ParticipantJoin {
                participant: ParticipantNumber::new(u32::try_from(n).expect("few") + 10).expect("a number"),
                jti: format!("j{n}"),
                name: "P".into(),
                contact: None,
                moderator: false,
                region: "eu".into(),
            },
        }],
    };
    let by = || Arc::clone(&relay);
    let (one, two, three, four, five) = (by(), by(), by(), by(), by());
    let asks: [(&str, Asks); 5] = [
        (
            "relay/register",
            Box::new(move |n| one.report("register", n, &register)),
        ),
        ("relay/heartbeat", Box::new(move |n| two.report("heartbeat", n, &beat))),
        ("relay/enter", Box::new(move |n| three.report("enter", n, &enter))),
        (
            "relay/events (1)",
            Box::new(move |n| four.report("events", n, &events(n))),
        ),
        ("relay/leave", Box::new(move |n| five.report("leave", n, &leave))),
    ];
    let mut rows = Vec::new();
    for (name, asks) in asks {
        rows.push(Row::of(world, name, &asks, COUNTED).await);
    }
    rows
}

/// The room that a join token leads to.
fn room_of(token: &str) -> RoomName {
    use base64::Engine as _;
    let claims = token.split('.').nth(1).expect("a JWT");
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(claims)
        .expect("base64");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    claims["video"]["room"]
        .as_str()
        .expect("a room")
        .parse()
        .expect("a room's name")
}
