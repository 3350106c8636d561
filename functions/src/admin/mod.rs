//! The pages where a company's administrators see to what belongs to them (embedding.md §1, `/admin/...`): API tokens and
//! webhooks.

pub(crate) mod api_tokens;
mod webhooks;

use domain::host::Host;
use domain::{Error as Refusal, Role};
use store::{Actor, Scope, Write};

pub use api_tokens::{
    ApiTokenCreate, ApiTokenRevoke, CreateParameters, CreatedToken, PageApiTokens, RevokeParameters, Revoked,
};
pub use webhooks::{
    AdminWebhookCreate, AdminWebhookDelete, AdminWebhookDeliveries, AdminWebhookRedeliver, AdminWebhookUpdate,
    DeliveryLog, DeliveryQuestion, EditedWebhook, NewWebhook, PageWebhooks, WhichDelivery, WhichWebhook,
};

use crate::access;
use crate::auth::{self, Use};
use crate::context::Context;
use crate::endpoint::Route;
use crate::error::Error;
use crate::visit::Place;

/// The endpoints of the admin pages.
#[must_use]
pub fn routes() -> Vec<Route> {
    vec![
        Route::of::<AdminWebhookCreate>(),
        Route::of::<AdminWebhookDelete>(),
        Route::of::<AdminWebhookDeliveries>(),
        Route::of::<AdminWebhookRedeliver>(),
        Route::of::<AdminWebhookUpdate>(),
        Route::of::<ApiTokenCreate>(),
        Route::of::<ApiTokenRevoke>(),
        Route::of::<PageApiTokens>(),
        Route::of::<PageWebhooks>(),
    ]
}

/// The account that is signed in here, if one is, and what its session acts as.
async fn signed_in(context: &Context<'_>, purpose: Use) -> Result<(Place, Option<(Host, Role)>), Error> {
    let (place, session) = auth::visitor(context, purpose).await?;
    let scope = Scope::company(place.reseller, place.company);
    let host = auth::account(context.app, &scope, session.as_ref()).await?;
    Ok((place, host.zip(session.map(|session| session.role))))
}

/// The administrator who asks for a change, from a page of ours.
pub(crate) async fn administrator(context: &Context<'_>) -> Result<(Host, Role), Error> {
    auth::own_page(context)?;
    let (_, found) = signed_in(context, Use::Act).await?;
    let (host, role) = found.ok_or_else(access::expired)?;
    match role >= Role::CompanyAdmin {
        true => Ok((host, role)),
        false => Err(Refusal::forbidden().into()),
    }
}

/// What an administrator's write carries.
pub(crate) fn write(context: &Context<'_>, host: &Host, role: Role) -> Write<'static> {
    Write {
        at: context.now,
        by: Actor::Host { host: host.id, role },
        action: context.endpoint,
        claim: None,
    }
}
