//! DynamoDB Local as a process of a test, in memory.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// A running DynamoDB Local, in memory; ends with this value.
pub(crate) struct DynamoDbLocal {
    port: u16,
    _java: Child,
}

impl DynamoDbLocal {
    pub(crate) async fn start() -> Self {
        let jars = jars().await;
        let port = {
            let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
            free.local_addr().expect("is bound").port()
        };
        let mut java = Command::new("java")
            // It leaves a file of its own where it runs.
            .current_dir(&jars)
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

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
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
    std::fs::create_dir_all(&fetched).expect("a folder");
    let pom = fetched.join("pom.xml");
    std::fs::write(&pom, include_str!("pom.xml")).expect("written");
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
