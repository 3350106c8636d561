//! `webhook/deliveries`: what was sent to a webhook in the last 30 days, and what came of it.

use domain::hook::{EventName, Subject};
use domain::id::{CompanyId, ConferenceId, HookId, HostId};
use domain::{Error as Refusal, Role};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Delivery, DeliveryState, Page};

use super::list::{Entry, Limit, List, limit};
use super::webhook::Desk;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind};
use crate::error::Error;
use crate::hook_post::moment;
use crate::input::Parameters;

/// A delivery. Times are ISO 8601 in UTC with milliseconds.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Delivery")]
pub struct DeliveryAnswer {
    /// Its id, as it is sent.
    pub delivery_id: String,
    /// What was told.
    pub event: EventName,
    /// The meeting, of an event of one.
    pub conference_id: Option<ConferenceId>,
    /// The account, of an event of one.
    pub host_id: Option<HostId>,
    /// The event's number there.
    pub sequence: u64,
    /// When it happened.
    pub timestamp: String,
    /// Where it is.
    pub state: DeliveryStateAnswer,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was tried first.
    pub created: String,
    /// When it was tried last.
    pub last_attempt: String,
    /// When it is tried again.
    pub next_attempt: Option<String>,
    /// The status that was answered last.
    pub status: Option<u16>,
    /// What went wrong last.
    pub error: Option<String>,
}

/// Where a delivery is.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "DeliveryState")]
pub enum DeliveryStateAnswer {
    /// It will be tried again.
    Waiting,
    /// It has arrived.
    Delivered,
    /// It will not be tried again by itself.
    Failed,
}

impl From<Delivery> for DeliveryAnswer {
    fn from(delivery: Delivery) -> Self {
        let (conference_id, host_id) = match delivery.subject {
            Subject::Conference(id) => (Some(id), None),
            Subject::Host(id) => (None, Some(id)),
        };
        Self {
            delivery_id: delivery.id,
            event: delivery.event,
            conference_id,
            host_id,
            sequence: delivery.sequence,
            timestamp: moment(delivery.happened),
            state: match delivery.state {
                DeliveryState::Waiting => DeliveryStateAnswer::Waiting,
                DeliveryState::Delivered => DeliveryStateAnswer::Delivered,
                DeliveryState::Failed => DeliveryStateAnswer::Failed,
            },
            attempts: delivery.attempts,
            created: moment(delivery.created),
            last_attempt: moment(delivery.last),
            next_attempt: delivery.next.map(moment),
            status: delivery.status,
            error: delivery.error,
        }
    }
}

impl Entry for DeliveryAnswer {
    fn id(&self) -> String {
        self.delivery_id.clone()
    }
}

/// Lists deliveries.
#[derive(Debug)]
pub struct WebhookDeliveries;

/// Of which webhook.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct WebhookDeliveriesParameters {
    /// Whose; a company's own admin may leave it out.
    pub company_id: Option<CompanyId>,
    /// Which.
    pub webhook_id: HookId,
    /// Most entries, 1 to 1000.
    pub limit: Option<Limit>,
    /// The last id of the page before.
    #[schemars(length(max = 36))]
    pub after: Option<String>,
}

impl Endpoint for WebhookDeliveries {
    const ID: &'static str = "webhook_deliveries";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/webhook/deliveries";
    const ACCESS: Access = Access::Session(Role::CompanyAdmin);
    const KIND: Kind = Kind::Read;
    const SUMMARY: &'static str = "Answers what was sent to a webhook in the last 30 days, the latest first.";
    type Input = Parameters<WebhookDeliveriesParameters>;
    type Output = List<DeliveryAnswer>;

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        let limit = limit(asked.limit);
        let desk = Desk::of_caller(context, asked.company_id)?;
        let page = desk.deliveries(asked.webhook_id, asked.after.as_deref(), limit).await?;
        List::of(page.items.into_iter().map(|delivery| Ok(delivery.into())), page.more)
    }
}

impl Desk<'_> {
    /// What was sent to a webhook, the latest first, behind one of them.
    pub(crate) async fn deliveries(
        &self,
        id: HookId,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<Delivery>, Error> {
        let (store, now) = (self.store(), self.context.now);
        let after = async {
            match after {
                Some(after) if is_delivery(after) => {
                    let found = store.delivery(self.reseller(), id, after, now).await;
                    found.map(Some)
                }
                Some(_) => Ok(Some(None)),
                None => Ok(None),
            }
        };
        let (hook, after) = tokio::join!(self.find(id), after);
        let hook = hook?;
        let after = match after? {
            Some(None) => return Err(Refusal::invalid("after", "is not in this list").into()),
            Some(found) => found,
            None => None,
        };
        Ok(store
            .deliveries((self.reseller(), hook.id), after.as_ref(), limit, now)
            .await?)
    }
}

/// Whether a text looks like a delivery's id.
pub(super) fn is_delivery(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}
