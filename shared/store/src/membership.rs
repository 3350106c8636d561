//! Which relays hold which rooms: entering and leaving.

use domain::relay::{Enter, Entered, Leave, OccurrenceState};
use jiff::Timestamp;

use crate::{Result, Store};

impl Store {
    /// The first participant of a room is at a relay: makes the occurrence active and the relay a member. Fails with
    /// [`crate::Error::Moved`] when the room lives on another relay, [`crate::Error::Ended`] when it is over,
    /// [`crate::Error::StaleEpoch`] when this start of the relay is not the registered one.
    pub async fn relay_enter(&self, enter: &Enter, now: Timestamp) -> Result<Entered> {
        todo!()
    }

    /// A room is empty at a relay and closed there. Answers what became of the occurrence.
    pub async fn relay_leave(&self, leave: &Leave, now: Timestamp) -> Result<OccurrenceState> {
        todo!()
    }
}
