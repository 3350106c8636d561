//! Requests counted per minute, beside the count in each session.

use domain::id::{CompanyId, ResellerId};
use domain::network::Network;
use jiff::Timestamp;

use serde::Deserialize;

use crate::op::Op;
use crate::table::Outcome;
use crate::value::from_item;
use crate::{Result, Store, keys};

#[derive(Deserialize)]
struct Count {
    requests: u32,
}

/// What requests are counted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rate<'a> {
    /// All requests of one company.
    Company(ResellerId, CompanyId),
    /// Writes of one session to one object, such as `conference/12`.
    ObjectWrites {
        /// [`domain::sealed::token_hash`] of the session's token.
        session: &'a str,
        /// The object.
        object: &'a str,
    },
    /// What one client of OAuth, by its id, asks for from one network.
    Oauth(ResellerId, &'a str, Network),
}

impl Store {
    /// Counts one request and answers how many there are in this minute. One update.
    pub async fn rate_count(&self, of: &Rate<'_>, now: Timestamp) -> Result<u32> {
        let minute = now.as_second().div_euclid(60);
        let op = Op::update(keys::rate(of, minute), "SET #ttl = :ttl ADD #requests :one")
            .value(":ttl", &((minute + 2) * 60))
            .value(":one", &1);
        let (Outcome::Done(item) | Outcome::Refused(item)) = self.update(op).await?;
        Ok(from_item::<Count>("rate", &item)?.requests)
    }
}
