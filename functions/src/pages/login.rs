//! `GET /login`: an email and a password, or going on as who is signed in already.

use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use store::Scope;

use crate::auth::{self, Redirect, Use};
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Form;
use crate::reply::Html;
use crate::visit::Place;

/// What the page reads of its address.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct LoginPageInput {
    /// A path of this domain, where the browser goes once signed in.
    redirect_url: Option<String>,
}

/// `GET /login`.
#[derive(Debug)]
pub struct PageLogin;

impl Endpoint for PageLogin {
    const ID: &'static str = "page_login";
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/login";
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::Pages];
    const SUMMARY: &'static str = "The page that takes an email and a password.";
    type Input = Form<LoginPageInput>;
    type Output = Html;

    async fn handle(context: &Context<'_>, Form(asked): Self::Input) -> Result<Html, Error> {
        let app = context.app;
        // Whatever is no place of this domain leads home: an address can be made up by anybody.
        let redirect = asked.redirect_url.as_deref().and_then(Redirect::parse);
        let redirect = redirect.unwrap_or_else(Redirect::home);
        let (place, session) = tokio::try_join!(
            Place::of(context),
            auth::signed_in(app, context.request, Use::Look, context.now)
        )?;
        let session = session.filter(|session| place.is_of(session.reseller, session.company));
        let scope = Scope::company(place.reseller, place.company);
        let host = auth::account(app, &scope, session.as_ref());
        let company = async { Ok(app.store.company(&scope, place.company).await?) };
        let (company, host) = tokio::try_join!(company, host)?;
        let config = json!({
            "page": "login",
            "tenant": super::tenant(&company),
            "account": host.as_ref().map(super::account),
            "redirect_url": redirect.to_string(),
        });
        let title = format!("Sign in · {}", super::product(&company));
        super::account_page(app, StatusCode::OK, &title, config)
    }
}
