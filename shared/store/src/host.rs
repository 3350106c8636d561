//! Hosts: accounts, found by id, mail address or code.

use domain::code::Email;
use domain::host::Host;
use domain::id::{HostId, ResellerId};

use crate::{Result, Scope, Store, Write};

impl Store {
    /// Makes a host, its room, and its own entry in its address book. Mail address, access code and OpenID subject must be
    /// unique; the company must exist.
    pub async fn host_create(&self, host: &Host, write: &Write<'_>) -> Result<()> {
        todo!()
    }

    /// A host in the caller's scope.
    pub async fn host(&self, scope: &Scope, id: HostId) -> Result<Host> {
        todo!()
    }

    /// The host of this mail address in this reseller, if there is one. Two sequential reads.
    pub async fn host_by_email(&self, reseller: ResellerId, email: &Email) -> Result<Option<Host>> {
        todo!()
    }
}
