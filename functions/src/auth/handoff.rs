//! `POST /auth/handoff`: a framed page trades its one-time value for a session; the question page's form does the same
//! for the browser's own cookie.

use domain::sealed::token_hash;
use domain::{Code, Error as Refusal};
use http::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::HandoffKind;

use super::cookie::Cookies;
use super::origin::Source;
use super::redirect::Redirect;
use super::session;
use super::sign_in::{for_people, see_other};
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Form;
use crate::reply::{Json, Reply as _, Response};
use crate::visit::Place;

/// What the trade reads.
#[derive(Clone, Deserialize)]
pub struct HandoffParameters {
    handoff: String,
    redirect_url: Option<String>,
    remember_me: Option<u8>,
}

impl std::fmt::Debug for HandoffParameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HandoffParameters(***)")
    }
}

/// What a framed page gets.
#[derive(Clone, Serialize, JsonSchema)]
pub struct HandoffAnswer {
    /// Sent as `Authorization: Session <session>`, kept in memory.
    pub session: String,
}

impl std::fmt::Debug for HandoffAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HandoffAnswer(***)")
    }
}

/// `POST /auth/handoff`.
#[derive(Debug)]
pub struct SignInHandoff;

impl Endpoint for SignInHandoff {
    const ID: &'static str = "sign_in_handoff";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/auth/handoff";
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite];
    const SUMMARY: &'static str = "Trades a one-time value of a sign-in for a session.";
    type Input = Form<HandoffParameters>;
    type Output = Response;

    async fn handle(context: &Context<'_>, input: Self::Input) -> Result<Response, Error> {
        for_people(context, trade(context, input.0).await)
    }
}

async fn trade(context: &Context<'_>, asked: HandoffParameters) -> Result<Response, Error> {
    let (app, request) = (context.app, context.request);
    let form = request.media_type().as_deref() == Some("application/x-www-form-urlencoded");
    let source = Source::of(request);
    let place = Place::of(context).await?;
    let own = request
        .host
        .as_ref()
        .is_some_and(|host| source.is_own(&app.config, host));
    let allowed = own || (source == Source::Unsaid && !form);
    if !allowed {
        return Err(Refusal::new(Code::Forbidden, "Sign-in is not allowed from this page").into());
    }
    let redirect = match &asked.redirect_url {
        Some(text) => {
            Redirect::parse(text).ok_or_else(|| Refusal::invalid("redirect_url", "must be a path of this domain"))?
        }
        None => Redirect::home(),
    };
    let taken = app
        .store
        .handoff_take(
            &token_hash(&asked.handoff),
            HandoffKind::Session,
            app.random(),
            context.now,
        )
        .await?
        .filter(|handoff| handoff.reseller == place.reseller && handoff.company == place.company);
    let Some(taken) = taken else {
        return Err(Refusal::new(Code::Unauthenticated, "This sign-in was used already or is too old").into());
    };
    let session = session::create(app, (taken.reseller, taken.company, taken.host), context.now).await?;
    if !form {
        return Ok(Json(HandoffAnswer { session }).into_response());
    }
    let cookies = Cookies {
        secure: app.config.scheme == "https",
    };
    Ok(see_other(
        &redirect,
        &cookies.browser(&session, taken.host, asked.remember_me != Some(0)),
    ))
}
