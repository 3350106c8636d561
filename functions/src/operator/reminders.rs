//! Reminders: each at its time, to everybody who is invited then. What was due while nobody did it is done late, as long as the
//! meeting has not started.

use std::collections::BTreeSet;

use domain::conference::{Channel, Due, Invited, PartStat, later};
use domain::id::{ConferenceId, ContactId};
use jiff::{SignedDuration, Timestamp};
use notify::MailError;
use store::{Job, OWED, Suppressed, ToldMeeting, Work};

use super::dispatch::Step;
use super::letters::Letters;
use super::mails::{AGAIN, PEOPLE, hand_on, left, reach, write_beside};
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
    let Some(mut told) = held(app, job, conference).await? else {
        return Ok(Step::Done);
    };
    let now = app.now();
    // What was over when the meeting was planned like this is not caught up on.
    let since = since.max(later(job.created, -OWED));
    let work = |since, after| Work::Remind {
        conference,
        since,
        after,
    };
    let due = told.conference.reminders_after(since);
    let Some(next) = due.first().map(|due| due.at) else {
        return Ok(Step::Done);
    };
    if next > now {
        return Ok(Step::On(work(since, None), next.duration_since(now)));
    }
    let due: Vec<Due> = due.into_iter().take_while(|due| due.at == next).collect();
    let (due, late) = to_come(app, &told, due, now).await?;
    if late > 0 {
        let people = told.conference.invited.iter();
        let stale = late * people.filter(|person| Some(person.contact) > after).count();
        tracing::warn!(job = job.id, stale, "reminders came too late and were dropped");
        if due.is_empty() {
            return Ok(Step::Dropped(stale, Some(work(next, None))));
        }
    }
    told.conference.invited.sort_by_key(|person| person.contact);
    let invited = &mut told.conference.invited;
    invited.retain(|person| !due.is_empty() && Some(person.contact) > after);
    let book = (job.reseller, told.conference.host);
    reach(app, book, invited.iter_mut().take(PEOPLE).collect()).await?;
    let letters = Letters::of(app, &told)?;
    let people: Vec<&Invited> = told.conference.invited.iter().collect();
    let people = wanted(app, &told, people, &due).await?;
    let letters = &letters;
    let written = write_beside(app, job, people, async |person, due, why| {
        let mut outcomes = Vec::new();
        for due in due {
            let outcome = deliver(app, job, letters, person, (&due, why)).await;
            outcomes.push(((person.contact, due), outcome));
        }
        outcomes
    })
    .await?;
    let (late, outcomes): (Vec<_>, Vec<_>) = written.outcomes.into_iter().partition(|(_, sent)| is_late(sent));
    for (contact, due) in left(outcomes)? {
        let part = format!("{contact}-{}-{}", due.channel.name(), due.at.as_millisecond());
        let work = Work::RemindOne {
            conference,
            due,
            contact,
        };
        app.store.job_leave(job, &part, work, later(app.now(), AGAIN)).await?;
    }
    let (since, after) = match written.more {
        true => (since, written.last.or(after)),
        false => (next, None),
    };
    if late.is_empty() {
        return Ok(Step::On(work(since, after), SignedDuration::ZERO));
    }
    tracing::warn!(
        job = job.id,
        stale = late.len(),
        "reminders came too late and were dropped"
    );
    Ok(Step::Dropped(late.len(), Some(work(since, after))))
}

/// Whether the meeting had started when it was a reminder's turn.
fn is_late(sent: &Result<(), Error>) -> bool {
    matches!(sent, Err(Error::Mail(MailError::Late)))
}

/// Reminds one person, unless the meeting has started, or is planned otherwise by now.
pub(super) async fn remind_one(
    app: &App,
    job: &Job,
    conference: ConferenceId,
    due: Due,
    contact: ContactId,
) -> Result<Step, Error> {
    let Some(mut told) = held(app, job, conference).await? else {
        return Ok(Step::Done);
    };
    let before = later(due.at, SignedDuration::from_millis(-1));
    let planned = told.conference.reminders_after(before).contains(&due);
    let book = (job.reseller, told.conference.host);
    told.conference.invited.retain(|person| person.contact == contact);
    reach(app, book, told.conference.invited.iter_mut().collect()).await?;
    let person = told.conference.invited.first();
    if let Some(person) = person.filter(|_| planned) {
        let letters = Letters::of(app, &told)?;
        let (due, mut late) = to_come(app, &told, vec![due], app.now()).await?;
        let wanted = wanted(app, &told, vec![person], &due).await?;
        for due in wanted.into_iter().flat_map(|(_, due)| due) {
            let why = app
                .store
                .mail_suppressed((job.reseller, job.company), &person.email, app.now())
                .await?;
            let sent = deliver(app, job, &letters, person, (&due, why)).await;
            match is_late(&sent) {
                true => late += 1,
                false => sent?,
            }
        }
        if late > 0 {
            tracing::warn!(job = job.id, stale = late, "reminders came too late and were dropped");
            return Ok(Step::Dropped(late, None));
        }
    }
    Ok(Step::Done)
}

/// Of what each of these people is to be reminded, as far as they are written to in one step: of nothing that they have
/// declined.
async fn wanted<'a>(
    app: &App,
    told: &ToldMeeting,
    people: Vec<&'a Invited>,
    due: &[Due],
) -> Result<Vec<(&'a Invited, Vec<Due>)>, Error> {
    let conference = &told.conference;
    let next = people.iter().take(PEOPLE).map(|person| person.contact);
    let replies = app.store.replies(conference, next).await?;
    let mut wanted = Vec::with_capacity(people.len());
    for person in people {
        let replies = replies.get(&person.contact);
        let comes =
            |due: &&Due| replies.is_none_or(|replies| replies.to(conference, due.occurrence) != PartStat::Declined);
        wanted.push((person, due.iter().filter(comes).copied().collect()));
    }
    Ok(wanted)
}

async fn deliver(
    app: &App,
    job: &Job,
    letters: &Letters<'_>,
    person: &Invited,
    (due, why): (&Due, Option<Suppressed>),
) -> Result<(), Error> {
    match due.channel {
        Channel::Email => hand_on(app, job, &letters.reminder(person, due), why).await,
        Channel::Sms => texts::remind(app, job, letters.told, person, due).await,
    }
}

/// A meeting whose host is there.
async fn held(app: &App, job: &Job, conference: ConferenceId) -> Result<Option<ToldMeeting>, Error> {
    let told = app.store.meeting_told(job.reseller, conference).await?;
    Ok(told.filter(|told| told.host.as_ref().is_some_and(|host| host.deleting.is_none())))
}

/// What of it has not started, and was not ended before it could; and how much of it has started.
async fn to_come(app: &App, told: &ToldMeeting, mut due: Vec<Due>, now: Timestamp) -> Result<(Vec<Due>, usize), Error> {
    let conference = &told.conference;
    let slots = conference.slots();
    let starts = |due: &Due| {
        let slot = slots.iter().find(|slot| slot.occurrence == due.occurrence);
        slot.is_some_and(|slot| slot.start > now)
    };
    let all = due.len();
    due.retain(starts);
    let late = all - due.len();
    let occurrences: BTreeSet<_> = due.iter().map(|due| due.occurrence).collect();
    if !occurrences.is_empty() {
        let ended = app.store.occurrences_ended(conference, &occurrences).await?;
        due.retain(|due| !ended.contains(&due.occurrence));
    }
    Ok((due, late))
}
