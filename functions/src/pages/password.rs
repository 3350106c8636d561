//! `GET /password/{token}`: where a link leads that sets a password. Looking at it spends nothing.

use domain::sealed::token_hash;
use http::{Method, StatusCode};
use serde_json::json;
use store::{HandoffKind, Scope};

use super::{LoginPage, login_page};
use crate::auth::{self, Redirect};
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::openid;
use crate::reply::Html;
use crate::visit::Place;

/// `GET /password/{token}`.
#[derive(Debug)]
pub struct PagePassword;

impl Endpoint for PagePassword {
    const ID: &'static str = "page_password";
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/password/{token}";
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::Pages];
    const SUMMARY: &'static str = "The page that sets an account's password.";
    type Input = ();
    type Output = Html;

    async fn handle(context: &Context<'_>, (): ()) -> Result<Html, Error> {
        let app = context.app;
        let hash = token_hash(context.request.variable("token").unwrap_or_default());
        let link = async {
            let found = app.store.handoff(&hash, HandoffKind::PasswordLink, context.now).await;
            found.map_err(Error::from)
        };
        let (place, link) = tokio::try_join!(Place::of(context), link)?;
        let link = link.filter(|link| place.is_of(link.reseller, link.company));
        let scope = Scope::company(place.reseller, place.company);
        let host = async {
            match &link {
                Some(link) => auth::known(app.store.host(&scope, link.host).await),
                None => Ok(None),
            }
        };
        let company = async { Ok(app.store.company(&scope, place.company).await?) };
        let (company, host, provider) = tokio::try_join!(company, host, openid::provider_of(context, place))?;
        if provider.is_some() {
            // No password of this company's opens anything: here is what does.
            let page = LoginPage {
                company: &company,
                account: None,
                redirect: &Redirect::home(),
                by_provider: true,
                problem: None,
            };
            return login_page(app, &page);
        }
        // The account itself knows its links' hashes: a link that was replaced is dead at once.
        let host = host.filter(|host| host.password_links().any(|link| link.hash == hash));
        let status = if host.is_some() {
            StatusCode::OK
        } else {
            StatusCode::NOT_FOUND
        };
        let config = json!({
            "page": "password",
            "tenant": super::tenant(&company),
            "account": host.as_ref().map(super::account),
        });
        let title = format!("Set your password · {}", super::product(&company));
        super::account_page(app, status, &title, config)
    }
}
