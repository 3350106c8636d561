//! `POST /login`: an email and a password from the sign-in page become a session of this browser.

use std::fmt;

use domain::sealed::token_hash;
use domain::{Code, Error as Refusal};
use http::{HeaderValue, Method};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cookie::Cookies;
use super::openid::check_passwords;
use super::redirect::Redirect;
use super::session::{self, Opening, Use};
use crate::context::Context;
use crate::credentials::{self, Door};
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::JsonBody;
use crate::reply::{Json, WithCookies};
use crate::visit::Place;

/// What the page sends.
#[derive(Clone, Deserialize, JsonSchema)]
pub struct LoginParameters {
    /// The account's mail address.
    pub email: String,
    /// Its password.
    pub password: String,
    /// `false`: the session ends with the browser.
    pub remember_me: Option<bool>,
    /// A path of this domain, where the browser goes; the first page when absent.
    pub redirect_url: Option<String>,
}

impl fmt::Debug for LoginParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginParameters(***)")
    }
}

/// Signed in, or out.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Onward")]
pub struct SignedInAnswer {
    /// Where the browser goes now: a path of this domain, or after a sign-out what the sign-in named.
    pub redirect_url: String,
}

/// `POST /login`.
#[derive(Debug)]
pub struct SignInByPassword;

impl Endpoint for SignInByPassword {
    const ID: &'static str = "sign_in_by_password";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/login";
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite];
    const SUMMARY: &'static str = "Signs this browser in by an email and a password.";
    type Input = JsonBody<LoginParameters>;
    type Output = WithCookies<SignedInAnswer>;

    async fn handle(context: &Context<'_>, JsonBody(asked): Self::Input) -> Result<Self::Output, Error> {
        own_page(context)?;
        let redirect = match asked.redirect_url.as_deref() {
            Some(text) => Redirect::parse(text)
                .ok_or_else(|| Refusal::invalid("redirect_url", "must be a path of this domain"))?,
            None => Redirect::home(),
        };
        let place = Place::of(context).await?;
        check_passwords(context, place).await?;
        let door = Door {
            reseller: place.reseller,
            company: Some(place.company),
        };
        let host = credentials::check(context, door, &asked.email, asked.password).await?;
        let opening = Opening::of_account(&host);
        let (session, ()) = tokio::try_join!(opening.create(context), end_former(context))?;
        let cookies = Cookies::of(context.app).browser(&session, host.id, asked.remember_me != Some(false));
        Ok(signed_in(&redirect, cookies.into()))
    }
}

/// Only the tenant's own pages may send what changes who is signed in here.
pub(crate) fn own_page(context: &Context<'_>) -> Result<(), Error> {
    if session::is_own(context.app, context.request) {
        return Ok(());
    }
    Err(Refusal::new(Code::Forbidden, "Sign-in is not allowed from this page").into())
}

/// Ends the session that this browser had: a new one takes its place.
pub(super) async fn end_former(context: &Context<'_>) -> Result<(), Error> {
    match session::shown(context.app, context.request, Use::Act) {
        Some(token) => Ok(context.store().session_delete(&token_hash(token)).await?),
        None => Ok(()),
    }
}

pub(super) fn signed_in(redirect: &Redirect, cookies: Vec<HeaderValue>) -> WithCookies<SignedInAnswer> {
    WithCookies {
        body: Json(SignedInAnswer {
            redirect_url: redirect.to_string(),
        }),
        cookies,
    }
}
