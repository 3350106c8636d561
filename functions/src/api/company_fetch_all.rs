//! `company/fetch_all`: the companies of a reseller, or the admin's own.

use domain::Role;
use domain::id::CompanyId;
use schemars::JsonSchema;
use serde::Deserialize;
use store::Paging;

use super::company::CompanyAnswer;
use super::list::{Limit, List, limit};
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind};
use crate::error::Error;
use crate::input::Parameters;

/// Lists companies.
#[derive(Debug)]
pub struct CompanyFetchAll;

/// Which companies.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct CompanyFetchAllParameters {
    /// Most entries, 1 to 1000.
    pub limit: Option<Limit>,
    /// The last id of the page before.
    pub after: Option<CompanyId>,
}

impl Endpoint for CompanyFetchAll {
    const ID: &'static str = "company_fetch_all";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/company/fetch_all";
    const ACCESS: Access = Access::Session(Role::CompanyAdmin);
    const KIND: Kind = Kind::Read;
    const SUMMARY: &'static str = "Answers the companies in the caller's reach, newest first.";
    type Input = Parameters<CompanyFetchAllParameters>;
    type Output = List<CompanyAnswer>;

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        let limit = limit(asked.limit);
        let (caller, store) = (context.caller()?, context.store());
        let Some(own) = caller.scope.company else {
            let paging = Paging {
                after: asked.after,
                limit,
            };
            let page = store.companies(caller.reseller, paging).await?;
            return List::of(page.items.into_iter().map(|company| Ok(company.into())), page.more);
        };
        let own = store.company(&caller.scope, own).await?;
        List::within(vec![own.into()], asked.after.map(|after| after.to_string()), limit)
    }
}
