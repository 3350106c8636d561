//! `authenticate`: an email and a password become a session.

use std::fmt;

use domain::Error as Refusal;
use domain::sealed::token_hash;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::Session;

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
        if asked.api_token.is_some() && asked.email.is_none() {
            // None has been made: the pages that make them are not part of this installation.
            return Err(credentials::wrong());
        }
        let email = asked.email.ok_or_else(|| Refusal::missing("email"))?;
        let password = asked.password.ok_or_else(|| Refusal::missing("password"))?;
        let door = Door {
            reseller: context.tenant()?.reseller,
            company: None,
        };
        let host = credentials::check(context, door, &email, password).await?;
        let token = context.app.uuid();
        let session = Session {
            reseller: host.reseller,
            company: host.company,
            host: host.id,
            role: host.role,
            after_call_url: None,
            remote_logout_url: None,
            ends: context.now + Session::LONGEST,
            created: context.now,
        };
        context.store().session_create(&token_hash(&token), &session).await?;
        Ok(Json(AuthenticateAnswer { auth_token: token }))
    }
}
