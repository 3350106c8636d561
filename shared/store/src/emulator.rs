//! DynamoDB at an address: an emulator such as DynamoDB Local, over plain HTTP and without real credentials.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedHttpClient};

/// The HTTP client that reaches it.
#[must_use]
pub fn http() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().build_http()
}

/// A client of the emulator at this URL, such as `http://127.0.0.1:8000`, over [`http`] or a wrapper of it.
#[must_use]
pub fn client(url: &str, http: SharedHttpClient) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("local"))
        .credentials_provider(Credentials::new("local", "local", None, None, "emulator"))
        .endpoint_url(url)
        .http_client(http)
        .build();
    Client::from_conf(config)
}
