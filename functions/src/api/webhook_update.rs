//! `webhook/update`: another address, other events, on or off, a ping, a new signing token.

use std::collections::BTreeSet;

use domain::hook::{EventName, Former, Hook, OVERLAP, SigningToken};
use domain::id::{CompanyId, HookId};
use domain::{Error as Refusal, Role};
use schemars::JsonSchema;
use serde::Deserialize;
use store::HookChange;

use super::webhook::{self, Desk, WebhookAnswer};
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Parameters;
use crate::outbound::Given;
use crate::reply::Json;

/// How often it is decided anew where a delivery has changed the webhook's state meanwhile.
const TRIES: usize = 4;

/// Changes a webhook.
#[derive(Debug)]
pub struct WebhookUpdate;

/// What of it; what is absent stays.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct WebhookUpdateParameters {
    /// Whose; a company's own admin may leave it out.
    pub company_id: Option<CompanyId>,
    /// Which.
    pub webhook_id: HookId,
    /// Where it goes from now on; it must answer a ping.
    #[schemars(length(max = 2048), url)]
    pub url: Option<String>,
    /// What it is told of from now on; null: everything.
    pub events: Option<Vec<EventName>>,
    /// Whether anything is sent to it. One that is switched on must answer a ping, and is told of what happens from then on.
    pub enabled: Option<bool>,
    /// Pings it in any case.
    pub ping: Option<bool>,
    /// Replaces `x-signing-token` of the whole company. Deliveries carry the former one for 24 hours more.
    pub new_signing_token: Option<bool>,
}

impl Endpoint for WebhookUpdate {
    const ID: &'static str = "webhook_update";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/webhook/update";
    const ACCESS: Access = Access::Session(Role::CompanyAdmin);
    const KIND: Kind = Kind::Write;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey];
    const SUMMARY: &'static str = "Changes a webhook, switches it on or off, or pings it.";
    type Input = Parameters<WebhookUpdateParameters>;
    type Output = Json<WebhookAnswer>;

    fn object(Parameters(asked): &Self::Input) -> Option<String> {
        Some(format!("webhook/{}", asked.webhook_id))
    }

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        let desk = Desk::of_caller(context, asked.company_id)?;
        let events = match webhook::events(asked.events)? {
            Some(events) => Some(Some(events)),
            None => context.request.parameters()?.is_null("events").then_some(None),
        };
        let edit = HookEdit {
            url: asked.url,
            events,
            enabled: asked.enabled,
            ping: asked.ping.unwrap_or(false),
            new_token: asked.new_signing_token.unwrap_or(false),
        };
        desk.update(asked.webhook_id, &edit).await.map(Json)
    }
}

/// What of a webhook changes; what is absent stays.
#[derive(Debug, Clone, Default)]
pub(crate) struct HookEdit {
    /// Where it goes.
    pub(crate) url: Option<String>,
    /// What it is told of; `Some(None)`: everything.
    pub(crate) events: Option<Option<BTreeSet<EventName>>>,
    /// Whether anything is sent to it.
    pub(crate) enabled: Option<bool>,
    /// Pings it in any case.
    pub(crate) ping: bool,
    /// Replaces the company's signing token.
    pub(crate) new_token: bool,
}

impl Desk<'_> {
    /// Changes a webhook.
    pub(crate) async fn update(&self, id: HookId, edit: &HookEdit) -> Result<WebhookAnswer, Error> {
        let (context, store, company) = (self.context, self.store(), self.company);
        if let Some(url) = &edit.url {
            context
                .app
                .outbound
                .given(url, Given::Webhook)
                .map_err(|why| Refusal::invalid("url", why))?;
        }
        let mut pinged = false;
        for _ in 0..TRIES {
            let (hook, token) = tokio::join!(self.find(id), store.signing_token(self.reseller(), company));
            let (before, token) = (hook?, token?);
            let token = token.ok_or(Error::Broken("a webhook without a signing token"))?;
            let mut after = before.clone();
            if let Some(url) = &edit.url {
                after.url.clone_from(url);
            }
            if let Some(events) = &edit.events {
                after.events.clone_from(events);
            }
            switch(&mut after, edit.enabled, context.now);
            let enabled = before.disabled.is_some() && after.disabled.is_none();
            let ping = after.url != before.url || enabled || edit.ping;
            if ping && !pinged {
                context.cleared().await?;
                self.ping(&after, &token).await?;
                pinged = true;
            }
            if pinged && after.disabled.is_none() {
                after.failing = None;
            }
            let next = edit.new_token.then(|| replaced(context, company, &token));
            let answer = self.answer(&after, next.as_ref().unwrap_or(&token))?;
            let claim = context.claim(&answer).await?;
            if after == before && next.is_none() {
                context.cleared().await?;
                context.keep(claim.as_ref(), None).await?;
                return Ok(answer);
            }
            let change = HookChange {
                before: &before,
                after: &after,
                token: next.as_ref().map(|next| (&token, next)),
            };
            let write = self.write(claim.as_ref()).await?;
            match store.hook_update(change, &write).await {
                // A delivery has noted meanwhile that it arrived, or did not.
                Err(store::Error::Raced) => {}
                done => {
                    done?;
                    return Ok(answer);
                }
            }
        }
        Err(store::Error::Raced.into())
    }
}

/// Switches a webhook on or off.
fn switch(hook: &mut Hook, enabled: Option<bool>, now: jiff::Timestamp) {
    match enabled {
        // Nothing fails any more where nothing is sent.
        Some(false) if hook.disabled.is_none() => (hook.disabled, hook.failing) = (Some(now), None),
        Some(true) if hook.disabled.is_some() => {
            (hook.disabled, hook.failing, hook.era) = (None, None, hook.era + 1);
        }
        _ => {}
    }
}

/// A new token, beside the one that is sent for a while yet.
fn replaced(context: &Context<'_>, company: CompanyId, before: &SigningToken) -> SigningToken {
    let (app, now) = (context.app, context.now);
    SigningToken {
        token: app.seal(&SigningToken::place(company), &hex::encode(app.random::<32>())),
        former: Some(Former {
            token: before.token.clone(),
            until: domain::conference::later(now, OVERLAP),
        }),
        version: before.version,
    }
}
