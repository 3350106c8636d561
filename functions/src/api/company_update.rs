//! `company/update`: what is sent changes, all else stays. An object or a list is replaced as a whole; null is the default.

use std::collections::HashSet;

use domain::code::Subdomain;
use domain::company::{Company, CompanySettings};
use domain::id::{CompanyId, PlanId};
use domain::text::Name;
use domain::{Code, Error as Refusal, Role};
use schemars::JsonSchema;
use serde::Deserialize;
use store::Scope;

use super::branding;
use super::company::{CompanyAnswer, check};
use super::subscriptions;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Parameters;
use crate::reply::Json;

/// Changes a company.
#[derive(Debug)]
pub struct CompanyUpdate;

/// What changes of a company, beside its settings.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct CompanyUpdateParameters {
    /// Its id; a company's own admin may leave it out.
    pub company_id: Option<CompanyId>,
    /// Its label below the reseller's domain. The former one leads to it for 12 months and is nobody else's.
    pub subdomain: Option<Subdomain>,
    /// Its name.
    pub name: Option<Name>,
    /// Plans of the reseller that it subscribes to. Instances that hosts have of what is left out are gone.
    pub subscription_ids: Option<Vec<PlanId>>,
}

impl Endpoint for CompanyUpdate {
    const ID: &'static str = "company_update";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/company/update";
    const ACCESS: Access = Access::Session(Role::CompanyAdmin);
    const KIND: Kind = Kind::Write;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey];
    const SUMMARY: &'static str = "Changes a company.";
    type Input = (Parameters<CompanyUpdateParameters>, Parameters<CompanySettings>);
    type Output = Json<CompanyAnswer>;

    fn object((Parameters(asked), _): &Self::Input) -> Option<String> {
        asked.company_id.map(|id| format!("company/{id}"))
    }

    fn own_object(own: &Scope) -> Option<String> {
        own.company.map(|id| format!("company/{id}"))
    }

    async fn handle(
        context: &Context<'_>,
        (Parameters(asked), Parameters(settings)): Self::Input,
    ) -> Result<Self::Output, Error> {
        let (caller, store) = (context.caller()?, context.store());
        let id = asked.company_id.or(caller.scope.company);
        let id = id.ok_or_else(|| Refusal::missing("company_id"))?;
        let plans = async {
            match &asked.subscription_ids {
                Some(_) => store.plans(caller.reseller).await,
                None => Ok(Vec::new()),
            }
        };
        let (company, reseller, plans) =
            tokio::join!(store.company(&caller.scope, id), store.reseller(caller.reseller), plans);
        let (company, reseller, plans) = (company?, reseller?, plans?);
        let mut after = Company {
            settings: sent(context, settings, company.settings.clone())?,
            ..company.clone()
        };
        let by_reseller = caller.role == Role::ResellerAdmin;
        if !by_reseller && let Some(field) = changed_by_reseller(&asked, &company, &after) {
            let why = "Only a reseller's admin can change this";
            return Err(Refusal::new(Code::Forbidden, why).with_field(field).into());
        }
        check(&after.settings)?;
        after.name = asked.name.unwrap_or(after.name);
        if let Some(subdomain) = asked.subdomain {
            let fqdn = reseller.domain.below(&subdomain);
            after.fqdn = fqdn.ok_or_else(|| Refusal::invalid("subdomain", "is too long for this domain"))?;
            after.subdomain = subdomain;
        }
        if let Some(wanted) = asked.subscription_ids.filter(|_| by_reseller) {
            after.subscriptions = subscriptions::of_plans(context, &wanted, &company.subscriptions, &plans).await?;
        }
        let (images, new) = branding::images(context, Some(&company), &after.settings.branding).await?;
        after.images = images;
        let answer = CompanyAnswer::from(after.clone());
        let claim = context.claim(&answer).await?;
        let write = context.write(claim.as_ref()).await?;
        store.company_update(&company, &after, &write, &new).await?;
        Ok(Json(answer))
    }
}

/// What only a reseller's admin may change and is asked to be otherwise. Subscriptions may be named as they are answered,
/// by their own ids, or by the plans'.
fn changed_by_reseller(asked: &CompanyUpdateParameters, company: &Company, after: &Company) -> Option<&'static str> {
    let others = |wanted: &Vec<PlanId>| {
        let wanted: HashSet<u64> = wanted.iter().map(|id| id.value()).collect();
        let own: HashSet<u64> = company.subscriptions.iter().map(|held| held.id.value()).collect();
        let plans: HashSet<u64> = company.subscriptions.iter().map(|held| held.plan.value()).collect();
        wanted != own && wanted != plans
    };
    let changed = [
        (
            "subdomain",
            asked
                .subdomain
                .as_ref()
                .is_some_and(|wanted| *wanted != company.subdomain),
        ),
        ("subscription_ids", asked.subscription_ids.as_ref().is_some_and(others)),
        (
            "openid_provider",
            after.settings.openid_provider != company.settings.openid_provider,
        ),
    ];
    changed
        .into_iter()
        .find(|(_, changed)| *changed)
        .map(|(field, _)| field)
}

/// The settings with those that were sent.
fn sent(context: &Context<'_>, sent: CompanySettings, former: CompanySettings) -> Result<CompanySettings, Error> {
    let parameters = context.request.parameters()?;
    macro_rules! each {
        ($($field:ident),*) => {
            CompanySettings {
                $($field: if parameters.has(stringify!($field)) { sent.$field } else { former.$field },)*
            }
        };
    }
    Ok(each!(
        openid_provider,
        branding,
        embed_origins,
        embed_policy,
        media_policy,
        retention_days,
        dialin_numbers,
        time_zone,
        locale,
        hidden_controls
    ))
}
