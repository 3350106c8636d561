//! A reseller's plans: made by an operator, never changed.

use domain::id::{PlanId, ResellerId};
use domain::plan::Plan;

use crate::audit::Change;
use crate::op::{Failure, Op};
use crate::table::beginning_with;
use crate::value::from_item;
use crate::{Result, Store, Unique, Write, keys};

/// What the guard of a name points to.
#[derive(serde::Serialize)]
struct Guard {
    plan: PlanId,
}

impl Store {
    /// Makes a plan; its name must be unique in the reseller, which must exist.
    pub async fn plan_create(&self, plan: &Plan, write: &Write<'_>) -> Result<()> {
        let Plan { id, reseller, .. } = *plan;
        let mut ops = vec![
            Op::check(keys::reseller(reseller)).when_there(Failure::NotFound("reseller")),
            Op::put(keys::plan_name(reseller, plan.name.as_str()), &Guard { plan: id })
                .when_new(Failure::Taken(Unique::PlanName)),
            Op::put(keys::plan(reseller, id), plan).when_new(Failure::Raced),
        ];
        let change = Change::created(format!("plan/{id}"), plan);
        ops.extend(write.ops(Some(reseller), None, change, &id));
        self.commit(ops).await
    }

    /// All plans of a reseller, oldest first. One read.
    pub async fn plans(&self, reseller: ResellerId) -> Result<Vec<Plan>> {
        let found = self
            .query(&beginning_with(keys::reseller(reseller).pk, "PLAN#"))
            .await?;
        let mut plans: Vec<Plan> = found
            .iter()
            .map(|item| from_item("plan", item))
            .collect::<Result<_>>()?;
        plans.sort_by_key(|plan| (plan.created, plan.id));
        Ok(plans)
    }
}
