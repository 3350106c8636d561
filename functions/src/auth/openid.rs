//! `GET /login/openid`: leads a browser to the OpenID Connect provider of the company's reseller. `GET /login/openid/back`: where
//! the provider leads it back to, and it is signed in as the account with the provider's `sub`.

use std::fmt;

use domain::sealed::token_hash;
use domain::{Code, Error as Refusal};
use http::{HeaderValue, Method, StatusCode, header};
use schemars::JsonSchema;
use serde::Deserialize;

use super::cookie::Cookies;
use super::redirect::Redirect;
use super::session::{self, Opening, Use};
use super::sign_in::{for_people, led, see_other};
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Form;
use crate::openid::{self, Answered, Failure, Journey, JourneyCookie, Provider};
use crate::pages::{LoginPage, login_page};
use crate::reply::{Reply as _, Response};
use crate::visit::Place;

/// Where providers lead browsers back to: with a host name of the company, the one redirect URI that is registered for it.
const BACK: &str = "/login/openid/back";
/// The longest address within this domain that is remembered on the way, in bytes: it lies in a cookie.
const LONGEST_REDIRECT: usize = 2_048;

/// What sets a browser out.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct OpenIdParameters {
    /// A path of this domain, where the browser goes once signed in.
    redirect_url: Option<String>,
    /// The provider shall ask who it is, also whoever it knows already.
    again: Option<bool>,
}

/// What a provider sends back by the browser.
#[derive(Clone, Deserialize, JsonSchema)]
pub struct OpenIdBackParameters {
    /// What the ID token is traded for.
    code: Option<String>,
    /// What the browser set out with.
    state: Option<String>,
    /// Who answers.
    iss: Option<String>,
    /// Why nobody was signed in.
    error: Option<String>,
}

impl fmt::Debug for OpenIdBackParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpenIdBackParameters(***)")
    }
}

/// Why nobody was signed in; the page has words for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The person or the provider said no.
    Denied,
    /// The provider knows the person, this company does not.
    Unknown,
    /// The answer belongs to no sign-in of this browser: too old, used already, or never begun here.
    Stale,
    /// The provider cannot be reached.
    Away,
    /// What the provider says is not to be believed.
    Failed,
}

impl Problem {
    /// As the page reads it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Unknown => "unknown",
            Self::Stale => "stale",
            Self::Away => "away",
            Self::Failed => "failed",
        }
    }

    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::Denied | Self::Unknown | Self::Failed => StatusCode::FORBIDDEN,
            Self::Stale => StatusCode::BAD_REQUEST,
            Self::Away => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// What ends a sign-in at a provider early.
enum Stopped {
    /// The person is told.
    Told(Problem),
    /// A failure of ours.
    Own(Error),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Own(error)
    }
}

impl From<store::Error> for Stopped {
    fn from(error: store::Error) -> Self {
        Self::Own(error.into())
    }
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        let problem = match failure {
            Failure::Own(error) => return Self::Own(error),
            Failure::Away(_) | Failure::TooSlow => Problem::Away,
            Failure::Status(status) if status.is_server_error() => Problem::Away,
            Failure::Code => Problem::Stale,
            Failure::Status(_) | Failure::Odd(_) | Failure::Untrue(_) => Problem::Failed,
        };
        tracing::warn!(why = %failure, "nobody was signed in by a provider");
        Self::Told(problem)
    }
}

/// `GET /login/openid`.
#[derive(Debug)]
pub struct SignInOpenid;

impl Endpoint for SignInOpenid {
    const ID: &'static str = "sign_in_openid";
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/login/openid";
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::SealingKey, Need::Pages];
    const SUMMARY: &'static str = "Leads a browser to the company's OpenID Connect provider.";
    type Input = Form<OpenIdParameters>;
    type Output = Response;

    async fn handle(context: &Context<'_>, Form(asked): Self::Input) -> Result<Response, Error> {
        for_people(context, set_out(context, asked).await)
    }
}

async fn set_out(context: &Context<'_>, asked: OpenIdParameters) -> Result<Response, Error> {
    let (app, now) = (context.app, context.now);
    // Whatever is no place of this domain leads home: an address can be made up by anybody.
    let redirect = asked.redirect_url.as_deref().and_then(Redirect::parse);
    let redirect = redirect.filter(|redirect| redirect.to_string().len() <= LONGEST_REDIRECT);
    let redirect = redirect.unwrap_or_else(Redirect::home);
    let door = Door::of(context).await?;
    let journey = Journey::begin(app, &door.provider.client, redirect.to_string(), now);
    let again = asked.again == Some(true);
    let url = openid::authorization_url(context, &door.provider, &journey, &door.back, again).await;
    match url.map_err(Stopped::from) {
        Ok(url) => Ok(led(&url, &[door.cookie.set(app, &journey)])),
        Err(Stopped::Told(problem)) => told(context, door.place, &redirect, problem).await,
        Err(Stopped::Own(error)) => Err(error),
    }
}

/// `GET /login/openid/back`.
#[derive(Debug)]
pub struct SignInOpenidBack;

impl Endpoint for SignInOpenidBack {
    const ID: &'static str = "sign_in_openid_back";
    const METHOD: Method = Method::GET;
    const PATH: &'static str = BACK;
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey, Need::Pages];
    const SUMMARY: &'static str = "Signs a browser in that comes from the company's OpenID Connect provider.";
    type Input = Form<OpenIdBackParameters>;
    type Output = Response;

    async fn handle(context: &Context<'_>, Form(asked): Self::Input) -> Result<Response, Error> {
        for_people(context, come_back(context, asked).await)
    }
}

async fn come_back(context: &Context<'_>, asked: OpenIdBackParameters) -> Result<Response, Error> {
    let app = context.app;
    let door = Door::of(context).await?;
    let state = asked.state.as_deref().unwrap_or_default();
    let journey = door
        .cookie
        .read(app, context.request, context.now)
        .filter(|journey| journey.expects(state) && journey.is_to(&door.provider.client));
    let Some(journey) = journey else {
        // Anybody can make such an address up: a sign-in of this browser that is on its way goes on.
        return told(context, door.place, &Redirect::home(), Problem::Stale).await;
    };
    let redirect = Redirect::parse(&journey.redirect).unwrap_or_else(Redirect::home);
    let mut response = match signed_in(context, &door, &journey, &asked).await {
        Ok(cookies) => see_other(&redirect, &cookies),
        Err(Stopped::Told(problem)) => told(context, door.place, &redirect, problem).await?,
        Err(Stopped::Own(error)) => return Err(error),
    };
    response.headers_mut().append(header::SET_COOKIE, door.cookie.gone());
    Ok(response)
}

/// The cookies of the session that the provider's answer leads to.
async fn signed_in(
    context: &Context<'_>,
    door: &Door,
    journey: &Journey,
    asked: &OpenIdBackParameters,
) -> Result<[HeaderValue; 2], Stopped> {
    let app = context.app;
    if let Some(error) = &asked.error {
        return Err(Stopped::Told(match error.as_str() {
            "server_error" | "temporarily_unavailable" => Problem::Away,
            _ => Problem::Denied,
        }));
    }
    let answered = Answered {
        code: asked.code.as_deref().ok_or(Stopped::Told(Problem::Failed))?,
        issuer: asked.iss.as_deref(),
        redirect_uri: &door.back,
    };
    let sub = openid::subject(context, &door.provider, journey, &answered).await?;
    let host = app.store.host_by_openid(door.place.reseller, &sub).await?;
    let host = host.filter(|host| door.place.is_of(host.reseller, host.company));
    let host = host.ok_or(Stopped::Told(Problem::Unknown))?;
    let opening = Opening::of_account(&host);
    let token = session::token(app);
    let session = opening.session(context.now);
    let (spent, until) = journey.spent();
    let hash = token_hash(&token);
    // The provider's page leads here, but the browser set out from one of ours.
    let former = session::shown(app, context.request, Use::Look).map(token_hash);
    let create = app
        .store
        .provider_session_create(&hash, &session, former.as_deref(), (&spent, until));
    match create.await? {
        true => Ok(Cookies::of(app).browser(&token, host.id, false)),
        false => Err(Stopped::Told(Problem::Stale)),
    }
}

/// Where somebody signs in by a provider.
struct Door {
    place: Place,
    provider: std::sync::Arc<Provider>,
    cookie: JourneyCookie,
    /// The redirect URI.
    back: String,
}

impl Door {
    /// 404 where passwords are asked for.
    async fn of(context: &Context<'_>) -> Result<Self, Error> {
        let (app, place) = (context.app, Place::of(context).await?);
        let provider = openid::provider_of(context, place).await?;
        let provider = provider.ok_or_else(|| Refusal::not_found("sign-in provider of this company"))?;
        let host = context
            .request
            .host
            .as_ref()
            .ok_or_else(crate::access::unknown_tenant)?;
        Ok(Self {
            place,
            provider,
            cookie: JourneyCookie::of(app, place, host),
            back: format!("{}{BACK}", app.config.origin(host.as_str())),
        })
    }
}

/// The sign-in page, which says what went wrong.
async fn told(context: &Context<'_>, place: Place, redirect: &Redirect, problem: Problem) -> Result<Response, Error> {
    let scope = store::Scope::company(place.reseller, place.company);
    let company = context.app.store.company(&scope, place.company).await?;
    let page = LoginPage {
        company: &company,
        account: None,
        redirect,
        by_provider: true,
        problem: Some(problem),
    };
    Ok(login_page(context.app, &page)?.into_response())
}

/// Passwords are none of a company's whose people sign in with a provider: it alone decides who comes in.
///
/// # Errors
///
/// 403 at such a company.
pub(super) async fn check_passwords(context: &Context<'_>, place: Place) -> Result<(), Error> {
    match openid::provider_of(context, place).await? {
        None => Ok(()),
        Some(_) => {
            let message = "People of this company sign in with its provider, not with a password";
            Err(Refusal::new(Code::Forbidden, message).into())
        }
    }
}
