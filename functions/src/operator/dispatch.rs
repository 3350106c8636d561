//! The dispatcher: takes up jobs that are due, does a step of each, and strikes off what is done. Several may run at once;
//! one that dies leaves its job to the next.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use domain::conference::later;
use jiff::SignedDuration;
use serde::Serialize;
use store::{Job, Work};

use super::delete;
use super::erase::{self, Progress};
use super::mails;
use super::passwords;
use super::reminders;
use crate::app::App;
use crate::error::Error;

/// How long one run takes up new jobs.
const RUN: Duration = Duration::from_secs(50);
/// How long somebody who was woken by the clock waits for what is not due yet. The clock wakes the next one every minute, who
/// finds what came to be due in between: a quarter of a minute late at most.
const MINUTE: Duration = Duration::from_secs(45);
/// Jobs looked at in one round, of each shard of their index.
const OF_EACH_SHARD: u32 = 10;
/// How long after its first failure a job is tried again; doubles with each.
const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(5);
/// The longest wait of all.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(1);
/// A job that fails so often without progress is given up, about nine hours after its first failure.
const MOST_FAILURES: u32 = 18;

/// What one run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Dispatched {
    /// Jobs done.
    pub done: usize,
    /// Steps of jobs that go on.
    pub steps: usize,
    /// Tries that failed.
    pub failed: usize,
    /// Jobs given up.
    pub parked: usize,
}

/// What became of a job.
pub(super) enum Step {
    /// It is done.
    Done,
    /// It goes on with this, so much later.
    On(Work, SignedDuration),
}

/// Does what is due now, the jobs of these names first. Harmless when repeated, and in several processes at once.
///
/// # Errors
/// When the table failed. What a job fails with is kept with it.
pub async fn dispatch(app: &App, named: &[String]) -> Result<Dispatched, Error> {
    run(app, named, Instant::now()).await
}

async fn run(app: &App, named: &[String], started: Instant) -> Result<Dispatched, Error> {
    let mut done = Dispatched::default();
    for name in named {
        if let Some(job) = app.store.job(name).await? {
            take(app, &job, &mut done).await?;
        }
    }
    while started.elapsed() < RUN {
        let due = app.store.jobs_due(app.now(), OF_EACH_SHARD).await?;
        let mut taken = false;
        for job in fair(due) {
            taken |= take(app, &job, &mut done).await?;
            if started.elapsed() >= RUN {
                break;
            }
        }
        if !taken {
            break;
        }
    }
    Ok(done)
}

/// Does what is due now, and what comes to be due within the minute, at its second: until whoever is woken next takes over.
///
/// # Errors
/// As [`dispatch`].
pub async fn dispatch_minute(app: &App) -> Result<Dispatched, Error> {
    let (started, mut done) = (Instant::now(), Dispatched::default());
    loop {
        let more = run(app, &[], started).await?;
        done = Dispatched {
            done: done.done + more.done,
            steps: done.steps + more.steps,
            failed: done.failed + more.failed,
            parked: done.parked + more.parked,
        };
        let left = MINUTE.saturating_sub(started.elapsed());
        if left < Duration::from_secs(1) {
            return Ok(done);
        }
        let now = app.now();
        let left = SignedDuration::try_from(left).unwrap_or_default();
        let Some(next) = app.store.jobs_next(now, later(now, left)).await? else {
            return Ok(done);
        };
        let wait = Duration::try_from(next.duration_since(now)).unwrap_or_default();
        tokio::time::sleep(wait).await;
    }
}

/// One of each company in turn, and each company's oldest first: much of one keeps nobody else waiting. What would come too
/// late is first of all.
fn fair(mut jobs: Vec<Job>) -> Vec<Job> {
    jobs.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
    let mut before = HashMap::new();
    let mut turns: Vec<(usize, Job)> = Vec::with_capacity(jobs.len());
    for job in jobs {
        let turn = before.entry((job.reseller, job.company)).or_insert(0);
        turns.push((*turn, job));
        *turn += 1;
    }
    let waits = |job: &Job| !matches!(job.work, Work::Remind { .. } | Work::RemindOne { .. });
    turns.sort_by_key(|(turn, job)| (waits(job), *turn));
    turns.into_iter().map(|(_, job)| job).collect()
}

/// Does a step of a job, if nobody else holds it. Answers whether it was done here.
async fn take(app: &App, job: &Job, done: &mut Dispatched) -> Result<bool, Error> {
    let store = &app.store;
    let Some(mut job) = store.job_claim(job, app.now()).await? else {
        return Ok(false);
    };
    let outcome = match job.work.clone() {
        Work::HostDelete { host, pass, after } => delete::host(app, &job, host, (pass, after)).await,
        Work::CompanyDelete => delete::company(app, &job).await,
        Work::HostErase { host, pass, at, after } => erase::host(app, &job, host, Progress { pass, at, after }).await,
        Work::Tell {
            conference,
            news,
            after,
            only,
        } => mails::tell(app, &job, conference, &news, (after, only)).await,
        Work::Remind {
            conference,
            since,
            after,
        } => reminders::remind(app, &job, conference, since, after).await,
        Work::RemindOne {
            conference,
            due,
            contact,
        } => reminders::remind_one(app, &job, conference, due, contact).await,
        Work::PasswordReset { email, link } => passwords::reset(app, &job, &email, &link).await,
        Work::PasswordMail { host, link } => passwords::mail(app, &job, host, &link).await,
        Work::HookDisabled { hook } => mails::hook_disabled(app, &job, hook).await,
        Work::Welcome { host, link } => mails::welcome(app, &job, host, link.as_ref()).await,
    };
    let now = app.now();
    match outcome {
        Ok(Step::Done) => {
            store.job_done(&job).await?;
            done.done += 1;
        }
        Ok(Step::On(work, wait)) => {
            (job.work, job.failures, job.error) = (work, 0, None);
            store.job_later(&job, later(now, wait)).await?;
            done.steps += 1;
        }
        Err(error) => {
            error.log("dispatch", &job.id);
            tracing::warn!(job = job.id, failures = job.failures + 1, %error, "a job failed");
            job.failures += 1;
            job.error = Some(error.to_string());
            done.failed += 1;
            // Reminders give up by themselves when the meeting starts, and others come after them.
            let ends = matches!(job.work, Work::Remind { .. });
            if job.failures >= MOST_FAILURES && !ends {
                store.job_park(&job, now).await?;
                done.parked += 1;
            } else {
                store.job_later(&job, later(now, wait(job.failures))).await?;
            }
        }
    }
    Ok(true)
}

/// How long a job waits after so many failures.
fn wait(failures: u32) -> SignedDuration {
    let doubled = FIRST_WAIT.checked_mul(1 << failures.saturating_sub(1).min(20));
    doubled.unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_an_hour() {
        let seconds: Vec<i64> = [1, 2, 3, 10, 11, 99].map(|failures| wait(failures).as_secs()).into();
        assert_eq!(seconds, [5, 10, 20, 2_560, 3_600, 3_600]);
    }
}
