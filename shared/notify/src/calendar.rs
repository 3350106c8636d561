//! Calendar files that invite to a meeting, change it, cancel it or tell of it (RFC 5545, 5546, 6047). Each is for one person:
//! nobody learns who else is invited.

mod line;
mod plan;
mod zone;

use domain::code::Email;
use domain::conference::{Conference, PartStat, Replies, Slot};
use domain::id::Occurrence;
use jiff::Timestamp;

pub(crate) use self::line::Lines;
use self::line::{mailto, quoted};
use self::plan::{Plan, Repeats};

/// Above so many changed occurrences their description is only where to enter.
const MANY: usize = 20;

/// What is said of a meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// That it takes place like this.
    Request,
    /// That it does not.
    Cancel,
    /// The same as a request, to whoever reads it: nobody is asked.
    Publish,
}

impl Method {
    /// As in the file and in the mail's content type.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "REQUEST",
            Self::Cancel => "CANCEL",
            Self::Publish => "PUBLISH",
        }
    }
}

/// Of what it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// The meeting, with all of its occurrences.
    Whole,
    /// These occurrences, by their original starts.
    Occurrences(&'a [Occurrence]),
}

/// Somebody with an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person<'a> {
    /// The name, where one is known.
    pub name: Option<&'a str>,
    /// The address.
    pub email: &'a Email,
}

/// Who is invited by a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attendee<'a> {
    /// Who.
    pub person: Person<'a>,
    /// Leads the meeting.
    pub leads: bool,
    /// Has planned it, so is not asked whether it fits.
    pub host: bool,
    /// Is not to come any more, while others are (RFC 5546 §3.2.5).
    pub gone: bool,
    /// What this person has answered so far.
    pub replies: Option<&'a Replies>,
}

/// A calendar file.
#[derive(Debug, Clone, Copy)]
pub struct File<'a> {
    /// The meeting as it is now.
    pub conference: &'a Conference,
    /// What is said.
    pub method: Method,
    /// Of what.
    pub part: Part<'a>,
    /// When it was said: what made the meeting so was written then.
    pub stamp: Timestamp,
    /// The product that says it.
    pub product: &'a str,
    /// Who answers go to.
    pub organizer: Person<'a>,
    /// Whom the file is for; nobody where it is published (RFC 5546 §3.2.1).
    pub attendee: Option<Attendee<'a>>,
    /// What it is called.
    pub summary: &'a str,
    /// What its calendar shows.
    pub description: &'a str,
    /// Where this person enters.
    pub url: &'a str,
}

impl File<'_> {
    /// The file's text, with line breaks of CR and LF.
    #[must_use]
    pub fn render(&self) -> String {
        let mut lines = Lines::default();
        lines.push("BEGIN:VCALENDAR");
        lines.push("VERSION:2.0");
        lines.text("PRODID", &format!("-//{}//EN", self.product));
        lines.push("CALSCALE:GREGORIAN");
        lines.push(&format!("METHOD:{}", self.method.name()));
        let plan = Plan::of(self.conference, |slot| self.status(Some(slot)) != self.status(None));
        if let Some(id) = zone::id(&self.conference.zone) {
            let (first, last) = plan.span(self.conference);
            zone::write(&self.conference.zone, id, first, last, &mut lines);
        }
        match (self.part, &self.conference.series) {
            (Part::Occurrences(named), Some(_)) => {
                let slots: Vec<Slot> = self.conference.slots();
                let meant: Vec<&Slot> = slots.iter().filter(|slot| named.contains(&slot.occurrence)).collect();
                for slot in &meant {
                    self.occurrence(slot, meant.len() > MANY, &mut lines);
                }
            }
            _ => self.whole(&plan, &mut lines),
        }
        lines.push("END:VCALENDAR");
        lines.finish()
    }

    fn whole(&self, plan: &Plan, lines: &mut Lines) {
        lines.push("BEGIN:VEVENT");
        self.head(lines);
        self.times(plan.first.start(), plan.duration, lines);
        match &plan.repeats {
            Repeats::Not => {}
            Repeats::Rule(rule) => lines.push(&format!("RRULE:{rule}")),
            Repeats::Dates(dates) => {
                for date in dates {
                    lines.push(&self.time("RDATE", date.start()));
                }
            }
        }
        for cancelled in &plan.cancelled {
            lines.push(&self.time("EXDATE", cancelled.start()));
        }
        self.tail(
            self.description,
            self.method == Method::Cancel,
            self.status(None),
            lines,
        );
        lines.push("END:VEVENT");
        if self.method != Method::Cancel {
            for slot in &plan.changed {
                self.occurrence(slot, plan.changed.len() > MANY, lines);
            }
        }
    }

    fn occurrence(&self, slot: &Slot, short: bool, lines: &mut Lines) {
        lines.push("BEGIN:VEVENT");
        self.head(lines);
        lines.push(&self.time("RECURRENCE-ID", slot.occurrence.start()));
        self.times(slot.start, slot.duration, lines);
        let description = if short { self.url } else { self.description };
        let cancelled = self.method == Method::Cancel || slot.cancelled;
        self.tail(description, cancelled, self.status(Some(slot)), lines);
        lines.push("END:VEVENT");
    }

    fn head(&self, lines: &mut Lines) {
        lines.text("UID", &self.conference.ics_uid);
        lines.push(&format!("SEQUENCE:{}", self.conference.sequence));
        lines.push(&format!("DTSTAMP:{}", utc(self.stamp)));
    }

    fn times(&self, start: Timestamp, duration: domain::conference::Minutes, lines: &mut Lines) {
        lines.push(&self.time("DTSTART", start));
        lines.push(&self.time("DTEND", domain::conference::later(start, duration.duration())));
    }

    /// A time in the meeting's zone, or in UTC where that time of day means another: it happens twice there, and this is not
    /// the first (RFC 5545 §3.3.5).
    fn time(&self, name: &str, at: Timestamp) -> String {
        let zone = &self.conference.zone;
        match zone::id(zone).filter(|_| zone.leads_back(at)) {
            Some(id) => format!("{name};TZID={id}:{}", zone::local(zone.local(at))),
            None => format!("{name}:{}", utc(at)),
        }
    }

    /// What its reader has answered to the whole of it, or to one occurrence.
    fn status(&self, slot: Option<&Slot>) -> PartStat {
        let Some(Attendee { host, replies, .. }) = self.attendee else {
            return PartStat::NeedsAction;
        };
        let given = replies.map_or(PartStat::NeedsAction, |replies| match slot {
            Some(slot) => replies.to(self.conference, slot.occurrence),
            None => replies.to_whole(self.conference),
        });
        match given {
            PartStat::NeedsAction if host => PartStat::Accepted,
            given => given,
        }
    }

    fn tail(&self, description: &str, cancelled: bool, answered: PartStat, lines: &mut Lines) {
        lines.text("SUMMARY", self.summary);
        if !description.is_empty() {
            lines.text("DESCRIPTION", description);
        }
        lines.text("LOCATION", self.url);
        lines.push(&format!("URL:{}", self.url));
        // That the meeting is off is not said to who alone is not to come any more (RFC 5546 §3.2.5).
        if !self.attendee.is_some_and(|attendee| attendee.gone) {
            let status = if cancelled { "CANCELLED" } else { "CONFIRMED" };
            lines.push(&format!("STATUS:{status}"));
        }
        lines.push(&format!("TRANSP:{}", if cancelled { "TRANSPARENT" } else { "OPAQUE" }));
        lines.push(&format!(
            "ORGANIZER{}:{}",
            name(self.organizer),
            mailto(self.organizer.email)
        ));
        let Some(Attendee {
            person, leads, host, ..
        }) = self.attendee
        else {
            return;
        };
        let role = if leads || host { "CHAIR" } else { "REQ-PARTICIPANT" };
        let asked = if host { "FALSE" } else { "TRUE" };
        lines.push(&format!(
            "ATTENDEE;CUTYPE=INDIVIDUAL;ROLE={role};PARTSTAT={};RSVP={asked}{}:{}",
            answered.name(),
            name(person),
            mailto(person.email)
        ));
    }
}

/// `CN`, where there is a name.
fn name(person: Person<'_>) -> String {
    person
        .name
        .map(|name| format!(";CN={}", quoted(name)))
        .unwrap_or_default()
}

/// A time in UTC: `20260131T093000Z`.
pub(crate) fn utc(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

#[cfg(test)]
mod tests;
