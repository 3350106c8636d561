//! Plans of a reseller, and what companies and hosts have of them. A plan never changes once it is made, so whoever has
//! one keeps a copy of what it allows.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::company::Company;
use crate::host::Host;
use crate::id::{PlanId, ResellerId, SubscriptionId};
use crate::text::Name;
use crate::time::millis;

/// What a plan allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Allowance {
    /// Most participants of a meeting at one time.
    #[schemars(range(min = 1, max = 500))]
    pub max_participants: u32,
    /// Longest planned meeting, in minutes.
    #[schemars(range(min = 1, max = 1440))]
    pub max_minutes: u16,
    /// Whether meetings may be recorded.
    #[serde(default)]
    pub recording: bool,
    /// Whether meetings may be streamed.
    #[serde(default)]
    pub streaming: bool,
    /// Whether text messages may be sent.
    #[serde(default)]
    pub sms: bool,
}

/// A plan as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Its id.
    pub id: PlanId,
    /// Whose it is.
    pub reseller: ResellerId,
    /// Its name, unique in the reseller.
    pub name: Name,
    /// What it allows.
    #[serde(flatten)]
    pub allows: Allowance,
    /// When it was made.
    #[serde(with = "millis")]
    pub created: Timestamp,
}

/// A company's subscription to a plan, or a host's own instance of its company's subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// The plan.
    pub plan: PlanId,
    /// The company's subscription that a host's instance is of; none for a company's own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub of: Option<SubscriptionId>,
    /// What the plan allows.
    pub allows: Allowance,
    /// Since when.
    #[serde(with = "millis")]
    pub created: Timestamp,
}

/// The instances that a host has of what its company subscribes to now: one whose subscription is gone is gone with it.
pub fn held<'a>(host: &'a Host, company: &'a Company) -> impl Iterator<Item = &'a Subscription> {
    let subscribed = |of: SubscriptionId| company.subscriptions.iter().any(|subscription| subscription.id == of);
    host.subscriptions
        .iter()
        .filter(move |instance| instance.of.is_some_and(subscribed))
}

/// The most that any of these subscriptions allows, each thing by itself; `None` where there are none, and so no limit.
///
/// ```
/// assert_eq!(domain::plan::most([]), None);
/// ```
pub fn most<'a>(subscriptions: impl IntoIterator<Item = &'a Subscription>) -> Option<Allowance> {
    subscriptions
        .into_iter()
        .map(|subscription| subscription.allows)
        .reduce(|a, b| Allowance {
            max_participants: a.max_participants.max(b.max_participants),
            max_minutes: a.max_minutes.max(b.max_minutes),
            recording: a.recording || b.recording,
            streaming: a.streaming || b.streaming,
            sms: a.sms || b.sms,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_each_thing_is_as_the_most_generous_allows() {
        let one = |participants, minutes, recording| Subscription {
            id: SubscriptionId::new(1).expect("an id"),
            plan: PlanId::new(1).expect("an id"),
            of: None,
            allows: Allowance {
                max_participants: participants,
                max_minutes: minutes,
                recording,
                streaming: false,
                sms: false,
            },
            created: Timestamp::UNIX_EPOCH,
        };
        let most = most(&[one(10, 60, true), one(50, 40, false)]).expect("two");
        assert_eq!(
            (most.max_participants, most.max_minutes, most.recording),
            (50, 60, true)
        );
    }
}
