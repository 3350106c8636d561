//! `company/create`: a reseller's admin makes a company.

use domain::Error as Refusal;
use domain::Role;
use domain::code::Subdomain;
use domain::company::{Company, CompanySettings};
use domain::id::PlanId;
use domain::text::Name;
use schemars::JsonSchema;
use serde::Deserialize;

use super::branding;
use super::company::{CompanyAnswer, check};
use super::subscriptions;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Parameters;
use crate::reply::Json;

/// Makes a company.
#[derive(Debug)]
pub struct CompanyCreate;

/// What a new company needs.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct CompanyCreateParameters {
    /// Its label below the reseller's domain, unique there.
    pub subdomain: Subdomain,
    /// Its name.
    pub name: Name,
    /// Plans of the reseller that it subscribes to.
    pub subscription_ids: Option<Vec<PlanId>>,
}

impl Endpoint for CompanyCreate {
    const ID: &'static str = "company_create";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/company/create";
    const ACCESS: Access = Access::Session(Role::ResellerAdmin);
    const KIND: Kind = Kind::Write;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey];
    const SUMMARY: &'static str = "Makes a company.";
    type Input = (Parameters<CompanyCreateParameters>, Parameters<CompanySettings>);
    type Output = Json<CompanyAnswer>;

    async fn handle(
        context: &Context<'_>,
        (Parameters(asked), Parameters(settings)): Self::Input,
    ) -> Result<Self::Output, Error> {
        check(&settings)?;
        let (caller, store) = (context.caller()?, context.store());
        let plans = async {
            match &asked.subscription_ids {
                Some(_) => store.plans(caller.reseller).await,
                None => Ok(Vec::new()),
            }
        };
        let images = branding::images(context, None, &settings.branding);
        let (reseller, id, plans, images) =
            tokio::join!(store.reseller(caller.reseller), store.new_company_id(), plans, images);
        let (reseller, id, plans, (images, new)) = (reseller?, id?, plans?, images?);
        let wanted = asked.subscription_ids.unwrap_or_default();
        let subscriptions = subscriptions::of_plans(context, &wanted, &[], &plans).await?;
        let fqdn = reseller.domain.below(&asked.subdomain);
        let company = Company {
            id,
            reseller: caller.reseller,
            fqdn: fqdn.ok_or_else(|| Refusal::invalid("subdomain", "is too long for this domain"))?,
            subdomain: asked.subdomain,
            name: asked.name,
            subscriptions,
            own_domains: Vec::new(),
            images,
            deleting: None,
            version: 0,
            created: context.now,
            settings,
        };
        let answer = CompanyAnswer::from(company.clone());
        let claim = context.claim(&answer).await?;
        store
            .company_create(&company, &context.write(claim.as_ref()).await?, &new)
            .await?;
        Ok(Json(answer))
    }
}
