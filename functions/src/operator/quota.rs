//! How many mails a reseller's companies may send to people in a day. A process takes some of them at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::conference::later;
use domain::id::ResellerId;
use jiff::{SignedDuration, Timestamp};
use store::{Job, MailsLeft};
use tokio::sync;

use crate::app::App;
use crate::error::Error;

/// After this it is looked whether an operator lets more, or not as many, go out; what was counted before goes out.
const KNOWN: SignedDuration = SignedDuration::from_secs(60);
/// After this what a reseller may not mail today is tried again: an operator may let more go out, and the day comes to its end.
pub(super) const HELD: SignedDuration = SignedDuration::from_hours(1);

/// What this process may send of each reseller's.
#[derive(Debug, Default)]
pub(crate) struct Quotas(Mutex<HashMap<ResellerId, Arc<sync::Mutex<Quota>>>>);

#[derive(Debug)]
struct Quota {
    left: MailsLeft,
    until: Timestamp,
}

impl Quotas {
    fn of(&self, reseller: ResellerId) -> Arc<sync::Mutex<Quota>> {
        let mut quotas = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let unknown = || {
            Arc::new(sync::Mutex::new(Quota {
                left: MailsLeft::None,
                until: Timestamp::UNIX_EPOCH,
            }))
        };
        Arc::clone(quotas.entry(reseller).or_insert_with(unknown))
    }
}

/// Sends a mail of a job's reseller within what it may mail today; what does not go out does not count.
///
/// # Errors
/// It may mail nothing more today, the table failed, or the mail did not go out.
pub(super) async fn within(app: &App, job: &Job, send: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    let quota = app.quotas.of(job.reseller);
    take(app, job.reseller, &mut *quota.lock().await).await?;
    let sent = send.await;
    if sent.is_err()
        && let MailsLeft::Some(left) = &mut quota.lock().await.left
    {
        *left += 1;
    }
    sent
}

async fn take(app: &App, reseller: ResellerId, quota: &mut Quota) -> Result<(), Error> {
    let now = app.now();
    if now >= quota.until || quota.left == MailsLeft::Some(0) {
        quota.left = app.store.mails_take(reseller, now).await?;
        quota.until = match quota.left {
            // They are counted: whoever takes its time uses them up all the same.
            MailsLeft::Some(_) => tomorrow(now),
            MailsLeft::All | MailsLeft::None => later(now, KNOWN).min(tomorrow(now)),
        };
        if quota.left == MailsLeft::None {
            tracing::warn!(%reseller, "a reseller has mailed what it may today: its mails wait");
        }
    }
    match &mut quota.left {
        MailsLeft::All => Ok(()),
        MailsLeft::Some(left) => {
            *left -= 1;
            Ok(())
        }
        MailsLeft::None => Err(Error::MailQuota),
    }
}

/// When the next day (UTC) begins.
fn tomorrow(now: Timestamp) -> Timestamp {
    const DAY: i64 = 24 * 60 * 60;
    let begins = (now.as_second().div_euclid(DAY) + 1) * DAY;
    Timestamp::from_second(begins).unwrap_or(Timestamp::MAX)
}
