//! Running as a Lambda: which function this process is, and how the gateway's requests and answers are carried over.

use std::env::VarError;

use bytes::Bytes;
use lambda_http::Body;

use crate::app::App;
use crate::endpoint::{Need, Route, Worker};

/// What a process serves.
#[derive(Debug, Clone, Copy)]
pub enum Function {
    /// An endpoint, called through the gateway.
    Route(Route),
    /// A worker, woken with an event.
    Worker(Worker),
}

/// No endpoint or worker has this handler's name: the template and the binary are of different versions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no endpoint or worker is called {0:?} (set by _HANDLER)")]
pub struct UnknownHandler(pub String);

impl Function {
    /// The endpoint or worker of a handler's name, `company-create`.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn of_handler(name: &str) -> Result<Self, UnknownHandler> {
        let route = crate::all()
            .into_iter()
            .find(|route| route.handler() == name)
            .map(Self::Route);
        let worker = || {
            crate::workers()
                .into_iter()
                .find(|worker| worker.handler() == name)
                .map(Self::Worker)
        };
        route.or_else(worker).ok_or_else(|| UnknownHandler(name.into()))
    }

    /// What it reaches.
    #[must_use]
    pub fn needs(&self) -> &'static [Need] {
        match self {
            Self::Route(route) => route.needs,
            Self::Worker(worker) => worker.needs,
        }
    }
}

/// A variable of the environment that is missing or unreadable. Values are secrets and are not repeated.
#[derive(Debug, thiserror::Error)]
pub enum BadVariable {
    /// It is not set.
    #[error("{name} is not set")]
    Missing {
        /// The variable.
        name: &'static str,
        /// What the system said.
        #[source]
        source: VarError,
    },
    /// It is set to something else than what is wanted.
    #[error("{name} must be {wanted}")]
    Malformed {
        /// The variable.
        name: &'static str,
        /// What it must be.
        wanted: &'static str,
    },
}

/// A variable of the environment.
///
/// # Errors
/// When it is not set, or not UTF-8.
pub fn variable(name: &'static str) -> Result<String, BadVariable> {
    std::env::var(name).map_err(|source| BadVariable::Missing { name, source })
}

/// Answers one request of the gateway.
pub async fn answer(app: &App, route: &Route, request: lambda_http::Request) -> http::Response<Body> {
    let (parts, body) = request.into_parts();
    let body = match body {
        Body::Text(text) => Bytes::from(text),
        Body::Binary(bytes) => Bytes::from(bytes),
        _ => Bytes::new(),
    };
    let response = crate::serve(app, route, http::Request::from_parts(parts, body)).await;
    let (parts, body) = response.into_parts();
    // Text goes as text: the gateway would carry anything else in base64.
    let body = match String::from_utf8(body.into()) {
        Ok(text) => Body::Text(text),
        Err(bytes) => Body::Binary(bytes.into_bytes()),
    };
    http::Response::from_parts(parts, body)
}
