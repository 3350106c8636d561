//! `/admin/oauth`: a company's administrators register the apps that may ask its people. The secret of an app that can keep
//! one is shown once.

use std::fmt;

use domain::sealed::token_hash;
use domain::text::Name;
use domain::time::iso;
use domain::{Code, Error as Refusal, Role};
use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{OauthClient, Scope};

use super::{metadata, redirect_uri};
use crate::admin::{administrator, write};
use crate::app::App;
use crate::auth::{self, Use};
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::JsonBody;
use crate::pages;
use crate::reply::{Html, Json};

/// Most clients of a company.
const MOST: usize = 50;
/// Most redirect URIs of a client.
const MOST_URIS: usize = 10;
/// What every secret begins with, so that scanners of code and logs find what should not be there.
const PREFIX: &str = "cvs_";
const PATH: &str = "/admin/oauth";
const TITLE: &str = "Apps";

/// `GET /admin/oauth`.
#[derive(Debug)]
pub struct PageOauthClients;

impl Endpoint for PageOauthClients {
    const ID: &'static str = "page_oauth_clients";
    const METHOD: Method = Method::GET;
    const PATH: &'static str = PATH;
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::Pages];
    const SUMMARY: &'static str = "The page of the apps that may ask a company's people.";
    type Input = ();
    type Output = Html;

    async fn handle(context: &Context<'_>, (): ()) -> Result<Html, Error> {
        let app = context.app;
        let (place, session) = auth::visitor(context, Use::Look).await?;
        let scope = Scope::company(place.reseller, place.company);
        let company = async { Ok(app.store.company(&scope, place.company).await?) };
        let clients = async { Ok(app.store.oauth_clients(place.reseller, place.company).await?) };
        let host = auth::account(app, &scope, session.as_ref());
        let (company, clients, host) = tokio::try_join!(company, clients, host)?;
        let Some((host, session)) = host.zip(session) else {
            return pages::sent(app, TITLE, "/login?redirect_url=/admin/oauth", "Sign in first");
        };
        if session.role < Role::CompanyAdmin {
            return pages::told(app, StatusCode::FORBIDDEN, TITLE, "This page is for administrators");
        }
        let config = json!({
            "page": "oauth_clients",
            "tenant": pages::tenant(&company),
            "account": pages::account(&host),
            "issuer": metadata::issuer(context),
            "clients": clients.iter().map(shown).collect::<Vec<_>>(),
        });
        let title = format!("{TITLE} · {}", pages::product(&company));
        pages::account_page(app, StatusCode::OK, &title, config)
    }
}

fn shown(client: &OauthClient) -> serde_json::Value {
    json!({
        "client_id": client.id, "name": client.name, "redirect_uris": client.redirect_uris,
        "public": client.secret_hash.is_none(), "created": iso(client.created),
    })
}

/// What the page sends to register an app.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ClientParameters {
    /// What people are asked about.
    pub name: Name,
    /// Where it may send people back to: 1 to 10, each https, or of a public one http on the person's own machine.
    #[schemars(length(min = 1, max = 10))]
    pub redirect_uris: Vec<String>,
    /// It runs where people can look into it (a phone, a desktop, a browser), and so has no secret.
    #[serde(default)]
    pub public: bool,
}

/// An app that was registered.
#[derive(Clone, Serialize, JsonSchema)]
#[schemars(rename = "OauthClient")]
pub struct RegisteredClient {
    /// Its id.
    pub client_id: String,
    /// What people are asked about.
    pub name: Name,
    /// Where it may send people back to.
    pub redirect_uris: Vec<String>,
    /// Whether it has no secret.
    pub public: bool,
    /// When it was registered, ISO 8601 in UTC.
    pub created: String,
    /// Its secret, which is not told again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
}

impl fmt::Debug for RegisteredClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegisteredClient")
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// `POST /admin/oauth`.
#[derive(Debug)]
pub struct OauthClientCreate;

impl Endpoint for OauthClientCreate {
    const ID: &'static str = "oauth_client_create";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = PATH;
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite];
    const SUMMARY: &'static str = "Registers an app that may ask a company's people.";
    type Input = JsonBody<ClientParameters>;
    type Output = Json<RegisteredClient>;

    async fn handle(context: &Context<'_>, JsonBody(asked): Self::Input) -> Result<Self::Output, Error> {
        let wrong = |why: &str| Refusal::invalid("redirect_uris", why);
        if !(1..=MOST_URIS).contains(&asked.redirect_uris.len()) {
            return Err(wrong("must be 1 to 10 addresses").into());
        }
        for uri in &asked.redirect_uris {
            redirect_uri::check(uri, asked.public).map_err(wrong)?;
        }
        let (host, role) = administrator(context).await?;
        let store = context.store();
        if store.oauth_clients(host.reseller, host.company).await?.len() >= MOST {
            let why = format!("A company has at most {MOST} apps: delete one first");
            return Err(Refusal::new(Code::Conflict, why).into());
        }
        let secret = (!asked.public).then(|| secret(context.app));
        let client = OauthClient {
            id: hex::encode(context.app.random::<16>()),
            reseller: host.reseller,
            company: host.company,
            name: asked.name,
            redirect_uris: asked.redirect_uris,
            secret_hash: secret.as_deref().map(token_hash),
            created: context.now,
        };
        store.oauth_client_create(&client, &write(context, &host, role)).await?;
        Ok(Json(RegisteredClient {
            client_id: client.id,
            name: client.name,
            redirect_uris: client.redirect_uris,
            public: asked.public,
            created: iso(client.created),
            client_secret: secret,
        }))
    }
}

fn secret(app: &App) -> String {
    format!("{PREFIX}{}", auth::token(app))
}

/// What the page sends to change or delete an app.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct WhichClient {
    /// Which.
    pub client_id: String,
}

/// An administrator's own client.
async fn which(context: &Context<'_>, asked: &WhichClient) -> Result<(OauthClient, store::Write<'static>), Error> {
    let (host, role) = administrator(context).await?;
    let unknown = || Refusal::not_found("app");
    if !super::client::is_id(&asked.client_id) {
        return Err(unknown().into());
    }
    let found = context
        .store()
        .oauth_client(host.reseller, host.company, &asked.client_id)
        .await?;
    Ok((found.ok_or_else(unknown)?, write(context, &host, role)))
}

/// An app's new secret.
#[derive(Clone, Serialize, JsonSchema)]
#[schemars(rename = "OauthClientSecret")]
pub struct RotatedClient {
    /// Whose.
    pub client_id: String,
    /// The secret, which is not told again; the one before it is of no use any more.
    pub client_secret: String,
}

impl fmt::Debug for RotatedClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RotatedClient")
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// `POST /admin/oauth/rotate`.
#[derive(Debug)]
pub struct OauthClientRotate;

impl Endpoint for OauthClientRotate {
    const ID: &'static str = "oauth_client_rotate";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/admin/oauth/rotate";
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite];
    const SUMMARY: &'static str = "Gives an app of a company another secret.";
    type Input = JsonBody<WhichClient>;
    type Output = Json<RotatedClient>;

    async fn handle(context: &Context<'_>, JsonBody(asked): Self::Input) -> Result<Self::Output, Error> {
        let (client, write) = which(context, &asked).await?;
        if client.secret_hash.is_none() {
            return Err(Refusal::new(Code::Conflict, "This app has no secret").into());
        }
        let client_secret = secret(context.app);
        let hash = token_hash(&client_secret);
        context.store().oauth_client_rotate(&client, &hash, &write).await?;
        Ok(Json(RotatedClient {
            client_id: client.id,
            client_secret,
        }))
    }
}

/// An app that is gone.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "OauthClientGone")]
pub struct DeletedClient {
    /// Which.
    pub client_id: String,
}

/// `POST /admin/oauth/delete`.
#[derive(Debug)]
pub struct OauthClientDelete;

impl Endpoint for OauthClientDelete {
    const ID: &'static str = "oauth_client_delete";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/admin/oauth/delete";
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite];
    const SUMMARY: &'static str = "Deletes an app of a company: whatever it was granted is over.";
    type Input = JsonBody<WhichClient>;
    type Output = Json<DeletedClient>;

    async fn handle(context: &Context<'_>, JsonBody(asked): Self::Input) -> Result<Self::Output, Error> {
        let (client, write) = which(context, &asked).await?;
        context.store().oauth_client_delete(&client, &write).await?;
        Ok(Json(DeletedClient { client_id: client.id }))
    }
}
