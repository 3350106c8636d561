//! New ids: small integers from counters in the table, claimed in blocks, so that most take no round trip. Gaps happen.

use std::collections::HashMap;
use std::ops::Range;

use domain::id::{CompanyId, ConferenceId, ContactId, HostId, ResellerId};
use tokio::sync::Mutex;

use crate::{Result, Store};

/// What is numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Counter {
    Reseller,
    Company,
    Host,
    Contact,
    Conference,
}

/// The blocks that this process holds.
#[derive(Debug, Default)]
pub(crate) struct Blocks(Mutex<HashMap<Counter, Range<u64>>>);

impl Store {
    /// An id that no reseller has had.
    pub async fn new_reseller_id(&self) -> Result<ResellerId> {
        todo!()
    }

    /// An id that no company has had.
    pub async fn new_company_id(&self) -> Result<CompanyId> {
        todo!()
    }

    /// An id that no host has had.
    pub async fn new_host_id(&self) -> Result<HostId> {
        todo!()
    }

    /// An id that no contact has had.
    pub async fn new_contact_id(&self) -> Result<ContactId> {
        todo!()
    }

    /// An id that no conference has had.
    pub async fn new_conference_id(&self) -> Result<ConferenceId> {
        todo!()
    }
}
