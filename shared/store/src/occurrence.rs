//! An occurrence's item, and the writes by which it goes on or ends. Every change counts its version and that of its
//! code's room, so that two writers never decide on what the other has changed.

use std::collections::BTreeSet;

use domain::Reason;
use domain::code::AccessCode;
use domain::conference::{CodeKind, Conference, Kind, Life, Minutes, NextStep, Planned, Slot, Window, later};
use domain::hook::Happening;
use domain::id::{CompanyId, HostId, RelayId, RoomName};
use domain::relay::OccurrenceState;
use domain::room::KeptRules;
use domain::text::Subject;
use domain::time::{millis, millis_option};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::op::{Failure, Op};
use crate::room::{LiveRoom, Room};
use crate::{News, keys};

/// An occurrence as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct OccurrenceItem {
    pub(crate) room: RoomName,
    pub(crate) host: HostId,
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
    /// Whether its mark among the host's active meetings is set.
    #[serde(default)]
    pub(crate) marked: bool,
    /// For how many days its events and who was in it are kept; for ever where absent. As its company was set when a relay
    /// entered it last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) events_days: Option<u32>,
    /// Its host was erased: nobody in it is named any more.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub(crate) erased: bool,
    /// What moderators have set in it, while it goes on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) rules: Option<KeptRules>,
    /// Until when somebody has to have come again for it to go on, where its relay has gone.
    #[serde(with = "millis_option", skip_serializing_if = "Option::is_none", default)]
    pub(crate) goes_on: Option<Timestamp>,
    #[serde(default)]
    pub(crate) version: u64,
}

impl OccurrenceItem {
    pub(crate) fn new(conference: &Conference, slot: &Slot) -> Self {
        Self {
            room: conference.room_of(slot.occurrence),
            host: conference.host,
            code: conference.code,
            code_kind: conference.code_kind,
            kind: conference.kind,
            start: slot.start,
            duration: slot.duration,
            state: OccurrenceState::Scheduled,
            first_join: None,
            ended: None,
            ended_reason: None,
            relays: BTreeSet::new(),
            marked: false,
            events_days: None,
            erased: false,
            rules: None,
            goes_on: None,
            version: 0,
        }
    }

    /// An occurrence of a meeting that repeats, as it is planned on its code.
    pub(crate) fn of_plan(
        room: RoomName,
        host: HostId,
        (code, code_kind): (AccessCode, CodeKind),
        planned: &Planned,
    ) -> Self {
        Self {
            room,
            host,
            code,
            code_kind,
            kind: planned.kind,
            start: planned.start,
            duration: planned.duration,
            state: OccurrenceState::Scheduled,
            first_join: None,
            ended: None,
            ended_reason: None,
            relays: BTreeSet::new(),
            marked: false,
            events_days: None,
            erased: false,
            rules: None,
            goes_on: None,
            version: 0,
        }
    }

    /// What the API calls active: somebody is in it, or it is a reservationless meeting that waits for its first.
    pub(crate) fn is_active(&self) -> bool {
        let waits = self.kind == Kind::Reservationless && self.first_join.is_none();
        self.state == OccurrenceState::Active || (self.state == OccurrenceState::Scheduled && waits)
    }

    pub(crate) fn window(&self) -> Window {
        Window::new(self.kind, self.code_kind, self.start, self.duration)
    }

    pub(crate) fn life(&self, lease: Option<Timestamp>) -> Life {
        Life {
            kind: self.kind,
            start: self.start,
            window: self.window(),
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

    /// Until when is kept what happened in it at this time; for ever where `None`.
    pub(crate) fn kept_until(&self, at: Timestamp) -> Option<Timestamp> {
        let days = self.events_days?;
        Some(later(at, SignedDuration::from_hours(24 * i64::from(days))))
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

    /// Whether what was made of it, and who was in it, still counts for whoever enters now.
    pub(crate) fn goes_on_at(&self, now: Timestamp) -> bool {
        self.state == OccurrenceState::Active || self.goes_on.is_some_and(|until| now < until)
    }

    /// Its first write.
    pub(crate) fn create(&self, lease: Option<Timestamp>, now: Timestamp) -> Vec<Op> {
        let marked = self.is_active();
        let first = Self { marked, ..self.clone() };
        let op = Op::put(keys::occurrence(&self.room), &first).when_new(Failure::Raced);
        let mut ops = vec![self.indexed(op, lease, now)];
        ops.extend(self.mark(marked));
        ops
    }

    /// Writes it as it has become, if nobody else has written it since it was read.
    pub(crate) fn save(&self, lease: Option<Timestamp>, now: Timestamp) -> Vec<Op> {
        let marked = self.is_active();
        let next = Self {
            marked,
            version: self.version + 1,
            ..self.clone()
        };
        let op = Op::put(keys::occurrence(&self.room), &next)
            .value(":version", &self.version)
            .when("#version = :version", Failure::Raced);
        let mut ops = vec![self.indexed(op, lease, now)];
        ops.extend(self.mark(marked));
        ops
    }

    /// Writes what moderators have set, if nobody else has written the occurrence since it was read. When the sweeper looks at it
    /// stays as it is.
    pub(crate) fn set(&self, rules: KeptRules) -> Op {
        Op::update(keys::occurrence(&self.room), "SET #rules = :rules ADD #version :one")
            .value(":rules", &rules)
            .value(":one", &1)
            .value(":version", &self.version)
            .when("#version = :version", Failure::Raced)
    }

    /// Sets its mark among the host's active meetings, or takes it away, where that is a change.
    fn mark(&self, marked: bool) -> Option<Op> {
        let key = keys::active(self.room.reseller, self.host, &self.room);
        match (self.marked, marked) {
            (false, true) => Some(Op::put(key, &json!({"room": self.room}))),
            (true, false) => Some(Op::delete(key)),
            _ => None,
        }
    }

    /// Its entry among what is planned on its code; an ad-hoc meeting has none.
    pub(crate) fn planned(&self, subject: &Subject) -> Planned {
        Planned {
            conference: self.room.conference,
            occurrence: self.room.occurrence,
            kind: self.kind,
            start: self.start,
            duration: self.duration,
            subject: subject.clone(),
            state: if self.state == OccurrenceState::Ended {
                OccurrenceState::Ended
            } else {
                OccurrenceState::Scheduled
            },
            unmade: false,
        }
    }

    pub(crate) fn planned_key(&self) -> keys::Key {
        keys::planned(self.code, self.start, self.room.conference)
    }

    /// Ends it for good: itself, its entry on the code, and the pointer where it is live.
    pub(crate) fn end(&self, room: &Room, reason: Reason, now: Timestamp) -> Vec<Op> {
        let live = if self.is_live_in(room.live.as_ref()) {
            None
        } else {
            room.live.as_ref()
        };
        let mut ops = self.end_entry(room.company, reason, now);
        ops.push(room.point_to(live));
        ops
    }

    /// Ends itself, a meeting of this company, and its entry on the code; the pointer is the caller's.
    pub(crate) fn end_entry(&self, company: CompanyId, reason: Reason, now: Timestamp) -> Vec<Op> {
        let mut ops = self.ended(company, reason, now);
        if self.kind != Kind::AdHoc {
            ops.push(
                Op::update(self.planned_key(), "SET #state = :ended")
                    .value(":ended", &OccurrenceState::Ended)
                    .when_there(Failure::Raced),
            );
        }
        ops
    }

    /// Ends the item alone: for an ad-hoc meeting whose pointer goes to another one in the same transaction.
    pub(crate) fn ended(&self, company: CompanyId, reason: Reason, now: Timestamp) -> Vec<Op> {
        let ended = Self {
            state: OccurrenceState::Ended,
            ended: Some(now),
            ended_reason: Some(reason),
            rules: None,
            goes_on: None,
            ..self.clone()
        };
        let mut ops = ended.save(None, now);
        if let Some(began) = self.first_join {
            let happening = Happening::ConferenceEnd {
                occurrence: self.room.occurrence,
                reason,
                duration_ms: now.duration_since(began).as_millis().try_into().unwrap_or(0),
            };
            ops.push(News::of_room((&self.room, company), happening, now, (now, 0)));
        }
        ops
    }

    /// Takes an occurrence away that does not take place: without a trace where nobody was in it, else as ended.
    pub(crate) fn drop_unheld(&self, company: CompanyId, now: Timestamp) -> Vec<Op> {
        if self.first_join.is_some() {
            return self.ended(company, Reason::Expired, now);
        }
        let gone = Op::delete(keys::occurrence(&self.room))
            .value(":version", &self.version)
            .when("#version = :version", Failure::Raced);
        std::iter::once(gone).chain(self.mark(false)).collect()
    }
}
