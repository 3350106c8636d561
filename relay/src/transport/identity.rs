//! The process's DTLS certificate.

use std::fmt;

use relay_core::types::Fingerprint;
use ring::digest;
use rtc::dtls::crypto::Certificate;
use thiserror::Error;

/// The certificate could not be made.
#[derive(Debug, Error)]
#[error("making a self-signed certificate: {0}")]
pub struct IdentityError(String);

impl IdentityError {
    pub(super) fn new(error: &impl fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// A self-signed ECDSA P-256 certificate with its key, made anew by each process.
#[derive(Clone)]
pub struct Identity {
    certificate: Certificate,
    fingerprint: Fingerprint,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("fingerprint", &self.fingerprint.to_string())
            .finish_non_exhaustive()
    }
}

impl Identity {
    /// Makes a new key and certificate.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn generate() -> Result<Self, IdentityError> {
        let provider = rtc::crypto::default_provider().map_err(|e| IdentityError::new(&e))?;
        let certificate = Certificate::generate_self_signed(vec!["convoke".to_owned()], provider.crypto())
            .map_err(|e| IdentityError::new(&e))?;
        let fingerprint = fingerprint(&certificate.certificate[0]);
        Ok(Self {
            certificate,
            fingerprint,
        })
    }

    /// What clients find in our descriptions.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    pub(super) fn certificate(&self) -> Certificate {
        self.certificate.clone()
    }
}

/// SHA-256 of a certificate in DER.
pub(super) fn fingerprint(der: &[u8]) -> Fingerprint {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, der).as_ref());
    Fingerprint(bytes)
}
