//! The reseller's OpenID Connect provider (OpenID Connect Core 1.0, authorization code flow): which companies sign in with
//! it, what it says about itself, and what it says about people. The provider is somebody else's: all that is sent to it
//! goes out by [`crate::outbound`], and nothing that it says is believed unsigned.

mod id_token;
mod journey;
mod provider;
mod recent;

use std::sync::Arc;

use domain::company::{OpenIdClient, Reseller};
use domain::id::ResellerId;
use domain::sealed::Sealed;
use jiff::{SignedDuration, Timestamp};
use store::Scope;

pub(crate) use journey::{Journey, JourneyCookie};
pub(crate) use provider::{Answered, Failure, authorization_url, subject};

use crate::app::App;
use crate::auth::known;
use crate::context::Context;
use crate::error::Error;
use crate::outbound::Given;
use crate::visit::Place;
use id_token::Keys;
use provider::Metadata;
use recent::Recent;

/// How long it is believed which provider a company signs in with.
const COMPANY_FRESH: SignedDuration = SignedDuration::from_secs(60);

/// How Convoke is registered with a provider.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Provider {
    reseller: ResellerId,
    pub(crate) client: OpenIdClient,
    secret: Option<Sealed>,
}

impl Provider {
    /// The client secret in clear; a public client has none.
    fn secret(&self, app: &App) -> Result<Option<String>, Error> {
        let place = Reseller::openid_place(self.reseller);
        self.secret.as_ref().map(|sealed| app.open(&place, sealed)).transpose()
    }
}

/// What this process has read lately of providers.
#[derive(Debug, Default)]
pub(crate) struct Providers {
    companies: Recent<Place, Option<Arc<Provider>>>,
    /// By issuer.
    metadata: Recent<String, Arc<Metadata>>,
    /// By `jwks_uri`.
    keys: Recent<String, Arc<Keys>>,
}

/// The provider that a company's people sign in with: its `openid_provider` says so, and its reseller has one. Remembered
/// for a minute; else one round trip.
pub(crate) async fn provider_of(context: &Context<'_>, place: Place) -> Result<Option<Arc<Provider>>, Error> {
    let (app, now) = (context.app, context.now);
    if let Some(known) = app.providers.companies.find(&place, now, COMPANY_FRESH) {
        return Ok(known);
    }
    let scope = Scope::company(place.reseller, place.company);
    let (company, reseller) = tokio::join!(
        app.store.company(&scope, place.company),
        app.store.reseller(place.reseller)
    );
    let signs_in = known(company)?.is_some_and(|company| company.settings.openid_provider);
    let reseller = reseller?;
    let provider = reseller.openid.filter(|_| signs_in).map(|client| {
        Arc::new(Provider {
            reseller: reseller.id,
            client,
            secret: reseller.openid_secret,
        })
    });
    app.providers.companies.keep(place, provider.clone(), now);
    Ok(provider)
}

/// Whether an issuer identifier is one that can be asked: an address that requests may go to, without query and fragment.
pub(crate) fn check_issuer(app: &App, issuer: &str) -> Result<(), String> {
    if issuer.contains(['?', '#']) {
        return Err("must have no query and no fragment".to_owned());
    }
    let given = app.outbound.given(issuer, Given::Issuer);
    given.map(drop).map_err(|why| why.to_string())
}

/// Seconds of a time, as tokens count them.
fn seconds(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}
