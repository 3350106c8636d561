//! Reports that came before: each report of a relay is believed once.

use domain::id::RelayId;
use jiff::Timestamp;

use crate::op::{Failure, Op};
use crate::retry::random;
use crate::table::Outcome;
use crate::{Result, Store, keys};

impl Store {
    /// Marks a report's id as seen until this time. `false`: it was seen before. One update.
    pub async fn report_once(&self, relay: &RelayId, jti: &str, until: Timestamp) -> Result<bool> {
        // The nonce tells a repeat of this very update, after a lost answer, from another report of the same id.
        let op = Op::update(keys::relay_report(relay, jti), "SET #seen = :nonce, #ttl = :until")
            .value(":nonce", &hex::encode(random::<16>()))
            .value(":until", &until.as_second())
            .when("attribute_not_exists(#seen) OR #seen = :nonce", Failure::Raced);
        Ok(matches!(self.update(op).await?, Outcome::Done(_)))
    }
}
