//! `GET /enterprise_api/openapi.json`: the document of this API, for anybody.

use std::sync::OnceLock;

use bytes::Bytes;

use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::openapi::document;
use crate::reply::Document;

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
    type Output = Document;

    async fn handle(_: &Context<'_>, (): ()) -> Result<Document, Error> {
        static DOCUMENT: OnceLock<Bytes> = OnceLock::new();
        let bytes = DOCUMENT.get_or_init(|| Bytes::from(document(&crate::all()).to_string()));
        Ok(Document(bytes.clone()))
    }
}
