//! The dispatcher: takes up jobs that are due, does a step of each, and strikes off what is done. Several may run at once;
//! one that dies leaves its job to the next.

use std::collections::{HashMap, HashSet, VecDeque};
use std::convert::Infallible;
use std::future::Future;
use std::hash::{BuildHasher as _, RandomState};
use std::pin::{Pin, pin};

use domain::conference::later;
use domain::id::{CompanyId, ResellerId};
use futures_util::StreamExt as _;
use futures_util::future::{Either, select, try_join_all};
use futures_util::stream::FuturesUnordered;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use store::{Job, Work};

use super::delete;
use super::erase::{self, Progress};
use super::mails;
use super::passwords;
use super::quota;
use super::reminders;
use crate::app::App;
use crate::error::Error;

/// How long one run takes up new jobs.
const RUN: SignedDuration = SignedDuration::from_secs(70);
/// How long somebody who was woken by the clock, or called to, waits for what is not due yet: until the clock, which does so every
/// minute, has woken the next one.
const MINUTE: SignedDuration = SignedDuration::from_secs(65);
/// How often such a one looks: what is new may lie behind it in the stream.
const LOOK: SignedDuration = SignedDuration::from_secs(1);
/// Jobs looked at in one round, of each shard of their index, before those of others are looked for behind them.
const OF_EACH_SHARD: u32 = 100;
/// Jobs worked at beside each other: most of their time they wait for the table or for the mail service.
const AT_ONCE: usize = 128;
/// How much of what is free a company may take: a single one four fifths of all, two of them four ninths each.
const SHARE: usize = 4;
/// Where so many jobs wait, others are called to help.
const CROWD: usize = 4 * AT_ONCE;
/// How many at most.
const HELPERS: u32 = 3;
/// How often.
const HELP: SignedDuration = SignedDuration::from_secs(60);
/// How soon jobs are looked for again while others are worked at; each time that there are none, after twice as long.
const TICK: SignedDuration = SignedDuration::from_millis(100);
/// The longest of these.
const LONGEST_TICK: SignedDuration = SignedDuration::from_secs(1);
/// The same where many wait, and the mail service takes no more: what is new would wait behind them.
const NO_ROOM_TICK: SignedDuration = SignedDuration::from_secs(5);
/// How often whoever works at a job says that it goes on holding it.
const HOLD: SignedDuration = SignedDuration::from_secs(Job::LEASE.as_secs() / 3);
/// How long after its first failure a job is tried again; doubles with each.
const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(5);
/// A reminder is of most use at once: it doubles after so many failures only.
const SOON: u32 = 6;
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
    /// Tries that wait, as the reseller has mailed what it may today.
    pub held: usize,
    /// Jobs given up.
    pub parked: usize,
    /// Reminders that came too late and were dropped.
    pub stale: usize,
}

impl Dispatched {
    fn add(&mut self, more: Self) {
        self.done += more.done;
        self.steps += more.steps;
        self.failed += more.failed;
        self.held += more.held;
        self.parked += more.parked;
        self.stale += more.stale;
    }
}

/// What became of a job.
pub(super) enum Step {
    /// It is done.
    Done,
    /// It goes on with this, so much later.
    On(Work, SignedDuration),
    /// So many mails and text messages came too late and do not go out. It goes on with this, or is done.
    Dropped(usize, Option<Work>),
}

/// What is being worked at.
#[derive(Default)]
struct Flights {
    jobs: HashSet<String>,
    companies: HashMap<(ResellerId, CompanyId), usize>,
}

impl Flights {
    /// How much of its company's.
    fn beside(&self, job: &Job) -> usize {
        self.companies
            .get(&(job.reseller, job.company))
            .copied()
            .unwrap_or_default()
    }

    /// Whether there is a place for it: of all of them a company takes a part only, so that others find one at once.
    fn has_place_for(&self, job: &Job) -> bool {
        self.beside(job) < SHARE * (AT_ONCE - self.jobs.len())
    }

    /// Whether it was not worked at yet.
    fn begin(&mut self, job: &Job) -> bool {
        let new = self.jobs.insert(job.id.clone());
        if new {
            *self.companies.entry((job.reseller, job.company)).or_default() += 1;
        }
        new
    }

    fn end(&mut self, job: &Job) {
        self.jobs.remove(&job.id);
        if let Some(count) = self.companies.get_mut(&(job.reseller, job.company)) {
            *count -= 1;
        }
    }
}

/// Does what is due now, the jobs of these names first. Harmless when repeated, and in several processes at once. Who was woken
/// for names leaves what is due soon to one who was called to wait for it, and calls one where nobody does.
///
/// # Errors
/// When the table failed. What a job fails with is kept with it.
pub async fn dispatch(app: &App, named: &[String]) -> Result<Dispatched, Error> {
    if named.iter().any(|name| name == Job::WATCH)
        && let Some(job) = app.store.job(Job::WATCH).await?
        && app.store.job_hold(&job, app.now()).await?
    {
        let others: Vec<String> = named.iter().filter(|name| *name != Job::WATCH).cloned().collect();
        let done = match select(pin!(watch(app, &others)), pin!(hold(app, &job))).await {
            Either::Left((done, _)) => done?,
            Either::Right((never, _)) => match never {},
        };
        app.store.job_done(&job).await?;
        return Ok(done);
    }
    let done = run(app, named, app.now()).await?;
    if !named.is_empty() {
        let now = app.now();
        app.store.jobs_watch(now, later(now, MINUTE)).await?;
    }
    Ok(done)
}

/// Does what is due now, and what comes to be due within the minute, at its second: until whoever is woken next takes over.
///
/// # Errors
/// As [`dispatch`].
pub async fn dispatch_minute(app: &App) -> Result<Dispatched, Error> {
    watch(app, &[]).await
}

async fn watch(app: &App, named: &[String]) -> Result<Dispatched, Error> {
    let started = app.now();
    let end = later(started, MINUTE);
    let mut done = run(app, named, started).await?;
    loop {
        let now = app.now();
        if end.duration_since(now) < SignedDuration::from_secs(1) {
            return Ok(done);
        }
        let Some(next) = app.store.jobs_next(now, end).await? else {
            return Ok(done);
        };
        // What is planned meanwhile may be due sooner.
        app.sleep(next.duration_since(now).min(LOOK)).await;
        done.add(run(app, &[], started).await?);
    }
}

/// What of a run has come to its end.
enum Ended {
    /// Jobs were looked up, and whether others were called to help with them.
    Looked(Result<(Vec<Job>, bool), Error>),
    /// A step of a job was done, if nobody else holds it.
    Taken(Box<Job>, Result<Option<Dispatched>, Error>),
    /// It is time for another look.
    Went,
}

/// All that goes on at once is polled together.
async fn run(app: &App, named: &[String], started: Timestamp) -> Result<Dispatched, Error> {
    let (mut done, mut broken, mut called) = (Dispatched::default(), None, false);
    let (mut flights, mut waiting) = (Flights::default(), VecDeque::new());
    let mut running: FuturesUnordered<Pin<Box<dyn Future<Output = Ended> + Send + '_>>> = FuturesUnordered::new();
    running.push(match named.is_empty() {
        true => Box::pin(look(app, true)),
        false => Box::pin(look_up(app, named)),
    });
    let (mut looking, mut pausing, mut tick) = (true, false, TICK);
    // Whether anything was done since the last look: others may be at those that it finds, or the index behind.
    let mut taken = !named.is_empty();
    while let Some(ended) = running.next().await {
        let mut due = false;
        match ended {
            Ended::Looked(found) => {
                looking = false;
                match found {
                    Ok((found, helped)) => {
                        tick = match found.len() {
                            0 => (tick * 2).min(LONGEST_TICK),
                            many if many > AT_ONCE && !has_room(app) => NO_ROOM_TICK,
                            many if many > AT_ONCE => LONGEST_TICK,
                            _ => TICK,
                        };
                        called |= helped;
                        waiting = fair(found, &flights).into();
                    }
                    Err(error) => broken = broken.or(Some(error)),
                }
            }
            Ended::Taken(job, outcome) => {
                flights.end(&job);
                match outcome {
                    Ok(Some(step)) => {
                        taken = true;
                        done.add(step);
                    }
                    Ok(None) => {}
                    // What is under way is brought to its end: it may have been sent, and not noted.
                    Err(error) => broken = broken.or(Some(error)),
                }
            }
            Ended::Went => (pausing, due) = (false, true),
        }
        if broken.is_some() || app.now().duration_since(started) >= RUN {
            if flights.jobs.is_empty() {
                break;
            }
            continue;
        }
        while let Some(job) = next(app, &mut waiting, &flights) {
            if flights.begin(&job) {
                running.push(Box::pin(async move {
                    let outcome = take(app, &job).await;
                    Ended::Taken(Box::new(job), outcome)
                }));
            }
        }
        if looking {
            continue;
        }
        if due || (flights.jobs.is_empty() && taken) {
            (looking, taken) = (true, false);
            running.push(Box::pin(look(app, !called)));
        } else if flights.jobs.is_empty() {
            break;
        } else if !pausing {
            pausing = true;
            let pause = app.sleep(tick);
            running.push(Box::pin(async move {
                pause.await;
                Ended::Went
            }));
        }
    }
    broken.map_or(Ok(done), Err)
}

/// The first job that there is a place for; where mail waits to go out, the first that sends none, or whose company waits for
/// nothing else: among mails, too, companies come in turn.
fn next(app: &App, waiting: &mut VecDeque<Job>, flights: &Flights) -> Option<Job> {
    let room = has_room(app);
    let sends = |job: &Job| {
        let quiet = [Work::CompanyDelete, Work::Help];
        let clears = matches!(
            job.work,
            Work::HostDelete { .. } | Work::HostErase { .. } | Work::RepliesForget { .. }
        );
        !clears && !quiet.contains(&job.work)
    };
    let may = |job: &Job| flights.has_place_for(job) && (room || !sends(job) || flights.beside(job) == 0);
    let place = waiting.iter().position(may)?;
    waiting.remove(place)
}

/// Whether the mail service takes more than is on its way to it.
fn has_room(app: &App) -> bool {
    app.mailer().is_ok_and(notify::Mailer::has_room)
}

/// Looks for jobs that are due, and calls for help where there is too much of them, unless the mail service takes no more.
async fn look(app: &App, may_call: bool) -> Ended {
    let found = async {
        let now = app.now();
        let found = app.store.jobs_due(now, OF_EACH_SHARD).await?;
        let crowd = may_call && found.len() >= CROWD && has_room(app);
        if let Some(one) = found.last().filter(|_| crowd) {
            app.store.jobs_help(one, HELPERS, now).await?;
        }
        Ok((found, crowd))
    };
    Ended::Looked(found.await)
}

/// The jobs of these names that are still to be done.
async fn look_up(app: &App, named: &[String]) -> Ended {
    let found = try_join_all(named.iter().map(|name| app.store.job(name))).await;
    Ended::Looked(
        found
            .map_err(Error::from)
            .map(|found| (found.into_iter().flatten().collect(), false)),
    )
}

/// One of each company in turn, the companies in no order: much of one keeps nobody else waiting, whoever looks and however often.
/// Of each company, what would come too late comes before its other jobs, and otherwise what was due first.
fn fair(mut jobs: Vec<Job>, flights: &Flights) -> Vec<Job> {
    let waits = |job: &Job| !job.work.is_reminder();
    jobs.sort_by_key(waits);
    let (mut before, chance) = (flights.companies.clone(), RandomState::new());
    let mut turns: Vec<(usize, Job)> = Vec::with_capacity(jobs.len());
    for job in jobs {
        let turn = before.entry((job.reseller, job.company)).or_default();
        turns.push((*turn, job));
        *turn += 1;
    }
    turns.sort_by_cached_key(|(turn, job)| (*turn, waits(job), chance.hash_one((job.reseller, job.company))));
    turns.into_iter().map(|(_, job)| job).collect()
}

/// Does a step of a job, if nobody else holds it. Answers what was done here.
async fn take(app: &App, job: &Job) -> Result<Option<Dispatched>, Error> {
    let store = &app.store;
    let Some(mut job) = store.job_claim(job, app.now()).await? else {
        return Ok(None);
    };
    let mut done = Dispatched::default();
    let outcome = match select(pin!(step(app, &job)), pin!(hold(app, &job))).await {
        Either::Left((outcome, _)) => outcome,
        Either::Right((never, _)) => match never {},
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
        Ok(Step::Dropped(stale, Some(work))) => {
            (job.work, job.failures, job.error) = (work, 0, None);
            store.job_later(&job, now).await?;
            (done.steps, done.stale) = (1, stale);
        }
        Ok(Step::Dropped(stale, None)) => {
            store.job_done(&job).await?;
            (done.done, done.stale) = (1, stale);
        }
        // No failure: it is said once that the reseller's mails wait.
        Err(error @ Error::MailQuota) => {
            job.error = Some(error.to_string());
            store.job_later(&job, later(now, quota::HELD)).await?;
            done.held += 1;
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
                store.job_later(&job, later(now, wait(&job.work, job.failures))).await?;
            }
        }
    }
    Ok(Some(done))
}

/// A step of a job that is held.
async fn step(app: &App, job: &Job) -> Result<Step, Error> {
    match job.work.clone() {
        Work::HostDelete { host, pass, after } => delete::host(app, job, host, (pass, after)).await,
        Work::CompanyDelete => delete::company(app, job).await,
        Work::HostErase { host, pass, at, after } => erase::host(app, job, host, Progress { pass, at, after }).await,
        Work::Tell {
            conference,
            news,
            after,
            only,
        } => mails::tell(app, job, conference, &news, (after, only)).await,
        Work::Remind {
            conference,
            since,
            after,
        } => reminders::remind(app, job, conference, since, after).await,
        Work::RemindOne {
            conference,
            due,
            contact,
        } => reminders::remind_one(app, job, conference, due, contact).await,
        Work::PasswordReset { email, link } => passwords::reset(app, job, &email, &link).await,
        Work::PasswordMail { host, link } => passwords::mail(app, job, host, &link).await,
        Work::RepliesForget { conference, moved } => {
            app.store.replies_forget(job.reseller, conference, &moved).await?;
            Ok(Step::Done)
        }
        Work::Help => Ok(help(app, job)),
        Work::HookDisabled { hook } => mails::hook_disabled(app, job, hook).await,
        Work::Welcome { host, link } => mails::welcome(app, job, host, link.as_ref()).await,
    }
}

/// Goes on holding a job for as long as this is polled: others take it up soon after its holder has died, and not before.
async fn hold(app: &App, job: &Job) -> Infallible {
    loop {
        app.sleep(HOLD).await;
        match app.store.job_hold(job, app.now()).await {
            Ok(true) => {}
            // It was planned otherwise, or is somebody else's: what is under way is brought to its end all the same.
            Ok(false) => tracing::debug!(job = job.id, "a job is not held any more"),
            Err(error) => {
                tracing::warn!(
                    job = job.id,
                    error = &error as &dyn std::error::Error,
                    "a job could not be held"
                );
            }
        }
    }
}

/// That it was called for help stays noted for a minute. Where nobody holds the watch any more, another one may be called.
fn help(app: &App, job: &Job) -> Step {
    if job.id == Job::WATCH {
        return Step::Done;
    }
    match HELP.saturating_sub(app.now().duration_since(job.created)) {
        left if left.is_positive() => Step::On(Work::Help, left),
        _ => Step::Done,
    }
}

/// How long a job waits after so many failures.
fn wait(work: &Work, failures: u32) -> SignedDuration {
    let doublings = failures.saturating_sub(if work.is_reminder() { SOON } else { 1 });
    let doubled = FIRST_WAIT.checked_mul(1 << doublings.min(20));
    doubled.unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_an_hour_those_of_reminders_after_a_while() {
        let conference = domain::id::ConferenceId::new(1).expect("a number");
        let since = Timestamp::UNIX_EPOCH;
        let remind = Work::Remind {
            conference,
            since,
            after: None,
        };
        let seconds = |work: &Work| [1, 2, 3, 6, 7, 10, 11, 99].map(|failures| wait(work, failures).as_secs());
        assert_eq!(
            seconds(&Work::CompanyDelete),
            [5, 10, 20, 160, 320, 2_560, 3_600, 3_600]
        );
        assert_eq!(seconds(&remind), [5, 5, 5, 5, 10, 80, 160, 3_600]);
    }
}
