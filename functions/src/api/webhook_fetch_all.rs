//! `webhook/fetch_all`: a company's webhooks.

use domain::Role;
use domain::hook::Hook;
use domain::id::CompanyId;
use schemars::JsonSchema;
use serde::Deserialize;

use super::list::{Limit, List, limit};
use super::webhook::{Desk, WebhookAnswer};
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Parameters;

/// Lists webhooks.
#[derive(Debug)]
pub struct WebhookFetchAll;

/// Whose.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct WebhookFetchAllParameters {
    /// Whose; a company's own admin may leave it out.
    pub company_id: Option<CompanyId>,
    /// Most entries, 1 to 1000.
    pub limit: Option<Limit>,
    /// The last id of the page before.
    pub after: Option<domain::id::HookId>,
}

impl Endpoint for WebhookFetchAll {
    const ID: &'static str = "webhook_fetch_all";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/webhook/fetch_all";
    const ACCESS: Access = Access::Session(Role::CompanyAdmin);
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey];
    const SUMMARY: &'static str = "Answers a company's webhooks, without their secrets.";
    type Input = Parameters<WebhookFetchAllParameters>;
    type Output = List<WebhookAnswer>;

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        let limit = limit(asked.limit);
        let desk = Desk::of_caller(context, asked.company_id)?;
        let (_, shown) = desk.all().await?;
        List::within(shown, asked.after.map(|id| id.to_string()), limit)
    }
}

impl Desk<'_> {
    /// The company's webhooks, and how they are shown.
    pub(crate) async fn all(&self) -> Result<(Vec<Hook>, Vec<WebhookAnswer>), Error> {
        let store = self.store();
        let (known, hooks, token) = tokio::join!(
            self.company_known(),
            store.hooks(self.reseller(), self.company),
            store.signing_token(self.reseller(), self.company)
        );
        known?;
        let (hooks, token) = (hooks?, token?);
        let shown = match &token {
            Some(token) => hooks
                .iter()
                .map(|hook| self.answer(hook, token))
                .collect::<Result<_, _>>()?,
            None => Vec::new(),
        };
        Ok((hooks, shown))
    }
}
