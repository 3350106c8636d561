//! What a change of a meeting means for those who are invited to it: who is told what.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Conference, Invited, Kind, Slot};
use crate::id::{ContactId, Occurrence};

/// What is to be told of a meeting, and to whom. Who is told it as it is now is looked up when it is told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct News {
    /// These are invited from now on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub invited: Vec<ContactId>,
    /// All others are told that it has changed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub changed: bool,
    /// These enter in another role from now on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<ContactId>,
    /// All others are told that these occurrences have changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub moved: Vec<Occurrence>,
    /// All others are told that these occurrences do not take place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cancelled: Vec<Occurrence>,
    /// These are no longer invited; the meeting does not know them any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<Invited>,
    /// They are not, since the meeting does not take place.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub off: bool,
}

/// What one person is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// To be invited.
    Invited,
    /// That the meeting has changed.
    Changed,
    /// That some occurrences have.
    Moved,
    /// That some occurrences do not take place.
    Cancelled,
    /// To be invited no longer.
    Uninvited,
    /// That the meeting does not take place.
    Off,
}

impl News {
    /// What is told of a new meeting; nothing where all of it is over. Who starts a meeting at once is in it already.
    #[must_use]
    pub fn of_new(conference: &Conference, now: Timestamp) -> Option<Self> {
        let told = match conference.kind {
            Kind::Scheduled => 0,
            Kind::Reservationless => 1,
            Kind::AdHoc => return None,
        };
        let invited: Vec<ContactId> = conference
            .invited
            .iter()
            .skip(told)
            .map(|person| person.contact)
            .collect();
        let news = Self {
            invited,
            ..Self::default()
        };
        Some(news).filter(|news| !news.invited.is_empty() && is_to_come(conference, now))
    }

    /// What is told of a change; nothing where calendars hold nothing of what changed, or all is over.
    #[must_use]
    pub fn of_change(before: &Conference, after: &Conference, now: Timestamp) -> Option<Self> {
        if before.kind == Kind::AdHoc || !(is_to_come(before, now) || is_to_come(after, now)) {
            return None;
        }
        // Who has another mail address now is invited there, and no longer at the former one.
        let among = |people: &[Invited], person: &Invited| {
            let same =
                |known: &&Invited| known.contact == person.contact && known.email.folded() == person.email.folded();
            people.iter().find(same).cloned()
        };
        let mut news = Self::default();
        for person in &after.invited {
            match among(&before.invited, person) {
                None => news.invited.push(person.contact),
                Some(known) if known.moderator != person.moderator => news.roles.push(person.contact),
                Some(_) => {}
            }
        }
        let gone = before
            .invited
            .iter()
            .filter(|person| among(&after.invited, person).is_none());
        news.gone = gone.cloned().collect();
        news.changed = is_another(before, after);
        if !news.changed {
            for (was, is) in before.slots().iter().zip(after.slots()) {
                let differs = (was.start, was.duration, was.cancelled) != (is.start, is.duration, is.cancelled);
                if !differs || was.end().max(is.end()) <= now {
                    continue;
                }
                let list = if is.cancelled {
                    &mut news.cancelled
                } else {
                    &mut news.moved
                };
                list.push(is.occurrence);
            }
        }
        Some(news).filter(|news| *news != Self::default())
    }

    /// What is told when a meeting is cancelled as a whole; nothing where all of it is over.
    #[must_use]
    pub fn of_cancelled(before: &Conference, now: Timestamp) -> Option<Self> {
        let news = Self {
            gone: before.invited.clone(),
            off: true,
            ..Self::default()
        };
        let told = before.kind != Kind::AdHoc && !news.gone.is_empty() && is_to_come(before, now);
        Some(news).filter(|_| told)
    }

    /// The same person at the mail address at which it is invited no longer.
    #[must_use]
    pub fn gone_from(&self, person: &Invited) -> Option<&Invited> {
        let elsewhere =
            |gone: &&Invited| gone.contact == person.contact && gone.email.folded() != person.email.folded();
        self.gone.iter().find(elsewhere)
    }

    /// What of it concerns one person.
    #[must_use]
    pub fn of(&self, contact: ContactId) -> Self {
        let mut news = self.clone();
        news.gone.retain(|person| person.contact == contact);
        news.invited.retain(|invited| *invited == contact);
        news.roles.retain(|role| *role == contact);
        news
    }

    /// Everybody who is told something, by contact, and what.
    #[must_use]
    pub fn told<'a>(&'a self, conference: &'a Conference) -> Vec<(&'a Invited, Vec<Said>)> {
        let (invited, roles): (BTreeSet<_>, BTreeSet<_>) = (self.invited.iter().collect(), self.roles.iter().collect());
        let gone = if self.off { Said::Off } else { Said::Uninvited };
        // Who was invited again meanwhile is not told to stay away.
        let again =
            |person: &Invited| !self.off && conference.invited.iter().any(|other| other.contact == person.contact);
        let reached: BTreeSet<String> = conference.invited.iter().map(|person| person.email.folded()).collect();
        // Nor is anybody where somebody else is reached who is invited.
        let taken = |person: &Invited| !self.off && reached.contains(&person.email.folded());
        let away = self.gone.iter().filter(|person| !again(person) && !taken(person));
        let mut told: Vec<(&Invited, Vec<Said>)> = away.map(|person| (person, vec![gone])).collect();
        for person in &conference.invited {
            let elsewhere = self.gone_from(person).filter(|gone| !taken(gone));
            let said = if invited.contains(&person.contact) {
                let away = elsewhere.map(|_| Said::Uninvited);
                away.into_iter().chain([Said::Invited]).collect()
            } else if self.changed || roles.contains(&person.contact) {
                vec![Said::Changed]
            } else {
                let some = [(Said::Moved, &self.moved), (Said::Cancelled, &self.cancelled)];
                some.into_iter()
                    .filter(|(_, list)| !list.is_empty())
                    .map(|(said, _)| said)
                    .collect()
            };
            let stays =
                invited.contains(&person.contact) || !self.gone.iter().any(|gone| gone.contact == person.contact);
            if !said.is_empty() && stays {
                told.push((person, said));
            }
        }
        told.sort_by_key(|(person, _)| person.contact);
        told
    }
}

fn is_to_come(conference: &Conference, now: Timestamp) -> bool {
    let held = |slot: &Slot| !slot.cancelled && slot.end() > now;
    !conference.deleted && conference.slots().iter().any(held)
}

/// Whether calendars show all of it otherwise.
fn is_another(before: &Conference, after: &Conference) -> bool {
    let words = |of: &Conference| (of.subject.clone(), of.agenda.clone());
    let entry = |of: &Conference| {
        (
            of.code,
            of.secure_url,
            of.registration,
            of.security_pin.as_ref().map(|pin| pin.as_str().to_owned()),
        )
    };
    let times = |of: &Conference| {
        let series = of
            .series
            .as_ref()
            .map(|series| (series.rule.clone(), series.starts.clone()));
        let start = series.is_none().then_some(of.start);
        (of.zone.clone(), of.duration, start, series)
    };
    words(before) != words(after) || entry(before) != entry(after) || times(before) != times(after)
}
