//! `GET /enterprise_api/openapi.json`: the document of this API, for anybody.

use std::sync::OnceLock;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};

use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::openapi::document;
use crate::reply::Response;

/// The OpenAPI document.
#[derive(Debug)]
pub struct OpenapiFetch;

impl Endpoint for OpenapiFetch {
    const ID: &'static str = "openapi_fetch";
    const METHOD: http::Method = http::Method::GET;
    const PATH: &'static str = "/enterprise_api/openapi.json";
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[];
    const SUMMARY: &'static str = "The OpenAPI document of this API.";
    type Input = ();
    type Output = Response;

    async fn handle(_: &Context<'_>, (): ()) -> Result<Response, Error> {
        static DOCUMENT: OnceLock<Bytes> = OnceLock::new();
        let bytes = DOCUMENT.get_or_init(|| Bytes::from(document(&crate::all()).to_string()));
        let mut response = Response::new(bytes.clone());
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(response)
    }
}
