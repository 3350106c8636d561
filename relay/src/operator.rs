//! The operator's door: metrics, health, drain, and what goes on in a room. On an address of its own, without sign-in: it
//! belongs to a network where only operators are.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    extract::{Path, State},
    response::{Html, IntoResponse as _, Response},
    routing::{get, post},
};
use http::{HeaderMap, StatusCode, header};
use relay_core::types::TransportId;
use serde_json::json;

use crate::{
    access::Meter,
    control::{Rooms, unix_ms},
    drain::Drain,
    metrics::{self, Snapshot},
    report::Reports,
};

mod page;

/// The rooms answer in a few milliseconds; when not in this time, they are stuck.
const PATIENCE: Duration = Duration::from_secs(2);

/// Clients that did not get in, by why.
#[derive(Debug, Clone, Default)]
pub(crate) struct Refusals(Arc<Mutex<BTreeMap<&'static str, u64>>>);

impl Refusals {
    /// One more; `why` is one of a few words.
    pub(crate) fn count(&self, why: &'static str) {
        *self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(why)
            .or_default() += 1;
    }

    fn all(&self) -> BTreeMap<&'static str, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What the handlers share.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) relay: String,
    pub(crate) region: String,
    pub(crate) rooms: Rooms,
    pub(crate) drain: Drain,
    pub(crate) refusals: Refusals,
    pub(crate) reports: Reports,
    /// Counters of the ways in for media beside UDP.
    pub(crate) access: Meter,
    /// When the relay started, in Unix seconds.
    pub(crate) started: i64,
}

/// All routes.
pub(crate) fn router(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(health))
        .route("/drain", post(drain))
        .route("/rooms", get(rooms))
        .route("/rooms/{*name}", get(room))
        .with_state(desk)
}

async fn metrics(State(desk): State<Arc<Desk>>) -> Response {
    let seen = desk.rooms.ask(|control, engine| (control.overview(), engine.stats()));
    let Ok(Some((rooms, engine))) = tokio::time::timeout(PATIENCE, seen).await else {
        return stuck();
    };
    let mut text = metrics::render(&Snapshot {
        relay: &desk.relay,
        region: &desk.region,
        draining: desk.drain.is_on(),
        started: desk.started,
        rooms,
        engine,
        refused: desk.refusals.all(),
        reports: desk.reports.counts(),
        quality: desk.reports.quality_counts(),
    });
    desk.access.read().write(&mut text);
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        text,
    )
        .into_response()
}

/// 200 while the rooms answer, draining or not: a relay that drains is well.
async fn health(State(desk): State<Arc<Desk>>) -> Response {
    match census(&desk).await {
        Some(census) => axum::Json(json!({
            "status": if desk.drain.is_on() { "draining" } else { "ok" },
            "rooms": census.rooms,
            "participants": census.participants,
        }))
        .into_response(),
        None => stuck(),
    }
}

/// Takes no new rooms from now on. Doing it again changes nothing.
async fn drain(State(desk): State<Arc<Desk>>, headers: HeaderMap) -> Response {
    // Browsers say so when a page of another site asks: none may.
    if headers.contains_key(header::ORIGIN) {
        return (StatusCode::FORBIDDEN, "not for pages\n").into_response();
    }
    desk.drain.begin();
    match census(&desk).await {
        Some(census) => {
            let body = json!({"draining": true, "rooms": census.rooms, "participants": census.participants});
            (StatusCode::ACCEPTED, axum::Json(body)).into_response()
        }
        None => stuck(),
    }
}

async fn census(desk: &Desk) -> Option<relay_core::room::Census> {
    let census = desk.rooms.ask(|control, _| control.census());
    tokio::time::timeout(PATIENCE, census).await.ok()?
}

async fn rooms(State(desk): State<Arc<Desk>>) -> Response {
    let lines = desk.rooms.ask(|control, _| control.room_lines());
    match tokio::time::timeout(PATIENCE, lines).await {
        Ok(Some(lines)) => Html(page::rooms(&desk.relay, &lines, unix_ms())).into_response(),
        _ => stuck(),
    }
}

async fn room(State(desk): State<Arc<Desk>>, Path(name): Path<String>) -> Response {
    let seen = desk.rooms.ask(move |control, engine| {
        let view = control.room_view(&name)?;
        let of = |(id, _): &(TransportId, _)| *id;
        let ids: Vec<_> = view
            .participants
            .iter()
            .flat_map(|one| one.transports.iter().map(of))
            .collect();
        Some((view, engine.view(&ids)))
    });
    let (view, waiting) = match tokio::time::timeout(PATIENCE, seen).await {
        Ok(Some(Some(seen))) => seen,
        Ok(Some(None)) => return (StatusCode::NOT_FOUND, "no such room here\n").into_response(),
        _ => return stuck(),
    };
    let mut flows = Vec::new();
    for waiting in waiting {
        // A worker that is busy for so long leaves a hole in the page.
        flows.extend(
            tokio::time::timeout(PATIENCE, waiting)
                .await
                .ok()
                .and_then(Result::ok)
                .unwrap_or_default(),
        );
    }
    Html(page::room(&view, &flows, unix_ms())).into_response()
}

fn stuck() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, "the rooms do not answer\n").into_response()
}
