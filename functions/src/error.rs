//! Why an endpoint did not answer what was asked, how that becomes a status, and the one place that logs it.

use domain::{Code, Error as Refusal};
use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};

use crate::reply::{Response, json};

/// What an endpoint fails with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller is told why.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The scope of an access token does not reach the method.
    #[error("the scope of the access token does not reach this")]
    InsufficientScope,
    /// A password could not be hashed.
    #[error("a password could not be hashed")]
    Password,
    /// A secret in the table does not open: changed, moved, or the key is another.
    #[error(transparent)]
    Sealed(#[from] domain::sealed::BrokenSeal),
    /// A mail did not go out.
    #[error(transparent)]
    Mail(#[from] notify::MailError),
    /// The reseller's companies have mailed what they may on this day.
    #[error("the reseller has mailed what it may today")]
    MailQuota,
    /// A text message did not go out.
    #[error(transparent)]
    Text(#[from] notify::TextError),
    /// Something that we hold to be true was not: which.
    #[error("{0}")]
    Broken(&'static str),
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Self::Refused(error.into())
    }
}

impl Error {
    /// 429 with `Retry-After`.
    #[must_use]
    pub fn rate_limited(seconds: u32) -> Self {
        Refusal::new(Code::RateLimited, "Too many requests, try again later")
            .with_retry_after(seconds)
            .into()
    }

    /// What the caller is told. An internal failure says nothing but the request's id.
    pub(crate) fn refusal(&self) -> Refusal {
        match self {
            Self::Refused(refusal) => refusal.clone(),
            Self::InsufficientScope => {
                Refusal::new(Code::Forbidden, "The access token's scope does not reach this method")
            }
            other => Refusal::internal(other),
        }
    }

    /// The answer.
    #[must_use]
    pub fn into_response(self, request_id: &str) -> Response {
        let refusal = self.refusal();
        let status = StatusCode::from_u16(refusal.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = json(status, &refusal.body(request_id));
        if let Some(seconds) = refusal.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if matches!(self, Self::InsufficientScope) {
            // RFC 6750 §3.1.
            let needed = HeaderValue::from_static("Bearer error=\"insufficient_scope\", scope=\"write\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, needed);
        }
        response
    }

    /// Logs a failure of ours with its chain. Refusals are the caller's affair.
    pub(crate) fn log(&self, endpoint: &str, request_id: &str) {
        if self.refusal().code.status() < 500 {
            return;
        }
        let mut chain = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            chain.push_str(": ");
            chain.push_str(&error.to_string());
            cause = error.source();
        }
        tracing::error!(endpoint, request = request_id, error = chain, "request failed");
    }
}
