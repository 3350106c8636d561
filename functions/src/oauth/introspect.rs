//! `POST /oauth/introspect` (RFC 7662): whether a token of the client is good, and for what.

use domain::sealed::{same_secret, token_hash};
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use store::OauthState;

use super::client::{self, Shown};
use super::form::{Failure, Refused, StandardForm, answered};
use super::{Held, metadata};
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::reply::Response;
use crate::visit::Place;

/// `POST /oauth/introspect`.
#[derive(Debug)]
pub struct OauthIntrospect;

impl Endpoint for OauthIntrospect {
    const ID: &'static str = "oauth_introspect";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/oauth/introspect";
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite];
    const SUMMARY: &'static str = "Tells a client about a token of its own (RFC 7662).";
    type Input = StandardForm;
    type Output = Response;

    async fn handle(context: &Context<'_>, form: StandardForm) -> Result<Response, Error> {
        answered(introspect(context, &form).await)
    }
}

async fn introspect(context: &Context<'_>, form: &StandardForm) -> Result<Value, Failure> {
    let place = Place::of(context).await?;
    let fields = form.fields()?;
    let shown = Shown::read(context.request, fields)?;
    let token = fields.needed("token");
    let held = Held::of(context.store(), token.as_ref().ok().copied());
    let store = context.store();
    let known = client::authenticate(context, place, &shown, held.about());
    let (known, held) = tokio::join!(known, held.session());
    let (client, state) = known?;
    let (token, held) = (token?, held?);
    // Whoever has found a token must not learn from us what it is good for (§2.1).
    if client.secret_hash.is_none() {
        return Err(Refused::client().into());
    }
    let issuer = metadata::issuer(context);
    let about = |host, scopes, created: Timestamp, ends: Timestamp| {
        json!({
            "active": true, "scope": scopes, "client_id": client.id, "sub": host, "iss": issuer,
            "iat": created.as_second(), "exp": ends.as_second(),
        })
    };
    if let Some(session) = held {
        let scopes = session.oauth.as_ref().filter(|access| access.client == client.id);
        let scopes = scopes.map(|access| access.scopes);
        let own = place.is_of(session.reseller, session.company) && session.ends > context.now;
        if let Some(scopes) = scopes.filter(|_| own)
            && store.session_stands(&session).await?
        {
            let host = session.host.to_string();
            let mut told = about(host, scopes, session.created, session.ends);
            told["token_type"] = "Bearer".into();
            return Ok(told);
        }
    }
    let OauthState {
        grant: Some(grant),
        host: Some(host),
        company: Some(company),
        ..
    } = state
    else {
        return Ok(json!({"active": false}));
    };
    let current = grant.refresh_hash.as_ref();
    let current = current.is_some_and(|hash| same_secret(hash.as_bytes(), token_hash(token).as_bytes()));
    let stands = host.admits(grant.role, grant.created) && company.deleting.is_none() && grant.ends > context.now;
    match current && stands && grant.client == client.id {
        true => {
            let used = grant.used.and_then(|used| Timestamp::from_millisecond(used).ok());
            let made = used.unwrap_or(grant.created);
            Ok(about(grant.host.to_string(), grant.scopes, made, grant.ends))
        }
        false => Ok(json!({"active": false})),
    }
}
