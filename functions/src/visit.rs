//! A visit to a tenant's public pages: whose host name was asked for, by whom, from which network. Unlike the partner
//! API, whose callers show an `auth_token`, people come with a cookie, a header or nothing.

use domain::company::{Company, Reseller};
use domain::id::{CompanyId, ResellerId};
use store::{Attempt, Scope};

use crate::access;
use crate::app::App;
use crate::context::Context;
use crate::error::Error;

/// A company by its host name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) reseller: ResellerId,
    pub(crate) company: CompanyId,
}

impl Place {
    /// The company whose host name was asked for; 404 when there is none. At most one round trip.
    pub(crate) async fn of(context: &Context<'_>) -> Result<Self, Error> {
        let app = context.app;
        let found = app
            .tenants
            .find(&app.store, context.request.host.as_ref(), context.now)
            .await?;
        let place = found.and_then(|tenant| {
            Some(Self {
                reseller: tenant.reseller,
                company: tenant.company?,
            })
        });
        Ok(place.ok_or_else(access::unknown_tenant)?)
    }

    /// Whether an object of this reseller and company belongs here.
    pub(crate) fn is_of(self, reseller: ResellerId, company: CompanyId) -> bool {
        self.reseller == reseller && self.company == company
    }

    /// Counts something that is unknown here against the network that asked for it: codes are short, ids are counted up.
    ///
    /// # Errors
    ///
    /// 429 where it has asked for too many.
    pub(crate) async fn unknown_code(self, context: &Context<'_>) -> Result<(), Error> {
        let (app, attempt) = (context.app, Attempt::Code(self.reseller, context.network()));
        let failed = app.store.attempt_failed(&attempt, context.now).await?;
        if failed.failures > app.config.rates.code_failures {
            return Err(Error::rate_limited(failed.retry_after(context.now)));
        }
        Ok(())
    }

    /// What is kept of the company and its reseller. One round trip.
    pub(crate) async fn details(self, app: &App) -> Result<(Company, Reseller), Error> {
        let scope = Scope::reseller(self.reseller);
        let (company, reseller) = tokio::try_join!(
            app.store.company(&scope, self.company),
            app.store.reseller(self.reseller)
        )?;
        Ok((company, reseller))
    }
}
