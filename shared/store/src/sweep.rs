//! What time does: ends what is overdue, frees rooms held for somebody who never came, reports the leave of participants
//! whose relay is gone.

use domain::Reason;
use domain::conference::{CodeKind, Kind, NextStep};
use domain::id::{RelayId, RoomName};
use domain::relay::OccurrenceState;
use domain::time::millis;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::membership::{Going, Membership};
use crate::occurrence::OccurrenceItem;
use crate::op::{Failure, Op};
use crate::presence::Source;
use crate::retry::unraced;
use crate::room::Room;
use crate::series::SeriesPlace;
use crate::table::{Query, beginning_with};
use crate::value::{Item, from_item};
use crate::{Error, Relay, Result, Store, keys};

/// How long after a relay is gone its participants may come back before they are reported as gone.
const RECONNECT_GRACE: SignedDuration = SignedDuration::from_secs(30);
/// The longest time between two sweeps in which relays could be heard all the time; they are a minute apart, or less.
const GAP: SignedDuration = SignedDuration::from_secs(90);
/// Occurrences looked at in one sweep of one shard.
const AT_ONCE: u32 = 200;

/// A meeting that the sweeper ended.
#[derive(Debug, Clone, PartialEq)]
pub struct SweptRoom {
    /// The room to close.
    pub room: RoomName,
    /// Why.
    pub reason: Reason,
    /// The relays that hold it.
    pub relays: Vec<Relay>,
}

/// What one sweep did.
#[derive(Debug, Default)]
pub struct Swept {
    /// Meetings ended.
    pub ended: Vec<SweptRoom>,
    /// Participants reported as gone.
    pub left: usize,
    /// What could not be done; the rest was.
    pub failed: Vec<Error>,
}

impl Swept {
    /// What was done, or nothing where it failed. Where the table cannot be reached there is no use in going on.
    fn note<T: Default>(&mut self, done: Result<T>) -> Result<T> {
        match done {
            Err(error @ Error::Unavailable(_)) => Err(error),
            Err(error) => {
                self.failed.push(error);
                Ok(T::default())
            }
            done => done,
        }
    }
}

/// What the index of due things holds: an occurrence, or a meeting that repeats.
#[derive(Deserialize)]
struct Due {
    room: Option<RoomName>,
    place: Option<SeriesPlace>,
}

/// When sweeps were.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Sweeps {
    /// The last one.
    #[serde(with = "millis")]
    last: Timestamp,
    /// Since when there was no gap.
    #[serde(with = "millis")]
    listening: Timestamp,
}

impl Store {
    /// Notes a sweep. Answers since when there was one after the other: while there was none, the table or the platform was
    /// away, and that nothing was heard of a relay in that time says nothing about the relay.
    pub async fn listening_since(&self, now: Timestamp) -> Result<Timestamp> {
        let key = keys::relay_sweeps();
        let known: Option<Sweeps> = match self.get(key.clone()).await? {
            Some(item) => Some(from_item("sweeps", &item)?),
            None => None,
        };
        let unbroken = known.filter(|known| now.duration_since(known.last) <= GAP);
        let sweeps = Sweeps {
            last: unbroken.map_or(now, |known| known.last.max(now)),
            listening: unbroken.map_or(now, |known| known.listening),
        };
        self.commit(vec![Op::put(key, &sweeps)]).await?;
        Ok(sweeps.listening)
    }

    /// Does what is due. `listening` is since when relays could be heard ([`Self::listening_since`]). Safe to run in several
    /// processes at once and as often as wanted.
    pub async fn sweep(&self, now: Timestamp, listening: Timestamp) -> Result<Swept> {
        let mut swept = Swept::default();
        for relay in self.relays_all().await? {
            let left = self.sweep_relay(&relay.id, now, listening).await;
            swept.left += swept.note(left)?;
        }
        for shard in 0..keys::DUE_SHARDS {
            let query = Query {
                index: true,
                pk: keys::due_shard(shard),
                from: "0".into(),
                to: keys::due_until(now),
                newest_first: false,
                limit: Some(AT_ONCE),
            };
            for item in self.query(&query).await? {
                let ended = self.sweep_due(&item, now).await;
                let ended = swept.note(ended)?;
                swept.ended.extend(ended);
            }
        }
        Ok(swept)
    }

    /// Does what is due of one occurrence, or of one meeting that repeats. Answers what was ended.
    async fn sweep_due(&self, item: &Item, now: Timestamp) -> Result<Vec<SweptRoom>> {
        let Due { room, place } = from_item("due item", item)?;
        let mut rooms: Vec<RoomName> = room.into_iter().collect();
        if let Some(place) = place {
            rooms.extend(self.step_series(&place, now).await?);
        }
        let mut ended = Vec::new();
        for room in rooms {
            if let Some((occurrence, reason)) = unraced(|| self.step(&room, now)).await? {
                let relays = self.relays_of(&occurrence).await?;
                ended.push(SweptRoom {
                    room: occurrence.room,
                    reason,
                    relays,
                });
            }
        }
        Ok(ended)
    }

    /// Takes their rooms from starts of a relay that are gone. Answers how many people were reported as gone.
    async fn sweep_relay(&self, id: &RelayId, now: Timestamp, listening: Timestamp) -> Result<usize> {
        // The index may be behind: the item decides.
        let Some(item) = self.get(keys::relay(id)).await? else {
            return Ok(0);
        };
        let mut left = 0;
        let relay: &Relay = &from_item("relay", &item)?;
        let list = keys::membership_list(&relay.id);
        let silent_since = relay.last_seen.map_or(listening, |seen| seen.max(listening));
        let silent = now.duration_since(silent_since) >= Relay::SILENCE + RECONNECT_GRACE;
        let started = i64::try_from(relay.epoch)
            .ok()
            .and_then(|epoch| Timestamp::from_millisecond(epoch).ok());
        let settled = started.is_none_or(|started| now.duration_since(started) >= RECONNECT_GRACE);
        for item in self.query(&beginning_with(list.pk, &list.sk)).await? {
            let member: Membership = from_item("membership", &item)?;
            let gone = silent || (settled && member.epoch < relay.epoch);
            if gone && !member.left {
                let source = Source {
                    relay: &relay.id,
                    epoch: member.epoch,
                };
                left += self.report_lost(source, &member, now).await?;
                self.leave(&relay.id, member.epoch, &member.room, Going::Swept, now)
                    .await?;
            }
            if (gone || settled) && !member.former.is_empty() {
                for epoch in &member.former {
                    let source = Source {
                        relay: &relay.id,
                        epoch: *epoch,
                    };
                    left += self.report_lost(source, &member, now).await?;
                }
                self.forget_former(relay, &member).await?;
            }
        }
        Ok(left)
    }

    /// Their participants are reported: earlier starts of a relay no longer count for a room.
    async fn forget_former(&self, relay: &Relay, member: &Membership) -> Result<()> {
        let op = Op::update(keys::membership(&relay.id, &member.room), "REMOVE #former")
            .value(":epoch", &member.epoch)
            .value(":former", &member.former)
            .when("#epoch = :epoch AND #former = :former", Failure::Raced);
        // Refused when the relay has started and entered again, or another start counts: the next sweep sees to it.
        self.update(op).await.map(drop)
    }

    /// Does to an occurrence what time has done, and says when to look again. Answers what was ended.
    async fn step(&self, name: &RoomName, now: Timestamp) -> Result<Option<(OccurrenceItem, Reason)>> {
        // The index may be behind: the item decides.
        let Some(item) = self.get(keys::occurrence(name)).await? else {
            return Ok(None);
        };
        let occurrence: OccurrenceItem = from_item("occurrence", &item)?;
        if occurrence.state == OccurrenceState::Ended {
            return Ok(None);
        }
        let room = self.room_item(occurrence.code).await?;
        if let Some(ad_hoc) = self.in_the_way(&occurrence, &room, now).await? {
            let mut ops = ad_hoc.end(&room, Reason::Moved, now);
            ops.extend(occurrence.save(None, now));
            self.commit(ops).await?;
            return Ok(Some((ad_hoc, Reason::Moved)));
        }
        let live = room.live.as_ref().filter(|live| occurrence.is_live_in(Some(live)));
        let held = live.filter(|live| live.live.counts(now));
        let lease = held.and_then(|live| live.live.lease);
        let mut ops: Vec<Op> = Vec::new();
        let ended = match occurrence.life(lease).next_step(now) {
            NextStep::End(reason) => {
                ops.extend(occurrence.end(&room, reason, now));
                Some((occurrence, reason))
            }
            NextStep::Wait(_) => {
                ops.extend(occurrence.save(lease, now));
                if let (Some(live), None) = (live, held) {
                    // Nobody came where it was opened: it is still where it was, or nowhere.
                    ops.push(room.point_to(live.back(&occurrence).as_ref()));
                }
                None
            }
            NextStep::Nothing => None,
        };
        self.commit(ops).await?;
        Ok(ended)
    }

    /// The ad-hoc meeting that must make way for this occurrence.
    async fn in_the_way(
        &self,
        occurrence: &OccurrenceItem,
        room: &Room,
        now: Timestamp,
    ) -> Result<Option<OccurrenceItem>> {
        let planned = occurrence.kind != Kind::AdHoc && occurrence.code_kind == CodeKind::Host;
        if !planned || !occurrence.life(None).window.holds(now) {
            return Ok(None);
        }
        let Some(live) = room.live.as_ref().filter(|live| live.live.makes_way(now)) else {
            return Ok(None);
        };
        let name = RoomName {
            conference: live.live.conference,
            occurrence: live.live.occurrence,
            ..occurrence.room
        };
        let item = self
            .get(keys::occurrence(&name))
            .await?
            .ok_or(Error::NotFound("room"))?;
        let ad_hoc: OccurrenceItem = from_item("occurrence", &item)?;
        Ok((ad_hoc.state != OccurrenceState::Ended).then_some(ad_hoc))
    }
}
