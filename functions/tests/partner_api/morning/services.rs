//! What is behind a dispatcher's clients: a table that takes its time, and a mail service that lets through so many mails a
//! second. Each request costs its dispatcher some of its one core, and these come one after the other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;

use tokio::sync::mpsc;

use super::clock::Clock;

/// What one request costs of a core: its building, signing and reading, and our part of it.
const COST: Duration = Duration::from_micros(400);

/// The one core of a process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Core(Arc<Mutex<Duration>>);

impl Core {
    /// Waits for its turn, and until it was served.
    pub(crate) async fn work(&self, clock: &Clock) {
        let until = {
            let mut busy = self.0.lock().expect("a lock");
            *busy = (*busy).max(clock.since_epoch()) + COST;
            *busy
        };
        clock.until(until).await;
    }
}

/// What the table's stream tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum New {
    /// A job of this name.
    Job(String),
    /// Something that webhooks hear of.
    News,
}

/// The way to a service, from a process with one core.
#[derive(Clone, Debug)]
pub(crate) struct Slow {
    pub(crate) clock: Clock,
    pub(crate) core: Core,
    pub(crate) service: SharedHttpClient,
    /// How long an answer takes.
    pub(crate) takes: Duration,
    /// Who hears of what comes into the table.
    pub(crate) stream: mpsc::UnboundedSender<New>,
}

#[derive(Debug)]
struct SlowConnector(Slow, SharedHttpConnector);

impl HttpClient for Slow {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let service = self.service.http_connector(settings, components);
        SharedHttpConnector::new(SlowConnector(self.clone(), service))
    }
}

impl HttpConnector for SlowConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Self(way, service) = self;
        let (way, service) = (way.clone(), service.clone());
        HttpConnectorFuture::new(async move {
            way.core.work(&way.clock).await;
            let new = new_items(&request);
            let answer = service.call(request).await?;
            if answer.status().as_u16() == 200 {
                for item in new {
                    let _ = way.stream.send(item);
                }
            }
            way.clock.sleep(way.takes).await;
            Ok(answer)
        })
    }
}

/// What a write makes.
fn new_items(request: &HttpRequest) -> Vec<New> {
    let body = request.body().bytes().unwrap_or_default();
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let writes = body["TransactItems"].as_array().cloned().unwrap_or_default();
    let puts = writes.iter().map(|write| &write["Put"]).chain([&body]);
    let item = |put: &serde_json::Value| {
        let partition = put["Item"]["pk"]["S"].as_str()?;
        if store::News::is_in(partition) {
            return Some(New::News);
        }
        let is_new = put["ConditionExpression"].as_str()?.contains("attribute_not_exists");
        let name = store::Job::name_in(partition).filter(|_| is_new)?;
        Some(New::Job(name.to_owned()))
    };
    puts.filter_map(item).collect()
}

/// What went out, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) to: String,
    pub(crate) at: Duration,
}

/// The mail service of an account, for all its dispatchers.
#[derive(Clone, Debug)]
pub(crate) struct MailService {
    clock: Clock,
    account: Arc<Mutex<Account>>,
}

#[derive(Debug)]
struct Account {
    /// Mails a second.
    rate: f64,
    /// Mails that may go out at once, and when that was so.
    free: (f64, Duration),
    sent: Vec<Sent>,
    refused: usize,
}

impl MailService {
    pub(crate) fn new(clock: Clock, rate: u32) -> Self {
        let account = Account {
            rate: f64::from(rate),
            free: (0.0, clock.since_epoch()),
            sent: Vec::new(),
            refused: 0,
        };
        Self {
            clock,
            account: Arc::new(Mutex::new(account)),
        }
    }

    /// What went out, and how many mails were too many when they came.
    pub(crate) fn take(&self) -> (Vec<Sent>, usize) {
        let mut account = self.account.lock().expect("a lock");
        (std::mem::take(&mut account.sent), std::mem::take(&mut account.refused))
    }

    fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let now = self.clock.since_epoch();
        let mut account = self.account.lock().expect("a lock");
        let (free, since) = account.free;
        let free = (free + (now.saturating_sub(since)).as_secs_f64() * account.rate).min(account.rate);
        let (status, text) = if free < 1.0 {
            account.free = (free, now);
            account.refused += 1;
            let error = "<Error><Type>Sender</Type><Code>Throttling</Code><Message>Maximum sending rate exceeded.</Message></Error>";
            (
                400,
                format!(
                    "<ErrorResponse xmlns=\"http://ses.amazonaws.com/doc/2010-12-01/\">{error}<RequestId>1</RequestId></ErrorResponse>"
                ),
            )
        } else {
            account.free = (free - 1.0, now);
            let fields: HashMap<String, String> =
                url::form_urlencoded::parse(request.body().bytes().unwrap_or_default())
                    .into_owned()
                    .collect();
            let to = fields["Destinations.member.1"].clone();
            account.sent.push(Sent { to, at: now });
            let result = "<SendRawEmailResult><MessageId>1</MessageId></SendRawEmailResult>";
            (
                200,
                format!(
                    "<SendRawEmailResponse xmlns=\"http://ses.amazonaws.com/doc/2010-12-01/\">{result}</SendRawEmailResponse>"
                ),
            )
        };
        let mut answer = HttpResponse::new(status.try_into().expect("a status"), SdkBody::from(text));
        answer.headers_mut().insert("content-type", "text/xml");
        answer
    }
}

impl HttpConnector for MailService {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(Ok(self.answer(&request)))
    }
}

impl HttpClient for MailService {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
