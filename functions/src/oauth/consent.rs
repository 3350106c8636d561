//! `/oauth/authorize`: a person who is signed in is asked whether an app may act for them, and the app is told. Nobody frames
//! the page, and only the page itself answers it.

use std::fmt;

use domain::conference::later;
use domain::sealed::token_hash;
use domain::{Error as Refusal, Role};
use http::{HeaderValue, Method, StatusCode, header};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{OauthClient, OauthGrant, Scope};
use url::Url;

use super::authorize::{self, Asked, Wrong};
use super::form::{Fields, Refused};
use super::{CODE, CODE_LIFE, Named, client, metadata};
use crate::access;
use crate::admin;
use crate::app::App;
use crate::auth::{self, Redirect, Use};
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::JsonBody;
use crate::pages;
use crate::reply::{Html, Json};
use crate::visit::Place;

/// Most grants of an account; the oldest one goes for one more.
const MOST: usize = 50;
const PATH: &str = "/oauth/authorize";
const TITLE: &str = "Let an app in";

/// `GET /oauth/authorize`.
#[derive(Debug)]
pub struct PageOauthConsent;

impl Endpoint for PageOauthConsent {
    const ID: &'static str = "page_oauth_consent";
    const METHOD: Method = Method::GET;
    const PATH: &'static str = PATH;
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::Pages];
    const SUMMARY: &'static str = "Asks whether an app may act for the person who is signed in.";
    type Input = ();
    type Output = Html;

    async fn handle(context: &Context<'_>, (): ()) -> Result<Html, Error> {
        let (app, query) = (context.app, &context.request.query);
        let fields = Fields::read(query.as_bytes());
        let (place, session) = auth::visitor(context, Use::Look).await?;
        let scope = Scope::company(place.reseller, place.company);
        let company = async { Ok(app.store.company(&scope, place.company).await?) };
        let host = auth::account(app, &scope, session.as_ref());
        let (company, host, client) = tokio::try_join!(company, host, named(context, place, &fields))?;
        let asked = match authorize::check(&fields, client.as_ref()) {
            Ok(asked) => asked,
            Err(Wrong::Told(message)) => return pages::told(app, StatusCode::BAD_REQUEST, TITLE, message),
            Err(Wrong::Back(back, refused)) => {
                let to = back.refused(&refused, &metadata::issuer(context));
                return sent(app, &to, "The app is told what is wrong");
            }
        };
        let Some(own) = Redirect::parse(&format!("{PATH}?{query}")) else {
            let message = "The app asks in an address that is too long";
            return pages::told(app, StatusCode::BAD_REQUEST, TITLE, message);
        };
        let back: String = url::form_urlencoded::byte_serialize(own.to_string().as_bytes()).collect();
        let sign_in = format!("/login?redirect_url={back}");
        let Some((host, client)) = host.zip(client) else {
            return sent(app, &sign_in, "Sign in first");
        };
        let goes = Url::parse(&asked.back.uri).map(|url| url.origin().ascii_serialization());
        let config = json!({
            "page": "consent",
            "tenant": pages::tenant(&company),
            "account": pages::account(&host),
            "client": client.name,
            "goes_to": goes.unwrap_or_default(),
            "scopes": asked.scopes.names(),
            "request": query,
            "other_account": sign_in,
        });
        let title = format!("{TITLE} · {}", pages::product(&company));
        pages::account_page(app, StatusCode::OK, &title, config)
    }
}

/// The client that a request names, if there is one.
async fn named(context: &Context<'_>, place: Place, fields: &Fields) -> Result<Option<OauthClient>, Error> {
    match authorize::client_id(fields).filter(|id| client::is_id(id)) {
        Some(id) => Ok(context.store().oauth_client(place.reseller, place.company, id).await?),
        None => Ok(None),
    }
}

/// What was asked stays between the app and us.
fn sent(app: &App, to: &str, message: &str) -> Result<Html, Error> {
    let mut page = pages::sent(app, TITLE, to, message)?;
    page.headers
        .insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(page)
}

/// What the page sends.
#[derive(Clone, Deserialize, JsonSchema)]
pub struct ConsentParameters {
    /// What was asked: the query of the page's address.
    pub request: String,
    /// Whether the person lets the app in.
    pub allow: bool,
}

impl fmt::Debug for ConsentParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsentParameters")
            .field("allow", &self.allow)
            .finish_non_exhaustive()
    }
}

/// Where the browser goes with the answer.
#[derive(Clone, Serialize, JsonSchema)]
pub struct ConsentAnswer {
    /// The app's address, with a code or the refusal.
    pub redirect_url: String,
}

impl fmt::Debug for ConsentAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConsentAnswer(***)")
    }
}

/// `POST /oauth/authorize`.
#[derive(Debug)]
pub struct OauthConsent;

impl Endpoint for OauthConsent {
    const ID: &'static str = "oauth_consent";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = PATH;
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite];
    const SUMMARY: &'static str = "Lets an app act for the person who is signed in, or does not.";
    type Input = JsonBody<ConsentParameters>;
    type Output = Json<ConsentAnswer>;

    async fn handle(context: &Context<'_>, JsonBody(answer): Self::Input) -> Result<Self::Output, Error> {
        auth::own_page(context)?;
        let (app, store) = (context.app, context.store());
        let fields = Fields::read(answer.request.as_bytes());
        let (place, session) = auth::visitor(context, Use::Act).await?;
        let session = session.ok_or_else(access::expired)?;
        let scope = Scope::company(place.reseller, place.company);
        let grants = async { Ok(store.oauth_grants(place.reseller, session.host).await?) };
        let host = auth::account(app, &scope, Some(&session));
        let (host, client, grants) = tokio::try_join!(host, named(context, place, &fields), grants)?;
        let host = host.ok_or_else(access::expired)?;
        let issuer = metadata::issuer(context);
        let to = match (authorize::check(&fields, client.as_ref()), client) {
            (Err(Wrong::Back(back, refused)), _) => back.refused(&refused, &issuer),
            (Ok(asked), Some(client)) if answer.allow => {
                let (code, grant) = granted(context, &asked, &client, (&host, session.role));
                let over = grants.get(MOST - 1..).unwrap_or_default();
                let over = &over[..over.len().min(MOST)];
                let write = admin::write(context, &host, session.role);
                store.oauth_grant_create(&grant, over, &write).await?;
                asked.back.with(&[("code", &code)], &issuer)
            }
            (Ok(asked), _) => {
                let refused = Refused::new("access_denied", "the person does not let the app in");
                asked.back.refused(&refused, &issuer)
            }
            (Err(Wrong::Told(message)), _) => return Err(Refusal::invalid("request", message).into()),
        };
        Ok(Json(ConsentAnswer { redirect_url: to }))
    }
}

/// A new grant and its code.
fn granted(
    context: &Context<'_>,
    asked: &Asked,
    client: &OauthClient,
    (host, role): (&domain::host::Host, Role),
) -> (String, OauthGrant) {
    let family = hex::encode(context.app.random::<16>());
    let named = Named {
        host: host.id,
        family: &family,
    };
    let code = named.made(context.app, CODE);
    let code_ends = later(context.now, CODE_LIFE);
    let grant = OauthGrant {
        hash: named.hash(),
        reseller: host.reseller,
        company: host.company,
        host: host.id,
        role,
        client: client.id.clone(),
        client_name: client.name.clone(),
        scopes: asked.scopes,
        redirect_uri: asked.back.uri.clone(),
        challenge: asked.challenge.clone(),
        code_hash: token_hash(&code),
        code_ends,
        refresh_hash: None,
        created: context.now,
        used: None,
        ends: code_ends,
    };
    (code, grant)
}
