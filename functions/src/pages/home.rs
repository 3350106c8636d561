//! `GET /`: join by code, and where a signed-in host finds its own meeting.

use domain::Role;
use http::{Method, StatusCode};
use serde_json::json;
use store::Scope;

use super::{Page, Reach};
use crate::auth::{self, Use};
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::reply::Html;

/// `GET /`.
#[derive(Debug)]
pub struct PageHome;

impl Endpoint for PageHome {
    const ID: &'static str = "page_home";
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/";
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::Pages];
    const SUMMARY: &'static str = "The page that takes a meeting's code, and an account's first page.";
    type Input = ();
    type Output = Html;

    async fn handle(context: &Context<'_>, (): ()) -> Result<Html, Error> {
        let app = context.app;
        let (place, session) = auth::visitor(context, Use::Look).await?;
        let scope = Scope::company(place.reseller, place.company);
        let host = auth::account(app, &scope, session.as_ref());
        let ((company, reseller), host) = tokio::try_join!(place.details(app), host)?;
        let title = company.settings.branding.product_name.as_ref().unwrap_or(&company.name);
        let page = Page {
            shell: &app.pages()?.home,
            status: StatusCode::OK,
            title: title.as_str(),
            config: json!({
                "page": "home",
                "tenant": super::tenant(&company),
                "account": host.as_ref().map(super::account),
                "administers": host.is_some() && session.is_some_and(|session| session.role >= Role::CompanyAdmin),
            }),
            framing: super::signed_in_framing(app, &company, &reseller),
            reach: Reach::Own,
        };
        Ok(page.html())
    }
}
