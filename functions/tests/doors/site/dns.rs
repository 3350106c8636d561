//! A DNS server on loopback that knows the TXT records it was told of, and of nothing else. It speaks UDP.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::TXT;
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use tokio::net::UdpSocket;

/// The server; it ends with the runtime.
#[derive(Debug, Clone)]
pub(crate) struct TestDns {
    address: SocketAddr,
    texts: Arc<Mutex<HashMap<String, Vec<Vec<String>>>>>,
}

impl TestDns {
    pub(crate) async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let server = Self {
            address: socket.local_addr().expect("an address"),
            texts: Arc::default(),
        };
        let texts = Arc::clone(&server.texts);
        tokio::spawn(async move {
            let mut packet = [0; 1_500];
            while let Ok((size, client)) = socket.recv_from(&mut packet).await {
                let answer = answer(&packet[..size], &texts.lock().expect("not poisoned"));
                if let Some(answer) = answer {
                    let _ = socket.send_to(&answer, client).await;
                }
            }
        });
        server
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds a TXT record, in as many parts as are given.
    pub(crate) fn add(&self, name: &str, parts: &[&str]) {
        let parts = parts.iter().map(|part| (*part).to_owned()).collect();
        let mut texts = self.texts.lock().expect("not poisoned");
        texts.entry(name.to_owned()).or_default().push(parts);
    }
}

fn answer(packet: &[u8], texts: &HashMap<String, Vec<Vec<String>>>) -> Option<Vec<u8>> {
    let asked = Message::from_vec(packet).ok()?;
    let query = asked.queries.first()?;
    let mut answer = Message::response(asked.metadata.id, OpCode::Query);
    answer.add_query(query.clone());
    answer.metadata.recursion_desired = asked.metadata.recursion_desired;
    answer.metadata.recursion_available = true;
    let name = query.name().to_ascii();
    match texts.get(name.trim_end_matches('.')) {
        Some(known) if query.query_type() == RecordType::TXT => {
            for parts in known {
                let text = RData::TXT(TXT::new(parts.clone()));
                answer.add_answer(Record::from_rdata(query.name().clone(), 60, text));
            }
        }
        Some(_) => {}
        None => answer.metadata.response_code = ResponseCode::NXDomain,
    }
    answer.to_vec().ok()
}
