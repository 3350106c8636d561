//! The meetings begin, and webhooks hear of it: the receivers behind the outbound client, and those who come to the meetings.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::code::AccessCode;
use domain::conference::Opens;
use domain::id::{RelayId, RoomName};
use domain::jws::SigningKey;
use domain::relay::{Enter, Register};
use functions::outbound::{Connecting, Connection, Network};
use jiff::Timestamp;
use serde_json::Value;
use store::{Actor, RoomTarget, Store, Write};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use super::clock::Clock;
use super::services::Core;

/// What a partner's server takes for an answer.
const ANSWER: Duration = Duration::from_millis(50);
/// The first company's port; each company has one of its own.
const PORT: u16 = 10_000;

/// How partners' servers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receiving {
    /// All answer.
    #[allow(dead_code, reason = "the benchmark compares with it")]
    Well,
    /// The first company's is there, and never answers.
    FirstIsDead,
}

/// Partners' servers, one for each company.
#[derive(Clone, Debug, Default)]
pub(crate) struct Receivers(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    first_is_dead: bool,
    heard: Vec<Heard>,
}

/// Something that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// The company.
    pub(crate) company: usize,
    /// Which event.
    pub(crate) id: String,
    /// How long after it happened.
    pub(crate) late: Duration,
}

impl Receivers {
    pub(crate) fn url(company: usize) -> String {
        format!("http://127.0.0.1:{}/", usize::from(PORT) + company)
    }

    pub(crate) fn become_so(&self, how: Receiving) {
        self.state().first_is_dead = how == Receiving::FirstIsDead;
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        std::mem::take(&mut self.state().heard)
    }

    /// The way there for a process.
    pub(crate) fn reached_by(&self, clock: &Clock, core: Core) -> impl Network + use<> {
        Way {
            receivers: self.clone(),
            clock: clock.clone(),
            core,
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().expect("a lock")
    }

    /// Takes one request.
    async fn serve(self, mut stream: DuplexStream, company: usize, clock: Clock) -> io::Result<()> {
        let body = read(&mut stream).await?;
        if company == 0 && self.state().first_is_dead {
            // Until whoever waits has enough.
            return stream.read_u8().await.map(drop);
        }
        clock.sleep(ANSWER).await;
        if body["event"] != "ping" {
            let at: Timestamp = body["timestamp"].as_str().expect("a text").parse().expect("a time");
            let late = clock.now().duration_since(at);
            self.state().heard.push(Heard {
                company,
                id: body["id"].as_str().expect("a text").to_owned(),
                late: late.try_into().expect("it happened before"),
            });
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await
    }
}

async fn read(stream: &mut DuplexStream) -> io::Result<Value> {
    let mut come = Vec::new();
    loop {
        stream.read_buf(&mut come).await?;
        let text = String::from_utf8_lossy(&come).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.parse().expect("a number"))
            });
            if body.len() >= length.unwrap_or(0_usize) {
                return Ok(serde_json::from_str(body)?);
            }
        }
    }
}

#[derive(Debug)]
struct Way {
    receivers: Receivers,
    clock: Clock,
    core: Core,
}

impl Network for Way {
    fn connect(&self, address: SocketAddr) -> Connecting<'_> {
        Box::pin(async move {
            self.core.work(&self.clock).await;
            let (ours, theirs) = tokio::io::duplex(64 * 1_024);
            let company = usize::from(address.port() - PORT);
            tokio::spawn(self.receivers.clone().serve(theirs, company, self.clock.clone()));
            Ok(Box::new(ours) as Box<dyn Connection>)
        })
    }

    fn pass(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.clock.sleep(time))
    }
}

/// The relay that all meetings are on.
#[derive(Clone, Debug)]
pub(crate) struct Relay(RelayId);

impl Relay {
    pub(crate) async fn new(store: &Store, now: Timestamp) -> Self {
        let id: RelayId = "relay-1".parse().expect("a name");
        let own = SigningKey::from_pkcs8(&SigningKey::generate()).expect("a key");
        let write = Write {
            at: now,
            by: Actor::Operator,
            action: "morning",
            claim: None,
        };
        let added = store.relay_add(&id, &own.verifying_key().to_jwk(), &write).await;
        added.expect("added");
        let register = Register {
            relay: id.clone(),
            region: "eu".into(),
            url: "https://r1.relay.test".into(),
            version: "1".into(),
            capacity: 1_000_000,
            epoch: 1,
        };
        store.relay_register(&register, now).await.expect("registered");
        Self(id)
    }

    /// Somebody comes to what is planned on this code, and it begins.
    pub(crate) async fn begin(&self, store: &Store, clock: &Clock, code: AccessCode) {
        let view = store.room(code, clock.now()).await.expect("read").expect("a room");
        let opens = view.opens(clock.now(), false);
        let Opens::Planned { planned, .. } = &opens else {
            panic!("{opens:?}");
        };
        let (home, target) = (&self.0, RoomTarget::Planned(planned));
        let opened = store.room_open(&view, target, home, std::slice::from_ref(home), clock.now());
        opened.await.expect("opened");
        let enter = Enter {
            relay: self.0.clone(),
            epoch: 1,
            room: RoomName {
                reseller: view.room.reseller,
                conference: planned.conference,
                occurrence: planned.occurrence,
            },
            participant: None,
            jti: None,
        };
        store.relay_enter(&enter, clock.now()).await.expect("entered");
    }
}
