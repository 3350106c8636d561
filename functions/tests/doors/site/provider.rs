//! An OpenID Connect provider on loopback, over real sockets and with real keys, that can be told to lie.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PSS_SHA256,
    RsaKeyPair,
};
use ring::{digest, hmac};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;

pub(crate) const CLIENT: &str = "convoke";
/// With what form-encoding changes.
pub(crate) const SECRET: &str = "s3cret: +%&";

/// What signs tokens.
pub(crate) enum Signer {
    Es256(Box<EcdsaKeyPair>),
    Rsa(Box<RsaKeyPair>),
}

impl Signer {
    /// A new key each time.
    pub(crate) fn es256() -> Self {
        let pkcs8 = domain::jws::SigningKey::generate();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8, &SystemRandom::new());
        Self::Es256(Box::new(pair.expect("a key")))
    }

    /// Always the same key.
    pub(crate) fn rsa() -> Self {
        let pair = RsaKeyPair::from_pkcs8(include_bytes!("../../keys/rsa-2048.pk8"));
        Self::Rsa(Box::new(pair.expect("a key")))
    }

    pub(crate) fn jwk(&self, kid: &str) -> Value {
        match self {
            Self::Es256(pair) => {
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "kid": kid, "use": "sig",
                    "x": URL_SAFE_NO_PAD.encode(&point[1..33]), "y": URL_SAFE_NO_PAD.encode(&point[33..])})
            }
            Self::Rsa(pair) => {
                let key = ring::rsa::PublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({"kty": "RSA", "kid": kid, "n": URL_SAFE_NO_PAD.encode(key.n), "e": URL_SAFE_NO_PAD.encode(key.e)})
            }
        }
    }

    /// A token with this header and these claims, signed as the header's `alg` says: an HS256 signature is made with what
    /// everybody knows of the key.
    pub(crate) fn token(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let random = SystemRandom::new();
        let signature = match (self, header["alg"].as_str().unwrap_or_default()) {
            (_, "none") => Vec::new(),
            (_, "HS256") => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, self.jwk("k1").to_string().as_bytes());
                hmac::sign(&key, message.as_bytes()).as_ref().to_vec()
            }
            (Self::Es256(pair), _) => pair
                .sign(&random, message.as_bytes())
                .expect("signed")
                .as_ref()
                .to_vec(),
            (Self::Rsa(pair), alg) => {
                let padding: &'static dyn ring::signature::RsaEncoding = match alg {
                    "PS256" => &RSA_PSS_SHA256,
                    "RS384" => &RSA_PKCS1_SHA384,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(padding, &random, message.as_bytes(), &mut signature)
                    .expect("signed");
                signature
            }
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// What a code stands for.
#[derive(Clone)]
struct Grant {
    challenge: String,
    redirect_uri: String,
    id_token: String,
}

/// The provider; it ends with the runtime.
#[derive(Clone)]
pub(crate) struct Provider {
    pub(crate) issuer: String,
    inner: Arc<Mutex<Inner>>,
}

pub(crate) struct Inner {
    /// What it says about itself.
    pub(crate) metadata: Value,
    /// Its set of keys.
    pub(crate) keys: Vec<Value>,
    /// Answers everything with this.
    pub(crate) broken: Option<StatusCode>,
    /// Answers the token endpoint with this.
    pub(crate) says: Option<(StatusCode, Value)>,
    /// Takes a code more than once.
    pub(crate) careless: bool,
    /// The paths that were asked for.
    pub(crate) asked: Vec<&'static str>,
    codes: HashMap<String, Grant>,
}

impl Provider {
    pub(crate) async fn start(signer: &Signer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let issuer = format!("http://{}", listener.local_addr().expect("an address"));
        let at = |path: &str| format!("{issuer}{path}");
        let metadata = json!({
            "issuer": issuer, "authorization_endpoint": at("/authorize?tenant=1"), "token_endpoint": at("/token"),
            "jwks_uri": at("/jwks"), "authorization_response_iss_parameter_supported": true,
        });
        let inner = Inner {
            metadata,
            keys: vec![signer.jwk("k1")],
            broken: None,
            says: None,
            careless: false,
            asked: Vec::new(),
            codes: HashMap::new(),
        };
        let provider = Self {
            issuer,
            inner: Arc::new(Mutex::new(inner)),
        };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(described))
            .route("/jwks", get(keys))
            .route("/token", post(token))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        provider
    }

    pub(crate) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("not poisoned")
    }

    /// Its registration, as an operator gives it.
    pub(crate) fn registration(&self) -> Value {
        json!({"issuer": self.issuer, "client_id": CLIENT, "client_secret": SECRET})
    }

    /// The claims of an honest token for whoever was sent to `location`.
    pub(crate) fn claims(&self, location: &str, sub: &str, now: i64) -> Value {
        json!({"iss": self.issuer, "sub": sub, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": query(location, "nonce")})
    }

    /// Signs somebody in who was sent to `location`; answers the address on our side that the browser is sent back to.
    pub(crate) fn back(&self, location: &str, id_token: String) -> String {
        let code = hex::encode(
            ring::rand::generate::<[u8; 8]>(&SystemRandom::new())
                .expect("random")
                .expose(),
        );
        let grant = Grant {
            challenge: query(location, "code_challenge"),
            redirect_uri: query(location, "redirect_uri"),
            id_token,
        };
        self.inner().codes.insert(code.clone(), grant);
        back_with(
            location,
            &[
                ("code", &code),
                ("state", &query(location, "state")),
                ("iss", &self.issuer),
            ],
        )
    }
}

/// A parameter of an address.
pub(crate) fn query(address: &str, name: &str) -> String {
    let url = Url::parse(address).expect("an address");
    let found = url.query_pairs().find(|(known, _)| known == name);
    found.map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// The redirect URI of `location` with these parameters, as a path on our side.
pub(crate) fn back_with(location: &str, parameters: &[(&str, &str)]) -> String {
    let mut url = Url::parse(&query(location, "redirect_uri")).expect("an address");
    url.query_pairs_mut().extend_pairs(parameters);
    url[url::Position::BeforePath..].to_owned()
}

async fn described(State(provider): State<Provider>) -> (StatusCode, Json<Value>) {
    let mut inner = provider.inner();
    inner.asked.push("description");
    (inner.broken.unwrap_or_default(), Json(inner.metadata.clone()))
}

async fn keys(State(provider): State<Provider>) -> (StatusCode, Json<Value>) {
    let mut inner = provider.inner();
    inner.asked.push("keys");
    (inner.broken.unwrap_or_default(), Json(json!({"keys": inner.keys})))
}

/// As RFC 6749 §4.1.3 and RFC 7636 §4.6 have it.
async fn token(
    State(provider): State<Provider>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> (StatusCode, Json<Value>) {
    let mut inner = provider.inner();
    inner.asked.push("token");
    if let Some(status) = inner.broken {
        return (status, Json(json!({"error": "server_error"})));
    }
    if let Some((status, said)) = inner.says.clone() {
        return (status, Json(said));
    }
    let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let basic = STANDARD.encode(format!("{}:{}", encoded(CLIENT), encoded(SECRET)));
    let by_header = headers
        .get("authorization")
        .is_some_and(|value| *value == format!("Basic {basic}"));
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let by_body = field("client_id") == CLIENT && field("client_secret") == SECRET;
    let takes_body = inner.metadata["token_endpoint_auth_methods_supported"] == json!(["client_secret_post"]);
    if by_header == takes_body || by_body != takes_body || field("grant_type") != "authorization_code" {
        return (StatusCode::UNAUTHORIZED, Json(json!({"error": "invalid_client"})));
    }
    let grant = match inner.careless {
        true => inner.codes.get(field("code")).cloned(),
        false => inner.codes.remove(field("code")),
    };
    let challenge = digest::digest(&digest::SHA256, field("code_verifier").as_bytes());
    let proven = URL_SAFE_NO_PAD.encode(challenge);
    match grant.filter(|grant| grant.challenge == proven && grant.redirect_uri == field("redirect_uri")) {
        Some(grant) => {
            let tokens = json!({"access_token": "a", "token_type": "Bearer", "id_token": grant.id_token});
            (StatusCode::OK, Json(tokens))
        }
        None => (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"}))),
    }
}
