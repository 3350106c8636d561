//! Sessions of people: made at a sign-in, shown by a page's header or by a cookie.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Role;
use domain::id::{CompanyId, HostId, ResellerId};
use domain::sealed::token_hash;
use jiff::Timestamp;
use store::{Session, SessionUse};

use super::cookie::Cookies;
use super::origin::Source;
use crate::app::App;
use crate::error::Error;
use crate::request::Request;

/// A new random token of 256 bits, URL-safe.
pub(super) fn token(app: &App) -> String {
    URL_SAFE_NO_PAD.encode(app.random::<32>())
}

/// Makes a session of this account and answers its token. It acts as a plain host, whatever the account's role.
pub(super) async fn create(
    app: &App,
    (reseller, company, host): (ResellerId, CompanyId, HostId),
    now: Timestamp,
) -> Result<String, Error> {
    let token = token(app);
    let session = Session {
        reseller,
        company,
        host,
        role: Role::Host,
        after_call_url: None,
        ends: now.saturating_add(Session::LONGEST).unwrap_or(Timestamp::MAX),
        created: now,
    };
    app.store.session_create(&token_hash(&token), &session).await?;
    Ok(token)
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

/// The session that a page's request shows, if it is valid: in `Authorization: Session`, else in a cookie. One round
/// trip, and none without either. Whether it belongs to the tenant is the caller's to check.
pub(crate) async fn signed_in(
    app: &App,
    request: &Request,
    purpose: Use,
    now: Timestamp,
) -> Result<Option<Session>, Error> {
    let cookies = Cookies {
        secure: app.config.scheme == "https",
    };
    let believed = purpose == Use::Look || is_own(app, request);
    let shown = request
        .credentials("Session")
        .or_else(|| cookies.session_of(request).filter(|_| believed));
    let Some(token) = shown else { return Ok(None) };
    match app.store.session_use(&token_hash(token), now).await? {
        SessionUse::Valid { session, .. } => Ok(Some(session)),
        SessionUse::Expired | SessionUse::Unknown => Ok(None),
    }
}

fn is_own(app: &App, request: &Request) -> bool {
    match Source::of(request) {
        Source::Unsaid => true,
        source => request
            .host
            .as_ref()
            .is_some_and(|host| source.is_own(&app.config, host)),
    }
}
