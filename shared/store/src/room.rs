//! Rooms: one per access code. What a code leads to, and the one conditional write that decides which meeting is live.

use domain::code::AccessCode;
use domain::conference::{CodeKind, Conference, Live, Opens, Planned};
use domain::id::{CompanyId, ConferenceId, HostId, RelayId, ResellerId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Result, Store};

/// An access code's room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// Its code.
    pub code: AccessCode,
    /// Whose code.
    pub kind: CodeKind,
    /// Whose reseller.
    pub reseller: ResellerId,
    /// Whose company: the code is valid only on its host name.
    pub company: CompanyId,
    /// Whose meetings.
    pub host: HostId,
    /// The meeting for a one-time code.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub conference: Option<ConferenceId>,
    /// The meeting that is live now.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub live: Option<LiveRoom>,
    /// Counts the changes of `live`.
    #[serde(default)]
    pub version: u64,
}

/// The meeting that a room holds, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveRoom {
    /// The meeting.
    #[serde(flatten)]
    pub live: Live,
    /// The relay that it lives on.
    pub home: RelayId,
}

/// A room with what is planned on its code around now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomView {
    /// The room.
    pub room: Room,
    /// From two days ago to the next one to come, by start.
    pub planned: Vec<Planned>,
}

impl RoomView {
    /// Which meeting the code opens now; see [`domain::conference::opens`].
    pub fn opens(&self, now: Timestamp, leads: bool) -> Opens<'_> {
        todo!()
    }
}

/// What shall be live in a room.
#[derive(Debug, Clone, Copy)]
pub enum RoomTarget<'a> {
    /// What is live already.
    Live(&'a Live),
    /// This planned meeting.
    Planned(&'a Planned),
    /// This new ad-hoc meeting, which is made in the same transaction.
    AdHoc(&'a Conference),
}

impl Store {
    /// The room of a code, if there is one. One round trip.
    pub async fn room(&self, code: AccessCode, now: Timestamp) -> Result<Option<RoomView>> {
        todo!()
    }

    /// Makes a meeting live in its room, or confirms that it is, and holds the room for whoever is on the way. Answers where
    /// it lives: at `home`, or where it lived already if that relay is among `alive`. Fails with [`crate::Error::Raced`]
    /// when the room has changed since the view was read: read it again and decide anew.
    pub async fn room_open(
        &self,
        view: &RoomView,
        target: RoomTarget<'_>,
        home: &RelayId,
        alive: &[RelayId],
        now: Timestamp,
    ) -> Result<LiveRoom> {
        todo!()
    }
}
