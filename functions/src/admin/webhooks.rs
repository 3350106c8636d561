//! `/admin/webhooks`: a company's administrators see to its webhooks as the partner API does (contract/webhooks.md). The secret of
//! one is shown once, the company's signing token at any time.

use domain::hook::{EventName, Hook};
use domain::id::HookId;
use domain::{Error as Refusal, Role};
use futures_util::future::try_join_all;
use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{DeliveryState, Scope};

use super::{administrator, signed_in};
use crate::api::webhook::{self, Desk, WebhookAnswer};
use crate::api::webhook_delete::WebhookDeleteAnswer;
use crate::api::webhook_deliveries::DeliveryAnswer;
use crate::api::webhook_update::HookEdit;
use crate::auth::Use;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::hook_post::moment;
use crate::input::JsonBody;
use crate::pages;
use crate::reply::{Html, Json};

const PATH: &str = "/admin/webhooks";
const TITLE: &str = "Webhooks";
/// Deliveries that are shown at a time.
const SHOWN: u32 = 20;
/// Deliveries that are looked through for the last failure: the head of each line that waits comes again and again.
const LOOKED_THROUGH: u32 = 10;

/// `GET /admin/webhooks`.
#[derive(Debug)]
pub struct PageWebhooks;

impl Endpoint for PageWebhooks {
    const ID: &'static str = "page_webhooks";
    const METHOD: Method = Method::GET;
    const PATH: &'static str = PATH;
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::Pages, Need::SealingKey];
    const SUMMARY: &'static str = "The page of a company's webhooks.";
    type Input = ();
    type Output = Html;

    async fn handle(context: &Context<'_>, (): ()) -> Result<Html, Error> {
        let app = context.app;
        let (place, found) = signed_in(context, Use::Look).await?;
        let Some((host, role)) = found else {
            return pages::sent(app, TITLE, "/login?redirect_url=/admin/webhooks", "Sign in first");
        };
        if role < Role::CompanyAdmin {
            return pages::told(app, StatusCode::FORBIDDEN, TITLE, "This page is for administrators");
        }
        let desk = Desk::of_administrator(context, &host, role);
        let scope = Scope::company(place.reseller, place.company);
        let company = async { Ok::<_, Error>(app.store.company(&scope, place.company).await?) };
        let (company, (hooks, shown)) = tokio::try_join!(company, desk.all())?;
        let failures = try_join_all(hooks.iter().map(|hook| last_failure(context, hook))).await?;
        let config = json!({
            "page": "webhooks",
            "tenant": pages::tenant(&company),
            "account": pages::account(&host),
            "webhooks": shown,
            "failures": failures.iter().flatten().collect::<Vec<_>>(),
            "events": EventName::ALL,
        });
        let title = format!("{TITLE} · {}", pages::product(&company));
        pages::account_page(app, StatusCode::OK, &title, config)
    }
}

/// What went wrong last with a webhook that does not take what it is sent.
async fn last_failure(context: &Context<'_>, hook: &Hook) -> Result<Option<Value>, Error> {
    if hook.failing.is_none() {
        return Ok(None);
    }
    let latest = context
        .store()
        .deliveries((hook.reseller, hook.id), None, LOOKED_THROUGH, context.now)
        .await?;
    let failed = latest
        .items
        .into_iter()
        .filter(|delivery| delivery.state != DeliveryState::Delivered && delivery.error.is_some());
    let last = failed.max_by_key(|delivery| delivery.last);
    Ok(last.map(|last| json!({"webhook_id": hook.id, "at": moment(last.last), "error": last.error})))
}

/// What the page sends to make a webhook.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct NewWebhook {
    /// Where it goes: https, at port 443 or 8443 of a public address.
    #[schemars(length(max = 2048), url)]
    pub url: String,
    /// What it is told of; everything when absent.
    pub events: Option<Vec<EventName>>,
}

/// `POST /admin/webhooks`.
#[derive(Debug)]
pub struct AdminWebhookCreate;

impl Endpoint for AdminWebhookCreate {
    const ID: &'static str = "admin_webhook_create";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = PATH;
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey];
    const SUMMARY: &'static str =
        "Makes a webhook of a company, which must answer a ping, and answers its secret once.";
    type Input = JsonBody<NewWebhook>;
    type Output = Json<WebhookAnswer>;

    async fn handle(context: &Context<'_>, JsonBody(asked): Self::Input) -> Result<Self::Output, Error> {
        let events = webhook::events(asked.events)?;
        let (host, role) = administrator(context).await?;
        let desk = Desk::of_administrator(context, &host, role);
        desk.create(asked.url, events).await.map(Json)
    }
}

/// What the page sends to change a webhook; what is absent stays.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct EditedWebhook {
    /// Which.
    pub webhook_id: HookId,
    /// Where it goes from now on; it must answer a ping.
    #[schemars(length(max = 2048), url)]
    pub url: Option<String>,
    /// What it is told of from now on.
    pub events: Option<Vec<EventName>>,
    /// It is told of everything from now on; instead of `events`.
    #[serde(default)]
    pub all_events: bool,
    /// Whether anything is sent to it. One that is switched on must answer a ping.
    pub enabled: Option<bool>,
    /// Pings it in any case.
    #[serde(default)]
    pub ping: bool,
    /// Replaces `x-signing-token` of the whole company. Deliveries carry the former one for 24 hours more.
    #[serde(default)]
    pub new_signing_token: bool,
}

/// `POST /admin/webhooks/update`.
#[derive(Debug)]
pub struct AdminWebhookUpdate;

impl Endpoint for AdminWebhookUpdate {
    const ID: &'static str = "admin_webhook_update";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/admin/webhooks/update";
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey];
    const SUMMARY: &'static str = "Changes a webhook of a company, switches it on or off, or pings it.";
    type Input = JsonBody<EditedWebhook>;
    type Output = Json<WebhookAnswer>;

    async fn handle(context: &Context<'_>, JsonBody(asked): Self::Input) -> Result<Self::Output, Error> {
        let events = match (webhook::events(asked.events)?, asked.all_events) {
            (Some(_), true) => return Err(Refusal::invalid("all_events", "does not go with events").into()),
            (None, true) => Some(None),
            (events, false) => events.map(Some),
        };
        let edit = HookEdit {
            url: asked.url,
            events,
            enabled: asked.enabled,
            ping: asked.ping,
            new_token: asked.new_signing_token,
        };
        let (host, role) = administrator(context).await?;
        let desk = Desk::of_administrator(context, &host, role);
        desk.update(asked.webhook_id, &edit).await.map(Json)
    }
}

/// Which webhook is meant.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct WhichWebhook {
    /// Which.
    pub webhook_id: HookId,
}

/// `POST /admin/webhooks/delete`.
#[derive(Debug)]
pub struct AdminWebhookDelete;

impl Endpoint for AdminWebhookDelete {
    const ID: &'static str = "admin_webhook_delete";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/admin/webhooks/delete";
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite];
    const SUMMARY: &'static str = "Deletes a webhook of a company; what waits for it is not sent.";
    type Input = JsonBody<WhichWebhook>;
    type Output = Json<WebhookDeleteAnswer>;

    async fn handle(context: &Context<'_>, JsonBody(asked): Self::Input) -> Result<Self::Output, Error> {
        let (host, role) = administrator(context).await?;
        let desk = Desk::of_administrator(context, &host, role);
        desk.delete(asked.webhook_id).await.map(Json)
    }
}

/// Of which webhook deliveries are shown.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct DeliveryQuestion {
    /// Which.
    pub webhook_id: HookId,
    /// The last one of those before.
    #[schemars(length(max = 36))]
    pub after: Option<String>,
}

/// Deliveries of a webhook, the latest first.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DeliveryLog {
    /// Twenty at most.
    pub deliveries: Vec<DeliveryAnswer>,
    /// What `after` goes on with, where there are more.
    pub next: Option<String>,
}

/// `POST /admin/webhooks/deliveries`.
#[derive(Debug)]
pub struct AdminWebhookDeliveries;

impl Endpoint for AdminWebhookDeliveries {
    const ID: &'static str = "admin_webhook_deliveries";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/admin/webhooks/deliveries";
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite];
    const SUMMARY: &'static str = "Answers what was sent to a webhook of a company, the latest first.";
    type Input = JsonBody<DeliveryQuestion>;
    type Output = Json<DeliveryLog>;

    async fn handle(context: &Context<'_>, JsonBody(asked): Self::Input) -> Result<Self::Output, Error> {
        let (host, role) = administrator(context).await?;
        let desk = Desk::of_administrator(context, &host, role);
        let page = desk.deliveries(asked.webhook_id, asked.after.as_deref(), SHOWN).await?;
        let last = page.items.last().filter(|_| page.more);
        let next = last.map(|last| last.id.clone());
        let deliveries = page.items.into_iter().map(DeliveryAnswer::from).collect();
        Ok(Json(DeliveryLog { deliveries, next }))
    }
}

/// Which delivery is sent again.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct WhichDelivery {
    /// The webhook.
    pub webhook_id: HookId,
    /// The delivery.
    #[schemars(length(max = 36))]
    pub delivery_id: String,
}

/// `POST /admin/webhooks/redeliver`.
#[derive(Debug)]
pub struct AdminWebhookRedeliver;

impl Endpoint for AdminWebhookRedeliver {
    const ID: &'static str = "admin_webhook_redeliver";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/admin/webhooks/redeliver";
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite];
    const SUMMARY: &'static str = "Sends a delivery of a company's webhook again now.";
    type Input = JsonBody<WhichDelivery>;
    type Output = Json<DeliveryAnswer>;

    async fn handle(context: &Context<'_>, JsonBody(asked): Self::Input) -> Result<Self::Output, Error> {
        let (host, role) = administrator(context).await?;
        let desk = Desk::of_administrator(context, &host, role);
        desk.redeliver(asked.webhook_id, &asked.delivery_id).await.map(Json)
    }
}
