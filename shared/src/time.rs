//! Times as people write them (contract/enterprise-api.md §1): wall clock in a zone, or ISO 8601 with an offset.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::code::Invalid;
use crate::id::string_on_the_wire;

/// A time zone under the name that was given for it: any IANA name or link, such as `Europe/Berlin`, `US/Eastern`, `UTC`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

impl Zone {
    /// Coordinated universal time.
    pub fn utc() -> Self {
        Self {
            name: "UTC".into(),
            rules: TimeZone::UTC,
        }
    }

    /// The name as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its rules.
    pub fn rules(&self) -> &TimeZone {
        &self.rules
    }

    /// The wall-clock time in this zone: `YYYY-MM-DD HH:MM:SS`.
    ///
    /// ```
    /// let zone: domain::time::Zone = "America/New_York".parse()?;
    /// assert_eq!(zone.wall_clock("2026-07-01T12:00:00Z".parse()?), "2026-07-01 08:00:00");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wall_clock(&self, at: Timestamp) -> String {
        self.rules.to_datetime(at).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// Date and time of day in this zone.
    pub fn local(&self, at: Timestamp) -> DateTime {
        self.rules.to_datetime(at)
    }

    /// When this date and time of day is in this zone: moved forward by a gap that skips it, the first where it happens
    /// twice. `None` beyond what can be written.
    pub fn instant(&self, local: DateTime) -> Option<Timestamp> {
        self.rules.to_ambiguous_timestamp(local).compatible().ok()
    }

    /// Whether the wall-clock time of this instant means this instant: not where the clocks show a time for the second time.
    pub fn leads_back(&self, at: Timestamp) -> bool {
        self.instant(self.local(at)) == Some(at)
    }

    /// Reads `YYYY-MM-DD HH:MM:SS` as wall clock of this zone, or ISO 8601 with an offset.
    ///
    /// A time that a gap skips is moved forward by the gap; one that happens twice means the first. Fractions of a
    /// second are dropped.
    ///
    /// ```
    /// let zone: domain::time::Zone = "Europe/Berlin".parse()?;
    /// let skipped = zone.read("2026-03-29 02:30:00")?;
    /// assert_eq!(zone.wall_clock(skipped), "2026-03-29 03:30:00");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read(&self, text: &str) -> Result<Timestamp, Invalid> {
        const WHAT: Invalid = Invalid("must be a time such as 2026-01-31 09:30:00");
        if text.len() > 40 || text.contains('[') {
            return Err(WHAT);
        }
        let at = match text.parse::<Timestamp>() {
            Ok(at) => at,
            Err(_) => {
                let local: DateTime = text.parse().map_err(|_| WHAT)?;
                let has_time = text.len() > 10;
                if !has_time {
                    return Err(WHAT);
                }
                self.instant(local).ok_or(WHAT)?
            }
        };
        let seconds = at.as_millisecond().div_euclid(1000);
        let at = Timestamp::from_second(seconds).map_err(|_| WHAT)?;
        let year = self.rules.to_datetime(at).year();
        if (1970..=9999).contains(&year) {
            Ok(at)
        } else {
            Err(WHAT)
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl FromStr for Zone {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        const WHAT: Invalid = Invalid("must be a time zone such as Europe/Berlin");
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+-".contains(&byte);
        if text.is_empty() || text.len() > 64 || !text.bytes().all(plain) {
            return Err(WHAT);
        }
        let rules = TimeZone::get(text).map_err(|_| WHAT)?;
        if rules.is_unknown() {
            return Err(WHAT);
        }
        Ok(Self {
            name: text.into(),
            rules,
        })
    }
}

string_on_the_wire!(Zone, {"type": "string", "maxLength": 64});

/// ISO 8601 in UTC with `Z` and whole seconds: `2026-01-31T09:30:00Z`.
pub fn iso(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// An optional time as Unix milliseconds in JSON; for `#[serde(with = "domain::time::millis_option", default)]`.
pub use jiff::fmt::serde::timestamp::millisecond::optional as millis_option;
/// A time as Unix milliseconds in JSON; for `#[serde(with = "domain::time::millis")]`.
pub use jiff::fmt::serde::timestamp::millisecond::required as millis;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn zone(name: &str) -> Zone {
        name.parse().expect("a zone")
    }

    #[test]
    fn a_gap_moves_forward_and_a_fold_means_the_first() {
        let new_york = zone("America/New_York");
        let gap = new_york.read("2026-03-08 02:30:00").expect("a time");
        assert_eq!(iso(gap), "2026-03-08T07:30:00Z");
        assert_eq!(new_york.wall_clock(gap), "2026-03-08 03:30:00");
        let fold = new_york.read("2026-11-01 01:30:00").expect("a time");
        assert_eq!(iso(fold), "2026-11-01T05:30:00Z");
    }

    #[test]
    fn an_offset_wins_over_the_zone_and_links_are_kept() {
        let eastern = zone("US/Eastern");
        assert_eq!(eastern.to_string(), "US/Eastern");
        let at = eastern.read("2026-07-01T12:00:00+02:00").expect("a time");
        assert_eq!(eastern.wall_clock(at), "2026-07-01 06:00:00");
        assert_eq!(eastern.read("2026-07-01T10:00:00.999Z"), Ok(at));
        assert_eq!(zone("EST").wall_clock(at), "2026-07-01 05:00:00");
    }

    #[test]
    fn what_is_no_time_or_zone_is_refused() {
        for text in [
            "",
            "2026-01-01",
            "2026-02-30 00:00:00",
            "09:30:00",
            "2026-01-01 25:00:00",
            "2026-01-01T00:00:00[UTC]",
            "-2026-01-01 00:00:00",
        ] {
            assert!(zone("UTC").read(text).is_err(), "{text}");
        }
        for name in ["", "Mars/Base", "Etc/Unknown", "../etc/passwd", "UTC\n"] {
            assert!(name.parse::<Zone>().is_err(), "{name}");
        }
    }

    /// Every zone and link of the database, every 31 hours of three years, and the hours around them.
    #[test]
    fn every_zone_reads_back_what_it_writes() {
        let mut zones = 0;
        for name in jiff::tz::db().available() {
            // A name that stands for no zone is refused, not guessed.
            let Ok(zone) = name.as_str().parse::<Zone>() else {
                continue;
            };
            zones += 1;
            for step in 0..850_i64 {
                let at = Timestamp::from_second(1_767_225_600 + step * 31 * 3_600 + step % 3 * 1_800).expect("a time");
                let written = zone.wall_clock(at);
                let read = zone.read(&written).expect("own text");
                assert_eq!(zone.wall_clock(read), written, "{name}");
                assert!(
                    read <= at && at.duration_since(read).as_hours() <= 3,
                    "{name}: {written}"
                );
                assert_eq!(zone.read(&iso(at)), Ok(at), "{name}");
            }
        }
        assert!(zones > 500, "{zones}");
        for name in ["US/Eastern", "EST", "UTC", "Asia/Calcutta", "GMT", "Europe/Kiev"] {
            assert!(name.parse::<Zone>().is_ok(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_read(text in "\\PC{0,50}") {
            let _ = zone("Europe/Berlin").read(&text);
            let _ = text.parse::<Zone>();
        }

        #[test]
        fn the_wall_clock_reads_back(seconds in 0i64..4_000_000_000, which in 0usize..4) {
            let zone = zone(["UTC", "Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe"][which]);
            let at = Timestamp::from_second(seconds).expect("in range");
            let written = zone.wall_clock(at);
            let read = zone.read(&written).expect("own text");
            // In a fold the first is meant; the wall clock is the same either way.
            prop_assert_eq!(zone.wall_clock(read), written);
            prop_assert!(read <= at);
            prop_assert_eq!(zone.read(&iso(at)), Ok(at));
        }
    }
}
