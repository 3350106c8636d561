//! `POST /password/{token}`: whoever has an account's link sets its password, once, and is signed in.

use std::fmt;

use domain::Error as Refusal;
use domain::sealed::token_hash;
use http::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};
use store::{Actor, HandoffKind, PasswordSet, Scope, Write};

use super::cookie::Cookies;
use super::known;
use super::login::{SignedInAnswer, end_former, own_page, signed_in};
use super::openid::check_passwords;
use super::redirect::Redirect;
use super::session::{self, Opening};
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::JsonBody;
use crate::reply::WithCookies;
use crate::visit::Place;

/// A password of 8 to 1,024 characters. Hidden by `Debug`.
#[derive(Clone, PartialEq, Eq, JsonSchema)]
#[schemars(inline)]
pub struct Password(#[schemars(length(min = 8, max = 1024))] String);

impl Password {
    /// The password in clear, to be hashed.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(***)")
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.chars().count() {
            8..=1_024 => Ok(Self(text)),
            _ => Err(de::Error::custom("must be 8 to 1024 characters")),
        }
    }
}

/// What the page sends.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct PasswordParameters {
    /// The new password.
    pub password: Password,
}

/// `POST /password/{token}`.
#[derive(Debug)]
pub struct SignInSetPassword;

impl Endpoint for SignInSetPassword {
    const ID: &'static str = "sign_in_set_password";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/password/{token}";
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite];
    const SUMMARY: &'static str = "Sets the password of an account by its link, and signs it in.";
    type Input = JsonBody<PasswordParameters>;
    type Output = WithCookies<SignedInAnswer>;

    async fn handle(context: &Context<'_>, JsonBody(asked): Self::Input) -> Result<Self::Output, Error> {
        own_page(context)?;
        let (app, store) = (context.app, context.store());
        let link = context.request.variable("token").unwrap_or_default();
        let hash = token_hash(link);
        let found = async { Ok(store.handoff(&hash, HandoffKind::PasswordLink, context.now).await?) };
        let (place, found) = tokio::try_join!(Place::of(context), found)?;
        check_passwords(context, place).await?;
        let gone = || Refusal::not_found("link: it was used already, or is too old");
        let found = found.filter(|found| place.is_of(found.reseller, found.company));
        let found = found.ok_or_else(gone)?;
        let scope = Scope::company(place.reseller, place.company);
        let host = known(store.host(&scope, found.host).await)?.ok_or_else(gone)?;
        let opening = Opening::of_account(&host);
        let token = session::token(app);
        let set = PasswordSet {
            host: &host,
            link,
            password_hash: &app.passwords.hash(asked.password.into_string(), app.random()).await?,
            session: (&token_hash(&token), &opening.session(context.now)),
        };
        let write = Write {
            at: context.now,
            by: Actor::Host {
                host: host.id,
                role: host.role,
            },
            action: Self::ID,
            claim: None,
        };
        match store.password_set(&set, &write).await {
            Err(store::Error::NotFound(_)) => return Err(gone().into()),
            outcome => outcome?,
        }
        end_former(context).await?;
        let cookies = Cookies::of(app).browser(&token, host.id, true);
        Ok(signed_in(&Redirect::home(), cookies.into()))
    }
}
