//! Addresses that a reseller's mail does not go to: they take none, or their holders complained.

use domain::code::Email;
use domain::conference::later;
use domain::id::ResellerId;
use domain::time::{millis, millis_option};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::op::Op;
use crate::value::{Item, from_item};
use crate::{Result, Store, keys};

/// After this an address that took no mail is tried again: a mailbox may have come to be there.
const BOUNCED: SignedDuration = SignedDuration::from_hours(24 * 90);

/// Why an address is not written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Suppressed {
    /// It takes no mail, for 90 days.
    Bounce,
    /// Its holder called a mail unwanted, for good.
    Complaint,
}

impl Suppressed {
    /// As it is kept.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bounce => "bounce",
            Self::Complaint => "complaint",
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Kept {
    why: Suppressed,
    #[serde(with = "millis")]
    since: Timestamp,
    #[serde(with = "millis_option", skip_serializing_if = "Option::is_none", default)]
    until: Option<Timestamp>,
}

impl Store {
    /// Keeps that an address is not written to. A complaint stays one.
    pub async fn mail_suppress(
        &self,
        reseller: ResellerId,
        email: &Email,
        why: Suppressed,
        now: Timestamp,
    ) -> Result<()> {
        let before = self.mail_suppressed(reseller, email, now).await?;
        if before == Some(Suppressed::Complaint) {
            return Ok(());
        }
        let until = (why == Suppressed::Bounce).then(|| later(now, BOUNCED));
        let kept = Kept { why, since: now, until };
        let op = Op::put(keys::mail_suppressed(reseller, email), &kept).expiring(until);
        self.commit(vec![op]).await
    }

    /// Why an address is not written to; `None` where it is. One read.
    pub async fn mail_suppressed(
        &self,
        reseller: ResellerId,
        email: &Email,
        now: Timestamp,
    ) -> Result<Option<Suppressed>> {
        let found = self.get(keys::mail_suppressed(reseller, email)).await?;
        found.map_or(Ok(None), |item| why(&item, now))
    }

    /// The same of several addresses, in their order. One read for a hundred.
    pub async fn mails_suppressed(
        &self,
        reseller: ResellerId,
        emails: &[&Email],
        now: Timestamp,
    ) -> Result<Vec<Option<Suppressed>>> {
        let keys: Vec<_> = emails
            .iter()
            .map(|email| keys::mail_suppressed(reseller, email))
            .collect();
        let found = self.get_many(&keys).await?.into_iter();
        found
            .map(|item| item.map_or(Ok(None), |item| why(&item, now)))
            .collect()
    }
}

fn why(item: &Item, now: Timestamp) -> Result<Option<Suppressed>> {
    let kept: Kept = from_item("suppression", item)?;
    Ok(kept.until.is_none_or(|until| until > now).then_some(kept.why))
}
