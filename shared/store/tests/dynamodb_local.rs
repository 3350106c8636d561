//! The suite on Amazon's DynamoDB Local: a second implementation keeps us honest about the first. Needs Java 17 or newer,
//! and Maven for the first run; fails when they are missing. Not part of a plain `cargo test`: ask for it by
//! `cargo test -p store --test dynamodb_local`.

mod conformance;
mod workload;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedHttpClient};
use store::fault::{Faulty, Rates};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_suite_passes_on_dynamodb_local() {
    let local = DynamoDbLocal::start().await;
    conformance::suite(&local.client(local.http())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_on_dynamodb_local_under_faults() {
    let local = DynamoDbLocal::start().await;
    let clean = local.client(local.http());
    for seed in 0..3 {
        let rates = Rates {
            throttle: 60,
            conflict: 80,
            lost_answer: 60,
            lost_request: 40,
        };
        let faulty = local.client(SharedHttpClient::new(Faulty::new(local.http(), seed, rates)));
        workload::run(&faulty, &clean, seed).await;
    }
}

/// A running DynamoDB Local, in memory; ends with this value.
struct DynamoDbLocal {
    port: u16,
    _java: Child,
}

impl DynamoDbLocal {
    async fn start() -> Self {
        let jars = jars().await;
        let port = {
            let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
            free.local_addr().expect("is bound").port()
        };
        let mut java = Command::new("java")
            .arg("-Xmx512m")
            .arg(format!("-Djava.library.path={}", jars.display()))
            .arg("-cp")
            .arg(jars.join("*"))
            .arg("software.amazon.dynamodb.services.local.main.ServerRunner")
            .args(["-port", &port.to_string(), "-inMemory", "-sharedDb"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("java is installed");
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        for _ in 0..600 {
            tick.tick().await;
            if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Self { port, _java: java };
            }
            let ended = java.try_wait().expect("is a child");
            assert!(ended.is_none(), "DynamoDB Local ended at its start: {ended:?}");
        }
        panic!("DynamoDB Local does not listen after a minute");
    }

    fn http(&self) -> SharedHttpClient {
        aws_smithy_http_client::Builder::new().build_http()
    }

    fn client(&self, http: SharedHttpClient) -> Client {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("local"))
            .credentials_provider(Credentials::new("local", "local", None, None, "test"))
            .endpoint_url(format!("http://127.0.0.1:{}", self.port))
            .http_client(http)
            .build();
        Client::from_conf(config)
    }
}

/// The folder of its jars, below the target folder; Maven fetches them once.
async fn jars() -> PathBuf {
    // One at a time: the tests of this file run beside each other.
    static FETCH: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _one = FETCH.lock().await;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dynamodb-local-3.3.1");
    if folder.is_dir() {
        return folder;
    }
    let fetched = folder.with_extension(std::process::id().to_string());
    let pom = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dynamodb-local/pom.xml");
    let status = Command::new("mvn")
        .args(["-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime"])
        .arg("-f")
        .arg(pom)
        .arg(format!("-DoutputDirectory={}", fetched.display()))
        .stdin(Stdio::null())
        .status()
        .await
        .expect("maven is installed");
    assert!(status.success(), "maven did not fetch DynamoDB Local: {status}");
    // Whole or not at all; another process may have been faster.
    if std::fs::rename(&fetched, &folder).is_err() {
        assert!(folder.is_dir(), "the jars could not be put into {}", folder.display());
    }
    folder
}
