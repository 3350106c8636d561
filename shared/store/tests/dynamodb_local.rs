//! The suite on Amazon's DynamoDB Local: a second implementation keeps us honest about the first. Needs Java 17 or newer,
//! and Maven for the first run; fails when they are missing. Not part of a plain `cargo test`: ask for it by
//! `cargo test -p store --test dynamodb_local`.

mod conformance;
#[path = "dynamodb-local/server.rs"]
mod server;
mod workload;

use server::DynamoDbLocal;
use store::embedded::SharedHttpClient;
use store::emulator::{client, http};
use store::fault::{Faulty, Rates};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_suite_passes_on_dynamodb_local() {
    let local = DynamoDbLocal::start().await;
    conformance::suite(&client(&local.url(), http())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_on_dynamodb_local_under_faults() {
    let local = DynamoDbLocal::start().await;
    let clean = client(&local.url(), http());
    for seed in 0..3 {
        let rates = Rates {
            throttle: 60,
            conflict: 80,
            lost_answer: 60,
            lost_request: 40,
        };
        let faulty = client(&local.url(), SharedHttpClient::new(Faulty::new(http(), seed, rates)));
        workload::run(&faulty, &clean, seed).await;
    }
}
