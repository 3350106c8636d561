//! A browser's way to the provider and back: what it set out with, sealed in a cookie of its own for ten minutes, so that
//! nobody else's answer is taken for it and nothing is written before somebody has signed in.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::code::Fqdn;
use domain::company::OpenIdClient;
use domain::sealed::{Sealed, same_secret, token_hash};
use http::HeaderValue;
use jiff::{SignedDuration, Timestamp};
use ring::digest;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::auth;
use crate::request::Request;
use crate::visit::Place;

/// How long the way may take.
const LONGEST: SignedDuration = SignedDuration::from_mins(10);

/// What a browser set out with.
#[derive(Serialize, Deserialize)]
pub(crate) struct Journey {
    /// To which provider, and as which client of it.
    issuer: String,
    client_id: String,
    /// Names the answer that belongs to it (RFC 6749 §10.12).
    pub(crate) state: String,
    /// Names the token that belongs to it.
    pub(crate) nonce: String,
    /// Proves that the code is ours (RFC 7636).
    pub(crate) verifier: String,
    /// Where the browser goes in the end: a path of this domain.
    pub(crate) redirect: String,
    /// When it set out, in Unix milliseconds.
    begun: i64,
}

/// Whose cookie it is, and of which name.
#[derive(Clone, Debug)]
pub(crate) struct JourneyCookie {
    name: &'static str,
    attributes: &'static str,
    place: String,
}

impl Journey {
    pub(crate) fn begin(app: &App, client: &OpenIdClient, redirect: String, now: Timestamp) -> Self {
        Self {
            issuer: client.issuer.clone(),
            client_id: client.client_id.clone(),
            state: auth::token(app),
            nonce: auth::token(app),
            verifier: auth::token(app),
            redirect,
            begun: now.as_millisecond(),
        }
    }

    /// Whether an answer with this `state` belongs to it.
    pub(crate) fn expects(&self, state: &str) -> bool {
        same_secret(self.state.as_bytes(), state.as_bytes())
    }

    /// Whether it led to this client's provider.
    pub(crate) fn is_to(&self, client: &OpenIdClient) -> bool {
        self.issuer == client.issuer && self.client_id == client.client_id
    }

    /// S256 of the verifier (RFC 7636 §4.2).
    pub(crate) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, self.verifier.as_bytes()))
    }

    /// What it is known by once it has led to a session, and until when it could lead to another.
    pub(crate) fn spent(&self) -> (String, Timestamp) {
        (token_hash(&self.state), self.ends())
    }

    fn ends(&self) -> Timestamp {
        let begun = Timestamp::from_millisecond(self.begun).unwrap_or(Timestamp::UNIX_EPOCH);
        domain::conference::later(begun, LONGEST)
    }
}

impl JourneyCookie {
    /// Of a company under this host name.
    pub(crate) fn of(app: &App, place: Place, host: &Fqdn) -> Self {
        let (name, attributes) = match app.config.scheme.as_str() {
            "https" => ("__Host-convoke-openid", "Path=/; Secure; HttpOnly; SameSite=Lax"),
            _ => ("convoke-openid", "Path=/; HttpOnly; SameSite=Lax"),
        };
        Self {
            name,
            attributes,
            place: format!("openid/{}/{}/{host}", place.reseller, place.company),
        }
    }

    pub(crate) fn set(&self, app: &App, journey: &Journey) -> HeaderValue {
        let text = serde_json::to_string(journey).expect("plain data");
        let sealed = app.seal(&self.place, &text);
        let age = LONGEST.as_secs();
        self.value(&format!("{}; {}; Max-Age={age}", sealed.as_str(), self.attributes))
    }

    /// Takes it back.
    pub(crate) fn gone(&self) -> HeaderValue {
        self.value(&format!("; {}; Max-Age=0", self.attributes))
    }

    /// What the request's cookie holds, while it is not over.
    pub(crate) fn read(&self, app: &App, request: &Request, now: Timestamp) -> Option<Journey> {
        let sealed = Sealed::from_text(request.cookie(self.name)?);
        let text = app.open(&self.place, &sealed).ok()?;
        let journey: Journey = serde_json::from_str(&text).ok()?;
        Some(journey).filter(|journey| journey.begun <= now.as_millisecond() && now < journey.ends())
    }

    fn value(&self, rest: &str) -> HeaderValue {
        HeaderValue::try_from(format!("{}={rest}", self.name)).expect("printable ASCII")
    }
}
