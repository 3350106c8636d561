//! The relay's TLS certificate, from files that whoever renews it replaces while the relay runs.

use std::{
    fmt, io,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use thiserror::Error;

/// How often the files are read again.
const AGAIN: Duration = Duration::from_secs(3_600);

/// Why there is no certificate.
#[derive(Debug, Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("{0}")]
    File(PathBuf, #[source] io::Error),
    /// A file does not hold what it should, in PEM.
    #[error("{0}")]
    Pem(PathBuf, #[source] rustls_pki_types::pem::Error),
    /// The chain is empty, or the key is of no use or does not fit.
    #[error("certificate and key")]
    Key(#[source] rustls::Error),
}

/// The files.
#[derive(Debug, Clone)]
pub(super) struct Files {
    /// The chain, the relay's own certificate first.
    pub(super) chain: PathBuf,
    /// The private key.
    pub(super) key: PathBuf,
}

/// The certificate shown to everybody.
pub(super) struct Certificate {
    files: Files,
    current: RwLock<Arc<CertifiedKey>>,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl Certificate {
    /// Reads it.
    pub(super) fn read(files: Files) -> Result<Self, CertificateError> {
        let current = RwLock::new(Arc::new(files.read()?));
        Ok(Self { files, current })
    }

    /// Reads it again now and then; one that cannot be read leaves the former in use.
    pub(super) async fn renew(self: Arc<Self>) {
        loop {
            tokio::time::sleep(AGAIN).await;
            if let Err(error) = self.read_again() {
                tracing::error!(error = &error as &dyn std::error::Error, "TLS certificate");
            }
        }
    }

    fn read_again(&self) -> Result<(), CertificateError> {
        let fresh = Arc::new(self.files.read()?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl Files {
    fn read(&self) -> Result<CertifiedKey, CertificateError> {
        let text = |path: &PathBuf| std::fs::read(path).map_err(|error| CertificateError::File(path.clone(), error));
        let chain = CertificateDer::pem_slice_iter(&text(&self.chain)?)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| CertificateError::Pem(self.chain.clone(), error))?;
        let key = PrivateKeyDer::from_pem_slice(&text(&self.key)?)
            .map_err(|error| CertificateError::Pem(self.key.clone(), error))?;
        let key = rustls::crypto::ring::sign::any_supported_type(&key).map_err(CertificateError::Key)?;
        let certified = CertifiedKey::new(chain, key);
        certified.keys_match().map_err(CertificateError::Key)?;
        Ok(certified)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    fn write(folder: &Path) -> (Files, Vec<u8>) {
        let made = rcgen::generate_simple_self_signed(vec!["relay.test".to_owned()]).expect("a certificate");
        let files = Files {
            chain: folder.join("chain.pem"),
            key: folder.join("key.pem"),
        };
        fs::write(&files.chain, made.cert.pem()).expect("written");
        fs::write(&files.key, made.signing_key.serialize_pem()).expect("written");
        (files, made.cert.der().to_vec())
    }

    fn shown(certificate: &Certificate) -> Vec<u8> {
        certificate.current.read().expect("no panic").cert[0].to_vec()
    }

    #[test]
    fn a_renewed_certificate_is_taken_and_a_broken_one_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let (files, first) = write(folder.path());
        let certificate = Certificate::read(files.clone()).expect("read");
        assert_eq!(shown(&certificate), first);
        let (_, second) = write(folder.path());
        certificate.read_again().expect("read");
        assert_eq!(shown(&certificate), second);
        // While the two files are replaced one after the other, they do not fit.
        let other = tempfile::tempdir().expect("a folder");
        let (theirs, _) = write(other.path());
        fs::copy(&theirs.key, &files.key).expect("copied");
        assert!(matches!(certificate.read_again(), Err(CertificateError::Key(_))));
        fs::write(&files.chain, "-----BEGIN CERTIFICATE-----\nnonsense").expect("written");
        assert!(certificate.read_again().is_err());
        assert_eq!(shown(&certificate), second);
        fs::remove_file(&files.key).expect("removed");
        let error = Certificate::read(files).expect_err("broken");
        assert!(!format!("{error:?}").contains("PRIVATE"));
    }
}
