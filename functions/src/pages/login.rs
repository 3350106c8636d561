//! `GET /login`: an email and a password, or the way to the company's provider, or going on as who is signed in already.

use domain::company::Company;
use domain::host::Host;
use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use store::Scope;

use crate::app::App;
use crate::auth::{self, Problem, Redirect, Use};
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Form;
use crate::openid;
use crate::reply::Html;

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
    const SUMMARY: &'static str = "The page that signs people in.";
    type Input = Form<LoginPageInput>;
    type Output = Html;

    async fn handle(context: &Context<'_>, Form(asked): Self::Input) -> Result<Html, Error> {
        let app = context.app;
        // Whatever is no place of this domain leads home: an address can be made up by anybody.
        let redirect = asked.redirect_url.as_deref().and_then(Redirect::parse);
        let redirect = redirect.unwrap_or_else(Redirect::home);
        let (place, session) = auth::visitor(context, Use::Look).await?;
        let scope = Scope::company(place.reseller, place.company);
        let host = auth::account(app, &scope, session.as_ref());
        let company = async { Ok(app.store.company(&scope, place.company).await?) };
        let (company, host, provider) = tokio::try_join!(company, host, openid::provider_of(context, place))?;
        let page = LoginPage {
            company: &company,
            account: host.as_ref(),
            redirect: &redirect,
            by_provider: provider.is_some(),
            problem: None,
        };
        login_page(app, &page)
    }
}

/// What the page shows.
#[derive(Debug)]
pub(crate) struct LoginPage<'a> {
    pub(crate) company: &'a Company,
    /// Who is signed in already.
    pub(crate) account: Option<&'a Host>,
    pub(crate) redirect: &'a Redirect,
    /// Whether the company's people sign in with a provider, instead of a password.
    pub(crate) by_provider: bool,
    /// Why the provider has signed nobody in.
    pub(crate) problem: Option<Problem>,
}

pub(crate) fn login_page(app: &App, page: &LoginPage<'_>) -> Result<Html, Error> {
    let config = json!({
        "page": "login",
        "tenant": super::tenant(page.company),
        "account": page.account.map(super::account),
        "redirect_url": page.redirect.to_string(),
        "by_provider": page.by_provider,
        "problem": page.problem.map(Problem::name),
    });
    let status = page.problem.map_or(StatusCode::OK, Problem::status);
    let title = format!("Sign in · {}", super::product(page.company));
    super::account_page(app, status, &title, config)
}
