//! `/account/apps`: which apps a person has let in, and how each is shown out again.

use std::collections::BTreeMap;

use domain::Error as Refusal;
use domain::time::iso;
use http::{Method, StatusCode};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{OauthClient, OauthGrant, Scope};

use crate::access;
use crate::admin;
use crate::auth::{self, Use};
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::JsonBody;
use crate::pages;
use crate::reply::{Html, Json};

const TITLE: &str = "Connected apps";

/// `GET /account/apps`.
#[derive(Debug)]
pub struct PageOauthApps;

impl Endpoint for PageOauthApps {
    const ID: &'static str = "page_oauth_apps";
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/account/apps";
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::Pages];
    const SUMMARY: &'static str = "The page of the apps that act for the person who is signed in.";
    type Input = ();
    type Output = Html;

    async fn handle(context: &Context<'_>, (): ()) -> Result<Html, Error> {
        let app = context.app;
        let (place, session) = auth::visitor(context, Use::Look).await?;
        let scope = Scope::company(place.reseller, place.company);
        let company = async { Ok(app.store.company(&scope, place.company).await?) };
        let clients = async { Ok(app.store.oauth_clients(place.reseller, place.company).await?) };
        let grants = async {
            match &session {
                Some(session) => Ok(app.store.oauth_grants(place.reseller, session.host).await?),
                None => Ok(Vec::new()),
            }
        };
        let host = auth::account(app, &scope, session.as_ref());
        let (company, clients, grants, host) = tokio::try_join!(company, clients, grants, host)?;
        let Some(host) = host else {
            return pages::sent(app, TITLE, "/login?redirect_url=/account/apps", "Sign in first");
        };
        let good = |grant: &&OauthGrant| context.now < grant.ends && host.admits(grant.role, grant.created);
        let grants: Vec<_> = grants.iter().filter(good).collect();
        let config = json!({
            "page": "oauth_apps",
            "tenant": pages::tenant(&company),
            "account": pages::account(&host),
            "apps": shown(&clients, &grants),
        });
        let title = format!("{TITLE} · {}", pages::product(&company));
        pages::account_page(app, StatusCode::OK, &title, config)
    }
}

/// One entry per app, whatever it was granted how often.
fn shown(clients: &[OauthClient], grants: &[&OauthGrant]) -> Vec<Value> {
    let mut by: BTreeMap<&str, Vec<&OauthGrant>> = BTreeMap::new();
    for grant in grants {
        by.entry(grant.client.as_str()).or_default().push(grant);
    }
    let known = clients
        .iter()
        .filter_map(|client| Some((client, by.get(client.id.as_str())?)));
    let entry = |(client, grants): (&OauthClient, &Vec<&OauthGrant>)| {
        let moment = |at: i64| Timestamp::from_millisecond(at).ok().map(iso);
        json!({
            "client_id": client.id,
            "name": client.name,
            "writes": grants.iter().any(|grant| !grant.scopes.reads_only()),
            "created": grants.iter().map(|grant| grant.created).min().map(iso),
            "used": grants.iter().filter_map(|grant| grant.used).max().and_then(moment),
        })
    };
    known.map(entry).collect()
}

/// What the page sends.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct RevokeAppParameters {
    /// Which app.
    pub client_id: String,
}

/// What was ended.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "OauthAppGone")]
pub struct EndedApp {
    /// Which app.
    pub client_id: String,
}

/// `POST /account/apps/revoke`.
#[derive(Debug)]
pub struct OauthAppRevoke;

impl Endpoint for OauthAppRevoke {
    const ID: &'static str = "oauth_app_revoke";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/account/apps/revoke";
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite];
    const SUMMARY: &'static str = "Ends all that the person who is signed in has granted an app.";
    type Input = JsonBody<RevokeAppParameters>;
    type Output = Json<EndedApp>;

    async fn handle(context: &Context<'_>, JsonBody(asked): Self::Input) -> Result<Self::Output, Error> {
        auth::own_page(context)?;
        let (app, store) = (context.app, context.store());
        let (place, session) = auth::visitor(context, Use::Act).await?;
        let session = session.ok_or_else(access::expired)?;
        let scope = Scope::company(place.reseller, place.company);
        let grants = async { Ok(store.oauth_grants(place.reseller, session.host).await?) };
        let host = auth::account(app, &scope, Some(&session));
        let (host, mut grants) = tokio::try_join!(host, grants)?;
        let host = host.ok_or_else(access::expired)?;
        grants.retain(|grant| grant.client == asked.client_id);
        if grants.is_empty() {
            return Err(Refusal::not_found("app").into());
        }
        let write = admin::write(context, &host, session.role);
        for grants in grants.chunks(90) {
            store.oauth_grants_end(grants, &write).await?;
        }
        Ok(Json(EndedApp {
            client_id: asked.client_id,
        }))
    }
}
