//! What goes on after a host or a company was deleted. Every step may be repeated.

use domain::Reason;
use domain::id::{ConferenceId, HostId};
use domain::relay::OccurrenceState;
use jiff::SignedDuration;
use store::{Actor, Job, Paging, Scope, Work, Write};

use super::dispatch::Step;
use super::own_domains;
use crate::app::App;
use crate::error::Error;

/// Meetings looked at in one step.
const MEETINGS: usize = 50;
/// Hosts of a company deleted in one step.
const HOSTS: u32 = 25;
/// How often a decision is taken anew when a meeting changes under it.
const TRIES: usize = 5;
/// After this the index shows what was written before the deletion.
pub(super) const SETTLED: SignedDuration = SignedDuration::from_secs(60);
/// An index that is behind is asked again after this.
const BEHIND: SignedDuration = SignedDuration::from_secs(5);

fn write(app: &App, action: &'static str) -> Write<'static> {
    Write {
        at: app.now(),
        by: Actor::System,
        action,
        claim: None,
    }
}

/// Ends what a deleted host holds, cancels what it planned, and takes away what it had: twice, since the lists that say
/// what there is may be behind. Its address book stays a while longer: it says where people hear of what is cancelled.
pub(super) async fn host(
    app: &App,
    job: &Job,
    host: HostId,
    (pass, after): (u8, Option<ConferenceId>),
) -> Result<Step, Error> {
    let store = &app.store;
    let place = match after {
        Some(after) => store.conference_list_after(job.reseller, host, after).await?,
        None => None,
    };
    let active = store.conferences_active(job.reseller, host).await?;
    let page = store
        .conferences((job.reseller, host), place.as_ref(), &active, MEETINGS, |_| true)
        .await?;
    for meeting in &page.conferences {
        end(app, job, meeting.conference.id).await?;
    }
    let at = |pass, after| Work::HostDelete { host, pass, after };
    if let Some(next) = page.next {
        return Ok(Step::On(at(pass, Some(next)), SignedDuration::ZERO));
    }
    let book = async {
        match pass {
            1 => Ok(false),
            _ => store.contacts_forget(job.reseller, host).await,
        }
    };
    let (contacts, sessions, (), ()) = tokio::try_join!(
        book,
        store.sessions_forget(job.reseller, host),
        store.api_tokens_forget(job.reseller, host),
        store.oauth_grants_forget(job.reseller, host)
    )?;
    if contacts || sessions {
        return Ok(Step::On(at(pass, None), SignedDuration::ZERO));
    }
    if pass < 2 {
        return Ok(Step::On(at(pass + 1, None), SETTLED));
    }
    store.host_forget(job.reseller, host).await?;
    Ok(Step::Done)
}

/// Ends a meeting that has begun, and cancels what of it is to come. What was held stays.
pub(super) async fn end(app: &App, job: &Job, id: ConferenceId) -> Result<(), Error> {
    let store = &app.store;
    for _ in 0..TRIES {
        let state = match store.conference(&Scope::reseller(job.reseller), id).await {
            Err(store::Error::NotFound(_)) => return Ok(()),
            found => found?,
        };
        let to_come = |view: &&store::OccurrenceView| !view.slot.cancelled && view.state != OccurrenceState::Ended;
        if !state.occurrences.iter().any(|view| to_come(&view)) {
            return Ok(());
        }
        let around = store.surroundings(&state).await?;
        let write = write(app, "host_delete");
        let runs = |view: &store::OccurrenceView| state.runs(&around, view.slot.occurrence, write.at);
        let outcome = if state.occurrences.iter().any(runs) {
            match store.conference_end(&state, &around, Reason::Ended, &write).await {
                Ok(ended) => {
                    crate::ends::tell(app, &ended, write.at).await;
                    Ok(())
                }
                Err(error) => Err(error),
            }
        } else {
            store.conference_delete(&state, &around, &write).await
        };
        match outcome {
            // Looked at again: of one that repeats, the rest is to come.
            Ok(()) | Err(store::Error::Raced) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::Broken("a meeting of a deleted host kept changing"))
}

/// Deletes the hosts of a deleted company, each by a job of its own, and in the end the company.
pub(super) async fn company(app: &App, job: &Job) -> Result<Step, Error> {
    let store = &app.store;
    let Some(left) = store.company_hosts_left(job.reseller, job.company).await? else {
        return Ok(Step::Done);
    };
    if left == 0 {
        let kept = store.company_kept(job.reseller, job.company).await?;
        if let Some(kept) = kept
            && own_domains::domains_of_deleted(app, &kept).await?
        {
            return Ok(Step::On(Work::CompanyDelete, own_domains::NAMES_GO));
        }
        if store.mails_suppressed_forget(job.reseller, job.company).await? {
            return Ok(Step::On(Work::CompanyDelete, SignedDuration::ZERO));
        }
        store.hooks_forget(job.reseller, job.company).await?;
        store.oauth_clients_forget(job.reseller, job.company).await?;
        store.company_forget(job.reseller, job.company, app.now()).await?;
        return Ok(Step::Done);
    }
    let paging = Paging {
        after: None,
        limit: HOSTS,
    };
    let scope = Scope::reseller(job.reseller);
    let page = store.hosts(&scope, job.company, paging).await?;
    let mut deleted = 0;
    for host in page.items.iter().filter(|host| host.deleting.is_none()) {
        match store.host_delete(host, &write(app, "company_delete")).await {
            Ok(()) => deleted += 1,
            // Changed meanwhile: the next step reads it anew.
            Err(store::Error::Raced) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let wait = if deleted == 0 { BEHIND } else { SignedDuration::ZERO };
    Ok(Step::On(Work::CompanyDelete, wait))
}
