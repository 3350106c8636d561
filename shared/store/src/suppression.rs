//! Addresses that a company's mail does not go to: they take none, or their holders complained.

use std::collections::HashMap;

use domain::code::Email;
use domain::conference::later;
use domain::id::{CompanyId, ResellerId};
use domain::time::{millis, millis_option};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::op::{Failure, Op};
use crate::table::{Query, key_of};
use crate::value::{Item, from_item};
use crate::{Error, Result, Store, keys};

/// After this an address that took no mail is tried again: a mailbox may have come to be there.
const BOUNCED: SignedDuration = SignedDuration::from_hours(24 * 90);
/// How many are taken away at once.
const AT_ONCE: u32 = 50;
/// How many are read at once of a company; where there are more, they are looked up one by one.
const LISTED: u32 = 1000;

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
    company: CompanyId,
    why: Suppressed,
    #[serde(with = "millis")]
    since: Timestamp,
    #[serde(with = "millis_option", skip_serializing_if = "Option::is_none", default)]
    until: Option<Timestamp>,
}

impl Kept {
    fn why(&self, now: Timestamp) -> Option<Suppressed> {
        self.until.is_none_or(|until| until > now).then_some(self.why)
    }
}

/// Takes up writing to an address again, if it was not written to for this reason.
pub(crate) fn lift(reseller: ResellerId, company: CompanyId, email: &Email, why: Suppressed) -> Op {
    Op::delete(keys::mail_suppressed(reseller, company, email))
        .value(":why", &why)
        .when("#why = :why", Failure::Raced)
}

impl Store {
    /// Keeps that a company does not write to an address. A complaint stays one.
    pub async fn mail_suppress(
        &self,
        (reseller, company): (ResellerId, CompanyId),
        email: &Email,
        why: Suppressed,
        now: Timestamp,
    ) -> Result<()> {
        let until = (why == Suppressed::Bounce).then(|| later(now, BOUNCED));
        let kept = Kept {
            company,
            why,
            since: now,
            until,
        };
        let op = Op::put(keys::mail_suppressed(reseller, company, email), &kept)
            .indexed(keys::mail_suppressed_list(reseller, company, email))
            .expiring(until);
        let op = match why {
            Suppressed::Complaint => op,
            Suppressed::Bounce => op
                .value(":bounce", &why)
                .when("attribute_not_exists(#why) OR #why = :bounce", Failure::Raced),
        };
        match self.commit(vec![op]).await {
            Err(Error::Raced) => Ok(()),
            kept => kept,
        }
    }

    /// Why an address is not written to; `None` where it is. One read.
    pub async fn mail_suppressed(
        &self,
        (reseller, company): (ResellerId, CompanyId),
        email: &Email,
        now: Timestamp,
    ) -> Result<Option<Suppressed>> {
        let found = self.get(keys::mail_suppressed(reseller, company, email)).await?;
        found.map_or(Ok(None), |item| Ok(kept(&item)?.why(now)))
    }

    /// The same of several addresses, in their order. One read for a hundred.
    pub async fn mails_suppressed(
        &self,
        (reseller, company): (ResellerId, CompanyId),
        emails: &[&Email],
        now: Timestamp,
    ) -> Result<Vec<Option<Suppressed>>> {
        let keys: Vec<_> = emails
            .iter()
            .map(|email| keys::mail_suppressed(reseller, company, email))
            .collect();
        let found = self.get_many(&keys).await?.into_iter();
        found
            .map(|item| item.map_or(Ok(None), |item| Ok(kept(&item)?.why(now))))
            .collect()
    }

    /// Which companies of a reseller do not write to an address, for who does not know the company yet. One read.
    pub async fn mail_suppressed_by(
        &self,
        reseller: ResellerId,
        email: &Email,
        now: Timestamp,
    ) -> Result<HashMap<CompanyId, Suppressed>> {
        let query = Query {
            index: false,
            pk: keys::mail_suppressed_by(reseller, email),
            from: "0".into(),
            to: ":".into(),
            newest_first: false,
            limit: None,
        };
        let found = self.query(&query).await?;
        let mut by = HashMap::new();
        for item in &found {
            let kept = kept(item)?;
            by.extend(kept.why(now).map(|why| (kept.company, why)));
        }
        Ok(by)
    }

    /// The addresses that a company does not write to, a moment behind; `None` where they are too many to read at once. One read.
    pub async fn mails_suppressed_of(
        &self,
        (reseller, company): (ResellerId, CompanyId),
        now: Timestamp,
    ) -> Result<Option<SuppressedMails>> {
        let query = listed(reseller, company, LISTED);
        let (found, more) = self.query_page(&query, None).await?;
        if more.is_some() {
            return Ok(None);
        }
        let mut by = HashMap::new();
        for item in &found {
            by.extend(kept(item)?.why(now).map(|why| (key_of(item).pk, why)));
        }
        Ok(Some(SuppressedMails { reseller, by }))
    }

    /// Takes some of what is kept of a deleted company's mail away; answers whether there may be more.
    pub async fn mails_suppressed_forget(&self, reseller: ResellerId, company: CompanyId) -> Result<bool> {
        let found = self.query(&listed(reseller, company, AT_ONCE)).await?;
        self.commit(found.iter().map(|item| Op::delete(key_of(item))).collect())
            .await?;
        Ok(found.len() == AT_ONCE as usize)
    }
}

/// Addresses that a company's mail does not go to.
#[derive(Debug)]
pub struct SuppressedMails {
    reseller: ResellerId,
    /// By what the table keeps them under.
    by: HashMap<String, Suppressed>,
}

impl SuppressedMails {
    /// Why this one is not written to; `None` where it is.
    #[must_use]
    pub fn why(&self, email: &Email) -> Option<Suppressed> {
        match self.by.is_empty() {
            true => None,
            false => self.by.get(&keys::mail_suppressed_by(self.reseller, email)).copied(),
        }
    }
}

/// So many of what is kept of a company.
fn listed(reseller: ResellerId, company: CompanyId, limit: u32) -> Query {
    Query {
        index: true,
        pk: keys::mail_suppressed_of(reseller, company),
        from: "0".into(),
        to: keys::BEHIND.into(),
        newest_first: false,
        limit: Some(limit),
    }
}

fn kept(item: &Item) -> Result<Kept> {
    from_item("suppression", item)
}
