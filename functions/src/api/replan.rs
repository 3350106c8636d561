//! How a meeting is planned after a change: what may change of one that runs, is over, or repeats.

use domain::code::AccessCode;
use domain::conference::{CodeKind, Conference, Exception, Series, Slot, check_start, later};
use domain::host::Host;
use domain::id::Occurrence;
use domain::time::Zone;
use domain::{Code, Error as Refusal, Reason};
use jiff::{SignedDuration, Timestamp};
use store::{ConferenceState, Surroundings};

use super::conference_update::ConferenceUpdateParameters;
use super::meeting::MeetingParameters;
use super::occurrences::Meant;
use super::reminders;
use crate::context::Context;
use crate::error::Error;

/// A change of a meeting.
#[derive(Clone, Copy)]
pub(super) struct Replan<'a, 'c> {
    pub(super) context: &'a Context<'c>,
    pub(super) state: &'a ConferenceState,
    pub(super) around: &'a Surroundings,
    pub(super) asked: &'a ConferenceUpdateParameters,
    pub(super) meeting: &'a MeetingParameters,
}

/// A one-time code that nobody may have.
pub(super) fn new_code(context: &Context<'_>) -> AccessCode {
    AccessCode::one_time(context.app.random())
}

fn fixed(field: &'static str, why: &'static str) -> Refusal {
    Refusal::new(Code::Conflict, why).with_field(field)
}

/// 400: this is the same for all occurrences.
pub(super) fn for_all(field: &'static str) -> Refusal {
    Refusal::invalid(field, "can be changed for all occurrences only")
}

const RUNS: &str = "The meeting is running: this cannot change now";
const OVER: &str = "The meeting is over: this cannot change any more";

impl Replan<'_, '_> {
    /// The meeting as it will be, but for who is invited.
    pub(super) fn planned(&self, meant: Meant, host: &Host) -> Result<Conference, Error> {
        match meant {
            Meant::All => self.whole(host),
            Meant::This(occurrence) | Meant::Following(occurrence) => {
                if let Some(field) = self.changed_for_all(host)? {
                    return Err(for_all(field).into());
                }
                Ok(self.some(meant, occurrence)?)
            }
        }
    }

    /// What is the same for all occurrences and is asked to be otherwise.
    fn changed_for_all(&self, host: &Host) -> Result<Option<&'static str>, Error> {
        let asked = ConferenceUpdateParameters {
            start: None,
            duration: None,
            ..self.asked.clone()
        };
        let after = Replan { asked: &asked, ..*self }.whole(host)?;
        let current = &self.state.conference;
        let recording = |of: &Conference| of.host_initiated_recording;
        let rule = |of: &Conference| of.series.as_ref().map(|series| series.rule.clone());
        let changed = [
            ("subject", after.subject != current.subject),
            ("agenda", after.agenda != current.agenda),
            ("time_zone", after.zone != current.zone),
            ("recurrence", rule(&after) != rule(current)),
            ("one_time_access_code", after.code_kind != current.code_kind),
            ("secure_url", after.secure_url != current.secure_url),
            ("host_initiated_recording", recording(&after) != recording(current)),
            ("security_pin", after.security_pin != current.security_pin),
            ("mute_mode", after.mute_mode != current.mute_mode),
            ("waiting_room", after.waiting_room != current.waiting_room),
            ("registration", after.registration != current.registration),
            ("reminders", after.reminders != current.reminders),
        ];
        Ok(changed
            .into_iter()
            .find(|(_, changed)| *changed)
            .map(|(field, _)| field))
    }

    fn runs(&self, occurrence: Occurrence) -> bool {
        self.state.runs(self.around, occurrence, self.context.now)
    }

    fn runs_at_all(&self) -> bool {
        let mut all = self.state.occurrences.iter();
        all.any(|view| self.runs(view.slot.occurrence))
    }

    /// Whether an occurrence is past changing: its window has opened, it runs, or it is over.
    fn has_begun(&self, slot: &Slot) -> bool {
        let opened = self.state.conference.window_of(slot).opens <= self.context.now;
        opened || self.runs(slot.occurrence) || self.state.is_over(slot.occurrence)
    }

    /// Whether a parameter was sent as null, which takes away what is there.
    fn is_null(&self, name: &str) -> Result<bool, Error> {
        Ok(self.context.request.parameters()?.is_null(name))
    }

    fn whole(&self, host: &Host) -> Result<Conference, Error> {
        let (asked, meeting, current) = (self.asked, self.meeting, &self.state.conference);
        let mut after = current.clone();
        if let Some(subject) = &asked.subject {
            after.subject = subject.clone();
        }
        if let Some(agenda) = &meeting.agenda {
            after.agenda = Some(agenda.clone().into_string());
        } else if self.is_null("agenda")? {
            after.agenda = None;
        }
        after.secure_url = meeting.secure_url.unwrap_or(current.secure_url);
        after.host_initiated_recording = meeting
            .host_initiated_recording
            .unwrap_or(current.host_initiated_recording);
        after.mute_mode = meeting.mute_mode.unwrap_or(current.mute_mode);
        if after.mute_mode != current.mute_mode && self.runs_at_all() {
            return Err(fixed("mute_mode", RUNS).into());
        }
        if let Some(asked) = &meeting.reminders {
            after.reminders = reminders::planned(asked);
        }
        after.waiting_room = meeting.waiting_room.unwrap_or(current.waiting_room);
        if after.waiting_room != current.waiting_room && self.runs_at_all() {
            return Err(fixed("waiting_room", RUNS).into());
        }
        after.registration = meeting.registration.unwrap_or(current.registration);
        if let Some(pin) = &meeting.security_pin {
            let place = format!("conference/{}/security_pin", current.id);
            let same = match &current.security_pin {
                Some(sealed) => self.context.app.open(&place, sealed)? == pin.as_str(),
                None => false,
            };
            if !same {
                after.security_pin = Some(self.context.app.seal(&place, pin.as_str()));
            }
        } else if self.is_null("security_pin")? {
            after.security_pin = None;
        }
        self.code(&mut after, host)?;
        self.time(&mut after)?;
        Ok(after)
    }

    fn code(&self, after: &mut Conference, host: &Host) -> Result<(), Refusal> {
        let Some(own) = self.meeting.one_time_access_code else {
            return Ok(());
        };
        let held = (after.code_kind == CodeKind::OneTime).then_some(after.code);
        let kind = match own.wanted(held)? {
            true => CodeKind::OneTime,
            false => CodeKind::Host,
        };
        if kind == after.code_kind {
            return Ok(());
        }
        if self.runs_at_all() {
            return Err(fixed("one_time_access_code", RUNS));
        }
        if after.series.is_none() && self.state.is_over(after.occurrence) {
            return Err(fixed("one_time_access_code", OVER));
        }
        after.code_kind = kind;
        after.code = match kind {
            CodeKind::OneTime => new_code(self.context),
            CodeKind::Host => host.access_code,
        };
        Ok(())
    }

    /// Start, zone, length and rule together.
    fn time(&self, after: &mut Conference) -> Result<(), Error> {
        let (asked, current) = (self.asked, &self.state.conference);
        if let Some(zone) = &asked.time_zone {
            after.zone = zone.clone();
        }
        after.duration = asked.duration.unwrap_or(current.duration);
        after.start = match &asked.start {
            Some(text) => {
                let start = after.zone.read(text).map_err(|why| Refusal::invalid("start", why))?;
                self.check_start(start, current)?;
                start
            }
            None => {
                let local = current.zone.local(current.start);
                let moved = after.zone.instant(local).filter(|_| after.zone != current.zone);
                moved.unwrap_or(current.start)
            }
        };
        let once = self.is_null("recurrence")?;
        let moved = after.start != current.start || after.zone != current.zone;
        let recurrence = match (&self.meeting.recurrence, &current.series) {
            (Some(given), _) => Some(given.clone()),
            (None, Some(series)) if !once => Some(super::meeting::Recurrence {
                rrule: series.rule.clone(),
            }),
            _ => None,
        };
        let same_rule =
            recurrence.as_ref().map(|given| &given.rrule) == current.series.as_ref().map(|series| &series.rule);
        let replanned = moved || !same_rule;
        match (&current.series, recurrence) {
            (None, None) => self.check_single(after, moved)?,
            (None, Some(given)) => {
                self.check_single(after, replanned)?;
                after.series = Some(given.series(after.start, &after.zone)?);
                after.occurrence = Occurrence::new(after.start.as_second());
            }
            (Some(_), None) => {
                if self.runs_at_all() {
                    return Err(fixed("recurrence", RUNS).into());
                }
                after.series = None;
                after.occurrence = Occurrence::new(after.start.as_second());
            }
            (Some(before), Some(given)) if replanned => {
                let next = given.series(after.start, &after.zone)?;
                after.series = Some(next.after(before, current.duration, |slot| self.has_begun(slot)));
                after.occurrence = Occurrence::new(after.start.as_second());
            }
            (Some(before), Some(_)) => after.series = Some(self.keep_lengths(before, after)),
        }
        Ok(())
    }

    /// A meeting that repeats may go on from where it began, however long ago.
    fn check_start(&self, start: Timestamp, current: &Conference) -> Result<(), Refusal> {
        let begun = current.series.is_some() && start >= later(current.start, SignedDuration::from_hours(-24));
        if start == current.start || (begun && start <= self.context.now) {
            return Ok(());
        }
        check_start(start, self.context.now).map_err(|why| Refusal::invalid("start", why))
    }

    fn check_single(&self, after: &Conference, moved: bool) -> Result<(), Refusal> {
        let current = &self.state.conference;
        let field = match () {
            () if self.asked.start.is_some() && after.start != current.start => "start",
            () if after.zone != current.zone => "time_zone",
            () if after.duration != current.duration => "duration",
            () => "recurrence",
        };
        if self.state.is_over(current.occurrence) && (moved || after.duration != current.duration) {
            return Err(fixed(field, OVER).with_reason(Reason::Ended));
        }
        if moved && self.runs(current.occurrence) {
            return Err(fixed(field, RUNS));
        }
        Ok(())
    }

    /// What is over keeps its length when the meeting's own changes; what runs takes the new one.
    fn keep_lengths(&self, before: &Series, after: &Conference) -> Series {
        let current = &self.state.conference;
        let mut series = before.clone();
        if after.duration == current.duration {
            return series;
        }
        for slot in before.slots(current.duration) {
            let past = self.state.is_over(slot.occurrence) || slot.end() <= self.context.now;
            if past && !self.runs(slot.occurrence) {
                let exception = Exception {
                    duration: Some(slot.duration),
                    ..series.exception(slot.occurrence)
                };
                series.set(slot.occurrence, exception);
            }
        }
        series
    }

    /// One occurrence, or it and those after it.
    fn some(&self, meant: Meant, named: Occurrence) -> Result<Conference, Refusal> {
        let (asked, current) = (self.asked, &self.state.conference);
        let mut after = current.clone();
        let (Some(before), Some(view)) = (&current.series, self.state.occurrence(named)) else {
            return Err(Refusal::not_found("occurrence"));
        };
        let start = match &asked.start {
            Some(text) => current.zone.read(text).map_err(|why| Refusal::invalid("start", why))?,
            None => view.slot.start,
        };
        let moved = start != view.slot.start;
        if view.slot.cancelled {
            return Err(fixed("occurrence", "This date is cancelled").with_reason(Reason::Ended));
        }
        if self.state.is_over(named) {
            return Err(fixed("occurrence", OVER).with_reason(Reason::Ended));
        }
        if moved {
            check_start(start, self.context.now).map_err(|why| Refusal::invalid("start", why))?;
            if self.runs(named) {
                return Err(fixed("start", RUNS));
            }
        }
        let by = current
            .zone
            .local(start)
            .duration_since(current.zone.local(view.slot.start));
        let mut series = before.clone();
        for slot in before
            .slots(current.duration)
            .filter(|slot| meant.holds(slot.occurrence))
        {
            if slot.cancelled || (slot.occurrence != named && self.has_begun(&slot)) {
                continue;
            }
            let mut exception = before.exception(slot.occurrence);
            if moved {
                let start = if slot.occurrence == named {
                    Some(start)
                } else {
                    shifted(&current.zone, slot.start, by)
                };
                exception.start = start.filter(|start| *start != slot.occurrence.start());
            }
            if let Some(duration) = asked.duration {
                exception.duration = Some(duration).filter(|own| *own != current.duration);
            }
            series.set(slot.occurrence, exception);
        }
        let mut starts: Vec<Timestamp> = Vec::new();
        for slot in series.slots(current.duration).filter(|slot| !slot.cancelled) {
            starts.push(slot.start);
        }
        starts.sort_unstable();
        if starts.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(fixed("start", "Another occurrence starts then"));
        }
        after.series = Some(series);
        Ok(after)
    }
}

/// A start moved by days and hours of the wall clock.
fn shifted(zone: &Zone, start: Timestamp, by: SignedDuration) -> Option<Timestamp> {
    zone.instant(zone.local(start).checked_add(by).ok()?)
}
