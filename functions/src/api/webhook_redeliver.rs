//! `webhook/redeliver`: a delivery is sent again.

use domain::id::{CompanyId, HookId};
use domain::{Code, Error as Refusal, Role};
use schemars::JsonSchema;
use serde::Deserialize;
use store::{Delivery, DeliveryState};

use super::webhook::Desk;
use super::webhook_deliveries::{DeliveryAnswer, is_delivery};
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Parameters;
use crate::reply::Json;

/// Sends a delivery again.
#[derive(Debug)]
pub struct WebhookRedeliver;

/// Which.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct WebhookRedeliverParameters {
    /// Whose; a company's own admin may leave it out.
    pub company_id: Option<CompanyId>,
    /// The webhook.
    pub webhook_id: HookId,
    /// The delivery.
    #[schemars(length(max = 36))]
    pub delivery_id: String,
}

impl Endpoint for WebhookRedeliver {
    const ID: &'static str = "webhook_redeliver";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/webhook/redeliver";
    const ACCESS: Access = Access::Session(Role::CompanyAdmin);
    const KIND: Kind = Kind::Write;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey];
    const SUMMARY: &'static str = "Sends a delivery again now, under the same id, apart from all others.";
    type Input = Parameters<WebhookRedeliverParameters>;
    type Output = Json<DeliveryAnswer>;

    fn object(Parameters(asked): &Self::Input) -> Option<String> {
        Some(format!("webhook/{}", asked.webhook_id))
    }

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        let desk = Desk::of_caller(context, asked.company_id)?;
        desk.redeliver(asked.webhook_id, &asked.delivery_id).await.map(Json)
    }
}

impl Desk<'_> {
    /// Sends a delivery again.
    pub(crate) async fn redeliver(&self, id: HookId, delivery: &str) -> Result<DeliveryAnswer, Error> {
        let (store, now) = (self.store(), self.context.now);
        let unknown = || Refusal::not_found("delivery").with_field("delivery_id");
        if !is_delivery(delivery) {
            return Err(unknown().into());
        }
        let delivery = delivery.to_ascii_lowercase();
        let (hook, found) = tokio::join!(self.find(id), store.delivery(self.reseller(), id, &delivery, now));
        let (hook, delivery) = (hook?, found?.ok_or_else(unknown)?);
        if hook.disabled.is_some() {
            return Err(Refusal::new(Code::Conflict, "The webhook is disabled: enable it first").into());
        }
        let answer = DeliveryAnswer::from(Delivery {
            state: DeliveryState::Waiting,
            next: Some(now),
            ..delivery.clone()
        });
        let claim = self.context.claim(&answer).await?;
        let write = self.write(claim.as_ref()).await?;
        store.delivery_again(&hook, &delivery, &write).await?;
        Ok(answer)
    }
}
