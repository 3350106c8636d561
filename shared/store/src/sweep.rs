//! What time does: ends what is overdue, frees rooms held for somebody who never came, reports the leave of participants
//! whose relay is gone.

use domain::Reason;
use domain::id::RoomName;
use jiff::Timestamp;

use crate::{Relay, Result, Store};

/// A meeting that the sweeper ended.
#[derive(Debug, Clone, PartialEq)]
pub struct SweptRoom {
    /// The room to close.
    pub room: RoomName,
    /// Why.
    pub reason: Reason,
    /// The relays that hold it.
    pub relays: Vec<Relay>,
}

/// What one sweep did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Swept {
    /// Meetings ended.
    pub ended: Vec<SweptRoom>,
    /// Participants reported as gone.
    pub left: usize,
}

impl Store {
    /// Does what is due. Safe to run in several processes at once and as often as wanted.
    pub async fn sweep(&self, now: Timestamp) -> Result<Swept> {
        todo!()
    }
}
