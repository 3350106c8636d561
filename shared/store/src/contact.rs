//! Address books: one entry per person and host, found by id or mail address.

use std::collections::HashMap;

use domain::code::{Email, Phone};
use domain::host::{Contact, Host};
use domain::id::{CompanyId, ContactId, HostId, ResellerId};
use domain::text::Name;
use futures_util::future::try_join_all;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use crate::audit::Change;
use crate::list::{Left, Span};
use crate::op::{Failure, Op};
use crate::retry::unraced;
use crate::table::LARGEST_TRANSACTION;
use crate::value::{Item, from_item};
use crate::{Error, Page, Paging, Result, Store, Suppressed, Unique, Write, keys, suppression};

/// What a guard holds: the entry itself, so that whoever knows a mail address reads once.
#[derive(Serialize)]
struct Guard<'a> {
    contact: ContactId,
    #[serde(flatten)]
    entry: &'a Contact,
}

impl<'a> Guard<'a> {
    fn of(entry: &'a Contact) -> Self {
        Self {
            contact: entry.id,
            entry,
        }
    }
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

fn guard(reseller: ResellerId, contact: &Contact) -> Op {
    Op::put(
        keys::contact_email(reseller, contact.host, &contact.email),
        &Guard::of(contact),
    )
}

/// What a guard holds follows its entry, whose mail address stays.
fn follow(reseller: ResellerId, was: &Contact, is: &Contact) -> Op {
    let key = keys::contact_email(reseller, was.host, &was.email);
    Op::change(key, &Guard::of(was), &Guard::of(is))
        .value(":contact", &was.id)
        .when("#contact = :contact", Failure::Raced)
}

fn freed(reseller: ResellerId, contact: &Contact) -> Op {
    Op::delete(keys::contact_email(reseller, contact.host, &contact.email))
        .value(":contact", &contact.id)
        .when("#contact = :contact", Failure::Raced)
}

/// Enters a person into an address book; `taken` is what it means that the mail address is there.
pub(crate) fn contact_ops(reseller: ResellerId, contact: &Contact, taken: Failure) -> [Op; 2] {
    let index = keys::contact_list(reseller, contact.host, contact.created, contact.id);
    [
        guard(reseller, contact).when_new(taken),
        Op::put(keys::contact(reseller, contact.id), contact)
            .indexed(index)
            .when_new(Failure::Raced),
    ]
}

/// Has a host's own entry in its address book follow the host. `known` is the entry that its new mail address has there.
pub(crate) fn own_contact_ops(before: &Host, after: &Host, known: Option<ContactId>) -> Vec<Op> {
    let (reseller, was, is) = (before.reseller, before.contact(), after.contact());
    if was == is {
        return Vec::new();
    }
    let mut ops = vec![Op::change(keys::contact(reseller, was.id), &was, &is).when_there(Failure::NotFound("contact"))];
    if was.email.folded() == is.email.folded() {
        ops.push(follow(reseller, &was, &is));
    } else {
        ops.push(freed(reseller, &was));
        match known {
            None => ops.push(guard(reseller, &is).when_new(Failure::Raced)),
            Some(known) => {
                ops.push(
                    guard(reseller, &is)
                        .value(":known", &known)
                        .when("#contact = :known", Failure::Raced),
                );
                ops.push(Op::delete(keys::contact(reseller, known)));
            }
        }
    }
    ops
}

impl Store {
    /// The entries of these people in a host's address book, in their order, where it has them. One read.
    pub async fn contacts_known(
        &self,
        reseller: ResellerId,
        host: HostId,
        people: &[NewContact],
    ) -> Result<Vec<Option<Contact>>> {
        let guards: Vec<_> = people
            .iter()
            .map(|person| keys::contact_email(reseller, host, &person.email))
            .collect();
        let found = self.get_many(&guards).await?;
        let entry = |item: &Option<Item>| {
            let item = item.as_ref();
            item.map(|item| from_item("contact's mail address", item)).transpose()
        };
        found.iter().map(entry).collect()
    }

    /// The entries of these people in a host's address book, in their order; who is not there yet is entered.
    pub async fn contacts_ensure(
        &self,
        reseller: ResellerId,
        host: HostId,
        people: &[NewContact],
        now: Timestamp,
    ) -> Result<Vec<Contact>> {
        unraced(|| async {
            let known = self.contacts_known(reseller, host, people).await?;
            let (all, new) = self.contacts_prepare(host, people, known, now).await?;
            self.commit_entering(reseller, &new, Vec::new()).await?;
            Ok(all)
        })
        .await
    }

    /// The entries of these people in their order, of which it is known who was there a moment ago, and those of them that
    /// are still to be entered: by the write that they are needed for. Nothing is written.
    pub async fn contacts_prepare(
        &self,
        host: HostId,
        people: &[NewContact],
        known: Vec<Option<Contact>>,
        now: Timestamp,
    ) -> Result<(Vec<Contact>, Vec<Contact>)> {
        let mut new: Vec<Contact> = Vec::new();
        let mut at: HashMap<String, usize> = HashMap::new();
        let mut all = Vec::with_capacity(people.len());
        for (person, known) in people.iter().zip(known) {
            if let Some(known) = known {
                all.push(known);
                continue;
            }
            let folded = person.email.folded();
            if let Some(at) = at.get(&folded) {
                all.push(new[*at].clone());
                continue;
            }
            let NewContact { name, email, phone } = person.clone();
            let contact = Contact {
                id: self.new_contact_id().await?,
                host,
                name,
                email,
                phone,
                created: now,
            };
            at.insert(folded, new.len());
            new.push(contact.clone());
            all.push(contact);
        }
        Ok((all, new))
    }

    /// Writes these and enters people into an address book: all or nothing where it fits into one transaction, else the
    /// people first, in writes beside each other. Fails with [`Error::Raced`] when somebody else has entered one of them.
    pub(crate) async fn commit_entering(
        &self,
        reseller: ResellerId,
        people: &[Contact],
        mut ops: Vec<Op>,
    ) -> Result<()> {
        let entries = |people: &[Contact]| -> Vec<Op> {
            let entry = |contact| contact_ops(reseller, contact, Failure::Raced);
            people.iter().flat_map(entry).collect()
        };
        if ops.len() + people.len() * 2 <= LARGEST_TRANSACTION {
            ops.extend(entries(people));
        } else {
            let chunks = people.chunks(LARGEST_TRANSACTION / 2);
            try_join_all(chunks.map(|chunk| self.commit(entries(chunk)))).await?;
        }
        self.commit(ops).await
    }

    /// Entries of a host's address book, in the order of the ids; `None` for an id that is not in it.
    pub async fn contacts(
        &self,
        reseller: ResellerId,
        host: HostId,
        ids: &[ContactId],
    ) -> Result<Vec<Option<Contact>>> {
        let wanted: Vec<_> = ids.iter().map(|id| keys::contact(reseller, *id)).collect();
        let found = self.get_many(&wanted).await?;
        let mut contacts = Vec::with_capacity(found.len());
        for item in &found {
            let contact: Option<Contact> = item.as_ref().map(|item| from_item("contact", item)).transpose()?;
            contacts.push(contact.filter(|contact| contact.host == host));
        }
        Ok(contacts)
    }

    /// An entry of any address book of a reseller. Whether the caller reaches its host is the caller's to ask.
    pub async fn contact(&self, reseller: ResellerId, id: ContactId) -> Result<Contact> {
        let item = self
            .get(keys::contact(reseller, id))
            .await?
            .ok_or(Error::NotFound("contact"))?;
        from_item("contact", &item)
    }

    /// The entry of a mail address in a host's address book, if there is one. One read.
    pub async fn contact_by_email(
        &self,
        reseller: ResellerId,
        host: HostId,
        email: &Email,
    ) -> Result<Option<ContactId>> {
        let Some(item) = self.get(keys::contact_email(reseller, host, email)).await? else {
            return Ok(None);
        };
        let entry: Contact = from_item("contact's mail address", &item)?;
        Ok(Some(entry.id))
    }

    /// A page of a host's address book, oldest first: the host itself, then others. Up to two sequential reads.
    pub async fn contacts_page(
        &self,
        reseller: ResellerId,
        host: HostId,
        paging: Paging<ContactId>,
    ) -> Result<Page<Contact>> {
        let after = match paging.after {
            Some(id) => {
                let wanted = [keys::contact(reseller, id), keys::contact_gone(reseller, id)];
                let found = self.get_many(&wanted).await?;
                let found = found.iter().flatten().next().ok_or(Error::NotListed)?;
                let left: Left = from_item("contact", found)?;
                if left.host != Some(host) {
                    return Err(Error::NotListed);
                }
                Some((left.created, id.value()))
            }
            None => None,
        };
        let span = Span {
            pk: keys::contact_list_of(reseller, host),
            after,
            newest_first: false,
            limit: paging.limit,
        };
        self.list(span).await?.try_map(|item| from_item("contact", &item))
    }

    /// Enters a person into an address book; the mail address must be new there and the host must exist.
    pub async fn contact_create(&self, host: &Host, contact: &Contact, write: &Write<'_>) -> Result<()> {
        let mut ops = vec![there(host)];
        ops.extend(contact_ops(
            host.reseller,
            contact,
            Failure::Taken(Unique::ContactEmail),
        ));
        ops.extend(audited(host.reseller, host.company, contact, write, "entered"));
        self.commit(ops).await
    }

    /// Changes an entry, if nobody else has since it was read; its new mail address must be new in the address book. `lifted`:
    /// why the address is not written to, when it is to be written to again.
    pub async fn contact_update(
        &self,
        host: &Host,
        (before, after): (&Contact, &Contact),
        lifted: Option<Suppressed>,
        write: &Write<'_>,
    ) -> Result<()> {
        let mut ops = vec![];
        if let Some(why) = lifted {
            ops.push(suppression::lift(host.reseller, host.company, &after.email, why));
        }
        if before != after {
            ops.push(
                Op::change(keys::contact(host.reseller, before.id), before, after)
                    .value(":email", &before.email)
                    .when("#email = :email", Failure::Raced),
            );
            if before.email.folded() == after.email.folded() {
                ops.push(follow(host.reseller, before, after));
            } else {
                ops.push(freed(host.reseller, before));
                ops.push(guard(host.reseller, after).when_new(Failure::Taken(Unique::ContactEmail)));
            }
        }
        let what = match lifted {
            Some(_) => "changed, and written to again",
            None => "changed",
        };
        ops.extend(audited(host.reseller, host.company, before, write, what));
        self.commit(ops).await
    }

    /// Takes an entry out of an address book. Meetings that it was invited to keep what they know.
    pub async fn contact_delete(&self, host: &Host, contact: &Contact, write: &Write<'_>) -> Result<()> {
        let mut ops = vec![
            Op::delete(keys::contact(host.reseller, contact.id))
                .value(":email", &contact.email)
                .when("#email = :email", Failure::Raced),
            freed(host.reseller, contact),
            Left {
                created: contact.created,
                host: Some(host.id),
            }
            .op(keys::contact_gone(host.reseller, contact.id), write.at),
        ];
        ops.extend(audited(host.reseller, host.company, contact, write, "removed"));
        self.commit(ops).await
    }

    /// Takes some of a deleted host's entries away; answers whether there may be more. Harmless when repeated.
    pub async fn contacts_forget(&self, reseller: ResellerId, host: HostId) -> Result<bool> {
        const AT_ONCE: u32 = 50;
        let span = Span {
            pk: keys::contact_list_of(reseller, host),
            after: None,
            newest_first: false,
            limit: AT_ONCE,
        };
        let page = self
            .list(span)
            .await?
            .try_map(|item| from_item::<Contact>("contact", &item))?;
        let ops = page.items.iter().flat_map(|contact| {
            [
                Op::delete(keys::contact(reseller, contact.id)),
                Op::delete(keys::contact_email(reseller, host, &contact.email)),
            ]
        });
        self.commit(ops.collect()).await?;
        Ok(page.more)
    }
}

/// Whether the host is there and stays.
fn there(host: &Host) -> Op {
    Op::check(keys::host(host.reseller, host.id)).when(
        "attribute_exists(#pk) AND attribute_not_exists(#deleting)",
        Failure::NotFound("host"),
    )
}

/// People who are no accounts are not named in the audit.
fn audited(reseller: ResellerId, company: CompanyId, contact: &Contact, write: &Write<'_>, what: &str) -> Vec<Op> {
    let shown = json!({"host": contact.host, "entry": what});
    let change = Change::created(format!("contact/{}", contact.id), &shown).about(contact.host);
    write.ops(Some(reseller), Some(company), change, &contact.id)
}
