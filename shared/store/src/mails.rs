//! What a reseller mails in a day (UTC), counted before it goes out.

use domain::company::Reseller;
use domain::conference::later;
use domain::id::ResellerId;
use jiff::{SignedDuration, Timestamp};

use crate::op::{Failure, Op};
use crate::retry::unraced;
use crate::table::Outcome;
use crate::value::from_item;
use crate::{Error, Result, Store, keys};

/// How long a day's count is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(48);
/// Of what is left one process takes this part at once, so that it does not write for each mail, and what it does not use is little.
const PART: u32 = 16;
/// The most that one takes at once.
const MOST: u32 = 64;

/// How many mails of a reseller's may go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailsLeft {
    /// As many as there are.
    All,
    /// So many, which are counted as mailed by now.
    Some(u32),
    /// None until the next day.
    None,
}

impl Store {
    /// Counts some mails of a reseller's as mailed today. One read and, where the reseller may not mail as much as it wants, one update.
    ///
    /// # Errors
    /// When the reseller is not there, or the table failed.
    pub async fn mails_take(&self, reseller: ResellerId, now: Timestamp) -> Result<MailsLeft> {
        unraced(|| self.mails_try(reseller, now)).await
    }

    async fn mails_try(&self, reseller: ResellerId, now: Timestamp) -> Result<MailsLeft> {
        let key = keys::mails(reseller, now);
        let [found, counted] = &self.get_many(&[keys::reseller(reseller), key.clone()]).await?[..] else {
            return Err(Error::Raced);
        };
        let found = found.as_ref().ok_or(Error::NotFound("reseller"))?;
        let found: Reseller = from_item("reseller", found)?;
        let Some(daily) = found.daily_mails else {
            return Ok(MailsLeft::All);
        };
        let counted = counted
            .as_ref()
            .and_then(|item| item.get("mails")?.as_n().ok()?.parse().ok());
        let left = daily.saturating_sub(counted.unwrap_or_default());
        if left == 0 {
            return Ok(MailsLeft::None);
        }
        let some = (left / PART).clamp(1, MOST);
        let op = Op::update(key, "SET #ttl = :ttl ADD #mails :some")
            .value(":ttl", &later(now, KEPT).as_second())
            .value(":some", &some)
            .value(":before", &(daily - some))
            .when("attribute_not_exists(#mails) OR #mails <= :before", Failure::Raced);
        match self.update(op).await? {
            Outcome::Done(_) => Ok(MailsLeft::Some(some)),
            // Others have taken them.
            Outcome::Refused(_) => Err(Error::Raced),
        }
    }
}
