//! Which occurrence an answer means (`RECURRENCE-ID`, RFC 5545 §3.8.4.4).

use domain::conference::Conference;
use domain::id::Occurrence;
use domain::time::Zone;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::file::Line;

/// An original start as a calendar has written it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instance {
    /// A time that is the same everywhere.
    At(Timestamp),
    /// By the clocks of a zone, or of one whose name nobody knows here: calendars give zones names of their own, and keep
    /// the time of day of the invitation.
    Local(DateTime, Option<Zone>),
    /// Some time on a day.
    Day(Date),
}

impl Instance {
    pub(super) fn read(line: &Line) -> Option<Self> {
        // What follows it may be another meeting by now.
        if line.parameter("RANGE").is_some() {
            return None;
        }
        let value = line.value.as_str();
        if value.len() == 8 {
            return Date::strptime("%Y%m%d", value).ok().map(Self::Day);
        }
        if value.ends_with(['Z', 'z']) {
            return utc(value).map(Self::At);
        }
        let local = DateTime::strptime("%Y%m%dT%H%M%S", value).ok()?;
        let zone = line.parameter("TZID").and_then(|name| name.parse().ok());
        Some(Self::Local(local, zone))
    }

    /// The occurrence of a meeting that it means; none where there is none, or it may be several.
    #[must_use]
    pub fn occurrence(&self, conference: &Conference) -> Option<Occurrence> {
        let own = &conference.zone;
        let means = |occurrence: &Occurrence| {
            let start = occurrence.start();
            match self {
                Self::At(at) => *at == start,
                Self::Local(local, zone) => zone.as_ref().unwrap_or(own).local(start) == *local,
                Self::Day(day) => own.local(start).date() == *day,
            }
        };
        let series = conference.series.as_ref()?;
        let mut found = series.starts.iter().filter(|occurrence| means(occurrence));
        let first = found.next()?;
        found.next().is_none().then_some(*first)
    }
}

/// A time in UTC; one without its `Z` is meant so too, where nothing else is allowed.
pub(super) fn utc(value: &str) -> Option<Timestamp> {
    let local = DateTime::strptime("%Y%m%dT%H%M%S", value.trim().trim_end_matches(['Z', 'z'])).ok()?;
    TimeZone::UTC.to_timestamp(local).ok()
}
