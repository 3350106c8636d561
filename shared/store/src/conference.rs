//! Conferences: made, read, ended.

use domain::Reason;
use domain::conference::{CodeKind, Conference, Kind};
use domain::id::{ConferenceId, ParticipantNumber, RelayId, ResellerId, RoomName};
use domain::relay::OccurrenceState;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::audit::Change;
use crate::error::Cause;
use crate::occurrence::OccurrenceItem;
use crate::op::{Failure, Op};
use crate::retry::unraced;
use crate::table::beginning_with;
use crate::value::from_item;
use crate::{Error, Relay, Result, Room, Scope, Store, Unique, Write, keys};

/// How long a one-time code is not issued again.
const QUARANTINE: SignedDuration = SignedDuration::from_hours(24 * 366);

/// A conference, and where its occurrence is in its life.
#[derive(Debug, Clone, PartialEq)]
pub struct ConferenceState {
    /// The conference.
    pub conference: Conference,
    /// Where it is in its life.
    pub state: OccurrenceState,
    /// When somebody was in it first.
    pub first_join: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Why it ended.
    pub ended_reason: Option<Reason>,
}

impl ConferenceState {
    /// What the API calls active: somebody is in it, or it is a reservationless meeting that waits for its first.
    pub fn is_active(&self) -> bool {
        let waits = self.conference.kind == Kind::Reservationless && self.first_join.is_none();
        self.state == OccurrenceState::Active || (self.state == OccurrenceState::Scheduled && waits)
    }

    fn new(conference: Conference, occurrence: &OccurrenceItem) -> Self {
        let OccurrenceItem {
            state,
            first_join,
            ended,
            ended_reason,
            ..
        } = *occurrence;
        Self {
            conference,
            state,
            first_join,
            ended,
            ended_reason,
        }
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
    /// one transaction. A one-time code must be unique; a host's own code must be that host's.
    pub async fn conference_create(&self, conference: &Conference, write: &Write<'_>) -> Result<()> {
        let Conference {
            id,
            reseller,
            company,
            host,
            code,
            ..
        } = *conference;
        let room = match conference.code_kind {
            CodeKind::Host => Op::check(keys::room(code))
                .value(":host", &host)
                .value(":reseller", &reseller)
                .when("#host = :host AND #reseller = :reseller", Failure::NotFound("host")),
            CodeKind::OneTime => {
                let kind = CodeKind::OneTime;
                let room = Room {
                    code,
                    kind,
                    reseller,
                    company,
                    host,
                    conference: Some(id),
                    live: None,
                    version: 0,
                };
                let forgotten = domain::conference::later(conference.window().closes, QUARANTINE);
                Op::put(keys::room(code), &room)
                    .expires(forgotten)
                    .when_new(Failure::Taken(Unique::AccessCode))
            }
        };
        let mut ops = conference_ops(conference);
        ops.extend([
            room,
            OccurrenceItem::new(conference).create(None, write.at),
            OccurrenceItem::planned(conference),
        ]);
        let change = Change::created(format!("conference/{id}"), conference);
        ops.extend(write.ops(Some(reseller), Some(company), change, &id));
        self.commit(ops).await
    }

    /// A conference in the caller's scope. One read.
    pub async fn conference(&self, scope: &Scope, id: ConferenceId) -> Result<ConferenceState> {
        let (conference, occurrence) = self.conference_items(scope.reseller, id).await?;
        scope.check(conference.company, Some(conference.host))?;
        Ok(ConferenceState::new(conference, &occurrence))
    }

    async fn conference_items(&self, reseller: ResellerId, id: ConferenceId) -> Result<(Conference, OccurrenceItem)> {
        let key = keys::conference(reseller, id);
        let items = self.query(&beginning_with(key.pk, &key.sk)).await?;
        let [conference, occurrence, ..] = items.as_slice() else {
            return Err(Error::NotFound("conference"));
        };
        Ok((
            from_item("conference", conference)?,
            from_item("occurrence", occurrence)?,
        ))
    }

    /// Ends a conference for everybody and for good; harmless on an ended one.
    pub async fn conference_end(
        &self,
        scope: &Scope,
        id: ConferenceId,
        reason: Reason,
        write: &Write<'_>,
    ) -> Result<EndedConference> {
        let (conference, occurrence, already) = unraced(|| self.try_end(scope, id, reason, write)).await?;
        let relays = if already {
            Vec::new()
        } else {
            self.relays_of(&occurrence).await?
        };
        Ok(EndedConference {
            room: occurrence.room,
            relays,
            state: ConferenceState::new(conference, &occurrence),
            already,
        })
    }

    async fn try_end(
        &self,
        scope: &Scope,
        id: ConferenceId,
        reason: Reason,
        write: &Write<'_>,
    ) -> Result<(Conference, OccurrenceItem, bool)> {
        let (conference, occurrence) = self.conference_items(scope.reseller, id).await?;
        scope.check(conference.company, Some(conference.host))?;
        if occurrence.state == OccurrenceState::Ended {
            return Ok((conference, occurrence, true));
        }
        let room = self.room_item(occurrence.code).await?;
        let mut ops = occurrence.end(&room, reason, write.at);
        let change = Change::changed(
            format!("conference/{id}"),
            &json!({"state": occurrence.state}),
            &json!({"state": OccurrenceState::Ended, "reason": reason}),
        );
        ops.extend(write.ops(Some(conference.reseller), Some(conference.company), change, &id));
        self.commit(ops).await?;
        let ended = OccurrenceItem {
            state: OccurrenceState::Ended,
            ended: Some(write.at),
            ended_reason: Some(reason),
            ..occurrence
        };
        Ok((conference, ended, false))
    }

    pub(crate) async fn relays_of(&self, occurrence: &OccurrenceItem) -> Result<Vec<Relay>> {
        let wanted: Vec<keys::Key> = occurrence.relays.iter().map(|id: &RelayId| keys::relay(id)).collect();
        let found = self.get_many(&wanted).await?;
        found.iter().flatten().map(|item| from_item("relay", item)).collect()
    }

    /// The next participant's number in a conference. One update; a lost answer leaves a gap.
    pub async fn participant_number(
        &self,
        reseller: ResellerId,
        conference: ConferenceId,
    ) -> Result<ParticipantNumber> {
        let number = self
            .claim_numbers(keys::participant_counter(reseller, conference), 1)
            .await?
            .start;
        let number = u32::try_from(number).ok().and_then(ParticipantNumber::new);
        number.ok_or_else(|| Error::Refused(Cause("all participants' numbers are used up".into())))
    }
}

/// The item of a new conference.
pub(crate) fn conference_ops(conference: &Conference) -> Vec<Op> {
    let Conference {
        id,
        reseller,
        host,
        created,
        ..
    } = *conference;
    vec![
        Op::put(keys::conference(reseller, id), conference)
            .indexed(keys::conference_list(reseller, host, created, id))
            .when_new(Failure::Raced),
    ]
}
