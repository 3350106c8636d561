//! The control plane some time later, in this process, on the same table with the same keys: as another of its processes would
//! be. Claims of requests that died are over by then, and so are leases of jobs.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::Bytes;
use axum::http::Request;
use domain::id::CompanyId;
use domain::jws::SigningKey;
use functions::passwords::Passwords;
use functions::relay_command::RelayCommands;
use functions::request::{CLIENT_HEADER, EDGE_HEADER, HOST_HEADER};
use functions::{App, Config, Keys, Rates, Router, operator};
use jiff::{SignedDuration, Timestamp};
use notify::{Mail, Mailer, Sending};
use serde_json::Value;
use store::{Store, Work};

use super::partner::{Answer, Passing, passing};
use super::platform::Address;

/// A step into the future: longer than any lease.
const STEP: SignedDuration = SignedDuration::from_secs(130);
/// Steps in which every job has come to rest.
const STEPS: usize = 40;

pub struct Later {
    app: App,
    router: Router,
    host: String,
    ahead: Arc<AtomicI64>,
}

/// Takes every mail, and keeps none: of what the storm has left open, some has gone out before.
#[derive(Debug)]
struct Nowhere;

impl Mailer for Nowhere {
    fn send<'a>(&'a self, _: &'a Mail, _: CompanyId) -> Sending<'a> {
        Box::pin(std::future::ready(Ok(())))
    }
}

impl Later {
    /// On the table of this store, with the keys in this data folder.
    pub fn new(store: Store, data: &Path, address: &Address) -> Self {
        let secret = |name: &str| std::fs::read(data.join(name)).expect("a key");
        let signing = SigningKey::from_pkcs8(&secret("signing.key")).expect("a signing key");
        let installation = secret("installation.key").try_into().expect("32 bytes");
        let keys = Keys::new(&installation, signing, hex::encode(secret("edge.secret")));
        let commands = RelayCommands::new(Arc::clone(&keys.signing));
        let most = Rates {
            session_per_minute: 1_000_000,
            company_per_minute: 1_000_000,
            object_per_minute: 1_000_000,
            ..Rates::default()
        };
        let config = Config {
            scheme: "http".to_owned(),
            rates: most,
            ..Config::default()
        };
        let ahead = Arc::new(AtomicI64::new(STEP.as_secs()));
        let clock = Arc::clone(&ahead);
        let passwords = Passwords::weak([1; 16]).expect("made");
        let app = App::new(store, config, keys, passwords, commands).with_clock(move || {
            let ahead = SignedDuration::from_secs(clock.load(Ordering::Relaxed));
            Timestamp::now().saturating_add(ahead).expect("a time")
        });
        let app = app.with_mailer(Arc::new(Nowhere));
        Self {
            app,
            router: Router::new(functions::all()),
            host: address.host.split(':').next().unwrap_or_default().to_owned(),
            ahead,
        }
    }

    /// Asks again what the storm has left open. The answer holds.
    pub async fn write(&self, token: &str, method: &str, body: &Value) -> Answer {
        for _ in 0..20 {
            let request = Request::post(format!("/enterprise_api/{method}"))
                .header("content-type", "application/json")
                .header("authorization", format!("AuthToken {token}"))
                .header(EDGE_HEADER, &self.app.keys.edge_secret)
                .header(HOST_HEADER, &self.host)
                .header(CLIENT_HEADER, "127.0.0.1")
                .body(Bytes::from(body.to_string()))
                .expect("a request");
            let response = Box::pin(self.router.serve(&self.app, request)).await;
            let status = response.status().as_u16();
            let answer: Value = serde_json::from_slice(response.body()).expect("JSON");
            match (status, passing(status, &answer)) {
                (200, _) => return Answer::Done(answer),
                (503, _) | (_, Passing::InProgress | Passing::Raced) => {}
                _ => return Answer::Refused(status, answer),
            }
        }
        panic!("{method} {body} is not answered");
    }

    /// Lets time pass until no job is left but reminders. Answers in how many steps.
    pub async fn rest(&self) -> usize {
        for step in 0..STEPS {
            let end = self
                .app
                .now()
                .saturating_add(SignedDuration::from_hours(48))
                .expect("a time");
            // Reminders of meetings to come wait for their time.
            let due = self.app.store.jobs_due(end, 200).await.expect("read");
            if due.iter().all(|job| matches!(job.work, Work::Remind { .. })) {
                let parked = self.app.store.jobs_parked(10).await.expect("read");
                assert!(parked.is_empty(), "jobs were given up: {parked:?}");
                return step;
            }
            operator::dispatch(&self.app, &[]).await.expect("dispatched");
            self.ahead.fetch_add(STEP.as_secs(), Ordering::Relaxed);
        }
        let left = self.app.store.jobs_due(self.app.now(), 10).await;
        panic!("jobs do not come to rest: {left:?}");
    }
}
