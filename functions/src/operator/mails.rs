//! Mails that jobs send: to those who are invited to meetings, and to new accounts. A mail that goes out again, since it is
//! not known whether it did, has the same Message-ID, UID and SEQUENCE, as long as what it tells of is the same.

use std::collections::BTreeSet;
use std::future::Future;

use domain::company::Company;
use domain::conference::{Invited, News, later};
use domain::host::Host;
use domain::id::{ConferenceId, ContactId, HookId, HostId, ResellerId};
use domain::sealed::{Sealed, token_hash};
use futures_util::StreamExt as _;
use futures_util::stream;
use jiff::SignedDuration;
use notify::{Account, EnableHook, Envelope, Mail, MailError, PasswordLink};
use store::{Job, Suppressed, Work};

use super::dispatch::Step;
use super::letters::{Letters, brand, language_of, sender, zone_of};
use super::quota;
use crate::app::App;
use crate::error::Error;

/// People written to in one step: so many mails at most go out twice when a dispatcher dies.
pub(super) const PEOPLE: usize = 20;
/// Whom one mail could not be sent to is written to again after this.
pub(super) const AGAIN: SignedDuration = SignedDuration::from_secs(5);
/// How long a step goes on writing before it notes how far it has come.
const STEP: SignedDuration = SignedDuration::from_secs(45);
/// Mails of one step that are under way beside each other.
const BESIDE: usize = 4;

/// What became of one mail, and what it is known by.
pub(super) type Outcome<K> = (K, Result<(), Error>);

/// What a step has come to.
pub(super) struct Written<K> {
    /// The last person it came to.
    pub(super) last: Option<ContactId>,
    /// Whether there are more.
    pub(super) more: bool,
    /// What became of each mail.
    pub(super) outcomes: Vec<Outcome<K>>,
}

/// Writes to the first of these people, a few of them beside each other; `write` hears why an address is not written to.
pub(super) async fn write_beside<'a, W, K, F>(
    app: &App,
    job: &Job,
    mut people: Vec<(&'a Invited, W)>,
    write: impl Fn(&'a Invited, W, Option<Suppressed>) -> F,
) -> Result<Written<K>, Error>
where
    F: Future<Output = Vec<Outcome<K>>>,
{
    let end = later(app.now(), STEP);
    let mut more = people.len() > PEOPLE;
    people.truncate(PEOPLE);
    let addresses: Vec<_> = people.iter().map(|(person, _)| &person.email).collect();
    let suppressed = app
        .store
        .mails_suppressed((job.reseller, job.company), &addresses, app.now())
        .await?;
    let mut writing = Vec::new();
    for ((person, what), why) in people.into_iter().zip(suppressed) {
        let mails = write(person, what, why);
        writing.push(async move {
            match app.now() < end {
                true => Some((person.contact, mails.await)),
                false => None,
            }
        });
    }
    let mut written = stream::iter(writing).buffered(BESIDE);
    let (mut last, mut outcomes) = (None, Vec::new());
    while let Some(done) = written.next().await {
        match done {
            Some((contact, done)) => {
                last = Some(contact);
                outcomes.extend(done);
            }
            // And so it is with all who come after.
            None => more = true,
        }
    }
    Ok(Written { last, more, outcomes })
}

/// Has mail reach these people where their entries in the host's address book say now: they may have been invited at another
/// address. A phone may have been given with the invitation, and counts.
pub(super) async fn reach(
    app: &App,
    (reseller, host): (ResellerId, HostId),
    people: Vec<&mut Invited>,
) -> Result<(), Error> {
    let contacts: Vec<_> = people.iter().map(|person| person.contact).collect();
    let entries = app.store.contacts(reseller, host, &contacts).await?;
    for (person, entry) in people.into_iter().zip(entries) {
        if let Some(entry) = entry {
            person.email = entry.email;
        }
    }
    Ok(())
}

/// The mails that are left to jobs of their own.
///
/// # Errors
///
/// None went out: it is not the addresses that fail, and all of the step waits.
pub(super) fn left<K>(outcomes: Vec<Outcome<K>>) -> Result<Vec<K>, Error> {
    let all = outcomes.len();
    let (mut failed, mut last) = (Vec::new(), None);
    for (key, outcome) in outcomes {
        if let Err(error) = outcome {
            failed.push(key);
            last = Some(error);
        }
    }
    match last {
        Some(error) if failed.len() == all => Err(error),
        _ => Ok(failed),
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
    let Some(mut told) = app.store.meeting_told(job.reseller, conference).await? else {
        return Ok(Step::Done);
    };
    let is_next = |contact: ContactId| Some(contact) > after && only.is_none_or(|only| only == contact);
    let next = news
        .told(&told.conference)
        .into_iter()
        .map(|(person, _)| person.contact);
    let next: Vec<_> = next.filter(|contact| is_next(*contact)).take(PEOPLE).collect();
    let mut reached = news.clone();
    let stay: BTreeSet<_> = match news.off {
        true => BTreeSet::new(),
        false => told.conference.invited.iter().map(|person| person.contact).collect(),
    };
    // Who is invited at another address by now is told to stay away at the former one.
    let gone = reached.gone.iter_mut().filter(|person| !stay.contains(&person.contact));
    let book = (job.reseller, told.conference.host);
    let people = told.conference.invited.iter_mut().chain(gone);
    reach(
        app,
        book,
        people.filter(|person| next.contains(&person.contact)).collect(),
    )
    .await?;
    let replies = app.store.replies(&told.conference, next).await?;
    let reached = &reached;
    let mut people = reached.told(&told.conference);
    people.retain(|(person, _)| is_next(person.contact));
    let letters = &Letters::of(app, &told)?.replied(replies);
    let written = write_beside(app, job, people, async |person, said, why| {
        let mut outcomes = Vec::new();
        for said in said {
            let mail = letters.news(job, person, said, reached);
            let outcome = match mail.to == person.email {
                true => hand_on(app, job, &mail, why).await,
                false => hand_on_elsewhere(app, job, &mail).await,
            };
            let failed = outcome.is_err();
            outcomes.push((person.contact, outcome));
            if failed {
                break;
            }
        }
        outcomes
    })
    .await?;
    let work = |after, only| {
        let news = match only {
            Some(contact) => news.of(contact),
            None => news.clone(),
        };
        Work::Tell {
            conference,
            news,
            after,
            only,
        }
    };
    for contact in left(written.outcomes)? {
        let part = contact.to_string();
        let again = later(app.now(), AGAIN);
        app.store
            .job_leave(job, &part, work(None, Some(contact)), again)
            .await?;
    }
    Ok(match written.more {
        true => Step::On(work(written.last.or(after), None), SignedDuration::ZERO),
        false => Step::Done,
    })
}

/// Writes to a new account.
pub(super) async fn welcome(app: &App, job: &Job, host: HostId, link: Option<&Sealed>) -> Result<Step, Error> {
    let Some((host, company)) = app.store.account_told(job.reseller, host, job.company).await? else {
        return Ok(Step::Done);
    };
    let origin = app.config.origin(company.fqdn.as_str());
    let token = link
        .map(|link| app.open(&Work::welcome_place(host.id), link))
        .transpose()?;
    // Another way to a password may have been found meanwhile, and where a provider signs people in it opens nothing.
    let by_provider = company.settings.openid_provider && app.store.reseller(job.reseller).await?.openid.is_some();
    let kept = token.zip(host.password_link.as_ref());
    let kept = kept.filter(|(token, link)| !by_provider && token_hash(token) == link.hash);
    let url = kept.map(|(token, link)| (format!("{origin}/password/{token}"), link.expires));
    let link = url
        .as_ref()
        .map(|(url, expires)| PasswordLink { url, expires: *expires });
    let sign_in = format!("{origin}/login");
    let mail = |account: &Account<'_>, envelope: &Envelope<'_>| account.welcome(envelope, link, &sign_in);
    quota::within(app, job, write_to(app, job, "welcome", (&host, &company), mail)).await?;
    Ok(Step::Done)
}

/// Writes to whoever made a webhook that was disabled.
pub(super) async fn hook_disabled(app: &App, job: &Job, hook: HookId) -> Result<Step, Error> {
    let hook = match app.store.hook(job.reseller, job.company, hook).await {
        Err(store::Error::NotFound(_)) => return Ok(Step::Done),
        found => found?,
    };
    let told = app.store.account_told(job.reseller, hook.owner, job.company).await?;
    let Some((host, company)) = told.filter(|_| hook.disabled.is_some()) else {
        tracing::warn!(hook = %hook.id, "whoever made the webhook is gone: nobody was told that it is disabled");
        return Ok(Step::Done);
    };
    // The rest of its URL may hold what is secret.
    let server = app
        .outbound
        .target(&hook.url)
        .map(|target| target.host())
        .unwrap_or_default();
    let page = format!("{}/admin/webhooks", app.config.origin(company.fqdn.as_str()));
    let (of, webhook) = (job.company.to_string(), hook.id.to_string());
    // A reseller's administrator has no account at the pages of the companies that it makes webhooks for.
    let enable = match host.company == job.company {
        true => EnableHook::Page(&page),
        false => EnableHook::Api {
            company: &of,
            webhook: &webhook,
        },
    };
    let mail = |account: &Account<'_>, envelope: &Envelope<'_>| account.hook_disabled(envelope, &server, &enable);
    write_to(app, job, "hook", (&host, &company), mail).await?;
    Ok(Step::Done)
}

/// Writes to an account holder; `kind` tells a job's mails apart.
pub(super) async fn write_to(
    app: &App,
    job: &Job,
    kind: &str,
    (host, company): (&Host, &Company),
    mail: impl FnOnce(&Account<'_>, &Envelope<'_>) -> Mail,
) -> Result<(), Error> {
    let (sender, zone) = (sender(company)?, zone_of(host, company));
    let account = Account {
        language: language_of(Some(host), company),
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
    let why = app
        .store
        .mail_suppressed((job.reseller, job.company), &mail.to, app.now())
        .await?;
    out(app, job, &mail, why).await
}

/// Hands a mail to somebody who is invited on, within what may go out today, unless its address takes none.
pub(super) async fn hand_on(app: &App, job: &Job, mail: &Mail, why: Option<Suppressed>) -> Result<(), Error> {
    match why {
        Some(_) => out(app, job, mail, why).await,
        None => quota::within(app, job, out(app, job, mail, None)).await,
    }
}

/// The same at an address that is not that of whoever is told something else beside it.
async fn hand_on_elsewhere(app: &App, job: &Job, mail: &Mail) -> Result<(), Error> {
    let sender = (job.reseller, job.company);
    let why = app.store.mail_suppressed(sender, &mail.to, app.now()).await?;
    hand_on(app, job, mail, why).await
}

/// One that will never go out is given up by itself, so that the others do.
async fn out(app: &App, job: &Job, mail: &Mail, why: Option<Suppressed>) -> Result<(), Error> {
    if let Some(why) = why {
        tracing::info!(job = job.id, mail = mail.id, why = why.name(), "a mail was left out");
        return Ok(());
    }
    match app.mailer()?.send(mail, job.company).await {
        Err(error @ MailError::Refused(_)) => {
            tracing::warn!(job = job.id, mail = mail.id, %error, "a mail was given up");
            Ok(())
        }
        sent => Ok(sent?),
    }
}
