//! Mails that jobs send: to those who are invited to meetings, and to new accounts. A mail that goes out again, since it is
//! not known whether it did, has the same Message-ID, UID and SEQUENCE, as long as what it tells of is the same.

use std::time::{Duration, Instant};

use domain::company::Company;
use domain::conference::{News, later};
use domain::host::Host;
use domain::id::{ConferenceId, ContactId, HookId, HostId};
use domain::sealed::Sealed;
use jiff::SignedDuration;
use notify::{Account, Envelope, Language, Mail, MailError, PasswordLink};
use store::{Job, Work};

use super::dispatch::Step;
use super::letters::{Letters, brand, sender, zone_of};
use crate::app::App;
use crate::error::Error;

/// People written to in one step: so many mails at most go out twice when a dispatcher dies.
pub(super) const PEOPLE: usize = 20;
/// Whom one mail could not be sent to is written to again after this.
pub(super) const AGAIN: SignedDuration = SignedDuration::from_secs(5);
/// How long a step goes on writing: well below how long a job is held.
const STEP: Duration = Duration::from_secs(45);

/// Whom a step has reached, and whom not.
#[derive(Debug)]
pub(super) struct Round {
    began: Instant,
    reached: bool,
    failed: Vec<(ContactId, Error)>,
}

impl Default for Round {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            reached: false,
            failed: Vec::new(),
        }
    }
}

impl Round {
    pub(super) fn reached(&mut self) {
        self.reached = true;
    }

    pub(super) fn failed(&mut self, person: ContactId, error: Error) {
        self.failed.push((person, error));
    }

    /// Whether the rest is for the next step.
    pub(super) fn is_over(&self) -> bool {
        self.began.elapsed() >= STEP
    }

    /// Those who are left to jobs of their own.
    ///
    /// # Errors
    ///
    /// Nobody was reached: it is not the addresses that fail, and all of the step waits.
    pub(super) fn left(mut self) -> Result<Vec<ContactId>, Error> {
        match self.failed.pop() {
            Some((_, error)) if !self.reached => Err(error),
            Some(last) => {
                self.failed.push(last);
                Ok(self.failed.into_iter().map(|(person, _)| person).collect())
            }
            None => Ok(Vec::new()),
        }
    }
}

/// Tells people of a meeting, some of them in each step. Whom it cannot be told now is left to a job of its own.
pub(super) async fn tell(
    app: &App,
    job: &Job,
    conference: ConferenceId,
    news: &News,
    (after, only): (Option<ContactId>, Option<ContactId>),
) -> Result<Step, Error> {
    let Some(told) = app.store.meeting_told(job.reseller, conference).await? else {
        return Ok(Step::Done);
    };
    let letters = Letters::of(app, &told)?;
    let people = news.told(&told.conference);
    let mut left = people
        .into_iter()
        .filter(|(person, _)| Some(person.contact) > after && only.is_none_or(|only| only == person.contact));
    let (mut round, mut done) = (Round::default(), after);
    for (person, said) in left.by_ref().take(PEOPLE) {
        for said in said {
            let mail = letters.news(job, person, said, news);
            if let Err(error) = send(app, job, &mail).await {
                round.failed(person.contact, error);
                break;
            }
            round.reached();
        }
        done = Some(person.contact);
        if round.is_over() {
            break;
        }
    }
    let work = |after, only| {
        let news = news.clone();
        Work::Tell {
            conference,
            news,
            after,
            only,
        }
    };
    for contact in round.left()? {
        let part = contact.to_string();
        let again = later(app.now(), AGAIN);
        app.store
            .job_leave(job, &part, work(None, Some(contact)), again)
            .await?;
    }
    Ok(match left.next() {
        Some(_) => Step::On(work(done, None), SignedDuration::ZERO),
        None => Step::Done,
    })
}

/// Writes to a new account.
pub(super) async fn welcome(app: &App, job: &Job, host: HostId, link: Option<&Sealed>) -> Result<Step, Error> {
    let Some((host, company)) = app.store.account_told(job.reseller, host, job.company).await? else {
        return Ok(Step::Done);
    };
    let origin = app.config.origin(company.fqdn.as_str());
    let url = match link {
        Some(link) => {
            let token = app.open(&Work::welcome_place(host.id), link)?;
            Some(format!("{origin}/password/{token}"))
        }
        None => None,
    };
    // Another way to a password may have been found meanwhile.
    let expires = host.password_link.as_ref().map(|link| link.expires);
    let link = url
        .as_deref()
        .zip(expires)
        .map(|(url, expires)| PasswordLink { url, expires });
    let sign_in = format!("{origin}/login");
    let mail = |account: &Account<'_>, envelope: &Envelope<'_>| account.welcome(envelope, link, &sign_in);
    write_to(app, job, "welcome", (&host, &company), mail).await
}

/// Writes to whoever made a webhook that was disabled.
pub(super) async fn hook_disabled(app: &App, job: &Job, hook: HookId) -> Result<Step, Error> {
    let hook = match app.store.hook(job.reseller, job.company, hook).await {
        Err(store::Error::NotFound(_)) => return Ok(Step::Done),
        found => found?,
    };
    let told = app.store.account_told(job.reseller, hook.owner, job.company).await?;
    let Some((host, company)) = told.filter(|_| hook.disabled.is_some()) else {
        return Ok(Step::Done);
    };
    // The rest of its URL may hold what is secret.
    let server = app
        .outbound
        .target(&hook.url)
        .map(|target| target.host())
        .unwrap_or_default();
    let mail = |account: &Account<'_>, envelope: &Envelope<'_>| account.hook_disabled(envelope, &server);
    write_to(app, job, "hook", (&host, &company), mail).await
}

/// Writes to an account holder; `kind` tells a job's mails apart.
pub(super) async fn write_to(
    app: &App,
    job: &Job,
    kind: &str,
    (host, company): (&Host, &Company),
    mail: impl FnOnce(&Account<'_>, &Envelope<'_>) -> Mail,
) -> Result<Step, Error> {
    let (sender, zone) = (sender(company)?, zone_of(host));
    let account = Account {
        language: Language::of(host.locale.as_deref()),
        zone: &zone,
        brand: brand(company),
        email: host.email.as_str(),
        room_url: &format!(
            "{}/conf/call/{}",
            app.config.origin(company.fqdn.as_str()),
            host.access_code
        ),
    };
    let envelope = Envelope {
        id: &notify::message_id(&[kind, &job.id], &sender),
        sender: &sender,
        reply_to: None,
        name: Some(host.name.as_str()),
        to: &host.email,
        date: job.created,
    };
    let mail = mail(&account, &envelope);
    send(app, job, &mail).await?;
    Ok(Step::Done)
}

/// Hands a mail on, unless its address takes none. One that will never go out is given up by itself, so that the others do.
pub(super) async fn send(app: &App, job: &Job, mail: &Mail) -> Result<(), Error> {
    if let Some(why) = app.store.mail_suppressed(job.reseller, &mail.to, app.now()).await? {
        tracing::info!(job = job.id, mail = mail.id, why = why.name(), "a mail was left out");
        return Ok(());
    }
    match app.mailer()?.send(mail).await {
        Err(error @ MailError::Refused(_)) => {
            tracing::warn!(job = job.id, mail = mail.id, %error, "a mail was given up");
            Ok(())
        }
        sent => Ok(sent?),
    }
}
