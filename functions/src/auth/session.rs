//! Sessions of people: made at a sign-in, shown by a page's header or by a cookie.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Role;
use domain::host::Host;
use domain::id::{CompanyId, HostId, ResellerId};
use domain::sealed::token_hash;
use jiff::{SignedDuration, Timestamp};
use store::{Handoff, HandoffKind, Scope, Session, SessionUse};

use super::cookie::Cookies;
use super::known;
use super::origin::Source;
use crate::app::App;
use crate::context::Context;
use crate::error::Error;
use crate::request::Request;
use crate::visit::Place;

/// How long a handoff waits for its page.
const HANDOFF: SignedDuration = SignedDuration::from_secs(60);

/// Whose session it is, and where its browser goes in the end.
#[derive(Debug, Clone)]
pub(super) struct Opening {
    pub(super) account: (ResellerId, CompanyId, HostId),
    /// What it acts as. One of single sign-on acts as a plain host, whatever the account's role.
    pub(super) role: Role,
    pub(super) after_call_url: Option<String>,
    pub(super) remote_logout_url: Option<String>,
    /// When it ends at the latest, where it goes on from another one.
    pub(super) ends: Option<Timestamp>,
    /// The hash of the SSO token that it begins by.
    pub(super) sso_token_hash: Option<String>,
}

impl Opening {
    /// Of an account that has proved to be itself: in its own role.
    pub(super) fn of_account(host: &Host) -> Self {
        Self {
            account: (host.reseller, host.company, host.id),
            role: host.role,
            after_call_url: None,
            remote_logout_url: None,
            ends: None,
            sso_token_hash: None,
        }
    }

    /// What a handoff stands for.
    pub(super) fn of(handoff: Handoff) -> Self {
        Self {
            account: (handoff.reseller, handoff.company, handoff.host),
            role: Role::Host,
            after_call_url: handoff.after_call_url,
            remote_logout_url: handoff.remote_logout_url,
            ends: handoff
                .session_ends
                .and_then(|ends| Timestamp::from_millisecond(ends).ok()),
            sso_token_hash: handoff.sso_token_hash,
        }
    }

    /// Whether the account still has the SSO token that this begins by.
    pub(super) fn holds(&self, host: &Host) -> bool {
        self.sso_token_hash
            .as_ref()
            .is_none_or(|hash| *hash == host.sso_token_hash)
    }

    /// The session from now on.
    pub(super) fn session(&self, now: Timestamp) -> Session {
        let (reseller, company, host) = self.account;
        Session {
            reseller,
            company,
            host,
            role: self.role,
            after_call_url: self.after_call_url.clone(),
            remote_logout_url: self.remote_logout_url.clone(),
            api_token: None,
            oauth: None,
            ends: self
                .ends
                .unwrap_or_else(|| domain::conference::later(now, Session::LONGEST)),
            created: now,
        }
    }

    /// Makes the session and answers its token.
    pub(super) async fn create(&self, context: &Context<'_>) -> Result<String, Error> {
        let token = token(context.app);
        let session = self.session(context.now);
        context.app.store.session_create(&token_hash(&token), &session).await?;
        Ok(token)
    }

    /// Makes a one-time value that a page trades for the session.
    pub(super) async fn hand_over(&self, context: &Context<'_>) -> Result<String, Error> {
        let (reseller, company, host) = self.account;
        let value = token(context.app);
        let handoff = Handoff {
            kind: HandoffKind::Session,
            reseller,
            company,
            host,
            after_call_url: self.after_call_url.clone(),
            remote_logout_url: self.remote_logout_url.clone(),
            session_ends: self.ends.map(Timestamp::as_millisecond),
            sso_token_hash: self.sso_token_hash.clone(),
            expires: domain::conference::later(context.now, HANDOFF),
        };
        context.app.store.handoff_create(&token_hash(&value), &handoff).await?;
        Ok(value)
    }
}

/// A new random token of 256 bits, URL-safe.
pub(crate) fn token(app: &App) -> String {
    URL_SAFE_NO_PAD.encode(app.random::<32>())
}

/// What a session in a cookie may be shown for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// A page that is looked at: whoever led the browser here, nothing changes.
    Look,
    /// A request that changes something: other sites' pages can send it too, with the cookie and unasked. Only the
    /// tenant's own are believed.
    Act,
}

/// Where a page's request comes to, and the session that it shows, if it is valid there.
pub(crate) async fn visitor(context: &Context<'_>, purpose: Use) -> Result<(Place, Option<Session>), Error> {
    let (place, session) = tokio::try_join!(
        Place::of(context),
        signed_in(context.app, context.request, purpose, context.now)
    )?;
    let own = session.filter(|session| place.is_of(session.reseller, session.company));
    Ok((place, own))
}

/// The session that a page's request shows, if it is valid: in `Authorization: Session`, else in a cookie. One round
/// trip, and none without either. Whether it belongs to the tenant is the caller's to check.
pub(crate) async fn signed_in(
    app: &App,
    request: &Request,
    purpose: Use,
    now: Timestamp,
) -> Result<Option<Session>, Error> {
    let Some(token) = shown(app, request, purpose) else {
        return Ok(None);
    };
    match app.store.session_use(&token_hash(token), now).await? {
        SessionUse::Valid { session, .. } => Ok(Some(session)),
        SessionUse::Expired | SessionUse::Unknown => Ok(None),
    }
}

/// The account of a session, while it stands behind it: not gone, not signed out since, and of that role still.
pub(crate) async fn account(app: &App, scope: &Scope, session: Option<&Session>) -> Result<Option<Host>, Error> {
    let Some(session) = session else {
        return Ok(None);
    };
    let host = known(app.store.host(scope, session.host).await)?;
    Ok(host.filter(|host| host.admits(session.role, session.created)))
}

/// The token that a page's request shows.
pub(super) fn shown<'r>(app: &App, request: &'r Request, purpose: Use) -> Option<&'r str> {
    let believed = purpose == Use::Look || is_own(app, request);
    request
        .credentials("Session")
        .or_else(|| Cookies::of(app).session_of(request).filter(|_| believed))
}

/// Whether a request comes from a page of the host name that it asks, or from no page at all.
pub(super) fn is_own(app: &App, request: &Request) -> bool {
    match Source::of(request) {
        Source::Unsaid => true,
        source => request
            .host
            .as_ref()
            .is_some_and(|host| source.is_own(&app.config, host)),
    }
}
