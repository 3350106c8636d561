//! One-time values that stand for a sign-in: the handoff that a framed page trades for a session, and the ticket that
//! `/auth` takes in place of the SSO token. Kept under their hash, taken once.

use domain::id::{CompanyId, HostId, ResellerId};
use domain::time::millis;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::op::{Failure, Op};
use crate::table::Outcome;
use crate::value::from_item;
use crate::{Result, Store, keys};

/// What a one-time value is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandoffKind {
    /// A framed page trades it for a session.
    Session,
    /// `/auth` takes it in place of the SSO token.
    SsoTicket,
}

/// What a one-time value stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handoff {
    /// What it is for.
    pub kind: HandoffKind,
    /// Whose reseller.
    pub reseller: ResellerId,
    /// Whose company.
    pub company: CompanyId,
    /// Who signs in.
    pub host: HostId,
    /// Where the browser goes after a call.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after_call_url: Option<String>,
    /// Not valid from here on.
    #[serde(with = "millis")]
    pub expires: Timestamp,
}

impl Store {
    /// Keeps a one-time value under [`domain::sealed::token_hash`] of it.
    pub async fn handoff_create(&self, value_hash: &str, handoff: &Handoff) -> Result<()> {
        let op = Op::put(keys::handoff(value_hash), handoff).expires(handoff.expires);
        self.commit(vec![op]).await
    }

    /// Takes a one-time value: only the first of all takers gets it. The nonce names this taking, so that a repeat of the
    /// same call after a lost answer is not a second taker.
    pub async fn handoff_take(
        &self,
        value_hash: &str,
        kind: HandoffKind,
        nonce: [u8; 16],
        now: Timestamp,
    ) -> Result<Option<Handoff>> {
        let op = Op::update(keys::handoff(value_hash), "SET #taken = :nonce")
            .value(":nonce", &hex::encode(nonce))
            .value(":kind", &kind)
            .value(":now", &now.as_millisecond())
            .when(
                "attribute_exists(#pk) AND #kind = :kind AND #expires > :now AND (attribute_not_exists(#taken) OR #taken = :nonce)",
                Failure::Raced,
            );
        match self.update(op).await? {
            Outcome::Done(item) => from_item("one-time value", &item).map(Some),
            Outcome::Refused(_) => Ok(None),
        }
    }
}
