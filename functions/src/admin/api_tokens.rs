//! API tokens: `/admin/tokens` shows, makes and revokes those of the administrator who is signed in. Whoever has one
//! authenticates as that account (`authenticate`), so it is shown once.

use std::fmt;

use domain::id::HostId;
use domain::sealed::token_hash;
use domain::text::Name;
use domain::time::iso;
use domain::{Code, Error as Refusal, Role};
use http::{Method, StatusCode};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{ApiToken, Scope};

use super::{administrator, signed_in, write};
use crate::auth::{self, Use};
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::JsonBody;
use crate::pages;
use crate::reply::{Html, Json};

/// What every token begins with, so that scanners of code and logs find what should not be there.
const PREFIX: &str = "cvk_";
/// Most tokens of an account.
const MOST: usize = 20;
const PATH: &str = "/admin/tokens";
const TITLE: &str = "API tokens";

/// A new token of an account, which it names: `cvk_<host id>_<random>`.
fn made(host: HostId, random: &str) -> String {
    format!("{PREFIX}{host}_{random}")
}

/// The account that a token names.
pub(crate) fn names(token: &str) -> Option<HostId> {
    let (host, _) = token.strip_prefix(PREFIX)?.split_once('_')?;
    host.parse().ok()
}

/// `GET /admin/tokens`.
#[derive(Debug)]
pub struct PageApiTokens;

impl Endpoint for PageApiTokens {
    const ID: &'static str = "page_api_tokens";
    const METHOD: Method = Method::GET;
    const PATH: &'static str = PATH;
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::Pages];
    const SUMMARY: &'static str = "The page of an administrator's API tokens.";
    type Input = ();
    type Output = Html;

    async fn handle(context: &Context<'_>, (): ()) -> Result<Html, Error> {
        let app = context.app;
        let (place, found) = signed_in(context, Use::Look).await?;
        let Some((host, role)) = found else {
            return pages::sent(app, TITLE, "/login?redirect_url=/admin/tokens", "Sign in first");
        };
        if role < Role::CompanyAdmin {
            return pages::told(app, StatusCode::FORBIDDEN, TITLE, "This page is for administrators");
        }
        let scope = Scope::company(place.reseller, place.company);
        let company = app.store.company(&scope, place.company);
        let (company, tokens) = tokio::try_join!(company, app.store.api_tokens(host.reseller, host.id))?;
        let config = json!({
            "page": "tokens",
            "tenant": pages::tenant(&company),
            "account": pages::account(&host),
            "tokens": tokens.iter().map(shown).collect::<Vec<_>>(),
        });
        let title = format!("{TITLE} · {}", pages::product(&company));
        pages::account_page(app, StatusCode::OK, &title, config)
    }
}

fn shown(token: &ApiToken) -> serde_json::Value {
    let used = token.used.and_then(|used| Timestamp::from_millisecond(used).ok());
    json!({"id": token.hash, "name": token.name, "created": iso(token.created), "used": used.map(iso)})
}

/// What the page sends to make a token.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct CreateParameters {
    /// What it is for, in the account's own words.
    pub name: Name,
}

/// A new token.
#[derive(Clone, Serialize, JsonSchema)]
#[schemars(rename = "ApiToken")]
pub struct CreatedToken {
    /// Its id on the page.
    pub id: String,
    /// What it is for.
    pub name: Name,
    /// When it was made, ISO 8601 in UTC.
    pub created: String,
    /// The token itself, which is not told again.
    pub api_token: String,
}

impl fmt::Debug for CreatedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreatedToken")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// `POST /admin/tokens`.
#[derive(Debug)]
pub struct ApiTokenCreate;

impl Endpoint for ApiTokenCreate {
    const ID: &'static str = "api_token_create";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = PATH;
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite];
    const SUMMARY: &'static str = "Makes an API token of the administrator who is signed in.";
    type Input = JsonBody<CreateParameters>;
    type Output = Json<CreatedToken>;

    async fn handle(context: &Context<'_>, JsonBody(asked): Self::Input) -> Result<Self::Output, Error> {
        let (host, role) = administrator(context).await?;
        let store = context.store();
        if store.api_tokens(host.reseller, host.id).await?.len() >= MOST {
            let why = format!("An account has at most {MOST} API tokens: revoke one first");
            return Err(Refusal::new(Code::Conflict, why).into());
        }
        let api_token = made(host.id, &auth::token(context.app));
        let token = ApiToken {
            hash: token_hash(&api_token),
            company: host.company,
            name: asked.name,
            created: context.now,
            used: None,
        };
        store
            .api_token_create((host.reseller, host.id), &token, &write(context, &host, role))
            .await?;
        Ok(Json(CreatedToken {
            id: token.hash,
            name: token.name,
            created: iso(token.created),
            api_token,
        }))
    }
}

/// What the page sends to revoke a token.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct RevokeParameters {
    /// Which.
    pub id: String,
}

/// What was revoked.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Revoked {
    /// Which.
    pub id: String,
}

/// `POST /admin/tokens/revoke`.
#[derive(Debug)]
pub struct ApiTokenRevoke;

impl Endpoint for ApiTokenRevoke {
    const ID: &'static str = "api_token_revoke";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/admin/tokens/revoke";
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite];
    const SUMMARY: &'static str =
        "Revokes an API token of the administrator who is signed in, and ends the sessions it began.";
    type Input = JsonBody<RevokeParameters>;
    type Output = Json<Revoked>;

    async fn handle(context: &Context<'_>, JsonBody(asked): Self::Input) -> Result<Self::Output, Error> {
        let (host, role) = administrator(context).await?;
        let store = context.store();
        let tokens = store.api_tokens(host.reseller, host.id).await?;
        let token = tokens.into_iter().find(|token| token.hash == asked.id);
        let token = token.ok_or_else(|| Refusal::not_found("API token"))?;
        store
            .api_token_delete((host.reseller, host.id), &token, &write(context, &host, role))
            .await?;
        Ok(Json(Revoked { id: asked.id }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_account() {
        let host = HostId::new(9).expect("an id");
        assert_eq!(names(&made(host, "random")), Some(host));
        for other in [
            "",
            "cvk_",
            "cvk_9",
            "cvk__x",
            "cvk_x_y",
            "cvk_0_x",
            "9_random",
            "CVK_9_random",
        ] {
            assert_eq!(names(other), None, "{other}");
        }
    }
}
