//! An occurrence's item, and the writes by which it goes on or ends. Every change counts its version and that of its
//! code's room, so that two writers never decide on what the other has changed.

use std::collections::BTreeSet;

use domain::Reason;
use domain::code::AccessCode;
use domain::conference::{CodeKind, Conference, Kind, Life, Minutes, NextStep, Planned, Window};
use domain::id::{RelayId, RoomName};
use domain::relay::OccurrenceState;
use domain::time::{millis, millis_option};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::keys;
use crate::op::{Failure, Op};
use crate::room::{LiveRoom, Room};

/// An occurrence as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct OccurrenceItem {
    pub(crate) room: RoomName,
    pub(crate) code: AccessCode,
    pub(crate) code_kind: CodeKind,
    pub(crate) kind: Kind,
    #[serde(with = "millis")]
    pub(crate) start: Timestamp,
    pub(crate) duration: Minutes,
    pub(crate) state: OccurrenceState,
    #[serde(with = "millis_option", skip_serializing_if = "Option::is_none", default)]
    pub(crate) first_join: Option<Timestamp>,
    #[serde(with = "millis_option", skip_serializing_if = "Option::is_none", default)]
    pub(crate) ended: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) ended_reason: Option<Reason>,
    /// The relays that hold it.
    #[serde(default)]
    pub(crate) relays: BTreeSet<RelayId>,
    #[serde(default)]
    pub(crate) version: u64,
}

impl OccurrenceItem {
    pub(crate) fn new(conference: &Conference) -> Self {
        Self {
            room: conference.room(),
            code: conference.code,
            code_kind: conference.code_kind,
            kind: conference.kind,
            start: conference.start,
            duration: conference.duration,
            state: OccurrenceState::Scheduled,
            first_join: None,
            ended: None,
            ended_reason: None,
            relays: BTreeSet::new(),
            version: 0,
        }
    }

    pub(crate) fn life(&self, lease: Option<Timestamp>) -> Life {
        Life {
            kind: self.kind,
            start: self.start,
            window: Window::new(self.kind, self.code_kind, self.start, self.duration),
            state: self.state,
            first_join: self.first_join,
            lease,
        }
    }

    /// Whether this is what the pointer points to.
    pub(crate) fn is_live_in(&self, live: Option<&LiveRoom>) -> bool {
        live.is_some_and(|live| {
            live.live.conference == self.room.conference && live.live.occurrence == self.room.occurrence
        })
    }

    /// When the sweeper must look at it next; none once it has ended.
    fn due(&self, lease: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        let life = self.life(lease);
        let due = match life.next_step(now) {
            NextStep::Nothing => return None,
            NextStep::End(_) => now,
            NextStep::Wait(due) => due,
        };
        // When its window opens, an ad-hoc meeting on the same code may have to make way.
        let opens = life.window.opens;
        let makes_way = self.kind == Kind::Scheduled && self.code_kind == CodeKind::Host && now < opens;
        Some(if makes_way { due.min(opens) } else { due })
    }

    fn indexed(&self, op: Op, lease: Option<Timestamp>, now: Timestamp) -> Op {
        match self.due(lease, now) {
            Some(due) => op.indexed(keys::due(self.room.conference, due)),
            None => op,
        }
    }

    /// Its first write.
    pub(crate) fn create(&self, lease: Option<Timestamp>, now: Timestamp) -> Op {
        let op = Op::put(keys::occurrence(&self.room), self).when_new(Failure::Raced);
        self.indexed(op, lease, now)
    }

    /// Writes it as it has become, if nobody else has written it since it was read.
    pub(crate) fn save(&self, lease: Option<Timestamp>, now: Timestamp) -> Op {
        let next = Self {
            version: self.version + 1,
            ..self.clone()
        };
        let op = Op::put(keys::occurrence(&self.room), &next)
            .value(":version", &self.version)
            .when("#version = :version", Failure::Raced);
        self.indexed(op, lease, now)
    }

    /// Its entry among what is planned on its code; an ad-hoc meeting has none.
    pub(crate) fn planned(conference: &Conference) -> Op {
        let planned = Planned {
            conference: conference.id,
            occurrence: conference.occurrence,
            kind: conference.kind,
            start: conference.start,
            duration: conference.duration,
            subject: conference.subject.clone(),
            state: OccurrenceState::Scheduled,
        };
        Op::put(
            keys::planned(conference.code, conference.start, conference.id),
            &planned,
        )
        .when_new(Failure::Raced)
    }

    /// Ends it for good: itself, its entry on the code, and the pointer where it is live.
    pub(crate) fn end(&self, room: &Room, reason: Reason, now: Timestamp) -> Vec<Op> {
        let live = if self.is_live_in(room.live.as_ref()) {
            None
        } else {
            room.live.as_ref()
        };
        let mut ops = vec![self.ended(reason, now), room.point_to(live)];
        if self.kind != Kind::AdHoc {
            ops.push(
                Op::update(
                    keys::planned(self.code, self.start, self.room.conference),
                    "SET #state = :ended",
                )
                .value(":ended", &OccurrenceState::Ended)
                .when_there(Failure::NotFound("planned meeting")),
            );
        }
        ops
    }

    /// Ends the item alone: for an ad-hoc meeting whose pointer goes to another one in the same transaction.
    pub(crate) fn ended(&self, reason: Reason, now: Timestamp) -> Op {
        let ended = Self {
            state: OccurrenceState::Ended,
            ended: Some(now),
            ended_reason: Some(reason),
            ..self.clone()
        };
        ended.save(None, now)
    }
}
