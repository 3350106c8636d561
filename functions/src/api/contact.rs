//! An entry of a host's address book as the partner API shows it, and what its methods share.

use domain::code::{Email, Phone};
use domain::host::{Contact, Host};
use domain::id::{CompanyId, ContactId, HostId, ResellerId};
use domain::text::Name;
use domain::{Code, Error as Refusal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Suppressed, SuppressedMails};

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
    /// Why the company's mail does not go to this address; only where it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_state: Option<EmailState>,
}

/// Whether a company's mail goes to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EmailState {
    /// It does.
    Active,
    /// It does not: the address took no mail. Tried again after 90 days.
    Bounced,
    /// It does not: the person called a mail unwanted.
    Complained,
}

impl From<Suppressed> for EmailState {
    fn from(why: Suppressed) -> Self {
        match why {
            Suppressed::Bounce => Self::Bounced,
            Suppressed::Complaint => Self::Complained,
        }
    }
}

impl ContactAnswer {
    /// A contact, and why it is not written to if it is not.
    pub(super) fn of(contact: Contact, why: Option<Suppressed>) -> Self {
        Self {
            contact_id: contact.id,
            host_id: contact.host,
            name: contact.name,
            email: contact.email,
            phone: contact.phone,
            email_state: why.map(EmailState::from),
        }
    }
}

/// Which contact.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ContactParameters {
    /// Its id.
    pub contact_id: ContactId,
}

/// A contact in the caller's reach, its host, and why the company's mail does not go to an address: the contact's, unless
/// another is given. Two sequential reads.
pub(super) async fn find(
    context: &Context<'_>,
    id: ContactId,
    email: Option<&Email>,
) -> Result<(Contact, Host, Option<Suppressed>), Error> {
    let contact = context.contact(id).await?;
    let (reseller, email) = (context.caller()?.reseller, email.unwrap_or(&contact.email));
    let suppressed = context.store().mail_suppressed_by(reseller, email, context.now);
    // What is read beside the host is told to nobody before the host is known to be in the caller's reach.
    let (host, suppressed) = tokio::join!(context.host(contact.host), suppressed);
    let host = host?;
    let why = suppressed?.get(&host.company).copied();
    Ok((contact, host, why))
}

/// Contacts of a company's host as they are shown. `listed` was read beside them, of the whole company. No read, or one where
/// the company has too much to list.
pub(super) async fn shown(
    context: &Context<'_>,
    company: (ResellerId, CompanyId),
    listed: Option<SuppressedMails>,
    contacts: Vec<Contact>,
) -> Result<Vec<ContactAnswer>, Error> {
    let emails: Vec<_> = contacts.iter().map(|contact| &contact.email).collect();
    let why = match listed {
        Some(listed) => emails.iter().map(|email| listed.why(email)).collect(),
        None => context.store().mails_suppressed(company, &emails, context.now).await?,
    };
    let shown = contacts.into_iter().zip(why);
    Ok(shown.map(|(contact, why)| ContactAnswer::of(contact, why)).collect())
}

/// That a host's own contact is not changed by itself.
pub(super) fn not_own(contact: &Contact, host: &Host) -> Result<(), Error> {
    if contact.id == host.own_contact {
        let why = "This is the host's own entry: it follows the host";
        return Err(Refusal::new(Code::Conflict, why).with_field("contact_id").into());
    }
    Ok(())
}
