//! The occurrences of a meeting as a calendar file can say them: by a rule where one gives just these times, else one by one.

use domain::conference::{Conference, Minutes, Series, Slot};
use domain::id::Occurrence;
use jiff::Timestamp;

/// What is written of a meeting as a whole.
#[derive(Debug)]
pub(super) struct Plan {
    /// The first occurrence that the file tells of.
    pub(super) first: Occurrence,
    /// The meeting's own length.
    pub(super) duration: Minutes,
    /// How the others follow.
    pub(super) repeats: Repeats,
    /// Occurrences that do not take place.
    pub(super) cancelled: Vec<Occurrence>,
    /// Those that were moved, have a length of their own, or stand apart for another reason.
    pub(super) changed: Vec<Slot>,
}

/// How occurrences follow the first one.
#[derive(Debug)]
pub(super) enum Repeats {
    /// There are none.
    Not,
    /// By a rule that counts them.
    Rule(String),
    /// At these times: the series was planned anew, or the clocks change at its time of day, where a rule means other times
    /// to some calendars.
    Dates(Vec<Occurrence>),
}

impl Plan {
    /// `apart` tells which occurrences are written by themselves in any case.
    pub(super) fn of(conference: &Conference, apart: impl Fn(&Slot) -> bool) -> Self {
        let Some(series) = &conference.series else {
            return Self {
                first: Occurrence::new(conference.start.as_second()),
                duration: conference.duration,
                repeats: Repeats::Not,
                cancelled: Vec::new(),
                changed: Vec::new(),
            };
        };
        let ruled = ruled(conference, series);
        let (first, repeats) = match ruled {
            [] => {
                let (first, rest) = series.starts.split_first().unwrap_or((&conference.occurrence, &[]));
                (*first, Repeats::Dates(rest.to_vec()))
            }
            [first, ..] => (*first, Repeats::Rule(counted(series, ruled.len()))),
        };
        let told = |slot: &Slot| slot.occurrence >= first;
        let slots: Vec<Slot> = series.slots(conference.duration).filter(told).collect();
        let cancelled = slots.iter().filter(|slot| slot.cancelled);
        let changed = slots
            .iter()
            .filter(|slot| (slot.changed || apart(slot)) && !slot.cancelled);
        Self {
            first,
            duration: conference.duration,
            repeats,
            cancelled: cancelled.map(|slot| slot.occurrence).collect(),
            changed: changed.copied().collect(),
        }
    }

    /// From when to when the file has times.
    pub(super) fn span(&self, conference: &Conference) -> (Timestamp, Timestamp) {
        let slots = conference.slots();
        let starts = || slots.iter().flat_map(|slot| [slot.start, slot.occurrence.start()]);
        let first = starts().min().unwrap_or(conference.start);
        let last = slots.iter().map(Slot::end).max().unwrap_or(conference.start);
        (first.min(self.first.start()), last.max(first))
    }
}

/// The last occurrences, as far back as the rule gives them all; those before have begun, under another rule. None where the
/// time of day is not the same for all, or means another instant, since readers differ in what a rule means then.
fn ruled<'a>(conference: &Conference, series: &'a Series) -> &'a [Occurrence] {
    let zone = &conference.zone;
    let Ok(given) = series.rule.starts(conference.start, zone) else {
        return &[];
    };
    let back = series.starts.iter().rev().zip(given.iter().rev());
    let common = back.take_while(|(start, given)| start.start() == **given).count();
    let last = &series.starts[series.starts.len() - common..];
    let time = |occurrence: &Occurrence| zone.local(occurrence.start()).time();
    let other = |occurrence: &Occurrence| {
        time(occurrence) != zone.local(conference.start).time() || !zone.leads_back(occurrence.start())
    };
    if last.iter().any(other) { &[] } else { last }
}

/// The rule with the number of its occurrences in place of its end, which calendars read in different zones.
fn counted(series: &Series, count: usize) -> String {
    let rule = series.rule.to_string();
    let kept = rule
        .split(';')
        .filter(|part| !part.starts_with("COUNT=") && !part.starts_with("UNTIL="));
    let mut parts: Vec<String> = kept.map(str::to_owned).collect();
    parts.push(format!("COUNT={count}"));
    parts.join(";")
}
