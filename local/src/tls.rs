//! HTTPS on a laptop: a local authority made at the first start, and a certificate of it for the
//! tenants' names, and one for each host name of a company's own.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, RwLock};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::server::TlsStream;

use crate::data::DataFolder;

/// Handshakes under way at once; more wait in the listen queue.
const HANDSHAKES: usize = 64;
/// A client that has not finished its handshake by then is dropped.
const HANDSHAKE_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// The folder's authority: `authority.pem`, which a developer may tell a browser to trust, signs every certificate here.
pub(crate) struct Authority(Issuer<'static, KeyPair>);

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// The folder's, made the first time.
    pub(crate) fn of(data: &DataFolder) -> anyhow::Result<Self> {
        let key = KeyPair::from_pem(&String::from_utf8(data.kept("authority.key", || {
            Ok(KeyPair::generate()?.serialize_pem().into_bytes())
        })?)?)?;
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        authority
            .distinguished_name
            .push(DnType::CommonName, "Convoke on this machine");
        data.kept("authority.pem", || Ok(authority.self_signed(&key)?.pem().into_bytes()))?;
        // The same name and key as in the kept file, which is all that a chain is checked by.
        Ok(Self(Issuer::new(authority, key)))
    }

    /// A new key, and a certificate of it for these names, in PEM, one after the other.
    pub(crate) fn certify(&self, names: Vec<String>) -> anyhow::Result<String> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(names)?.signed_by(&key, &self.0)?;
        Ok(key.serialize_pem() + &certificate.pem())
    }
}

/// The certificates that connections are shown: by the name that the client asks for, or else the first.
#[derive(Debug)]
pub(crate) struct Certificates {
    first: Arc<CertifiedKey>,
    own: RwLock<HashMap<String, Arc<CertifiedKey>>>,
}

impl Certificates {
    /// This one, in PEM, for everybody.
    pub(crate) fn new(first: &str) -> anyhow::Result<Self> {
        Ok(Self {
            first: Arc::new(certified(first)?),
            own: RwLock::default(),
        })
    }

    /// Shows another one to those who ask for `name`.
    pub(crate) fn add(&self, name: &str, pem: &str) -> anyhow::Result<()> {
        let certified = Arc::new(certified(pem)?);
        let mut own = self.own.write().map_err(|_| anyhow::anyhow!("a thread died"))?;
        own.insert(name.to_owned(), certified);
        Ok(())
    }

    /// Shows it no more.
    pub(crate) fn remove(&self, name: &str) {
        if let Ok(mut own) = self.own.write() {
            own.remove(name);
        }
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let own = self.own.read().ok()?;
        let asked = hello.server_name().and_then(|name| own.get(&name.to_ascii_lowercase()));
        Some(Arc::clone(asked.unwrap_or(&self.first)))
    }
}

fn certified(pem: &str) -> anyhow::Result<CertifiedKey> {
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes())?;
    let chain = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>()?;
    let key = rustls::crypto::ring::sign::any_supported_type(&key)?;
    Ok(CertifiedKey::new(chain, key))
}

/// The server's TLS settings.
pub(crate) fn server_config(certificates: Arc<Certificates>) -> Arc<ServerConfig> {
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

/// A listener that hands out connections whose TLS handshake is done, so that a slow client holds up nobody.
#[derive(Debug)]
pub(crate) struct TlsListener {
    address: SocketAddr,
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
}

impl TlsListener {
    pub(crate) fn new(listener: TcpListener, config: Arc<ServerConfig>) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (sender, ready) = mpsc::channel(HANDSHAKES);
        tokio::spawn(async move {
            let acceptor = TlsAcceptor::from(config);
            while let Ok(slot) = sender.clone().reserve_owned().await {
                let Ok((stream, peer)) = listener.accept().await else {
                    continue;
                };
                let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream));
                tokio::spawn(async move {
                    if let Ok(Ok(stream)) = handshake.await {
                        slot.send((stream, peer));
                    }
                });
            }
        });
        Ok(Self { address, ready })
    }
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            // The accepting task ends with the runtime only.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(self.address)
    }
}
