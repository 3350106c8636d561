//! New ids: small integers from counters in the table, claimed in blocks, so that most take no round trip. Gaps happen.

use std::collections::HashMap;
use std::ops::Range;

use domain::id::{CompanyId, ConferenceId, ContactId, HookId, HostId, PlanId, ResellerId, SubscriptionId};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::error::Cause;
use crate::op::Op;
use crate::table::Outcome;
use crate::value::from_item;
use crate::{Error, Result, Store, keys};

/// What is numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Counter {
    Reseller,
    Company,
    Host,
    Contact,
    Conference,
    Plan,
    Subscription,
    Hook,
}

impl Counter {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Reseller => "reseller",
            Self::Company => "company",
            Self::Host => "host",
            Self::Contact => "contact",
            Self::Conference => "conference",
            Self::Plan => "plan",
            Self::Subscription => "subscription",
            Self::Hook => "hook",
        }
    }

    /// How many ids are claimed at once.
    const fn block(self) -> u64 {
        match self {
            Self::Reseller | Self::Plan => 1,
            Self::Company | Self::Hook => 8,
            Self::Host | Self::Conference | Self::Subscription => 32,
            Self::Contact => 128,
        }
    }
}

/// The blocks that this process holds.
#[derive(Debug, Default)]
pub(crate) struct Blocks(Mutex<HashMap<Counter, Range<u64>>>);

impl Store {
    /// An id that no reseller has had.
    pub async fn new_reseller_id(&self) -> Result<ResellerId> {
        ResellerId::new(self.next(Counter::Reseller).await?).ok_or_else(used_up)
    }

    /// An id that no company has had.
    pub async fn new_company_id(&self) -> Result<CompanyId> {
        CompanyId::new(self.next(Counter::Company).await?).ok_or_else(used_up)
    }

    /// An id that no host has had.
    pub async fn new_host_id(&self) -> Result<HostId> {
        HostId::new(self.next(Counter::Host).await?).ok_or_else(used_up)
    }

    /// An id that no contact has had.
    pub async fn new_contact_id(&self) -> Result<ContactId> {
        ContactId::new(self.next(Counter::Contact).await?).ok_or_else(used_up)
    }

    /// An id that no conference has had.
    pub async fn new_conference_id(&self) -> Result<ConferenceId> {
        ConferenceId::new(self.next(Counter::Conference).await?).ok_or_else(used_up)
    }

    /// An id that no plan has had.
    pub async fn new_plan_id(&self) -> Result<PlanId> {
        PlanId::new(self.next(Counter::Plan).await?).ok_or_else(used_up)
    }

    /// An id that no subscription has had.
    pub async fn new_subscription_id(&self) -> Result<SubscriptionId> {
        SubscriptionId::new(self.next(Counter::Subscription).await?).ok_or_else(used_up)
    }

    /// An id that no webhook has had.
    pub async fn new_hook_id(&self) -> Result<HookId> {
        HookId::new(self.next(Counter::Hook).await?).ok_or_else(used_up)
    }

    async fn next(&self, of: Counter) -> Result<u64> {
        // Held while a block is claimed: others wait for that block instead of claiming one each.
        let mut blocks = self.ids.0.lock().await;
        if let Some(id) = blocks.get_mut(&of).and_then(Iterator::next) {
            return Ok(id);
        }
        let claimed = self.claim_numbers(keys::counter(of), of.block()).await?;
        let id = claimed.start;
        blocks.insert(of, id + 1..claimed.end);
        Ok(id)
    }

    /// The next numbers of a counter that starts at 1. A lost answer leaves a gap.
    pub(crate) async fn claim_numbers(&self, counter: keys::Key, count: u64) -> Result<Range<u64>> {
        let op = Op::update(counter, "ADD #last :count").value(":count", &count);
        let (Outcome::Done(item) | Outcome::Refused(item)) = self.update(op).await?;
        let Last { last } = from_item("counter", &item)?;
        Ok(last + 1 - count..last + 1)
    }
}

#[derive(Deserialize)]
struct Last {
    last: u64,
}

fn used_up() -> Error {
    Error::Refused(Cause("all ids are used up".into()))
}
