//! Who is or was in an occurrence, and at which start of which relay.

use domain::Reason;
use domain::id::{ParticipantNumber, RelayId, RoomName};
use domain::relay::{Event, EventKind};
use domain::time::{millis, millis_option};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::events::STEP;
use crate::retry::unraced;
use crate::table::beginning_with;
use crate::value::from_item;
use crate::{Result, Store, keys};

/// A participant of an occurrence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Participant {
    pub(crate) participant: ParticipantNumber,
    pub(crate) jti: String,
    pub(crate) name: String,
    pub(crate) moderator: bool,
    /// Where it is or was.
    pub(crate) relay: RelayId,
    /// The relay's start.
    pub(crate) epoch: u64,
    #[serde(with = "millis")]
    pub(crate) joined: Timestamp,
    #[serde(with = "millis_option", skip_serializing_if = "Option::is_none", default)]
    pub(crate) left: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) reason: Option<Reason>,
}

/// Who reports.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) relay: &'a RelayId,
    pub(crate) epoch: u64,
}

impl Source<'_> {
    pub(crate) fn is_of(&self, participant: &Participant) -> bool {
        participant.relay == *self.relay && participant.epoch == self.epoch
    }
}

impl Store {
    /// Reports the leave of everybody whose connection went with this start of a relay. Answers how many.
    pub(crate) async fn report_lost(&self, source: Source<'_>, room: &RoomName, now: Timestamp) -> Result<usize> {
        let mut lost = 0;
        loop {
            let reported = unraced(|| self.try_report_lost(source, room, now)).await?;
            lost += reported;
            if reported < STEP {
                return Ok(lost);
            }
        }
    }

    async fn try_report_lost(&self, source: Source<'_>, room: &RoomName, now: Timestamp) -> Result<usize> {
        let list = keys::participant_list(room);
        let mut events = Vec::new();
        for item in self.query(&beginning_with(list.pk, &list.sk)).await? {
            let participant: Participant = from_item("participant", &item)?;
            if participant.left.is_none() && source.is_of(&participant) && events.len() < STEP {
                events.push(Event {
                    room: *room,
                    at: now.as_millisecond(),
                    kind: EventKind::ParticipantLeave {
                        participant: participant.participant,
                        jti: participant.jti,
                        reason: Reason::ConnectionLost,
                        duration_ms: now
                            .duration_since(participant.joined)
                            .as_millis()
                            .try_into()
                            .unwrap_or(0),
                    },
                });
            }
        }
        if !events.is_empty() {
            let (ops, _) = self.event_ops(source, &events, now).await?;
            self.commit(ops).await?;
        }
        Ok(events.len())
    }
}
