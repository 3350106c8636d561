//! `company/delete`: a company goes, with its hosts where that is meant.

use domain::id::CompanyId;
use domain::{Code, Error as Refusal, Role};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Parameters;
use crate::reply::Json;

/// Deletes a company.
#[derive(Debug)]
pub struct CompanyDelete;

/// Which company, and whether its hosts go with it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct CompanyDeleteParameters {
    /// Its id.
    pub company_id: CompanyId,
    /// Also when it has hosts, which are deleted with their meetings and contacts.
    pub force: Option<bool>,
}

/// The company that is gone.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "CompanyGone")]
pub struct CompanyDeleteAnswer {
    /// Its id.
    pub company_id: CompanyId,
}

impl Endpoint for CompanyDelete {
    const ID: &'static str = "company_delete";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/company/delete";
    const ACCESS: Access = Access::Session(Role::ResellerAdmin);
    const KIND: Kind = Kind::Write;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey];
    const SUMMARY: &'static str =
        "Deletes a company: nobody signs in or joins any more at once, its hosts are deleted soon after.";
    type Input = Parameters<CompanyDeleteParameters>;
    type Output = Json<CompanyDeleteAnswer>;

    fn object(Parameters(asked): &Self::Input) -> Option<String> {
        Some(format!("company/{}", asked.company_id))
    }

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        let (caller, store) = (context.caller()?, context.store());
        let (company, hosts) = store.company_counted(&caller.scope, asked.company_id).await?;
        if company.id == caller.company {
            let why = "You cannot delete the company of the account that you are signed in with";
            return Err(Refusal::new(Code::Conflict, why).with_field("company_id").into());
        }
        let force = asked.force.unwrap_or_default();
        if hosts > 0 && !force {
            return Err(store::Error::HasHosts.into());
        }
        let answer = CompanyDeleteAnswer { company_id: company.id };
        let claim = context.claim(&answer).await?;
        let write = context.write(claim.as_ref()).await?;
        store.company_delete(&company, force, &write).await?;
        Ok(Json(answer))
    }
}
