//! `contact/update`: what is sent changes, all else stays; a phone sent as null is gone.

use domain::code::{Email, Phone};
use domain::host::Contact;
use domain::id::ContactId;
use domain::text::Name;
use domain::{Code, Error as Refusal, Role};
use schemars::JsonSchema;
use serde::Deserialize;
use store::Suppressed;

use super::contact::{ContactAnswer, EmailState, find, not_own};
use crate::ahead::First;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Parameters;
use crate::reply::Json;

/// Changes a contact.
#[derive(Debug)]
pub struct ContactUpdate;

/// What changes of a contact.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ContactUpdateParameters {
    /// Its id.
    pub contact_id: ContactId,
    /// The person's name.
    pub name: Option<Name>,
    /// The person's mail address, unique in the address book.
    pub email: Option<Email>,
    /// For text messages; null for none.
    pub phone: Option<Phone>,
    /// `active` to have an address written to again that took no mail; where the person called a mail unwanted only an
    /// administrator of the reseller may. What is not written to any more is not told otherwise.
    pub email_state: Option<EmailState>,
}

impl Endpoint for ContactUpdate {
    const ID: &'static str = "contact_update";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/contact/update";
    const ACCESS: Access = Access::Session(Role::Host);
    const KIND: Kind = Kind::Write;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey];
    const FIRST: Option<First> = Some(First::Contact);
    const SUMMARY: &'static str = "Changes a contact; a host's own follows the host.";
    type Input = Parameters<ContactUpdateParameters>;
    type Output = Json<ContactAnswer>;

    fn object(Parameters(asked): &Self::Input) -> Option<String> {
        Some(format!("contact/{}", asked.contact_id))
    }

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        let (before, host, why) = find(context, asked.contact_id, asked.email.as_ref()).await?;
        let caller = context.caller()?;
        caller.check_rank(host.role)?;
        let lifted = match asked.email_state {
            None => None,
            Some(state) => lifted(state, why, caller.role)?,
        };
        let names_entry = |name| context.request.parameters().map(|sent| sent.has(name));
        if asked.email_state.is_none() || names_entry("name")? || names_entry("email")? || names_entry("phone")? {
            not_own(&before, &host)?;
        }
        let phone = match context.request.parameters()?.is_null("phone") {
            true => None,
            false => asked.phone.or_else(|| before.phone.clone()),
        };
        let after = Contact {
            name: asked.name.or_else(|| before.name.clone()),
            email: asked.email.unwrap_or_else(|| before.email.clone()),
            phone,
            ..before.clone()
        };
        let answer = ContactAnswer::of(after.clone(), why.filter(|_| lifted.is_none()));
        let claim = context.claim(&answer).await?;
        let write = context.write(claim.as_ref()).await?;
        context
            .store()
            .contact_update(&host, (&before, &after), lifted, &write)
            .await?;
        Ok(Json(answer))
    }
}

/// Why an address was not written to that is to be again; `None` where it is already.
fn lifted(wanted: EmailState, why: Option<Suppressed>, role: Role) -> Result<Option<Suppressed>, Refusal> {
    if wanted != EmailState::Active {
        let why = "can be set to `active` only";
        return Err(Refusal::invalid("email_state", why));
    }
    if why == Some(Suppressed::Complaint) && role < Role::ResellerAdmin {
        let why =
            "This person called a mail unwanted: only an administrator of the reseller can have it written to again";
        return Err(Refusal::new(Code::Conflict, why).with_field("email_state"));
    }
    Ok(why)
}
