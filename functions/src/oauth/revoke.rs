//! `POST /oauth/revoke` (RFC 7009): a refresh token ends its grant, an access token itself alone.

use http::Method;
use store::{Actor, Write};

use super::Held;
use super::client::{self, Shown};
use super::form::{Failure, Refused, StandardForm, answered, done};
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::reply::Response;
use crate::visit::Place;

/// `POST /oauth/revoke`.
#[derive(Debug)]
pub struct OauthRevoke;

impl Endpoint for OauthRevoke {
    const ID: &'static str = "oauth_revoke";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/oauth/revoke";
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite];
    const SUMMARY: &'static str = "Revokes a token of the client (RFC 7009).";
    type Input = StandardForm;
    type Output = Response;

    async fn handle(context: &Context<'_>, form: StandardForm) -> Result<Response, Error> {
        match revoke(context, &form).await {
            Ok(()) => Ok(done()),
            Err(failure) => answered(Err(failure)),
        }
    }
}

async fn revoke(context: &Context<'_>, form: &StandardForm) -> Result<(), Failure> {
    let place = Place::of(context).await?;
    let fields = form.fields()?;
    let shown = Shown::read(context.request, fields)?;
    let token = fields.needed("token");
    let held = Held::of(context.store(), token.as_ref().ok().copied());
    let (client, state) = client::authenticate(context, place, &shown, held.about()).await?;
    token?;
    // One that is over, or was never there, is revoked already (§2.2).
    if let (Some(session), Some(hash)) = (held.session().await?, &held.access) {
        let own = session.oauth.is_some_and(|access| access.client == client.id);
        if !own || !place.is_of(session.reseller, session.company) {
            return Err(of_another());
        }
        context.store().session_delete(hash).await?;
    }
    if let Some(grant) = state.grant {
        if grant.client != client.id {
            return Err(of_another());
        }
        // An older token of the grant ends it as the present one does: whoever has it must not go on.
        let write = Write {
            at: context.now,
            by: Actor::System,
            action: context.endpoint,
            claim: None,
        };
        context.store().oauth_grants_end(&[grant], &write).await?;
    }
    Ok(())
}

/// §2.1: a client that shows another's token is told so.
fn of_another() -> Failure {
    Refused::grant("the token is another client's").into()
}
