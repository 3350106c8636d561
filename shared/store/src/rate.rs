//! Requests counted per minute, beside the count in each session.

use domain::id::{CompanyId, ResellerId};
use jiff::Timestamp;

use crate::{Result, Store};

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
}

impl Store {
    /// Counts one request and answers how many there are in this minute. One update.
    pub async fn rate_count(&self, of: &Rate<'_>, now: Timestamp) -> Result<u32> {
        todo!()
    }
}
