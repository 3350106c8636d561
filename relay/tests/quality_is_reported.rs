//! How a meeting's connections do reaches the control plane: real sound to a whole relay, and a request of its own from there.

mod common;
mod transport_kit;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{Json, Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use domain::{
    id::{CompanyId, ConferenceId, ParticipantNumber, RoomName},
    join_token::{Admission, ConvokeGrant, JoinToken},
    jws::{KeySet, SigningKey},
    quality::{Grade, QualityKept, QualityReport},
    relay::{Enter, Entered, Events, EventsAnswer, HeartbeatAnswer, Left, OccurrenceState, Registered, ReportClaims},
    room::{MuteMode, RoomRole, RoomSettings},
};
use relay::{Config, Relay, config::ControlPlane};
use rtc::peer_connection::state::RTCPeerConnectionState;
use tokio::net::TcpListener;
use transport_kit::{Client, LIMIT, SOUND};

struct Plane {
    key: SigningKey,
    relay_keys: Mutex<KeySet>,
    heard: Mutex<Vec<QualityReport>>,
    events: Mutex<usize>,
}

type Shared = State<Arc<Plane>>;

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.expect("after 1970").as_secs()).expect("small")
}

fn room() -> RoomName {
    "1/183/1790000000".parse().expect("a room")
}

async fn register(State(plane): Shared) -> Json<Registered> {
    Json(Registered {
        heartbeat_seconds: 1,
        keys: vec![plane.key.verifying_key().to_jwk()],
    })
}

async fn heartbeat() -> Json<HeartbeatAnswer> {
    Json(HeartbeatAnswer {
        ended: Vec::new(),
        known: true,
    })
}

async fn enter(Json(enter): Json<Enter>) -> Json<Entered> {
    let settings = RoomSettings {
        conference: ConferenceId::new(183).expect("an id"),
        subject: "Tea".into(),
        max_participants: 100,
        mute_mode: MuteMode::Conversation,
        waiting_room: false,
        hard_stop: now() + 3_600,
        window_end: now() + 3_600,
        empty_grace_seconds: 30,
    };
    Json(Entered {
        settings,
        members: BTreeSet::from([enter.relay]),
    })
}

async fn leave() -> Json<Left> {
    Json(Left {
        state: OccurrenceState::Scheduled,
    })
}

async fn events(State(plane): Shared, Json(events): Json<Events>) -> Json<EventsAnswer> {
    *plane.events.lock().expect("unpoisoned") += events.events.len();
    Json(EventsAnswer { n: events.n })
}

async fn quality(State(plane): Shared, headers: HeaderMap, body: Bytes) -> Json<QualityKept> {
    let signed = headers["authorization"].to_str().expect("text");
    let signed = signed.strip_prefix("Relay ").expect("a relay's");
    let keys = plane.relay_keys.lock().expect("unpoisoned");
    let claims: ReportClaims = keys.verify(signed).expect("its own");
    claims.check(&body, now()).expect("of this body");
    let report = serde_json::from_slice(&body).expect("a report");
    plane.heard.lock().expect("unpoisoned").push(report);
    Json(QualityKept { kept: 1 })
}

async fn started() -> (Relay, Arc<Plane>, tempfile::TempDir) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let plane = Arc::new(Plane {
        key: SigningKey::from_pkcs8(&SigningKey::generate()).expect("a key"),
        relay_keys: Mutex::default(),
        heard: Mutex::default(),
        events: Mutex::default(),
    });
    let router = Router::new()
        .route("/relay/register", post(register))
        .route("/relay/heartbeat", post(heartbeat))
        .route("/relay/enter", post(enter))
        .route("/relay/leave", post(leave))
        .route("/relay/events", post(events))
        .route("/relay/quality", post(quality))
        .with_state(plane.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let folder = tempfile::tempdir().expect("a folder");
    let config = Config {
        control: Some(ControlPlane {
            url,
            keys: vec![plane.key.verifying_key().to_jwk()],
        }),
        ..common::config(folder.path())
    };
    let key = relay::public_key(&config).expect("a key");
    *plane.relay_keys.lock().expect("unpoisoned") = KeySet::from_jwks(&[key]).expect("a key");
    (Relay::start(config).await.expect("a relay"), plane, folder)
}

/// A token of the meeting's second participant.
fn token(plane: &Plane) -> String {
    plane.key.sign(&JoinToken::new(Admission {
        room: room(),
        name: "Encoder".into(),
        jti: "jti-2".into(),
        issued_at: now(),
        grant: ConvokeGrant {
            participant: ParticipantNumber::new(2).expect("from 1"),
            contact: None,
            role: RoomRole::Guest,
            observer: false,
            company: CompanyId::new(5).expect("an id"),
            max_participants: 100,
            mute_mode: MuteMode::Conversation,
            h264: false,
            hard_stop: now() + 3_600,
        },
    }))
}

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_is_reported_with_how_its_connection_did() {
    let (relay, plane, _folder) = started().await;
    let token = token(&plane);
    let mut client = Client::new(relay.udp_addr(), SOUND);
    let http = reqwest::Client::new();
    let base = format!("http://{}", relay.http_addr());
    let answer = http
        .post(format!("{base}/whip"))
        .bearer_auth(&token)
        .header("content-type", "application/sdp")
        .body(client.offer())
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 201);
    let location = answer.headers()["location"].to_str().expect("text").to_owned();
    client.accept_answer(&answer.text().await.expect("text"));
    let limit = Instant::now() + LIMIT;
    while client.state != RTCPeerConnectionState::Connected {
        assert!(Instant::now() < limit, "not connected");
        client.turn();
    }
    // Twice as long as it takes until the shards tell how it was.
    let end = Instant::now() + Duration::from_secs(10);
    let mut next = Instant::now();
    while Instant::now() < end {
        if Instant::now() >= next {
            client.send_sound(&[7; 80]);
            next += Duration::from_millis(20);
        }
        client.turn();
    }
    assert!(plane.heard.lock().expect("unpoisoned").is_empty(), "no minute is over");
    let gone = http.delete(format!("{base}{location}")).bearer_auth(&token).send();
    assert_eq!(gone.await.expect("an answer").status(), 200);
    // It waits for others, and for the relay's end no longer.
    relay.shutdown().await;
    let heard = plane.heard.lock().expect("unpoisoned");
    let [report] = &heard[..] else {
        panic!("one: {heard:?}");
    };
    let [span] = &report.spans[..] else {
        panic!("one: {report:?}");
    };
    assert_eq!((span.room, span.participant.value()), (room(), 2));
    assert!(
        span.quality.is_possible() && span.quality.duration_ms >= 5_000,
        "{span:?}"
    );
    assert_ne!(span.quality.grade, Grade::Lost, "{span:?}");
    assert!(now() * 1_000 - span.at < 60_000, "{span:?}");
    assert_eq!(*plane.events.lock().expect("unpoisoned"), 2, "it came and went");
}
