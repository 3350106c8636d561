//! LiveKit's signalling as a client speaks it: protobuf messages in WebSocket frames.

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use livekit_protocol as proto;
use prost::Message as _;
use proto::{signal_request, signal_response};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{Message, client::IntoClientRequest},
};

/// An open signalling connection.
#[derive(Debug)]
pub(super) struct Signal(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Signal {
    /// Connects as a client with two peer connections. The first message will be `join`.
    pub(super) async fn connect(url: &str, token: &str, subscribe: bool) -> Result<Self> {
        let base = url.trim_end_matches('/');
        let subscribe = u8::from(subscribe);
        let url = format!("{base}/rtc?version=2.13.0&protocol=17&auto_subscribe={subscribe}&sdk=go&os=linux");
        let mut request = url.as_str().into_client_request()?;
        let bearer = format!("Bearer {token}").parse()?;
        request.headers_mut().insert("Authorization", bearer);
        let (socket, _) = connect_async_with_config(request, None, true)
            .await
            .with_context(|| format!("signalling at {base}"))?;
        Ok(Self(socket))
    }

    /// The next message.
    pub(super) async fn next(&mut self) -> Result<signal_response::Message> {
        loop {
            let frame = self.0.next().await.context("the signalling connection ended")??;
            match frame {
                Message::Binary(bytes) => {
                    if let Some(message) = proto::SignalResponse::decode(bytes)?.message {
                        return Ok(message);
                    }
                }
                Message::Close(_) => bail!("the server closed the signalling connection"),
                _ => {}
            }
        }
    }

    /// Sends a message.
    pub(super) async fn send(&mut self, message: signal_request::Message) -> Result<()> {
        let request = proto::SignalRequest { message: Some(message) };
        self.0.send(Message::Binary(request.encode_to_vec().into())).await?;
        Ok(())
    }
}
