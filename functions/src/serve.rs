//! From a request to an answer: find the endpoint, know the caller, run, map errors, log.

use std::sync::OnceLock;
use std::time::Instant;

use bytes::Bytes;
use domain::{Code, Error as Refusal};
use http::StatusCode;
use http::header::{CACHE_CONTROL, HeaderName, HeaderValue, WWW_AUTHENTICATE};

use crate::app::App;
use crate::context::Context;
use crate::endpoint::Route;
use crate::error::Error;
use crate::former_name::{self, Moved};
use crate::pages;
use crate::reply::{Reply, Response};
use crate::request::{BODY_LIMIT, Request};

/// How many requests the session has left in this minute; `authenticate` says how many failures are left. Where nothing is
/// counted, since no session is known, it is what there is at the beginning.
pub const REMAINING_HEADER: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
/// The request's id, as it stands in the log.
pub const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Finds endpoints by method and path.
#[derive(Debug)]
pub struct Router {
    routes: Vec<Route>,
}

impl Router {
    /// Over these routes; of two that fit a path, the first is taken.
    #[must_use]
    pub fn new(routes: Vec<Route>) -> Self {
        Self { routes }
    }

    /// The endpoint of this method and path.
    #[must_use]
    pub fn find(&self, method: &str, path: &str) -> Option<&Route> {
        self.routes
            .iter()
            .find(|route| route.method == method && variables(route.path, path).is_some())
    }

    /// Answers a request. Paths that no endpoint has are 404 by contract.
    pub async fn serve(&self, app: &App, request: http::Request<Bytes>) -> Response {
        match self.find(request.method().as_str(), request.uri().path()) {
            Some(route) => serve(app, route, request).await,
            None => {
                let id = hex::encode(app.random::<8>());
                let error = Error::from(Refusal::new(Code::NotFound, "no such method"));
                let remaining = at_first(app, request.uri().path());
                finish(error.into_response(&id), &id, remaining)
            }
        }
    }
}

/// Answers a request with this endpoint, whatever the request's own path says of others.
pub async fn serve(app: &App, route: &Route, request: http::Request<Bytes>) -> Response {
    let id = hex::encode(app.random::<8>());
    let started = Instant::now();
    let variables = variables(route.path, request.uri().path()).unwrap_or_default();
    let request = Request::new(id.clone(), &app.keys.edge_secret, variables, request);
    let remaining = OnceLock::new();
    let outcome = answer(app, route, &request, &remaining).await;
    let is_page = route.id.starts_with("page_");
    let outcome = match outcome {
        Err(error) if is_page || is_partners(&request.path) => moved(app, &request, error).await,
        outcome => outcome,
    };
    let mut response = outcome.unwrap_or_else(|error| {
        error.log(route.id, &id);
        let page = if is_page {
            pages::refusal(app, &error, "This page cannot be shown").ok()
        } else {
            None
        };
        page.map_or_else(|| error.into_response(&id), Reply::into_response)
    });
    if response.status() == StatusCode::UNAUTHORIZED && is_partners(&request.path) {
        // RFC 6750 §3: what to show, and whether what was shown is over.
        let challenge = match request.credentials("Bearer") {
            Some(_) => "Bearer error=\"invalid_token\"",
            None => "Bearer",
        };
        let challenge = HeaderValue::from_static(challenge);
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    let remaining = remaining.into_inner().or_else(|| at_first(app, &request.path));
    let response = finish(response, &id, remaining);
    tracing::info!(
        endpoint = route.id,
        request = id,
        status = response.status().as_u16(),
        micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        "answered"
    );
    response
}

async fn answer<'a>(
    app: &'a App,
    route: &Route,
    request: &'a Request,
    remaining: &'a OnceLock<u32>,
) -> Result<Response, Error> {
    if request.body.len() > BODY_LIMIT {
        return Err(Refusal::new(Code::TooLarge, "the body is over 256 KiB").into());
    }
    let context = Context::enter(app, route, request, remaining).await?;
    (route.run)(&context, request).await
}

/// What a caller of the partner API has left before anything is counted.
fn at_first(app: &App, path: &str) -> Option<u32> {
    let rates = &app.config.rates;
    match path {
        "/enterprise_api/authenticate" => Some(rates.sign_in_failures),
        path => is_partners(path).then_some(rates.session_per_minute),
    }
}

/// Whether a path is one of the partner API.
fn is_partners(path: &str) -> bool {
    path.starts_with("/enterprise_api/")
}

/// What is asked under a former host name of a company is asked where the company is now.
async fn moved(app: &App, request: &Request, error: Error) -> Result<Response, Error> {
    let moved = match former_name::is_unknown(&error) {
        true => Moved::of(app, request).await?,
        false => None,
    };
    moved.map_or(Err(error), |moved| moved.redirect(app, request))
}

fn finish(mut response: Response, id: &str, remaining: Option<u32>) -> Response {
    let headers = response.headers_mut();
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID_HEADER, id);
    }
    let spent = (response.status() == StatusCode::TOO_MANY_REQUESTS).then_some(0);
    let headers = response.headers_mut();
    if let Some(remaining) = spent.or(remaining) {
        headers.insert(REMAINING_HEADER, HeaderValue::from(remaining));
    }
    response
}

/// Matches a path with a pattern: `{name}` stands for one segment that is not empty.
fn variables(pattern: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    let mut found = Vec::new();
    let mut given = path.split('/');
    for wanted in pattern.split('/') {
        let segment = given.next()?;
        match wanted.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) if !segment.is_empty() => found.push((name, decoded(segment)?)),
            Some(_) => return None,
            None if wanted == segment => {}
            None => return None,
        }
    }
    given.next().is_none().then_some(found)
}

/// Percent-decodes one segment; what is no UTF-8 afterwards is no path of ours.
fn decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            let mut one = [0];
            hex::decode_to_slice(digits, &mut one).ok()?;
            bytes.push(one[0]);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_segments() {
        let found = variables("/conf/call/{code}", "/conf/call/12%2034");
        assert_eq!(found, Some(vec![("code", "12 34".to_owned())]));
        for path in [
            "/conf/call/",
            "/conf/call",
            "/conf/call/1/2",
            "/conf/call/%zz",
            "/conf/call/%ff",
            "/conf/call/%f",
        ] {
            assert_eq!(variables("/conf/call/{code}", path), None, "{path}");
        }
        assert_eq!(variables("/", "/"), Some(Vec::new()));
    }
}
