//! Who calls, and what they may touch: the tenant of a host name, the account behind a token, the rank rule.

use std::sync::OnceLock;

use domain::id::{CompanyId, HostId, ResellerId};
use domain::sealed::token_hash;
use domain::{Code, Error as Refusal, Role};
use jiff::Timestamp;
use store::{Actor, Scope, Session, SessionUse, Tenant, access_hash};

use crate::app::App;
use crate::endpoint::Route;
use crate::error::Error;
use crate::request::Request;

/// The account behind a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account.
    pub host: HostId,
    /// Its company.
    pub company: CompanyId,
    /// The reseller of all it can reach.
    pub reseller: ResellerId,
    /// What it acts as: a session of single sign-on acts as HOST whatever the account's role.
    pub role: Role,
    /// How far it reaches: what the store shows and changes for it.
    pub scope: Scope,
    /// The hash under which its session lies in the table.
    pub session: String,
    pub(crate) held: Session,
}

impl Caller {
    /// The account as the audit names it.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor::Host {
            host: self.host,
            role: self.role,
        }
    }

    /// The rank rule for reading: secrets of an account ranked above the caller are not shown, and none to one that only
    /// reads.
    #[must_use]
    pub fn sees_secrets_of(&self, role: Role) -> bool {
        role <= self.role && !self.reads_only()
    }

    /// Whether it calls by an access token of the scope `read` alone (contract §3).
    #[must_use]
    pub fn reads_only(&self) -> bool {
        let access = self.held.oauth.as_ref();
        access.is_some_and(|access| access.scopes.reads_only())
    }

    /// The rank rule for changing.
    ///
    /// # Errors
    ///
    /// 403 for an account ranked above the caller.
    pub fn check_rank(&self, role: Role) -> Result<(), Refusal> {
        if role <= self.role {
            Ok(())
        } else {
            Err(Refusal::new(Code::Forbidden, "The account is ranked above yours"))
        }
    }
}

/// What is known of a request before its endpoint runs.
#[derive(Debug, Default)]
pub(crate) struct Entered {
    pub(crate) tenant: Option<Tenant>,
    pub(crate) caller: Option<Caller>,
}

/// Finds the tenant whose host name was asked for.
pub(crate) async fn tenant(app: &App, request: &Request, now: Timestamp) -> Result<Entered, Error> {
    let tenant = app.tenants.find(&app.store, request.host.as_ref(), now).await?;
    Ok(Entered {
        tenant: Some(tenant.ok_or_else(unknown_tenant)?),
        ..Entered::default()
    })
}

/// Finds the account behind the token, beside the tenant; both must be of one reseller. What the session has left is in
/// `remaining` as soon as the request is counted, whatever comes of it.
pub(crate) async fn session(
    app: &App,
    request: &Request,
    (route, lowest): (&Route, Role),
    now: Timestamp,
    remaining: &OnceLock<u32>,
) -> Result<Entered, Error> {
    let hash = shown(request)?;
    let (tenant, used) = tokio::join!(
        app.tenants.find(&app.store, request.host.as_ref(), now),
        app.store.session_use(&hash, now)
    );
    let tenant = tenant?.ok_or_else(unknown_tenant)?;
    let (session, requests) = match used? {
        SessionUse::Valid {
            session,
            requests_in_minute,
        } => (session, requests_in_minute),
        SessionUse::Expired => return Err(expired().into()),
        SessionUse::Unknown => return Err(unauthenticated("Invalid token").into()),
    };
    if session.reseller != tenant.reseller {
        return Err(unauthenticated("Invalid token").into());
    }
    let limit = app.config.rates.session_per_minute;
    let _ = remaining.set(limit.saturating_sub(requests));
    if requests > limit {
        return Err(Error::rate_limited(seconds_left(now)));
    }
    let caller = caller(session, hash);
    let refused = if caller.role < lowest {
        Some(Refusal::forbidden().into())
    } else if caller.reads_only() && !is_fetch(route) {
        Some(Error::InsufficientScope)
    } else {
        None
    };
    if let Some(refused) = refused {
        // Who has no session any more is told that before anything else: only then is a new one asked for.
        return Err(match app.store.session_stands(&caller.held).await? {
            true => refused,
            false => expired().into(),
        });
    }
    Ok(Entered {
        tenant: Some(tenant),
        caller: Some(caller),
    })
}

fn caller(session: Session, hash: String) -> Caller {
    Caller {
        host: session.host,
        company: session.company,
        reseller: session.reseller,
        role: session.role,
        scope: session.scope(),
        session: hash,
        held: session,
    }
}

/// Whether the scope `read` reaches a method.
pub(crate) fn is_fetch(route: &Route) -> bool {
    route.id.ends_with("_fetch") || route.id.ends_with("_fetch_all")
}

/// What the token that a request shows lies under. An access token lies elsewhere than all others, so that none is taken for
/// another.
fn shown(request: &Request) -> Result<String, Error> {
    match request.credentials("Bearer").filter(|token| !token.is_empty()) {
        Some(token) => Ok(access_hash(token)),
        None => token(request).map(token_hash),
    }
}

/// The `auth_token` of the partner API: in the header or among the parameters.
fn token(request: &Request) -> Result<&str, Error> {
    if let Some(token) = request.credentials("AuthToken").filter(|token| !token.is_empty()) {
        return Ok(token);
    }
    let parameters = request.parameters()?;
    match parameters.text("auth_token").filter(|token| !token.is_empty()) {
        Some(token) => Ok(token),
        // Something was shown, but nothing that this API knows.
        None if parameters.given("auth_token") || request.header("authorization").is_some() => {
            Err(unauthenticated("Invalid token").into())
        }
        None => Err(unauthenticated("Missing auth_token").into()),
    }
}

/// 404: the host name is no company's.
pub(crate) fn unknown_tenant() -> Refusal {
    Refusal::new(Code::NotFound, "Nothing is served under this host name")
}

/// 401: the session is over.
pub(crate) fn expired() -> Refusal {
    unauthenticated("Session expired, please authenticate again")
}

/// 401 with one of the contract's texts.
pub(crate) fn unauthenticated(message: &'static str) -> Refusal {
    Refusal::new(Code::Unauthenticated, message)
}

/// Seconds until the minute of `now` is over, which is when rates count anew.
pub(crate) fn seconds_left(now: Timestamp) -> u32 {
    u32::try_from(60 - now.as_second().rem_euclid(60)).unwrap_or(60)
}
