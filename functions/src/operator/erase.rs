//! What goes on after a host shall be erased: all that a deletion does, and then names and words go out of what stays.
//! Every step may be repeated, and one that finds its work done does nothing.

use std::ops::Bound;

use domain::id::HostId;
use jiff::SignedDuration;
use store::{Erasure, Job, MeetingPlace, Work};

use super::delete::{SETTLED, end};
use super::dispatch::Step;
use crate::app::App;
use crate::error::Error;

/// Meetings seen to in one step; each may have thousands of events.
const MEETINGS: u32 = 10;

/// How far it has come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Progress {
    pub(super) pass: u8,
    pub(super) at: Erasure,
    pub(super) after: Option<MeetingPlace>,
}

/// A step of it. All is gone through twice, since the lists that say what there is may be behind.
pub(super) async fn host(app: &App, job: &Job, host: HostId, progress: Progress) -> Result<Step, Error> {
    let Progress { pass, at, after } = progress;
    let next = |pass, at, after, wait| Ok(Step::On(Work::HostErase { host, pass, at, after }, wait));
    let goes_on = match at {
        Erasure::Meetings | Erasure::Cancelled => meetings(app, job, host, progress).await?,
        Erasure::Rest => rest(app, job, host).await?.then_some(after),
    };
    if let Some(after) = goes_on {
        return next(pass, at, after, SignedDuration::ZERO);
    }
    match at {
        Erasure::Meetings => next(pass, Erasure::Cancelled, None, SignedDuration::ZERO),
        Erasure::Cancelled => next(pass, Erasure::Rest, None, SignedDuration::ZERO),
        Erasure::Rest if pass < 2 => next(pass + 1, Erasure::Meetings, None, SETTLED),
        Erasure::Rest => {
            app.store.host_erased(job.reseller, host, app.now()).await?;
            Ok(Step::Done)
        }
    }
}

/// Some meetings of one of the host's lists; answers where it goes on, if it does.
async fn meetings(
    app: &App,
    job: &Job,
    host: HostId,
    progress: Progress,
) -> Result<Option<Option<MeetingPlace>>, Error> {
    let store = &app.store;
    let cancelled = progress.at == Erasure::Cancelled;
    let from = progress.after.map_or(Bound::Unbounded, Bound::Excluded);
    let page = store
        .meetings_of((job.reseller, host), cancelled, from, MEETINGS)
        .await?;
    for meeting in &page.items {
        if !cancelled {
            end(app, job, meeting.id).await?;
        }
        store.conference_erase(job.reseller, meeting.id, app.now()).await?;
    }
    let last = page.items.last().map(|meeting| MeetingPlace {
        created: meeting.created,
        id: meeting.id,
    });
    Ok(page.more.then_some(last))
}

/// What is not a meeting's; answers whether there is more.
async fn rest(app: &App, job: &Job, host: HostId) -> Result<bool, Error> {
    let store = &app.store;
    let (contacts, sessions, (), (), changes, answers) = tokio::try_join!(
        store.contacts_forget(job.reseller, host),
        store.sessions_forget(job.reseller, host),
        store.api_tokens_forget(job.reseller, host),
        store.oauth_grants_forget(job.reseller, host),
        store.audit_erase(job.reseller, host),
        store.answers_forget(job.reseller, host)
    )?;
    Ok(contacts || sessions || changes || answers)
}
