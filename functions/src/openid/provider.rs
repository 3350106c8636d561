//! What is asked of a provider: what it says about itself (OpenID Connect Discovery 1.0), its keys, and whom it has signed in.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use jiff::SignedDuration;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::id_token::{Expected, Keys, Untrue};
use super::{Journey, Provider};
use crate::app::App;
use crate::context::Context;
use crate::error::Error;
use crate::outbound::{Answer, Limits, OutboundError};

/// How long is believed what a provider says about itself, and its keys.
const FRESH: SignedDuration = SignedDuration::from_hours(1);
/// How often at most its keys are looked at again for one that is not among them.
const KEYS_AGAIN: SignedDuration = SignedDuration::from_secs(60);
/// What one answer may take and be.
const LIMITS: Limits = Limits {
    time: Duration::from_secs(3),
    body: 256 * 1_024,
};
/// How long all that is asked of a provider for one sign-in may take: a function has ten seconds.
const PATIENCE: Duration = Duration::from_secs(7);

/// Why a provider has signed nobody in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Nothing came of a request.
    #[error("the provider {0}")]
    Away(#[from] OutboundError),
    /// It has failed itself.
    #[error("the provider answered with status {0}")]
    Status(StatusCode),
    /// All together took too long.
    #[error("the provider took too long")]
    TooSlow,
    /// It does not know the code: it was used, is too old, or is somebody else's.
    #[error("the provider refused the code")]
    Code,
    /// What it says is not what the specification has it say.
    #[error("the provider's {0}")]
    Odd(&'static str),
    /// What it says about somebody is not to be believed.
    #[error("{0}")]
    Untrue(#[from] Untrue),
    /// A failure of ours.
    #[error(transparent)]
    Own(#[from] Error),
}

/// What a provider says about itself.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// What the browser brought back from the provider.
#[derive(Debug)]
pub(crate) struct Answered<'a> {
    pub(crate) code: &'a str,
    /// Who answered (RFC 9207).
    pub(crate) issuer: Option<&'a str>,
    /// Where the browser was sent back to.
    pub(crate) redirect_uri: &'a str,
}

/// Where a browser goes to be signed in. `again`: the provider shall ask, also whoever it knows already.
pub(crate) async fn authorization_url(
    context: &Context<'_>,
    provider: &Provider,
    journey: &Journey,
    redirect_uri: &str,
    again: bool,
) -> Result<String, Failure> {
    let metadata = metadata(context, provider).await?;
    let mut url = Url::parse(&metadata.authorization_endpoint).map_err(|_| Failure::Odd("endpoint is no address"))?;
    let mut query = url.query_pairs_mut();
    query
        .append_pair("response_type", "code")
        .append_pair("client_id", &provider.client.client_id)
        .append_pair("redirect_uri", redirect_uri)
        .append_pair("scope", "openid")
        .append_pair("state", &journey.state)
        .append_pair("nonce", &journey.nonce)
        .append_pair("code_challenge", &journey.challenge())
        .append_pair("code_challenge_method", "S256");
    if again {
        query.append_pair("prompt", "login");
    }
    drop(query);
    Ok(url.into())
}

/// Whom the provider has signed in: its name for them.
pub(crate) async fn subject(
    context: &Context<'_>,
    provider: &Provider,
    journey: &Journey,
    answered: &Answered<'_>,
) -> Result<String, Failure> {
    let asked = async {
        let metadata = metadata(context, provider).await?;
        match answered.issuer {
            Some(issuer) if issuer != metadata.issuer => return Err(Failure::Odd("answer is another provider's")),
            None if metadata.authorization_response_iss_parameter_supported => {
                return Err(Failure::Odd("answer does not say whose it is"));
            }
            _ => {}
        }
        let token = id_token(context.app, provider, &metadata, journey, answered).await?;
        let expected = Expected {
            issuer: &metadata.issuer,
            client_id: &provider.client.client_id,
            nonce: &journey.nonce,
            now: context.now,
        };
        let known = keys(context, &metadata, FRESH).await?;
        match known.subject(&token, &expected) {
            // It may have new ones.
            Err(Untrue::UnknownKey) => {
                let known = keys(context, &metadata, KEYS_AGAIN).await?;
                Ok(known.subject(&token, &expected)?)
            }
            outcome => Ok(outcome?),
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, asked).await;
    in_time.unwrap_or(Err(Failure::TooSlow))
}

async fn metadata(context: &Context<'_>, provider: &Provider) -> Result<Arc<Metadata>, Failure> {
    let (app, issuer) = (context.app, &provider.client.issuer);
    if let Some(known) = app.providers.metadata.find(issuer, context.now, FRESH) {
        return Ok(known);
    }
    let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let metadata: Metadata = read(app, &url, "description of itself is none").await?;
    if metadata.issuer != *issuer {
        return Err(Failure::Odd("description of itself is another provider's"));
    }
    // The browser is sent where we would go ourselves, and nowhere else.
    app.outbound.target(&metadata.authorization_endpoint)?;
    let metadata = Arc::new(metadata);
    app.providers
        .metadata
        .keep(issuer.clone(), Arc::clone(&metadata), context.now);
    Ok(metadata)
}

async fn keys(context: &Context<'_>, metadata: &Metadata, fresh: SignedDuration) -> Result<Arc<Keys>, Failure> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Value>,
    }
    let app = context.app;
    if let Some(known) = app.providers.keys.find(&metadata.jwks_uri, context.now, fresh) {
        return Ok(known);
    }
    let set: Set = read(app, &metadata.jwks_uri, "set of keys is none").await?;
    let keys = Arc::new(Keys::of(set.keys));
    app.providers
        .keys
        .keep(metadata.jwks_uri.clone(), Arc::clone(&keys), context.now);
    Ok(keys)
}

async fn read<T: DeserializeOwned>(app: &App, url: &str, odd: &'static str) -> Result<T, Failure> {
    let target = app.outbound.target(url)?;
    let sent = app
        .outbound
        .send(Method::GET, &target, taking_json(), Bytes::new(), LIMITS);
    let answer = sent.await?;
    if answer.status != StatusCode::OK {
        return Err(Failure::Status(answer.status));
    }
    serde_json::from_slice(&answer.body).map_err(|_| Failure::Odd(odd))
}

/// Trades the code for the token that says who has signed in (OpenID Connect Core 1.0 §3.1.3).
async fn id_token(
    app: &App,
    provider: &Provider,
    metadata: &Metadata,
    journey: &Journey,
    answered: &Answered<'_>,
) -> Result<String, Failure> {
    #[derive(Deserialize)]
    struct Tokens {
        id_token: String,
    }
    let client_id = &provider.client.client_id;
    let mut headers = taking_json();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/x-www-form-urlencoded"),
    );
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", answered.code),
        ("redirect_uri", answered.redirect_uri),
        ("code_verifier", &journey.verifier),
    ];
    let secret = provider.secret(app)?;
    match &secret {
        Some(secret) if metadata.takes_basic() => {
            headers.insert(AUTHORIZATION, basic(client_id, secret));
        }
        Some(secret) => form.extend([("client_id", client_id.as_str()), ("client_secret", secret)]),
        None => form.push(("client_id", client_id)),
    }
    let form = Serializer::new(String::new()).extend_pairs(form).finish();
    let target = app.outbound.target(&metadata.token_endpoint)?;
    let sent = app
        .outbound
        .send(Method::POST, &target, headers, Bytes::from(form), LIMITS);
    let answer = sent.await?;
    match answer.status {
        StatusCode::OK => {
            let tokens: Tokens =
                serde_json::from_slice(&answer.body).map_err(|_| Failure::Odd("answer holds no ID token"))?;
            Ok(tokens.id_token)
        }
        _ if refuses_code(&answer) => Err(Failure::Code),
        status => Err(Failure::Status(status)),
    }
}

fn refuses_code(answer: &Answer) -> bool {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    body.is_some_and(|body| body["error"] == "invalid_grant")
}

impl Metadata {
    /// By the `Authorization` header, unless it says that it takes the body alone (Discovery §3: absent means the header).
    fn takes_basic(&self) -> bool {
        let methods = self.token_endpoint_auth_methods_supported.as_ref();
        methods.is_none_or(|methods| {
            let takes = |name: &str| methods.iter().any(|method| method == name);
            takes("client_secret_basic") || !takes("client_secret_post")
        })
    }
}

/// RFC 6749 §2.3.1: both are form-encoded first.
fn basic(client_id: &str, secret: &str) -> HeaderValue {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encoded(client_id), encoded(secret));
    let mut value =
        HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair))).expect("base64 is printable ASCII");
    value.set_sensitive(true);
    value
}

fn taking_json() -> HeaderMap {
    HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))])
}
