//! The same storm on Amazon's DynamoDB Local, of which only the platform is killed. Needs Java 17 or newer, and Maven for the
//! first run. Asked for by name: `cargo test -p convoke --test crash_dynamodb_local`.

#[path = "../../shared/store/tests/dynamodb-local/server.rs"]
mod server;
mod storm;

use server::DynamoDbLocal;
use storm::{Place, run, writes};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kills_and_faults_on_dynamodb_local() {
    let (data, local) = (tempfile::tempdir().expect("a folder"), DynamoDbLocal::start().await);
    let place = Place {
        data: data.path().to_owned(),
        dynamodb: Some(local.url()),
    };
    run(place, writes()).await;
}
