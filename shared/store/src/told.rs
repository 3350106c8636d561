//! What mails tell of: meetings and accounts, also those that are going.

use domain::company::Company;
use domain::conference::Conference;
use domain::host::Host;
use domain::id::{CompanyId, ConferenceId, HostId, ResellerId};

use crate::table::beginning_with;
use crate::value::from_item;
use crate::{ConferenceState, Result, Store, keys};

/// A meeting to tell of, and in whose name.
#[derive(Debug, Clone)]
pub struct ToldMeeting {
    /// The meeting; it may be cancelled as a whole.
    pub conference: Conference,
    /// Who holds it; none once that is deleted.
    pub host: Option<Host>,
    /// Its company.
    pub company: Company,
}

impl Store {
    /// A meeting as it is told of. Two reads. `None` once it or its company is not there any more.
    pub async fn meeting_told(&self, reseller: ResellerId, id: ConferenceId) -> Result<Option<ToldMeeting>> {
        let Some(item) = self.get(keys::conference(reseller, id)).await? else {
            return Ok(None);
        };
        let conference: Conference = from_item("conference", &item)?;
        let (host, company) = self.told(reseller, conference.host, conference.company).await?;
        Ok(company.map(|company| ToldMeeting {
            conference,
            host,
            company,
        }))
    }

    /// A meeting as webhooks hear of it, also once it is cancelled, with its host and company where those are there. Two reads.
    pub async fn meeting_happened(
        &self,
        reseller: ResellerId,
        id: ConferenceId,
    ) -> Result<Option<(ConferenceState, Option<Host>, Option<Company>)>> {
        let key = keys::conference(reseller, id);
        let items = self.query(&beginning_with(key.pk, &key.sk)).await?;
        let Some((first, rest)) = items.split_first() else {
            return Ok(None);
        };
        let conference: Conference = from_item("conference", first)?;
        let items = rest.iter().map(|item| from_item("occurrence", item));
        let items = items.collect::<Result<_>>()?;
        let (host, company) = self.told(reseller, conference.host, conference.company).await?;
        Ok(Some((ConferenceState::new(conference, items), host, company)))
    }

    /// An account that is there for anybody, and its company. One read.
    pub async fn account_told(
        &self,
        reseller: ResellerId,
        host: HostId,
        company: CompanyId,
    ) -> Result<Option<(Host, Company)>> {
        let (host, company) = self.told(reseller, host, company).await?;
        let both = host.zip(company);
        Ok(both.filter(|(host, company)| host.deleting.is_none() && company.deleting.is_none()))
    }

    async fn told(
        &self,
        reseller: ResellerId,
        host: HostId,
        company: CompanyId,
    ) -> Result<(Option<Host>, Option<Company>)> {
        let found = self
            .get_many(&[keys::host(reseller, host), keys::company(reseller, company)])
            .await?;
        let at = |at: usize| found.get(at).and_then(Option::as_ref);
        let host = at(0).map(|item| from_item("host", item)).transpose()?;
        let company = at(1).map(|item| from_item("company", item)).transpose()?;
        Ok((host, company))
    }
}
