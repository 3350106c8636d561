//! `GET /`: join by code.

use http::{Method, StatusCode};
use serde_json::json;

use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::reply::Html;
use crate::visit::Place;

/// `GET /`.
#[derive(Debug)]
pub struct PageHome;

impl Endpoint for PageHome {
    const ID: &'static str = "page_home";
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/";
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead];
    const SUMMARY: &'static str = "The page that takes a meeting's code.";
    type Input = ();
    type Output = Html;

    async fn handle(context: &Context<'_>, (): ()) -> Result<Html, Error> {
        let app = context.app;
        let place = Place::of(context).await?;
        let (company, reseller) = place.details(app).await?;
        let config = json!({"page": "home", "tenant": super::tenant(&company)});
        let title = company.settings.branding.product_name.as_ref().unwrap_or(&company.name);
        let framing = super::signed_in_framing(app, &company, &reseller);
        Ok(super::page(
            app,
            &app.pages()?.home,
            StatusCode::OK,
            title.as_str(),
            &config,
            &framing,
        ))
    }
}
