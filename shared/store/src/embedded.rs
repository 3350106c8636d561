//! DynamoDB in this process: the ordinary SDK over an HTTP client that calls an embedded database instead of a socket.
//!
//! Retries, errors and paginators of the SDK run as on AWS. Operations on a file block, so they run beside the async
//! threads. The stream stays off (it is never trimmed there); who must act on writes is told by [`Options::written`].

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
/// The kind of HTTP client that the SDK takes; wrappers of it are put together with [`crate::fault`].
pub use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Credentials, Region};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use dynoxide::Database;
use dynoxide::errors::DynoxideError;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why an embedded table could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("the embedded table could not be opened")]
pub struct OpenError(#[source] DynoxideError);

/// How an embedded table is opened.
#[derive(Clone, Default)]
pub struct Options {
    /// Where it lies; in memory when absent.
    pub file: Option<PathBuf>,
    /// Called after each successful write, from any thread.
    pub written: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

/// A client of a fresh table in memory.
///
/// # Errors
/// When the database cannot be made.
pub fn memory() -> Result<Client, OpenError> {
    open(Options::default())
}

/// A client of an embedded database.
///
/// # Errors
/// When its file cannot be opened.
pub fn open(options: Options) -> Result<Client, OpenError> {
    Ok(client(SharedHttpClient::new(Embedded::open(options)?)))
}

/// A client over this HTTP client, for an embedded database or a wrapper of it: no network, no real credentials.
#[must_use]
pub fn client(http: SharedHttpClient) -> Client {
    Client::from_conf(config(http).build())
}

/// The settings of such a client, for one with a clock of its own.
#[must_use]
pub fn config(http: SharedHttpClient) -> Builder {
    aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("local"))
        .credentials_provider(Credentials::new("embedded", "embedded", None, None, "embedded"))
        .endpoint_url("http://embedded.invalid")
        .http_client(http)
}

/// The HTTP client that is a database.
#[derive(Clone)]
pub struct Embedded {
    database: Database,
    blocking: bool,
    written: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded")
            .field("blocking", &self.blocking)
            .finish_non_exhaustive()
    }
}

impl Embedded {
    /// Opens the database.
    ///
    /// # Errors
    /// When its file cannot be opened.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let blocking = options.file.is_some();
        let database = match options.file {
            Some(file) => Database::new(&file.to_string_lossy()),
            None => Database::memory(),
        };
        Ok(Self {
            database: database.map_err(OpenError)?,
            blocking,
            written: options.written,
        })
    }

    fn answer(&self, operation: &str, body: &[u8]) -> HttpResponse {
        let (status, text) = match run(&self.database, operation, body) {
            Ok(text) => (200, text),
            Err(error) => (error.status_code(), error.to_json()),
        };
        if status == 200
            && matches!(
                operation,
                "PutItem" | "UpdateItem" | "DeleteItem" | "BatchWriteItem" | "TransactWriteItems"
            )
            && let Some(written) = &self.written
        {
            written();
        }
        let status = status
            .try_into()
            .unwrap_or_else(|_| 500.try_into().expect("500 is a status"));
        let mut response = HttpResponse::new(status, SdkBody::from(text));
        response
            .headers_mut()
            .insert("content-type", "application/x-amz-json-1.0");
        response
    }
}

impl HttpClient for Embedded {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Embedded {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let operation = operation(&request).to_owned();
        let Some(body) = request.body().bytes().map(<[u8]>::to_vec) else {
            let error = ConnectorError::user("the request's body is a stream".into());
            return HttpConnectorFuture::ready(Err(error));
        };
        if !self.blocking {
            return HttpConnectorFuture::ready(Ok(self.answer(&operation, &body)));
        }
        let this = self.clone();
        HttpConnectorFuture::new(async move {
            tokio::task::spawn_blocking(move || this.answer(&operation, &body))
                .await
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// The DynamoDB operation that a request of the SDK names: `PutItem`.
#[must_use]
pub fn operation(request: &HttpRequest) -> &str {
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    target.rsplit('.').next().unwrap_or_default()
}

fn run(database: &Database, operation: &str, body: &[u8]) -> Result<String, DynoxideError> {
    match operation {
        "GetItem" => call(body, |request| database.get_item(request)),
        "PutItem" => call(body, |request| database.put_item(request)),
        "UpdateItem" => call(body, |request| database.update_item(request)),
        "DeleteItem" => call(body, |request| database.delete_item(request)),
        "Query" => call(body, |request| database.query(request)),
        // The store never scans; tests dump whole tables.
        "Scan" => call(body, |request| database.scan(request)),
        "BatchGetItem" => call(body, |request| database.batch_get_item(request)),
        "BatchWriteItem" => call(body, |request| database.batch_write_item(request)),
        "TransactGetItems" => call(body, |request| database.transact_get_items(request)),
        "TransactWriteItems" => call(body, |request| database.transact_write_items(request)),
        "CreateTable" => call(body, |request| database.create_table(request)),
        "DescribeTable" => call(body, |request| database.describe_table(request)),
        "UpdateTimeToLive" => call(body, |request| database.update_time_to_live(request)),
        "DescribeTimeToLive" => call(body, |request| database.describe_time_to_live(request)),
        _ => Err(DynoxideError::ValidationException(format!(
            "the embedded table has no operation {operation}"
        ))),
    }
}

fn call<I: DeserializeOwned, O: Serialize>(
    body: &[u8],
    operation: impl FnOnce(I) -> Result<O, DynoxideError>,
) -> Result<String, DynoxideError> {
    let request =
        serde_json::from_slice(body).map_err(|error| DynoxideError::SerializationException(error.to_string()))?;
    let answer = operation(request)?;
    serde_json::to_string(&answer).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}
