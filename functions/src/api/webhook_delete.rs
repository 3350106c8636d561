//! `webhook/delete`: nothing is sent to it any more.

use domain::Role;
use domain::id::{CompanyId, HookId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::webhook::Desk;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Parameters;
use crate::reply::Json;

/// Deletes a webhook.
#[derive(Debug)]
pub struct WebhookDelete;

/// Which.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct WebhookDeleteParameters {
    /// Whose; a company's own admin may leave it out.
    pub company_id: Option<CompanyId>,
    /// Which.
    pub webhook_id: HookId,
}

/// The webhook that is gone.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "WebhookGone")]
pub struct WebhookDeleteAnswer {
    /// Its id.
    pub webhook_id: HookId,
}

impl Endpoint for WebhookDelete {
    const ID: &'static str = "webhook_delete";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/webhook/delete";
    const ACCESS: Access = Access::Session(Role::CompanyAdmin);
    const KIND: Kind = Kind::Write;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey];
    const SUMMARY: &'static str = "Deletes a webhook; what waits for it is not sent.";
    type Input = Parameters<WebhookDeleteParameters>;
    type Output = Json<WebhookDeleteAnswer>;

    fn object(Parameters(asked): &Self::Input) -> Option<String> {
        Some(format!("webhook/{}", asked.webhook_id))
    }

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        let desk = Desk::of_caller(context, asked.company_id)?;
        desk.delete(asked.webhook_id).await.map(Json)
    }
}

impl Desk<'_> {
    /// Deletes a webhook.
    pub(crate) async fn delete(&self, id: HookId) -> Result<WebhookDeleteAnswer, Error> {
        let hook = self.find(id).await?;
        let answer = WebhookDeleteAnswer { webhook_id: hook.id };
        let claim = self.context.claim(&answer).await?;
        let write = self.write(claim.as_ref()).await?;
        self.store().hook_delete(&hook, &write).await?;
        Ok(answer)
    }
}
