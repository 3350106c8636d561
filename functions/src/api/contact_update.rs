//! `contact/update`: what is sent changes, all else stays; a phone sent as null is gone.

use domain::Role;
use domain::code::{Email, Phone};
use domain::host::Contact;
use domain::id::ContactId;
use domain::text::Name;
use schemars::JsonSchema;
use serde::Deserialize;

use super::contact::{ContactAnswer, changeable};
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
        let (before, host) = changeable(context, asked.contact_id).await?;
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
        let answer = ContactAnswer::from(after.clone());
        let claim = context.claim(&answer).await?;
        let write = context.write(claim.as_ref()).await?;
        context.store().contact_update(&host, &before, &after, &write).await?;
        Ok(Json(answer))
    }
}
