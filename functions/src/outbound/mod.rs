//! The one way out to addresses that tenants give: webhooks, logos, imports. A name is resolved once; unless all that it
//! resolves to is harmless, nothing is connected to, and what is connected to is an address that was looked at. No redirect is
//! followed, nothing is unpacked, and size and time of an answer are bounded.

mod addresses;
mod target;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::header::{CONTENT_LENGTH, HOST, HeaderMap, HeaderValue, USER_AGENT};
use http::{Method, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

pub use addresses::is_public;
pub use target::{Given, Target};

/// The most bytes of an answer's status line and headers.
const HEAD: usize = 16 * 1_024;
/// The most headers.
const HEADERS: usize = 64;
/// How many of a name's addresses are tried.
const TRIES: usize = 4;
/// How long one address is tried.
const PATIENCE: Duration = Duration::from_secs(3);

/// Which hosts are connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// By https, at public addresses.
    Public,
    /// On a laptop and in tests: by http too, at any port, at public addresses and this machine's own.
    Loopback,
}

impl Guard {
    fn lets(self, address: IpAddr) -> bool {
        is_public(address) || (self == Self::Loopback && address.is_loopback())
    }
}

/// Why nothing came of a request. The texts are for whoever gave the URL, follow it in a sentence, and do not repeat it; nothing
/// in them tells apart what is behind a closed address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// The URL itself is none that is used.
    #[error("{0}")]
    Url(&'static str),
    /// The host has no address, or the resolver did not answer.
    #[error("names a host that cannot be found")]
    Unresolved,
    /// The host has an address that is not public.
    #[error("leads to an address that is not public")]
    Closed,
    /// No address took the connection.
    #[error("leads to a server that cannot be reached")]
    Unreachable,
    /// No TLS, or no certificate for this host that is valid.
    #[error("leads to a server without a valid certificate")]
    Tls,
    /// What came is no HTTP, its head is too large, or it broke off.
    #[error("leads to a server that gave no proper answer")]
    Broken,
    /// The answer's body is too large.
    #[error("leads to an answer that is too large")]
    TooLarge,
    /// The answer was not there in time.
    #[error("leads to a server that took too long")]
    TooSlow,
}

/// What bounds an answer.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest that all of it takes, from resolving to the last byte.
    pub time: Duration,
    /// The most bytes of its body.
    pub body: usize,
}

/// What came back. Its status may be any, also that of a redirect, which is not followed.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it was sent.
    pub body: Bytes,
}

/// A future of [`Names`].
pub type Addresses<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// What knows the addresses of names.
pub trait Names: Send + Sync {
    /// All addresses of a host's name.
    fn addresses<'a>(&'a self, name: &'a str) -> Addresses<'a>;
}

/// A connection.
pub trait Connection: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Connection for T {}

/// A future of [`Network`]: a connection.
pub type Connecting<'a> = Pin<Box<dyn Future<Output = io::Result<Box<dyn Connection>>> + Send + 'a>>;

/// What leads to addresses, and the clock by which it takes its time.
pub trait Network: Send + Sync {
    /// A new connection to an address.
    fn connect(&self, address: SocketAddr) -> Connecting<'_>;

    /// Lets so much time pass.
    fn pass(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The system's own resolver, network and clock.
#[derive(Clone, Copy, Debug)]
struct System;

impl Network for System {
    fn connect(&self, address: SocketAddr) -> Connecting<'_> {
        Box::pin(async move { Ok(Box::new(TcpStream::connect(address).await?) as Box<dyn Connection>) })
    }

    fn pass(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(time))
    }
}

impl Names for System {
    fn addresses<'a>(&'a self, name: &'a str) -> Addresses<'a> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// The client. Every request has a connection of its own, so that none is used for a host that was not looked at.
#[derive(Clone)]
pub struct Outbound {
    guard: Guard,
    names: Arc<dyn Names>,
    network: Arc<dyn Network>,
    /// Made with the first request: it reads the system's certificates, which every start would wait for.
    tls: Arc<OnceLock<Arc<ClientConfig>>>,
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound")
            .field("guard", &self.guard)
            .finish_non_exhaustive()
    }
}

impl Outbound {
    /// With the system's resolver and the certificates that it trusts.
    #[must_use]
    pub fn new(guard: Guard) -> Self {
        Self {
            guard,
            names: Arc::new(System),
            network: Arc::new(System),
            tls: Arc::default(),
        }
    }

    /// The same with another resolver.
    #[must_use]
    pub fn with_names(mut self, names: impl Names + 'static) -> Self {
        self.names = Arc::new(names);
        self
    }

    /// The same over another network.
    #[must_use]
    pub fn with_network(mut self, network: impl Network + 'static) -> Self {
        self.network = Arc::new(network);
        self
    }

    /// The same, trusting these authorities alone.
    #[must_use]
    pub fn with_roots(self, roots: RootCertStore) -> Self {
        Self {
            tls: Arc::new(OnceLock::from(config(roots))),
            ..self
        }
    }

    /// Reads a URL that somebody gives of `kind`, to be kept as it is. Its host is not looked up yet.
    ///
    /// # Errors
    ///
    /// [`OutboundError::Url`] says what is wrong with it.
    pub fn given(&self, url: &str, kind: Given) -> Result<Target, OutboundError> {
        Target::given(url, self.guard, kind)
    }

    /// Reads a URL that is kept, or that another server named. Its host is not looked up yet.
    ///
    /// # Errors
    ///
    /// [`OutboundError::Url`] says what is wrong with it.
    pub fn target(&self, url: &str) -> Result<Target, OutboundError> {
        Target::parse(url, self.guard)
    }

    /// Sends a request and reads the whole answer. `Host`, `Content-Length` and `User-Agent` are added to the headers.
    ///
    /// # Errors
    ///
    /// No whole answer came within the limits.
    pub async fn send(
        &self,
        method: Method,
        target: &Target,
        headers: HeaderMap,
        body: Bytes,
        limits: Limits,
    ) -> Result<Answer, OutboundError> {
        let answer = async {
            let stream = self.connect(target).await?;
            if !target.is_tls {
                return exchange(stream, method, target, headers, body, limits.body).await;
            }
            let name = match &target.host {
                url::Host::Domain(name) => ServerName::try_from(name.trim_end_matches('.').to_owned()),
                url::Host::Ipv4(address) => Ok(IpAddr::from(*address).into()),
                url::Host::Ipv6(address) => Ok(IpAddr::from(*address).into()),
            };
            let name = name.map_err(|_| OutboundError::Url("must name a host"))?;
            let tls = TlsConnector::from(self.config()).connect(name, stream).await;
            let stream = tls.map_err(|_| OutboundError::Tls)?;
            exchange(stream, method, target, headers, body, limits.body).await
        };
        let in_time = self.within(limits.time, answer).await;
        in_time.unwrap_or(Err(OutboundError::TooSlow))
    }

    /// What comes of it in this time, if anything does.
    async fn within<T>(&self, time: Duration, what: impl Future<Output = T> + Send) -> Option<T> {
        match select(pin!(what), self.network.pass(time)).await {
            Either::Left((done, _)) => Some(done),
            Either::Right(_) => None,
        }
    }

    fn config(&self) -> Arc<ClientConfig> {
        let trusted = || {
            let mut roots = RootCertStore::empty();
            // One that cannot be read is one that nothing is trusted by.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            config(roots)
        };
        Arc::clone(self.tls.get_or_init(trusted))
    }

    /// Connects to the first that answers of the host's addresses, once all of them are found harmless.
    async fn connect(&self, target: &Target) -> Result<Box<dyn Connection>, OutboundError> {
        let addresses = match (&target.host, target.address()) {
            (_, Some(address)) => vec![address],
            (url::Host::Domain(name), None) => {
                let found = self.names.addresses(name).await;
                found.map_err(|_| OutboundError::Unresolved)?
            }
            (_, None) => Vec::new(),
        };
        if addresses.is_empty() {
            return Err(OutboundError::Unresolved);
        }
        if !addresses.iter().all(|address| self.guard.lets(*address)) {
            return Err(OutboundError::Closed);
        }
        for address in addresses.into_iter().take(TRIES) {
            let connecting = self.network.connect(SocketAddr::new(address, target.port));
            if let Some(Ok(stream)) = self.within(PATIENCE, connecting).await {
                return Ok(stream);
            }
        }
        Err(OutboundError::Unreachable)
    }
}

fn config(roots: RootCertStore) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

/// One request and its answer over a connection of their own.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    method: Method,
    target: &Target,
    headers: HeaderMap,
    body: Bytes,
    most: usize,
) -> Result<Answer, OutboundError> {
    let mut request = http::Request::new(Full::new(body.clone()));
    *request.method_mut() = method;
    *request.uri_mut() = target.path.parse().map_err(|_| OutboundError::Url("must be a URL"))?;
    *request.headers_mut() = headers;
    request.headers_mut().insert(HOST, target.authority()?);
    request.headers_mut().insert(
        USER_AGENT,
        HeaderValue::from_static(concat!("Convoke/", env!("CARGO_PKG_VERSION"))),
    );
    if !body.is_empty() {
        request
            .headers_mut()
            .insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD)
        .max_headers(HEADERS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|_| OutboundError::Broken)?;
    // Ends with this function, whatever comes of it.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let answer = sender.send_request(request).await.map_err(|_| OutboundError::Broken)?;
    let (head, body) = answer.into_parts();
    Ok(Answer {
        status: head.status,
        headers: head.headers,
        body: whole(body, most).await?,
    })
}

async fn whole(body: Incoming, most: usize) -> Result<Bytes, OutboundError> {
    // What says that it is too large need not be read.
    let told = body.size_hint().lower();
    if usize::try_from(told).map_or(true, |told| told > most) {
        return Err(OutboundError::TooLarge);
    }
    match Limited::new(body, most).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(OutboundError::TooLarge),
        Err(_) => Err(OutboundError::Broken),
    }
}
