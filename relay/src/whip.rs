//! WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep): an encoder publishes into a room, and a player watches one of its
//! publishers, by one HTTP request each. Both are participants like others, who came by a join token: the request opens a
//! connection to the rooms, and a task keeps it until the session is ended.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, RawQuery, State},
    response::{IntoResponse as _, Response},
    routing::{patch, post},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use livekit_protocol::{ClientInfo, SessionDescription};
use relay_core::room::{Errand, Input, Join, Mode, Ticket};
use tokio::time::{Instant, timeout};

use crate::{
    control::{now, unix_ms},
    http::{App, admitted, refused, too_often, turned_away},
    orders::SessionName,
    signal::pairs,
    tokens::{Refused, credentials},
};

mod session;
mod text;

pub(crate) use session::Sessions;
use session::{Gone, Order, Patched, Session};
use text::{Fragment, Offer};

/// The type of offers and answers.
pub(crate) const SDP: &str = "application/sdp";
/// The type of what changes a session (RFC 8840).
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";
/// The room answers an offer at once; a meeting that is to be opened waits for the control plane.
const ANSWER: Duration = Duration::from_secs(5);

/// What a client comes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Publish,
    Watch,
}

impl Purpose {
    const fn path(self) -> &'static str {
        match self {
            Self::Publish => "/whip",
            Self::Watch => "/whep",
        }
    }
}

/// A refusal: a status, and a sentence for whoever looks into it.
type Refusal = Box<Response>;

fn refusal(status: StatusCode, text: impl Into<String>) -> Refusal {
    Box::new((status, text.into()).into_response())
}

/// The routes. Other methods than these are answered with 405 (RFC 9725 §4.2).
pub(crate) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/whip", post(publish))
        .route("/whep", post(watch))
        .route("/whip/{id}", patch(change).delete(end))
        .route("/whep/{id}", patch(change).delete(end))
}

/// Whether offers are posted to this path.
pub(crate) fn takes_offers(path: &str) -> bool {
    [Purpose::Publish, Purpose::Watch]
        .iter()
        .any(|purpose| purpose.path() == path)
}

async fn publish(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    begin(&app, Purpose::Publish, None, &headers, &body)
        .await
        .unwrap_or_else(|refusal| *refusal)
}

/// `?publisher=IDENTITY` names who is watched; without it, it is the publisher who has been in the room longest.
async fn watch(State(app): State<Arc<App>>, RawQuery(query): RawQuery, headers: HeaderMap, body: Bytes) -> Response {
    let query = pairs(query.as_deref().unwrap_or_default());
    let named = query
        .into_iter()
        .find(|(key, _)| key == "publisher")
        .map(|(_, value)| value);
    begin(&app, Purpose::Watch, named, &headers, &body)
        .await
        .unwrap_or_else(|refusal| *refusal)
}

/// All browsers, and hardly anything else, begin with this.
fn is_browser(headers: &HeaderMap) -> bool {
    let agent = headers.get(header::USER_AGENT).map(HeaderValue::as_bytes);
    agent.is_some_and(|agent| agent.starts_with(b"Mozilla/"))
}

/// A client begins a session. Whatever is wrong with its request is found before the room hears of it.
async fn begin(
    app: &Arc<App>,
    purpose: Purpose,
    named: Option<String>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, Refusal> {
    let ticket = credentials(headers, "Bearer")
        .ok_or(Refused::Missing)
        .and_then(|token| app.tokens.ticket(token, unix_ms() / 1_000))
        .map_err(|refused| Box::new(challenged(turned_away(app, refused))))?;
    if !is_of_type(headers, SDP) {
        return Err(refusal(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("an offer is {SDP}"),
        ));
    }
    if !accepts_sdp(headers) {
        return Err(refusal(StatusCode::NOT_ACCEPTABLE, format!("an answer is {SDP}")));
    }
    let name = SessionName::of(&ticket);
    in_pace(app, &name)?;
    let offer = Offer::read(body).map_err(|why| refusal(StatusCode::BAD_REQUEST, why.to_string()))?;
    let add_tracks = match purpose {
        Purpose::Publish => offer.tracks(),
        Purpose::Watch => offer.only_receives().map(|()| Vec::new()),
    };
    let add_tracks = add_tracks.map_err(|why| refusal(why.status(), why.to_string()))?;
    let may = match purpose {
        Purpose::Publish => ticket.grants.publish,
        Purpose::Watch => ticket.grants.subscribe,
    };
    if !may {
        return Err(refusal(StatusCode::FORBIDDEN, "the token does not allow this"));
    }
    let watched = match purpose {
        Purpose::Publish => None,
        Purpose::Watch => Some(publisher(app, &ticket, named).await?),
    };
    let errand = watched.clone().map_or(Errand::Publish, |publisher| Errand::Watch {
        publisher,
        takes: offer.takes().to_vec(),
        browser: is_browser(headers),
    });
    let token = ticket.token.clone();
    let mut connection = app.rooms.connect(|connection| {
        Input::Join(Box::new(Join {
            connection,
            ticket,
            attempt: 0,
            client: ClientInfo::default(),
            mode: Mode::Single,
            auto_subscribe: false,
            errand: Some(errand),
            adaptive_stream: false,
            // The client could not be told that its picture stops.
            allow_pause: false,
            offer: Some(SessionDescription {
                r#type: "offer".to_owned(),
                sdp: offer.text().to_owned(),
                ..SessionDescription::default()
            }),
            add_tracks,
        }))
    });
    admitted(app, &mut connection).await?;
    let mut session = Session::new(connection, offer, watched);
    let begun = timeout(ANSWER, session.begin()).await;
    let Ok(answer) = begun.unwrap_or(Err(Gone)) else {
        session.leave();
        return Err(refusal(StatusCode::SERVICE_UNAVAILABLE, "the room closed"));
    };
    let mut response = (StatusCode::CREATED, answer.sdp).into_response();
    let links = session.links();
    let id = app.sessions.keep(session, &token, name);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(SDP));
    let location = format!("{}/{id}", purpose.path());
    for (name, value) in [(header::LOCATION, location), (header::ETAG, answer.etag)] {
        headers.insert(
            name,
            HeaderValue::try_from(value).expect("visible ASCII of our own making"),
        );
    }
    for link in links {
        headers.append(header::LINK, link);
    }
    Ok(response)
}

/// A client asks for something, which it may not do too often.
fn in_pace(app: &App, session: &SessionName) -> Result<(), Refusal> {
    if app.pace.allows(session, Instant::now().into_std()) {
        return Ok(());
    }
    Err(Box::new(too_often(app)))
}

/// Who is to be watched, by identity.
async fn publisher(app: &App, ticket: &Ticket, named: Option<String>) -> Result<String, Refusal> {
    let ticket = ticket.clone();
    let found = app
        .rooms
        .call(move |control| control.publisher(now(), &ticket, named.as_deref()))
        .await;
    found
        .unwrap_or(Err(relay_core::room::Refusal::Unavailable))
        .map_err(|why| refused(app, why))
}

/// Trickled candidates, which we do not need, or an ICE restart (RFC 9725 §4.3).
async fn change(State(app): State<Arc<App>>, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    change_session(&app, &id, &headers, &body)
        .await
        .unwrap_or_else(|refusal| *refusal)
}

async fn change_session(app: &App, id: &str, headers: &HeaderMap, body: &[u8]) -> Result<Response, Refusal> {
    let (orders, session) = held(app, id, headers)?;
    in_pace(app, &session)?;
    if !is_of_type(headers, FRAGMENT) {
        return Err(refusal(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("a change is {FRAGMENT}"),
        ));
    }
    let fragment = Fragment::read(body).map_err(|why| refusal(StatusCode::BAD_REQUEST, why.to_string()))?;
    let Some(if_match) = headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok()) else {
        return Err(refusal(StatusCode::PRECONDITION_REQUIRED, "If-Match is required"));
    };
    let (answer, answered) = tokio::sync::oneshot::channel();
    let order = Order::Change {
        if_match: if_match.to_owned(),
        fragment,
        answer,
    };
    let gone = || refusal(StatusCode::NOT_FOUND, "no such session");
    orders.send(order).await.map_err(|_| gone())?;
    match answered.await.map_err(|_| gone())? {
        Patched::Known => Ok(StatusCode::NO_CONTENT.into_response()),
        Patched::Stale => Err(refusal(
            StatusCode::PRECONDITION_FAILED,
            "the ICE session is another one",
        )),
        Patched::Malformed(why) => Err(refusal(StatusCode::BAD_REQUEST, why.to_string())),
        Patched::Restarted { etag, fragment } => {
            let mut response = fragment.into_response();
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(FRAGMENT));
            let etag = HeaderValue::try_from(etag).expect("visible ASCII of our own making");
            headers.insert(header::ETAG, etag);
            Ok(response)
        }
    }
}

/// The client ends its session.
async fn end(State(app): State<Arc<App>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    match held(&app, &id, &headers) {
        Ok((orders, _)) => {
            // One that has just ended by itself has ended as well.
            let _ = orders.send(Order::End).await;
            StatusCode::OK.into_response()
        }
        Err(refusal) => *refusal,
    }
}

/// The way to the session of that address, and whose it is, for whoever holds the token that it was begun with.
fn held(app: &App, id: &str, headers: &HeaderMap) -> Result<(session::Orders, SessionName), Refusal> {
    let Some(token) = credentials(headers, "Bearer") else {
        return Err(Box::new(challenged(turned_away(app, Refused::Missing))));
    };
    app.sessions.find(id, token).map_err(|wrong| match wrong {
        session::NotYours::Unknown => refusal(StatusCode::NOT_FOUND, "no such session"),
        session::NotYours::Token => refusal(StatusCode::FORBIDDEN, "the session has another token"),
    })
}

/// A 401 names what is asked for (RFC 9110 §11.6.1).
fn challenged(mut response: Response) -> Response {
    if response.status() == StatusCode::UNAUTHORIZED {
        let bearer = HeaderValue::from_static("Bearer");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
    }
    response
}

/// The type and subtype of a header's value, without parameters.
fn essence(value: &str) -> &str {
    value.split(';').next().unwrap_or_default().trim()
}

fn is_of_type(headers: &HeaderMap, wanted: &str) -> bool {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    given.is_some_and(|given| essence(given).eq_ignore_ascii_case(wanted))
}

fn accepts_sdp(headers: &HeaderMap) -> bool {
    let mut given = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .peekable();
    if given.peek().is_none() {
        return true;
    }
    let mut ranges = given.flat_map(|value| value.split(',')).map(essence);
    ranges.any(|range| {
        ["*/*", "application/*", SDP]
            .iter()
            .any(|one| range.eq_ignore_ascii_case(one))
    })
}
