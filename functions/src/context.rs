//! What an endpoint knows beside its input: who calls, on whose host name, and the request itself.

use std::net::IpAddr;
use std::sync::OnceLock;

use domain::code::AccessCode;
use domain::host::{Contact, Host};
use domain::id::{ConferenceId, ContactId, HostId};
use domain::network::Network;
use jiff::Timestamp;
use serde::Serialize;
use store::{Claim, ConferenceState, RoomView, Store, Tenant, Write};
use tokio::sync::{OnceCell, SetOnce};

use crate::access::{self, Caller};
use crate::admission::Admission;
use crate::ahead::Ahead;
use crate::app::App;
use crate::endpoint::{Access, Route};
use crate::error::Error;
use crate::kept_answer;
use crate::request::Request;

/// The surroundings of one request.
#[derive(Debug)]
pub struct Context<'a> {
    /// The control plane.
    pub app: &'a App,
    /// The request.
    pub request: &'a Request,
    /// The endpoint's id, for audit and idempotency.
    pub endpoint: &'static str,
    /// When the request was taken up.
    pub now: Timestamp,
    tenant: Option<Tenant>,
    caller: Option<Caller>,
    remaining: &'a OnceLock<u32>,
    ahead: Ahead,
    admission: SetOnce<Admission>,
    stands: OnceCell<bool>,
}

impl<'a> Context<'a> {
    /// Finds out who calls, and refuses who must not. How many tries the caller has left is put into `remaining`.
    pub(crate) async fn enter(
        app: &'a App,
        route: &Route,
        request: &'a Request,
        remaining: &'a OnceLock<u32>,
    ) -> Result<Self, Error> {
        let now = app.now();
        let mut ahead = Ahead::default();
        let entered = match route.access {
            Access::Anyone | Access::Relay => access::Entered::default(),
            Access::Tenant => access::tenant(app, request, now).await?,
            Access::Session(lowest) => {
                // Who shows no session has nothing read, and who shows a wrong one waits for no more than that.
                let entering = access::session(app, request, (route, lowest), now, remaining);
                let reading = async { Ok(Ahead::read(app, route.first, request, now).await) };
                let entered;
                (entered, ahead) = tokio::try_join!(entering, reading)?;
                entered
            }
        };
        Ok(Self {
            app,
            request,
            endpoint: route.id,
            now,
            tenant: entered.tenant,
            caller: entered.caller,
            remaining,
            ahead,
            admission: SetOnce::new(),
            stands: OnceCell::new(),
        })
    }

    /// The table.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.app.store
    }

    /// Whose host name was asked; known to endpoints of [`Access::Tenant`] and [`Access::Session`].
    ///
    /// # Errors
    ///
    /// 404 where the endpoint is open to any host name.
    pub fn tenant(&self) -> Result<&Tenant, Error> {
        self.tenant.as_ref().ok_or_else(|| access::unknown_tenant().into())
    }

    /// The account that calls; known to endpoints of [`Access::Session`].
    ///
    /// # Errors
    ///
    /// 401 where the endpoint asks for no session.
    pub fn caller(&self) -> Result<&Caller, Error> {
        self.caller
            .as_ref()
            .ok_or_else(|| access::unauthenticated("Missing auth_token").into())
    }

    pub(crate) fn known_caller(&self) -> Option<&Caller> {
        self.caller.as_ref()
    }

    /// The network that the request comes from; all requests whose origin the edge did not tell are one network.
    #[must_use]
    pub fn network(&self) -> Network {
        Network::of(self.request.client.unwrap_or(IpAddr::from([0, 0, 0, 0])))
    }

    /// A host in the caller's scope. Read ahead where the endpoint's [`First`](crate::ahead::First) names it.
    ///
    /// # Errors
    ///
    /// There is none, it lies outside, or the table failed.
    pub(crate) async fn host(&self, id: HostId) -> Result<Host, Error> {
        let scope = &self.caller()?.scope;
        match self.ahead.host.take(&id) {
            Some(found) => {
                let host = found?;
                scope.check(host.company, Some(host.id))?;
                Ok(host)
            }
            None => Ok(self.store().host(scope, id).await?),
        }
    }

    /// A contact of the caller's reseller; whether its host is in the caller's scope is the endpoint's to ask. Read ahead
    /// likewise.
    ///
    /// # Errors
    ///
    /// There is none, or the table failed.
    pub(crate) async fn contact(&self, id: ContactId) -> Result<Contact, Error> {
        match self.ahead.contact.take(&id) {
            Some(found) => Ok(found?),
            None => Ok(self.store().contact(self.caller()?.reseller, id).await?),
        }
    }

    /// A conference in the caller's scope. Read ahead likewise.
    ///
    /// # Errors
    ///
    /// There is none, it lies outside, or the table failed.
    pub(crate) async fn conference(&self, id: ConferenceId) -> Result<ConferenceState, Error> {
        let scope = &self.caller()?.scope;
        match self.ahead.conference.take(&id) {
            Some(found) => {
                let state = found?;
                scope.check(state.conference.company, Some(state.conference.host))?;
                Ok(state)
            }
            None => Ok(self.store().conference(scope, id).await?),
        }
    }

    /// What a code leads to, whoever's it is. Read ahead likewise.
    ///
    /// # Errors
    ///
    /// The table failed.
    pub(crate) async fn room(&self, code: AccessCode) -> Result<Option<RoomView>, Error> {
        match self.ahead.room.take(&code) {
            Some(found) => Ok(found?),
            None => Ok(self.store().room(code, self.now).await?),
        }
    }

    /// The claim of this request's idempotency key, with the answer that repeats of it get: kept in the write's own
    /// transaction, so that no answer is lost and none is kept for nothing. `None` where there is no key. Waits for the
    /// request to be let through.
    ///
    /// # Errors
    ///
    /// 401 where the endpoint asks for no session.
    pub async fn claim(&self, answer: &impl Serialize) -> Result<Option<Claim>, Error> {
        let Admission::First(claim) = self.admission.wait().await else {
            return Ok(None);
        };
        let answer = serde_json::to_string(answer).map_err(|_| Error::Broken("answers are plain data"))?;
        let sealed = kept_answer::seal(self.app, &self.answer_place()?, &answer);
        // One that is too large is not kept: a repeat does nothing, and is told so.
        Ok(Some(
            sealed.map_or_else(|| claim.clone(), |sealed| claim.answering(sealed)),
        ))
    }

    /// Whether the caller's account still stands behind its session: it may have been deleted, signed out or demoted since
    /// the session was made. Read once per request, beside what the endpoint reads.
    ///
    /// # Errors
    ///
    /// 401 where it does not.
    pub(crate) async fn standing(&self) -> Result<(), Error> {
        let Some(caller) = &self.caller else { return Ok(()) };
        let stands = self
            .stands
            .get_or_try_init(|| self.store().session_stands(&caller.held));
        match stands.await? {
            true => Ok(()),
            false => Err(access::expired().into()),
        }
    }

    /// Waits until the request is within its rates, nobody else works under its idempotency key, and the caller's account
    /// stands behind its session: before whatever is done but reading.
    ///
    /// # Errors
    ///
    /// 401 where the session is over. Whoever is not let through waits for ever, and is dropped.
    pub(crate) async fn cleared(&self) -> Result<(), Error> {
        self.admission.wait().await;
        self.standing().await
    }

    /// What the caller's write carries: who, when, by which method, and its claim. Nothing is written for a caller whose
    /// account does not stand behind its session any more.
    ///
    /// # Errors
    ///
    /// 401 where the endpoint asks for no session, or the session is over.
    pub async fn write<'w>(&self, claim: Option<&'w Claim>) -> Result<Write<'w>, Error> {
        self.cleared().await?;
        Ok(Write {
            at: self.now,
            by: self.caller()?.actor(),
            action: self.endpoint,
            claim,
        })
    }

    /// Keeps the answer of a write that found nothing to change, and so had no transaction to keep it in. `about`: the
    /// account that it tells about; the answer goes when that is erased.
    ///
    /// # Errors
    ///
    /// The table failed, or the work took so long that another request has taken the key over.
    pub async fn keep(&self, claim: Option<&Claim>, about: Option<HostId>) -> Result<(), Error> {
        let Some((claim, answer)) = claim.and_then(|claim| Some((claim, claim.answer()?))) else {
            return Ok(());
        };
        let claim = match about {
            Some(host) => claim.about(host),
            None => claim.clone(),
        };
        Ok(self.store().idempotency_finish(&claim, answer).await?)
    }

    /// The place that kept answers are sealed for.
    pub(crate) fn answer_place(&self) -> Result<String, Error> {
        Ok(format!("answer/{}/{}", self.endpoint, self.caller()?.host))
    }

    /// Tells the caller how many tries it has left: `X-RateLimit-Remaining`. The first word stands.
    pub fn tell_remaining(&self, remaining: u32) {
        let _ = self.remaining.set(remaining);
    }

    /// Lets the work go on with what came of the admission. An endpoint runs once per context, so this is the only word.
    pub(crate) fn admitted(&self, admission: Admission) -> &Admission {
        let _ = self.admission.set(admission);
        self.admission.get().expect("just set")
    }
}
