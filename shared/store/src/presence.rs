//! Who is or was in an occurrence, and at which start of which relay.

use domain::Reason;
use domain::conference::{LEASE, later};
use domain::id::{ConferenceId, ContactId, Occurrence, ParticipantNumber, RelayId, ResellerId, RoomName};
use domain::relay::{Earlier, Event, EventKind};
use domain::time::{millis, millis_option};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::events::STEP;
use crate::membership::Membership;
use crate::op::Op;
use crate::retry::unraced;
use crate::table::{Outcome, Query, beginning_with, has_run_out};
use crate::value::from_item;
use crate::{Error, OccurrenceView, Result, Store, keys};

/// A participant of an occurrence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Participant {
    pub(crate) participant: ParticipantNumber,
    pub(crate) jti: String,
    pub(crate) name: String,
    /// Which of the host's contacts it is, where that is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) contact: Option<ContactId>,
    pub(crate) moderator: bool,
    /// The region that it joined in.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) region: Option<String>,
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
    /// Earlier stays, the latest last.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(crate) earlier: Vec<Stay>,
}

/// From a participant's coming in to its going out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stay {
    /// When it came.
    #[serde(with = "millis")]
    pub joined: Timestamp,
    /// When it left; `None` while it is there.
    #[serde(with = "millis_option", skip_serializing_if = "Option::is_none", default)]
    pub left: Option<Timestamp>,
    /// Why it left.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<Reason>,
}

/// Earlier stays that are kept of one participant.
const MOST_STAYS: usize = 50;
/// Pages of about 1 MB that are read of a conference's participants for one answer.
const MOST_PAGES: usize = 5;

impl Participant {
    fn last(&self) -> Stay {
        Stay {
            joined: self.joined,
            left: self.left,
            reason: self.reason,
        }
    }

    /// Why it is not there any more when another session of it begins at this relay.
    pub(crate) fn replaced_at(&self, source: Source<'_>) -> Reason {
        // Else the relay that had it is gone, or has begun anew.
        if source.is_of(self) {
            Reason::Duplicate
        } else {
            Reason::ConnectionLost
        }
    }

    /// The stays before the one that begins at this time, as another session of the same participant at this relay.
    pub(crate) fn stays_before(&self, source: Source<'_>, next: Timestamp) -> Vec<Stay> {
        let mut earlier = self.earlier.clone();
        earlier.push(Stay {
            left: self.left.or(Some(next)),
            reason: self.reason.or(Some(self.replaced_at(source))),
            ..self.last()
        });
        let over = earlier.len().saturating_sub(MOST_STAYS);
        earlier.drain(..over);
        earlier
    }
}

/// Who is or was in a conference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attendance {
    /// In which occurrence.
    pub occurrence: Occurrence,
    /// Its number.
    pub participant: ParticipantNumber,
    /// Its name, as shown last.
    pub name: String,
    /// Whether it leads, or led when it was there last.
    pub moderator: bool,
    /// When it came and left, the last time last; at least one.
    pub stays: Vec<Stay>,
}

impl Attendance {
    /// Whether it is there now.
    pub fn is_present(&self) -> bool {
        self.stays.last().is_some_and(|stay| stay.left.is_none())
    }
}

/// Where a page of a list of participants begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// Behind this participant of this occurrence, whether it is there or not.
    Place(Occurrence, ParticipantNumber),
    /// Behind this participant in the newest occurrence that it was in.
    Newest(ParticipantNumber),
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

impl Membership {
    /// Whether a participant is there with this registration of the relay, or with an earlier one of the same start.
    pub(crate) fn is_of(&self, source: Source<'_>, participant: &Participant) -> bool {
        let same = participant.relay == *source.relay
            && source.epoch >= self.epoch
            && (participant.epoch == self.epoch || self.same.contains(&participant.epoch));
        source.is_of(participant) || same
    }
}

#[derive(Deserialize)]
struct Numbered {
    participant: ParticipantNumber,
}

#[derive(Deserialize)]
struct Place {
    #[serde(rename = "sk")]
    key: String,
}

impl Store {
    /// Who is or was in a conference, or in one of its occurrences: newest first, at most so many, and whether there are more.
    /// One read for each megabyte, at most five. Fails with [`Error::NotListed`] where nobody has the number that it shall
    /// come behind.
    pub async fn attendance(
        &self,
        (reseller, conference): (ResellerId, ConferenceId),
        occurrence: Option<Occurrence>,
        after: Option<Behind>,
        limit: usize,
        now: Timestamp,
    ) -> Result<(Vec<Attendance>, bool)> {
        let room = |occurrence| RoomName {
            reseller,
            conference,
            occurrence,
        };
        let list = match occurrence {
            Some(occurrence) => keys::participant_list(&room(occurrence)),
            None => keys::participants(reseller, conference),
        };
        let mut query = Query {
            newest_first: true,
            ..beginning_with(list.pk, &list.sk)
        };
        let mut sought = None;
        match after {
            Some(Behind::Place(occurrence, participant)) => {
                let place = keys::participant_before(&room(occurrence), participant);
                query.to = place.sk.clamp(query.from.clone(), query.to);
            }
            Some(Behind::Newest(participant)) => sought = Some(participant),
            None => {}
        }
        let (mut found, mut start) = (Vec::new(), None);
        for _ in 0..MOST_PAGES {
            let (page, next) = self.query_page(&query, start).await?;
            for item in &page {
                let known: Participant = from_item("participant", item)?;
                if let Some(number) = sought {
                    sought = Some(number).filter(|number| *number != known.participant);
                    continue;
                }
                if has_run_out(item, now) {
                    continue;
                }
                if found.len() == limit {
                    return Ok((found, true));
                }
                let Place { key } = from_item("participant", item)?;
                let mut stays = known.earlier.clone();
                stays.push(known.last());
                found.push(Attendance {
                    occurrence: keys::participant_occurrence(&key).unwrap_or(Occurrence::new(0)),
                    participant: known.participant,
                    name: known.name,
                    moderator: known.moderator,
                    stays,
                });
            }
            if next.is_none() && sought.is_some() {
                return Err(Error::NotListed);
            }
            if next.is_none() {
                return Ok((found, false));
            }
            start = next;
        }
        Ok((found, true))
    }

    /// Who somebody is who is or was in a room, as it is kept: the name, and which contact. One read.
    pub async fn participant(
        &self,
        room: &RoomName,
        participant: ParticipantNumber,
        now: Timestamp,
    ) -> Result<Option<(String, Option<ContactId>)>> {
        let item = self.get(keys::participant(room, participant)).await?;
        let item = item.filter(|item| !has_run_out(item, now));
        let known: Option<Participant> = item.map(|item| from_item("participant", &item)).transpose()?;
        Ok(known.map(|known| (known.name, known.contact)))
    }

    /// The same of several conferences, each from its newest or behind somebody on, all at once.
    pub async fn attendances(
        &self,
        reseller: ResellerId,
        conferences: &[(ConferenceId, Option<(Occurrence, ParticipantNumber)>)],
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<(Vec<Attendance>, bool)>> {
        let each = conferences.iter().map(|(id, after)| {
            let after = after.map(|(occurrence, participant)| Behind::Place(occurrence, participant));
            self.attendance((reseller, *id), None, after, limit, now)
        });
        futures_util::future::try_join_all(each).await
    }

    /// In which of these occurrences of a conference a participant is now. One read.
    pub async fn present(
        &self,
        (reseller, conference): (ResellerId, ConferenceId),
        occurrences: impl Iterator<Item = &OccurrenceView>,
        participant: ParticipantNumber,
    ) -> Result<Option<Occurrence>> {
        let rooms: Vec<RoomName> = occurrences
            .map(|view| RoomName {
                reseller,
                conference,
                occurrence: view.slot.occurrence,
            })
            .collect();
        let wanted: Vec<_> = rooms.iter().map(|room| keys::participant(room, participant)).collect();
        let found = self.get_many(&wanted).await?;
        for (room, item) in rooms.iter().zip(found) {
            let known: Option<Participant> = item.map(|item| from_item("participant", &item)).transpose()?;
            if known.is_some_and(|known| known.left.is_none()) {
                return Ok(Some(room.occurrence));
            }
        }
        Ok(None)
    }

    /// The number that a partner's own identity has in a conference, if it has one. One read.
    pub async fn participant_identified(
        &self,
        (reseller, conference): (ResellerId, ConferenceId),
        identity: &str,
    ) -> Result<Option<ParticipantNumber>> {
        let found = self
            .get(keys::participant_identity(reseller, conference, identity))
            .await?;
        let numbered: Option<Numbered> = found
            .map(|item| from_item("participant's identity", &item))
            .transpose()?;
        Ok(numbered.map(|numbered| numbered.participant))
    }

    /// The number that a partner's own identity has in a conference: the one given, unless it has one already.
    pub async fn participant_identity(
        &self,
        (reseller, conference): (ResellerId, ConferenceId),
        identity: &str,
        number: ParticipantNumber,
    ) -> Result<ParticipantNumber> {
        let op = Op::update(
            keys::participant_identity(reseller, conference, identity),
            "SET #participant = if_not_exists(#participant, :number)",
        )
        .value(":number", &number);
        match self.update(op).await? {
            Outcome::Done(item) | Outcome::Refused(item) => {
                let Numbered { participant } = from_item("participant's identity", &item)?;
                Ok(participant)
            }
        }
    }

    /// Who was removed from a room and, where it goes on, who is in it, or was a moment ago when its relay went. As many reads as its
    /// participants take megabytes.
    pub(crate) async fn earlier(&self, room: &RoomName, goes_on: bool, now: Timestamp) -> Result<Vec<Earlier>> {
        let list = keys::participant_list(room);
        let mut earlier = Vec::new();
        for item in self.query(&beginning_with(list.pk, &list.sk)).await? {
            let known: Participant = from_item("participant", &item)?;
            let removed = match (known.left, known.reason) {
                (None, _) if goes_on => None,
                (Some(left), Some(Reason::ConnectionLost)) if goes_on && now < later(left, LEASE) => None,
                (Some(left), Some(Reason::Removed)) => Some(left.as_second()),
                _ => continue,
            };
            earlier.push(Earlier {
                participant: known.participant,
                jti: known.jti,
                moderator: known.moderator,
                removed,
            });
        }
        Ok(earlier)
    }

    /// Reports the leave of everybody whose connection went with this start of a relay. Answers how many.
    pub(crate) async fn report_lost(&self, source: Source<'_>, member: &Membership, now: Timestamp) -> Result<usize> {
        let mut lost = 0;
        loop {
            let reported = unraced(|| self.try_report_lost(source, member, now)).await?;
            lost += reported;
            if reported < STEP {
                return Ok(lost);
            }
        }
    }

    async fn try_report_lost(&self, source: Source<'_>, member: &Membership, now: Timestamp) -> Result<usize> {
        let room = &member.room;
        let list = keys::participant_list(room);
        let mut events = Vec::new();
        for item in self.query(&beginning_with(list.pk, &list.sk)).await? {
            let participant: Participant = from_item("participant", &item)?;
            if participant.left.is_none() && member.is_of(source, &participant) && events.len() < STEP {
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
