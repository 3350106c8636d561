//! What relays report: kept once, in order, with a number per conference. A batch is kept in steps of one transaction each;
//! how far it is kept lies in the relay's cursor, which each step moves.

use std::collections::BTreeMap;

use domain::Reason;
use domain::code::AccessCode;
use domain::conference::{HARD_STOP, later};
use domain::hook::Happening;
use domain::id::{ConferenceId, Occurrence, ParticipantNumber, ResellerId, RoomName};
use domain::relay::{Event, EventKind, Events, LARGEST_BATCH, OccurrenceState};
use domain::room::KeptRules;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::keys::Key;
use crate::membership::Membership;
use crate::occurrence::OccurrenceItem;
use crate::op::{Failure, Op};
use crate::presence::{Participant, Source};
use crate::retry::unraced;
use crate::room::Room;
use crate::table::{Query, has_run_out};
use crate::usage::{Counted, Usage};
use crate::value::{Item, from_item};
use crate::{Error, News, Relay, Result, Store, keys};

/// Events of one transaction: each is at most nine items, and the cursor one more.
pub(crate) const STEP: usize = 10;

/// How far a relay's batches are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    epoch: u64,
    /// The last batch that is kept whole.
    n: u64,
    /// Events kept of the next one.
    part: usize,
    #[serde(default)]
    version: u64,
}

/// An event as it is kept.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Numbered {
    sequence: u64,
    pub(crate) event: Event,
}

/// The last number of a conference's events.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Sequence {
    last: u64,
}

/// One room's part of a step.
struct Part {
    /// The relay's hold of the room, as it was read.
    member: Membership,
    occurrence: OccurrenceItem,
    room: Room,
    sequence: Sequence,
    kept: Vec<Event>,
    participants: BTreeMap<ParticipantNumber, (Option<Participant>, bool)>,
    moderators: i64,
    /// What moderators have set.
    rules: Option<KeptRules>,
    ended: Option<Reason>,
    /// What it came to, and when.
    used: Vec<(Timestamp, Usage)>,
    /// What webhooks hear of, and when it happened.
    told: Vec<(Timestamp, Happening)>,
}

impl Store {
    /// Keeps a batch of events; a repeat has no effect. Fails with [`crate::Error::Gap`] when an earlier batch is missing.
    /// Events of rooms that the relay has not entered are passed over.
    pub async fn relay_events(&self, events: &Events, now: Timestamp) -> Result<()> {
        if events.events.len() > LARGEST_BATCH {
            return Err(Error::TooLarge("events"));
        }
        while !unraced(|| self.try_events(events, now)).await? {}
        Ok(())
    }

    /// Keeps the next step of a batch; true when nothing is left of it.
    async fn try_events(&self, batch: &Events, now: Timestamp) -> Result<bool> {
        let Events {
            relay,
            epoch,
            n,
            events,
        } = batch;
        let found = self.get_many(&[keys::relay(relay), keys::relay_cursor(relay)]).await?;
        let known: Relay = from_item("relay", found[0].as_ref().ok_or(Error::NotFound("relay"))?)?;
        if known.epoch != *epoch {
            return Err(Error::StaleEpoch);
        }
        let kept: Option<Cursor> = found[1].as_ref().map(|item| from_item("cursor", item)).transpose()?;
        let version = kept.map(|cursor| cursor.version);
        let cursor = kept.filter(|cursor| cursor.epoch == *epoch).unwrap_or(Cursor {
            epoch: *epoch,
            ..Cursor::default()
        });
        if *n <= cursor.n {
            return Ok(true);
        }
        if *n != cursor.n + 1 {
            return Err(Error::Gap(cursor.n + 1));
        }
        let left = events.get(cursor.part..).unwrap_or_default();
        let step = &left[..left.len().min(STEP)];
        let (mut ops, taken) = self.event_ops(Source { relay, epoch: *epoch }, step, now).await?;
        let last = taken == left.len();
        let next = if last {
            Cursor {
                n: *n,
                part: 0,
                ..cursor
            }
        } else {
            Cursor {
                part: cursor.part + taken,
                ..cursor
            }
        };
        let next = Cursor {
            version: version.unwrap_or(0) + 1,
            ..next
        };
        let moved = Op::put(keys::relay_cursor(relay), &next);
        let moved = match version {
            Some(version) => moved
                .value(":version", &version)
                .when("#version = :version", Failure::Raced),
            None => moved.when_new(Failure::Raced),
        };
        ops.push(moved);
        self.commit(ops).await?;
        Ok(last)
    }

    /// The writes that keep the first of these events, and how many: all, or those before a second meeting on one code,
    /// whose room cannot be written twice at once.
    pub(crate) async fn event_ops(
        &self,
        source: Source<'_>,
        events: &[Event],
        now: Timestamp,
    ) -> Result<(Vec<Op>, usize)> {
        let mut parts = self.event_parts(source, events).await?;
        let mut codes: BTreeMap<AccessCode, RoomName> = BTreeMap::new();
        let mut taken = 0;
        for event in events {
            if let Some(part) = parts.get_mut(&event.room) {
                if *codes.entry(part.occurrence.code).or_insert(event.room) != event.room {
                    break;
                }
                part.take(source, event);
            } else {
                tracing::warn!(relay = %source.relay, room = %event.room, "event of a room that the relay has not entered");
            }
            taken += 1;
        }
        let (mut ops, mut counted) = (Vec::new(), Counted::default());
        for part in parts.into_values().filter(|part| !part.kept.is_empty()) {
            for (at, usage) in &part.used {
                counted.add(&part.room, part.occurrence.room.conference, *at, *usage);
            }
            ops.extend(part.ops(source, now));
        }
        ops.extend(counted.ops());
        Ok((ops, taken))
    }

    async fn event_parts(&self, source: Source<'_>, events: &[Event]) -> Result<BTreeMap<RoomName, Part>> {
        let mut wanted: Vec<Key> = Vec::new();
        for event in events {
            let room = &event.room;
            wanted.push(keys::occurrence(room));
            wanted.push(keys::event_counter(room.reseller, room.conference));
            wanted.push(keys::membership(source.relay, room));
            wanted.extend(who(event).map(|participant| keys::participant(room, participant)));
        }
        let found = self.get_many(&wanted).await?;
        let items: BTreeMap<(&str, &str), &Item> = wanted
            .iter()
            .zip(&found)
            .filter_map(|(key, item)| Some(((key.pk.as_str(), key.sk.as_str()), item.as_ref()?)))
            .collect();
        let item = |key: &Key| items.get(&(key.pk.as_str(), key.sk.as_str())).copied();

        let mut occurrences: BTreeMap<RoomName, (OccurrenceItem, Sequence, Membership)> = BTreeMap::new();
        for event in events {
            let name = event.room;
            let member = item(&keys::membership(source.relay, &name));
            let (Some(occurrence), Some(member)) = (item(&keys::occurrence(&name)), member) else {
                continue;
            };
            let member: Membership = from_item("membership", member)?;
            let sequence = item(&keys::event_counter(name.reseller, name.conference));
            let sequence = sequence
                .map(|item| from_item("sequence", item))
                .transpose()?
                .unwrap_or_default();
            occurrences.insert(name, (from_item("occurrence", occurrence)?, sequence, member));
        }
        let codes: Vec<Key> = occurrences
            .values()
            .map(|(occurrence, ..)| keys::room(occurrence.code))
            .collect();
        let rooms = self.get_many(&codes).await?;
        let mut parts = BTreeMap::new();
        for ((name, (occurrence, sequence, member)), room) in occurrences.into_iter().zip(rooms) {
            let room = from_item("room", &room.ok_or(Error::NotFound("room"))?)?;
            let mut participants = BTreeMap::new();
            for participant in events.iter().filter(|event| event.room == name).filter_map(who) {
                let kept = item(&keys::participant(&name, participant));
                participants.insert(
                    participant,
                    (kept.map(|item| from_item("participant", item)).transpose()?, false),
                );
            }
            let part = Part {
                member,
                occurrence,
                room,
                sequence,
                kept: Vec::new(),
                participants,
                moderators: 0,
                rules: None,
                ended: None,
                used: Vec::new(),
                told: Vec::new(),
            };
            parts.insert(name, part);
        }
        Ok(parts)
    }

    /// What happened in a conference and is still to be kept, with its numbers, from after this number on, at most 1,000.
    pub async fn events(
        &self,
        reseller: ResellerId,
        conference: ConferenceId,
        after: u64,
        now: Timestamp,
    ) -> Result<Vec<(u64, Event)>> {
        let first = keys::event(reseller, conference, after.saturating_add(1));
        let query = Query {
            index: false,
            pk: first.pk,
            from: first.sk,
            to: keys::event_end(),
            newest_first: false,
            limit: Some(1_000),
        };
        let items = self.query(&query).await?;
        let kept = items.iter().filter(|item| !has_run_out(item, now));
        kept.map(|item| from_item("event", item).map(|Numbered { sequence, event }| (sequence, event)))
            .collect()
    }
}

/// The participant that an event is about.
fn who(event: &Event) -> Option<ParticipantNumber> {
    match event.kind {
        EventKind::ParticipantJoin { participant, .. }
        | EventKind::ParticipantRole { participant, .. }
        | EventKind::ParticipantLeave { participant, .. } => Some(participant),
        EventKind::RoomRules { .. } | EventKind::RoomEnd { .. } => None,
    }
}

/// What webhooks hear when somebody who is there goes.
fn left(occurrence: Occurrence, who: &Participant, reason: Reason, at: Timestamp) -> Happening {
    Happening::ParticipantLeave {
        occurrence,
        participant: who.participant,
        moderator: who.moderator,
        region: who.region.clone(),
        reason,
        duration_ms: at.duration_since(who.joined).as_millis().try_into().unwrap_or(0),
    }
}

/// When an event happened.
fn time_of(event: &Event) -> Timestamp {
    Timestamp::from_millisecond(event.at).unwrap_or(Timestamp::UNIX_EPOCH)
}

impl Part {
    fn take(&mut self, source: Source<'_>, event: &Event) {
        if let EventKind::RoomEnd { reason, by } = event.kind
            && (reason == Reason::Moved || (by.is_none() && self.member.left && !self.occurrence.relays.is_empty()))
        {
            // It is over at that relay alone, and goes on at another: nobody ended it for all.
            return;
        }
        if let EventKind::ParticipantJoin { participant, jti, .. } = &event.kind
            && let Some((Some(known), _)) = self.participants.get(participant)
            && (known.left.is_none() && known.jti == *jti && self.member.is_of(source, known))
        {
            // It is told again, in case it was taken for gone.
            return;
        }
        if let EventKind::RoomRules { rules } = event.kind
            && self.rules.or(self.occurrence.rules) == Some(rules)
        {
            return;
        }
        let mut event = event.clone();
        if self.occurrence.erased {
            crate::erase::nameless(&mut event);
        }
        self.kept.push(event.clone());
        let at = time_of(&event);
        match &event.kind {
            EventKind::ParticipantJoin {
                participant,
                jti,
                name,
                contact,
                moderator,
                region,
            } => {
                let known = self.participants.get(participant).and_then(|(known, _)| known.as_ref());
                let stayed = known.filter(|known| known.left.is_none());
                if let Some(stayed) = stayed {
                    let left = left(self.occurrence.room.occurrence, stayed, stayed.replaced_at(source), at);
                    self.told.push((at, left));
                }
                self.told.push((
                    at,
                    Happening::ParticipantJoin {
                        occurrence: self.occurrence.room.occurrence,
                        participant: *participant,
                        moderator: *moderator,
                        region: region.clone(),
                    },
                ));
                let mut usage = stayed.map_or(Usage::default(), |known| Usage::stay(known.joined, at));
                usage.participants = u64::from(known.is_none());
                let joined = Participant {
                    earlier: known.map(|known| known.stays_before(source, at)).unwrap_or_default(),
                    participant: *participant,
                    jti: jti.clone(),
                    name: name.clone(),
                    contact: *contact,
                    moderator: *moderator,
                    region: Some(region.clone()),
                    relay: source.relay.clone(),
                    epoch: source.epoch,
                    joined: at,
                    left: None,
                    reason: None,
                };
                let former = self.participants.insert(*participant, (Some(joined), true));
                let led = former
                    .and_then(|(former, _)| former)
                    .is_some_and(|former| former.moderator && former.left.is_none());
                self.moderators += i64::from(*moderator) - i64::from(led);
                self.used.push((at, usage));
            }
            EventKind::ParticipantRole {
                participant, moderator, ..
            } => {
                if let Some((Some(present), changed)) = self.participants.get_mut(participant)
                    && present.left.is_none()
                    && self.member.is_of(source, present)
                {
                    self.moderators += i64::from(*moderator) - i64::from(present.moderator);
                    present.moderator = *moderator;
                    *changed = true;
                }
            }
            EventKind::ParticipantLeave {
                participant, reason, ..
            } => {
                if let Some((Some(present), changed)) = self.participants.get_mut(participant)
                    && present.left.is_none()
                    && self.member.is_of(source, present)
                {
                    self.used.push((at, Usage::stay(present.joined, at)));
                    let left = left(self.occurrence.room.occurrence, present, *reason, at);
                    self.told.push((at, left));
                    present.left = Some(at);
                    present.reason = Some(*reason);
                    *changed = true;
                    self.moderators -= i64::from(present.moderator);
                }
            }
            EventKind::RoomRules { rules } => self.rules = Some(*rules),
            EventKind::RoomEnd { reason, .. } => {
                self.ended.get_or_insert(*reason);
            }
        }
    }

    fn ops(self, source: Source<'_>, now: Timestamp) -> Vec<Op> {
        let Self {
            member,
            occurrence,
            room,
            sequence,
            kept,
            participants,
            moderators,
            rules,
            ended,
            used: _,
            told,
        } = self;
        let name = occurrence.room;
        let counter = keys::event_counter(name.reseller, name.conference);
        let last = sequence.last + kept.len() as u64;
        let counted = Op::put(counter, &Sequence { last });
        let counted = match sequence.last {
            0 => counted.when_new(Failure::Raced),
            before => counted.value(":last", &before).when("#last = :last", Failure::Raced),
        };
        let mut ops = vec![counted];
        if !member.left && member.epoch < source.epoch {
            ops.push(member.under(source.epoch).save(source.relay, member.epoch));
        }
        for (sequence, event) in (sequence.last + 1..).zip(kept) {
            let key = keys::event(name.reseller, name.conference, sequence);
            let kept = occurrence.kept_until(time_of(&event));
            ops.push(
                Op::put(key, &Numbered { sequence, event })
                    .expiring(kept)
                    .when_new(Failure::Raced),
            );
        }
        for participant in participants
            .into_values()
            .filter(|(_, changed)| *changed)
            .filter_map(|(kept, _)| kept)
        {
            // Who has not left yet is there for as long as a meeting lasts at most.
            let left = participant.left.unwrap_or_else(|| later(participant.joined, HARD_STOP));
            let put = Op::put(keys::participant(&name, participant.participant), &participant);
            ops.push(put.expiring(occurrence.kept_until(left)));
        }
        for (index, (at, happening)) in told.into_iter().enumerate() {
            ops.push(News::of_room((&name, room.company), happening, at, (now, index)));
        }
        let ends = ended.filter(|_| occurrence.state != OccurrenceState::Ended);
        if let Some(reason) = ends {
            ops.extend(occurrence.end(&room, reason, now));
            return ops;
        }
        let live = room.live.as_ref().filter(|live| occurrence.is_live_in(Some(live)));
        if let (Some(rules), OccurrenceState::Active, false) = (rules, occurrence.state, member.left) {
            ops.push(occurrence.set(rules));
        }
        if let (Some(live), true) = (live, moderators != 0) {
            let mut live = live.clone();
            let counted = i64::from(live.live.moderators) + moderators;
            live.live.moderators = u32::try_from(counted.max(0)).unwrap_or(u32::MAX);
            ops.push(room.point_to(Some(&live)));
        }
        ops
    }
}
