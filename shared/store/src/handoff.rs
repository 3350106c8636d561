//! One-time values that stand for a sign-in: the handoff that a framed page trades for a session, the ticket that
//! `/auth` takes in place of the SSO token, the link that sets a password, and what tells a sign-in at a provider from
//! its repeats. Kept under their hash, taken once.

use domain::id::{CompanyId, HostId, ResellerId};
use domain::time::millis;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::audit::Change;
use crate::op::{Failure, Op};
use crate::table::Outcome;
use crate::value::from_item;
use crate::{Error, Result, Session, Store, Write, keys};

/// What a one-time value is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandoffKind {
    /// A framed page trades it for a session.
    Session,
    /// `/auth` takes it in place of the SSO token.
    SsoTicket,
    /// Whoever has it sets the account's password.
    PasswordLink,
    /// The `state` of a sign-in at an OpenID Connect provider: kept once that has led to a session.
    ProviderSignIn,
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
    /// Where the browser goes after an explicit sign-out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub remote_logout_url: Option<String>,
    /// When the session ends that it passes on, in Unix milliseconds; a new one has its whole time.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub session_ends: Option<i64>,
    /// The hash of the SSO token that it was made by: of no use once the account has another.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sso_token_hash: Option<String>,
    /// Not valid from here on.
    #[serde(with = "millis")]
    pub expires: Timestamp,
}

impl Handoff {
    pub(crate) fn op(&self, value_hash: &str) -> Op {
        Op::put(keys::handoff(value_hash), self).expires(self.expires)
    }
}

impl Store {
    /// Keeps a one-time value under [`domain::sealed::token_hash`] of it.
    pub async fn handoff_create(&self, value_hash: &str, handoff: &Handoff) -> Result<()> {
        self.commit(vec![handoff.op(value_hash)]).await
    }

    /// Keeps a new session that a sign-in at an OpenID Connect provider has led to, in place of the browser's former one, unless
    /// that sign-in has led to one before: nothing changes then, and the answer is `false`. The sign-in is known by the hash of its
    /// `state`, and is of no use from `until` on.
    pub async fn provider_session_create(
        &self,
        token_hash: &str,
        session: &Session,
        former: Option<&str>,
        (state_hash, until): (&str, Timestamp),
    ) -> Result<bool> {
        let spent = Handoff {
            kind: HandoffKind::ProviderSignIn,
            reseller: session.reseller,
            company: session.company,
            host: session.host,
            after_call_url: None,
            remote_logout_url: None,
            session_ends: None,
            sso_token_hash: None,
            expires: until,
        };
        let mut ops = vec![spent.op(state_hash).when_new(Failure::Raced), session.op(token_hash)];
        ops.extend(former.map(|hash| Op::delete(keys::session(hash))));
        match self.commit(ops).await {
            Err(Error::Raced) => Ok(false),
            outcome => outcome.map(|()| true),
        }
    }

    /// Keeps an SSO ticket of a host that is there, with its audit item.
    pub async fn sso_ticket_create(&self, value_hash: &str, ticket: &Handoff, write: &Write<'_>) -> Result<()> {
        let Handoff {
            reseller,
            company,
            host,
            ..
        } = *ticket;
        let change = Change {
            object: format!("host/{host}"),
            before: None,
            after: Some(json!({"sso_ticket_until": ticket.expires.to_string()})),
            about: Some(host),
        };
        let mut ops = vec![
            Op::check(keys::host(reseller, host)).when_there(Failure::NotFound("host")),
            ticket.op(value_hash),
        ];
        ops.extend(write.ops(Some(reseller), Some(company), change, &host));
        self.commit(ops).await
    }

    /// What a one-time value stands for, while it is valid and nobody has taken it. It stays as it is.
    pub async fn handoff(&self, value_hash: &str, kind: HandoffKind, now: Timestamp) -> Result<Option<Handoff>> {
        let Some(item) = self.get(keys::handoff(value_hash)).await? else {
            return Ok(None);
        };
        let found: Handoff = from_item("one-time value", &item)?;
        let taken = item.contains_key("taken");
        Ok(Some(found).filter(|found| found.kind == kind && found.expires > now && !taken))
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
