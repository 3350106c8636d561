//! Signed requests to the control plane.

use std::{error::Error as _, fmt::Write as _, time::Duration};

use domain::{
    Code, Reason,
    error::ErrorBody,
    id::RelayId,
    jws::{SigningKey, body_hash},
    relay::{CONTROL_AUDIENCE, REPORT_SECONDS, ReportClaims},
};
use rand::Rng as _;
use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

use crate::control::unix_ms;

/// A request takes at most this long.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A connection on which nothing is acknowledged for so long is given up, with all requests on it.
const DEAD: Duration = Duration::from_secs(4);

/// Largest answer read, in bytes.
const MAX_ANSWER: usize = 1 << 20;

/// Why a request had no answer of use.
#[derive(Debug, Error)]
pub(crate) enum CallError {
    /// The control plane was not reached.
    #[error("the control plane is not reached")]
    Unreachable(#[source] reqwest::Error),
    /// It did not answer in time.
    #[error("the control plane did not answer in time")]
    TimedOut,
    /// Its answer cannot be read.
    #[error("the control plane's answer cannot be read")]
    Unreadable,
    /// It refused.
    #[error("the control plane refused with status {status}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it said.
        body: Option<ErrorBody>,
    },
}

impl CallError {
    /// Whether another try may do.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::TimedOut | Self::Unreadable => true,
            Self::Refused { status, .. } => *status >= 500 || matches!(status, 401 | 403 | 404 | 408 | 429),
        }
    }

    pub(crate) fn code(&self) -> Option<Code> {
        match self {
            Self::Refused { body, .. } => body.as_ref().map(|body| body.code),
            _ => None,
        }
    }

    pub(crate) fn reason(&self) -> Option<Reason> {
        match self {
            Self::Refused { body, .. } => body.as_ref().and_then(|body| body.reason),
            _ => None,
        }
    }

    /// The error and its causes in one line, for the log.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        if let Self::Refused { body: Some(body), .. } = self {
            let _ = write!(text, ": {}", body.message);
        }
        let mut cause = self.source();
        while let Some(error) = cause {
            let _ = write!(text, ": {error}");
            cause = error.source();
        }
        text
    }
}

/// Signs and sends this relay's requests.
#[derive(Debug)]
pub(crate) struct Caller {
    relay: RelayId,
    base: String,
    key: SigningKey,
    http: reqwest::Client,
}

impl Caller {
    pub(crate) fn new(relay: RelayId, base: &str, key: SigningKey) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(DEAD)
            .tcp_user_timeout(DEAD)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self {
            relay,
            base: base.trim_end_matches('/').to_owned(),
            key,
            http,
        })
    }

    /// Sends `body` to `path`.
    pub(crate) async fn call<I: Serialize + Sync, O: DeserializeOwned>(
        &self,
        path: &str,
        body: &I,
    ) -> Result<O, CallError> {
        let body = serde_json::to_vec(body).map_err(|_| CallError::Unreadable)?;
        let now = unix_ms() / 1000;
        let claims = ReportClaims {
            iss: self.relay.clone(),
            aud: CONTROL_AUDIENCE.to_owned(),
            iat: now,
            exp: now + REPORT_SECONDS,
            jti: hex::encode(rand::rng().random::<[u8; 16]>()),
            body: body_hash(&body),
        };
        let mut response = self
            .http
            .post(format!("{}{path}", self.base))
            .header(http::header::AUTHORIZATION, format!("Relay {}", self.key.sign(&claims)))
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(body)
            .send()
            .await
            .map_err(|error| CallError::Unreachable(error.without_url()))?;
        let status = response.status();
        let mut answer = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| CallError::Unreachable(error.without_url()))?
        {
            if answer.len() + chunk.len() > MAX_ANSWER {
                return Err(CallError::Unreadable);
            }
            answer.extend_from_slice(&chunk);
        }
        if status.is_success() {
            serde_json::from_slice(&answer).map_err(|_| CallError::Unreadable)
        } else {
            Err(CallError::Refused {
                status: status.as_u16(),
                body: serde_json::from_slice(&answer).ok(),
            })
        }
    }
}
