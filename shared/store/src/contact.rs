//! Address books: one entry per person and host, found by id or mail address.

use domain::code::{Email, Phone};
use domain::host::Contact;
use domain::id::{ContactId, HostId, ResellerId};
use domain::text::Name;
use jiff::Timestamp;

use crate::{Result, Store};

/// A person that a host invites, perhaps for the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewContact {
    /// The name, where one is given.
    pub name: Option<Name>,
    /// The mail address.
    pub email: Email,
    /// The phone, where one is given.
    pub phone: Option<Phone>,
}

impl Store {
    /// The entries of these people in a host's address book, in their order; who is not there yet is entered. Several
    /// writes when there are many, each harmless alone.
    pub async fn contacts_ensure(
        &self,
        reseller: ResellerId,
        host: HostId,
        people: &[NewContact],
        at: Timestamp,
    ) -> Result<Vec<Contact>> {
        todo!()
    }

    /// Entries of a host's address book, in the order of the ids; `None` for an id that is not in it.
    pub async fn contacts(&self, reseller: ResellerId, host: HostId, ids: &[ContactId]) -> Result<Vec<Option<Contact>>> {
        todo!()
    }
}
