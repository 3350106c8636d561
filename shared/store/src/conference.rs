//! Conferences: made, read, ended.

use domain::Reason;
use domain::conference::Conference;
use domain::id::{ConferenceId, ParticipantNumber, ResellerId, RoomName};
use domain::relay::OccurrenceState;
use domain::time::millis_option;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Relay, Result, Scope, Store, Write};

/// A conference, and where its occurrence is in its life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConferenceState {
    /// The conference.
    pub conference: Conference,
    /// Where it is in its life.
    pub state: OccurrenceState,
    /// When somebody was in it first.
    #[serde(with = "millis_option", skip_serializing_if = "Option::is_none", default)]
    pub first_join: Option<Timestamp>,
    /// When it ended.
    #[serde(with = "millis_option", skip_serializing_if = "Option::is_none", default)]
    pub ended: Option<Timestamp>,
    /// Why it ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended_reason: Option<Reason>,
}

impl ConferenceState {
    /// What the API calls active: somebody is in it, or it is a reservationless meeting that waits for its first.
    pub fn is_active(&self) -> bool {
        todo!()
    }
}

/// A conference that was ended, and who must be told.
#[derive(Debug, Clone, PartialEq)]
pub struct EndedConference {
    /// The room to close.
    pub room: RoomName,
    /// The relays that hold it.
    pub relays: Vec<Relay>,
    /// The conference as it is now.
    pub state: ConferenceState,
    /// Whether it had ended before.
    pub already: bool,
}

impl Store {
    /// Makes a conference: with its occurrence, its entry on its code, the room of a one-time code, and the audit item, in
    /// one transaction. A one-time code must be unique.
    pub async fn conference_create(&self, conference: &Conference, write: &Write<'_>) -> Result<()> {
        todo!()
    }

    /// A conference in the caller's scope.
    pub async fn conference(&self, scope: &Scope, id: ConferenceId) -> Result<ConferenceState> {
        todo!()
    }

    /// Ends a conference for everybody and for good; harmless on an ended one.
    pub async fn conference_end(&self, scope: &Scope, id: ConferenceId, reason: Reason, write: &Write<'_>) -> Result<EndedConference> {
        todo!()
    }

    /// The next participant's number in a conference. One update.
    pub async fn participant_number(&self, reseller: ResellerId, conference: ConferenceId) -> Result<ParticipantNumber> {
        todo!()
    }
}
