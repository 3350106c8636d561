//! How participants' connections did, as relays report it: for 30 days, or as many as its company says. Spans that begin at
//! one time in one occurrence lie together, in items that a repeat of the same report writes anew.

use std::collections::{BTreeMap, HashMap};

use domain::conference::later;
use domain::id::{ConferenceId, Occurrence, ParticipantNumber, ResellerId, RoomName};
use domain::quality::{LARGEST_QUALITY, Quality, QualityReport};
use domain::time::millis;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::keys::Key;
use crate::occurrence::OccurrenceItem;
use crate::op::Op;
use crate::table::{Query, beginning_with, has_run_out};
use crate::value::{Item, from_item};
use crate::{Error, Relay, Result, Store, keys};

/// How long it is kept at most.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 30);
/// How far a relay's clock may be before ours.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);
/// How late it may be reported.
const LATE: SignedDuration = SignedDuration::from_hours(24);
/// Pages of about 1 MB that are read for one answer.
const MOST_PAGES: usize = 5;

/// What lies in one item: spans of one occurrence that begin at one time.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    occurrence: Occurrence,
    #[serde(with = "millis")]
    at: Timestamp,
    spans: Vec<Of>,
}

/// One participant's part of it.
#[derive(Debug, Serialize, Deserialize)]
struct Of {
    participant: ParticipantNumber,
    #[serde(flatten)]
    quality: Quality,
}

/// Where a span lies among those of a conference: by occurrence, by time, by participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct QualityPlace {
    /// The occurrence.
    pub occurrence: Occurrence,
    /// When the span began.
    pub at: Timestamp,
    /// Whose it is.
    pub participant: ParticipantNumber,
}

/// How somebody's connections did for a while.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QualityHistory {
    /// When, and whose.
    pub place: QualityPlace,
    /// How.
    pub quality: Quality,
}

/// Which spans of a conference are asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct QualityAsked {
    /// Only of this occurrence.
    pub occurrence: Option<Occurrence>,
    /// Only of this participant.
    pub participant: Option<ParticipantNumber>,
    /// Only behind this place, whether there is something or not.
    pub after: Option<QualityPlace>,
}

impl Store {
    /// Keeps how connections did. Spans of rooms that the relay has not entered, or of which nothing is to be kept, are passed
    /// over, and so are impossible ones. Answers how many are kept. One read, and a transaction for each hundred items.
    /// Fails with [`Error::StaleEpoch`] when this start of the relay is not the registered one.
    pub async fn relay_quality(&self, report: &QualityReport, now: Timestamp) -> Result<u32> {
        let QualityReport { relay, epoch, spans } = report;
        if spans.len() > LARGEST_QUALITY {
            return Err(Error::TooLarge("spans"));
        }
        let mut wanted = vec![keys::relay(relay)];
        for span in spans {
            wanted.push(keys::occurrence(&span.room));
            wanted.push(keys::membership(relay, &span.room));
        }
        let found = self.get_many(&wanted).await?;
        let items: HashMap<&Key, &Item> = wanted
            .iter()
            .zip(&found)
            .filter_map(|(key, item)| Some((key, item.as_ref()?)))
            .collect();
        let known: Relay = from_item("relay", items.get(&wanted[0]).ok_or(Error::NotFound("relay"))?)?;
        if known.epoch != *epoch {
            return Err(Error::StaleEpoch);
        }
        let mut rooms: BTreeMap<RoomName, Option<OccurrenceItem>> = BTreeMap::new();
        for span in spans {
            if rooms.contains_key(&span.room) {
                continue;
            }
            let member = items.get(&keys::membership(relay, &span.room));
            let occurrence = items.get(&keys::occurrence(&span.room));
            let occurrence = match (occurrence, member) {
                (Some(occurrence), Some(member)) if !has_run_out(member, now) => {
                    Some(from_item("occurrence", occurrence)?)
                }
                _ => {
                    tracing::warn!(%relay, room = %span.room, "quality of a room that the relay has not entered");
                    None
                }
            };
            rooms.insert(span.room, occurrence);
        }
        let mut parts: BTreeMap<(RoomName, Timestamp), BTreeMap<ParticipantNumber, Quality>> = BTreeMap::new();
        for span in spans {
            let Some(at) = time_of(span.at, now).filter(|_| span.quality.is_possible()) else {
                tracing::warn!(%relay, ?span, "quality as it cannot be");
                continue;
            };
            if rooms[&span.room].as_ref().is_some_and(|occurrence| !occurrence.erased) {
                let part = parts.entry((span.room, at)).or_default();
                part.insert(span.participant, span.quality);
            }
        }
        let mut kept = 0;
        let mut ops = Vec::with_capacity(parts.len());
        for ((room, at), of) in parts {
            let Some(occurrence) = rooms.get(&room).and_then(Option::as_ref) else {
                continue;
            };
            let Some(first) = of.keys().next().copied() else {
                continue;
            };
            let until = later(now, KEPT);
            let until = occurrence.kept_until(at).map_or(until, |end| end.min(until));
            kept += of.len();
            let part = Kept {
                occurrence: room.occurrence,
                at,
                spans: of
                    .into_iter()
                    .map(|(participant, quality)| Of { participant, quality })
                    .collect(),
            };
            ops.push(Op::put(keys::quality(&room, at, first), &part).expires(until));
        }
        self.commit_all(ops).await?;
        Ok(u32::try_from(kept).unwrap_or(u32::MAX))
    }

    /// How connections did in a conference, by occurrence, then by time, then by participant; at most so many, and what the next
    /// page comes behind, if there may be one. One read for each megabyte, at most five.
    pub async fn quality(
        &self,
        (reseller, conference): (ResellerId, ConferenceId),
        asked: QualityAsked,
        limit: usize,
        now: Timestamp,
    ) -> Result<(Vec<QualityHistory>, Option<QualityPlace>)> {
        let room = |occurrence| RoomName {
            reseller,
            conference,
            occurrence,
        };
        let list = match asked.occurrence {
            Some(occurrence) => keys::quality_list(&room(occurrence)),
            None => keys::qualities(reseller, conference),
        };
        let mut query = beginning_with(list.pk, &list.sk);
        if let Some(after) = asked.after {
            let first = keys::quality_from(&room(after.occurrence), after.at);
            query.from = first.sk.clamp(query.from.clone(), query.to.clone());
        }
        let (mut found, scanned) = self.quality_behind(&query, asked, limit, now).await?;
        // Items of one time may have been read in another order than that of their participants.
        found.sort_by_key(|span| span.place);
        if found.len() > limit {
            found.truncate(limit);
            let next = found.last().map(|last| last.place);
            return Ok((found, next));
        }
        Ok((found, scanned))
    }

    /// What such a query finds until it is more than enough, with all that begins at the last time that it comes to; and that
    /// time's end, unless all was read.
    async fn quality_behind(
        &self,
        query: &Query,
        asked: QualityAsked,
        limit: usize,
        now: Timestamp,
    ) -> Result<(Vec<QualityHistory>, Option<QualityPlace>)> {
        let (mut found, mut start) = (Vec::new(), None);
        let mut ends: [Option<QualityPlace>; 2] = [None; 2];
        for _ in 0..MOST_PAGES {
            let (page, next) = self.query_page(query, start).await?;
            for item in &page {
                if has_run_out(item, now) {
                    continue;
                }
                let kept: Kept = from_item("quality", item)?;
                let place = |participant| QualityPlace {
                    occurrence: kept.occurrence,
                    at: kept.at,
                    participant,
                };
                let end = place(LAST);
                if ends[1].is_none_or(|last| last < end) {
                    if found.len() > limit {
                        return Ok((found, ends[1]));
                    }
                    ends = [ends[1], Some(end)];
                }
                let spans = kept.spans.iter().map(|of| QualityHistory {
                    place: place(of.participant),
                    quality: of.quality,
                });
                found.extend(spans.filter(|span| {
                    asked.participant.is_none_or(|only| only == span.place.participant)
                        && asked.after.is_none_or(|after| after < span.place)
                }));
            }
            if next.is_none() {
                return Ok((found, None));
            }
            start = next;
        }
        // There may be more of the last time.
        if let [Some(whole), _] = ends {
            found.retain(|span| span.place <= whole);
        }
        Ok((found, ends[0].or(ends[1])))
    }
}

/// Behind all participants.
const LAST: ParticipantNumber = ParticipantNumber::new(u32::MAX).expect("from 1");

/// When a span began, where that can be.
fn time_of(at: i64, now: Timestamp) -> Option<Timestamp> {
    let at = Timestamp::from_millisecond(at).ok()?;
    let is_near = at <= later(now, AHEAD) && now <= later(at, LATE);
    is_near.then_some(at)
}
