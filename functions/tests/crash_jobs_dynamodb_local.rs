//! The same run on Amazon's DynamoDB Local. Needs Java 17 or newer, and Maven for the first run. Asked for by name:
//! `cargo test -p functions --test crash_jobs_dynamodb_local`.

mod rush;
#[path = "../../shared/store/tests/dynamodb-local/server.rs"]
mod server;

use rush::table::Backend;
use rush::{jobs, run};
use server::DynamoDbLocal;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_owed_goes_out_whoever_is_killed_on_dynamodb_local() {
    let local = DynamoDbLocal::start().await;
    run(Backend::at(&local.url()), jobs()).await;
}
