//! A time zone as a calendar file says it (RFC 5545 §3.6.5): what a meeting needs of it, out of the same rules that its
//! times are counted by, so that a calendar with other rules shows the right times all the same.

use jiff::civil::DateTime;
use jiff::tz::{Dst, Offset};
use jiff::{SignedDuration, Timestamp};

use domain::conference::later;
use domain::time::Zone;

use super::line::Lines;

/// How far beyond the last time the changes are looked at, so that a yearly rule shows itself.
const AHEAD: SignedDuration = SignedDuration::from_hours(24 * 366 * 4);
/// Zones change their clocks a few times a year at most.
const MOST: usize = 200;

/// How a zone is named in files; `None` for UTC, whose times are written with a `Z`.
pub(super) fn id(zone: &Zone) -> Option<&str> {
    let name = zone.rules().iana_name().unwrap_or(zone.name());
    let utc = [
        "UTC",
        "Etc/UTC",
        "UCT",
        "Etc/UCT",
        "Zulu",
        "Etc/Zulu",
        "Universal",
        "Etc/Universal",
    ];
    (!utc.contains(&name)).then_some(name)
}

/// One change of the clocks.
#[derive(Debug, Clone)]
struct Change {
    /// By the clock that it ends.
    local: DateTime,
    from: Offset,
    to: Offset,
    daylight: bool,
    name: String,
}

/// Changes that are the same but for their year.
type Group = Vec<Change>;

/// Writes the zone for times between these two.
pub(super) fn write(zone: &Zone, id: &str, first: Timestamp, last: Timestamp, lines: &mut Lines) {
    lines.push("BEGIN:VTIMEZONE");
    lines.push(&format!("TZID:{id}"));
    let groups = changes(zone, first, later(last, AHEAD));
    if groups.is_empty() {
        let info = zone.rules().to_offset_info(first);
        let always = Change {
            local: DateTime::constant(1970, 1, 1, 0, 0, 0, 0),
            from: info.offset(),
            to: info.offset(),
            daylight: info.dst() == Dst::Yes,
            name: info.abbreviation().to_owned(),
        };
        observance(&[always], lines);
    }
    for group in groups {
        observance(&group, lines);
    }
    lines.push("END:VTIMEZONE");
}

/// The changes from the one that counts at the first time on, alike ones together.
fn changes(zone: &Zone, first: Timestamp, last: Timestamp) -> Vec<Group> {
    let rules = zone.rules();
    let before = rules.preceding(first).next();
    let ahead = rules
        .following(first)
        .take(MOST)
        .take_while(|change| change.timestamp() <= last);
    let mut groups: Vec<Group> = Vec::new();
    for change in before.into_iter().chain(ahead) {
        let just_before = later(change.timestamp(), SignedDuration::from_secs(-1));
        let from = rules.to_offset(just_before);
        let change = Change {
            local: from.to_datetime(change.timestamp()),
            from,
            to: change.offset(),
            daylight: change.dst() == Dst::Yes,
            name: change.abbreviation().to_owned(),
        };
        let same = |group: &&mut Group| {
            let known = &group[0];
            (known.from, known.to, known.daylight) == (change.from, change.to, change.daylight)
                && known.name == change.name
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(change),
            None => groups.push(vec![change]),
        }
    }
    groups
}

fn observance(group: &[Change], lines: &mut Lines) {
    let Some(first) = group.first() else { return };
    let kind = if first.daylight { "DAYLIGHT" } else { "STANDARD" };
    lines.push(&format!("BEGIN:{kind}"));
    lines.push(&format!("DTSTART:{}", local(first.local)));
    match yearly(group) {
        Some(rule) => lines.push(&rule),
        None => {
            for change in &group[1..] {
                lines.push(&format!("RDATE:{}", local(change.local)));
            }
        }
    }
    lines.push(&format!("TZOFFSETFROM:{}", offset(first.from)));
    lines.push(&format!("TZOFFSETTO:{}", offset(first.to)));
    lines.push(&format!("TZNAME:{}", super::line::text(&first.name)));
    lines.push(&format!("END:{kind}"));
}

/// The rule by which changes come each year; `None` where there is none that they all follow.
fn yearly(group: &[Change]) -> Option<String> {
    let (first, rest) = group.split_first()?;
    for (year, change) in (first.local.year() + 1..).zip(rest) {
        let same = |a: DateTime, b: DateTime| {
            (a.month(), a.weekday(), a.time()) == (b.month(), b.weekday(), b.time()) && b.year() == year
        };
        if !same(first.local, change.local) {
            return None;
        }
    }
    let front = |at: DateTime| (at.day() - 1) / 7 + 1;
    let back = |at: DateTime| (at.date().days_in_month() - at.day()) / 7 + 1;
    let all = |of: &dyn Fn(DateTime) -> i8| rest.iter().all(|change| of(change.local) == of(first.local));
    let nth = match () {
        () if rest.is_empty() => return None,
        () if all(&back) && back(first.local) == 1 => -1,
        () if all(&front) => front(first.local),
        () if all(&back) => -back(first.local),
        () => return None,
    };
    let day = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
        [usize::from(first.local.weekday().to_monday_zero_offset().unsigned_abs())];
    Some(format!(
        "RRULE:FREQ=YEARLY;BYMONTH={};BYDAY={nth}{day}",
        first.local.month()
    ))
}

/// A date and time of day: `20260131T093000`.
pub(super) fn local(at: DateTime) -> String {
    at.strftime("%Y%m%dT%H%M%S").to_string()
}

/// An offset from UTC: `+0200`, with seconds where it has some.
fn offset(offset: Offset) -> String {
    let seconds = offset.seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    let all = seconds.unsigned_abs();
    let (hours, minutes, rest) = (all / 3_600, all / 60 % 60, all % 60);
    match rest {
        0 => format!("{sign}{hours:02}{minutes:02}"),
        _ => format!("{sign}{hours:02}{minutes:02}{rest:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(zone: &str, first: &str, last: &str) -> String {
        let zone: Zone = zone.parse().expect("a zone");
        let at = |text: &str| text.parse().expect("a time");
        let mut lines = Lines::default();
        write(&zone, id(&zone).expect("not UTC"), at(first), at(last), &mut lines);
        lines.finish()
    }

    #[test]
    fn clocks_that_change_by_rule_are_written_as_rules() {
        let berlin = written("Europe/Berlin", "2026-06-01T12:00:00Z", "2028-06-01T12:00:00Z");
        assert!(berlin.contains("DTSTART:20260329T020000\r\nRRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200"), "{berlin}");
        assert!(berlin.contains("DTSTART:20261025T030000\r\nRRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100"), "{berlin}");
        let new_york = written("America/New_York", "2026-06-01T12:00:00Z", "2026-06-01T13:00:00Z");
        assert!(new_york.contains("RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=2SU"), "{new_york}");
        assert!(
            new_york.contains("RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=1SU"),
            "{new_york}"
        );
    }

    #[test]
    fn clocks_that_follow_the_moon_are_listed() {
        let casablanca = written("Africa/Casablanca", "2026-01-10T12:00:00Z", "2028-01-10T12:00:00Z");
        assert!(
            casablanca.contains("RDATE:") && !casablanca.contains("RRULE:"),
            "{casablanca}"
        );
    }

    #[test]
    fn a_zone_without_changes_has_one_offset() {
        let fixed = written("Etc/GMT-5", "2026-01-10T12:00:00Z", "2028-01-10T12:00:00Z");
        assert!(
            fixed.contains("BEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:+0500\r\nTZOFFSETTO:+0500"),
            "{fixed}"
        );
        let kathmandu = written("Asia/Kathmandu", "2026-01-10T12:00:00Z", "2028-01-10T12:00:00Z");
        assert!(kathmandu.contains("TZOFFSETTO:+0545"), "{kathmandu}");
        assert_eq!(id(&"UTC".parse().expect("a zone")), None);
        assert_eq!(id(&"europe/berlin".parse().expect("a zone")), Some("Europe/Berlin"));
    }
}
