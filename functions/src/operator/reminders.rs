//! Reminders: each at its time, to everybody who is invited then. What was due while nobody did it is done late, as long as the
//! meeting has not started.

use std::collections::BTreeSet;

use domain::conference::{Channel, Due, Invited, later};
use domain::id::{ConferenceId, ContactId};
use jiff::{SignedDuration, Timestamp};
use store::{Job, OWED, ToldMeeting, Work};

use super::dispatch::Step;
use super::letters::Letters;
use super::mails::{AGAIN, PEOPLE, Round, send};
use super::texts;
use crate::app::App;
use crate::error::Error;

/// Reminds some people of what is due next, or waits until it is.
pub(super) async fn remind(
    app: &App,
    job: &Job,
    conference: ConferenceId,
    since: Timestamp,
    after: Option<ContactId>,
) -> Result<Step, Error> {
    let Some(told) = held(app, job, conference).await? else {
        return Ok(Step::Done);
    };
    let now = app.now();
    // What was over when the meeting was planned like this is not caught up on.
    let since = since.max(later(job.created, -OWED));
    let on = |since, after, wait| {
        let work = Work::Remind {
            conference,
            since,
            after,
        };
        Ok(Step::On(work, wait))
    };
    let due = told.conference.reminders_after(since);
    let Some(next) = due.first().map(|due| due.at) else {
        return Ok(Step::Done);
    };
    if next > now {
        return on(since, None, next.duration_since(now));
    }
    let due: Vec<Due> = due.into_iter().take_while(|due| due.at == next).collect();
    let due = to_come(app, &told, due, now).await?;
    let letters = Letters::of(app, &told)?;
    let mut people: Vec<&Invited> = told.conference.invited.iter().collect();
    people.sort_by_key(|person| person.contact);
    let mut left = people
        .into_iter()
        .filter(|person| !due.is_empty() && Some(person.contact) > after);
    let (mut round, mut done) = (Round::default(), after);
    let mut failed = Vec::new();
    for person in left.by_ref().take(PEOPLE) {
        for due in &due {
            match deliver(app, job, &letters, person, due).await {
                Ok(()) => round.reached(),
                Err(error) => {
                    round.failed(person.contact, error);
                    failed.push((person.contact, *due));
                }
            }
        }
        done = Some(person.contact);
        if round.is_over() {
            break;
        }
    }
    round.left()?;
    for (contact, due) in failed {
        let part = format!("{contact}-{}-{}", due.channel.name(), due.at.as_millisecond());
        let work = Work::RemindOne {
            conference,
            due,
            contact,
        };
        app.store.job_leave(job, &part, work, later(app.now(), AGAIN)).await?;
    }
    match left.next() {
        Some(_) => on(since, done, SignedDuration::ZERO),
        None => on(next, None, SignedDuration::ZERO),
    }
}

/// Reminds one person, unless the meeting has started, or is planned otherwise by now.
pub(super) async fn remind_one(
    app: &App,
    job: &Job,
    conference: ConferenceId,
    due: Due,
    contact: ContactId,
) -> Result<Step, Error> {
    let Some(told) = held(app, job, conference).await? else {
        return Ok(Step::Done);
    };
    let before = later(due.at, SignedDuration::from_millis(-1));
    let planned = told.conference.reminders_after(before).contains(&due);
    let person = told.conference.invited.iter().find(|person| person.contact == contact);
    if let Some(person) = person.filter(|_| planned) {
        let letters = Letters::of(app, &told)?;
        for due in to_come(app, &told, vec![due], app.now()).await? {
            deliver(app, job, &letters, person, &due).await?;
        }
    }
    Ok(Step::Done)
}

async fn deliver(app: &App, job: &Job, letters: &Letters<'_>, person: &Invited, due: &Due) -> Result<(), Error> {
    match due.channel {
        Channel::Email => send(app, job, &letters.reminder(person, due)).await,
        Channel::Sms => texts::remind(app, job, letters.told, person, due).await,
    }
}

/// A meeting whose host is there.
async fn held(app: &App, job: &Job, conference: ConferenceId) -> Result<Option<ToldMeeting>, Error> {
    let told = app.store.meeting_told(job.reseller, conference).await?;
    Ok(told.filter(|told| told.host.as_ref().is_some_and(|host| host.deleting.is_none())))
}

/// What of it has not started, and was not ended before it could.
async fn to_come(app: &App, told: &ToldMeeting, mut due: Vec<Due>, now: Timestamp) -> Result<Vec<Due>, Error> {
    let conference = &told.conference;
    let slots = conference.slots();
    let starts = |due: &Due| {
        let slot = slots.iter().find(|slot| slot.occurrence == due.occurrence);
        slot.is_some_and(|slot| slot.start > now)
    };
    due.retain(starts);
    let occurrences: BTreeSet<_> = due.iter().map(|due| due.occurrence).collect();
    if !occurrences.is_empty() {
        let ended = app.store.occurrences_ended(conference, &occurrences).await?;
        due.retain(|due| !ended.contains(&due.occurrence));
    }
    Ok(due)
}
