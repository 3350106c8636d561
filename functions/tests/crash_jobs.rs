//! Whoever sends mail, text messages and webhooks is killed again and again, and so is what it sends through: nothing that was
//! owed is lost, nothing comes twice that must not, and in time.
//!
//! `CONVOKE_CRASH_JOBS=5000` makes it a long run: `./scripts/test crash`.

mod rush;

use rush::table::Backend;
use rush::{jobs, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_owed_goes_out_whoever_is_killed() {
    run(Backend::embedded(), jobs()).await;
}
