//! What the methods of webhooks and the admin page share: who deals with which company's, how one is shown, and the ping
//! that it must answer.

use std::collections::BTreeSet;

use domain::hook::{EventName, Hook, SigningToken};
use domain::host::Host;
use domain::id::{CompanyId, HookId, HostId, ResellerId};
use domain::{Error as Refusal, Role};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use store::{Actor, Claim, Scope, Store, Write};

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
    /// Since when it is disabled, ISO 8601 in UTC with milliseconds; null while it is not.
    pub disabled_since: Option<String>,
    /// Why it is disabled.
    pub disabled_because: Option<DisabledBecause>,
    /// Since when nothing arrives; null while all is well. Disabled after 3 days.
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

/// Why nothing is sent to a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DisabledBecause {
    /// Somebody switched it off.
    Asked,
    /// Nothing had arrived for 3 days.
    Failing,
}

/// Who deals with the webhooks of which company: a caller of the partner API, or an administrator at the admin page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Desk<'a> {
    pub(super) context: &'a Context<'a>,
    scope: Scope,
    pub(super) company: CompanyId,
    pub(super) host: HostId,
    by: Actor,
    reads_only: bool,
}

impl<'a> Desk<'a> {
    /// The caller's, for the company that it names or its own.
    pub(super) fn of_caller(context: &'a Context<'a>, asked: Option<CompanyId>) -> Result<Self, Error> {
        let caller = context.caller()?;
        let company = asked.or(caller.scope.company);
        Ok(Self {
            context,
            scope: caller.scope,
            company: company.ok_or_else(|| Refusal::missing("company_id"))?,
            host: caller.host,
            by: caller.actor(),
            reads_only: caller.reads_only(),
        })
    }

    /// An administrator's, for the company of its account.
    pub(crate) fn of_administrator(context: &'a Context<'a>, host: &Host, role: Role) -> Self {
        Self {
            context,
            scope: Scope::company(host.reseller, host.company),
            company: host.company,
            host: host.id,
            by: Actor::Host { host: host.id, role },
            reads_only: false,
        }
    }

    pub(super) fn reseller(&self) -> ResellerId {
        self.scope.reseller
    }

    pub(super) fn store(&self) -> &'a Store {
        self.context.store()
    }

    /// Whether there is such a company within reach.
    pub(super) async fn company_known(&self) -> Result<(), Error> {
        self.store().company(&self.scope, self.company).await?;
        Ok(())
    }

    /// A webhook of the company.
    pub(crate) async fn find(&self, id: HookId) -> Result<Hook, Error> {
        let (known, hook) = tokio::join!(
            self.company_known(),
            self.store().hook(self.reseller(), self.company, id)
        );
        known?;
        hook.map_err(|error| match error {
            store::Error::NotFound(_) => Refusal::not_found("webhook").with_field("webhook_id").into(),
            other => other.into(),
        })
    }

    /// Shows a webhook.
    pub(super) fn answer(&self, hook: &Hook, token: &SigningToken) -> Result<WebhookAnswer, Error> {
        let (app, now) = (self.context.app, self.context.now);
        let former = token.former.as_ref().filter(|former| now < former.until);
        Ok(WebhookAnswer {
            webhook_id: hook.id,
            company_id: hook.company,
            url: hook.url.clone(),
            events: hook.events.clone(),
            enabled: hook.disabled.is_none(),
            disabled_since: hook.disabled.map(moment),
            disabled_because: hook.disabled.map(|_| match hook.given_up() {
                true => DisabledBecause::Failing,
                false => DisabledBecause::Asked,
            }),
            failing_since: hook.failing.map(moment),
            created: moment(hook.created),
            signing_token: match self.reads_only {
                true => None,
                false => Some(app.open(&SigningToken::place(hook.company), &token.token)?),
            },
            signing_token_from: former.map(|former| moment(former.until)),
            secret: None,
        })
    }

    /// Pings a webhook: nothing is kept of one that does not answer.
    pub(super) async fn ping(&self, hook: &Hook, token: &SigningToken) -> Result<(), Error> {
        let (app, now) = (self.context.app, self.context.now);
        let secrets = Secrets::of(app, hook, token, now)?;
        let sent = hook_post::ping(app, (&hook.url, self.host, hook), &secrets, now).await;
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

    /// What a write carries; nothing is written for whose account does not stand behind its session any more.
    pub(super) async fn write<'w>(&self, claim: Option<&'w Claim>) -> Result<Write<'w>, Error> {
        self.context.cleared().await?;
        Ok(Write {
            at: self.context.now,
            by: self.by,
            action: self.context.endpoint,
            claim,
        })
    }
}

/// The company as the object that writes are counted by.
pub(super) fn object(asked: Option<CompanyId>) -> Option<String> {
    asked.map(|id| format!("company/{id}"))
}

/// The same where the caller's own is meant.
pub(super) fn own_object(own: &Scope) -> Option<String> {
    object(own.company)
}

/// What a webhook shall be told of; `None`: everything.
pub(crate) fn events(asked: Option<Vec<EventName>>) -> Result<Option<BTreeSet<EventName>>, Refusal> {
    match asked {
        Some(events) if events.is_empty() => {
            Err(Refusal::invalid("events", "must name an event, or be left out for all"))
        }
        Some(events) => Ok(Some(events.into_iter().collect())),
        None => Ok(None),
    }
}
