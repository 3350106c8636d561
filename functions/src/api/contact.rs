//! An entry of a host's address book as the partner API shows it, and what its methods share.

use domain::code::{Email, Phone};
use domain::host::{Contact, Host};
use domain::id::{ContactId, HostId};
use domain::text::Name;
use domain::{Code, Error as Refusal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::Error;

/// A contact.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Contact")]
pub struct ContactAnswer {
    /// Its id.
    pub contact_id: ContactId,
    /// Whose address book it is in.
    pub host_id: HostId,
    /// The person's name, where one is known.
    pub name: Option<Name>,
    /// The person's mail address, unique in the address book.
    pub email: Email,
    /// For text messages.
    pub phone: Option<Phone>,
}

impl From<Contact> for ContactAnswer {
    fn from(contact: Contact) -> Self {
        Self {
            contact_id: contact.id,
            host_id: contact.host,
            name: contact.name,
            email: contact.email,
            phone: contact.phone,
        }
    }
}

/// Which contact.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ContactParameters {
    /// Its id.
    pub contact_id: ContactId,
}

/// A contact in the caller's reach, and its host. Two sequential reads.
pub(super) async fn find(context: &Context<'_>, id: ContactId) -> Result<(Contact, Host), Error> {
    let contact = context.contact(id).await?;
    let host = context.host(contact.host).await?;
    Ok((contact, host))
}

/// A contact that the caller may change: not the host's own, which follows its host.
pub(super) async fn changeable(context: &Context<'_>, id: ContactId) -> Result<(Contact, Host), Error> {
    let (contact, host) = find(context, id).await?;
    context.caller()?.check_rank(host.role)?;
    if contact.id == host.own_contact {
        let why = "This is the host's own entry: it follows the host";
        return Err(Refusal::new(Code::Conflict, why).with_field("contact_id").into());
    }
    Ok((contact, host))
}
