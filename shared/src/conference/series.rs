//! A meeting that repeats: its occurrences as they were first planned, and what was changed since.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Minutes, Rule, later};
use crate::id::Occurrence;
use crate::time::millis_option;

/// The occurrences of a meeting that repeats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// By which rule, as it was given last.
    pub rule: Rule,
    /// The original starts, in order.
    #[serde(with = "starts")]
    pub starts: Vec<Occurrence>,
    /// What became of single ones.
    #[serde(default)]
    pub exceptions: BTreeMap<Occurrence, Exception>,
}

/// What became of one occurrence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// Where it was moved to.
    #[serde(with = "millis_option", skip_serializing_if = "Option::is_none", default)]
    pub start: Option<Timestamp>,
    /// Its own length.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub duration: Option<Minutes>,
    /// It does not take place.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub cancelled: bool,
}

/// One occurrence as it is planned now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Which: its original start.
    pub occurrence: Occurrence,
    /// When it starts.
    pub start: Timestamp,
    /// How long it is planned.
    pub duration: Minutes,
    /// It was moved or has a length of its own.
    pub changed: bool,
    /// It does not take place.
    pub cancelled: bool,
}

impl Slot {
    /// The planned end.
    pub fn end(&self) -> Timestamp {
        later(self.start, self.duration.duration())
    }
}

impl Series {
    /// A new series with these starts.
    pub fn new(rule: Rule, starts: &[Timestamp]) -> Self {
        Self {
            rule,
            starts: starts.iter().map(|start| Occurrence::new(start.as_second())).collect(),
            exceptions: BTreeMap::new(),
        }
    }

    /// Whether there is such an occurrence, cancelled or not.
    pub fn has(&self, occurrence: Occurrence) -> bool {
        self.starts.binary_search(&occurrence).is_ok()
    }

    /// All occurrences as they are planned now, by their original starts; `duration` is the meeting's own.
    pub fn slots(&self, duration: Minutes) -> impl Iterator<Item = Slot> + '_ {
        self.starts.iter().map(move |occurrence| {
            let exception = self.exceptions.get(occurrence).copied().unwrap_or_default();
            Slot {
                occurrence: *occurrence,
                start: exception.start.unwrap_or(occurrence.start()),
                duration: exception.duration.unwrap_or(duration),
                changed: exception.start.is_some() || exception.duration.is_some_and(|own| own != duration),
                cancelled: exception.cancelled,
            }
        })
    }

    /// When the last occurrence that takes place is planned to end; `None` when all are cancelled.
    pub fn until(&self, duration: Minutes) -> Option<Timestamp> {
        let held = self.slots(duration).filter(|slot| !slot.cancelled);
        held.map(|slot| slot.end()).max()
    }

    /// Changes what became of an occurrence; one that is as the rule has it needs no exception.
    pub fn set(&mut self, occurrence: Occurrence, exception: Exception) {
        if exception == Exception::default() {
            self.exceptions.remove(&occurrence);
        } else {
            self.exceptions.insert(occurrence, exception);
        }
    }

    /// What became of an occurrence so far.
    pub fn exception(&self, occurrence: Occurrence) -> Exception {
        self.exceptions.get(&occurrence).copied().unwrap_or_default()
    }

    /// The same meeting planned anew: occurrences of `before` up to the time stay as they were planned, all later ones are
    /// those of `self`.
    #[must_use]
    pub fn after(self, before: &Self, duration: Minutes, keep: impl Fn(&Slot) -> bool) -> Self {
        let kept: Vec<Slot> = before.slots(duration).filter(|slot| keep(slot)).collect();
        let last = kept.iter().map(|slot| slot.start).max();
        let mut next = self;
        next.starts.retain(|start| last.is_none_or(|last| start.start() > last));
        next.starts.extend(kept.iter().map(|slot| slot.occurrence));
        next.starts.sort_unstable();
        next.starts.dedup();
        for slot in kept {
            let exception = Exception {
                start: before.exception(slot.occurrence).start,
                // The meeting's own length may be another one from now on.
                duration: Some(slot.duration),
                cancelled: slot.cancelled,
            };
            next.set(slot.occurrence, exception);
        }
        next
    }
}

/// Starts as one text of differences, in seconds: a thousand occurrences in a few kilobytes.
mod starts {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::id::Occurrence;

    pub(super) fn serialize<S: Serializer>(starts: &[Occurrence], serializer: S) -> Result<S::Ok, S::Error> {
        let mut last = 0;
        let mut text = String::new();
        for start in starts {
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(&(start.value() - last).to_string());
            last = start.value();
        }
        serializer.serialize_str(&text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Occurrence>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut last = 0_i64;
        let parts = text.split(',').filter(|part| !part.is_empty());
        parts
            .map(|part| {
                let step: i64 = part.parse().map_err(de::Error::custom)?;
                last = last
                    .checked_add(step)
                    .ok_or_else(|| de::Error::custom("is out of range"))?;
                Ok(Occurrence::new(last))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn series(starts: &[i64]) -> Series {
        Series {
            rule: "FREQ=DAILY;COUNT=3".parse().expect("a rule"),
            starts: starts.iter().map(|start| Occurrence::new(*start)).collect(),
            exceptions: BTreeMap::new(),
        }
    }

    fn hour() -> Minutes {
        Minutes::new(60).expect("minutes")
    }

    proptest! {
        #[test]
        fn a_series_survives_json(starts in prop::collection::btree_set(0_i64..5_000_000_000, 0..50), cancelled: bool, moved in prop::option::of(0_i64..5_000_000_000)) {
            let mut series = series(&starts.iter().copied().collect::<Vec<_>>());
            if let Some(first) = series.starts.first().copied() {
                let start = moved.map(|at| Timestamp::from_second(at).expect("a time"));
                series.set(first, Exception { start, duration: None, cancelled });
            }
            let json = serde_json::to_value(&series).expect("json");
            prop_assert_eq!(serde_json::from_value::<Series>(json).expect("own json"), series);
        }

        #[test]
        fn any_starts_are_read_or_refused(text in "[0-9,-]{0,40}") {
            let json = serde_json::json!({"rule": "FREQ=DAILY;COUNT=3", "starts": text});
            let _ = serde_json::from_value::<Series>(json);
        }
    }

    #[test]
    fn an_exception_moves_and_cancels_its_own_occurrence_alone() {
        let mut series = series(&[1_000, 2_000, 3_000]);
        let at = Timestamp::from_second(9_000).expect("a time");
        series.set(
            Occurrence::new(2_000),
            Exception {
                start: Some(at),
                ..Exception::default()
            },
        );
        series.set(
            Occurrence::new(3_000),
            Exception {
                cancelled: true,
                ..Exception::default()
            },
        );
        let slots: Vec<_> = series
            .slots(hour())
            .map(|slot| (slot.start.as_second(), slot.changed, slot.cancelled))
            .collect();
        assert_eq!(
            slots,
            [(1_000, false, false), (9_000, true, false), (3_000, false, true)]
        );
        assert_eq!(series.until(hour()).map(Timestamp::as_second), Some(9_000 + 3_600));
        series.set(Occurrence::new(2_000), Exception::default());
        assert!(!series.exceptions.contains_key(&Occurrence::new(2_000)));
    }

    #[test]
    fn planned_anew_what_has_begun_stays() {
        let before = series(&[1_000, 2_000, 3_000]);
        let next = series(&[1_500, 2_500, 3_500]).after(&before, hour(), |slot| slot.start.as_second() <= 2_000);
        let starts: Vec<_> = next.starts.iter().map(|start| start.value()).collect();
        assert_eq!(starts, [1_000, 2_000, 2_500, 3_500]);
        let half = Minutes::new(30).expect("minutes");
        let lengths: Vec<_> = next.slots(half).map(|slot| slot.duration.value()).collect();
        assert_eq!(lengths, [60, 60, 30, 30], "what has begun keeps its length");
    }
}
