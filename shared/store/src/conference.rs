//! Conferences: made, read, ended.

use std::collections::BTreeSet;

use domain::Reason;
use domain::company::Company;
use domain::conference::{CodeKind, Conference, News, Slot, later};
use domain::hook::Happening;
use domain::host::{Contact, Host};
use domain::id::{ConferenceId, Occurrence, ParticipantNumber, RelayId, ResellerId, RoomName};
use domain::relay::OccurrenceState;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::audit::Change;
use crate::company::company_in;
use crate::error::Cause;
use crate::host::host_in;
use crate::occurrence::OccurrenceItem;
use crate::op::{Failure, Op};
use crate::reply::uid_op;
use crate::series::SeriesItem;
use crate::table::beginning_with;
use crate::value::{Item, from_item};
use crate::{Error, Job, News as HookNews, Relay, Result, Room, Scope, Store, Unique, Work, Write, keys, reminders};

/// How long a one-time code is not issued again.
pub(crate) const QUARANTINE: SignedDuration = SignedDuration::from_hours(24 * 366);

/// A conference, and where its occurrences are in their lives.
#[derive(Debug, Clone, PartialEq)]
pub struct ConferenceState {
    /// The conference.
    pub conference: Conference,
    /// Its occurrences by their original starts; exactly one where it does not repeat.
    pub occurrences: Vec<OccurrenceView>,
    /// Those of which something lies in the table.
    pub(crate) items: Vec<OccurrenceItem>,
}

/// One occurrence of a conference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OccurrenceView {
    /// How it is planned.
    pub slot: Slot,
    /// Where it is in its life.
    pub state: OccurrenceState,
    /// What the API calls active: somebody is in it, or it is a reservationless meeting that waits for its first.
    pub active: bool,
    /// When somebody was in it first.
    pub first_join: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Why it ended.
    pub ended_reason: Option<Reason>,
}

impl ConferenceState {
    /// A conference that nobody has been in yet.
    #[must_use]
    pub fn planned(conference: Conference) -> Self {
        let items = if conference.series.is_some() {
            Vec::new()
        } else {
            items_of(&conference)
        };
        Self::new(conference, items)
    }

    pub(crate) fn new(conference: Conference, items: Vec<OccurrenceItem>) -> Self {
        let occurrences = conference
            .slots()
            .into_iter()
            .map(|slot| {
                let item = items.iter().find(|item| item.room.occurrence == slot.occurrence);
                OccurrenceView {
                    slot,
                    state: item.map_or(OccurrenceState::Scheduled, |item| item.state),
                    active: item.is_some_and(OccurrenceItem::is_active),
                    first_join: item.and_then(|item| item.first_join),
                    ended: item.and_then(|item| item.ended),
                    ended_reason: item.and_then(|item| item.ended_reason),
                }
            })
            .collect();
        Self {
            conference,
            occurrences,
            items,
        }
    }

    /// A conference of a list, of which only is known which of its occurrences are active.
    pub(crate) fn listed(conference: Conference, active: &BTreeSet<RoomName>) -> Self {
        let mut state = Self::new(conference, Vec::new());
        for view in &mut state.occurrences {
            view.active = active.contains(&state.conference.room_of(view.slot.occurrence));
        }
        state
    }

    /// What the API calls active: one of its occurrences is.
    pub fn is_active(&self) -> bool {
        self.occurrences.iter().any(|view| view.active)
    }

    /// The first or only occurrence.
    ///
    /// # Panics
    ///
    /// Never: a conference has at least one.
    pub fn first(&self) -> &OccurrenceView {
        self.occurrences.first().expect("a conference has an occurrence")
    }

    /// The occurrence of this original start.
    pub fn occurrence(&self, occurrence: Occurrence) -> Option<&OccurrenceView> {
        self.occurrences.iter().find(|view| view.slot.occurrence == occurrence)
    }

    /// The same, with everything ended that [`Store::conference_end`] ends now.
    #[must_use]
    pub fn ended(&self, reason: Reason, now: Timestamp) -> Self {
        let mut items = self.items.clone();
        for item in &mut items {
            if item.state != OccurrenceState::Ended {
                item.state = OccurrenceState::Ended;
                item.ended = Some(now);
                item.ended_reason = Some(reason);
            }
        }
        Self::new(self.conference.clone(), items)
    }
}

/// What surrounds a conference: its code's room, and the relays that hold its occurrences.
#[derive(Debug, Clone, PartialEq)]
pub struct Surroundings {
    pub(crate) room: Room,
    /// The relays.
    pub relays: Vec<Relay>,
}

/// A conference that was ended, and who must be told.
#[derive(Debug, Clone, PartialEq)]
pub struct EndedConference {
    /// The rooms to close.
    pub rooms: Vec<RoomName>,
    /// The relays that hold them.
    pub relays: Vec<Relay>,
    /// The conference as it is now.
    pub state: ConferenceState,
    /// Whether it had ended before.
    pub already: bool,
}

impl Store {
    /// Makes a conference: with its occurrence, or all of them where it repeats, its UID, its entry on its code, the room of a one-time
    /// code, the jobs that invite people to it and remind them, and the audit item, in one transaction. A one-time code must be unique; a host's own code must be that host's.
    pub async fn conference_create(&self, conference: &Conference, write: &Write<'_>) -> Result<()> {
        self.conference_create_inviting(conference, &[], write).await
    }

    /// The same, and these people enter the host's address book with it. Fails with [`Error::Raced`] when somebody else has
    /// entered one of them meanwhile.
    pub async fn conference_create_inviting(
        &self,
        conference: &Conference,
        new: &[Contact],
        write: &Write<'_>,
    ) -> Result<()> {
        let Conference {
            id,
            reseller,
            company,
            host,
            ..
        } = *conference;
        let mut ops = vec![conference_op(conference), uid_op(conference), room_op(conference)];
        if conference.code_kind == CodeKind::OneTime {
            // The room of a host's own code says by itself whether its host is there.
            ops.push(Op::check(keys::host(reseller, host)).when(
                "attribute_exists(#pk) AND attribute_not_exists(#deleting)",
                Failure::NotFound("host"),
            ));
        }
        match SeriesItem::of(conference, write.at) {
            Some(series) => ops.push(series.put().when_new(Failure::Raced)),
            None => {
                for item in items_of(conference) {
                    ops.extend(crate::series::make(&item, &conference.subject, None, write.at));
                }
            }
        }
        ops.extend(told(conference, News::of_new(conference, write.at), write.at));
        ops.extend(reminders::begin(conference, write.at));
        ops.push(happened(conference, Happening::ConferenceCreated, write.at));
        let change = Change::created(format!("conference/{id}"), conference).about(host);
        ops.extend(write.ops(Some(reseller), Some(company), change, &id));
        self.commit_entering(reseller, new, ops).await
    }

    /// A conference in the caller's scope. One read.
    pub async fn conference(&self, scope: &Scope, id: ConferenceId) -> Result<ConferenceState> {
        let key = keys::conference(scope.reseller, id);
        let items = self.query(&beginning_with(key.pk, &key.sk)).await?;
        let Some((first, rest)) = items.split_first() else {
            return Err(Error::NotFound("conference"));
        };
        let conference: Conference = from_item("conference", first)?;
        if conference.deleted {
            return Err(Error::NotFound("conference"));
        }
        scope.check(conference.company, Some(conference.host))?;
        let items = rest.iter().map(|item| from_item("occurrence", item));
        Ok(ConferenceState::new(conference, items.collect::<Result<_>>()?))
    }

    /// The room of a conference and the relays that hold its occurrences. One read.
    pub async fn surroundings(&self, state: &ConferenceState) -> Result<Surroundings> {
        surroundings_of(&self.get_many(&around(state)).await?)
    }

    /// The host and the company of a conference, both in the caller's scope, and what surrounds it. One read.
    pub async fn conference_around(
        &self,
        scope: &Scope,
        state: &ConferenceState,
    ) -> Result<(Host, Company, Surroundings)> {
        let Conference { host, company, .. } = state.conference;
        let mut wanted = vec![keys::host(scope.reseller, host), keys::company(scope.reseller, company)];
        wanted.extend(around(state));
        let found = self.get_many(&wanted).await?;
        let (people, around) = found.split_at(2);
        Ok((
            host_in(scope, people[0].as_ref())?,
            company_in(scope, people[1].as_ref())?,
            surroundings_of(around)?,
        ))
    }

    /// Ends what of a conference has begun or could begin now, for everybody and for good; harmless where nothing is left. An
    /// occurrence whose window has not opened goes on being planned, but for the only one. Fails with
    /// [`crate::Error::Raced`] when something changed since the state or its surroundings were read.
    pub async fn conference_end(
        &self,
        state: &ConferenceState,
        around: &Surroundings,
        reason: Reason,
        write: &Write<'_>,
    ) -> Result<EndedConference> {
        let conference = &state.conference;
        let ending: Vec<&OccurrenceItem> = state
            .items
            .iter()
            .filter(|item| item.state != OccurrenceState::Ended)
            .collect();
        let after = state.ended(reason, write.at);
        if ending.is_empty() {
            return Ok(EndedConference {
                rooms: Vec::new(),
                relays: Vec::new(),
                state: after,
                already: true,
            });
        }
        let live = around.room.live.as_ref();
        let goes = ending.iter().any(|item| item.is_live_in(live));
        let mut ops = vec![around.room.point_to(live.filter(|_| !goes))];
        for item in &ending {
            ops.extend(item.end_entry(conference.company, reason, write.at));
        }
        let change = Change::changed(
            format!("conference/{}", conference.id),
            &json!({"state": ending.first().map(|item| item.state)}),
            &json!({"state": OccurrenceState::Ended, "reason": reason}),
        )
        .about(conference.host);
        ops.extend(write.ops(
            Some(conference.reseller),
            Some(conference.company),
            change,
            &conference.id,
        ));
        self.commit(ops).await?;
        Ok(EndedConference {
            rooms: ending.iter().map(|item| item.room).collect(),
            relays: around.relays.clone(),
            state: after,
            already: false,
        })
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

/// Where what surrounds a conference lies: its room, then the relays.
fn around(state: &ConferenceState) -> Vec<keys::Key> {
    let held: BTreeSet<&RelayId> = state.items.iter().flat_map(|item| &item.relays).collect();
    let relays = held.into_iter().map(keys::relay);
    std::iter::once(keys::room(state.conference.code))
        .chain(relays)
        .collect()
}

/// The same as it was read.
fn surroundings_of(found: &[Option<Item>]) -> Result<Surroundings> {
    let (room, relays) = found.split_first().ok_or(Error::NotFound("room"))?;
    let relays = relays.iter().flatten().map(|item| from_item("relay", item));
    Ok(Surroundings {
        room: from_item("room", room.as_ref().ok_or(Error::NotFound("room"))?)?,
        relays: relays.collect::<Result<_>>()?,
    })
}

/// The job that tells people of a conference, where there is anything to tell.
pub(crate) fn told(conference: &Conference, news: Option<News>, now: Timestamp) -> Option<Op> {
    let work = Work::tell(conference.id, news?);
    Some(Job::new(conference.reseller, conference.company, work, now).create())
}

/// The write that lets webhooks hear of a conference.
pub(crate) fn happened(conference: &Conference, happening: Happening, now: Timestamp) -> Op {
    HookNews::of_conference((conference.reseller, conference.company, conference.id), happening, now)
}

/// The occurrences of a conference as they are made.
pub(crate) fn items_of(conference: &Conference) -> Vec<OccurrenceItem> {
    let slots = conference.slots();
    slots.iter().map(|slot| OccurrenceItem::new(conference, slot)).collect()
}

/// The item of a new conference.
pub(crate) fn conference_op(conference: &Conference) -> Op {
    put_op(conference).when_new(Failure::Raced)
}

/// The item of a conference, in its host's list, or in that of what was cancelled.
pub(crate) fn put_op(conference: &Conference) -> Op {
    let Conference {
        id,
        reseller,
        host,
        created,
        deleted,
        ..
    } = *conference;
    let list = match deleted {
        true => keys::conference_cancelled(reseller, host, created, id),
        false => keys::conference_list(reseller, host, created, id),
    };
    Op::put(keys::conference(reseller, id), conference).indexed(list)
}

/// Takes a new one-time code for a conference, or makes sure that the host's own code is the host's.
pub(crate) fn room_op(conference: &Conference) -> Op {
    let Conference {
        id,
        reseller,
        company,
        host,
        code,
        ..
    } = *conference;
    match conference.code_kind {
        CodeKind::Host => Op::check(keys::room(code))
            .value(":host", &host)
            .value(":reseller", &reseller)
            .when(
                "#host = :host AND #reseller = :reseller AND attribute_not_exists(#closed) AND attribute_not_exists(#retired)",
                Failure::NotFound("host"),
            ),
        CodeKind::OneTime => {
            let room = Room {
                code,
                kind: CodeKind::OneTime,
                reseller,
                company,
                host,
                conference: Some(id),
                live: None,
                retired: None,
                closed: None,
                version: 0,
            };
            Op::put(keys::room(code), &room)
                .expires(later(conference.closes(), QUARANTINE))
                .when_new(Failure::Taken(Unique::AccessCode))
        }
    }
}
