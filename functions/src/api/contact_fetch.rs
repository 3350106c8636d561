//! `contact/fetch`: an entry of an address book.

use domain::Role;

use super::contact::{ContactAnswer, ContactParameters, find};
use crate::ahead::First;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind};
use crate::error::Error;
use crate::input::Parameters;
use crate::reply::Json;

/// Shows a contact.
#[derive(Debug)]
pub struct ContactFetch;

impl Endpoint for ContactFetch {
    const ID: &'static str = "contact_fetch";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/contact/fetch";
    const ACCESS: Access = Access::Session(Role::Host);
    const KIND: Kind = Kind::Read;
    const FIRST: Option<First> = Some(First::Contact);
    const SUMMARY: &'static str = "Answers a contact.";
    type Input = Parameters<ContactParameters>;
    type Output = Json<ContactAnswer>;

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        let (contact, _, why) = find(context, asked.contact_id, None).await?;
        Ok(Json(ContactAnswer::of(contact, why)))
    }
}
