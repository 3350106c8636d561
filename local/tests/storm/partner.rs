//! A partner's server: calls the API over HTTP and, where it hears nothing or is asked to wait, tries again with the same
//! idempotency key.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::platform::Where;

/// Requests under way at any time.
pub const IN_FLIGHT: usize = 32;
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(500);

/// What the platform said in the end.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// 200.
    Done(Value),
    /// A refusal that is not for now only: status and body.
    Refused(u16, Value),
    /// The storm was over before there was an answer.
    Open,
}

/// How it went.
#[derive(Debug, Default)]
pub struct Counts {
    pub requests: AtomicUsize,
    pub unheard: AtomicUsize,
    pub unavailable: AtomicUsize,
    pub in_progress: AtomicUsize,
    pub raced: AtomicUsize,
}

/// Everybody who calls.
#[derive(Clone)]
pub struct Partner {
    client: reqwest::Client,
    at: Where,
    gate: Arc<Semaphore>,
    tokens: Arc<Vec<String>>,
    pub counts: Arc<Counts>,
    pub over: Arc<AtomicBool>,
}

impl Partner {
    /// Signs in some sessions of the first admin.
    pub async fn sign_in(at: Where, sessions: usize) -> Self {
        let mut partner = Self {
            client: reqwest::Client::builder()
                .timeout(Duration::from_secs(20))
                .build()
                .expect("a client"),
            at,
            gate: Arc::new(Semaphore::new(IN_FLIGHT)),
            tokens: Arc::default(),
            counts: Arc::default(),
            over: Arc::default(),
        };
        let address = partner.at.borrow().clone();
        let credentials = json!({"email": address.email, "password": address.password});
        let mut tokens = Vec::new();
        while tokens.len() < sessions {
            let Answer::Done(answer) = partner.write("", "authenticate", &credentials).await else {
                panic!("the admin is not let in");
            };
            tokens.push(answer["auth_token"].as_str().expect("a token").to_owned());
        }
        partner.tokens = tokens.into();
        partner
    }

    /// One of the admin's sessions.
    pub fn token(&self, which: usize) -> &str {
        &self.tokens[which % self.tokens.len()]
    }

    /// One request; `None` where no answer comes.
    pub async fn once(&self, token: &str, method: &str, body: &Value) -> Option<(u16, Value)> {
        let _turn = self.gate.acquire().await.expect("never closed");
        let address = self.at.borrow().clone();
        self.counts.requests.fetch_add(1, Ordering::Relaxed);
        let request = self
            .client
            .post(format!("{}/{method}", address.api))
            .header("host", &address.host)
            .header("authorization", format!("AuthToken {token}"))
            .json(body);
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        let text = response.text().await.ok()?;
        let body = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{method} answers {status} {text}"));
        Some((status, body))
    }

    /// Asks until there is an answer that holds.
    pub async fn write(&self, token: &str, method: &str, body: &Value) -> Answer {
        loop {
            let counter = match self.once(token, method, body).await {
                Some((200, answer)) => return Answer::Done(answer),
                None => &self.counts.unheard,
                Some((503, _)) => &self.counts.unavailable,
                Some((status, refusal)) => match passing(status, &refusal) {
                    Passing::InProgress => &self.counts.in_progress,
                    Passing::Raced => &self.counts.raced,
                    Passing::No => {
                        assert_ne!(status, 500, "{method} {body}: {refusal}");
                        return Answer::Refused(status, refusal);
                    }
                },
            };
            counter.fetch_add(1, Ordering::Relaxed);
            if self.over.load(Ordering::Relaxed) {
                return Answer::Open;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The answer of a read, however often it takes.
    pub async fn read(&self, method: &str, body: &Value) -> Answer {
        loop {
            match self.once(self.token(0), method, body).await {
                Some((200, answer)) => return Answer::Done(answer),
                Some((status, refusal)) if status != 503 => return Answer::Refused(status, refusal),
                _ => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}

/// Whether the same request may do better in a moment.
pub enum Passing {
    InProgress,
    Raced,
    No,
}

pub fn passing(status: u16, refusal: &Value) -> Passing {
    let raced = refusal["message"]
        .as_str()
        .is_some_and(|why| why.starts_with("Changed by another request"));
    match refusal["code"].as_str() {
        Some("in_progress") if status == 409 => Passing::InProgress,
        Some("conflict") if raced => Passing::Raced,
        _ => Passing::No,
    }
}
