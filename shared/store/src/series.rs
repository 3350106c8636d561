//! Meetings that repeat, on their code: one item holds all occurrences to come; each becomes an occurrence like any other
//! when its window opens, by the sweeper or by whoever joins first.

use domain::code::AccessCode;
use domain::conference::{CodeKind, Conference, EARLY, Kind, Minutes, Planned, Series, Slot, Window, later};
use domain::id::{CompanyId, ConferenceId, HostId, Occurrence, ResellerId, RoomName};
use domain::relay::OccurrenceState;
use domain::text::Subject;
use domain::time::millis;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::occurrence::OccurrenceItem;
use crate::op::{Failure, Op};
use crate::retry::unraced;
use crate::room::BACK;
use crate::table::Query;
use crate::value::from_item;
use crate::{Result, Store, keys};

/// Where a series lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SeriesPlace {
    pub(crate) code: AccessCode,
    #[serde(with = "millis")]
    pub(crate) closes: Timestamp,
    pub(crate) conference: ConferenceId,
}

impl SeriesPlace {
    pub(crate) fn key(&self) -> keys::Key {
        keys::series(self.code, self.closes, self.conference)
    }
}

/// A meeting that repeats, as it lies on its code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SeriesItem {
    pub(crate) place: SeriesPlace,
    reseller: ResellerId,
    company: CompanyId,
    host: HostId,
    kind: Kind,
    code_kind: CodeKind,
    subject: Subject,
    duration: Minutes,
    series: Series,
    /// Occurrences up to this one, by the opening of their windows, are made or were missed.
    made: Made,
    /// The conference's version that this was written with.
    version: u64,
}

/// How far occurrences are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Made {
    #[serde(with = "millis")]
    opens: Timestamp,
    occurrence: Occurrence,
}

impl SeriesItem {
    /// The series of a conference on its code; `None` where it does not repeat or nothing of it is left.
    pub(crate) fn of(conference: &Conference, now: Timestamp) -> Option<Self> {
        let series = conference.series.clone()?;
        series.until(conference.duration)?;
        Some(Self {
            place: SeriesPlace {
                code: conference.code,
                closes: conference.closes(),
                conference: conference.id,
            },
            reseller: conference.reseller,
            company: conference.company,
            host: conference.host,
            kind: conference.kind,
            code_kind: conference.code_kind,
            subject: conference.subject.clone(),
            duration: conference.duration,
            series,
            made: Made {
                opens: later(now, -BACK),
                occurrence: Occurrence::new(i64::MIN),
            },
            version: conference.version,
        })
    }

    fn window(&self, slot: &Slot) -> Window {
        Window::new(self.kind, self.code_kind, slot.start, slot.duration)
    }

    fn step(&self, slot: &Slot) -> Made {
        Made {
            opens: self.window(slot).opens,
            occurrence: slot.occurrence,
        }
    }

    /// The next occurrence to make.
    fn next(&self) -> Option<Slot> {
        let left = self.series.slots(self.duration).filter(|slot| !slot.cancelled);
        left.filter(|slot| self.step(slot) > self.made)
            .min_by_key(|slot| self.step(slot))
    }

    /// Writes it whole.
    pub(crate) fn put(&self) -> Op {
        let op = Op::put(self.place.key(), self);
        match self.next() {
            Some(next) => op.indexed(keys::due(self.place.conference, self.window(&next).opens)),
            None => op,
        }
    }

    /// What is planned from this time to the next one to come.
    pub(crate) fn planned(&self, from: Timestamp, now: Timestamp) -> Vec<Planned> {
        let mut slots: Vec<Slot> = self
            .series
            .slots(self.duration)
            .filter(|slot| !slot.cancelled && slot.start >= from)
            .collect();
        slots.sort_by_key(|slot| slot.start);
        let to_come = slots.iter().position(|slot| slot.start > later(now, EARLY));
        slots.truncate(to_come.map_or(slots.len(), |at| at + 1));
        slots.iter().map(|slot| self.planned_at(slot)).collect()
    }

    fn planned_at(&self, slot: &Slot) -> Planned {
        Planned {
            conference: self.place.conference,
            occurrence: slot.occurrence,
            kind: self.kind,
            start: slot.start,
            duration: slot.duration,
            subject: self.subject.clone(),
            state: OccurrenceState::Scheduled,
            unmade: true,
        }
    }
}

/// Makes an occurrence of a series that has none of its items yet: itself, and its entry on the code.
pub(crate) fn make(item: &OccurrenceItem, subject: &Subject, lease: Option<Timestamp>, now: Timestamp) -> Vec<Op> {
    let mut ops = item.create(lease, now);
    ops.push(Op::put(item.planned_key(), &item.planned(subject)).when_new(Failure::Raced));
    ops
}

impl Store {
    /// What repeats on a code and is not over.
    pub(crate) async fn series(&self, code: AccessCode, from: Timestamp) -> Result<Vec<SeriesItem>> {
        let (first, last) = keys::series_from(code, from);
        let query = Query {
            index: false,
            pk: first.pk,
            from: first.sk,
            to: last,
            newest_first: false,
            limit: None,
        };
        let items = self.query(&query).await?;
        items.iter().map(|item| from_item("series", item)).collect()
    }

    /// Makes the occurrences of a series whose windows have opened. Answers the rooms that are there now.
    pub(crate) async fn step_series(&self, place: &SeriesPlace, now: Timestamp) -> Result<Vec<RoomName>> {
        let mut made = Vec::new();
        while let Some(room) = unraced(|| self.try_step_series(place, now)).await? {
            made.extend(room);
        }
        Ok(made)
    }

    /// One occurrence; `None` when nothing is due.
    async fn try_step_series(&self, place: &SeriesPlace, now: Timestamp) -> Result<Option<Option<RoomName>>> {
        let Some(item) = self.get(place.key()).await? else {
            return Ok(None);
        };
        let series: SeriesItem = from_item("series", &item)?;
        let Some(next) = series.next() else {
            return Ok(None);
        };
        let window = series.window(&next);
        if now < window.opens {
            return Ok(None);
        }
        let (made, room) = (
            series.step(&next),
            RoomName {
                reseller: series.reseller,
                conference: place.conference,
                occurrence: next.occurrence,
            },
        );
        // Who joined first has made it, or the sweeper was away for longer than the window.
        let missed = now >= window.closes;
        let is_there = missed || self.get(keys::occurrence(&room)).await?.is_some();
        let moved = SeriesItem { made, ..series.clone() };
        let mut ops = vec![
            moved
                .put()
                .value(":version", &series.version)
                .value(":made", &series.made)
                .when("#version = :version AND #made = :made", Failure::Raced),
        ];
        if !is_there {
            let kind = series.code_kind;
            let occurrence = OccurrenceItem::of_plan(room, series.host, (place.code, kind), &series.planned_at(&next));
            ops.extend(make(&occurrence, &series.subject, None, now));
        }
        self.commit(ops).await?;
        Ok(Some((!missed).then_some(room)))
    }
}
