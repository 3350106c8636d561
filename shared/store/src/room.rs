//! Rooms: one per access code. What a code leads to, and the one conditional write that decides which meeting is live.

use domain::Reason;
use domain::code::AccessCode;
use domain::company::Company;
use domain::conference::{CodeKind, Conference, EARLY, Kind, LEASE, Live, Opens, Planned, later, opens};
use domain::hook::Happening;
use domain::host::Host;
use domain::id::{CompanyId, ConferenceId, HostId, Occurrence, RelayId, ResellerId, RoomName};
use domain::relay::OccurrenceState;
use domain::time::millis_option;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::company::company_in;
use crate::conference::{conference_op, happened};
use crate::host::host_in;
use crate::occurrence::OccurrenceItem;
use crate::op::{Failure, Op};
use crate::series::make;
use crate::table::Query;
use crate::value::{Item, from_item};
use crate::{Error, Result, Scope, Store, keys};

/// How far back planned meetings are read: the longest one with its window of a one-time code.
pub(crate) const BACK: SignedDuration = SignedDuration::from_hours(49);
/// A lease with at least this left is not renewed: many who join at once write once.
const LEASE_LEFT: SignedDuration = SignedDuration::from_secs(60);

/// An access code's room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// Its code.
    pub code: AccessCode,
    /// Whose code.
    pub kind: CodeKind,
    /// Whose reseller.
    pub reseller: ResellerId,
    /// Whose company: the code is valid only on its host name.
    pub company: CompanyId,
    /// Whose meetings.
    pub host: HostId,
    /// The meeting for a one-time code.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub conference: Option<ConferenceId>,
    /// The meeting that is live now.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub live: Option<LiveRoom>,
    /// Since when it is no longer its host's own code: what is planned on it still opens, nothing new does.
    #[serde(with = "millis_option", skip_serializing_if = "Option::is_none", default)]
    pub retired: Option<Timestamp>,
    /// Since when it opens nothing, since its host is no more.
    #[serde(with = "millis_option", skip_serializing_if = "Option::is_none", default)]
    pub closed: Option<Timestamp>,
    /// Counts the changes of `live`.
    #[serde(default)]
    pub version: u64,
}

impl Room {
    /// The name of a meeting's room at relays.
    pub(crate) fn name_of(&self, conference: ConferenceId, occurrence: Occurrence) -> RoomName {
        RoomName {
            reseller: self.reseller,
            conference,
            occurrence,
        }
    }

    /// Takes a one-time code out of use: it leads to nothing, and is given to nobody before this time.
    pub(crate) fn retire(&self, until: Timestamp) -> Op {
        self.expiring("SET #version = :next, #ttl = :until REMOVE #live, #conference", until)
    }

    /// Keeps a one-time code from being given to others until this time.
    pub(crate) fn keep_until(&self, until: Timestamp) -> Op {
        self.expiring("SET #version = :next, #ttl = :until", until)
    }

    fn expiring(&self, change: &str, until: Timestamp) -> Op {
        Op::update(keys::room(self.code), change)
            .value(":until", &until.as_second())
            .value(":next", &(self.version + 1))
            .value(":version", &self.version)
            .when("#version = :version", Failure::Raced)
    }

    /// Points to another live meeting, or to none, if nobody else has moved the pointer since it was read.
    pub(crate) fn point_to(&self, live: Option<&LiveRoom>) -> Op {
        let op = match live {
            Some(live) => Op::update(keys::room(self.code), "SET #live = :live, #version = :next").value(":live", live),
            None => Op::update(keys::room(self.code), "SET #version = :next REMOVE #live"),
        };
        op.value(":next", &(self.version + 1))
            .value(":version", &self.version)
            .when("#version = :version", Failure::Raced)
    }
}

/// The meeting that a room holds, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveRoom {
    /// The meeting.
    #[serde(flatten)]
    pub live: Live,
    /// The relay that it lives on.
    pub home: RelayId,
}

impl LiveRoom {
    /// Where its meeting still is, although it was opened elsewhere: who asked for it there never came.
    pub(crate) fn back(&self, occurrence: &OccurrenceItem) -> Option<Self> {
        occurrence.relays.first().map(|home| Self {
            live: Live {
                lease: None,
                ..self.live.clone()
            },
            home: home.clone(),
        })
    }
}

/// A room with what is planned on its code around now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomView {
    /// The room.
    pub room: Room,
    /// From two days ago to the next one to come, by start.
    pub planned: Vec<Planned>,
}

impl RoomView {
    /// Which meeting the code opens now; see [`domain::conference::opens`].
    pub fn opens(&self, now: Timestamp, leads: bool) -> Opens<'_> {
        opens(
            self.room.kind,
            self.room.live.as_ref().map(|live| &live.live),
            &self.planned,
            now,
            leads && self.room.retired.is_none(),
        )
    }
}

/// What shall be live in a room.
#[derive(Debug, Clone, Copy)]
pub enum RoomTarget<'a> {
    /// What is live already.
    Live(&'a Live),
    /// This planned meeting.
    Planned(&'a Planned),
    /// This new ad-hoc meeting, which is made in the same transaction.
    AdHoc(&'a Conference),
}

impl Store {
    /// The room of a code, if there is one that opens anything. One round trip.
    pub async fn room(&self, code: AccessCode, now: Timestamp) -> Result<Option<RoomView>> {
        let (room, planned) = tokio::join!(self.get(keys::room(code)), self.planned_on(code, now));
        view(room?.as_ref(), planned)
    }

    /// The same beside its host and company, both in the caller's scope. One round trip.
    pub async fn room_of(
        &self,
        scope: &Scope,
        (code, host, company): (AccessCode, HostId, CompanyId),
        now: Timestamp,
    ) -> Result<(Option<RoomView>, Host, Company)> {
        let wanted = [
            keys::room(code),
            keys::host(scope.reseller, host),
            keys::company(scope.reseller, company),
        ];
        let (found, planned) = tokio::join!(self.get_many(&wanted), self.planned_on(code, now));
        let found = found?;
        let (host, company) = (
            host_in(scope, found[1].as_ref())?,
            company_in(scope, found[2].as_ref())?,
        );
        Ok((view(found[0].as_ref(), planned)?, host, company))
    }

    /// What is planned on a code around now, by start.
    async fn planned_on(&self, code: AccessCode, now: Timestamp) -> Result<Vec<Planned>> {
        let from = later(now, -BACK);
        let (mut planned, series) = tokio::try_join!(self.planned(code, now), self.series(code, from))?;
        for series in series {
            let made = |slot: &Planned| {
                planned
                    .iter()
                    .any(|planned| planned.conference == slot.conference && planned.occurrence == slot.occurrence)
            };
            let unmade: Vec<Planned> = series
                .planned(from, now)
                .into_iter()
                .filter(|slot| !made(slot))
                .collect();
            planned.extend(unmade);
        }
        planned.sort_by_key(|planned| planned.start);
        Ok(planned)
    }

    pub(crate) async fn room_item(&self, code: AccessCode) -> Result<Room> {
        from_item(
            "room",
            &self.get(keys::room(code)).await?.ok_or(Error::NotFound("room"))?,
        )
    }

    async fn planned(&self, code: AccessCode, now: Timestamp) -> Result<Vec<Planned>> {
        let (first, last) = keys::planned_from(code, later(now, -BACK));
        let query = Query {
            index: false,
            pk: first.pk,
            from: first.sk,
            to: last,
            newest_first: false,
            limit: Some(50),
        };
        let mut planned: Vec<Planned> = Vec::new();
        let mut start = None;
        loop {
            let (page, next) = self.query_page(&query, start).await?;
            for item in &page {
                planned.push(from_item("planned meeting", item)?);
            }
            let to_come =
                |planned: &Planned| planned.state != OccurrenceState::Ended && planned.start > later(now, EARLY);
            if next.is_none() || planned.iter().any(to_come) {
                return Ok(planned);
            }
            start = next;
        }
    }

    /// Makes a meeting live in its room, or confirms that it is, and holds the room for whoever is on the way. Answers where
    /// it lives: at `home`, or where it lived already if that relay is among `alive`. Fails with [`crate::Error::Raced`]
    /// when the room has changed since the view was read: read it again and decide anew.
    pub async fn room_open(
        &self,
        view: &RoomView,
        target: RoomTarget<'_>,
        home: &RelayId,
        alive: &[RelayId],
        now: Timestamp,
    ) -> Result<LiveRoom> {
        let room = &view.room;
        let held = room.live.as_ref();
        if let Some(lapsed) = held.filter(|held| !held.live.counts(now)) {
            self.lead_back(room, lapsed, now).await?;
        }
        let fresh = |conference, occurrence, kind| LiveRoom {
            live: Live {
                conference,
                occurrence,
                kind,
                lease: Some(later(now, LEASE)),
                moderators: 0,
                first_join: None,
            },
            home: home.clone(),
        };
        let (next, mut ops) = match target {
            RoomTarget::Live(live) => {
                let held = held.filter(|held| held.live == *live).ok_or(Error::Raced)?;
                let at_home = alive.contains(&held.home);
                let lasts = live.lease.is_none_or(|until| until.duration_since(now) >= LEASE_LEFT);
                if at_home && lasts {
                    return Ok(held.clone());
                }
                let lease = if at_home && live.lease.is_none() {
                    None
                } else {
                    Some(later(now, LEASE))
                };
                let place = if at_home { &held.home } else { home };
                let next = LiveRoom {
                    live: Live { lease, ..live.clone() },
                    home: place.clone(),
                };
                let ops = vec![hold(room, live.conference, live.occurrence, now)];
                (next, ops)
            }
            RoomTarget::Planned(planned) => {
                let next = fresh(planned.conference, planned.occurrence, planned.kind);
                let ops = if planned.unmade {
                    let name = room.name_of(planned.conference, planned.occurrence);
                    let item = OccurrenceItem::of_plan(name, room.host, (room.code, room.kind), planned);
                    make(&item, &planned.subject, next.live.lease, now)
                } else {
                    vec![hold(room, planned.conference, planned.occurrence, now)]
                };
                (next, ops)
            }
            RoomTarget::AdHoc(conference) => {
                let next = fresh(conference.id, conference.occurrence, Kind::AdHoc);
                let mut ops = vec![
                    conference_op(conference),
                    happened(conference, Happening::ConferenceCreated, now),
                ];
                for slot in conference.slots() {
                    ops.extend(OccurrenceItem::new(conference, &slot).create(next.live.lease, now));
                }
                (next, ops)
            }
        };
        let replaced = held.filter(|held| held.live.counts(now) && held.live.conference != next.live.conference);
        if let Some(replaced) = replaced {
            ops.extend(self.end_replaced(room, &replaced.live, now).await?);
        }
        ops.push(room.point_to(Some(&next)));
        self.commit(ops).await?;
        Ok(next)
    }

    /// Leads a code back to the meeting that it held, if that still is at a relay, as the next sweep would; then the room has changed.
    async fn lead_back(&self, room: &Room, lapsed: &LiveRoom, now: Timestamp) -> Result<()> {
        let name = room.name_of(lapsed.live.conference, lapsed.live.occurrence);
        let Some(item) = self.get(keys::occurrence(&name)).await? else {
            return Ok(());
        };
        let occurrence: OccurrenceItem = from_item("occurrence", &item)?;
        let back = lapsed.back(&occurrence).filter(|back| back.live.counts(now));
        if back.is_none() || occurrence.state == OccurrenceState::Ended {
            return Ok(());
        }
        self.commit(vec![room.point_to(back.as_ref())]).await?;
        Err(Error::Raced)
    }

    /// Ends an ad-hoc meeting that makes way; the pointer is moved by the caller.
    async fn end_replaced(&self, room: &Room, live: &Live, now: Timestamp) -> Result<Vec<Op>> {
        if live.kind != Kind::AdHoc {
            return Err(Error::Raced);
        }
        let name = room.name_of(live.conference, live.occurrence);
        let Some(item) = self.get(keys::occurrence(&name)).await? else {
            return Ok(Vec::new());
        };
        let occurrence: OccurrenceItem = from_item("occurrence", &item)?;
        if occurrence.state == OccurrenceState::Ended {
            return Ok(Vec::new());
        }
        Ok(occurrence.ended(room.company, Reason::Moved, now))
    }
}

/// A room as it was read, if it is there and opens anything.
fn view(room: Option<&Item>, planned: Result<Vec<Planned>>) -> Result<Option<RoomView>> {
    let Some(room) = room else { return Ok(None) };
    let (room, planned): (Room, _) = (from_item("room", room)?, planned?);
    Ok(room.closed.is_none().then_some(RoomView { room, planned }))
}

/// Has the sweeper look at an occurrence when the lease is over, and makes sure that it has not ended.
fn hold(room: &Room, conference: ConferenceId, occurrence: Occurrence, now: Timestamp) -> Op {
    let name = room.name_of(conference, occurrence);
    let due = keys::due(conference, later(now, LEASE));
    Op::update(
        keys::occurrence(&name),
        "SET #gs1pk = :pk, #gs1sk = :sk ADD #version :one",
    )
    .value(":pk", &due.pk)
    .value(":sk", &due.sk)
    .value(":one", &1)
    .value(":ended", &OccurrenceState::Ended)
    .when("attribute_exists(#pk) AND #state <> :ended", Failure::Raced)
}
