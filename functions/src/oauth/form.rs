//! What clients send and are refused with, by RFC 6749: a form in the body, and errors that have words of their own.

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use schemars::SchemaGenerator;
use serde_json::json;

use crate::error::Error;
use crate::input::{Input, InputShape};
use crate::reply::{Response, json};
use crate::request::Request;

/// Most fields that are looked at.
const MOST: usize = 100;

/// Fields of a query or a form, as they were sent.
#[derive(Clone, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl std::fmt::Debug for Fields {
    /// Names alone: values may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Fields {
    pub(super) fn read(text: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(text).into_owned().take(MOST).collect())
    }

    /// A field's value; one without a value is as good as left out, and none may be there twice (RFC 6749 §3.1, §3.2).
    pub(super) fn one(&self, name: &str) -> Result<Option<&str>, Refused> {
        let mut found = self
            .0
            .iter()
            .filter(|(known, _)| known == name)
            .map(|(_, value)| value.as_str());
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(Refused::request(format!("{name} is there twice"))),
            (found, None) => Ok(found.filter(|value| !value.is_empty())),
        }
    }

    /// The same, where it must be there.
    pub(super) fn needed(&self, name: &str) -> Result<&str, Refused> {
        self.one(name)?
            .ok_or_else(|| Refused::request(format!("{name} is missing")))
    }
}

/// The body of a client's request: a form, read when the endpoint refuses in the words of RFC 6749.
#[derive(Debug)]
pub struct StandardForm(Option<Fields>);

impl StandardForm {
    pub(super) fn fields(&self) -> Result<&Fields, Refused> {
        let wrong = || Refused::request("the body must be application/x-www-form-urlencoded");
        self.0.as_ref().ok_or_else(wrong)
    }
}

impl Input for StandardForm {
    fn read(request: &Request) -> Result<Self, Error> {
        let form = request.media_type().as_deref() == Some("application/x-www-form-urlencoded");
        Ok(Self(form.then(|| Fields::read(&request.body))))
    }

    fn describe(_: &mut SchemaGenerator) -> InputShape {
        InputShape::Nothing
    }
}

/// Why a client is refused (RFC 6749 §5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) error: &'static str,
    /// For the developer of the client, in ASCII.
    pub(super) description: String,
}

impl Refused {
    pub(super) fn new(error: &'static str, description: impl Into<String>) -> Self {
        Self {
            error,
            description: description.into(),
        }
    }

    pub(super) fn request(description: impl Into<String>) -> Self {
        Self::new("invalid_request", description)
    }

    pub(super) fn grant(description: impl Into<String>) -> Self {
        Self::new("invalid_grant", description)
    }

    /// Nobody learns whether there is such a client.
    pub(super) fn client() -> Self {
        Self::new("invalid_client", "no such client, or another secret")
    }

    fn into_response(self) -> Response {
        let unknown = self.error == "invalid_client";
        let status = if unknown {
            StatusCode::UNAUTHORIZED
        } else {
            StatusCode::BAD_REQUEST
        };
        let body = json!({"error": self.error, "error_description": self.description});
        let mut response = json(status, &body);
        if unknown {
            let basic = HeaderValue::from_static("Basic realm=\"oauth\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, basic);
        }
        response
    }
}

/// What a client's request comes to where it is not answered.
#[derive(Debug)]
pub(super) enum Failure {
    /// The client is told in the words of RFC 6749.
    Refused(Refused),
    /// Anything else.
    Other(Error),
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        Self::Other(error.into())
    }
}

/// The answer to a client: never kept (RFC 6749 §5.1).
pub(super) fn answered(outcome: Result<serde_json::Value, Failure>) -> Result<Response, Error> {
    let mut response = match outcome {
        Ok(body) => json(StatusCode::OK, &body),
        Err(Failure::Refused(refused)) => refused.into_response(),
        Err(Failure::Other(error)) => return Err(error),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    Ok(response)
}

/// 200 with nothing in it.
pub(super) fn done() -> Response {
    Response::new(Bytes::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_fields_are_none_and_two_are_refused() {
        let fields = Fields::read(b"a=1&b=&c=1&c=2&d=%20x");
        assert_eq!(fields.one("a"), Ok(Some("1")));
        assert_eq!(fields.one("b"), Ok(None));
        assert_eq!(fields.one("c").map_err(|refused| refused.error), Err("invalid_request"));
        assert_eq!(fields.one("d"), Ok(Some(" x")));
        assert_eq!(fields.needed("e"), Err(Refused::request("e is missing")));
    }
}
