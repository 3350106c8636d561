//! Idempotency records: the first request with a key does the work, later ones get its answer (24 h).
//!
//! A claim is taken before the work and marked as applied in the work's own transaction ([`crate::Write::claim`]), so a
//! process that dies in between leaves either nothing done and a claim that others may take over after
//! [`Claim::LEASE`], or the work done and its object's reference.

use domain::id::{HostId, ResellerId};
use domain::sealed::Sealed;
use jiff::{SignedDuration, Timestamp};

use serde::Deserialize;

use crate::op::{Failure, Op};
use crate::table::Outcome;
use crate::value::from_item;
use crate::{Error, Result, Store, keys};

/// A record as it is kept.
#[derive(Deserialize)]
struct Record {
    body: String,
    nonce: String,
    claimed: i64,
    applied: Option<String>,
    answer: Option<Sealed>,
}

/// Which request: the caller's account, the method and the caller's own key (up to 64 characters).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The caller's reseller.
    pub reseller: ResellerId,
    /// The caller's account.
    pub account: HostId,
    /// The endpoint's id.
    pub method: String,
    /// The caller's key.
    pub key: String,
}

/// The right to do the work of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub(crate) key: IdempotencyKey,
    pub(crate) nonce: String,
    pub(crate) answer: Option<Sealed>,
    /// The account that the answer tells about.
    pub(crate) about: Option<HostId>,
}

/// What a key stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// Nobody has done the work: do it.
    Fresh(Claim),
    /// The work was done, the answer is lost: build it again from the object of this reference (its id) and finish.
    Applied {
        /// For [`Store::idempotency_finish`].
        claim: Claim,
        /// The object's id, as the writing function names it.
        reference: String,
    },
    /// The work was done; its answer, as it was given to [`Store::idempotency_finish`].
    Done(Sealed),
    /// The first request still runs.
    Running,
    /// The key was used with another body.
    OtherBody,
}

impl Claim {
    /// How long a claim holds for a process that does not come back.
    pub const LEASE: SignedDuration = SignedDuration::from_secs(60);
    /// How long an answer is kept.
    pub const KEPT: SignedDuration = SignedDuration::from_hours(24);

    /// The same right, with the answer that the work will have: it is kept in the work's own transaction.
    #[must_use]
    pub fn answering(&self, answer: Sealed) -> Self {
        Self {
            answer: Some(answer),
            ..self.clone()
        }
    }

    /// The same right, with an answer that tells about this account: it goes when the account is erased.
    #[must_use]
    pub fn about(&self, host: HostId) -> Self {
        Self {
            about: Some(host),
            ..self.clone()
        }
    }

    /// The answer that the work will have, where it was given.
    #[must_use]
    pub fn answer(&self) -> Option<&Sealed> {
        self.answer.as_ref()
    }
}

impl Store {
    /// Claims a key for a body (its hash); the nonce names this request.
    pub async fn idempotency_claim(
        &self,
        key: &IdempotencyKey,
        body_hash: &str,
        nonce: [u8; 16],
        now: Timestamp,
    ) -> Result<Claimed> {
        let nonce = hex::encode(nonce);
        let claim = |condition: &str| {
            Op::update(
                keys::idempotency(key),
                "SET #body = :body, #nonce = :nonce, #claimed = :now, #expires = :expires, #ttl = :ttl REMOVE #applied, #answer, #gs1pk, #gs1sk",
            )
            .value(":body", &body_hash)
            .value(":nonce", &nonce)
            .value(":now", &now.as_millisecond())
            .value(":expires", &(now.as_millisecond() + Claim::KEPT.as_secs() * 1_000))
            .value(":ttl", &(now.as_second() + Claim::KEPT.as_secs()))
            .when(condition, Failure::Raced)
        };
        let fresh = claim(
            "attribute_not_exists(#pk) OR #expires <= :now OR (#nonce = :nonce AND attribute_not_exists(#applied))",
        );
        let record: Record = match self.update(fresh).await? {
            Outcome::Done(_) => {
                return Ok(Claimed::Fresh(Claim {
                    key: key.clone(),
                    nonce,
                    answer: None,
                    about: None,
                }));
            }
            Outcome::Refused(item) => from_item("idempotency record", &item)?,
        };
        if record.body != body_hash {
            return Ok(Claimed::OtherBody);
        }
        if let Some(answer) = record.answer {
            return Ok(Claimed::Done(answer));
        }
        if let Some(reference) = record.applied {
            return Ok(Claimed::Applied {
                claim: Claim {
                    key: key.clone(),
                    nonce: record.nonce,
                    answer: None,
                    about: None,
                },
                reference,
            });
        }
        if now.as_millisecond() < record.claimed + Claim::LEASE.as_secs() * 1_000 {
            return Ok(Claimed::Running);
        }
        let takeover = claim("#nonce = :former AND attribute_not_exists(#applied) AND attribute_not_exists(#answer)")
            .value(":former", &record.nonce);
        match self.update(takeover).await? {
            Outcome::Done(_) => Ok(Claimed::Fresh(Claim {
                key: key.clone(),
                nonce,
                answer: None,
                about: None,
            })),
            Outcome::Refused(_) => Ok(Claimed::Running),
        }
    }

    /// Keeps the answer for repeats.
    pub async fn idempotency_finish(&self, claim: &Claim, answer: &Sealed) -> Result<()> {
        let set = match claim.about {
            Some(_) => "SET #answer = :answer, #gs1pk = :about, #gs1sk = :nonce",
            None => "SET #answer = :answer",
        };
        let mut op = Op::update(keys::idempotency(&claim.key), set)
            .value(":answer", answer)
            .value(":nonce", &claim.nonce)
            .when("#nonce = :nonce", Failure::ClaimLost);
        if let Some(host) = claim.about {
            op = op.value(":about", &keys::idempotency_about(claim.key.reseller, host, "").pk);
        }
        match self.update(op).await? {
            Outcome::Done(_) => Ok(()),
            Outcome::Refused(_) => Err(Error::ClaimLost),
        }
    }

    /// Gives a claim back when the work was refused, so that the caller may repair the request and use the key again.
    /// Keeps it when the work was applied.
    pub async fn idempotency_release(&self, claim: &Claim) -> Result<()> {
        let op = Op::delete(keys::idempotency(&claim.key))
            .value(":nonce", &claim.nonce)
            .when(
                "attribute_not_exists(#pk) OR (#nonce = :nonce AND attribute_not_exists(#applied))",
                Failure::ClaimLost,
            );
        match self.commit(vec![op]).await {
            Err(Error::ClaimLost) => Ok(()),
            done => done,
        }
    }
}
