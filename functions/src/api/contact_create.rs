//! `contact/create`: a person enters an address book.

use domain::code::{Email, Phone};
use domain::host::Contact;
use domain::id::HostId;
use domain::text::Name;
use domain::{Error as Refusal, Role};
use schemars::JsonSchema;
use serde::Deserialize;
use store::Scope;

use super::contact::ContactAnswer;
use crate::ahead::First;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Parameters;
use crate::reply::Json;

/// Makes a contact.
#[derive(Debug)]
pub struct ContactCreate;

/// Whom, and in which address book.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ContactCreateParameters {
    /// Whose address book; a host may leave it out.
    pub host_id: Option<HostId>,
    /// The person's name.
    pub name: Name,
    /// The person's mail address, unique in the address book.
    pub email: Email,
    /// For text messages.
    pub phone: Option<Phone>,
}

impl Endpoint for ContactCreate {
    const ID: &'static str = "contact_create";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/contact/create";
    const ACCESS: Access = Access::Session(Role::Host);
    const KIND: Kind = Kind::Write;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey];
    const FIRST: Option<First> = Some(First::Host);
    const SUMMARY: &'static str = "Makes a contact of a host.";
    type Input = Parameters<ContactCreateParameters>;
    type Output = Json<ContactAnswer>;

    fn object(Parameters(asked): &Self::Input) -> Option<String> {
        asked.host_id.map(|id| format!("host/{id}"))
    }

    fn own_object(own: &Scope) -> Option<String> {
        own.host.map(|id| format!("host/{id}"))
    }

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        let (caller, store) = (context.caller()?, context.store());
        let id = asked.host_id.or(caller.scope.host);
        let id = id.ok_or_else(|| Refusal::missing("host_id"))?;
        let suppressed = store.mail_suppressed_by(caller.reseller, &asked.email, context.now);
        let (host, contact, suppressed) = tokio::join!(context.host(id), store.new_contact_id(), suppressed);
        let (host, id, suppressed) = (host?, contact?, suppressed?);
        caller.check_rank(host.role)?;
        let contact = Contact {
            id,
            host: host.id,
            name: Some(asked.name),
            email: asked.email,
            phone: asked.phone,
            created: context.now,
        };
        let answer = ContactAnswer::of(contact.clone(), suppressed.get(&host.company).copied());
        let claim = context.claim(&answer).await?;
        let write = context.write(claim.as_ref()).await?;
        store.contact_create(&host, &contact, &write).await?;
        Ok(Json(answer))
    }
}
