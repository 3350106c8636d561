//! The table behind a socket, for all processes: with faults of its own, and with a stream that tells what is new in it.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::Value;
use store::embedded::{Embedded, Options};

use super::events::Queue;

/// Of 1,000 requests so many are throttled, done without an answer that says so, and lost.
const THROTTLED: u32 = 5;
const UNHEARD: u32 = 3;
const LOST: u32 = 3;

/// What keeps the items.
#[derive(Clone)]
pub enum Backend {
    /// In this process's memory.
    Memory(Embedded),
    /// At an address.
    Far(reqwest::Client, String),
}

impl Backend {
    #[allow(dead_code, reason = "one of the suites asks")]
    pub fn embedded() -> Self {
        Self::Memory(Embedded::open(Options::default()).expect("a table in memory"))
    }

    #[allow(dead_code, reason = "one of the suites asks")]
    pub fn at(url: &str) -> Self {
        // Clients are not made before it is there.
        drop(rustls::crypto::ring::default_provider().install_default());
        Self::Far(reqwest::Client::new(), url.to_owned())
    }

    async fn ask(&self, headers: &HeaderMap, body: Bytes) -> (StatusCode, Bytes) {
        match self {
            Self::Memory(embedded) => {
                let mut request = HttpRequest::new(SdkBody::from(body));
                request.headers_mut().insert("x-amz-target", target(headers).to_owned());
                let answer = embedded.call(request).await.expect("the table is in this process");
                let status = StatusCode::from_u16(answer.status().as_u16()).expect("a status");
                let body = answer.body().bytes().expect("a body in memory");
                (status, Bytes::copy_from_slice(body))
            }
            Self::Far(client, url) => {
                let mut request = client.post(url).body(body);
                for name in ["x-amz-target", "content-type", "authorization", "x-amz-date"] {
                    if let Some(value) = headers.get(name) {
                        request = request.header(name, value);
                    }
                }
                let answer = request.send().await.expect("the table answers");
                let status = answer.status();
                (status, answer.bytes().await.expect("all of an answer"))
            }
        }
    }
}

fn target(headers: &HeaderMap) -> &str {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok());
    target.unwrap_or_default()
}

/// Whether a request is the table's.
pub fn is_meant(headers: &HeaderMap) -> bool {
    target(headers).starts_with("DynamoDB")
}

/// The table.
pub struct Table {
    backend: Backend,
    dice: Mutex<StdRng>,
    /// Jobs and news that lie in it.
    there: Mutex<HashSet<(String, String)>>,
    /// Who hears of new jobs, and of news.
    jobs: Arc<Queue>,
    news: Arc<Queue>,
    pub faults: AtomicUsize,
}

impl Table {
    pub fn new(backend: Backend, seed: u64, (jobs, news): (Arc<Queue>, Arc<Queue>)) -> Self {
        Self {
            backend,
            dice: Mutex::new(StdRng::seed_from_u64(seed)),
            there: Mutex::default(),
            jobs,
            news,
            faults: AtomicUsize::new(0),
        }
    }

    /// Answers a request; `sound`, without a fault.
    pub async fn answer(&self, headers: &HeaderMap, body: Bytes, sound: bool) -> Response {
        let roll = match sound {
            true => 1_000,
            false => self.dice.lock().expect("not poisoned").random_range(0..1_000),
        };
        if roll < THROTTLED + UNHEARD + LOST {
            self.faults.fetch_add(1, Ordering::Relaxed);
        }
        if roll < THROTTLED {
            return fault(StatusCode::BAD_REQUEST, "ProvisionedThroughputExceededException");
        }
        if roll < THROTTLED + LOST {
            return fault(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError");
        }
        let (status, answer) = self.backend.ask(headers, body.clone()).await;
        if status.is_success() {
            self.stream(target(headers), &body);
        }
        if roll < THROTTLED + LOST + UNHEARD {
            return fault(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError");
        }
        (status, [("content-type", "application/x-amz-json-1.0")], answer).into_response()
    }

    /// What is new by a write: as the template's filters have it, new items of jobs and of news.
    fn stream(&self, target: &str, body: &[u8]) {
        let operation = target.rsplit('.').next().unwrap_or_default();
        if !matches!(
            operation,
            "PutItem" | "UpdateItem" | "DeleteItem" | "TransactWriteItems"
        ) {
            return;
        }
        let request: Value = serde_json::from_slice(body).expect("the SDK sends JSON");
        match request["TransactItems"].as_array() {
            Some(items) => {
                for item in items {
                    let (verb, of) = item.as_object().and_then(|item| item.iter().next()).expect("a write");
                    self.written(verb, of);
                }
            }
            None => self.written(operation.trim_end_matches("Item"), &request),
        }
    }

    fn written(&self, verb: &str, of: &Value) {
        let place = match verb {
            "Put" => &of["Item"],
            _ => &of["Key"],
        };
        let text = |name: &str| place[name]["S"].as_str().unwrap_or_default().to_owned();
        let key = (text("pk"), text("sk"));
        let queue = match &key.0 {
            pk if pk.starts_with("JOB#") => &self.jobs,
            pk if pk.starts_with("NEWS#") => &self.news,
            _ => return,
        };
        let mut there = self.there.lock().expect("not poisoned");
        let new = match verb {
            "Put" | "Update" => there.insert(key.clone()),
            "Delete" => {
                there.remove(&key);
                false
            }
            _ => false,
        };
        if new {
            queue.tell(key.0);
        }
    }
}

fn fault(status: StatusCode, code: &str) -> Response {
    let text = format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"injected"}}"#);
    (status, [("content-type", "application/x-amz-json-1.0")], text).into_response()
}
