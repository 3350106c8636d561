//! The ways out: what an endpoint answers.

use std::marker::PhantomData;

use bytes::Bytes;
use http::StatusCode;
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderValue, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS,
};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

/// An answer as bytes.
pub type Response = http::Response<Bytes>;

/// What an endpoint answers.
pub trait Reply: Send {
    /// Makes the answer.
    fn into_response(self) -> Response;

    /// Describes it for the OpenAPI document.
    fn describe(generator: &mut SchemaGenerator) -> ReplyShape;
}

/// What the OpenAPI document says about an answer.
#[derive(Clone, Debug)]
pub enum ReplyShape {
    /// A JSON document.
    Json(Schema),
    /// A page.
    Html,
    /// A picture.
    Png,
    /// A calendar file.
    Calendar,
    /// A JSON document that is described nowhere: that of the API itself.
    Document,
    /// A redirect, what asks a person first, or JSON for a page's own script.
    Onward(Option<Schema>),
}

/// 200 with a JSON document.
#[derive(Clone, Debug)]
pub struct Json<T>(pub T);

impl<T: Serialize + JsonSchema + Send> Reply for Json<T> {
    fn into_response(self) -> Response {
        json(StatusCode::OK, &self.0)
    }

    fn describe(generator: &mut SchemaGenerator) -> ReplyShape {
        ReplyShape::Json(generator.subschema_for::<T>())
    }
}

/// 200 with a JSON document, and cookies beside it.
#[derive(Clone, Debug)]
pub struct WithCookies<T> {
    /// The document.
    pub body: Json<T>,
    /// Each a `Set-Cookie`.
    pub cookies: Vec<HeaderValue>,
}

impl<T: Serialize + JsonSchema + Send> Reply for WithCookies<T> {
    fn into_response(self) -> Response {
        let mut response = self.body.into_response();
        for cookie in self.cookies {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }

    fn describe(generator: &mut SchemaGenerator) -> ReplyShape {
        Json::<T>::describe(generator)
    }
}

/// A page.
#[derive(Clone, Debug)]
pub struct Html {
    /// 200, or 404 for a code that is not known.
    pub status: StatusCode,
    /// The document.
    pub body: String,
    /// Beside the content type: the policy of who may frame it, cookies.
    pub headers: HeaderMap,
}

impl Reply for Html {
    fn into_response(self) -> Response {
        let mut response = Response::new(Bytes::from(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, html);
        response
    }

    fn describe(_: &mut SchemaGenerator) -> ReplyShape {
        ReplyShape::Html
    }
}

/// An answer that the endpoint made itself: a redirect, a file.
impl Reply for Response {
    fn into_response(self) -> Response {
        self
    }

    fn describe(_: &mut SchemaGenerator) -> ReplyShape {
        ReplyShape::Onward(None)
    }
}

/// The same, where a page's own script gets a `T`.
#[derive(Debug)]
pub struct Onward<T> {
    /// What the endpoint made.
    pub response: Response,
    of: PhantomData<fn() -> T>,
}

impl<T> From<Response> for Onward<T> {
    fn from(response: Response) -> Self {
        Self {
            response,
            of: PhantomData,
        }
    }
}

impl<T: JsonSchema> Reply for Onward<T> {
    fn into_response(self) -> Response {
        self.response
    }

    fn describe(generator: &mut SchemaGenerator) -> ReplyShape {
        ReplyShape::Onward(Some(generator.subschema_for::<T>()))
    }
}

/// 200 with a picture.
#[derive(Debug)]
pub struct Png(pub Response);

impl Reply for Png {
    fn into_response(self) -> Response {
        self.0
    }

    fn describe(_: &mut SchemaGenerator) -> ReplyShape {
        ReplyShape::Png
    }
}

/// 200 with a calendar file that tells of a meeting (RFC 5546 §3.2.1).
#[derive(Clone, Debug)]
pub struct Calendar(pub String);

impl Reply for Calendar {
    fn into_response(self) -> Response {
        let mut response = Response::new(Bytes::from(self.0));
        for (name, value) in [
            (CONTENT_TYPE, "text/calendar; charset=utf-8; method=PUBLISH"),
            (CONTENT_DISPOSITION, "attachment; filename=\"meeting.ics\""),
            (CACHE_CONTROL, "no-store"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (CONTENT_SECURITY_POLICY, "default-src 'none'"),
        ] {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }

    fn describe(_: &mut SchemaGenerator) -> ReplyShape {
        ReplyShape::Calendar
    }
}

/// 200 with the bytes of a JSON document.
#[derive(Clone, Debug)]
pub struct Document(pub Bytes);

impl Reply for Document {
    fn into_response(self) -> Response {
        json_bytes(self.0)
    }

    fn describe(_: &mut SchemaGenerator) -> ReplyShape {
        ReplyShape::Document
    }
}

/// A JSON answer of any status.
pub(crate) fn json<T: Serialize>(status: StatusCode, body: &T) -> Response {
    // Our own types have text keys and finite numbers, which is all that JSON asks.
    let bytes = serde_json::to_vec(body).expect("answers are plain data");
    let mut response = json_bytes(Bytes::from(bytes));
    *response.status_mut() = status;
    response
}

/// 200 with a JSON document that is written already.
pub(crate) fn json_bytes(body: Bytes) -> Response {
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
