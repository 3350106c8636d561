//! A relay in this process, and clients that speak its signalling over real sockets.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::needless_pass_by_value,
    reason = "each test file uses its part"
)]

use std::{collections::BTreeMap, time::Duration};

use domain::jws::SharedSecret;
use futures_util::{SinkExt as _, StreamExt as _};
use livekit_protocol::{
    JoinRequest, JoinResponse, SessionDescription, SignalRequest, SignalResponse, WrappedJoinRequest, signal_request,
    signal_response::Message,
};
use prost::Message as _;
use relay::{Config, Relay, secret::Secret};
use serde_json::json;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message as Frame},
};

pub const KEY: &str = "devkey";
pub const SECRET: &str = "devsecretdevsecretdevsecretdevsecret";
pub const OFFER: &str = include_str!("../../core/src/sdp/fixtures/chromium-one-join.sdp");

/// Nothing here takes so long.
pub const LIMIT: Duration = Duration::from_secs(10);

pub fn config(folder: &std::path::Path) -> Config {
    let mut config = Config {
        listen: "127.0.0.1:0".parse().expect("an address"),
        data: folder.to_owned(),
        api_keys: BTreeMap::from([(KEY.to_owned(), Secret(SECRET.to_owned()))]),
        ..Config::default()
    };
    config.media.udp = "127.0.0.1:0".parse().expect("an address");
    config.operator.listen = "127.0.0.1:0".parse().expect("an address");
    config.media.stun = "127.0.0.1:0".parse().expect("an address");
    config.media.tcp = "127.0.0.1:0".parse().expect("an address");
    config
}

/// A relay that stands alone. The folder lives as long as the test.
pub async fn standalone() -> (Relay, tempfile::TempDir) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Relay::start(config(folder.path())).await.expect("a relay");
    (relay, folder)
}

pub fn token(identity: &str, room: &str) -> String {
    token_with(
        identity,
        json!({"room": room, "roomJoin": true, "canUpdateOwnMetadata": true}),
    )
}

pub fn token_with(identity: &str, video: serde_json::Value) -> String {
    let claims = json!({"iss": KEY, "sub": identity, "name": identity, "exp": 4_000_000_000_i64, "video": video});
    SharedSecret::new(SECRET.as_bytes()).sign(&claims)
}

pub fn offer(id: u32) -> SessionDescription {
    SessionDescription {
        r#type: "offer".into(),
        sdp: OFFER.into(),
        id,
        ..SessionDescription::default()
    }
}

/// A join request as the query carries it.
pub fn wrapped(request: &JoinRequest) -> String {
    use base64::Engine as _;
    let wrapped = WrappedJoinRequest {
        join_request: request.encode_to_vec(),
        ..WrappedJoinRequest::default()
    };
    base64::engine::general_purpose::URL_SAFE.encode(wrapped.encode_to_vec())
}

pub struct Client {
    pub socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Client {
    /// With one connection, the offer in the join request.
    pub async fn single(relay: &Relay, token: &str) -> Result<Self, Box<Error>> {
        let request = JoinRequest {
            publisher_offer: Some(offer(1)),
            ..JoinRequest::default()
        };
        Self::open(
            relay,
            &format!("/rtc/v1?access_token={token}&join_request={}", wrapped(&request)),
        )
        .await
    }

    /// With two connections.
    pub async fn dual(relay: &Relay, token: &str) -> Result<Self, Box<Error>> {
        Self::open(
            relay,
            &format!("/rtc?access_token={token}&protocol=17&auto_subscribe=1"),
        )
        .await
    }

    pub async fn open(relay: &Relay, path: &str) -> Result<Self, Box<Error>> {
        let (socket, _) = timeout(LIMIT, connect_async(format!("ws://{}{path}", relay.http_addr())))
            .await
            .expect("in time")
            .map_err(Box::new)?;
        Ok(Self { socket })
    }

    pub async fn send(&mut self, message: signal_request::Message) {
        let request = SignalRequest { message: Some(message) };
        self.socket
            .send(Frame::Binary(request.encode_to_vec().into()))
            .await
            .expect("sent");
    }

    /// The next message; `None` when the relay closed.
    pub async fn next(&mut self) -> Option<Message> {
        loop {
            match timeout(LIMIT, self.socket.next()).await.expect("in time") {
                Some(Ok(Frame::Binary(bytes))) => return SignalResponse::decode(bytes).expect("a response").message,
                Some(Ok(Frame::Text(text))) => {
                    return serde_json::from_str::<SignalResponse>(&text)
                        .expect("a response")
                        .message;
                }
                Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => {}
                Some(Ok(Frame::Close(_) | Frame::Frame(_)) | Err(_)) | None => return None,
            }
        }
    }

    /// The first message that `pick` wants.
    pub async fn until<T>(&mut self, pick: impl Fn(Message) -> Option<T>) -> T {
        loop {
            let message = self.next().await.expect("the relay goes on");
            if let Some(picked) = pick(message) {
                return picked;
            }
        }
    }

    pub async fn joined(&mut self) -> JoinResponse {
        match self.next().await {
            Some(Message::Join(join)) => join,
            other => panic!("not a join response first: {other:?}"),
        }
    }

    /// Reads on until the relay closes.
    pub async fn closed(&mut self) {
        while self.next().await.is_some() {}
    }
}

/// Status and text of a refused WebSocket.
pub fn refusal(error: &Error) -> (u16, String) {
    match error {
        Error::Http(response) => (
            response.status().as_u16(),
            String::from_utf8_lossy(response.body().as_deref().unwrap_or_default()).into_owned(),
        ),
        other => panic!("{other}"),
    }
}
