//! Secrets at rest: sealed where they must be shown again, hashed where they are only compared.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::{digest, hmac};
use serde::{Deserialize, Serialize};

/// A secret sealed by a [`SealingKey`], as it lies in the table: `base64url(nonce ‖ ciphertext ‖ tag)`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

impl Sealed {
    /// What comes from outside and may be sealed: opening it tells.
    pub fn from_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The sealed text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(***)")
    }
}

/// A sealed secret was changed, moved to another place, or sealed by another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed secret cannot be opened")]
pub struct BrokenSeal;

/// The installation's key for secrets at rest (AES-256-GCM).
pub struct SealingKey(LessSafeKey);

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(***)")
    }
}

impl SealingKey {
    /// A key derived from the installation's key for one use, named by the label.
    pub fn derive(installation_key: &[u8; 32], label: &str) -> Self {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, installation_key), label.as_bytes());
        let key = UnboundKey::new(&AES_256_GCM, tag.as_ref()).expect("an HMAC-SHA-256 tag has the key's 32 bytes");
        Self(LessSafeKey::new(key))
    }

    /// Seals a secret for one place, such as `host/12/moderator_pin`. The nonce must be random and new each time.
    pub fn seal(&self, place: &str, secret: &[u8], nonce: [u8; NONCE_LEN]) -> Sealed {
        let mut sealed = secret.to_vec();
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.as_bytes()),
                &mut sealed,
            )
            .expect("a secret is far shorter than the cipher's limit");
        let mut bytes = nonce.to_vec();
        bytes.append(&mut sealed);
        Sealed(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The secret that was sealed for this place.
    pub fn open(&self, place: &str, sealed: &Sealed) -> Result<Vec<u8>, BrokenSeal> {
        let bytes = URL_SAFE_NO_PAD.decode(&sealed.0).map_err(|_| BrokenSeal)?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN).ok_or(BrokenSeal)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| BrokenSeal)?;
        let mut sealed = sealed.to_vec();
        let secret = self
            .0
            .open_in_place(nonce, Aad::from(place.as_bytes()), &mut sealed)
            .map_err(|_| BrokenSeal)?;
        Ok(secret.to_vec())
    }
}

/// The SHA-256 of a random token in hex: what the table keeps of tokens that are only compared.
///
/// Fit for tokens of 128 random bits and more, not for passwords or PINs.
pub fn token_hash(token: &str) -> String {
    hex::encode(digest::digest(&digest::SHA256, token.as_bytes()))
}

/// Whether two secrets are the same, in a time that depends on their lengths alone.
pub fn same_secret(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_secret_opens_only_where_it_was_sealed(secret: Vec<u8>, place in "[a-z/]{0,20}", nonce: [u8; 12]) {
            let key = SealingKey::derive(&[7; 32], "test");
            let sealed = key.seal(&place, &secret, nonce);
            prop_assert_eq!(key.open(&place, &sealed), Ok(secret));
            prop_assert_eq!(key.open("elsewhere1", &sealed), Err(BrokenSeal));
            prop_assert_eq!(SealingKey::derive(&[7; 32], "other").open(&place, &sealed), Err(BrokenSeal));
        }

        #[test]
        fn any_text_opens_to_nothing(text: String) {
            prop_assert_eq!(SealingKey::derive(&[7; 32], "test").open("", &Sealed(text)), Err(BrokenSeal));
        }
    }
}
