//! `/auth`: a pair of host and SSO token, from a page that may bring it, becomes a session.

use domain::company::Company;
use domain::id::HostId;
use domain::network::Network;
use domain::sealed::{same_secret, token_hash};
use domain::{Code, Error as Refusal, Role};
use http::{HeaderValue, Method, StatusCode, header};
use schemars::JsonSchema;
use serde::Deserialize;
use store::{Attempt, Handoff, HandoffKind, Scope};

use super::cookie::Cookies;
use super::origin::{Destination, Source};
use super::question;
use super::redirect::{Onward, Redirect};
use super::session::Opening;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::former_name::{self, Moved};
use crate::input::Form;
use crate::reply::{Reply as _, Response};
use crate::visit::Place;

/// What begins a ticket of `host/sso_ticket`, so that it is told from an SSO token.
pub(crate) const TICKET: &str = "ticket-";

/// What `/auth` reads.
#[derive(Clone, Deserialize, JsonSchema)]
pub struct SignInParameters {
    /// The host.
    host_id: HostId,
    /// Its SSO token, or a ticket of `host/sso_ticket`.
    login_token_public_key: String,
    /// A path of this domain, with its query and fragment; required of GET.
    redirect_url: Option<String>,
    /// Where the browser goes after a call: a web address or a path.
    after_call_url: Option<String>,
    /// Where the browser goes after an explicit sign-out: a web address or a path.
    remote_logout_url: Option<String>,
    /// `0`: the session ends with the browser.
    remember_me: Option<u8>,
}

impl std::fmt::Debug for SignInParameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignInParameters")
            .field("host_id", &self.host_id)
            .finish_non_exhaustive()
    }
}

/// `POST /auth`, from a form of a partner's page.
#[derive(Debug)]
pub struct SignIn;

impl Endpoint for SignIn {
    const ID: &'static str = "sign_in";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/auth";
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::Pages];
    const SUMMARY: &'static str = "Signs a host in by its SSO token.";
    type Input = Form<SignInParameters>;
    type Output = Response;

    async fn handle(context: &Context<'_>, input: Self::Input) -> Result<Response, Error> {
        for_people(context, sign_in(context, input.0, Destination::Own).await)
    }
}

/// `GET /auth`, as the `src` of an iframe in a partner's page.
#[derive(Debug)]
pub struct SignInFramed;

impl Endpoint for SignInFramed {
    const ID: &'static str = "sign_in_framed";
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/auth";
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::Pages];
    const SUMMARY: &'static str = "Signs a host in by its SSO token, inside a frame.";
    type Input = Form<SignInParameters>;
    type Output = Response;

    async fn handle(context: &Context<'_>, input: Self::Input) -> Result<Response, Error> {
        if input.0.redirect_url.is_none() {
            return for_people(context, Err(Refusal::missing("redirect_url").into()));
        }
        let outcome = sign_in(context, input.0, Destination::Frame).await;
        if outcome.as_ref().is_err_and(former_name::is_unknown)
            && let Some(moved) = Moved::of(context.app, context.request).await?
        {
            return moved.redirect(context.app, context.request);
        }
        for_people(context, outcome)
    }
}

async fn sign_in(context: &Context<'_>, asked: SignInParameters, unsaid: Destination) -> Result<Response, Error> {
    let app = context.app;
    let redirect = match &asked.redirect_url {
        Some(text) => Redirect::parse(text).ok_or_else(|| {
            Refusal::invalid(
                "redirect_url",
                "must be a path of this domain, such as /conf/call/1234567",
            )
        })?,
        None => Redirect::home(),
    };
    let after_call = onward("after_call_url", asked.after_call_url.as_deref())?;
    let remote_logout = onward("remote_logout_url", asked.remote_logout_url.as_deref())?;
    let redirect = match &after_call {
        Some(target) => redirect.with_after_call(target),
        None => redirect,
    };
    let (place, moved) = place(context, unsaid).await?;
    let network = context.network();
    let scope = Scope::company(place.reseller, place.company);
    let lock = [Attempt::Sso(asked.host_id, network)];
    let (company, host, attempts, ticket) = tokio::join!(
        app.store.company(&scope, place.company),
        app.store.host(&scope, asked.host_id),
        app.store.attempts(&lock, context.now),
        ticket(context, place, &asked)
    );
    let (company, ticket) = (company?, ticket?);
    let destination = Destination::of(context.request, unsaid);
    check_source(context, &company, destination, ticket.is_some())?;
    if let Some(attempts) = attempts?
        .first()
        .filter(|found| found.failures >= app.config.rates.sso_failures)
    {
        return Err(Error::rate_limited(attempts.retry_after(context.now)));
    }
    let shown = match ticket {
        // It stands for the SSO token that the account had when it was made.
        Some(ticket) => ticket.sso_token_hash.unwrap_or_default(),
        None => token_hash(&asked.login_token_public_key),
    };
    let host = known(host)?.filter(|host| same_secret(host.sso_token_hash.as_bytes(), shown.as_bytes()));
    let Some(host) = host else {
        return Err(wrong_pair(context, asked.host_id, network).await);
    };

    let opening = Opening {
        account: (host.reseller, host.company, host.id),
        role: Role::Host,
        after_call_url: after_call.map(Onward::into_string),
        remote_logout_url: remote_logout.map(Onward::into_string),
        ends: None,
        sso_token_hash: Some(host.sso_token_hash.clone()),
    };
    let remember = asked.remember_me != Some(0);
    let cookies = Cookies::of(app);
    if let Some(moved) = moved {
        // A cookie of this name is none there: the page keeps the session, as in a frame.
        let framed = destination == Destination::Frame;
        let parent = framed.then(|| Source::of(context.request).origin()).flatten();
        let redirect = redirect.with_handoff(&opening.hand_over(context).await?, parent.as_deref());
        let to = format!("{}{redirect}", app.config.origin(moved.to.as_str()));
        return Ok(led(&to, &[]));
    }
    match destination {
        Destination::Frame => framed(context, &opening, redirect, cookies).await,
        Destination::Own
            if cookies
                .account_of(context.request)
                .is_some_and(|other| other != host.id) =>
        {
            let fields = [
                ("handoff", opening.hand_over(context).await?),
                ("redirect_url", redirect.to_string()),
                ("remember_me", u8::from(remember).to_string()),
            ];
            // Another account is signed in here: nothing changes before the person says so.
            Ok(question::ask(app, &company, &host, fields)?.into_response())
        }
        Destination::Own => {
            let session = opening.create(context).await?;
            Ok(see_other(&redirect, &cookies.browser(&session, host.id, remember)))
        }
    }
}

/// Whose host name was asked for. A form's POST under a former name is taken where it is: browsers hide where it comes from
/// (`Origin: null`) once it was sent on.
async fn place(context: &Context<'_>, unsaid: Destination) -> Result<(Place, Option<Moved>), Error> {
    match Place::of(context).await {
        Err(error) if unsaid == Destination::Own && former_name::is_unknown(&error) => {
            let moved = Moved::of(context.app, context.request).await?.ok_or(error)?;
            let place = Place {
                reseller: moved.reseller,
                company: moved.company,
            };
            Ok((place, Some(moved)))
        }
        place => Ok((place?, None)),
    }
}

fn onward(field: &'static str, text: Option<&str>) -> Result<Option<Onward>, Refusal> {
    let read = |text| Onward::parse(text).ok_or_else(|| Refusal::invalid(field, "must be a web address or a path"));
    text.map(read).transpose()
}

/// The one-time ticket that was brought in place of the SSO token, which is spent with this, whatever comes of the
/// sign-in. `None` where the SSO token itself was brought.
async fn ticket(context: &Context<'_>, place: Place, asked: &SignInParameters) -> Result<Option<Handoff>, Error> {
    let app = context.app;
    let Some(value) = asked.login_token_public_key.strip_prefix(TICKET) else {
        return Ok(None);
    };
    let taken = app
        .store
        .handoff_take(&token_hash(value), HandoffKind::SsoTicket, app.random(), context.now)
        .await?;
    Ok(taken.filter(|ticket| place.is_of(ticket.reseller, ticket.company) && ticket.host == asked.host_id))
}

/// Only the company's own pages and those of its `embed_origins` may start a sign-in (ruling 10). A frame whose browser
/// says neither `Origin` nor `Referer` is let in by a ticket: a partner's server has asked for it within the minute.
fn check_source(
    context: &Context<'_>,
    company: &Company,
    destination: Destination,
    by_ticket: bool,
) -> Result<(), Error> {
    let source = Source::of(context.request);
    let listed = company.settings.embed_origins.iter().map(|origin| origin.as_str());
    let unsaid = source == Source::Unsaid && by_ticket && destination == Destination::Frame;
    let own = || company.hosts().any(|host| source.is_own(&context.app.config, host));
    if unsaid || own() || source.is_one_of(listed) {
        return Ok(());
    }
    Err(Refusal::new(Code::Forbidden, "Sign-in is not allowed from this page").into())
}

/// A host that is not there, or is another company's, is as unknown as a wrong token.
pub(crate) fn known<T>(found: Result<T, store::Error>) -> Result<Option<T>, Error> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(store::Error::NotFound(_) | store::Error::Forbidden) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn wrong_pair(context: &Context<'_>, host: HostId, network: Network) -> Error {
    match context
        .app
        .store
        .attempt_failed(&Attempt::Sso(host, network), context.now)
        .await
    {
        Ok(_) => Refusal::new(Code::Unauthenticated, "Wrong host_id or login_token_public_key").into(),
        Err(error) => error.into(),
    }
}

/// In another site's frame: a handoff in the fragment, and a cookie for browsers that keep one apart for the frame.
async fn framed(
    context: &Context<'_>,
    opening: &Opening,
    redirect: Redirect,
    cookies: Cookies,
) -> Result<Response, Error> {
    let (handoff, session) = tokio::try_join!(opening.hand_over(context), opening.create(context))?;
    let parent = Source::of(context.request).origin();
    Ok(see_other(
        &redirect.with_handoff(&handoff, parent.as_deref()),
        &[cookies.frame(&session)],
    ))
}

/// 303 to a page of this domain. Neither the page's address nor the sign-in's is kept or passed on.
pub(super) fn see_other(to: &Redirect, cookies: &[HeaderValue]) -> Response {
    led(&to.to_string(), cookies)
}

pub(super) fn led(to: &str, cookies: &[HeaderValue]) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::SEE_OTHER;
    let location = HeaderValue::try_from(to).expect("a serialised URL is printable ASCII");
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, location);
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for cookie in cookies {
        headers.append(header::SET_COOKIE, cookie.clone());
    }
    response
}

/// A refusal as a page where a browser shows it, as the error object otherwise. Failures of ours stay what they are.
pub(super) fn for_people(context: &Context<'_>, outcome: Result<Response, Error>) -> Result<Response, Error> {
    let wants_page = context
        .request
        .header("accept")
        .is_some_and(|accept| accept.contains("text/html"));
    match outcome {
        Err(Error::Refused(refusal)) if wants_page => {
            let status = StatusCode::from_u16(refusal.code.status()).unwrap_or(StatusCode::BAD_REQUEST);
            let mut page = question::refused(context.app, status, &refusal.message)?;
            if let Some(seconds) = refusal.retry_after {
                page.headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            Ok(page.into_response())
        }
        outcome => outcome,
    }
}
