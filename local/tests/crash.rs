//! What the platform has answered survives `kill -9` at any moment, faults of its table, and a restart.
//!
//! `CONVOKE_CRASH=10000` makes it a long storm: `./scripts/test crash`.

mod storm;

use storm::{Place, run, writes};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kills_and_faults() {
    let data = tempfile::tempdir().expect("a folder");
    let place = Place {
        data: data.path().to_owned(),
        dynamodb: None,
    };
    run(place, writes()).await;
}
