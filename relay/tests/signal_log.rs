//! What the log must not hold.

mod common;

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use common::{Client, standalone, token};
use livekit_protocol::{LeaveRequest, signal_request, signal_response::Message};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn a_session_is_logged_without_its_token_name_or_address() {
    let log = Log::default();
    tracing_subscriber::fmt()
        .with_env_filter("relay=trace,relay_core=trace")
        .with_writer(log.clone())
        .init();
    let (relay, _folder) = standalone().await;
    let token = token("carol@example.com", "room-of-carol");
    let mut client = Client::single(&relay, &token).await.expect("let in");
    client.joined().await;
    client
        .send(signal_request::Message::Leave(LeaveRequest::default()))
        .await;
    client
        .until(|message| matches!(message, Message::Leave(_)).then_some(()))
        .await;
    client.closed().await;
    let _ = Client::single(&relay, "forged.token.text").await;
    let udp = relay.udp_addr();
    let http = relay.http_addr();
    let (operator, tcp) = (relay.operator_addr(), relay.tcp_addr());
    relay.shutdown().await;
    let text = String::from_utf8_lossy(&log.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned();
    assert!(
        text.contains("participant joined") && text.contains("relay stopped"),
        "{text}"
    );
    let signature = token.rsplit('.').next().expect("three parts");
    // The relay's own ports are told at its start; a client's address is any other one of this machine.
    let own = [udp, http, operator, tcp];
    let clients = own
        .iter()
        .fold(text.clone(), |text, own| text.replace(&own.to_string(), ""));
    for secret in [token.as_str(), signature, "forged.token", common::SECRET] {
        assert!(!text.contains(secret), "{text}");
    }
    for private in ["carol@example.com", "127.0.0.1:"] {
        assert!(!clients.contains(private), "{text}");
    }
}
