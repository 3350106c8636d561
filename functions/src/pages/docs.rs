//! `GET /enterprise_api/docs`: the OpenAPI document for people.

use http::{Method, StatusCode};
use serde_json::json;

use super::{Framing, Page, Reach};
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::reply::Html;

/// `GET /enterprise_api/docs`.
#[derive(Debug)]
pub struct PageDocs;

impl Endpoint for PageDocs {
    const ID: &'static str = "page_docs";
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/enterprise_api/docs";
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::Pages];
    const SUMMARY: &'static str = "The page that shows this API's document.";
    type Input = ();
    type Output = Html;

    async fn handle(context: &Context<'_>, (): ()) -> Result<Html, Error> {
        let page = Page {
            shell: &context.app.pages()?.docs,
            status: StatusCode::OK,
            title: "Partner API",
            config: json!({"page": "docs"}),
            framing: Framing::Nobody,
            reach: Reach::Own,
        };
        Ok(page.html())
    }
}
