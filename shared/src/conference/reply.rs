//! How people answer invitations (RFC 5546 §3.2.3): what is kept of it, and until when it counts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Conference, Slot};
use crate::id::Occurrence;
use crate::time::millis;

/// What somebody has said to being invited (`PARTSTAT`, RFC 5545 §3.2.12).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartStat {
    /// Nothing.
    #[default]
    NeedsAction,
    /// To come.
    Accepted,
    /// To come perhaps.
    Tentative,
    /// Not to come.
    Declined,
}

impl PartStat {
    /// Every answer.
    pub const ALL: [Self; 4] = [Self::NeedsAction, Self::Accepted, Self::Tentative, Self::Declined];

    /// As in calendar files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NeedsAction => "NEEDS-ACTION",
            Self::Accepted => "ACCEPTED",
            Self::Tentative => "TENTATIVE",
            Self::Declined => "DECLINED",
        }
    }

    /// The answer of this name, in any case of letters; `None` for what we do not keep, such as `DELEGATED`.
    ///
    /// ```
    /// use domain::conference::PartStat;
    /// assert_eq!(PartStat::named("Declined"), Some(PartStat::Declined));
    /// assert_eq!(PartStat::named("DELEGATED"), None);
    /// ```
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|status| status.name().eq_ignore_ascii_case(name))
    }
}

/// An answer, and to what it was given. The later one of two is that to the higher `sequence`, then the one written later
/// (RFC 5546 §2.1.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The `SEQUENCE` of the invitation that it answers.
    pub sequence: u32,
    /// When it was written (`DTSTAMP`).
    #[serde(with = "millis")]
    pub at: Timestamp,
    /// What was said.
    pub status: PartStat,
}

impl Reply {
    fn age(&self) -> (u32, Timestamp) {
        (self.sequence, self.at)
    }
}

/// What one person has said about one meeting.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replies {
    /// To the meeting, with all of its occurrences.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub whole: Option<Reply>,
    /// To single occurrences since then.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub occurrences: BTreeMap<Occurrence, Reply>,
}

impl Replies {
    /// Takes in what was said to the meeting as a whole, or to one occurrence. Answers whether that is a change: what was said
    /// before what is kept already, or of a time that is not planned any more, is none. What is said to the whole holds for
    /// all occurrences that nothing was said to later.
    pub fn take(&mut self, conference: &Conference, of: Option<Occurrence>, given: Reply) -> bool {
        let given = Reply {
            // Nobody can have answered what was not told yet; such a number would keep later answers out.
            sequence: given.sequence.min(conference.sequence),
            ..given
        };
        let since = conference.times_since.of(of);
        let own = match of {
            Some(occurrence) => self.occurrences.get(&occurrence).copied(),
            None => self.whole,
        };
        // One mail may tell of the whole and of single occurrences, under one time.
        let later = own.is_some_and(|known| known.age() >= given.age())
            || self.whole.is_some_and(|known| known.age() > given.age());
        if given.sequence < since || later {
            return false;
        }
        match of {
            Some(occurrence) => {
                self.occurrences.insert(occurrence, given);
            }
            None => {
                self.whole = Some(given);
                self.occurrences.retain(|_, known| known.age() >= given.age());
            }
        }
        true
    }

    /// What is said to the meeting as a whole, as it is planned now.
    pub fn to_whole(&self, conference: &Conference) -> PartStat {
        let since = conference.times_since.of(None);
        let whole = self.whole.filter(|given| given.sequence >= since);
        whole.map_or(PartStat::NeedsAction, |given| given.status)
    }

    /// What is said to one of its occurrences, as it is planned now.
    pub fn to(&self, conference: &Conference, occurrence: Occurrence) -> PartStat {
        let since = conference.times_since.of(Some(occurrence));
        let counts = |given: &Reply| given.sequence >= since;
        let own = self.occurrences.get(&occurrence).copied().filter(counts);
        let given = own.or(self.whole.filter(counts));
        given.map_or(PartStat::NeedsAction, |given| given.status)
    }
}

/// By which `sequence` a meeting's times came to be as they are. What people said before was said of other times, and counts
/// no more (RFC 5546 §3.2.2.1); other changes of a meeting leave it alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimesSince {
    /// Those of the meeting as a whole.
    #[serde(default)]
    whole: u32,
    /// Those of occurrences that were moved since then.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    occurrences: BTreeMap<Occurrence, u32>,
}

impl TimesSince {
    /// Whether the times are the first ones.
    pub fn is_first(&self) -> bool {
        *self == Self::default()
    }

    fn of(&self, occurrence: Option<Occurrence>) -> u32 {
        let own = occurrence.and_then(|occurrence| self.occurrences.get(&occurrence));
        own.copied().unwrap_or(self.whole)
    }

    /// The same after a change that is told under this sequence.
    #[must_use]
    pub fn after(&self, before: &Conference, after: &Conference, sequence: u32) -> Self {
        let plan = |of: &Conference| {
            let series = of.series.as_ref();
            let start = series.is_none().then_some(of.start);
            (start, of.duration, series.map(|series| series.starts.clone()))
        };
        if plan(before) != plan(after) {
            return Self {
                whole: sequence,
                occurrences: BTreeMap::new(),
            };
        }
        let mut next = self.clone();
        for (was, is) in before.slots().iter().zip(after.slots()) {
            let held = |slot: &Slot| (slot.start, slot.duration);
            if held(was) != held(&is) || (was.cancelled && !is.cancelled) {
                next.occurrences.insert(is.occurrence, sequence);
            }
        }
        next
    }
}

#[cfg(test)]
mod tests;
