//! What the methods of webhooks share: which company's, how one is shown, and the ping that it must answer.

use std::collections::BTreeSet;

use domain::Error as Refusal;
use domain::hook::{EventName, Hook, SigningToken};
use domain::id::{CompanyId, HookId};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use store::Scope;

use crate::context::Context;
use crate::error::Error;
use crate::hook_post::{self, Secrets, moment};

/// A webhook.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Webhook")]
pub struct WebhookAnswer {
    /// Its id.
    pub webhook_id: HookId,
    /// Its company.
    pub company_id: CompanyId,
    /// Where it goes.
    pub url: String,
    /// What it is told of; null: everything.
    pub events: Option<BTreeSet<EventName>>,
    /// Whether anything is sent to it.
    pub enabled: bool,
    /// Since when nothing arrives, ISO 8601 in UTC with milliseconds; null while all is well. Disabled after 3 days.
    pub failing_since: Option<String>,
    /// When it was made.
    pub created: String,
    /// What deliveries of the company carry as `x-signing-token`, the latest one; absent for apps that only read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_token: Option<String>,
    /// Until when deliveries carry the token before it; null where they carry this one.
    pub signing_token_from: Option<String>,
    /// What deliveries are signed with; shown when the webhook is made, and not again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// Shows a webhook.
pub(super) fn answer(context: &Context<'_>, hook: &Hook, token: &SigningToken) -> Result<WebhookAnswer, Error> {
    let former = token.former.as_ref().filter(|former| context.now < former.until);
    Ok(WebhookAnswer {
        webhook_id: hook.id,
        company_id: hook.company,
        url: hook.url.clone(),
        events: hook.events.clone(),
        enabled: hook.disabled.is_none(),
        failing_since: hook.failing.map(moment),
        created: moment(hook.created),
        signing_token: match context.caller()?.reads_only() {
            true => None,
            false => Some(context.app.open(&SigningToken::place(hook.company), &token.token)?),
        },
        signing_token_from: former.map(|former| moment(former.until)),
        secret: None,
    })
}

/// Whose webhooks are meant.
pub(super) fn company(context: &Context<'_>, asked: Option<CompanyId>) -> Result<CompanyId, Error> {
    let own = context.caller()?.scope.company;
    let company = asked.or(own).ok_or_else(|| Refusal::missing("company_id"))?;
    Ok(company)
}

/// The same as the object that writes are counted by.
pub(super) fn object(asked: Option<CompanyId>) -> Option<String> {
    asked.map(|id| format!("company/{id}"))
}

/// The same where the caller's own is meant.
pub(super) fn own_object(own: &Scope) -> Option<String> {
    object(own.company)
}

/// A webhook of a company that the caller reaches.
pub(super) async fn find(context: &Context<'_>, company: CompanyId, id: HookId) -> Result<Hook, Error> {
    let (caller, store) = (context.caller()?, context.store());
    let (known, hook) = tokio::join!(
        store.company(&caller.scope, company),
        store.hook(caller.reseller, company, id)
    );
    known?;
    hook.map_err(|error| match error {
        store::Error::NotFound(_) => Refusal::not_found("webhook").with_field("webhook_id").into(),
        other => other.into(),
    })
}

/// What a webhook shall be told of.
pub(super) fn events(asked: Option<Vec<EventName>>) -> Result<Option<BTreeSet<EventName>>, Refusal> {
    match asked {
        Some(events) if events.is_empty() => {
            Err(Refusal::invalid("events", "must name an event, or be left out for all"))
        }
        Some(events) => Ok(Some(events.into_iter().collect())),
        None => Ok(None),
    }
}

/// Pings a webhook: nothing is kept of one that does not answer.
pub(super) async fn ping(context: &Context<'_>, hook: &Hook, token: &SigningToken) -> Result<(), Error> {
    let secrets = Secrets::of(context.app, hook, token, context.now)?;
    let owner = context.caller()?.host;
    let sent = hook_post::ping(context.app, (&hook.url, owner, hook), &secrets, context.now).await;
    let answered = sent.map_err(|why| match why.status() {
        Some(status) => Refusal::invalid(
            "url",
            format_args!("must answer a ping with a status of 2xx within 5 seconds; it answered {status}"),
        ),
        None => Refusal::invalid("url", why),
    });
    let _: StatusCode = answered?;
    Ok(())
}
