//! HTTPS on a laptop: a local authority made at the first start, and a certificate of it for the tenants' names.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

use crate::data::DataFolder;

/// Handshakes under way at once; more wait in the listen queue.
const HANDSHAKES: usize = 64;
/// A client that has not finished its handshake by then is dropped.
const HANDSHAKE_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// The server's TLS settings with a certificate for `names`, signed by the folder's authority (`authority.pem`,
/// which a developer may tell a browser to trust).
pub(crate) fn server_config(data: &DataFolder, names: Vec<String>) -> anyhow::Result<Arc<ServerConfig>> {
    let authority_key = KeyPair::from_pem(&String::from_utf8(data.kept("authority.key", || {
        Ok(KeyPair::generate()?.serialize_pem().into_bytes())
    })?)?)?;
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    authority
        .distinguished_name
        .push(DnType::CommonName, "Convoke on this machine");
    data.kept("authority.pem", || {
        Ok(authority.self_signed(&authority_key)?.pem().into_bytes())
    })?;
    // The same name and key as in the kept file, which is all that a chain is checked by.
    let issuer = Issuer::new(authority, authority_key);

    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(names)?.signed_by(&key, &issuer)?;
    let mut config = ServerConfig::builder().with_no_client_auth().with_single_cert(
        vec![CertificateDer::from(certificate.der().to_vec())],
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
    )?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
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
