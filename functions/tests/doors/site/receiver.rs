//! A server of somebody else on loopback, and a resolver that knows it, for what goes out to addresses that tenants give.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use functions::outbound::{Addresses, Names};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What a receiver does with a connection, once it has read the head of a request.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    /// Sends this and closes.
    Say(Vec<u8>),
    /// Sends this, and then this again and again, as fast as it is taken.
    Pour(Vec<u8>, Vec<u8>),
    /// Sends this, and then one byte in every 20 ms.
    Drip(Vec<u8>),
    /// Sends this after half a second, and closes.
    Late(Vec<u8>),
    /// Says nothing.
    Hang,
}

impl Deed {
    /// 200 with a body.
    pub(crate) fn ok(kind: &str, body: &[u8]) -> Self {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        Self::Say([head.as_bytes(), body].concat())
    }
}

/// The server; it ends with the runtime.
#[derive(Debug, Clone)]
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
    deed: Arc<Mutex<Deed>>,
}

impl Receiver {
    pub(crate) async fn start(deed: Deed) -> Self {
        Self::with(deed, None).await
    }

    /// The same over TLS.
    pub(crate) async fn with(deed: Deed, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let receiver = Self {
            address: listener.local_addr().expect("an address"),
            connections: Arc::default(),
            heads: Arc::default(),
            bodies: Arc::default(),
            deed: Arc::new(Mutex::new(deed)),
        };
        let serving = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serving.connections.fetch_add(1, Ordering::SeqCst);
                let (serving, tls) = (serving.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serving.serve(stream).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => serving.serve(stream).await,
                            Err(_) => Ok(()),
                        },
                    }
                });
            }
        });
        receiver
    }

    async fn serve(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let head = String::from_utf8(head).expect("a request's head is ASCII");
        let length = head.to_ascii_lowercase();
        let length = length
            .split("content-length: ")
            .nth(1)
            .and_then(|rest| rest.split('\r').next());
        let mut body = vec![0; length.map_or(0, |length| length.parse().expect("a number"))];
        stream.read_exact(&mut body).await?;
        self.bodies.lock().expect("not poisoned").push(body);
        self.heads.lock().expect("not poisoned").push(head);
        let deed = self.deed.lock().expect("not poisoned").clone();
        match deed {
            Deed::Say(all) => {
                stream.write_all(&all).await?;
                stream.shutdown().await
            }
            Deed::Pour(begin, rest) => {
                stream.write_all(&begin).await?;
                loop {
                    stream.write_all(&rest).await?;
                }
            }
            Deed::Drip(begin) => {
                stream.write_all(&begin).await?;
                loop {
                    stream.write_all(b"x").await?;
                    stream.flush().await?;
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
            }
            Deed::Late(all) => {
                tokio::time::sleep(std::time::Duration::from_millis(500)).await;
                stream.write_all(&all).await?;
                stream.shutdown().await
            }
            Deed::Hang => std::future::pending().await,
        }
    }

    /// From now on it does this.
    pub(crate) fn does(&self, deed: Deed) {
        *self.deed.lock().expect("not poisoned") = deed;
    }

    /// How many connections were made.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The heads of the requests.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("not poisoned").clone()
    }

    /// The bodies of the requests.
    pub(crate) fn bodies(&self) -> Vec<Vec<u8>> {
        self.bodies.lock().expect("not poisoned").clone()
    }

    /// Its address by a host's name that a [`TestNames`] leads there.
    pub(crate) fn url(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.address.port())
    }
}

/// A resolver that answers each look-up of a name with the next of its answers, and with the last from then on.
#[derive(Debug, Clone, Default)]
pub(crate) struct TestNames {
    answers: Arc<Mutex<HashMap<String, VecDeque<Vec<IpAddr>>>>>,
    asked: Arc<AtomicUsize>,
}

impl TestNames {
    pub(crate) fn of(answers: &[(&str, &[&[&str]])]) -> Self {
        let names = Self::default();
        for (name, answers) in answers {
            let answers = answers.iter().map(|answer| {
                let parsed = answer.iter().map(|text| text.parse().expect("an address"));
                parsed.collect()
            });
            names
                .answers
                .lock()
                .expect("not poisoned")
                .insert((*name).into(), answers.collect());
        }
        names
    }

    /// How many look-ups there were.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Names for TestNames {
    fn addresses<'a>(&'a self, name: &'a str) -> Addresses<'a> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().expect("not poisoned");
        let answer = answers.get_mut(name).and_then(|answers| match answers.len() {
            0 | 1 => answers.front().cloned(),
            _ => answers.pop_front(),
        });
        Box::pin(async move { answer.ok_or_else(|| io::ErrorKind::NotFound.into()) })
    }
}

/// A PNG of one colour.
pub(crate) fn png(width: u32, height: u32, shade: u8) -> Vec<u8> {
    let picture = image::RgbaImage::from_pixel(width, height, image::Rgba([shade, 90, 60, 255]));
    let mut bytes = io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).expect("written");
    bytes.into_inner()
}
