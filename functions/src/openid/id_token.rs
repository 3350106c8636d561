//! An ID token: whom the provider has signed in (OpenID Connect Core 1.0 §2, §3.1.3.7). Signed by an asymmetric key of the
//! provider's set (RFC 7517, 7518); what the token's own header says only chooses among the algorithms that this key has.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::signature::{self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::seconds;

/// The longest token that is looked at, in bytes.
const LONGEST: usize = 16 * 1_024;
/// How many keys of a provider are looked at.
const MOST_KEYS: usize = 64;
/// How far the provider's clock may be from ours, in seconds.
const SKEW: f64 = 60.0;

/// Why a token is not believed. The texts are for the log and hold nothing of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Untrue {
    /// Not three base64url parts of JSON, or too long.
    #[error("the ID token is none")]
    Malformed,
    /// Not signed, by a shared secret, or by what no key here is for.
    #[error("the ID token is signed by an algorithm that is not taken")]
    Algorithm,
    /// By a key that the provider's set does not have.
    #[error("the ID token is signed by an unknown key")]
    UnknownKey,
    /// The signature does not fit.
    #[error("the ID token has a wrong signature")]
    Signature,
    /// Another provider's.
    #[error("the ID token is from another issuer")]
    Issuer,
    /// For somebody else.
    #[error("the ID token is for another client")]
    Audience,
    /// Over, or not begun.
    #[error("the ID token is not valid at this time")]
    Time,
    /// Of another sign-in.
    #[error("the ID token has another nonce")]
    Nonce,
    /// Of nobody.
    #[error("the ID token names nobody")]
    Subject,
}

/// What a token must say.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    pub(super) now: Timestamp,
}

/// A provider's public keys.
#[derive(Debug)]
pub(super) struct Keys(Vec<Key>);

/// A key as JSON; which fields it has, its kind says.
#[derive(Debug, Deserialize)]
struct Key {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Names what a reader must understand: nothing of it is understood here.
    crit: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: f64,
    iat: f64,
    nbf: Option<f64>,
    nonce: Option<String>,
}

/// How a signature is checked.
enum Check {
    Rsa(&'static RsaParameters),
    /// The curve, by the name that keys have for it.
    Curve(&'static str, &'static dyn VerificationAlgorithm),
}

impl Check {
    /// Of an algorithm's name. `none` and those with a shared secret are not there.
    fn of(alg: &str) -> Option<Self> {
        Some(match alg {
            "RS256" => Self::Rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            "RS384" => Self::Rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            "RS512" => Self::Rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            "PS256" => Self::Rsa(&signature::RSA_PSS_2048_8192_SHA256),
            "PS384" => Self::Rsa(&signature::RSA_PSS_2048_8192_SHA384),
            "PS512" => Self::Rsa(&signature::RSA_PSS_2048_8192_SHA512),
            "ES256" => Self::Curve("P-256", &signature::ECDSA_P256_SHA256_FIXED),
            "ES384" => Self::Curve("P-384", &signature::ECDSA_P384_SHA384_FIXED),
            "EdDSA" | "Ed25519" => Self::Curve("Ed25519", &signature::ED25519),
            _ => return None,
        })
    }
}

impl Key {
    /// Whether tokens with this header are signed by a key like this one.
    fn fits(&self, header: &Header, check: &Check) -> bool {
        let kind = match check {
            Check::Rsa(_) => self.kty == "RSA",
            Check::Curve("Ed25519", _) => self.kty == "OKP" && self.crv.as_deref() == Some("Ed25519"),
            Check::Curve(curve, _) => self.kty == "EC" && self.crv.as_deref() == Some(curve),
        };
        let named = header.kid.is_none() || self.kid == header.kid;
        let meant = self.alg.as_ref().is_none_or(|alg| *alg == header.alg);
        kind && named && meant && self.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
    }

    fn signed(&self, check: &Check, message: &[u8], signature: &[u8]) -> bool {
        let part = |text: &Option<String>| text.as_ref().and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        match check {
            Check::Rsa(parameters) => {
                let (Some(n), Some(e)) = (part(&self.n), part(&self.e)) else {
                    return false;
                };
                let n = n.iter().position(|byte| *byte != 0).map_or(&[][..], |at| &n[at..]);
                RsaPublicKeyComponents { n, e: &e }
                    .verify(parameters, message, signature)
                    .is_ok()
            }
            Check::Curve(curve, algorithm) => {
                let point = match (*curve, part(&self.x), part(&self.y)) {
                    ("Ed25519", Some(x), _) => x,
                    (_, Some(x), Some(y)) => [&[4][..], &x, &y].concat(),
                    _ => return false,
                };
                UnparsedPublicKey::new(*algorithm, point)
                    .verify(message, signature)
                    .is_ok()
            }
        }
    }
}

impl Keys {
    /// The keys of a set; entries that are none of a known kind are passed over, as RFC 7517 §5 says.
    pub(super) fn of(set: Vec<Value>) -> Self {
        let keys = set.into_iter().filter_map(|key| serde_json::from_value(key).ok());
        Self(keys.take(MOST_KEYS).collect())
    }

    /// Whom a token names, if the provider has signed it for this sign-in.
    pub(super) fn subject(&self, token: &str, expected: &Expected<'_>) -> Result<String, Untrue> {
        let claims: Claims = self.claims(token)?;
        if claims.iss != expected.issuer {
            return Err(Untrue::Issuer);
        }
        let for_us = |party: &String| party == expected.client_id;
        let (named, alone) = match &claims.aud {
            Audience::One(party) => (for_us(party), true),
            Audience::Many(parties) => (parties.iter().any(for_us), parties.len() == 1),
        };
        if !named || !claims.azp.as_ref().map_or(alone, for_us) {
            return Err(Untrue::Audience);
        }
        let now = seconds(expected.now);
        let begun = claims.iat.max(claims.nbf.unwrap_or(claims.iat));
        if now >= claims.exp + SKEW || begun > now + SKEW {
            return Err(Untrue::Time);
        }
        if claims.nonce.as_deref() != Some(expected.nonce) {
            return Err(Untrue::Nonce);
        }
        match claims.sub.len() {
            1..=255 => Ok(claims.sub),
            _ => Err(Untrue::Subject),
        }
    }

    fn claims<T: DeserializeOwned>(&self, token: &str) -> Result<T, Untrue> {
        if token.len() > LONGEST {
            return Err(Untrue::Malformed);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(Untrue::Malformed)?;
        let (header, claims) = message.split_once('.').ok_or(Untrue::Malformed)?;
        let header: Header = json(header)?;
        let check = Check::of(&header.alg).ok_or(Untrue::Algorithm)?;
        if header.crit.is_some() {
            return Err(Untrue::Algorithm);
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Untrue::Malformed)?;
        let mut fitting = self.0.iter().filter(|key| key.fits(&header, &check)).peekable();
        if fitting.peek().is_none() {
            return Err(Untrue::UnknownKey);
        }
        if !fitting.any(|key| key.signed(&check, message.as_bytes(), &signature)) {
            return Err(Untrue::Signature);
        }
        json(claims)
    }
}

fn json<T: DeserializeOwned>(part: &str) -> Result<T, Untrue> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| Untrue::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| Untrue::Malformed)
}

#[cfg(test)]
mod tests;
