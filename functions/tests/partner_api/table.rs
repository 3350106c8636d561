//! A table in memory that notes the requests made to it and shows all that lies in it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use store::embedded::{Embedded, Options, client, operation};

use crate::asked::{hold, touches};

/// Kinds of items that every request may touch, refused or not: what it counts by.
const COUNTERS: [&str; 4] = ["SESSION#", "RATE#", "ATTEMPT#", "COUNTER#"];

/// A table.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    notes: Arc<Mutex<Notes>>,
    /// What goes beyond the role of whoever asks fails.
    held: bool,
    inner: SharedHttpClient,
}

/// What was asked of the table, and how long it takes to answer.
#[derive(Debug, Default)]
struct Notes {
    requests: Vec<Asked>,
    latency: Duration,
    /// How many requests one after the other have come to their end.
    trips: usize,
    /// How long the table worked since that was asked last.
    busy: Duration,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) operation: String,
    pub(crate) is_write: bool,
    /// How many requests had come to their end one after the other before this one, and this one.
    pub(crate) trip: usize,
}

impl Notes {
    fn begin(&mut self, operation: &str) -> usize {
        let trip = self.trips + 1;
        self.requests.push(Asked {
            operation: operation.to_owned(),
            is_write: !matches!(operation, "GetItem" | "BatchGetItem" | "Query" | "TransactGetItems"),
            trip,
        });
        trip
    }
}

impl Table {
    pub(crate) fn new() -> Self {
        let database = Embedded::open(Options::default()).expect("a table in memory");
        Self {
            notes: Arc::default(),
            held: true,
            inner: SharedHttpClient::new(database),
        }
    }

    /// The same without a look at roles, which takes time.
    #[allow(dead_code, reason = "some of the suites ask")]
    pub(crate) fn without_roles(self) -> Self {
        Self { held: false, ..self }
    }

    pub(crate) fn client(&self) -> Client {
        client(SharedHttpClient::new(self.clone()))
    }

    /// What was asked since the last call.
    pub(crate) fn take(&self) -> Vec<Asked> {
        let mut notes = self.notes.lock().expect("not poisoned");
        notes.trips = 0;
        std::mem::take(&mut notes.requests)
    }

    /// How long the table worked since the last call.
    #[allow(dead_code, reason = "some of the suites ask")]
    pub(crate) fn take_busy(&self) -> Duration {
        std::mem::take(&mut self.notes.lock().expect("not poisoned").busy)
    }

    /// Lets each answer take this long, and more.
    pub(crate) fn set_latency(&self, latency: Duration) {
        self.notes.lock().expect("not poisoned").latency = latency;
    }

    /// All items but those that requests are counted by, as text under their keys.
    pub(crate) async fn dump(&self) -> BTreeMap<String, String> {
        let client = client(self.inner.clone());
        let mut pages = client.scan().table_name("convoke").into_paginator().send();
        let mut all = BTreeMap::new();
        while let Some(page) = pages.next().await {
            for item in page.expect("scanned").items() {
                let text = |name: &str| item[name].as_s().cloned().unwrap_or_default();
                let key = format!("{} {}", text("pk"), text("sk"));
                if !COUNTERS.iter().any(|counter| key.starts_with(counter)) {
                    all.insert(key, shown(&AttributeValue::M(item.clone())));
                }
            }
        }
        all
    }

    /// Everything in the table as one text, the counters too.
    pub(crate) async fn text(&self) -> String {
        let client = client(self.inner.clone());
        let mut pages = client.scan().table_name("convoke").into_paginator().send();
        let mut all = String::new();
        while let Some(page) = pages.next().await {
            for item in page.expect("scanned").items() {
                all.push_str(&format!("{item:?}\n"));
            }
        }
        all
    }
}

/// A value as text, the same each time.
fn shown(value: &AttributeValue) -> String {
    match value {
        AttributeValue::M(fields) => {
            let fields: BTreeMap<_, _> = fields.iter().map(|(name, value)| (name, shown(value))).collect();
            format!("{fields:?}")
        }
        AttributeValue::L(list) => format!("{:?}", list.iter().map(shown).collect::<Vec<_>>()),
        other => format!("{other:?}"),
    }
}

impl HttpClient for Table {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Noting {
            notes: Arc::clone(&self.notes),
            held: self.held,
            inner,
        })
    }
}

#[derive(Debug)]
struct Noting {
    notes: Arc<Mutex<Notes>>,
    held: bool,
    inner: SharedHttpConnector,
}

impl HttpConnector for Noting {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (notes, inner) = (Arc::clone(&self.notes), self.inner.clone());
        if self.held {
            let body = request.body().bytes().unwrap_or_default();
            let body = serde_json::from_slice(body).expect("the SDK sends JSON");
            hold(&touches(operation(&request), &body));
        }
        let (trip, latency) = {
            let mut notes = notes.lock().expect("not poisoned");
            (notes.begin(operation(&request)), notes.latency)
        };
        HttpConnectorFuture::new(async move {
            if !latency.is_zero() {
                tokio::time::sleep(latency).await;
            }
            let started = Instant::now();
            let answer = inner.call(request).await;
            let mut notes = notes.lock().expect("not poisoned");
            notes.busy += started.elapsed();
            notes.trips = notes.trips.max(trip);
            answer
        })
    }
}
