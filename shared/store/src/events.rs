//! What relays report: kept once, in order, with a number per conference.

use domain::id::{ConferenceId, ResellerId};
use domain::relay::{Event, Events};
use jiff::Timestamp;

use crate::{Result, Store};

impl Store {
    /// Keeps a batch of events; a repeat has no effect. Fails with [`crate::Error::Gap`] when an earlier batch is missing.
    pub async fn relay_events(&self, events: &Events, now: Timestamp) -> Result<()> {
        todo!()
    }

    /// What happened in a conference, with its numbers, from after this number on, at most 1,000.
    pub async fn events(&self, reseller: ResellerId, conference: ConferenceId, after: u64) -> Result<Vec<(u64, Event)>> {
        todo!()
    }
}
