//! Which tenant a host name belongs to, remembered for a minute: host names move rarely and every request asks.

use std::collections::HashMap;
use std::sync::Mutex;

use domain::code::Fqdn;
use jiff::{SignedDuration, Timestamp};
use store::{Store, Tenant};

use crate::error::Error;

/// How long an answer is believed.
const FRESH: SignedDuration = SignedDuration::from_secs(60);
/// How many are remembered; beyond it all are forgotten.
const MOST: usize = 10_000;

/// The host names asked for lately.
#[derive(Debug, Default)]
pub(crate) struct Tenants(Mutex<HashMap<Fqdn, (Tenant, Timestamp)>>);

impl Tenants {
    /// The tenant of a host name; a company's former name is nobody's, nor is one that it has only claimed. Unknown names are asked for each time, since they
    /// may be made any moment.
    pub(crate) async fn find(
        &self,
        store: &Store,
        host: Option<&Fqdn>,
        now: Timestamp,
    ) -> Result<Option<Tenant>, Error> {
        let Some(host) = host else { return Ok(None) };
        if let Some(tenant) = self.remembered(host, now) {
            return Ok(Some(tenant));
        }
        let found = store.tenant(host).await?.filter(Tenant::answers);
        if let (Some(tenant), Ok(mut known)) = (found, self.0.lock()) {
            if known.len() >= MOST {
                known.clear();
            }
            known.insert(host.clone(), (tenant, now));
        }
        Ok(found)
    }

    /// The same without asking the table.
    pub(crate) fn remembered(&self, host: &Fqdn, now: Timestamp) -> Option<Tenant> {
        let known = self.0.lock().ok()?;
        known
            .get(host)
            .filter(|(_, since)| now.duration_since(*since).abs() < FRESH)
            .map(|(tenant, _)| *tenant)
    }
}
