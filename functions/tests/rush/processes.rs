//! The processes that send, each under a Lambda runtime API of ours: the bootstrap of the template as the dispatcher; who tells
//! webhooks is this test's own program, since the bootstrap goes to public addresses only. Some are killed now and then, and
//! another one is there at once, which gets what the dead one was at.

use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use functions::operator::{self, TELL_WEBHOOKS};
use jiff::Timestamp;
use lambda_http::lambda_runtime::{self, LambdaEvent, service_fn};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::Value;
use store::Store;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use super::events::{Event, Queue};
use super::{EDGE, SEALING, TABLE, TEXTS, app};

/// What a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Dispatcher,
    Teller,
}

/// A process that was killed.
#[derive(Debug, Clone)]
pub struct Kill {
    pub kind: Kind,
    /// As its requests to services name it.
    pub process: String,
    pub at: Timestamp,
}

#[derive(Default)]
struct Running {
    generation: u32,
    child: Option<Child>,
    /// What it is at.
    event: Option<Event>,
}

/// The place of a process.
struct Slot {
    kind: Kind,
    number: usize,
    queue: Arc<Queue>,
    runtime: String,
    services: String,
    running: Mutex<Running>,
    failed: Mutex<Vec<String>>,
}

impl Slot {
    fn name(&self, generation: u32) -> String {
        let kind = match self.kind {
            Kind::Dispatcher => 'D',
            Kind::Teller => 'T',
        };
        format!("{kind}{}G{generation}", self.number)
    }

    fn start(&self) {
        let mut running = self.running.lock().expect("not poisoned");
        running.generation += 1;
        let (program, arguments): (_, &[&str]) = match self.kind {
            Kind::Dispatcher => (env!("CARGO_BIN_EXE_bootstrap").into(), &[]),
            Kind::Teller => {
                let own = std::env::current_exe().expect("a program");
                (
                    own,
                    &["--exact", "rush::processes::a_teller", "--ignored", "--nocapture"],
                )
            }
        };
        let handler = match self.kind {
            Kind::Dispatcher => operator::DISPATCH.handler(),
            Kind::Teller => TELL_WEBHOOKS.handler(),
        };
        let child = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs([
                ("_HANDLER", handler.as_str()),
                ("AWS_LAMBDA_RUNTIME_API", &self.runtime),
                ("AWS_LAMBDA_FUNCTION_NAME", "rush"),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
                ("AWS_LAMBDA_LOG_GROUP_NAME", "rush"),
                ("AWS_LAMBDA_LOG_STREAM_NAME", "rush"),
                ("AWS_REGION", "us-east-1"),
                ("AWS_ACCESS_KEY_ID", &self.name(running.generation)),
                ("AWS_SECRET_ACCESS_KEY", "rush"),
                ("AWS_ENDPOINT_URL", &self.services),
                ("CONVOKE_TABLE", TABLE),
                ("CONVOKE_EDGE_SECRET", EDGE),
                ("CONVOKE_SEALING_KEY", &hex::encode(SEALING)),
                ("CONVOKE_SIGNING_KEY", &super::signing_key()),
                ("CONVOKE_MAIL_CONFIGURATION", ""),
                ("CONVOKE_TEXTS", TEXTS),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        running.child = Some(child.expect("it starts"));
    }

    /// `kill -9`.
    async fn kill(&self) -> Kill {
        let (child, name) = {
            let mut running = self.running.lock().expect("not poisoned");
            (running.child.take(), self.name(running.generation))
        };
        let mut child = child.expect("it runs");
        child.kill().await.expect("killed");
        let event = self.running.lock().expect("not poisoned").event.take();
        event.into_iter().for_each(|event| self.queue.again(event));
        Kill {
            kind: self.kind,
            process: name,
            at: Timestamp::now(),
        }
    }

    /// The next event, for the process that runs now.
    async fn next(&self) -> Response {
        let generation = self.running.lock().expect("not poisoned").generation;
        loop {
            let mut come = std::pin::pin!(self.queue.come.notified());
            come.as_mut().enable();
            {
                let mut running = self.running.lock().expect("not poisoned");
                if running.generation != generation || running.child.is_none() {
                    return StatusCode::GONE.into_response();
                }
                if let Some(event) = self.queue.take() {
                    let body = event.body().to_string();
                    running.event = Some(event);
                    let headers = [
                        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
                        ("lambda-runtime-deadline-ms", "4102444800000"),
                        (
                            "lambda-runtime-invoked-function-arn",
                            "arn:aws:lambda:us-east-1:123456789012:function:rush",
                        ),
                        ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700"),
                        ("content-type", "application/json"),
                    ];
                    return (headers, body).into_response();
                }
            }
            come.await;
        }
    }
}

async fn answered(State(slot): State<Arc<Slot>>) -> StatusCode {
    slot.running.lock().expect("not poisoned").event = None;
    StatusCode::ACCEPTED
}

async fn failed(State(slot): State<Arc<Slot>>, body: Bytes) -> StatusCode {
    let event = slot.running.lock().expect("not poisoned").event.take();
    event.into_iter().for_each(|event| slot.queue.again(event));
    let why = String::from_utf8_lossy(&body).into_owned();
    slot.failed.lock().expect("not poisoned").push(why);
    StatusCode::ACCEPTED
}

/// All that run.
pub struct Processes {
    slots: Vec<Arc<Slot>>,
    dice: StdRng,
    pub kills: Vec<Kill>,
}

impl Processes {
    /// Starts so many of each kind, which reach table and services at this URL.
    pub async fn start(counts: &[(Kind, usize, Arc<Queue>)], services: &str, seed: u64) -> Self {
        let mut slots = Vec::new();
        for (kind, count, queue) in counts {
            for number in 0..*count {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
                let slot = Arc::new(Slot {
                    kind: *kind,
                    number,
                    queue: Arc::clone(queue),
                    runtime: listener.local_addr().expect("an address").to_string(),
                    services: services.to_owned(),
                    running: Mutex::default(),
                    failed: Mutex::default(),
                });
                let next = |State(slot): State<Arc<Slot>>| async move { slot.next().await };
                let api = Router::new()
                    .route("/2018-06-01/runtime/invocation/next", get(next))
                    .route("/2018-06-01/runtime/invocation/{id}/response", post(answered))
                    .route("/2018-06-01/runtime/invocation/{id}/error", post(failed))
                    .route("/2018-06-01/runtime/init/error", post(failed))
                    .with_state(Arc::clone(&slot));
                tokio::spawn(async move { axum::serve(listener, api).await });
                slot.start();
                slots.push(slot);
            }
        }
        Self {
            slots,
            dice: StdRng::seed_from_u64(seed),
            kills: Vec::new(),
        }
    }

    /// Kills some so many milliseconds after each other, until it is told that it is over.
    pub async fn kill(&mut self, every: (u64, u64), until: &tokio::sync::watch::Receiver<bool>) {
        while !*until.borrow() {
            let pause = self.dice.random_range(every.0..every.1);
            tokio::time::sleep(Duration::from_millis(pause)).await;
            // Mostly one, sometimes two at a time.
            for _ in 0..self.dice.random_range(2..5) / 2 {
                let slot = &self.slots[self.dice.random_range(0..self.slots.len())];
                self.kills.push(slot.kill().await);
                slot.start();
            }
        }
    }

    /// What functions failed with, without having been killed.
    pub fn failures(&self) -> Vec<String> {
        let all = self.slots.iter();
        all.flat_map(|slot| slot.failed.lock().expect("not poisoned").clone())
            .collect()
    }
}

/// One that tells webhooks, on this machine too.
#[test]
#[ignore = "a process of the run, which starts it"]
fn a_teller() {
    let of = |name| std::env::var(name).expect("the run sets it");
    let url = of("AWS_ENDPOINT_URL");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let client = store::emulator::client(&url, store::emulator::http());
        let app = Arc::new(app(Store::new(&client, of("CONVOKE_TABLE"))));
        let work = move |event: LambdaEvent<Value>| {
            let app = Arc::clone(&app);
            async move {
                let told = operator::wake(&app, &TELL_WEBHOOKS, event.payload).await;
                told.map_err(Box::<dyn std::error::Error + Send + Sync>::from)
            }
        };
        lambda_runtime::run(service_fn(work))
            .await
            .expect("it runs until it is killed");
    });
}
