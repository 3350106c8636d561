//! A control plane that hears what a relay reports, and does as a test says.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::post,
};
use domain::{
    Code, Reason,
    error::ErrorBody,
    id::{CompanyId, ConferenceId, ContactId, ParticipantNumber, RoomName},
    join_token::{Admission, ConvokeGrant, JoinToken},
    jws::{KeySet, SigningKey},
    quality::{QualityKept, QualityReport},
    relay::{
        EndedRoom, Enter, Entered, Event, Events, EventsAnswer, Heartbeat, HeartbeatAnswer, Leave, Left,
        OccurrenceState, Registered, ReportClaims,
    },
    room::{MuteMode, RoomRole, RoomSettings},
};
use relay::{Config, Relay, config::ControlPlane};
use tokio::{net::TcpListener, sync::Notify, time::timeout};

/// What a control plane knows and has heard.
pub struct Plane {
    pub key: SigningKey,
    relay_keys: Mutex<KeySet>,
    pub heard: Mutex<Heard>,
    changed: Notify,
}

#[derive(Default)]
pub struct Heard {
    pub events: Vec<Event>,
    pub batches: Vec<u64>,
    pub leaves: Vec<RoomName>,
    /// Of these leaves, those of people who come again.
    pub reconnecting: Vec<RoomName>,
    pub refuse: Option<Reason>,
    /// Whether entering and leaving fail.
    pub away: bool,
    /// How long the next enterings take, and whether the meeting opens then.
    pub enters: VecDeque<(Duration, bool)>,
    /// Enterings that were answered, by the time of each leave.
    pub entered: u32,
    pub entered_before: Vec<u32>,
    pub ended: Vec<EndedRoom>,
    /// Batches to fail before one is taken.
    pub fail: u32,
    pub registrations: u32,
    pub beats: u32,
    /// Heartbeats that are to get no answer.
    pub hang: u32,
    /// Heartbeats of a relay that drains.
    pub draining: u32,
    pub waiting_room: bool,
    pub quality: Vec<QualityReport>,
}

pub type Shared = Arc<Plane>;

pub fn now() -> i64 {
    i64::try_from(
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("after 1970")
            .as_secs(),
    )
    .expect("small")
}

impl Plane {
    fn check<T: serde::de::DeserializeOwned>(&self, headers: &HeaderMap, body: &[u8]) -> Option<T> {
        let token = headers.get("authorization")?.to_str().ok()?.strip_prefix("Relay ")?;
        let claims: ReportClaims = self.relay_keys.lock().expect("unpoisoned").verify(token).ok()?;
        claims.check(body, now()).ok()?;
        serde_json::from_slice(body).ok()
    }

    pub async fn until(&self, done: impl Fn(&Heard) -> bool) {
        let wait = async {
            loop {
                let changed = self.changed.notified();
                if done(&self.heard.lock().expect("unpoisoned")) {
                    return;
                }
                changed.await;
            }
        };
        timeout(crate::common::LIMIT * 2, wait).await.expect("heard in time");
    }

    pub fn token(&self, participant: u32, role: RoomRole) -> String {
        self.key.sign(&JoinToken::new(Admission {
            room: room(),
            name: format!("Guest {participant}"),
            jti: format!("jti-{participant}"),
            issued_at: now(),
            grant: ConvokeGrant {
                participant: ParticipantNumber::new(participant).expect("from 1"),
                contact: ContactId::new(participant.into()),
                role,
                observer: false,
                company: CompanyId::new(5).expect("an id"),
                max_participants: 100,
                mute_mode: MuteMode::Conversation,
                h264: false,
                hard_stop: now() + 3_600,
            },
        }))
    }
}

pub fn room() -> RoomName {
    "1/183/1790000000".parse().expect("a room")
}

fn refused(code: Code, reason: Option<Reason>) -> Response {
    let body = ErrorBody {
        message: "no".into(),
        code,
        field: None,
        reason,
        request_id: None,
        upcoming: None,
    };
    (StatusCode::from_u16(code.status()).expect("a status"), Json(body)).into_response()
}

async fn register(State(plane): State<Shared>, headers: HeaderMap, body: axum::body::Bytes) -> Response {
    if plane.check::<domain::relay::Register>(&headers, &body).is_none() {
        return refused(Code::Unauthenticated, None);
    }
    plane.heard.lock().expect("unpoisoned").registrations += 1;
    plane.changed.notify_waiters();
    let keys = vec![plane.key.verifying_key().to_jwk()];
    Json(Registered {
        heartbeat_seconds: 1,
        keys,
    })
    .into_response()
}

async fn heartbeat(State(plane): State<Shared>, headers: HeaderMap, body: axum::body::Bytes) -> Response {
    let Some(beat) = plane.check::<Heartbeat>(&headers, &body) else {
        return refused(Code::Unauthenticated, None);
    };
    let hangs = {
        let mut heard = plane.heard.lock().expect("unpoisoned");
        heard.beats += 1;
        heard.draining += u32::from(beat.draining);
        let hangs = heard.hang > 0;
        heard.hang -= u32::from(hangs);
        hangs
    };
    plane.changed.notify_waiters();
    if hangs {
        std::future::pending::<()>().await;
    }
    let held: BTreeSet<RoomName> = beat.rooms.iter().map(|held| held.room).collect();
    let ended = plane
        .heard
        .lock()
        .expect("unpoisoned")
        .ended
        .iter()
        .filter(|ended| held.contains(&ended.room))
        .cloned()
        .collect();
    Json(HeartbeatAnswer { ended, known: true }).into_response()
}

async fn enter(State(plane): State<Shared>, headers: HeaderMap, body: axum::body::Bytes) -> Response {
    let Some(enter) = plane.check::<Enter>(&headers, &body) else {
        return refused(Code::Unauthenticated, None);
    };
    let next = plane.heard.lock().expect("unpoisoned").enters.pop_front();
    if let Some((after, opens)) = next {
        tokio::time::sleep(after).await;
        plane.heard.lock().expect("unpoisoned").entered += 1;
        if !opens {
            return refused(Code::Unavailable, None);
        }
    }
    if let Some(reason) = plane.heard.lock().expect("unpoisoned").refuse {
        return refused(Code::Conflict, Some(reason));
    }
    if plane.heard.lock().expect("unpoisoned").away {
        return refused(Code::Unavailable, None);
    }
    let settings = RoomSettings {
        conference: ConferenceId::new(183).expect("an id"),
        subject: "Tea".into(),
        max_participants: 100,
        mute_mode: MuteMode::Conversation,
        waiting_room: plane.heard.lock().expect("unpoisoned").waiting_room,
        hard_stop: now() + 3_600,
        window_end: now() + 3_600,
        empty_grace_seconds: 1,
    };
    Json(Entered {
        settings,
        members: BTreeSet::from([enter.relay]),
        rules: None,
        earlier: Vec::new(),
    })
    .into_response()
}

async fn leave(State(plane): State<Shared>, headers: HeaderMap, body: axum::body::Bytes) -> Response {
    let Some(leave) = plane.check::<Leave>(&headers, &body) else {
        return refused(Code::Unauthenticated, None);
    };
    {
        let mut heard = plane.heard.lock().expect("unpoisoned");
        if heard.away {
            return refused(Code::Unavailable, None);
        }
        heard.leaves.push(leave.room);
        let entered = heard.entered;
        heard.entered_before.push(entered);
        if leave.reconnecting {
            heard.reconnecting.push(leave.room);
        }
    }
    plane.changed.notify_waiters();
    Json(Left {
        state: OccurrenceState::Scheduled,
    })
    .into_response()
}

async fn events(State(plane): State<Shared>, headers: HeaderMap, body: axum::body::Bytes) -> Response {
    let Some(events) = plane.check::<Events>(&headers, &body) else {
        return refused(Code::Unauthenticated, None);
    };
    let mut heard = plane.heard.lock().expect("unpoisoned");
    if heard.fail > 0 {
        heard.fail -= 1;
        return refused(Code::Unavailable, None);
    }
    heard.batches.push(events.n);
    heard.events.extend(events.events);
    drop(heard);
    plane.changed.notify_waiters();
    Json(EventsAnswer { n: events.n }).into_response()
}

async fn quality(State(plane): State<Shared>, headers: HeaderMap, body: axum::body::Bytes) -> Response {
    let Some(report) = plane.check::<QualityReport>(&headers, &body) else {
        return refused(Code::Unauthenticated, None);
    };
    let kept = u32::try_from(report.spans.len()).expect("few");
    plane.heard.lock().expect("unpoisoned").quality.push(report);
    plane.changed.notify_waiters();
    Json(QualityKept { kept }).into_response()
}

pub async fn started() -> (Relay, Shared, tempfile::TempDir) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let plane = Arc::new(Plane {
        key: SigningKey::from_pkcs8(&SigningKey::generate()).expect("a key"),
        relay_keys: Mutex::default(),
        heard: Mutex::default(),
        changed: Notify::new(),
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
        control: Some(ControlPlane { url, keys: Vec::new() }),
        ..crate::common::config(folder.path())
    };
    let key = relay::public_key(&config).expect("a key");
    *plane.relay_keys.lock().expect("unpoisoned") = KeySet::from_jwks(&[key]).expect("a key");
    let relay = Relay::start(config).await.expect("a relay");
    plane.until(|heard| heard.registrations == 1).await;
    (relay, plane, folder)
}
