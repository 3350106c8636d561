//! Which relays hold which rooms: entering and leaving.

use std::collections::BTreeSet;

use domain::Reason;
use domain::company::Company;
use domain::conference::{Conference, HARD_STOP, LEASE, Live, later};
use domain::hook::Happening;
use domain::id::{RelayId, RoomName};
use domain::relay::{Enter, Entered, Leave, OccurrenceState};
use domain::room::{EMPTY_GRACE_SECONDS, RoomSettings};
use domain::time::millis;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::occurrence::OccurrenceItem;
use crate::op::{Failure, Op};
use crate::retry::unraced;
use crate::room::{LiveRoom, Room};
use crate::usage::{Counted, Usage};
use crate::value::from_item;
use crate::{Error, News, Relay, Result, Store, keys};

/// How long it is known that a relay has held a room, for reports that come late.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 7);

/// Why a relay holds a room no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Going {
    /// Nobody is in it.
    Empty,
    /// The relay ends: its people come again, elsewhere.
    Reconnecting,
    /// Nothing is heard of the relay, where it may go on.
    Swept,
}

/// A room that a relay holds or has held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Membership {
    pub(crate) room: RoomName,
    /// The relay's start.
    pub(crate) epoch: u64,
    #[serde(with = "millis")]
    pub(crate) entered: Timestamp,
    /// Whether it is over.
    #[serde(default)]
    pub(crate) left: bool,
    /// It was taken from the relay because nothing was heard of it; it may have gone on there.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub(crate) swept: bool,
    /// Earlier starts of the relay that held it to their end: who was there with them is still to be reported as gone.
    #[serde(default)]
    pub(crate) former: BTreeSet<u64>,
    /// Earlier registrations of the same start: who was there with them is there still.
    #[serde(default)]
    pub(crate) same: BTreeSet<u64>,
}

impl Membership {
    /// The same under a later registration of the start that holds it: a relay that begins anew holds nothing before it has
    /// entered, so what it reports of a room that it has not entered again has gone on under its former registration.
    pub(crate) fn under(&self, epoch: u64) -> Self {
        let mut next = self.clone();
        if epoch > next.epoch {
            next.same.insert(next.epoch);
            next.epoch = epoch;
        }
        next
    }

    /// Writes it, if no other registration has.
    pub(crate) fn save(&self, relay: &RelayId, before: u64) -> Op {
        Op::put(keys::membership(relay, &self.room), self)
            .value(":epoch", &before)
            .when("#epoch = :epoch", Failure::Raced)
    }
}

impl Store {
    /// The first participant of a room is at a relay: makes the occurrence active and the relay a member. Fails with
    /// [`crate::Error::Moved`] when the room lives on another relay, [`crate::Error::Ended`] when it is over,
    /// [`crate::Error::StaleEpoch`] when this start of the relay is not the registered one.
    pub async fn relay_enter(&self, enter: &Enter, now: Timestamp) -> Result<Entered> {
        unraced(|| self.try_enter(enter, now)).await
    }

    async fn try_enter(&self, enter: &Enter, now: Timestamp) -> Result<Entered> {
        let Enter {
            relay,
            epoch,
            room: name,
            ..
        } = enter;
        let wanted = [
            keys::relay(relay),
            keys::occurrence(name),
            keys::conference(name.reseller, name.conference),
            keys::membership(relay, name),
        ];
        let found = self.get_many(&wanted).await?;
        let known: Relay = from_item("relay", found[0].as_ref().ok_or(Error::NotFound("relay"))?)?;
        if known.epoch != *epoch {
            return Err(Error::StaleEpoch);
        }
        let before: OccurrenceItem = from_item("occurrence", found[1].as_ref().ok_or(Error::NotFound("room"))?)?;
        let conference: Conference = from_item("conference", found[2].as_ref().ok_or(Error::NotFound("room"))?)?;
        let member: Option<Membership> = found[3]
            .as_ref()
            .map(|item| from_item("membership", item))
            .transpose()?;
        let company = keys::company(name.reseller, conference.company);
        let (room, company) = tokio::try_join!(self.room_item(before.code), self.get(company))?;
        self.check_enter(&before, &room, relay, now).await?;

        let mut after = before.clone();
        after.state = OccurrenceState::Active;
        after.first_join = Some(before.first_join.unwrap_or(now));
        after.relays = BTreeSet::from([relay.clone()]);
        let goes_on = before.goes_on_at(now);
        after.rules = before.rules.filter(|_| goes_on);
        after.goes_on = None;
        if let Some(company) = &company {
            let company: Company = from_item("company", company)?;
            after.events_days = company.settings.retention_days.events;
        }
        let held = room.live.as_ref().filter(|live| before.is_live_in(Some(live)));
        let live = LiveRoom {
            live: Live {
                conference: name.conference,
                occurrence: name.occurrence,
                kind: before.kind,
                lease: None,
                moderators: held.map_or(0, |held| held.live.moderators),
                first_join: after.first_join,
            },
            home: relay.clone(),
        };
        let is_member = member
            .as_ref()
            .is_some_and(|member| member.epoch == *epoch && !member.left);
        if after != before || room.live.as_ref() != Some(&live) || !is_member {
            let mut former = BTreeSet::new();
            if let Some(member) = member {
                former = member.former;
                if member.epoch < *epoch && !member.left {
                    former.extend(member.same);
                    former.insert(member.epoch);
                }
                // Who was there with this start has been reported by it, or comes again now.
                former.remove(epoch);
            }
            let member = Membership {
                room: *name,
                epoch: *epoch,
                entered: now,
                left: false,
                swept: false,
                former,
                same: BTreeSet::new(),
            };
            let mut ops = after.save(None, now);
            ops.push(room.point_to(Some(&live)));
            ops.push(Op::put(keys::membership(relay, name), &member));
            let silent: Vec<&RelayId> = before.relays.iter().filter(|other| *other != relay).collect();
            ops.extend(self.take_from(&silent, name, now).await?);
            if before.first_join.is_none() {
                let mut counted = Counted::default();
                counted.add(&room, name.conference, now, Usage::MEETING);
                ops.extend(counted.ops());
                let happening = Happening::ConferenceStart {
                    occurrence: name.occurrence,
                };
                ops.push(News::of_room((name, room.company), happening, now, (now, 0)));
            }
            self.commit(ops).await?;
        }
        let settings = settings(&conference, &after, now);
        let earlier = match before.first_join {
            Some(_) => self.earlier(name, goes_on, now).await?,
            None => Vec::new(),
        };
        Ok(Entered {
            settings,
            members: after.relays,
            rules: after.rules,
            earlier,
        })
    }

    /// Whether the room may be entered at this relay now.
    async fn check_enter(
        &self,
        occurrence: &OccurrenceItem,
        room: &Room,
        relay: &RelayId,
        now: Timestamp,
    ) -> Result<()> {
        if occurrence.state == OccurrenceState::Ended {
            return Err(Error::Ended(occurrence.ended_reason.unwrap_or(Reason::Ended)));
        }
        let live = room.live.as_ref().filter(|live| live.live.counts(now));
        let held = occurrence.is_live_in(live);
        if live.is_some() && !held {
            return Err(Error::Moved);
        }
        let life = occurrence.life(live.and_then(|live| live.live.lease));
        let stopped = life.hard_stop().is_some_and(|stop| now >= stop);
        let closed = occurrence.state == OccurrenceState::Scheduled && !held && now >= life.window.closes;
        if stopped || closed {
            return Err(Error::Ended(Reason::Expired));
        }
        if let Some(live) = live.filter(|live| live.home != *relay) {
            let home = self.relay(&live.home).await?;
            if home.is_some_and(|home| home.is_alive(now)) {
                return Err(Error::Moved);
            }
        }
        Ok(())
    }

    /// Takes a room that is opened elsewhere from relays that nothing is heard of: each is told as soon as it is heard of again,
    /// and who was there is still to be reported as gone.
    async fn take_from(&self, relays: &[&RelayId], name: &RoomName, now: Timestamp) -> Result<Vec<Op>> {
        let wanted: Vec<_> = relays.iter().map(|relay| keys::membership(relay, name)).collect();
        let mut ops = Vec::new();
        for (relay, item) in relays.iter().zip(self.get_many(&wanted).await?) {
            let member: Option<Membership> = item.map(|item| from_item("membership", &item)).transpose()?;
            let Some(member) = member.filter(|member| !member.left) else {
                continue;
            };
            let mut gone = Membership {
                left: true,
                swept: true,
                ..member.clone()
            };
            gone.former.extend(member.same);
            gone.former.insert(member.epoch);
            ops.push(gone.save(relay, member.epoch).expires(later(now, KEPT)));
        }
        Ok(ops)
    }

    /// A room is closed at a relay. Answers what became of the occurrence.
    pub async fn relay_leave(&self, leave: &Leave, now: Timestamp) -> Result<OccurrenceState> {
        let Leave {
            relay,
            epoch,
            room,
            reconnecting,
        } = leave;
        let known = self.relay(relay).await?.ok_or(Error::NotFound("relay"))?;
        if known.epoch != *epoch {
            return Err(Error::StaleEpoch);
        }
        let going = if *reconnecting {
            Going::Reconnecting
        } else {
            Going::Empty
        };
        self.leave(relay, *epoch, room, going, now).await
    }

    /// A relay holds a room of which the table says otherwise: under its former registration, or swept while nothing was
    /// heard of it. Takes it back. Answers why it cannot go on there, where it cannot.
    pub(crate) async fn take_back(
        &self,
        (relay, epoch): (&RelayId, u64),
        member: &Membership,
        now: Timestamp,
    ) -> Result<Option<Reason>> {
        if !member.left {
            let next = member.under(epoch);
            return match self.commit(vec![next.save(relay, member.epoch)]).await {
                // Its own report of an event was first.
                Ok(()) | Err(Error::Raced) => Ok(None),
                Err(error) => Err(error),
            };
        }
        let enter = Enter {
            relay: relay.clone(),
            epoch,
            room: member.room,
            participant: None,
            jti: None,
        };
        match self.relay_enter(&enter, now).await {
            Ok(_) => Ok(None),
            Err(Error::Ended(reason)) => Ok(Some(reason)),
            Err(Error::Moved) => Ok(Some(Reason::Moved)),
            Err(error) => Err(error),
        }
    }

    /// Takes a room from a relay's start, which may be gone.
    pub(crate) async fn leave(
        &self,
        relay: &RelayId,
        epoch: u64,
        name: &RoomName,
        going: Going,
        now: Timestamp,
    ) -> Result<OccurrenceState> {
        unraced(|| self.try_leave(relay, epoch, name, going, now)).await
    }

    async fn try_leave(
        &self,
        relay: &RelayId,
        epoch: u64,
        name: &RoomName,
        going: Going,
        now: Timestamp,
    ) -> Result<OccurrenceState> {
        let found = self
            .get_many(&[keys::occurrence(name), keys::membership(relay, name)])
            .await?;
        let Some(before) = &found[0] else {
            // It is forgotten, and its relay was the last to know it.
            return Ok(OccurrenceState::Ended);
        };
        let before: OccurrenceItem = from_item("occurrence", before)?;
        let member: Option<Membership> = found[1]
            .as_ref()
            .map(|item| from_item("membership", item))
            .transpose()?;
        // A later start of the same relay has entered again, or it has left already.
        let Some(member) = member.filter(|member| member.epoch <= epoch && (!member.left || member.swept)) else {
            return Ok(before.state);
        };
        let known = member.epoch;
        let mut gone = Membership {
            left: true,
            swept: going == Going::Swept,
            ..member.under(epoch)
        };
        if going == Going::Reconnecting && known < epoch {
            // A start that could not enter says so: who was there with an earlier one is still to be reported as gone.
            gone.former.extend(gone.same.iter());
        }
        let mut ops = vec![gone.save(relay, known).expires(later(now, KEPT))];
        if member.left {
            // It was swept before: what was left of it then is decided.
            if going != Going::Swept {
                self.commit(ops).await?;
            }
            return Ok(before.state);
        }
        let mut after = before.clone();
        after.relays.remove(relay);
        if before.state == OccurrenceState::Ended {
            ops.extend(after.save(None, now));
            self.commit(ops).await?;
            return Ok(OccurrenceState::Ended);
        }
        let room = self.room_item(before.code).await?;
        let held = room.live.as_ref().filter(|live| before.is_live_in(Some(live)));
        let waits_for_somebody = held.is_some_and(|live| live.live.lease.is_some_and(|until| now < until));
        let unheard = held.filter(|_| going != Going::Empty && after.relays.is_empty() && !waits_for_somebody);
        if let Some(live) = unheard {
            // It may go on there, or its people are on their way to another relay: the room waits for them.
            let mut live = live.clone();
            let until = Some(later(now, LEASE));
            live.live.lease = until;
            after.goes_on = until;
            after.state = OccurrenceState::Scheduled;
            ops.extend(after.save(live.live.lease, now));
            ops.push(room.point_to(Some(&live)));
        } else if after.relays.is_empty() && !waits_for_somebody {
            (after.rules, after.goes_on) = (None, None);
            after.state = before.life(None).emptied(now);
            if after.state == OccurrenceState::Ended {
                ops.extend(after.end(&room, Reason::Expired, now));
            } else {
                ops.extend(after.save(None, now));
                ops.push(room.point_to(if held.is_some() { None } else { room.live.as_ref() }));
            }
        } else {
            let lease = held.and_then(|live| live.live.lease);
            if after.relays.is_empty() {
                after.state = OccurrenceState::Scheduled;
                after.goes_on = lease.filter(|_| going != Going::Empty);
                after.rules = after.rules.filter(|_| going != Going::Empty);
            }
            ops.extend(after.save(lease, now));
        }
        self.commit(ops).await?;
        Ok(after.state)
    }
}

fn settings(conference: &Conference, occurrence: &OccurrenceItem, now: Timestamp) -> RoomSettings {
    RoomSettings {
        conference: conference.id,
        subject: conference.subject.to_string(),
        max_participants: conference.max_participants,
        mute_mode: conference.mute_mode,
        waiting_room: conference.waiting_room,
        hard_stop: later(occurrence.first_join.unwrap_or(now), HARD_STOP).as_second(),
        window_end: occurrence.window().closes.as_second(),
        empty_grace_seconds: EMPTY_GRACE_SECONDS,
    }
}
