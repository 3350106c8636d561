//! `plan/fetch_all`: what companies can subscribe to.

use domain::Role;
use domain::id::PlanId;
use domain::plan::{Allowance, Plan};
use domain::text::Name;
use domain::time::iso;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::list::{Limit, List, limit};
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind};
use crate::error::Error;
use crate::input::Parameters;

/// A plan.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Plan")]
pub struct PlanAnswer {
    /// Its id; what `subscription_ids` of a company's methods take.
    pub plan_id: PlanId,
    /// Its name.
    pub name: Name,
    /// What it allows.
    #[serde(flatten)]
    pub allows: Allowance,
    /// Since when, ISO 8601 in UTC.
    pub created: String,
}

impl From<Plan> for PlanAnswer {
    fn from(plan: Plan) -> Self {
        Self {
            plan_id: plan.id,
            name: plan.name,
            allows: plan.allows,
            created: iso(plan.created),
        }
    }
}

/// Lists plans.
#[derive(Debug)]
pub struct PlanFetchAll;

/// Which of them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct PlanFetchAllParameters {
    /// Most entries, 1 to 1000.
    pub limit: Option<Limit>,
    /// The last id of the page before.
    pub after: Option<PlanId>,
}

impl Endpoint for PlanFetchAll {
    const ID: &'static str = "plan_fetch_all";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/plan/fetch_all";
    const ACCESS: Access = Access::Session(Role::CompanyAdmin);
    const KIND: Kind = Kind::Read;
    const SUMMARY: &'static str = "Answers the reseller's plans, newest first.";
    type Input = Parameters<PlanFetchAllParameters>;
    type Output = List<PlanAnswer>;

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        let limit = limit(asked.limit);
        let plans = context.store().plans(context.caller()?.reseller).await?;
        let all = plans.into_iter().rev().map(PlanAnswer::from).collect();
        List::within(all, asked.after.map(|after| after.to_string()), limit)
    }
}
