//! The store on a table that throttles, conflicts, and loses requests and answers: nothing acknowledged is lost, nothing is
//! doubled, no name is taken twice.

mod conformance;
mod workload;

use aws_sdk_dynamodb::config::SharedHttpClient;
use store::embedded::{Embedded, Options, client};
use store::fault::{Faulty, Rates};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_on_a_failing_table() {
    let rates = [
        Rates {
            throttle: 100,
            conflict: 100,
            lost_answer: 100,
            lost_request: 50,
        },
        Rates {
            throttle: 0,
            conflict: 0,
            lost_answer: 300,
            lost_request: 0,
        },
        Rates {
            throttle: 0,
            conflict: 300,
            lost_answer: 50,
            lost_request: 0,
        },
        Rates {
            throttle: 250,
            conflict: 0,
            lost_answer: 0,
            lost_request: 250,
        },
    ];
    let mut faults = 0;
    for seed in 0..24 {
        let table = SharedHttpClient::new(Embedded::open(Options::default()).expect("opens"));
        let faulty = Faulty::new(
            table.clone(),
            seed,
            rates[usize::try_from(seed).expect("small") % rates.len()],
        );
        let counts = faulty.counts();
        workload::run(&client(SharedHttpClient::new(faulty)), &client(table), seed).await;
        faults += counts.faults.load(std::sync::atomic::Ordering::Relaxed);
    }
    assert!(faults > 1_000, "only {faults} faults were injected");
}

/// Without lost answers, after which a number may be left out or a request counted twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_suite_passes_on_a_failing_table() {
    for seed in 0..3 {
        let table = SharedHttpClient::new(Embedded::open(Options::default()).expect("opens"));
        let rates = Rates {
            throttle: 40,
            conflict: 60,
            lost_answer: 0,
            lost_request: 30,
        };
        conformance::suite(&client(SharedHttpClient::new(Faulty::new(table, seed, rates)))).await;
    }
}
