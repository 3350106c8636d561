//! The relay's public HTTP side: signalling, its validation, orders, and whether it takes rooms.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequestParts as _, Path, RawQuery, Request, State, WebSocketUpgrade},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{any, get, post},
};
use domain::{Reason, id::RelayId};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use relay_core::room::{Input, Refusal, Ticket};
use tokio::sync::watch;

use crate::{
    control::{Connection, Rooms, ToClient, unix_ms},
    drain::Drain,
    operator::Refusals,
    orders::{self, Pace, Seen, SessionName},
    service,
    signal::{self, Asked, MAX_FRAME, READ_BUFFER, access_token, pairs},
    tokens::{Refused, Tokens},
    whip::{self, Sessions},
};

/// Largest body of a request, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// What the handlers share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) relay: RelayId,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) rooms: Rooms,
    pub(crate) drain: Drain,
    pub(crate) refusals: Refusals,
    /// Commands of the control plane.
    pub(crate) commands: Arc<Seen<String>>,
    /// What moderators asked for.
    pub(crate) requests: Arc<Seen<(SessionName, String)>>,
    /// How fast sessions order.
    pub(crate) pace: Pace,
    /// Clients of WHIP and WHEP.
    pub(crate) sessions: Sessions,
    /// Watched by each signalling connection for as long as it is open.
    pub(crate) signalling: watch::Sender<()>,
}

/// Seconds after which it may be asked again for a publisher who is not there.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("5");

/// A request with a body is read and answered within this time.
const REQUEST: Duration = Duration::from_secs(10);

/// All routes.
pub(crate) fn router(app: Arc<App>) -> Router {
    let with_bodies = Router::new()
        .route("/command", post(orders::command))
        .route("/room/control", post(orders::room_control))
        .route("/room/end", post(orders::room_end))
        .route(
            "/twirp/livekit.RoomService/{method}",
            post(room_service).layer(DefaultBodyLimit::max(service::MAX_BODY)),
        )
        .merge(whip::router())
        .layer(middleware::from_fn(in_time));
    Router::new()
        .route("/", get(open))
        .route("/rtc", any(rtc))
        .route("/rtc/v1", any(rtc_v1))
        .route("/rtc/validate", get(validate))
        .route("/rtc/v1/validate", get(validate_v1))
        .merge(with_bodies)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn(cross_origin))
        .with_state(app)
}

/// What clients race for, and load balancers ask: a relay that drains takes no new rooms.
async fn open(State(app): State<Arc<App>>) -> (StatusCode, &'static str) {
    if app.drain.is_on() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining")
    } else {
        (StatusCode::OK, "OK")
    }
}

/// A request whose body does not come in time is given up.
async fn in_time(request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(REQUEST, next.run(request)).await;
    answer.unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response())
}

/// Any page may talk to a relay: the token decides, not the origin.
async fn cross_origin(request: Request, next: Next) -> Response {
    let preflight = request.method() == Method::OPTIONS;
    let takes_offers = preflight && whip::takes_offers(request.uri().path());
    let mut response = if preflight {
        StatusCode::NO_CONTENT.into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    if preflight {
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("GET, POST, PATCH, DELETE"),
        );
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("authorization, content-type, if-match"),
        );
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
        if takes_offers {
            headers.insert("accept-post", HeaderValue::from_static(whip::SDP));
        }
    } else {
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("etag, link, location, retry-after"),
        );
        headers
            .entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
    }
    response
}

async fn rtc(State(app): State<Arc<App>>, query: RawQuery, request: Request) -> Response {
    enter(&app, query, request, false).await
}

async fn rtc_v1(State(app): State<Arc<App>>, query: RawQuery, request: Request) -> Response {
    enter(&app, query, request, true).await
}

/// A client asks to come in. The connection is upgraded only once it is in, so that errors are statuses.
async fn enter(app: &App, RawQuery(query): RawQuery, request: Request, v1: bool) -> Response {
    let (mut parts, _) = request.into_parts();
    let Ok(upgrade) = WebSocketUpgrade::from_request_parts(&mut parts, &()).await else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let query = pairs(query.as_deref().unwrap_or_default());
    let (ticket, asked) = match read(app, &query, &parts.headers, v1) {
        Ok(read) => read,
        Err(response) => return *response,
    };
    if !app.pace.allows(&SessionName::of(&ticket), Instant::now()) {
        return too_often(app);
    }
    let mut connection = app.rooms.connect(|id| asked.into_input(id, ticket));
    if let Err(response) = admitted(app, &mut connection).await {
        return *response;
    }
    let (refusals, open) = (app.refusals.clone(), app.signalling.subscribe());
    upgrade
        .max_message_size(MAX_FRAME)
        .max_frame_size(MAX_FRAME)
        .read_buffer_size(READ_BUFFER)
        .on_upgrade(async move |socket| {
            signal::run(socket, connection, refusals).await;
            drop(open);
        })
}

async fn validate(State(app): State<Arc<App>>, query: RawQuery, headers: HeaderMap) -> Response {
    would_enter(&app, query, &headers, false).await
}

async fn validate_v1(State(app): State<Arc<App>>, query: RawQuery, headers: HeaderMap) -> Response {
    would_enter(&app, query, &headers, true).await
}

/// Browsers do not see the status of a refused WebSocket: they ask here.
async fn would_enter(app: &App, RawQuery(query): RawQuery, headers: &HeaderMap, v1: bool) -> Response {
    let query = pairs(query.as_deref().unwrap_or_default());
    let ticket = match read(app, &query, headers, v1) {
        Ok((ticket, _)) => ticket,
        Err(response) => return *response,
    };
    if !app.pace.allows(&SessionName::of(&ticket), Instant::now()) {
        return too_often(app);
    }
    let mut connection = app.rooms.connect(|connection| Input::Validate {
        connection,
        ticket: Box::new(ticket),
    });
    match admitted(app, &mut connection).await {
        Ok(()) => "success".into_response(),
        Err(response) => *response,
    }
}

/// The answer to a session that asks too often, whatever for.
pub(crate) fn too_often(app: &App) -> Response {
    app.refusals.count("too_often");
    let text = "too many requests with this token";
    (StatusCode::TOO_MANY_REQUESTS, text).into_response()
}

fn read(
    app: &App,
    query: &[(String, String)],
    headers: &HeaderMap,
    v1: bool,
) -> Result<(Ticket, Asked), Box<Response>> {
    let ticket = access_token(query, headers)
        .ok_or(Refused::Missing)
        .and_then(|token| app.tokens.ticket(token, unix_ms() / 1000))
        .map_err(|refused| Box::new(turned_away(app, refused)))?;
    let asked = Asked::read(query, v1)
        .map_err(|error| Box::new((StatusCode::BAD_REQUEST, error.to_string()).into_response()))?;
    Ok((ticket, asked))
}

/// Whether the rooms let somebody in.
pub(crate) async fn admitted(app: &App, connection: &mut Connection) -> Result<(), Box<Response>> {
    match connection.from_rooms.recv().await {
        Some(ToClient::Accept) => Ok(()),
        Some(ToClient::Refuse(refusal)) => Err(refused(app, refusal)),
        None => Err(refused(app, Refusal::Unavailable)),
        Some(ToClient::Message(_) | ToClient::Close) => {
            Err(said(app, StatusCode::INTERNAL_SERVER_ERROR, "error", "error"))
        }
    }
}

/// Says to somebody why it does not get in.
pub(crate) fn refused(app: &App, refusal: Refusal) -> Box<Response> {
    match refusal {
        Refusal::Because(reason) => said(app, StatusCode::FORBIDDEN, reason.word(), reason.word()),
        Refusal::Unavailable => said(app, StatusCode::SERVICE_UNAVAILABLE, "unavailable", "unavailable"),
        Refusal::NotAllowed => said(
            app,
            StatusCode::FORBIDDEN,
            "not_allowed",
            "not allowed in this room now",
        ),
        Refusal::NothingFits => {
            let text = "nothing that is published fits a section of the offer";
            said(app, StatusCode::NOT_ACCEPTABLE, "nothing_fits", text)
        }
        Refusal::NobodyPublishes => {
            let mut response = said(app, StatusCode::NOT_FOUND, "nobody_publishes", "nobody publishes");
            response.headers_mut().insert(header::RETRY_AFTER, ASK_AGAIN);
            response
        }
    }
}

/// A refusal, counted by a word.
fn said(app: &App, status: StatusCode, word: &'static str, text: &'static str) -> Box<Response> {
    app.refusals.count(word);
    Box::new((status, text).into_response())
}

pub(crate) fn turned_away(app: &App, refused: Refused) -> Response {
    app.refusals.count(refused.reason().map_or("token", Reason::word));
    match (refused.reason(), refused) {
        (Some(reason), _) => (StatusCode::FORBIDDEN, reason.word()).into_response(),
        (None, Refused::Unavailable) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable").into_response(),
        (None, refused) => (StatusCode::UNAUTHORIZED, refused.to_string()).into_response(),
    }
}

async fn room_service(
    State(app): State<Arc<App>>,
    Path(method): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let response = service::serve(&app.tokens, &app.rooms, &method, &headers, &body).await;
    counted(&app, "service_call", response)
}

/// An answer; one that refuses is counted by a word.
pub(crate) fn counted(app: &App, word: &'static str, response: Response) -> Response {
    if !response.status().is_success() {
        app.refusals.count(word);
    }
    response
}
