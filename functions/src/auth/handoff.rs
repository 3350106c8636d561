//! `POST /auth/handoff`: a framed page trades its one-time value for a session; the question page's form does the same
//! for the browser's own cookie. `POST /auth/session`: a framed page passes its session on to the next one.

use domain::code::{AccessCode, Email};
use domain::sealed::token_hash;
use domain::text::Name;
use domain::{Code, Error as Refusal};
use http::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{HandoffKind, Scope, SessionUse};

use super::cookie::Cookies;
use super::known;
use super::origin::Source;
use super::redirect::Redirect;
use super::session::{self, Opening};
use super::sign_in::{for_people, see_other};
use crate::access::unauthenticated;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Form;
use crate::reply::{Json, Onward, Reply as _, Response};
use crate::visit::Place;

/// What the trade reads.
#[derive(Clone, Deserialize, JsonSchema)]
pub struct HandoffParameters {
    /// The one-time value.
    handoff: String,
    /// A path of this domain, where the browser of a form goes.
    redirect_url: Option<String>,
    /// `0`: the session ends with the browser.
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
    /// Who is signed in.
    pub account: AccountAnswer,
    /// Where the browser goes after a call.
    pub after_call_url: Option<String>,
}

/// Who is signed in.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AccountAnswer {
    /// The account's name.
    pub name: Name,
    /// Its mail address.
    pub email: Email,
    /// The code of its own room.
    pub access_code: AccessCode,
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
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::Pages];
    const SUMMARY: &'static str = "Trades a one-time value of a sign-in for a session.";
    type Input = Form<HandoffParameters>;
    type Output = Onward<HandoffAnswer>;

    async fn handle(context: &Context<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        for_people(context, trade(context, input.0).await).map(Onward::from)
    }
}

async fn trade(context: &Context<'_>, asked: HandoffParameters) -> Result<Response, Error> {
    let (app, request) = (context.app, context.request);
    let form = request.media_type().as_deref() == Some("application/x-www-form-urlencoded");
    let place = Place::of(context).await?;
    if !session::is_own(app, request) || (form && Source::of(request) == Source::Unsaid) {
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
        .filter(|handoff| place.is_of(handoff.reseller, handoff.company));
    let spent = || Refusal::new(Code::Unauthenticated, "This sign-in was used already or is too old");
    let opening = Opening::of(taken.ok_or_else(spent)?);
    let scope = Scope::company(place.reseller, place.company);
    let host = known(app.store.host(&scope, opening.account.2).await)?.filter(|host| opening.holds(host));
    let host = host.ok_or_else(spent)?;
    let session = opening.create(context).await?;
    if form {
        let cookies = Cookies::of(app).browser(&session, host.id, asked.remember_me != Some(0));
        return Ok(see_other(&redirect, &cookies));
    }
    let account = AccountAnswer {
        name: host.name,
        email: host.email,
        access_code: host.access_code,
    };
    let after_call_url = opening.after_call_url;
    Ok(Json(HandoffAnswer {
        session,
        account,
        after_call_url,
    })
    .into_response())
}

/// What the next page trades.
#[derive(Clone, Serialize, JsonSchema)]
pub struct PassOnAnswer {
    /// For the fragment of the next page's address: `#handoff=<handoff>`.
    pub handoff: String,
}

impl std::fmt::Debug for PassOnAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PassOnAnswer(***)")
    }
}

/// `POST /auth/session`: sessions of frames live in a page's memory, and end with the page unless they are passed on.
#[derive(Debug)]
pub struct SignInPassOn;

impl Endpoint for SignInPassOn {
    const ID: &'static str = "sign_in_pass_on";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/auth/session";
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite];
    const SUMMARY: &'static str = "Makes a one-time value for the next page of a framed session.";
    type Input = ();
    type Output = Json<PassOnAnswer>;

    async fn handle(context: &Context<'_>, (): ()) -> Result<Json<PassOnAnswer>, Error> {
        let (app, request) = (context.app, context.request);
        let expired = || unauthenticated("Session expired, please sign in again");
        let missing = || unauthenticated("Missing session");
        // In the header alone: a cookie goes from page to page by itself.
        let token = request.credentials("Session").ok_or_else(missing)?;
        let hash = token_hash(token);
        let used = async { Ok(app.store.session_use(&hash, context.now).await?) };
        let (place, used) = tokio::try_join!(Place::of(context), used)?;
        let session = match used {
            SessionUse::Valid { session, .. } if place.is_of(session.reseller, session.company) => session,
            SessionUse::Valid { .. } | SessionUse::Unknown => return Err(unauthenticated("Invalid session").into()),
            SessionUse::Expired => return Err(expired().into()),
        };
        let scope = Scope::company(place.reseller, place.company);
        let account = app.store.host_of_company(&scope, session.host, place.company).await;
        let host = known(account.map(|(host, _)| host))?;
        let host = host
            .filter(|host| host.admits(session.role, session.created))
            .ok_or_else(expired)?;
        let opening = Opening {
            account: (session.reseller, session.company, session.host),
            role: session.role,
            after_call_url: session.after_call_url,
            remote_logout_url: session.remote_logout_url,
            ends: Some(session.ends),
            sso_token_hash: Some(host.sso_token_hash),
        };
        let handoff = opening.hand_over(context).await?;
        Ok(Json(PassOnAnswer { handoff }))
    }
}
