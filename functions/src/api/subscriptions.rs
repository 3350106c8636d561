//! `subscription/fetch_all`, and how companies come to subscriptions and hosts to instances of them.

use std::collections::HashSet;

use domain::company::Company;
use domain::host::Host;
use domain::id::{CompanyId, PlanId, SubscriptionId};
use domain::plan::{self, Allowance, Plan, Subscription};
use domain::time::iso;
use domain::{Error as Refusal, Role};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::list::{Limit, List, limit};
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind};
use crate::error::Error;
use crate::input::Parameters;

/// Most subscriptions of one company or host.
const MOST: usize = 50;

/// A company's subscription to a plan.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Subscription")]
pub struct SubscriptionAnswer {
    /// Its id; what `subscription_ids` of a host's methods take.
    pub subscription_id: SubscriptionId,
    /// Whose it is.
    pub company_id: CompanyId,
    /// The plan.
    pub plan_id: PlanId,
    /// What the plan allows.
    #[serde(flatten)]
    pub allows: Allowance,
    /// Since when, ISO 8601 in UTC.
    pub created: String,
}

/// Lists a company's subscriptions.
#[derive(Debug)]
pub struct SubscriptionFetchAll;

/// Whose subscriptions, and which of them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct SubscriptionFetchAllParameters {
    /// The company; a company's own admin may leave it out.
    pub company_id: Option<CompanyId>,
    /// Most entries, 1 to 1000.
    pub limit: Option<Limit>,
    /// The last id of the page before.
    pub after: Option<SubscriptionId>,
}

impl Endpoint for SubscriptionFetchAll {
    const ID: &'static str = "subscription_fetch_all";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/subscription/fetch_all";
    const ACCESS: Access = Access::Session(Role::CompanyAdmin);
    const KIND: Kind = Kind::Read;
    const SUMMARY: &'static str = "Answers a company's subscriptions, newest first.";
    type Input = Parameters<SubscriptionFetchAllParameters>;
    type Output = List<SubscriptionAnswer>;

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        let limit = limit(asked.limit);
        let caller = context.caller()?;
        let id = asked.company_id.or(caller.scope.company);
        let id = id.ok_or_else(|| Refusal::missing("company_id"))?;
        let company = context.store().company(&caller.scope, id).await?;
        let mut all = company.subscriptions;
        all.sort_by_key(|held| std::cmp::Reverse((held.created, held.id)));
        let entries = all.into_iter().map(|held| SubscriptionAnswer {
            subscription_id: held.id,
            company_id: id,
            plan_id: held.plan,
            allows: held.allows,
            created: iso(held.created),
        });
        List::within(entries.collect(), asked.after.map(|after| after.to_string()), limit)
    }
}

fn check(count: usize) -> Result<(), Refusal> {
    if count > MOST {
        return Err(Refusal::invalid(
            "subscription_ids",
            format_args!("must have at most {MOST} entries"),
        ));
    }
    Ok(())
}

/// Whether a host has instances of its company's subscriptions as these say, by the instances' own ids, as answers name
/// them, or by those of the subscriptions.
pub(super) fn are_held(wanted: &[SubscriptionId], host: &Host, company: &Company) -> bool {
    let wanted: HashSet<_> = wanted.iter().copied().collect();
    let own: HashSet<_> = plan::held(host, company).map(|held| held.id).collect();
    let of: HashSet<_> = plan::held(host, company).filter_map(|held| held.of).collect();
    wanted == own || wanted == of
}

/// A company's subscriptions to these plans, each once; those that it has already stay what they are.
pub(super) async fn of_plans(
    context: &Context<'_>,
    wanted: &[PlanId],
    has: &[Subscription],
    plans: &[Plan],
) -> Result<Vec<Subscription>, Error> {
    check(wanted.len())?;
    let (mut seen, mut subscriptions) = (HashSet::new(), Vec::new());
    for (at, id) in wanted.iter().enumerate() {
        let plan = plans.iter().find(|plan| plan.id == *id);
        let plan =
            plan.ok_or_else(|| Refusal::invalid(format!("subscription_ids[{at}]"), "is no plan of the reseller"))?;
        if seen.insert(*id) {
            let former = has.iter().find(|held| held.plan == *id).cloned();
            subscriptions.push(match former {
                Some(former) => former,
                None => fresh(context, plan.id, None, plan.allows).await?,
            });
        }
    }
    Ok(subscriptions)
}

/// A host's instances of these subscriptions of its company, each once; those that it has already stay what they are.
pub(super) async fn of_company(
    context: &Context<'_>,
    wanted: &[SubscriptionId],
    has: &[Subscription],
    company: &Company,
) -> Result<Vec<Subscription>, Error> {
    check(wanted.len())?;
    let (mut seen, mut instances) = (HashSet::new(), Vec::new());
    for (at, id) in wanted.iter().enumerate() {
        let held = company.subscriptions.iter().find(|held| held.id == *id);
        let held = held
            .ok_or_else(|| Refusal::invalid(format!("subscription_ids[{at}]"), "is no subscription of the company"))?;
        if seen.insert(*id) {
            let former = has.iter().find(|instance| instance.of == Some(*id)).cloned();
            instances.push(match former {
                Some(former) => former,
                None => fresh(context, held.plan, Some(held.id), held.allows).await?,
            });
        }
    }
    Ok(instances)
}

async fn fresh(
    context: &Context<'_>,
    plan: PlanId,
    of: Option<SubscriptionId>,
    allows: Allowance,
) -> Result<Subscription, Error> {
    Ok(Subscription {
        id: context.store().new_subscription_id().await?,
        plan,
        of,
        allows,
        created: context.now,
    })
}
