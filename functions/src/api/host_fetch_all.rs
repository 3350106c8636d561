//! `host/fetch_all`: the accounts of a company, or of the reseller.

use domain::Role;
use domain::id::{CompanyId, HostId};
use schemars::JsonSchema;
use serde::Deserialize;
use store::Paging;

use super::host::{HostListed, entry};
use super::list::{Limit, List, limit};
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Parameters;

/// Lists accounts.
#[derive(Debug)]
pub struct HostFetchAll;

/// Which accounts.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct HostFetchAllParameters {
    /// Whose; a company's own admin may leave it out, and without it a reseller's admin gets all of the reseller.
    pub company_id: Option<CompanyId>,
    /// Most entries, 1 to 1000.
    pub limit: Option<Limit>,
    /// The last id of the page before.
    pub after: Option<HostId>,
}

impl Endpoint for HostFetchAll {
    const ID: &'static str = "host_fetch_all";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/host/fetch_all";
    const ACCESS: Access = Access::Session(Role::CompanyAdmin);
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey];
    const SUMMARY: &'static str = "Answers host accounts, oldest first; `X-Next-After` where more follow.";
    type Input = Parameters<HostFetchAllParameters>;
    type Output = List<HostListed>;

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        let paging = Paging {
            after: asked.after,
            limit: limit(asked.limit),
        };
        let (caller, store) = (context.caller()?, context.store());
        let Some(company) = asked.company_id.or(caller.scope.company) else {
            let (hosts, next) = store.hosts_all(caller.reseller, paging).await?;
            let entries = hosts.into_iter();
            let entries = entries.map(|(host, company)| entry(context, host, &company));
            return List::before(entries, next.map(|next| next.to_string()));
        };
        let (company, page) = tokio::join!(
            store.company(&caller.scope, company),
            store.hosts(&caller.scope, company, paging)
        );
        let (company, page) = (company?, page?);
        let entries = page.items.into_iter();
        List::of(entries.map(|host| entry(context, host, &company)), page.more)
    }
}
