//! The edge of a laptop: what CloudFront and API Gateway are on AWS. It names the tenant and the client to the
//! functions, and serves the static files.

use std::net::SocketAddr;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Path as Variable, State};
use axum::http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use axum::routing::{get, post};
use axum::serve::IncomingStream;
use functions::App;
use functions::request::{BODY_LIMIT, CLIENT_HEADER, EDGE_HEADER, HOST_HEADER};
use tokio::net::TcpListener;

use crate::deliveries;
use crate::inbox::{self, Inbox};
use crate::tls::TlsListener;

/// A body above this is not read any further: 413 by contract up to here, a closed connection beyond it.
const READ_LIMIT: usize = 6 * 1024 * 1024;

/// What the edge serves.
#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) app: App,
    pub(crate) routes: functions::Router,
    pub(crate) web: PathBuf,
    pub(crate) inbox: Arc<Inbox>,
}

/// Whose connection a request came on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client(SocketAddr);

impl Connected<IncomingStream<'_, TcpListener>> for Client {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        Self(*stream.remote_addr())
    }
}

impl Connected<IncomingStream<'_, TlsListener>> for Client {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// The edge as a service over any listener.
pub(crate) fn router(edge: Arc<Edge>) -> Router {
    Router::new()
        .route("/assets/{*path}", get(asset))
        .route("/inbox", get(inbox_page))
        .route("/inbox/deliveries", get(inbox_deliveries))
        .route("/inbox/mails", get(inbox_mails))
        .route("/inbox/mails/{number}", get(inbox_raw))
        .route("/inbox/mails/{number}/reply", post(inbox_reply))
        .fallback(function)
        .with_state(edge)
}

async fn inbox_page(headers: HeaderMap) -> Response<Body> {
    match inbox::is_meant(&headers) {
        true => inbox::page(),
        false => plain(StatusCode::NOT_FOUND),
    }
}

async fn inbox_deliveries(State(edge): State<Arc<Edge>>, headers: HeaderMap) -> Response<Body> {
    match inbox::is_meant(&headers) {
        true => deliveries::latest(&edge.app).await,
        false => plain(StatusCode::NOT_FOUND),
    }
}

async fn inbox_mails(State(edge): State<Arc<Edge>>, headers: HeaderMap) -> Response<Body> {
    match inbox::is_meant(&headers) {
        true => inbox::mails(&edge.inbox),
        false => plain(StatusCode::NOT_FOUND),
    }
}

async fn inbox_raw(State(edge): State<Arc<Edge>>, headers: HeaderMap, number: Variable<u64>) -> Response<Body> {
    match inbox::is_meant(&headers) {
        true => inbox::raw(&edge.inbox, number),
        false => plain(StatusCode::NOT_FOUND),
    }
}

async fn inbox_reply(
    State(edge): State<Arc<Edge>>,
    number: Variable<u64>,
    headers: HeaderMap,
    body: Body,
) -> Response<Body> {
    let body = read(body).await;
    match body {
        Ok(body) if inbox::is_own(&headers) => inbox::reply(&edge.inbox, &edge.app, number, &body).await,
        _ => plain(StatusCode::NOT_FOUND),
    }
}

async fn function(
    State(edge): State<Arc<Edge>>,
    ConnectInfo(Client(client)): ConnectInfo<Client>,
    request: Request<Body>,
) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    let Ok(body) = read(body).await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE);
    };
    // HTTP/2 names the host in the URI, HTTP/1.1 in a header.
    let host = match parts.uri.authority() {
        Some(authority) => HeaderValue::from_str(authority.as_str()).ok(),
        None => parts.headers.get(header::HOST).cloned(),
    };
    for name in [HOST_HEADER, CLIENT_HEADER, EDGE_HEADER] {
        parts.headers.remove(name);
    }
    if let Some(host) = host {
        parts.headers.insert(HOST_HEADER, host);
    }
    let client = HeaderValue::from_str(&client.ip().to_string()).expect("an address is visible ASCII");
    parts.headers.insert(CLIENT_HEADER, client);
    let secret = HeaderValue::from_str(&edge.app.keys.edge_secret).expect("the secret is hex");
    parts.headers.insert(EDGE_HEADER, secret);
    let response = edge.routes.serve(&edge.app, Request::from_parts(parts, body)).await;
    response.map(Body::from)
}

/// Reads a body whole. One over the API's own limit is read just far enough to be refused as too large.
async fn read(body: Body) -> Result<Bytes, axum::Error> {
    let bytes = to_bytes(body, READ_LIMIT).await?;
    Ok(if bytes.len() > BODY_LIMIT {
        bytes.slice(..BODY_LIMIT + 1)
    } else {
        bytes
    })
}

async fn asset(State(edge): State<Arc<Edge>>, request: Request<Body>) -> Response<Body> {
    let path = Path::new(request.uri().path().trim_start_matches('/'));
    if !path.components().all(|part| matches!(part, Component::Normal(_))) {
        return plain(StatusCode::NOT_FOUND);
    }
    let Ok(bytes) = tokio::fs::read(edge.web.join(path)).await else {
        return plain(StatusCode::NOT_FOUND);
    };
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // The name holds a hash of the content.
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=31536000, immutable"),
    );
    response
}

fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        Some("json" | "map") => "application/json",
        _ => "application/octet-stream",
    }
}

fn plain(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::from(status.canonical_reason().unwrap_or_default()));
    *response.status_mut() = status;
    response
}
