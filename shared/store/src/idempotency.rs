//! Idempotency records: the first request with a key does the work, later ones get its answer (24 h).
//!
//! A claim is taken before the work and marked as applied in the work's own transaction ([`crate::Write::claim`]), so a
//! process that dies in between leaves either nothing done and a claim that others may take over after
//! [`Claim::LEASE`], or the work done and its object's reference.

use domain::id::{HostId, ResellerId};
use domain::sealed::Sealed;
use jiff::{SignedDuration, Timestamp};

use crate::{Result, Store};

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
    key: IdempotencyKey,
    nonce: String,
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
}

impl Store {
    /// Claims a key for a body (its hash); the nonce names this request.
    pub async fn idempotency_claim(&self, key: &IdempotencyKey, body_hash: &str, nonce: [u8; 16], now: Timestamp) -> Result<Claimed> {
        todo!()
    }

    /// Keeps the answer for repeats.
    pub async fn idempotency_finish(&self, claim: &Claim, answer: &Sealed) -> Result<()> {
        todo!()
    }

    /// Gives a claim back when the work was refused, so that the caller may repair the request and use the key again.
    /// Keeps it when the work was applied.
    pub async fn idempotency_release(&self, claim: &Claim) -> Result<()> {
        todo!()
    }
}
