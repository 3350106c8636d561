//! Partners' servers that webhooks go to: one that is well, one that fails now and then, one that has gone silent.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Longer than anybody waits for an answer.
const SLOW: Duration = Duration::from_secs(7);
/// Of 100 first tries, so many fail.
const FAILS: u32 = 15;

/// How a receiver is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mood {
    Well,
    /// Fails, the same thing so often at most.
    Moody(u32),
    /// Answers pings and nothing else.
    Silent,
}

/// Something that came.
#[derive(Debug, Clone)]
pub struct Got {
    /// The way in its URL: whose webhook it is.
    pub hook: String,
    pub event: String,
    pub conference: u64,
    pub sequence: u64,
    pub gap: bool,
    pub at: Timestamp,
    /// Whether it was said at once that it arrived.
    pub taken: bool,
}

/// One server.
pub struct Receiver {
    port: u16,
    mood: Mood,
    state: Mutex<State>,
}

struct State {
    dice: StdRng,
    got: Vec<Got>,
    /// How often each delivery failed here.
    failed: HashMap<String, u32>,
}

enum Deed {
    Take,
    Refuse,
    Reset,
    Late,
    Hang,
}

impl Receiver {
    pub async fn start(mood: Mood, seed: u64) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let receiver = Arc::new(Self {
            port: listener.local_addr().expect("an address").port(),
            mood,
            state: Mutex::new(State {
                dice: StdRng::seed_from_u64(seed),
                got: Vec::new(),
                failed: HashMap::new(),
            }),
        });
        let serving = Arc::clone(&receiver);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                let serving = Arc::clone(&serving);
                // Who is killed leaves half a request.
                tokio::spawn(async move { serving.serve(stream).await.ok() });
            }
        });
        receiver
    }

    /// Where one of its webhooks is.
    pub fn url(&self, hook: &str) -> String {
        format!("http://127.0.0.1:{}/{hook}", self.port)
    }

    pub fn mood(&self) -> Mood {
        self.mood
    }

    /// All that came but pings, in its order.
    pub fn got(&self) -> Vec<Got> {
        self.state.lock().expect("not poisoned").got.clone()
    }

    async fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let head = String::from_utf8(head).expect("a request's head is ASCII");
        let small = head.to_ascii_lowercase();
        let length = small.split("content-length: ").nth(1);
        let length = length.and_then(|rest| rest.split('\r').next()?.parse().ok());
        let mut body = vec![0; length.expect("a length")];
        stream.read_exact(&mut body).await?;
        let hook = head
            .split(' ')
            .nth(1)
            .expect("a path")
            .trim_start_matches('/')
            .to_owned();
        match self.hear(hook, &serde_json::from_slice(&body).expect("JSON")) {
            Deed::Take => stream.write_all(b"HTTP/1.1 204 Fine\r\n\r\n").await?,
            Deed::Refuse => {
                stream
                    .write_all(b"HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n")
                    .await?
            }
            Deed::Reset => stream.set_zero_linger()?,
            Deed::Late => {
                tokio::time::sleep(SLOW).await;
                stream.write_all(b"HTTP/1.1 204 Fine\r\n\r\n").await?;
            }
            Deed::Hang => std::future::pending().await,
        }
        Ok(())
    }

    fn hear(&self, hook: String, body: &Value) -> Deed {
        let event = body["event"].as_str().expect("a word").to_owned();
        if event == "ping" {
            return Deed::Take;
        }
        let mut state = self.state.lock().expect("not poisoned");
        let id = body["id"].as_str().expect("an id").to_owned();
        let failed = state.failed.get(&id).copied().unwrap_or_default();
        let deed = match self.mood {
            Mood::Well => Deed::Take,
            Mood::Silent => Deed::Hang,
            Mood::Moody(most) if failed < most && state.dice.random_range(0..100) < FAILS => {
                match state.dice.random_range(0..3) {
                    0 => Deed::Refuse,
                    1 => Deed::Reset,
                    _ => Deed::Late,
                }
            }
            Mood::Moody(_) => Deed::Take,
        };
        let taken = matches!(deed, Deed::Take);
        if !taken {
            *state.failed.entry(id).or_default() += 1;
        }
        let payload: Value = serde_json::from_str(body["payload"].as_str().expect("a text")).expect("JSON in a text");
        let got = Got {
            hook,
            event,
            conference: payload["conference_id"].as_u64().expect("a meeting"),
            sequence: body["sequence"].as_u64().expect("a number"),
            gap: body["gap"] == true,
            at: Timestamp::now(),
            taken,
        };
        state.got.push(got);
        deed
    }
}
