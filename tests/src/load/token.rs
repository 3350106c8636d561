//! Access tokens of LiveKit's classic kind (HS256), which test servers accept.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::hmac;
use serde_json::json;

/// An API key and its secret.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Name of the key.
    pub key: String,
    /// Shared with the server.
    pub secret: String,
}

impl ApiKey {
    /// A token for one hour that lets `identity` publish and subscribe in `room`. `now` is in Unix seconds.
    #[must_use]
    pub fn token(&self, room: &str, identity: &str, now: u64) -> String {
        let encode = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = encode(&json!({"alg": "HS256", "typ": "JWT"}));
        let claims = encode(&json!({
            "iss": self.key, "sub": identity, "name": identity, "nbf": now - 10, "exp": now + 3600,
            "video": {"room": room, "roomJoin": true, "canPublish": true, "canSubscribe": true},
        }));
        let signed = format!("{header}.{claims}");
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.secret.as_bytes());
        let tag = hmac::sign(&key, signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
    }
}
