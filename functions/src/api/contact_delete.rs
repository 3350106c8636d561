//! `contact/delete`: a person leaves an address book.

use domain::Role;
use domain::id::ContactId;
use schemars::JsonSchema;
use serde::Serialize;

use super::contact::{ContactParameters, not_own};
use crate::ahead::First;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Parameters;
use crate::reply::Json;

/// Deletes a contact.
#[derive(Debug)]
pub struct ContactDelete;

/// The contact that is gone.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "ContactGone")]
pub struct ContactDeleteAnswer {
    /// Its id.
    pub contact_id: ContactId,
}

impl Endpoint for ContactDelete {
    const ID: &'static str = "contact_delete";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/contact/delete";
    const ACCESS: Access = Access::Session(Role::Host);
    const KIND: Kind = Kind::Write;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey];
    const FIRST: Option<First> = Some(First::Contact);
    const SUMMARY: &'static str =
        "Deletes a contact; meetings that it is invited to stay as they are, and a host's own stays.";
    type Input = Parameters<ContactParameters>;
    type Output = Json<ContactDeleteAnswer>;

    fn object(Parameters(asked): &Self::Input) -> Option<String> {
        Some(format!("contact/{}", asked.contact_id))
    }

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        let contact = context.contact(asked.contact_id).await?;
        let host = context.host(contact.host).await?;
        context.caller()?.check_rank(host.role)?;
        not_own(&contact, &host)?;
        let answer = ContactDeleteAnswer { contact_id: contact.id };
        let claim = context.claim(&answer).await?;
        let write = context.write(claim.as_ref()).await?;
        context.store().contact_delete(&host, &contact, &write).await?;
        Ok(Json(answer))
    }
}
