//! Jobs: what is done after its cause, written in the cause's transaction. Found by when they are due, held by one worker
//! at a time, done at least once: whoever does one makes sure that a repeat is harmless.

use domain::code::Email;
use domain::conference::{Due, News, later};
use domain::id::{CompanyId, ConferenceId, ContactId, HookId, HostId, ResellerId};
use domain::sealed::Sealed;
use domain::time::millis;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::keys;
use crate::op::{Failure, Op};
use crate::retry::random;
use crate::table::{Outcome, Query};
use crate::value::from_item;
use crate::{Error, MeetingPlace, Result, Store};

/// How long a job that was given up is kept.
const PARKED: SignedDuration = SignedDuration::from_hours(24 * 30);

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Work {
    /// Ends the meetings of a host that is being deleted, and takes away what it had.
    HostDelete {
        /// The host.
        host: HostId,
        /// How often its lists were gone through: an index may be behind what was written just before the deletion.
        pass: u8,
        /// The meeting that this pass has come to.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        after: Option<ConferenceId>,
    },
    /// Deletes the hosts of a company that is being deleted, then the company.
    CompanyDelete,
    /// Erases a host: deletes what a deletion leaves to do, and takes people's names and words out of what stays.
    HostErase {
        /// The host.
        host: HostId,
        /// As for a deletion.
        pass: u8,
        /// What this pass is at.
        at: Erasure,
        /// The meeting that it has come to there.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        after: Option<MeetingPlace>,
    },
    /// Mails to everybody whom a change of a meeting concerns.
    Tell {
        /// The meeting.
        conference: ConferenceId,
        /// Who is told what.
        news: News,
        /// The person, by contact, up to whom all are told.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        after: Option<ContactId>,
        /// Nobody but this person, to whom it could not be told with the others.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        only: Option<ContactId>,
    },
    /// Reminders of a meeting, for as long as any is to come.
    Remind {
        /// The meeting.
        conference: ConferenceId,
        /// What was due up to here is done.
        #[serde(with = "millis")]
        since: Timestamp,
        /// Of what is due next, the person, by contact, up to whom all are reminded.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        after: Option<ContactId>,
    },
    /// A reminder of one person, who could not be reminded with the others.
    RemindOne {
        /// The meeting.
        conference: ConferenceId,
        /// Of what, and by when.
        due: Due,
        /// Whom.
        contact: ContactId,
    },
    /// The mail to a new account.
    Welcome {
        /// The account.
        host: HostId,
        /// The token of the link that sets its password, sealed for [`Work::welcome_place`]; none where it has one.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        link: Option<Sealed>,
    },
    /// Another link for an account whose password was forgotten, where there is one of this address.
    PasswordReset {
        /// The address, as it was asked for.
        email: Email,
        /// The link's token, sealed for [`Work::reset_place`].
        link: Sealed,
    },
    /// The mail with that link.
    PasswordMail {
        /// The account.
        host: HostId,
        /// The link's token, sealed for [`Work::welcome_place`].
        link: Sealed,
    },
    /// Takes away what people answered who are not invited to a meeting any more.
    RepliesForget {
        /// The meeting.
        conference: ConferenceId,
        /// Who is invited at another address than before: nor is theirs kept.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        moved: Vec<ContactId>,
    },
    /// Nothing of its own: whoever is woken for it does what else is due.
    Help,
    /// The mail to whoever made a webhook that was disabled.
    HookDisabled {
        /// The webhook.
        hook: HookId,
    },
}

impl Work {
    /// Whether it comes too late soon after it is due.
    #[must_use]
    pub const fn is_reminder(&self) -> bool {
        matches!(self, Self::Remind { .. } | Self::RemindOne { .. })
    }

    /// Where the token of a new account's link is sealed for.
    #[must_use]
    pub fn welcome_place(host: HostId) -> String {
        format!("job/welcome/{host}/link")
    }

    /// Where the token of a link is sealed for that was asked for by its account's address.
    #[must_use]
    pub fn reset_place(email: &Email) -> String {
        format!("job/reset/{}/link", email.folded())
    }

    /// Tells of a change of a meeting.
    pub(crate) fn tell(conference: ConferenceId, news: News) -> Self {
        Self::Tell {
            conference,
            news,
            after: None,
            only: None,
        }
    }
}

/// What the erasing of a host is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Erasure {
    /// Meetings that were not cancelled as a whole: they end.
    Meetings,
    /// Those that were.
    Cancelled,
    /// Contacts, sessions, the audit, kept answers.
    Rest,
}

/// A job as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its name, random.
    pub id: String,
    /// Whose reseller.
    pub reseller: ResellerId,
    /// Whose company: workers are fair between companies.
    pub company: CompanyId,
    /// What is to be done.
    pub work: Work,
    /// When its cause was written.
    #[serde(with = "millis")]
    pub created: Timestamp,
    /// How often it failed since it last made progress.
    #[serde(default)]
    pub failures: u32,
    /// How often somebody took it up: who took it up last holds it.
    #[serde(default)]
    pub claims: u64,
    /// How it failed last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
}

impl Job {
    /// How long a worker holds a job, from its last word on, before others may take it up: whoever works longer says so
    /// meanwhile ([`Store::job_hold`]).
    pub const LEASE: SignedDuration = SignedDuration::from_secs(10);

    /// The name of the call for somebody who waits for what is due soon.
    pub const WATCH: &'static str = "watch";

    /// The name of the job that lies in this partition of the table, if one does; the stream tells partitions.
    #[must_use]
    pub fn name_in(partition: &str) -> Option<&str> {
        keys::job_of(partition)
    }

    /// A job that is due at once.
    pub(crate) fn new(reseller: ResellerId, company: CompanyId, work: Work, now: Timestamp) -> Self {
        Self::named(hex::encode(random::<16>()), reseller, company, work, now)
    }

    /// The same under a name of its own.
    pub(crate) fn named(id: String, reseller: ResellerId, company: CompanyId, work: Work, now: Timestamp) -> Self {
        Self {
            id,
            reseller,
            company,
            work,
            created: now,
            failures: 0,
            claims: 0,
            error: None,
        }
    }

    /// The name of the job that it is, or was a part of.
    #[must_use]
    pub fn root(&self) -> &str {
        self.id.split('-').next().unwrap_or_default()
    }

    fn due(&self, at: Timestamp) -> keys::Key {
        let chance = u64::from(self.id.as_bytes().last().copied().unwrap_or_default());
        // Behind much of what may wait, nobody would find what may not.
        let shard = match self.work.is_reminder() {
            true => chance % keys::REMINDER_SHARDS,
            false => keys::REMINDER_SHARDS + chance % (keys::JOB_SHARDS - keys::REMINDER_SHARDS),
        };
        keys::job_due(shard, at, self.reseller, self.company)
    }

    /// The write that makes it, for its cause's transaction.
    pub(crate) fn create(&self) -> Op {
        Op::put(keys::job(&self.id), self)
            .indexed(self.due(self.created))
            .when_new(Failure::Raced)
    }

    /// The write that makes it, due at this time; where it is there already, it comes to be due then, and whoever holds it
    /// does not any more. What it has come to stays.
    pub(crate) fn wake(&self, at: Timestamp) -> Op {
        let index = self.due(at);
        Op::update(
            keys::job(&self.id),
            "SET #id = :id, #reseller = :reseller, #company = :company, #work = if_not_exists(#work, :work), \
             #created = :now, #failures = :zero, #claims = if_not_exists(#claims, :now) + :one, #gs1pk = :pk, #gs1sk = :sk \
             REMOVE #error, #holder",
        )
        .value(":id", &self.id)
        .value(":reseller", &self.reseller)
        .value(":company", &self.company)
        .value(":work", &self.work)
        // A job of this name that was done counted from an earlier time: who held that one does not hold this one.
        .value(":now", &self.created.as_millisecond())
        .value(":zero", &0)
        .value(":one", &1)
        .value(":pk", &index.pk)
        .value(":sk", &index.sk)
    }
}

impl Store {
    /// Leaves something to be done at once that has no other cause in the table.
    pub async fn job_begin(&self, reseller: ResellerId, company: CompanyId, work: Work, now: Timestamp) -> Result<()> {
        self.commit(vec![Job::new(reseller, company, work, now).create()]).await
    }

    /// Calls for so many more workers, each by a job of its own that is new in the table; none that was called for before and is
    /// still noted. `one` is a job that waits.
    pub async fn jobs_help(&self, one: &Job, workers: u32, now: Timestamp) -> Result<()> {
        for worker in 0..workers {
            let help = Job::named(format!("help{worker}"), one.reseller, one.company, Work::Help, now);
            match self.commit(vec![help.create()]).await {
                Err(Error::Raced) => {}
                done => done?,
            }
        }
        Ok(())
    }

    /// When the next job is due that is not due now, if that is before this time; calls for others are none. The index may be
    /// behind.
    pub async fn jobs_next(&self, now: Timestamp, before: Timestamp) -> Result<Option<Timestamp>> {
        let soon = self.jobs_soon(now, before).await?;
        Ok(soon.into_iter().map(|(due, _)| due).min())
    }

    /// Calls for somebody who waits for what comes to be due before this time, if anything does: by a job that is new in the
    /// table, unless one is there. It is held by then, for whoever is called, who goes on holding it. The index may be behind.
    pub async fn jobs_watch(&self, now: Timestamp, before: Timestamp) -> Result<()> {
        let Some((_, one)) = self.jobs_soon(now, before).await?.into_iter().next() else {
            return Ok(());
        };
        let watch = Job::named(Job::WATCH.into(), one.reseller, one.company, Work::Help, now);
        let mut held = serde_json::to_value(&watch).expect("a job is plain data");
        held["holder"] = "called".into();
        let op = Op::put(keys::job(&watch.id), &held).indexed(watch.due(later(now, Job::LEASE)));
        match self.commit(vec![op.when_new(Failure::Raced)]).await {
            Err(Error::Raced) => Ok(()),
            done => done,
        }
    }

    /// The first jobs of each shard that are due after now and before this time, and when; without calls for others.
    async fn jobs_soon(&self, now: Timestamp, before: Timestamp) -> Result<Vec<(Timestamp, Job)>> {
        if before <= now {
            return Ok(Vec::new());
        }
        let span = |shard| {
            let (first, last) = (keys::jobs_due_by(shard, now), keys::jobs_due_by(shard, before));
            (first.pk, first.sk, last.sk)
        };
        // Two calls at most lie in one shard.
        let found = self.query_shards(keys::JOB_SHARDS, 3, span).await?;
        let mut soon = Vec::new();
        for item in &found {
            let job: Job = from_item("job", item)?;
            let due = item.get(keys::INDEX_SK).and_then(|sk| keys::due_at(sk.as_s().ok()?));
            soon.extend(due.filter(|_| job.work != Work::Help).map(|due| (due, job)));
        }
        Ok(soon)
    }

    /// A job by its name, if it is still to be done.
    pub async fn job(&self, id: &str) -> Result<Option<Job>> {
        self.get(keys::job(id))
            .await?
            .map(|item| from_item("job", &item))
            .transpose()
    }

    /// Takes a job up. `None`: somebody else holds it, or has done it.
    pub async fn job_claim(&self, job: &Job, now: Timestamp) -> Result<Option<Job>> {
        let until = later(now, Job::LEASE);
        let op = Op::update(
            keys::job(&job.id),
            "SET #claims = :next, #holder = :holder, #gs1sk = :until",
        )
        .value(":next", &(job.claims + 1))
        .value(":claims", &job.claims)
        .value(":holder", &hex::encode(random::<16>()))
        .value(":until", &job.due(until).sk)
        .value(":now", &job.due(now).sk)
        .when(
            "attribute_exists(#pk) AND ((#claims = :claims AND #gs1sk <= :now) OR #holder = :holder)",
            Failure::Raced,
        );
        match self.update(op).await? {
            Outcome::Done(item) => from_item("job", &item).map(Some),
            Outcome::Refused(_) => Ok(None),
        }
    }

    /// Goes on holding a job that was taken up. Answers whether it is the caller's still.
    pub async fn job_hold(&self, job: &Job, now: Timestamp) -> Result<bool> {
        let op = Op::update(keys::job(&job.id), "SET #gs1sk = :until")
            .value(":claims", &job.claims)
            .value(":until", &job.due(later(now, Job::LEASE)).sk)
            // One that was planned otherwise meanwhile has no holder and is due when that says.
            .when("#claims = :claims AND attribute_exists(#holder)", Failure::Raced);
        Ok(matches!(self.update(op).await?, Outcome::Done(_)))
    }

    /// Strikes a job that was done off. Harmless when somebody else has taken it up meanwhile: the job stays theirs.
    pub async fn job_done(&self, job: &Job) -> Result<()> {
        let op = Op::delete(keys::job(&job.id))
            .value(":claims", &job.claims)
            .when("attribute_not_exists(#pk) OR #claims = :claims", Failure::Raced);
        match self.commit(vec![op]).await {
            Err(Error::Raced) => Ok(()),
            done => done,
        }
    }

    /// Leaves a part of a job to a job of its own, due at this time. Harmless when repeated.
    pub async fn job_leave(&self, job: &Job, part: &str, work: Work, at: Timestamp) -> Result<()> {
        let part = Job {
            id: format!("{}-{part}", job.id),
            work,
            failures: 1,
            claims: 0,
            ..job.clone()
        };
        let op = Op::put(keys::job(&part.id), &part).indexed(part.due(at));
        match self.commit(vec![op.when_new(Failure::Raced)]).await {
            Err(Error::Raced) => Ok(()),
            done => done,
        }
    }

    /// Lays a job down until later: as it has become, whatever it was before.
    pub async fn job_later(&self, job: &Job, at: Timestamp) -> Result<()> {
        self.job_put(job, job.due(at), None).await
    }

    /// Gives a job up: it stays for people to look at, for 30 days, as it may name others.
    pub async fn job_park(&self, job: &Job, now: Timestamp) -> Result<()> {
        self.job_put(job, keys::job_parked(now), Some(later(now, PARKED))).await
    }

    async fn job_put(&self, job: &Job, index: keys::Key, until: Option<Timestamp>) -> Result<()> {
        let op = Op::put(keys::job(&job.id), job)
            .indexed(index)
            .expiring(until)
            .value(":claims", &job.claims)
            .when("#claims = :claims", Failure::Raced);
        match self.commit(vec![op]).await {
            // Somebody else holds it by now and goes on with it.
            Err(Error::Raced) => Ok(()),
            done => done,
        }
    }

    /// Jobs that were given up, newest first.
    pub async fn jobs_parked(&self, limit: u32) -> Result<Vec<Job>> {
        let query = Query {
            index: true,
            pk: keys::job_parked(Timestamp::UNIX_EPOCH).pk,
            from: "0".into(),
            to: "~".into(),
            newest_first: true,
            limit: Some(limit),
        };
        self.query(&query)
            .await?
            .iter()
            .map(|item| from_item("job", item))
            .collect()
    }
}
