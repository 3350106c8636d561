//! What an endpoint knows beside its input: who calls, on whose host name, and the request itself.

use std::sync::OnceLock;

use jiff::Timestamp;
use store::Tenant;

use crate::access::{self, Caller};
use crate::admission::{Admission, admit};
use crate::app::App;
use crate::endpoint::{Access, Kind, Route};
use crate::error::Error;
use crate::reply::Response;
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
    remaining: Option<u32>,
    admission: OnceLock<Admission>,
}

impl<'a> Context<'a> {
    /// Finds out who calls, and refuses who must not.
    pub(crate) async fn enter(app: &'a App, route: &Route, request: &'a Request) -> Result<Self, Error> {
        let now = app.now();
        let entered = match route.access {
            Access::Anyone | Access::Relay => access::Entered::default(),
            Access::Tenant => access::tenant(app, request).await?,
            Access::Session(lowest) => access::session(app, request, lowest, now).await?,
        };
        Ok(Self {
            app,
            request,
            endpoint: route.id,
            now,
            tenant: entered.tenant,
            caller: entered.caller,
            remaining: entered.remaining,
            admission: OnceLock::new(),
        })
    }

    /// The company whose host name was asked; known to endpoints of [`Access::Tenant`] and [`Access::Session`].
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
        self.caller.as_ref().ok_or_else(|| access::unauthenticated("Missing auth_token").into())
    }

    /// What the session has left in this minute.
    pub(crate) fn remaining(&self) -> Option<u32> {
        self.remaining
    }

    /// Counts the request against its rates and claims its idempotency key.
    pub(crate) async fn admit(&self, kind: Kind, object: Option<String>) -> Result<(), Error> {
        let admission = admit(self, kind, object).await?;
        // Set once: an endpoint runs once per context.
        let _ = self.admission.set(admission);
        Ok(())
    }

    /// The first answer, if this request repeats one.
    pub(crate) fn replayed(&self) -> Option<Response> {
        self.admission.get().and_then(Admission::replayed)
    }

    /// Lets the idempotency key go after a failure, so that another try runs.
    pub(crate) async fn release(&self) {
        if let Some(admission) = self.admission.get() {
            admission.release(self).await;
        }
    }
}
