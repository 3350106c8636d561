//! How a meeting repeats: the recurrence rules of RFC 5545 §3.3.10, on dates. A rule says on which days; the time of day is
//! the start's, in the meeting's zone, so that 9 o'clock stays 9 o'clock when the clocks change.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Weekday};
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::code::Invalid;
use crate::conference::later;
use crate::id::string_on_the_wire;
use crate::time::Zone;

/// Most occurrences of one meeting: every day of two years, and some.
pub const MOST_OCCURRENCES: usize = 1_000;
/// How long after the first occurrence the last one may start, in days: two years, one of them a leap year.
pub(super) const LONGEST_DAYS: i64 = 731;
/// The longest rule, in characters.
const LONGEST_TEXT: usize = 500;

/// What a rule counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frequency {
    /// Days.
    Daily,
    /// Weeks.
    Weekly,
    /// Months.
    Monthly,
    /// Years.
    Yearly,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Count(usize),
    /// This day is the last one, in the meeting's zone.
    Day(Date),
    /// This second is the last one.
    Instant(Timestamp),
    /// This second of the meeting's zone is the last one.
    Local(jiff::civil::DateTime),
}

/// A weekday, or the nth one of its month or year; from the end where negative, each one where 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Nth {
    n: i16,
    day: Weekday,
}

/// A rule by which a meeting repeats, as text in RFC 5545: `FREQ=WEEKLY;BYDAY=MO,WE;COUNT=10`.
///
/// Days, weeks, months and years are counted; hours and less are not, nor are numbered weeks. It needs `COUNT` or `UNTIL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    text: String,
    frequency: Frequency,
    interval: i32,
    end: End,
    months: Vec<i16>,
    month_days: Vec<i16>,
    year_days: Vec<i16>,
    days: Vec<Nth>,
    positions: Vec<i16>,
    week_start: Weekday,
}

impl Rule {
    /// What it counts in, and how many of these it goes on by, where this says how often it is: once in each, or in weeks on
    /// the same days of each.
    #[must_use]
    pub fn every(&self) -> Option<(Frequency, i32)> {
        let dates = self.month_days.len() + self.year_days.len() + self.positions.len();
        let once = match self.frequency {
            Frequency::Daily => self.months.is_empty() && self.days.is_empty() && dates == 0,
            Frequency::Weekly => self.months.is_empty() && dates == 0,
            Frequency::Monthly => self.months.is_empty() && self.days.is_empty() && dates <= 1,
            Frequency::Yearly => self.months.len() <= 1 && self.days.is_empty() && dates <= 1,
        };
        once.then_some((self.frequency, self.interval))
    }

    /// The starts of all occurrences, the first of them `start` itself. A time that a gap skips is moved forward by the gap; one
    /// that happens twice means the first.
    ///
    /// ```
    /// let rule: domain::conference::Rule = "FREQ=WEEKLY;COUNT=3".parse()?;
    /// let zone: domain::time::Zone = "Europe/Berlin".parse()?;
    /// let starts = rule.starts(zone.read("2026-03-22 09:00:00")?, &zone)?;
    /// let local: Vec<_> = starts.iter().map(|start| zone.wall_clock(*start)).collect();
    /// assert_eq!(local, ["2026-03-22 09:00:00", "2026-03-29 09:00:00", "2026-04-05 09:00:00"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The start is not one of the rule's days, the rule goes on for over two years, or it has too many occurrences.
    pub fn starts(&self, start: Timestamp, zone: &Zone) -> Result<Vec<Timestamp>, Invalid> {
        const LONG: Invalid = Invalid("must end within 2 years of the start");
        let first = zone.local(start);
        let limit = later(start, SignedDuration::from_hours(24 * LONGEST_DAYS));
        // What is beyond all instants is beyond two years.
        let until = match self.end {
            End::Count(_) => None,
            // All starts have one time of day.
            End::Day(day) => Some(zone.instant(day.to_datetime(first.time())).ok_or(LONG)?),
            End::Instant(at) => Some(at),
            End::Local(at) => Some(zone.instant(at).ok_or(LONG)?),
        };
        if until.is_some_and(|until| until > limit) {
            return Err(LONG);
        }
        let mut starts: Vec<Timestamp> = Vec::new();
        for period in 0.. {
            let Some(days) = self.days_of(first.date(), period) else {
                break;
            };
            for day in self.positioned(days) {
                let Some(at) = zone
                    .instant(day.to_datetime(first.time()))
                    .filter(|_| day >= first.date())
                else {
                    continue;
                };
                match self.end {
                    End::Count(count) if starts.len() == count => return checked(starts, start),
                    End::Count(_) if at > limit => return Err(LONG),
                    _ if until.is_some_and(|until| at > until) => return checked(starts, start),
                    _ => {}
                }
                // A zone that skips a day has the times of that day on the next one.
                if starts.last().is_none_or(|last| *last < at) {
                    starts.push(at);
                }
                if starts.len() > MOST_OCCURRENCES {
                    return Err(Invalid("must have at most 1000 occurrences"));
                }
            }
        }
        match self.end {
            End::Count(count) if starts.len() < count => Err(LONG),
            _ => checked(starts, start),
        }
    }

    /// The days of one period that fit, in order; `None` for a period that begins too late to matter.
    fn days_of(&self, first: Date, period: i32) -> Option<Vec<Date>> {
        let step = period.checked_mul(self.interval)?;
        let (begin, end) = match self.frequency {
            Frequency::Daily => {
                let day = first.checked_add(step.days()).ok()?;
                (day, day)
            }
            Frequency::Weekly => {
                let back = i32::from(first.weekday().since(self.week_start));
                let week = first.checked_sub(back.days()).ok()?.checked_add(step.weeks()).ok()?;
                (week, week.checked_add(6.days()).ok()?)
            }
            Frequency::Monthly => {
                let month = first.first_of_month().checked_add(step.months()).ok()?;
                (month, month.last_of_month())
            }
            Frequency::Yearly => {
                let year = first.first_of_year().checked_add(step.years()).ok()?;
                (year, year.last_of_year())
            }
        };
        if begin.duration_since(first).as_hours() / 24 > LONGEST_DAYS + 1 {
            return None;
        }
        let all = begin.series(1.day()).take_while(|day| *day <= end);
        Some(all.filter(|day| self.fits(*day, first)).collect())
    }

    fn positioned(&self, days: Vec<Date>) -> Vec<Date> {
        if self.positions.is_empty() {
            return days;
        }
        let count = days.len() as i64;
        let meant = |at: usize| {
            let (front, back) = (at as i64 + 1, at as i64 - count);
            self.positions
                .iter()
                .any(|position| i64::from(*position) == front || i64::from(*position) == back)
        };
        let chosen = |(at, day): (usize, Date)| meant(at).then_some(day);
        days.into_iter().enumerate().filter_map(chosen).collect()
    }

    /// Whether a day fits every part of the rule; parts that are absent are taken from the first day.
    fn fits(&self, day: Date, first: Date) -> bool {
        let implied = self.month_days.is_empty() && self.year_days.is_empty() && self.days.is_empty();
        let by_default = match self.frequency {
            Frequency::Daily => true,
            Frequency::Weekly => day.weekday() == first.weekday(),
            Frequency::Monthly => day.day() == first.day(),
            Frequency::Yearly => day.day() == first.day() && (!self.months.is_empty() || day.month() == first.month()),
        };
        let month = self.months.is_empty() || self.months.contains(&day.month().into());
        let counted =
            |list: &[i16], at: i16, of: i16| list.is_empty() || list.contains(&at) || list.contains(&(at - of - 1));
        month
            && (!implied || by_default)
            && counted(&self.month_days, day.day().into(), day.days_in_month().into())
            && counted(&self.year_days, day.day_of_year(), day.days_in_year())
            && (self.days.is_empty() || self.days.iter().any(|nth| self.is_nth(*nth, day)))
    }

    fn is_nth(&self, nth: Nth, day: Date) -> bool {
        if nth.day != day.weekday() {
            return false;
        }
        let in_month = self.frequency == Frequency::Monthly || !self.months.is_empty();
        let (at, of) = if in_month {
            (i16::from(day.day()), i16::from(day.days_in_month()))
        } else {
            (day.day_of_year(), day.days_in_year())
        };
        nth.n == 0 || nth.n == (at - 1) / 7 + 1 || nth.n == -((of - at) / 7 + 1)
    }
}

fn checked(starts: Vec<Timestamp>, start: Timestamp) -> Result<Vec<Timestamp>, Invalid> {
    match starts.first() {
        Some(first) if *first == start => Ok(starts),
        _ => Err(Invalid("must have the meeting's start as its first day")),
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Rule {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        const FORM: Invalid = Invalid("must be a rule such as FREQ=WEEKLY;COUNT=10");
        if text.len() > LONGEST_TEXT || !text.is_ascii() {
            return Err(FORM);
        }
        let upper = text.trim().to_ascii_uppercase();
        let text = upper.strip_prefix("RRULE:").unwrap_or(&upper);
        let mut parts: Vec<(&str, &str)> = Vec::new();
        for part in text.split(';') {
            let (name, value) = part.split_once('=').ok_or(FORM)?;
            if parts.iter().any(|(known, _)| *known == name) {
                return Err(Invalid("must name each part once"));
            }
            parts.push((name, value));
        }
        let find = |name: &str| parts.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        for (name, _) in &parts {
            match *name {
                "FREQ" | "INTERVAL" | "COUNT" | "UNTIL" | "WKST" | "BYMONTH" | "BYMONTHDAY" | "BYYEARDAY" | "BYDAY"
                | "BYSETPOS" => {}
                "BYHOUR" | "BYMINUTE" | "BYSECOND" => return Err(Invalid("must leave the time of day to the start")),
                "BYWEEKNO" => return Err(Invalid("must not use BYWEEKNO")),
                _ => return Err(FORM),
            }
        }
        let frequency = match find("FREQ").ok_or(FORM)? {
            "DAILY" => Frequency::Daily,
            "WEEKLY" => Frequency::Weekly,
            "MONTHLY" => Frequency::Monthly,
            "YEARLY" => Frequency::Yearly,
            "HOURLY" | "MINUTELY" | "SECONDLY" => {
                return Err(Invalid("must repeat DAILY, WEEKLY, MONTHLY or YEARLY"));
            }
            _ => return Err(FORM),
        };
        let end = match (find("COUNT"), find("UNTIL")) {
            (Some(count), None) => End::Count(
                number(count, 1, MOST_OCCURRENCES as i16)
                    .ok_or(Invalid("must have a COUNT of 1 to 1000"))?
                    .unsigned_abs()
                    .into(),
            ),
            (None, Some(until)) => read_until(until).ok_or(Invalid("must have a date or a time in UTC as UNTIL"))?,
            (Some(_), Some(_)) => return Err(Invalid("must have COUNT or UNTIL, not both")),
            (None, None) => return Err(Invalid("must have COUNT or UNTIL")),
        };
        let interval = match find("INTERVAL") {
            Some(text) => number(text, 1, 1_000).ok_or(Invalid("must have an INTERVAL of 1 to 1000"))?,
            None => 1,
        };
        let list = |name: &str, low: i16, high: i16| match find(name) {
            Some(text) => numbers(text, low, high).ok_or(FORM),
            None => Ok(Vec::new()),
        };
        let rule = Self {
            text: text.to_owned(),
            frequency,
            interval: interval.into(),
            end,
            months: list("BYMONTH", 1, 12)?,
            month_days: list("BYMONTHDAY", -31, 31)?,
            year_days: list("BYYEARDAY", -366, 366)?,
            days: find("BYDAY").map_or(Some(Vec::new()), weekdays).ok_or(FORM)?,
            positions: list("BYSETPOS", -366, 366)?,
            week_start: find("WKST").map_or(Some(Weekday::Monday), weekday).ok_or(FORM)?,
        };
        rule.check()?;
        Ok(rule)
    }
}

impl Rule {
    /// The combinations that RFC 5545 forbids.
    fn check(&self) -> Result<(), Invalid> {
        let by_month_or_year = matches!(self.frequency, Frequency::Monthly | Frequency::Yearly);
        if !by_month_or_year && self.days.iter().any(|nth| nth.n != 0) {
            return Err(Invalid("must number weekdays in months and years only"));
        }
        if self.frequency == Frequency::Weekly && !self.month_days.is_empty() {
            return Err(Invalid("must not have BYMONTHDAY in weeks"));
        }
        if self.frequency != Frequency::Yearly && !self.year_days.is_empty() {
            return Err(Invalid("must have BYYEARDAY in years only"));
        }
        let nothing = self.months.is_empty() && self.month_days.is_empty() && self.year_days.is_empty();
        if !self.positions.is_empty() && nothing && self.days.is_empty() {
            return Err(Invalid("must have another part beside BYSETPOS"));
        }
        Ok(())
    }
}

/// A number without spaces; 0 is in no range that a rule has.
fn number(text: &str, low: i16, high: i16) -> Option<i16> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let plain = (1..=4).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: i16 = text.parse().ok().filter(|_| plain)?;
    (number != 0 && (low..=high).contains(&number)).then_some(number)
}

fn numbers(text: &str, low: i16, high: i16) -> Option<Vec<i16>> {
    text.split(',').map(|part| number(part, low, high)).collect()
}

fn weekday(text: &str) -> Option<Weekday> {
    Some(match text {
        "MO" => Weekday::Monday,
        "TU" => Weekday::Tuesday,
        "WE" => Weekday::Wednesday,
        "TH" => Weekday::Thursday,
        "FR" => Weekday::Friday,
        "SA" => Weekday::Saturday,
        "SU" => Weekday::Sunday,
        _ => return None,
    })
}

fn weekdays(text: &str) -> Option<Vec<Nth>> {
    let one = |part: &str| {
        let (n, day) = part.split_at_checked(part.len().checked_sub(2)?)?;
        let n = if n.is_empty() { 0 } else { number(n, -53, 53)? };
        Some(Nth { n, day: weekday(day)? })
    };
    text.split(',').map(one).collect()
}

/// `20261231`, `20261231T120000Z`, or `20261231T120000` in the meeting's zone.
fn read_until(text: &str) -> Option<End> {
    let digits = |part: &str, length: usize| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
    let field = |from: usize, to: usize| text.get(from..to)?.parse::<i16>().ok();
    let (day, time) = match text.split_once('T') {
        Some((day, time)) => (day, Some(time)),
        None => (text, None),
    };
    if !digits(day, 8) {
        return None;
    }
    let small = |value: i16| i8::try_from(value).ok();
    let date = Date::new(field(0, 4)?, small(field(4, 6)?)?, small(field(6, 8)?)?).ok()?;
    let Some(time) = time else {
        return Some(End::Day(date));
    };
    if !digits(time.strip_suffix('Z').unwrap_or(time), 6) {
        return None;
    }
    let time = jiff::civil::Time::new(small(field(9, 11)?)?, small(field(11, 13)?)?, small(field(13, 15)?)?, 0).ok()?;
    let local = date.to_datetime(time);
    if text.ends_with('Z') {
        Zone::utc().instant(local).map(End::Instant)
    } else {
        Some(End::Local(local))
    }
}

string_on_the_wire!(Rule, {"type": "string", "maxLength": 500});

#[cfg(test)]
mod tests;
