//! What a caller is told when something is refused or fails: by meaning, with a stable code. The text for people is
//! apart from the text for logs.

use std::borrow::Cow;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::reason::Reason;

/// A failure's meaning, stable for programs (contract/enterprise-api.md §1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// A field has a value that it cannot have, or the body is no JSON.
    InvalidField,
    /// A required field is absent.
    MissingField,
    /// No such object, or one that the caller must not know of.
    NotFound,
    /// A value that must be unique is taken, or the object is in another state.
    Conflict,
    /// Outside the caller's role or company.
    Forbidden,
    /// Nobody is signed in, or not any more.
    Unauthenticated,
    /// Too many requests or failures.
    RateLimited,
    /// Our fault.
    Internal,
    /// The first request with this idempotency key still runs.
    InProgress,
    /// The body is larger than 256 KiB.
    TooLarge,
    /// The body is not JSON.
    UnsupportedMediaType,
    /// The meeting's window has not opened.
    NotStarted,
    /// The meeting's window has closed, or it was ended.
    Expired,
    /// A part that is needed does not answer: try again later.
    Unavailable,
}

impl Code {
    /// The HTTP status that carries this code.
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidField | Self::MissingField => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden | Self::NotStarted | Self::Expired => 403,
            Self::NotFound => 404,
            Self::Conflict | Self::InProgress => 409,
            Self::TooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::RateLimited => 429,
            Self::Internal => 500,
            Self::Unavailable => 503,
        }
    }
}

/// A refusal or failure as a caller sees it, with what only the log sees beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The meaning.
    pub code: Code,
    /// For people. Never holds a secret, a key or an internal name.
    pub message: Cow<'static, str>,
    /// The one field that is to blame.
    pub field: Option<Cow<'static, str>>,
    /// Where the refusal has a word of contract/embedding.md §5.
    pub reason: Option<Reason>,
    /// Seconds after which another try makes sense: the header `Retry-After`.
    pub retry_after: Option<u32>,
    /// The meeting that has not started, for `not_started`.
    pub upcoming: Option<Box<Upcoming>>,
    /// For the log alone.
    pub detail: Option<String>,
}

/// When and as what a meeting begins that cannot be entered yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Upcoming {
    /// Its start, ISO 8601 in UTC with `Z`; absent when nothing is planned.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub starts_at: Option<String>,
    /// Its subject.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subject: Option<String>,
}

/// The body of every failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorBody {
    /// For people.
    pub message: String,
    /// For programs.
    pub code: Code,
    /// The field to blame.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub field: Option<String>,
    /// The word of contract/embedding.md §5, where one fits.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<Reason>,
    /// Names the request in the log, for `internal`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub request_id: Option<String>,
    /// The meeting to come, for `not_started`.
    #[serde(flatten, skip_serializing_if = "Option::is_none", default)]
    pub upcoming: Option<Upcoming>,
}

impl Error {
    /// A failure of this meaning, with a text for people.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            field: None,
            reason: None,
            retry_after: None,
            upcoming: None,
            detail: None,
        }
    }

    /// A field's value cannot be: `duration must be 1 to 1440`.
    pub fn invalid(field: impl Into<Cow<'static, str>>, why: impl fmt::Display) -> Self {
        let field = field.into();
        Self {
            field: Some(field.clone()),
            ..Self::new(Code::InvalidField, format!("{field} {why}"))
        }
    }

    /// A required field is absent.
    pub fn missing(field: impl Into<Cow<'static, str>>) -> Self {
        let field = field.into();
        Self {
            field: Some(field.clone()),
            ..Self::new(Code::MissingField, format!("{field} is required"))
        }
    }

    /// A value that must be unique is taken.
    pub fn taken(field: impl Into<Cow<'static, str>>) -> Self {
        let field = field.into();
        Self {
            field: Some(field.clone()),
            ..Self::new(Code::Conflict, format!("{field} is already taken"))
        }
    }

    /// No such object: `not_found("conference")`.
    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("No such {what}"))
    }

    /// Outside the caller's reach.
    pub fn forbidden() -> Self {
        Self::new(Code::Forbidden, "Not allowed")
    }

    /// Our fault; the detail goes to the log alone.
    pub fn internal(detail: impl fmt::Display) -> Self {
        Self {
            detail: Some(detail.to_string()),
            ..Self::new(Code::Internal, "Internal error")
        }
    }

    /// With the word of contract/embedding.md §5.
    pub fn with_reason(self, reason: Reason) -> Self {
        Self {
            reason: Some(reason),
            ..self
        }
    }

    /// With the field that is to blame.
    pub fn with_field(self, field: impl Into<Cow<'static, str>>) -> Self {
        Self {
            field: Some(field.into()),
            ..self
        }
    }

    /// With the seconds after which another try makes sense.
    pub fn with_retry_after(self, seconds: u32) -> Self {
        Self {
            retry_after: Some(seconds),
            ..self
        }
    }

    /// With a text for the log.
    pub fn with_detail(self, detail: impl fmt::Display) -> Self {
        Self {
            detail: Some(detail.to_string()),
            ..self
        }
    }

    /// The body that a caller gets; the id of the request is told for `internal` only.
    pub fn body(&self, request_id: &str) -> ErrorBody {
        ErrorBody {
            message: self.message.clone().into_owned(),
            code: self.code,
            field: self.field.clone().map(Cow::into_owned),
            reason: self.reason,
            request_id: (self.code == Code::Internal).then(|| request_id.into()),
            upcoming: self.upcoming.as_deref().cloned(),
        }
    }
}

/// The text for logs.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.code, self.message)?;
        if let Some(detail) = &self.detail {
            write!(f, " ({detail})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_tells_people_and_programs_and_keeps_the_detail() {
        let error = Error::internal("table is gone");
        let body = serde_json::to_value(error.body("r-1")).expect("json");
        assert_eq!(
            body,
            serde_json::json!({"message": "Internal error", "code": "internal", "request_id": "r-1"})
        );
        assert!(error.to_string().contains("table is gone"));

        let early = Error {
            upcoming: Some(Box::new(Upcoming {
                starts_at: Some("2026-01-01T00:00:00Z".into()),
                subject: None,
            })),
            ..Error::new(Code::NotStarted, "Not yet").with_reason(Reason::NotStarted)
        };
        let body = serde_json::to_value(early.body("r-2")).expect("json");
        assert_eq!(
            body,
            serde_json::json!({"message": "Not yet", "code": "not_started", "reason": "not_started", "starts_at": "2026-01-01T00:00:00Z"})
        );
    }
}
