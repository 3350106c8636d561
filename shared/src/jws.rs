//! Signed tokens: compact JWS (RFC 7515) with ES256, and HS256 for classic API keys. No other algorithm exists here and
//! none is negotiated: the verifier's key decides, and a header that says otherwise is refused.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};
use ring::{digest, hmac};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The longest token that is looked at, in bytes.
pub const LONGEST_TOKEN: usize = 8 * 1024;

/// Why a token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not three base64url parts with a JSON header, or too long.
    #[error("is not a token")]
    Malformed,
    /// Signed by another algorithm than the key's.
    #[error("is signed by another algorithm")]
    Algorithm,
    /// Signed by a key that is not known here.
    #[error("is signed by an unknown key")]
    UnknownKey,
    /// The signature does not fit.
    #[error("has a wrong signature")]
    Signature,
    /// Signed, but the claims are not those of this kind of token.
    #[error("has other claims")]
    Claims,
    /// Not valid at this time.
    #[error("is not valid at this time")]
    Time,
}

/// Why bytes are no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a P-256 key")]
pub struct InvalidKey;

#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    typ: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    kid: Option<String>,
}

/// The private half of an ES256 key.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    public: VerifyingKey,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.public.kid).finish()
    }
}

impl SigningKey {
    /// A new key as PKCS #8, for [`SigningKey::from_pkcs8`] and for keeping.
    pub fn generate() -> Vec<u8> {
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .expect("the system has random bytes")
            .as_ref()
            .to_vec()
    }

    /// The key in these PKCS #8 bytes.
    pub fn from_pkcs8(bytes: &[u8]) -> Result<Self, InvalidKey> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes, &SystemRandom::new())
            .map_err(|_| InvalidKey)?;
        let point = pair.public_key().as_ref().try_into().map_err(|_| InvalidKey)?;
        Ok(Self {
            pair,
            public: VerifyingKey::new(point),
        })
    }

    /// The public half.
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    /// A token with these claims.
    pub fn sign(&self, claims: &impl Serialize) -> String {
        let header = Header {
            alg: "ES256".into(),
            typ: Some("JWT".into()),
            kid: Some(self.public.kid.clone()),
        };
        let mut token = unsigned(&header, claims);
        let signature = self
            .pair
            .sign(&SystemRandom::new(), token.as_bytes())
            .expect("the system has random bytes");
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        token
    }
}

fn unsigned(header: &Header, claims: &impl Serialize) -> String {
    let mut token = URL_SAFE_NO_PAD.encode(serde_json::to_vec(header).expect("a header is plain JSON"));
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(serde_json::to_vec(claims).expect("claims are plain JSON"), &mut token);
    token
}

/// The public half of an ES256 key.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    point: [u8; 65],
    kid: String,
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("VerifyingKey").field(&self.kid).finish()
    }
}

/// A public key as JSON (RFC 7517).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Jwk {
    /// `EC`.
    pub kty: String,
    /// `P-256`.
    pub crv: String,
    /// The point's first coordinate, 32 bytes in base64url.
    pub x: String,
    /// The point's second coordinate, 32 bytes in base64url.
    pub y: String,
    /// The key's id: the first 8 bytes of the SHA-256 of the uncompressed point, in hex.
    pub kid: String,
}

impl VerifyingKey {
    fn new(point: [u8; 65]) -> Self {
        let kid = hex::encode(&digest::digest(&digest::SHA256, &point).as_ref()[..8]);
        Self { point, kid }
    }

    /// The key's id in a token's header.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The key in a JWK; its `kid` is computed, not believed.
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, InvalidKey> {
        if jwk.kty != "EC" || jwk.crv != "P-256" {
            return Err(InvalidKey);
        }
        let mut point = [4; 65];
        for (half, text) in point[1..].chunks_exact_mut(32).zip([&jwk.x, &jwk.y]) {
            let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidKey)?;
            if bytes.len() != half.len() {
                return Err(InvalidKey);
            }
            half.copy_from_slice(&bytes);
        }
        Ok(Self::new(point))
    }

    /// The key as JWK.
    pub fn to_jwk(&self) -> Jwk {
        Jwk {
            kty: "EC".into(),
            crv: "P-256".into(),
            x: URL_SAFE_NO_PAD.encode(&self.point[1..33]),
            y: URL_SAFE_NO_PAD.encode(&self.point[33..]),
            kid: self.kid.clone(),
        }
    }

    /// The claims of a token that this key signed. Times in the claims are the caller's to check.
    pub fn verify<T: DeserializeOwned>(&self, token: &str) -> Result<T, TokenError> {
        let parts = Parts::of(token)?;
        if parts.header.alg != "ES256" {
            return Err(TokenError::Algorithm);
        }
        if parts.header.kid.as_deref().is_some_and(|kid| kid != self.kid) {
            return Err(TokenError::UnknownKey);
        }
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.point)
            .verify(parts.signed.as_bytes(), &parts.signature)
            .map_err(|_| TokenError::Signature)?;
        parts.claims()
    }
}

struct Parts<'a> {
    header: Header,
    signed: &'a str,
    claims: &'a str,
    signature: Vec<u8>,
}

impl<'a> Parts<'a> {
    fn of(token: &'a str) -> Result<Self, TokenError> {
        if token.len() > LONGEST_TOKEN {
            return Err(TokenError::Malformed);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenError::Malformed)?;
        if claims.contains('.') {
            return Err(TokenError::Malformed);
        }
        let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| TokenError::Malformed)?;
        let header = serde_json::from_slice(&header).map_err(|_| TokenError::Malformed)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenError::Malformed)?;
        Ok(Self {
            header,
            signed,
            claims,
            signature,
        })
    }

    fn claims<T: DeserializeOwned>(&self) -> Result<T, TokenError> {
        let claims = URL_SAFE_NO_PAD.decode(self.claims).map_err(|_| TokenError::Malformed)?;
        serde_json::from_slice(&claims).map_err(|_| TokenError::Claims)
    }
}

/// Several verifying keys, told apart by `kid`: the former key stays while tokens that it signed are about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeySet(Vec<VerifyingKey>);

impl KeySet {
    /// The keys in these JWKs.
    pub fn from_jwks(jwks: &[Jwk]) -> Result<Self, InvalidKey> {
        jwks.iter()
            .map(VerifyingKey::from_jwk)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The keys as JWKs.
    pub fn to_jwks(&self) -> Vec<Jwk> {
        self.0.iter().map(VerifyingKey::to_jwk).collect()
    }

    /// Whether there is no key at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The claims of a token that one of the keys signed; the token's `kid` names which.
    pub fn verify<T: DeserializeOwned>(&self, token: &str) -> Result<T, TokenError> {
        let header = Parts::of(token)?.header;
        if header.alg != "ES256" {
            return Err(TokenError::Algorithm);
        }
        let kid = header.kid.ok_or(TokenError::UnknownKey)?;
        self.0
            .iter()
            .find(|key| key.kid == kid)
            .ok_or(TokenError::UnknownKey)?
            .verify(token)
    }
}

impl FromIterator<VerifyingKey> for KeySet {
    fn from_iter<I: IntoIterator<Item = VerifyingKey>>(keys: I) -> Self {
        Self(keys.into_iter().collect())
    }
}

/// The secret of a classic API key: signs and verifies HS256 tokens.
#[derive(Clone)]
pub struct SharedSecret(hmac::Key);

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(***)")
    }
}

impl SharedSecret {
    /// The secret of these bytes.
    pub fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// A token with these claims.
    pub fn sign(&self, claims: &impl Serialize) -> String {
        let header = Header {
            alg: "HS256".into(),
            typ: Some("JWT".into()),
            kid: None,
        };
        let mut token = unsigned(&header, claims);
        let tag = hmac::sign(&self.0, token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(tag, &mut token);
        token
    }

    /// The claims of a token that this secret signed. Times in the claims are the caller's to check.
    pub fn verify<T: DeserializeOwned>(&self, token: &str) -> Result<T, TokenError> {
        let parts = Parts::of(token)?;
        if parts.header.alg != "HS256" {
            return Err(TokenError::Algorithm);
        }
        hmac::verify(&self.0, parts.signed.as_bytes(), &parts.signature).map_err(|_| TokenError::Signature)?;
        parts.claims()
    }
}

/// Whom a token says it is from, before anything is believed: to look up the key that must have signed it.
pub fn claimed_issuer(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Issuer {
        iss: String,
    }
    Some(Parts::of(token).ok()?.claims::<Issuer>().ok()?.iss)
}

/// The SHA-256 of a body in hex: the claim `body` of signed requests.
pub fn body_hash(body: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, body))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_pkcs8(&SigningKey::generate()).expect("own key")
    }

    #[test]
    fn a_token_is_believed_from_its_key_alone() {
        let (ours, other) = (key(), key());
        let token = ours.sign(&json!({"sub": "p1"}));
        let keys: KeySet = [other.verifying_key().clone(), ours.verifying_key().clone()]
            .into_iter()
            .collect();
        assert_eq!(keys.verify::<Value>(&token), Ok(json!({"sub": "p1"})));
        assert_eq!(
            other.verifying_key().verify::<Value>(&token),
            Err(TokenError::UnknownKey)
        );
        let only_other: KeySet = std::iter::once(other.verifying_key().clone()).collect();
        assert_eq!(only_other.verify::<Value>(&token), Err(TokenError::UnknownKey));
        assert_eq!(KeySet::from_jwks(&keys.to_jwks()), Ok(keys));
    }

    #[test]
    fn a_changed_token_is_not_believed() {
        let key = key();
        let token = key.sign(&json!({"sub": "p1"}));
        let forged = URL_SAFE_NO_PAD.encode(json!({"sub": "p2"}).to_string());
        let parts: Vec<&str> = token.split('.').collect();
        let forged = format!("{}.{forged}.{}", parts[0], parts[2]);
        assert_eq!(key.verifying_key().verify::<Value>(&forged), Err(TokenError::Signature));
        let none = URL_SAFE_NO_PAD.encode(json!({"alg": "none"}).to_string());
        assert_eq!(
            key.verifying_key().verify::<Value>(&format!("{none}.{}.", parts[1])),
            Err(TokenError::Algorithm)
        );
    }

    #[test]
    fn an_es256_key_never_serves_as_hs256_secret() {
        let key = key();
        let secret = SharedSecret::new(&key.verifying_key().point);
        let token = secret.sign(&json!({}));
        assert_eq!(key.verifying_key().verify::<Value>(&token), Err(TokenError::Algorithm));
        assert_eq!(secret.verify::<Value>(&token), Ok(json!({})));
        assert_eq!(
            secret.verify::<Value>(&key.sign(&json!({}))),
            Err(TokenError::Algorithm)
        );
        assert_eq!(
            SharedSecret::new(b"other").verify::<Value>(&token),
            Err(TokenError::Signature)
        );
    }

    #[test]
    fn the_example_of_rfc_7515_verifies() {
        // Appendix A.3.
        let jwk = Jwk {
            kty: "EC".into(),
            crv: "P-256".into(),
            x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU".into(),
            y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0".into(),
            kid: String::new(),
        };
        let token = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
        let claims: Value = VerifyingKey::from_jwk(&jwk)
            .expect("a key")
            .verify(token)
            .expect("verifies");
        assert_eq!(claims["iss"], "joe");
        assert_eq!(claimed_issuer(token).as_deref(), Some("joe"));
    }

    proptest! {
        #[test]
        fn any_text_is_refused(text in "[A-Za-z0-9._-]{0,200}|\\PC{0,100}") {
            let keys = KeySet::default();
            prop_assert!(keys.verify::<Value>(&text).is_err());
            prop_assert!(SharedSecret::new(b"x").verify::<Value>(&text).is_err());
            let _ = claimed_issuer(&text);
        }

        #[test]
        fn any_jwk_is_refused_or_read_back(x in "[A-Za-z0-9_-]{43}|\\PC{0,50}", y in "[A-Za-z0-9_-]{43}") {
            let jwk = Jwk { kty: "EC".into(), crv: "P-256".into(), x, y, kid: String::new() };
            if let Ok(key) = VerifyingKey::from_jwk(&jwk) {
                prop_assert_eq!(VerifyingKey::from_jwk(&key.to_jwk()), Ok(key));
            }
        }
    }
}
