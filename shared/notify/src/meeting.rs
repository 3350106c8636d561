//! Mails about meetings: invitation, change, cancellation, reminder. Each is for one person, with that person's own link.

use std::collections::BTreeSet;

use domain::code::Email;
use domain::conference::{Conference, Frequency, Invited, Replies, Rule, Slot};
use domain::id::Occurrence;
use domain::time::Zone;
use jiff::Timestamp;
use jiff::civil::Weekday;

use crate::calendar::{Attendee, File, Method, Part, Person};
use crate::letter::{Brand, Letter};
use crate::mail::{Envelope, build};
use crate::mailer::Mail;
use crate::words::{Language, Words, fill};

/// Most times that a mail lists.
const LISTED: usize = 10;

/// What is told of a meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News<'a> {
    /// That somebody is invited.
    Invited,
    /// That it has changed: as a whole, or these occurrences.
    Changed(Part<'a>),
    /// That it does not take place: as a whole, or these occurrences.
    Cancelled(Part<'a>),
    /// That somebody is no longer invited.
    Uninvited,
    /// That this occurrence starts soon.
    Starts(Occurrence),
}

/// A meeting as it is told of.
#[derive(Clone, Copy)]
pub struct Meeting<'a> {
    /// As it is now.
    pub conference: &'a Conference,
    /// Who holds it, while the account is there.
    pub host: Option<Person<'a>>,
    /// In whose name.
    pub brand: Brand<'a>,
    /// The PIN that is asked after the code.
    pub pin: Option<&'a str>,
    /// When what is told came about.
    pub at: Timestamp,
}

impl std::fmt::Debug for Meeting<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meeting")
            .field("conference", &self.conference.id)
            .finish_non_exhaustive()
    }
}

/// Whom it is told.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// Who.
    pub invited: &'a Invited,
    /// Who holds the meeting.
    pub host: bool,
    /// What this person has answered so far.
    pub replies: Option<&'a Replies>,
    /// Where this person enters; a moderator's own link is a secret.
    pub url: &'a str,
    /// The language.
    pub language: Language,
    /// The zone that times are shown in.
    pub zone: &'a Zone,
}

impl std::fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("contact", &self.invited.contact)
            .finish_non_exhaustive()
    }
}

/// By which link somebody comes, and what is told of the meeting there.
#[derive(Clone, Copy)]
pub struct Link<'a> {
    /// The link; may be a person's own.
    pub url: &'a str,
    /// The language.
    pub language: Language,
    /// Whether the meeting's subject is told.
    pub named: bool,
    /// Whether its agenda is.
    pub agenda: bool,
}

impl std::fmt::Debug for Link<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("named", &self.named)
            .finish_non_exhaustive()
    }
}

impl Meeting<'_> {
    /// The mail to one person. Answers that calendars give go to the sender, those that people write to the host.
    #[must_use]
    pub fn mail(&self, envelope: &Envelope<'_>, reader: &Reader<'_>, news: News<'_>) -> Mail {
        let (conference, words) = (self.conference, reader.language.words());
        let subject = conference.subject.as_str();
        let held = !matches!(news, News::Cancelled(_) | News::Uninvited);
        let leads = reader.host || reader.invited.moderator;
        let mut letter = Letter {
            language: reader.language,
            brand: self.brand,
            heading: subject,
            lead: self.lead(reader, words, news),
            details: self.details(reader, words, news),
            button: None,
            notes: Vec::new(),
        };
        if held {
            let label = if leads { words.join_leading } else { words.join };
            letter.button = Some((label, reader.url));
            if leads {
                letter.notes.push(words.keep_link.to_owned());
            }
        }
        let title = match news {
            News::Invited => words.invitation,
            News::Changed(_) => words.changed,
            News::Cancelled(_) | News::Uninvited => words.cancelled,
            News::Starts(_) => words.reminder,
        };
        let title = fill(title, &[("subject", subject)]);
        let said = match news {
            News::Invited => Some((Method::Request, Part::Whole)),
            News::Changed(part) => Some((Method::Request, part)),
            News::Cancelled(part) => Some((Method::Cancel, part)),
            News::Uninvited => Some((Method::Cancel, Part::Whole)),
            News::Starts(_) => None,
        };
        let gone = news == News::Uninvited;
        let calendar = said.map(|(method, part)| (method, self.file(envelope, reader, (method, part), gone)));
        build(
            envelope,
            &title,
            &letter,
            calendar.as_ref().map(|(method, file)| (*method, file.as_str())),
        )
    }

    /// `gone`: the reader alone is not to come any more.
    fn file(
        &self,
        envelope: &Envelope<'_>,
        reader: &Reader<'_>,
        (method, part): (Method, Part<'_>),
        gone: bool,
    ) -> String {
        let words = reader.language.words();
        let mut description = self.conference.agenda.clone().unwrap_or_default();
        if method == Method::Request {
            let mut lines = vec![format!("{}{} {}", words.join, words.colon, reader.url)];
            lines.push(format!("{}{} {}", words.code, words.colon, self.conference.code));
            lines.extend(self.pin.map(|pin| format!("{}{} {pin}", words.pin, words.colon)));
            if !description.is_empty() {
                lines.push(String::new());
            }
            lines.push(description);
            description = lines.join("\n").trim_end().to_owned();
        }
        let invited = reader.invited;
        let file = File {
            conference: self.conference,
            method,
            part,
            stamp: self.at,
            product: self.brand.product,
            organizer: Person {
                name: self.host.and_then(|host| host.name).or(Some(self.brand.product)),
                email: envelope.sender,
            },
            attendee: Some(Attendee {
                person: Person {
                    name: invited.name.as_ref().map(domain::text::Name::as_str),
                    email: &invited.email,
                },
                leads: invited.moderator,
                host: reader.host,
                gone,
                replies: reader.replies,
            }),
            summary: self.conference.subject.as_str(),
            description: &description,
            url: reader.url,
        };
        file.render()
    }

    /// The calendar file for whoever has a link; answers go to nobody. [`Meeting::at`] is now.
    #[must_use]
    pub fn published(&self, sender: &Email, link: &Link<'_>) -> String {
        let host = self.host.and_then(|host| host.name);
        let unnamed = match host {
            Some(host) => format!("{} · {host}", self.brand.product),
            None => self.brand.product.to_owned(),
        };
        let words = link.language.words();
        let mut description = format!("{}{} {}", words.join, words.colon, link.url);
        if let Some(agenda) = self.conference.agenda.as_ref().filter(|_| link.agenda) {
            description = format!("{description}\n\n{agenda}");
        }
        let file = File {
            conference: self.conference,
            method: Method::Publish,
            part: Part::Whole,
            stamp: self.at,
            product: self.brand.product,
            organizer: Person {
                name: host.or(Some(self.brand.product)),
                email: sender,
            },
            attendee: None,
            summary: match link.named {
                true => self.conference.subject.as_str(),
                false => &unnamed,
            },
            description: description.trim_end(),
            url: link.url,
        };
        file.render()
    }

    fn lead(&self, reader: &Reader<'_>, words: &Words, news: News<'_>) -> String {
        let host = self.host.and_then(|host| host.name).unwrap_or(self.brand.product);
        let with_host = |text: &str| fill(text, &[("host", host)]);
        match news {
            News::Invited if reader.host => words.planned.to_owned(),
            News::Invited => with_host(words.invites),
            News::Changed(Part::Whole) => with_host(words.has_changed),
            News::Changed(Part::Occurrences(_)) => words.times_changed.to_owned(),
            News::Cancelled(Part::Whole) => match self.conference.series {
                Some(_) => words.series_off.to_owned(),
                None => words.is_off.to_owned(),
            },
            News::Cancelled(Part::Occurrences(_)) => words.times_off.to_owned(),
            News::Uninvited => words.uninvited.to_owned(),
            News::Starts(occurrence) => {
                let slot = self
                    .conference
                    .slots()
                    .into_iter()
                    .find(|slot| slot.occurrence == occurrence);
                let start = slot.map_or(self.conference.start, |slot| slot.start);
                let time = reader.zone.local(start).strftime("%H:%M").to_string();
                fill(words.starts, &[("time", &time)])
            }
        }
    }

    fn details(&self, reader: &Reader<'_>, words: &'static Words, news: News<'_>) -> Vec<(&'static str, Vec<String>)> {
        let conference = self.conference;
        let slots = conference.slots();
        let held: Vec<&Slot> = slots
            .iter()
            .filter(|slot| !slot.cancelled && slot.end() > self.at)
            .collect();
        let some = |named: &[Occurrence]| -> Vec<&Slot> {
            slots.iter().filter(|slot| named.contains(&slot.occurrence)).collect()
        };
        let meant: Vec<&Slot> = match news {
            News::Changed(Part::Occurrences(named)) | News::Cancelled(Part::Occurrences(named)) => some(named),
            News::Starts(occurrence) => some(&[occurrence]),
            _ => {
                // The next one that is as planned, and those that are not; or the first of all when none is to come.
                let next = held.iter().find(|slot| !slot.changed).map(|slot| slot.occurrence);
                let mut told = held.clone();
                told.retain(|slot| slot.changed || Some(slot.occurrence) == next);
                told.sort_by_key(|slot| slot.start);
                if told.is_empty() {
                    told.extend(slots.first());
                }
                told
            }
        };
        let moved = conference.series.is_some() && !matches!(news, News::Starts(_) | News::Cancelled(_));
        let time = |slot: &&Slot| {
            let now = span(words, reader.zone, slot);
            let first = slot.occurrence.start();
            match moved && first != slot.start {
                true => {
                    let first = reader.zone.local(first);
                    let first = format!("{}, {}", words.day(first), first.strftime("%H:%M"));
                    format!("{now}, {}", fill(words.originally, &[("time", &first)]))
                }
                false => now,
            }
        };
        let mut when: Vec<String> = meant.iter().take(LISTED).map(time).collect();
        if meant.len() > LISTED {
            let count = (meant.len() - LISTED).to_string();
            when.push(fill(words.more, &[("count", &count)]));
        }
        let mut details = vec![(words.when, when)];
        let whole = matches!(
            news,
            News::Invited | News::Changed(Part::Whole) | News::Cancelled(Part::Whole) | News::Uninvited
        );
        if let Some(series) = conference.series.as_ref().filter(|_| whole)
            && let (count @ 2.., Some(last)) = (held.len(), held.iter().map(|slot| slot.start).max())
        {
            let date = words.day(reader.zone.local(last));
            let begins: Vec<&Slot> = held.iter().copied().filter(|slot| slot.start > self.at).collect();
            let often = often(words, reader.zone, conference, &series.rule, &begins);
            let times = fill(words.times, &[("count", &count.to_string()), ("date", &date)]);
            details.push((words.repeats, vec![format!("{often}{times}")]));
        }
        if let Some(name) = self.host.and_then(|host| host.name).filter(|_| !reader.host) {
            details.push((words.host, vec![name.to_owned()]));
        }
        if matches!(news, News::Cancelled(_) | News::Uninvited) {
            return details;
        }
        details.push((words.code, vec![conference.code.to_string()]));
        if let Some(pin) = self.pin {
            details.push((words.pin, vec![pin.to_owned()]));
        }
        if let Some(agenda) = conference.agenda.as_ref().filter(|_| !matches!(news, News::Starts(_))) {
            details.push((words.agenda, agenda.lines().map(visible).collect()));
        }
        details
    }
}

/// A line without what turns the direction of all that follows, and without control characters.
fn visible(line: &str) -> String {
    let hidden = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    line.chars().filter(|c| !hidden(*c)).collect()
}

/// How often, and on which days of the week where it goes by weeks: `every week (Monday, Thursday), `. Nothing where that takes
/// more words; no days where they are others in the reader's zone now and then.
fn often(words: &Words, zone: &Zone, conference: &Conference, rule: &Rule, to_come: &[&Slot]) -> String {
    let Some(every) = rule.every() else {
        return String::new();
    };
    let often = words.often(every);
    let days = |zone: &Zone| -> BTreeSet<i8> {
        let planned = to_come.iter().map(|slot| zone.local(slot.occurrence.start()).weekday());
        planned.map(Weekday::to_monday_zero_offset).collect()
    };
    let here = days(zone);
    if every.0 != Frequency::Weekly || here.is_empty() || here.len() != days(&conference.zone).len() {
        return format!("{often}, ");
    }
    let names: Vec<&str> = here
        .iter()
        .filter_map(|day| words.weekdays.get(usize::try_from(*day).ok()?).copied())
        .collect();
    format!("{often} ({}), ", names.join(", "))
}

/// From when to when: `Monday, 1 June 2026, 14:00 – 15:00 (Europe/Berlin, UTC+02:00)`.
fn span(words: &Words, zone: &Zone, slot: &Slot) -> String {
    let (start, end) = (zone.local(slot.start), zone.local(slot.end()));
    let until = end.strftime("%H:%M").to_string();
    let until = if start.date() == end.date() {
        until
    } else {
        format!("{}, {until}", words.day(end))
    };
    let offset = |at: Timestamp| {
        let seconds = zone.rules().to_offset(at).seconds();
        match seconds.unsigned_abs() {
            0 => "UTC".to_owned(),
            all => {
                let sign = if seconds < 0 { '-' } else { '+' };
                format!("UTC{sign}{:02}:{:02}", all / 3_600, all / 60 % 60)
            }
        }
    };
    // Where the clocks change meanwhile, the time of day alone does not say how long it takes.
    let offsets = match (offset(slot.start), offset(slot.end())) {
        (first, last) if first == last => first,
        (first, last) => format!("{first} – {last}"),
    };
    let zone = match zone.name() {
        "UTC" => "UTC".to_owned(),
        name => format!("{name}, {offsets}"),
    };
    format!("{}, {} – {until} ({zone})", words.day(start), start.strftime("%H:%M"))
}

#[cfg(test)]
mod tests;
