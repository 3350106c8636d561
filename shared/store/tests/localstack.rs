//! The suite on LocalStack, in a container of Docker that goes with the test. Asked for by `./scripts/test docker`; compiled with the others,
//! which need no engine.

mod conformance;

use std::process::Command;
use std::time::Duration;

use store::emulator::{client, http};

/// The last ones that ask for no account.
const IMAGE: &str = "localstack/localstack:4.5";

/// A running LocalStack; ends with this value.
struct LocalStack {
    container: String,
}

impl LocalStack {
    fn start() -> Self {
        let options = ["--publish", "127.0.0.1::4566", "--env", "SERVICES=dynamodb"];
        let mut arguments = vec!["run", "--detach", "--rm"];
        arguments.extend(options);
        arguments.push(IMAGE);
        Self {
            container: docker(&arguments),
        }
    }

    fn url(&self) -> String {
        let published = docker(&["port", &self.container, "4566/tcp"]);
        format!("http://{}", published.lines().next().expect("its port is published"))
    }
}

impl Drop for LocalStack {
    fn drop(&mut self) {
        docker(&["rm", "--force", &self.container]);
    }
}

/// What a `docker` command prints.
fn docker(arguments: &[&str]) -> String {
    let done = Command::new("docker")
        .args(arguments)
        .output()
        .expect("docker is installed");
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "docker {}: {told}", arguments[0]);
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an engine of Docker: ./scripts/test docker"]
async fn the_suite_passes_on_localstack() {
    let local = LocalStack::start();
    let client = client(&local.url(), http());
    // Its door is open before its table is there.
    let mut tick = tokio::time::interval(Duration::from_millis(500));
    let mut tries = 0;
    while let Err(error) = client.list_tables().send().await {
        tries += 1;
        assert!(tries < 240, "no table after two minutes: {error:?}");
        tick.tick().await;
    }
    conformance::suite(&client).await;
}
