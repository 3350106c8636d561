//! New passwords for those who forgot theirs: finds the account, gives it a link, and mails it.

use domain::code::Email;
use domain::conference::later;
use domain::host::PasswordLink;
use domain::id::HostId;
use domain::sealed::{Sealed, token_hash};
use jiff::SignedDuration;
use notify::{Account, Envelope};
use store::{Actor, Job, Work, Write};

use super::dispatch::Step;
use super::mails::write_to;
use crate::app::App;
use crate::error::Error;

/// How long a link is valid from when it was asked for.
const VALID: SignedDuration = SignedDuration::from_hours(1);

/// Gives the account of an address, if there is one at this company, a link of this kind.
pub(super) async fn reset(app: &App, job: &Job, email: &Email, link: &Sealed) -> Result<Step, Error> {
    let expires = later(job.created, VALID);
    let host = app.store.host_signing_in(job.reseller, email).await?;
    let host = host.filter(|host| host.company == job.company && app.now() < expires);
    let Some(host) = host else {
        return Ok(Step::Done);
    };
    let token = app.open(&Work::reset_place(email), link)?;
    let link = PasswordLink {
        hash: token_hash(&token),
        expires,
    };
    let write = Write {
        at: app.now(),
        by: Actor::System,
        action: "password_reset",
        claim: None,
    };
    match app.store.password_reset(&host, &link, &write).await {
        // It went meanwhile.
        Err(store::Error::NotFound(_)) => return Ok(Step::Done),
        done => done?,
    }
    let work = Work::PasswordMail {
        host: host.id,
        link: app.seal(&Work::welcome_place(host.id), &token),
    };
    Ok(Step::On(work, SignedDuration::ZERO))
}

/// Mails an account's link, as long as that is the one it has.
pub(super) async fn mail(app: &App, job: &Job, host: HostId, link: &Sealed) -> Result<Step, Error> {
    let Some((host, company)) = app.store.account_told(job.reseller, host, job.company).await? else {
        return Ok(Step::Done);
    };
    let token = app.open(&Work::welcome_place(host.id), link)?;
    let hash = token_hash(&token);
    let now = app.now();
    let held = host.reset_link.as_ref();
    let Some(held) = held.filter(|held| held.hash == hash && held.expires > now) else {
        return Ok(Step::Done);
    };
    let url = format!("{}/password/{token}", app.config.origin(company.fqdn.as_str()));
    let link = notify::PasswordLink {
        url: &url,
        expires: held.expires,
    };
    let mail = |account: &Account<'_>, envelope: &Envelope<'_>| account.password_reset(envelope, link);
    write_to(app, job, "password", (&host, &company), mail).await?;
    Ok(Step::Done)
}
