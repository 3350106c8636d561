//! A table in memory that notes what is asked of it, takes a fixed time for each request, and breaks where it is told to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use store::embedded::{Embedded, Options};

use crate::asked::{Touch, hold, touches};

/// Where the table breaks: it refuses every write after so many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Break {
    /// Writes that still succeed.
    pub(crate) after: usize,
    /// Whether the first that is refused is done nevertheless.
    pub(crate) done: bool,
}

impl Break {
    /// What becomes of the next write: whether it is done, if it is refused.
    fn next(&mut self) -> Option<bool> {
        if self.after > 0 {
            self.after -= 1;
            return None;
        }
        Some(std::mem::take(&mut self.done))
    }
}

/// What was asked, and how long each answer takes.
#[derive(Debug, Clone)]
pub(crate) struct Notes {
    touched: Arc<Mutex<Vec<Touch>>>,
    latency: Arc<Mutex<Duration>>,
    writing: Arc<Mutex<Duration>>,
    broken: Arc<Mutex<Option<Break>>>,
    held: Arc<AtomicBool>,
    inner: SharedHttpClient,
}

impl Notes {
    pub(crate) fn new() -> Self {
        let database = Embedded::open(Options::default()).expect("a table in memory");
        Self {
            touched: Arc::default(),
            latency: Arc::default(),
            writing: Arc::default(),
            broken: Arc::default(),
            held: Arc::new(AtomicBool::new(true)),
            inner: SharedHttpClient::new(database),
        }
    }

    pub(crate) fn client(&self) -> SharedHttpClient {
        SharedHttpClient::new(self.clone())
    }

    /// Makes each request of the table take this long, on the clock of the runtime.
    pub(crate) fn set_latency(&self, latency: Duration) {
        *self.latency.lock().expect("not poisoned") = latency;
    }

    /// Makes each write take this much longer, on the same clock.
    pub(crate) fn slow_writes(&self, longer: Duration) {
        *self.writing.lock().expect("not poisoned") = longer;
    }

    /// Breaks the table, or mends it.
    pub(crate) fn set_broken(&self, broken: Option<Break>) {
        *self.broken.lock().expect("not poisoned") = broken;
    }

    /// From now on only notes what goes beyond a role, and lets it be.
    pub(crate) fn let_all_be(&self) {
        self.held.store(false, Ordering::Relaxed);
    }

    /// What was asked since the last call.
    pub(crate) fn take(&self) -> Vec<Touch> {
        std::mem::take(&mut *self.touched.lock().expect("not poisoned"))
    }
}

impl HttpClient for Notes {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Connector {
            notes: self.clone(),
            inner,
        })
    }
}

#[derive(Debug)]
struct Connector {
    notes: Notes,
    inner: SharedHttpConnector,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let body = request.body().bytes().map(<[u8]>::to_vec).unwrap_or_default();
        let body = serde_json::from_slice(&body).expect("the SDK sends JSON");
        let touched = touches(&operation, &body);
        if self.notes.held.load(Ordering::Relaxed) {
            hold(&touched);
        }
        let writes = touched.iter().any(|touch| touch.action.writes());
        self.notes.touched.lock().expect("not poisoned").extend(touched);
        let refused = match &mut *self.notes.broken.lock().expect("not poisoned") {
            Some(broken) if writes => broken.next(),
            _ => None,
        };
        let mut latency = *self.notes.latency.lock().expect("not poisoned");
        if writes {
            latency += *self.notes.writing.lock().expect("not poisoned");
        }
        let inner = self.inner.clone();
        HttpConnectorFuture::new(async move {
            if !latency.is_zero() {
                tokio::time::sleep(latency).await;
            }
            match refused {
                None => inner.call(request).await,
                Some(done) => {
                    if done {
                        inner.call(request).await?;
                    }
                    Ok(refusal())
                }
            }
        })
    }
}

/// An answer that nobody tries again after.
fn refusal() -> HttpResponse {
    let body = r#"{"__type":"com.amazonaws.dynamodb.v20120810#AccessDeniedException","message":"broken"}"#;
    let mut response = HttpResponse::new(400.try_into().expect("a status"), SdkBody::from(body));
    response
        .headers_mut()
        .insert("content-type", "application/x-amz-json-1.0");
    response
}
