//! Conferences changed and cancelled: the conference, its occurrences, its entries on its code, in one transaction.

use std::collections::BTreeMap;

use domain::Reason;
use domain::conference::{CodeKind, Conference, News, later};
use domain::hook::Happening;
use domain::host::Contact;
use domain::id::{ContactId, Occurrence};
use domain::relay::OccurrenceState;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::audit::Change;
use crate::conference::{QUARANTINE, happened, items_of, put_op, room_op, told};
use crate::keys::Key;
use crate::occurrence::OccurrenceItem;
use crate::op::{Failure, Op};
use crate::reply::{forgets, uid_gone};
use crate::series::SeriesItem;
use crate::{ConferenceState, Result, Room, Store, Surroundings, Write, keys, reminders};

/// Occurrences whose windows open this soon may begin while a change of them is under way.
const SOON: SignedDuration = SignedDuration::from_hours(24);
/// Most of them that a change is made to depend on.
const MOST_CHECKED: usize = 40;

impl ConferenceState {
    /// Whether an occurrence is running, or held for somebody on the way.
    pub fn runs(&self, around: &Surroundings, occurrence: Occurrence, now: Timestamp) -> bool {
        let item = self.items.iter().find(|item| item.room.occurrence == occurrence);
        item.is_some_and(|item| item.is_active() || is_held(item, &around.room, now))
    }

    /// Whether an occurrence is over for good.
    pub fn is_over(&self, occurrence: Occurrence) -> bool {
        let item = self.items.iter().find(|item| item.room.occurrence == occurrence);
        item.is_some_and(|item| item.state == OccurrenceState::Ended)
    }

    /// The same after a change: what is planned of it is as `after` says, what is over stays.
    #[must_use]
    pub fn changed(&self, after: Conference) -> Self {
        let items = next_items(self, &after);
        Self::new(after, items)
    }
}

fn is_held(item: &OccurrenceItem, room: &Room, now: Timestamp) -> bool {
    let live = room.live.as_ref().filter(|live| live.live.counts(now));
    item.is_live_in(live)
}

/// The occurrences in the table as they become: those that are over stay, those that are not take the plan's times.
fn next_items(before: &ConferenceState, after: &Conference) -> Vec<OccurrenceItem> {
    let slots = after.slots();
    let repeated = before.conference.series.is_some();
    let mut items: Vec<OccurrenceItem> = Vec::new();
    for item in &before.items {
        if item.state == OccurrenceState::Ended {
            items.push(item.clone());
            continue;
        }
        let slot = slots.iter().find(|slot| slot.occurrence == item.room.occurrence);
        if let Some(slot) = slot.filter(|slot| !slot.cancelled) {
            items.push(OccurrenceItem {
                start: slot.start,
                duration: slot.duration,
                code: after.code,
                code_kind: after.code_kind,
                ..item.clone()
            });
        }
    }
    if repeated && after.series.is_none() {
        let made = |item: &OccurrenceItem| items.iter().any(|known| known.room == item.room);
        let only: Vec<_> = items_of(after).into_iter().filter(|item| !made(item)).collect();
        items.extend(only);
    }
    items
}

/// What lies on the code of a conference: by key, how it is written and what it holds.
fn entries(
    conference: &Conference,
    items: &[OccurrenceItem],
    now: Timestamp,
) -> BTreeMap<(String, String), (Key, Op, String)> {
    let mut entries = BTreeMap::new();
    let mut add = |key: Key, op: Op, text: String| {
        entries.insert((key.pk.clone(), key.sk.clone()), (key, op, text));
    };
    for item in items.iter().filter(|item| item.state != OccurrenceState::Ended) {
        let planned = item.planned(&conference.subject);
        let text = json!(planned).to_string();
        add(item.planned_key(), Op::put(item.planned_key(), &planned), text);
    }
    if let Some(series) = SeriesItem::of(conference, now) {
        // Its version differs in any case.
        add(
            series.place.key(),
            series.put(),
            format!("series {}", conference.version),
        );
    }
    entries
}

impl Store {
    /// Changes a conference, and leaves a job to tell of it where calendars hold what changed. Fails with [`crate::Error::Raced`] when something changed since the state or its surroundings
    /// were read, and with [`crate::Error::Taken`] when a new one-time code is another's.
    pub async fn conference_update(
        &self,
        before: &ConferenceState,
        around: &Surroundings,
        after: &Conference,
        write: &Write<'_>,
    ) -> Result<()> {
        self.conference_update_inviting((before, around), after, &[], write)
            .await
    }

    /// The same, and these people enter the host's address book with it.
    pub async fn conference_update_inviting(
        &self,
        (before, around): (&ConferenceState, &Surroundings),
        after: &Conference,
        new: &[Contact],
        write: &Write<'_>,
    ) -> Result<()> {
        let (former, now) = (&before.conference, write.at);
        let news = News::of_change(former, after, now);
        let sequence = former.sequence + u32::from(news.is_some());
        let next = Conference {
            version: former.version + 1,
            sequence,
            times_since: former.times_since.after(former, after, sequence),
            ..after.clone()
        };
        let items = next_items(before, &next);
        let mut ops = vec![
            put_op(&next)
                .value(":version", &former.version)
                .when("#version = :version", Failure::Raced),
        ];
        ops.extend(item_ops(before, &items, around, now));
        ops.extend(entry_ops(before, &next, &items, now));
        ops.extend(code_ops(former, &next, around, now));
        ops.extend(unmade(before, now));
        ops.extend(told(&next, news, now));
        ops.extend(forgets(former, &next, now));
        ops.extend(reminders::follow(former, &next, now));
        ops.push(happened(&next, Happening::ConferenceUpdated, now));
        let change = Change::changed(format!("conference/{}", next.id), former, &next).about(next.host);
        ops.extend(write.ops(Some(next.reseller), Some(next.company), change, &next.id));
        self.commit_entering(next.reseller, new, ops).await
    }

    /// Leaves a job to invite somebody once more who is invited already.
    pub async fn conference_invite_again(&self, conference: &Conference, who: ContactId, now: Timestamp) -> Result<()> {
        let news = News {
            invited: vec![who],
            ..News::default()
        };
        let ops = told(conference, Some(news), now).into_iter().collect();
        self.commit(ops).await
    }

    /// Notes what was done in a running conference by a command to its relays: in the audit, with the request's claim.
    pub async fn conference_controlled(
        &self,
        conference: &Conference,
        what: &serde_json::Value,
        write: &Write<'_>,
    ) -> Result<()> {
        let change = Change::created(format!("conference/{}", conference.id), what).about(conference.host);
        let ops = write.ops(
            Some(conference.reseller),
            Some(conference.company),
            change,
            &conference.id,
        );
        self.commit(ops).await
    }

    /// Cancels a conference as a whole: nothing of it is answered or can be entered any more, its one-time code is given to
    /// nobody for twelve months; a job tells those who were invited. Fails with [`crate::Error::Raced`] when something changed since it was read.
    pub async fn conference_delete(
        &self,
        before: &ConferenceState,
        around: &Surroundings,
        write: &Write<'_>,
    ) -> Result<()> {
        let (former, now) = (&before.conference, write.at);
        let gone = Conference {
            deleted: true,
            invited: Vec::new(),
            agenda: None,
            version: former.version + 1,
            sequence: former.sequence + 1,
            ..former.clone()
        };
        let mut ops = vec![
            put_op(&gone)
                .value(":version", &former.version)
                .when("#version = :version", Failure::Raced),
        ];
        let left: Vec<&OccurrenceItem> = before
            .items
            .iter()
            .filter(|item| item.state != OccurrenceState::Ended)
            .collect();
        for item in &left {
            ops.extend(item.ended(former.company, Reason::Expired, now));
        }
        for (key, ..) in entries(former, &before.items, now).into_values() {
            ops.push(Op::delete(key));
        }
        let live = around.room.live.as_ref();
        let goes = left.iter().any(|item| item.is_live_in(live));
        ops.push(match former.code_kind {
            CodeKind::Host => around.room.point_to(live.filter(|_| !goes)),
            CodeKind::OneTime => around.room.retire(later(now, QUARANTINE)),
        });
        ops.extend(unmade(before, now));
        ops.extend(told(former, News::of_cancelled(former, now), now));
        ops.push(uid_gone(former));
        ops.extend(forgets(former, &gone, now));
        ops.extend(reminders::follow(former, &gone, now));
        ops.push(happened(former, Happening::ConferenceDeleted, now));
        let change = Change::removed(format!("conference/{}", former.id), former).about(former.host);
        ops.extend(write.ops(Some(former.reseller), Some(former.company), change, &former.id));
        self.commit(ops).await
    }
}

/// The writes that bring the occurrences in the table to what they become.
fn item_ops(before: &ConferenceState, items: &[OccurrenceItem], around: &Surroundings, now: Timestamp) -> Vec<Op> {
    let live = around.room.live.as_ref();
    let mut ops = Vec::new();
    for item in &before.items {
        match items.iter().find(|next| next.room == item.room) {
            Some(next) if next == item => {}
            Some(next) => {
                let lease = live
                    .filter(|live| next.is_live_in(Some(live)))
                    .and_then(|live| live.live.lease);
                ops.extend(next.save(lease, now));
            }
            None => ops.extend(item.drop_unheld(before.conference.company, now)),
        }
    }
    for item in items {
        if !before.items.iter().any(|known| known.room == item.room) {
            ops.extend(item.create(None, now));
        }
    }
    ops
}

/// The writes that bring the entries on the code to what they become.
fn entry_ops(before: &ConferenceState, after: &Conference, items: &[OccurrenceItem], now: Timestamp) -> Vec<Op> {
    let former = entries(&before.conference, &before.items, now);
    let next = entries(after, items, now);
    let mut ops: Vec<Op> = Vec::new();
    for (at, (key, ..)) in &former {
        if !next.contains_key(at) {
            ops.push(Op::delete(key.clone()));
        }
    }
    for (at, (_, op, text)) in next {
        if former.get(&at).is_none_or(|(.., known)| *known != text) {
            ops.push(op);
        }
    }
    ops
}

/// The writes to the rooms of the former and the next code. Each counts the room's version, so that nobody opens what was
/// planned before.
fn code_ops(former: &Conference, next: &Conference, around: &Surroundings, now: Timestamp) -> Vec<Op> {
    let room = &around.room;
    if former.code == next.code {
        let kept = room.point_to(room.live.as_ref());
        return vec![match next.code_kind {
            CodeKind::Host => kept,
            CodeKind::OneTime => room.keep_until(later(next.closes(), QUARANTINE)),
        }];
    }
    let left = match former.code_kind {
        CodeKind::Host => room.point_to(room.live.as_ref()),
        CodeKind::OneTime => room.retire(later(now, QUARANTINE)),
    };
    vec![left, room_op(next)]
}

/// Occurrences that were not made when they were read must not be made meanwhile.
fn unmade(before: &ConferenceState, now: Timestamp) -> Vec<Op> {
    let conference = &before.conference;
    if conference.series.is_none() {
        return Vec::new();
    }
    let made = |occurrence| before.items.iter().any(|item| item.room.occurrence == occurrence);
    let slots = conference.slots().into_iter();
    slots
        .filter(|slot| !slot.cancelled && !made(slot.occurrence))
        .filter(|slot| {
            let window = conference.window_of(slot);
            window.opens < later(now, SOON) && now < window.closes
        })
        .take(MOST_CHECKED)
        .map(|slot| Op::check(keys::occurrence(&conference.room_of(slot.occurrence))).when_new(Failure::Raced))
        .collect()
}
