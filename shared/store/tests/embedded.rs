//! The suite on the embedded table, in memory and in a file, through the ordinary SDK.

mod conformance;

use store::Store;
use store::embedded::{Options, memory, open};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_suite_passes_in_memory() {
    conformance::suite(&memory().expect("opens")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_suite_passes_in_a_file_which_keeps_what_it_was_given() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = Some(folder.path().join("table.sqlite"));
    let client = open(Options {
        file: file.clone(),
        written: None,
    })
    .expect("opens");
    conformance::suite(&client).await;
    let world = conformance::world::World::new(&Store::new(&client, "convoke")).await;
    drop(client);

    let again = Store::new(&open(Options { file, written: None }).expect("opens again"), "convoke");
    again.create_table().await.expect("is there");
    assert_eq!(
        again.host(&world.scope(), world.host.id).await.expect("found"),
        world.host
    );
}

#[tokio::test]
async fn writes_are_told_and_reads_are_not() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    let writes = Arc::new(AtomicUsize::new(0));
    let told = Arc::clone(&writes);
    let written: Arc<dyn Fn() + Send + Sync> = Arc::new(move || {
        told.fetch_add(1, Ordering::Relaxed);
    });
    let store = Store::new(
        &open(Options {
            file: None,
            written: Some(written),
        })
        .expect("opens"),
        "convoke",
    );
    store.create_table().await.expect("made");
    let before = writes.load(Ordering::Relaxed);
    let world = conformance::world::World::new(&store).await;
    let after = writes.load(Ordering::Relaxed);
    assert!(after > before);
    store.host(&world.scope(), world.host.id).await.expect("found");
    assert_eq!(writes.load(Ordering::Relaxed), after);
}
