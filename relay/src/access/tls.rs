//! HTTPS and TURN on one TLS port, told apart by the name that the client asks for (SNI): a network that lets through
//! nothing but web pages lets this through.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use rustls::{ServerConfig, server::Acceptor};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::mpsc,
    time::timeout,
};
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};

use super::{Shared, admission::Admitted, certificate::Certificate, stream};
use crate::sockets;

/// A client that has not finished its handshake by then is cut.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// HTTPS connections that may wait for the HTTP server.
const WAITING: usize = 64;

/// What the port is made of.
pub(super) struct Port {
    turn_name: String,
    turn: Arc<ServerConfig>,
    https: Arc<ServerConfig>,
    connections: mpsc::Sender<(Secured, SocketAddr)>,
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Port")
            .field("turn_name", &self.turn_name)
            .finish_non_exhaustive()
    }
}

/// A connection of HTTPS.
pub(crate) type Secured = TlsStream<Held>;

impl Port {
    /// With one certificate for both names. HTTPS connections come out of the other end.
    pub(super) fn new(
        turn_name: &str,
        certificate: &Arc<Certificate>,
    ) -> (Self, mpsc::Receiver<(Secured, SocketAddr)>) {
        let config = |protocols: &[&[u8]]| {
            let mut config = ServerConfig::builder()
                .with_no_client_auth()
                .with_cert_resolver(certificate.clone());
            config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
            Arc::new(config)
        };
        let (connections, receiver) = mpsc::channel(WAITING);
        let port = Self {
            turn_name: turn_name.to_owned(),
            turn: config(&[]),
            https: config(&[b"http/1.1"]),
            connections,
        };
        (port, receiver)
    }

    /// Serves a connection: TURN here, HTTPS at the HTTP server.
    pub(super) async fn serve(&self, stream: Held, client: SocketAddr, shared: &Shared) {
        match timeout(HANDSHAKE, self.handshake(stream)).await {
            Ok(Ok((true, stream))) => stream::serve(stream, client, shared).await,
            // It fails when the HTTP server has ended.
            Ok(Ok((false, stream))) => drop(self.connections.send((stream, client)).await),
            Ok(Err(_)) | Err(_) => shared.counts.tls_failed.add(),
        }
    }

    /// Whether the client asks for TURN, and its stream.
    async fn handshake(&self, stream: Held) -> io::Result<(bool, Secured)> {
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let hello = start.client_hello();
        let is_turn = hello
            .server_name()
            .is_some_and(|name| name.eq_ignore_ascii_case(&self.turn_name));
        if !is_turn {
            sockets::for_signalling(&start.io.stream);
        }
        let config = if is_turn { &self.turn } else { &self.https };
        Ok((is_turn, start.into_stream(config.clone()).await?))
    }
}

/// A connection, and its place among all for as long as it lives.
#[derive(Debug)]
pub(crate) struct Held {
    stream: TcpStream,
    _admitted: Admitted<IpAddr>,
}

impl Held {
    pub(super) fn new(stream: TcpStream, admitted: Admitted<IpAddr>) -> Self {
        Self {
            stream,
            _admitted: admitted,
        }
    }
}

impl AsyncRead for Held {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Held {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// HTTPS connections as the HTTP server takes them.
#[derive(Debug)]
pub(crate) struct HttpsListener {
    pub(super) address: SocketAddr,
    pub(super) connections: mpsc::Receiver<(Secured, SocketAddr)>,
}

impl axum::serve::Listener for HttpsListener {
    type Io = Secured;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.connections.recv().await {
            Some(connection) => connection,
            // The port is closed: the relay ends.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}
