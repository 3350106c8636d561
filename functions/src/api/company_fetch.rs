//! `company/fetch`: what a company is set to.

use domain::id::CompanyId;
use domain::{Error as Refusal, Role};
use schemars::JsonSchema;
use serde::Deserialize;

use super::company::CompanyAnswer;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind};
use crate::error::Error;
use crate::input::Parameters;
use crate::reply::Json;

/// Shows a company.
#[derive(Debug)]
pub struct CompanyFetch;

/// Which company.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct CompanyFetchParameters {
    /// Its id; a company's own admin may leave it out.
    pub company_id: Option<CompanyId>,
}

impl Endpoint for CompanyFetch {
    const ID: &'static str = "company_fetch";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/company/fetch";
    const ACCESS: Access = Access::Session(Role::CompanyAdmin);
    const KIND: Kind = Kind::Read;
    const SUMMARY: &'static str = "Answers a company.";
    type Input = Parameters<CompanyFetchParameters>;
    type Output = Json<CompanyAnswer>;

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        let id = asked.company_id.or(context.caller()?.scope.company);
        let id = id.ok_or_else(|| Refusal::missing("company_id"))?;
        let company = context.store().company(&context.caller()?.scope, id).await?;
        Ok(Json(company.into()))
    }
}
