//! `authenticate`: an email and a password become a session.

use std::fmt;

use domain::Error as Refusal;
use domain::host::Host;
use domain::id::ResellerId;
use domain::sealed::token_hash;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::Session;

use crate::admin::api_tokens;
use crate::context::Context;
use crate::credentials::{self, Door};
use crate::endpoint::{Access, Endpoint, Kind};
use crate::error::Error;
use crate::input::Parameters;
use crate::reply::Json;

/// Signs in.
#[derive(Debug)]
pub struct Authenticate;

/// An email and its password, or an API token alone.
#[derive(Clone, Deserialize, JsonSchema)]
pub struct AuthenticateParameters {
    /// The account's mail address.
    pub email: Option<String>,
    /// Its password.
    pub password: Option<String>,
    /// A token made in the admin pages.
    pub api_token: Option<String>,
}

impl fmt::Debug for AuthenticateParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthenticateParameters(***)")
    }
}

/// A session.
#[derive(Clone, Serialize, JsonSchema)]
#[schemars(rename = "Session")]
pub struct AuthenticateAnswer {
    /// Valid for 24 hours after its last use, at most 7 days.
    pub auth_token: String,
}

impl fmt::Debug for AuthenticateAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthenticateAnswer(***)")
    }
}

impl Endpoint for Authenticate {
    const ID: &'static str = "authenticate";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/authenticate";
    const ACCESS: Access = Access::Tenant;
    const KIND: Kind = Kind::Write;
    const SUMMARY: &'static str = "Signs in.";
    type Input = Parameters<AuthenticateParameters>;
    type Output = Json<AuthenticateAnswer>;

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        let reseller = context.tenant()?.reseller;
        let (host, api_token) = match asked.api_token.filter(|_| asked.email.is_none()) {
            Some(token) => (by_token(context, reseller, &token).await?, Some(token_hash(&token))),
            None => {
                let email = asked.email.ok_or_else(|| Refusal::missing("email"))?;
                let password = asked.password.ok_or_else(|| Refusal::missing("password"))?;
                let door = Door {
                    reseller,
                    company: None,
                };
                (credentials::check(context, door, &email, password).await?, None)
            }
        };
        let token = context.app.uuid();
        let session = Session {
            reseller: host.reseller,
            company: host.company,
            host: host.id,
            role: host.role,
            after_call_url: None,
            remote_logout_url: None,
            api_token,
            oauth: None,
            ends: context.now + Session::LONGEST,
            created: context.now,
        };
        context.store().session_create(&token_hash(&token), &session).await?;
        Ok(Json(AuthenticateAnswer { auth_token: token }))
    }
}

/// The account whose API token this is. Nobody guesses 256 bits, so nothing is counted.
async fn by_token(context: &Context<'_>, reseller: ResellerId, token: &str) -> Result<Host, Error> {
    let named = api_tokens::names(token).ok_or_else(credentials::wrong)?;
    let (store, hash) = (context.store(), token_hash(token));
    let held = store.api_token_use(reseller, named, &hash, context.now).await?;
    let held = held.ok_or_else(credentials::wrong)?;
    let account = store.account_told(reseller, named, held.company).await?;
    Ok(account.ok_or_else(credentials::wrong)?.0)
}
