//! `contact/fetch_all`: a host's address book.

use domain::id::{ContactId, HostId};
use domain::{Error as Refusal, Role};
use schemars::JsonSchema;
use serde::Deserialize;
use store::Paging;

use super::contact::{self, ContactAnswer};
use super::list::{Limit, List, limit};
use crate::ahead::First;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind};
use crate::error::Error;
use crate::input::Parameters;

/// Lists contacts.
#[derive(Debug)]
pub struct ContactFetchAll;

/// Which contacts.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ContactFetchAllParameters {
    /// Whose; a host may leave it out.
    pub host_id: Option<HostId>,
    /// Most entries, 1 to 1000.
    pub limit: Option<Limit>,
    /// The last id of the page before.
    pub after: Option<ContactId>,
}

impl Endpoint for ContactFetchAll {
    const ID: &'static str = "contact_fetch_all";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/contact/fetch_all";
    const ACCESS: Access = Access::Session(Role::Host);
    const KIND: Kind = Kind::Read;
    const FIRST: Option<First> = Some(First::Host);
    const SUMMARY: &'static str = "Answers a host's contacts, its own first, then the oldest first.";
    type Input = Parameters<ContactFetchAllParameters>;
    type Output = List<ContactAnswer>;

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        let paging = Paging {
            after: asked.after,
            limit: limit(asked.limit),
        };
        let (caller, store) = (context.caller()?, context.store());
        let id = asked.host_id.or(caller.scope.host);
        let id = id.ok_or_else(|| Refusal::missing("host_id"))?;
        let page = store.contacts_page(caller.reseller, id, paging);
        let suppressed = |company| store.mails_suppressed_of((caller.reseller, company), context.now);
        let (host, page, suppressed) = match caller.scope.company {
            // What is read beside the host is told to nobody before the host is known to be in the caller's reach.
            Some(company) => {
                let (host, page, suppressed) = tokio::join!(context.host(id), page, suppressed(company));
                (host?, page?, suppressed?)
            }
            None => {
                let host = context.host(id).await?;
                let (page, suppressed) = tokio::try_join!(page, suppressed(host.company))?;
                (host, page, suppressed)
            }
        };
        let company = (caller.reseller, host.company);
        let shown = contact::shown(context, company, suppressed, page.items).await?;
        List::of(shown.into_iter().map(Ok), page.more)
    }
}
