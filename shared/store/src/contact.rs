//! Address books: one entry per person and host, found by id or mail address.

use domain::code::{Email, Phone};
use domain::host::Contact;
use domain::id::{ContactId, HostId, ResellerId};
use domain::text::Name;
use serde::{Deserialize, Serialize};

use crate::op::{Failure, Op};
use crate::table::LARGEST_TRANSACTION;
use crate::value::from_item;
use crate::{Error, Result, Store, keys};

/// What a guard points to.
#[derive(Serialize, Deserialize)]
struct Guard {
    contact: ContactId,
}

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

/// Enters a person into an address book.
pub(crate) fn contact_ops(reseller: ResellerId, contact: &Contact) -> [Op; 2] {
    let guard = Guard { contact: contact.id };
    [
        Op::put(keys::contact_email(reseller, contact.host, &contact.email), &guard).when_new(Failure::Raced),
        Op::put(keys::contact(reseller, contact.host, contact.id), contact).when_new(Failure::Raced),
    ]
}

/// How often the address book is read again when others enter the same people meanwhile.
const ROUNDS: usize = 8;

impl Store {
    /// The entries of these people in a host's address book, in their order; who is not there yet is entered. Several
    /// writes when there are many, each harmless alone.
    pub async fn contacts_ensure(
        &self,
        reseller: ResellerId,
        host: HostId,
        people: &[NewContact],
    ) -> Result<Vec<Contact>> {
        for _ in 0..ROUNDS {
            let guards: Vec<_> = people
                .iter()
                .map(|person| keys::contact_email(reseller, host, &person.email))
                .collect();
            let found = self.get_many(&guards).await?;
            let mut ids = Vec::with_capacity(people.len());
            for item in &found {
                ids.push(
                    item.as_ref()
                        .map(|item| from_item::<Guard>("contact's mail address", item))
                        .transpose()?,
                );
            }
            if ids.iter().all(Option::is_some) {
                let ids: Vec<ContactId> = ids.into_iter().flatten().map(|guard| guard.contact).collect();
                let contacts = self.contacts(reseller, host, &ids).await?;
                return contacts
                    .into_iter()
                    .map(|contact| contact.ok_or(Error::Raced))
                    .collect();
            }
            let mut missing: Vec<&NewContact> = Vec::new();
            for (person, _) in people.iter().zip(&ids).filter(|(_, id)| id.is_none()) {
                if missing
                    .iter()
                    .all(|other| other.email.folded() != person.email.folded())
                {
                    missing.push(person);
                }
            }
            self.contacts_enter(reseller, host, &missing).await?;
        }
        Err(Error::Raced)
    }

    async fn contacts_enter(&self, reseller: ResellerId, host: HostId, people: &[&NewContact]) -> Result<()> {
        for chunk in people.chunks(LARGEST_TRANSACTION / 2) {
            let mut ops = Vec::with_capacity(chunk.len() * 2);
            for person in chunk {
                let NewContact { name, email, phone } = (*person).clone();
                let contact = Contact {
                    id: self.new_contact_id().await?,
                    host,
                    name,
                    email,
                    phone,
                };
                ops.extend(contact_ops(reseller, &contact));
            }
            match self.commit(ops).await {
                // Somebody else entered one of them: the caller looks again.
                Err(Error::Raced) => return Ok(()),
                done => done?,
            }
        }
        Ok(())
    }

    /// Entries of a host's address book, in the order of the ids; `None` for an id that is not in it.
    pub async fn contacts(
        &self,
        reseller: ResellerId,
        host: HostId,
        ids: &[ContactId],
    ) -> Result<Vec<Option<Contact>>> {
        let wanted: Vec<_> = ids.iter().map(|id| keys::contact(reseller, host, *id)).collect();
        let found = self.get_many(&wanted).await?;
        found
            .iter()
            .map(|item| item.as_ref().map(|item| from_item("contact", item)).transpose())
            .collect()
    }
}
