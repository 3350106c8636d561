//! The store on a table that throttles, conflicts, and loses requests and answers: nothing acknowledged is lost, nothing is
//! doubled, no name is taken twice.

mod conformance;
mod workload;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use conformance::world::{World, operator};
use store::embedded::{Embedded, Options, client};
use store::fault::{Faulty, Rates};
use store::{Error, Scope, Store, Unique};

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
        faults += counts.faults.load(Ordering::Relaxed);
    }
    assert!(faults > 1_000, "only {faults} faults were injected");
}

/// Without what nobody answers, after which a number may be left out, a request counted twice, or a refusal not be known for one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_suite_passes_on_a_failing_table() {
    for seed in 0..3 {
        let table = SharedHttpClient::new(Embedded::open(Options::default()).expect("opens"));
        let rates = Rates {
            throttle: 40,
            conflict: 60,
            lost_answer: 0,
            lost_request: 0,
        };
        conformance::suite(&client(SharedHttpClient::new(Faulty::new(table, seed, rates)))).await;
    }
}

/// A table that does the next transaction without keeping its token, and answers nobody.
#[derive(Clone, Debug)]
struct Forgetful {
    table: SharedHttpClient,
    forgets: Arc<AtomicBool>,
}

#[derive(Debug)]
struct ForgetfulConnector(SharedHttpConnector, Arc<AtomicBool>);

impl HttpClient for Forgetful {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let table = self.table.http_connector(settings, components);
        SharedHttpConnector::new(ForgetfulConnector(table, Arc::clone(&self.forgets)))
    }
}

impl HttpConnector for ForgetfulConnector {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target");
        let transaction = target.is_some_and(|target| target.ends_with(".TransactWriteItems"));
        if !transaction || !self.1.swap(false, Ordering::Relaxed) {
            return self.0.call(request);
        }
        let body = request.body().bytes().expect("a body");
        let mut body: serde_json::Value = serde_json::from_slice(body).expect("JSON");
        body["ClientRequestToken"] = "another".into();
        *request.body_mut() = SdkBody::from(body.to_string());
        let done = self.0.call(request);
        HttpConnectorFuture::new(async move {
            assert_eq!(done.await?.status().as_u16(), 200);
            Err(ConnectorError::timeout("nobody answers".into()))
        })
    }
}

/// As DynamoDB's is not, but emulators are that have much to do.
#[tokio::test]
async fn what_may_have_been_done_unheard_is_not_refused() {
    let forgets = Arc::new(AtomicBool::new(false));
    let table = Forgetful {
        table: SharedHttpClient::new(Embedded::open(Options::default()).expect("opens")),
        forgets: Arc::clone(&forgets),
    };
    let store = Store::new(&client(SharedHttpClient::new(table)), "convoke");
    store.create_table().await.expect("a table");
    let world = World::new(&store).await;
    let bob = World::host_of(&store, &world.company, "bob@w.example").await;

    forgets.store(true, Ordering::Relaxed);
    let made = store.host_create(&bob, &operator("host_create")).await;
    assert!(matches!(made, Err(Error::Unavailable(_))), "{made:?}");
    let reseller = Scope::reseller(world.reseller.id);
    assert_eq!(store.host(&reseller, bob.id).await.expect("is there").email, bob.email);

    let other = World::host_of(&store, &world.company, "bob@w.example").await;
    let made = store.host_create(&other, &operator("host_create")).await;
    assert!(matches!(made, Err(Error::Taken(Unique::Email))), "{made:?}");
}
