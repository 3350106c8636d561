//! How long a new process of a function takes until its first answer is with the runtime, against a bare function with
//! the same libraries (`examples/bare.rs`). Each process runs under a Lambda runtime API of our own, on a table in memory
//! behind a socket. `scripts/bench cold` builds both and runs it; the last line is JSON.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_smithy_runtime_api::client::http::{HttpConnector as _, SharedHttpClient};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::jws::SigningKey;
use functions::passwords::Passwords;
use functions::relay_command::RelayCommands;
use functions::{App, Config, Keys, operator};
use serde_json::{Value, json};
use store::Store;
use store::embedded::{Embedded, Options, client};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

const TABLE: &str = "convoke";
const EDGE: &str = "the edge's secret of the benchmark";
const FQDN: &str = "first.demo.test";
const EMAIL: &str = "admin@partner.test";
const PASSWORD: &str = "Sup3rSecret!";
/// Starts of each that are measured, after one that brings the files into memory.
const ROUNDS: usize = 25;
/// What is wanted: our time over the bare function's.
const TARGET: f64 = 1.3;
/// A process that has not answered by then has failed.
const PATIENCE: Duration = Duration::from_secs(20);

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run scripts/bench cold"))
}

/// The table behind a socket, and when it was at work.
#[derive(Clone)]
struct Table {
    embedded: Embedded,
    /// From when until when each request since the last start was inside.
    busy: Arc<Mutex<Vec<(Instant, Instant)>>>,
}

impl Table {
    /// How long at least one request was inside, and begin anew.
    fn take_busy(&self) -> Duration {
        let mut spans = std::mem::take(&mut *self.busy.lock().expect("not poisoned"));
        spans.sort_unstable();
        let mut counted = Duration::ZERO;
        let mut until = None;
        for (from, to) in spans {
            let from = until.map_or(from, |until| from.max(until));
            counted += to.saturating_duration_since(from);
            until = Some(until.map_or(to, |until| to.max(until)));
        }
        counted
    }
}

/// The table's door: the SDK's requests as they come, answered by the embedded table.
async fn table(State(table): State<Table>, headers: HeaderMap, body: Bytes) -> Response {
    let from = Instant::now();
    let mut request = HttpRequest::new(SdkBody::from(body));
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok());
    request
        .headers_mut()
        .insert("x-amz-target", target.unwrap_or_default().to_owned());
    let answer = table
        .embedded
        .call(request)
        .await
        .expect("the table is in this process");
    let status = StatusCode::from_u16(answer.status().as_u16()).expect("a status");
    let body = Bytes::copy_from_slice(answer.body().bytes().expect("a body in memory"));
    table.busy.lock().expect("not poisoned").push((from, Instant::now()));
    (status, [("content-type", "application/x-amz-json-1.0")], body).into_response()
}

/// The Lambda runtime API for one process: one event, and then nothing more.
#[derive(Clone)]
struct Runtime {
    event: Arc<tokio::sync::Mutex<Option<String>>>,
    answered: mpsc::Sender<(Instant, Result<Value, String>)>,
}

async fn next(State(runtime): State<Runtime>) -> Response {
    let Some(event) = runtime.event.lock().await.take() else {
        return std::future::pending().await;
    };
    let headers = [
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
        ("lambda-runtime-deadline-ms", "4102444800000"),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:123456789012:function:cold",
        ),
        ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700"),
        ("content-type", "application/json"),
    ];
    (headers, event).into_response()
}

async fn answered(State(runtime): State<Runtime>, body: Bytes) -> StatusCode {
    let at = Instant::now();
    let body = serde_json::from_slice(&body).map_err(|error| error.to_string());
    let _ = runtime.answered.send((at, body)).await;
    StatusCode::ACCEPTED
}

async fn failed(State(runtime): State<Runtime>, body: Bytes) -> StatusCode {
    let why = String::from_utf8_lossy(&body).into_owned();
    let _ = runtime.answered.send((Instant::now(), Err(why))).await;
    StatusCode::ACCEPTED
}

/// What one start cost.
#[derive(Clone, Copy, Debug)]
struct Start {
    /// From the making of the process until its first answer was here, without the time inside the table.
    wall: Duration,
    /// Inside the table.
    table: Duration,
    /// CPU of all its threads until then.
    cpu: Duration,
    /// The most memory it held until then, in KiB.
    memory: u64,
}

/// A process that ends with this.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    fn cpu(&self) -> Duration {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.0.id())).expect("it still runs");
        let nanos = threads.filter_map(|thread| {
            let text = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(nanos.sum())
    }

    fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).expect("it still runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.expect("a number of kB")
    }
}

/// A program and what it is told.
struct Program {
    binary: PathBuf,
    variables: Vec<(&'static str, String)>,
    event: String,
}

impl Program {
    async fn start(&self, table: &Table) -> Start {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (answers, mut heard) = mpsc::channel(1);
        let runtime = Runtime {
            event: Arc::new(tokio::sync::Mutex::new(Some(self.event.clone()))),
            answered: answers,
        };
        let api = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(answered))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(failed))
            .route("/2018-06-01/runtime/init/error", post(failed))
            .with_state(runtime);
        let serving = tokio::spawn(async move { axum::serve(listener, api).await });
        let mut command = Command::new(&self.binary);
        command
            .env_clear()
            .current_dir(self.binary.parent().expect("a folder"))
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        table.take_busy();
        let begun = Instant::now();
        let process = Process(command.spawn().expect("it starts"));
        let heard = tokio::time::timeout(PATIENCE, heard.recv()).await;
        let (at, answer) = heard.expect("an answer in time").expect("an answer");
        let table = table.take_busy();
        let start = Start {
            wall: (at - begun).saturating_sub(table),
            table,
            cpu: process.cpu(),
            memory: process.memory(),
        };
        serving.abort();
        let answer = answer.unwrap_or_else(|why| panic!("{}: {why}", self.binary.display()));
        assert_eq!(answer["statusCode"], 200, "{}: {answer}", self.binary.display());
        start
    }
}

/// An event of the gateway, payload format 2.0.
fn event(method: &str, path: &str, body: &Value) -> String {
    json!({
        "version": "2.0",
        "routeKey": format!("{method} {path}"),
        "rawPath": path,
        "rawQueryString": "",
        "headers": {
            "content-type": "application/json",
            "x-convoke-edge": EDGE,
            "x-convoke-host": FQDN,
            "x-convoke-client": "192.0.2.7",
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "domainName": "api.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "api",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.7", "userAgent": "cold"},
            "requestId": "1",
            "routeKey": format!("{method} {path}"),
            "stage": "$default",
            "time": "01/Jun/2026:12:00:00 +0000",
            "timeEpoch": 1_780_315_200_000_u64,
        },
        "body": if body.is_null() { Value::Null } else { body.to_string().into() },
        "isBase64Encoded": false,
    })
    .to_string()
}

/// An installation on the table, as its operator and a partner make it. Answers what the events carry: a token, the ids of
/// a company and a host.
async fn installation(app: &App) -> (Value, Value, Value) {
    let asked = json!({
        "reseller": {"name": "Demo", "domain": "demo.test"},
        "company": {"subdomain": "first", "name": "First"},
        "admin": {"name": "Admin", "email": EMAIL, "password": PASSWORD},
    });
    let made = operator::init(app, &serde_json::from_value(asked).expect("an operator's words")).await;
    let made = made.expect("made");
    let routes = functions::all();
    let route = routes
        .iter()
        .find(|route| route.id == "authenticate")
        .expect("an endpoint");
    let request = http::Request::post(route.path)
        .header("content-type", "application/json")
        .header("x-convoke-edge", EDGE)
        .header("x-convoke-host", FQDN)
        .body(Bytes::from(json!({"email": EMAIL, "password": PASSWORD}).to_string()));
    let answer = functions::serve(app, route, request.expect("a request")).await;
    let answer: Value = serde_json::from_slice(answer.body()).expect("JSON");
    (
        answer["auth_token"].clone(),
        json!(made.company_id),
        json!(made.host_id),
    )
}

fn median<T: Ord + Copy>(starts: &[Start], of: impl Fn(&Start) -> T) -> T {
    let mut all: Vec<T> = starts.iter().map(of).collect();
    all.sort_unstable();
    all[all.len() / 2]
}

#[tokio::main]
async fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let embedded = Embedded::open(Options::default()).expect("a table in memory");
    let store = Store::new(&client(SharedHttpClient::new(embedded.clone())), TABLE);
    store.create_table().await.expect("a table");
    let (sealing, signing) = ([7; 32], SigningKey::generate());
    let keys = Keys::new(
        &sealing,
        SigningKey::from_pkcs8(&signing).expect("a key"),
        EDGE.to_owned(),
    );
    let commands = RelayCommands::new(Arc::clone(&keys.signing));
    let passwords = Passwords::weak([1; 16]).expect("made");
    let app = App::new(store, Config::default(), keys, passwords, commands);
    let (token, company, host) = installation(&app).await;

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let door: SocketAddr = listener.local_addr().expect("an address");
    let served = Table {
        embedded,
        busy: Arc::default(),
    };
    let service = Router::new().fallback(table).with_state(served.clone());
    tokio::spawn(async move { axum::serve(listener, service).await });

    let common = |handler: &str| {
        vec![
            ("_HANDLER", handler.to_owned()),
            ("AWS_LAMBDA_FUNCTION_NAME", "cold".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "cold".to_owned()),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "cold".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "cold".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "cold".to_owned()),
            ("AWS_ENDPOINT_URL", format!("http://{door}")),
            ("CONVOKE_TABLE", TABLE.to_owned()),
        ]
    };
    // The handler, its event, and the round trips to the table that it makes one after the other.
    let call = |method: &str, body: Value| {
        let mut body = body;
        body["auth_token"] = token.clone();
        event("POST", &format!("/enterprise_api/{method}"), &body)
    };
    let cases = [
        ("page-login", event("GET", "/login", &Value::Null), 2),
        (
            "company-fetch",
            call("company/fetch", json!({"company_id": company})),
            2,
        ),
        (
            "conference-create-reservationless",
            call("conference/create/reservationless", json!({"host_id": host})),
            4,
        ),
    ];
    let machine = variable("BENCH_MACHINE");
    println!("{machine}; zip {} bytes", variable("COLD_ZIP_BYTES"));
    println!(
        "{:<36} {:>9} {:>9} {:>6} {:>9} {:>9} {:>9} {:>9} {:>6} {:>9} {:>9}",
        "first answer above the table, medians",
        "ours µs",
        "bare µs",
        "ratio",
        "table µs",
        "bare",
        "CPU µs",
        "bare",
        "ratio",
        "RSS KiB",
        "bare"
    );
    let mut rows = Vec::new();
    for (handler, event, trips) in cases {
        let mut variables = common(handler);
        variables.extend([
            ("CONVOKE_EDGE_SECRET", EDGE.to_owned()),
            ("CONVOKE_SEALING_KEY", hex::encode(sealing)),
            ("CONVOKE_SIGNING_KEY", STANDARD.encode(&signing)),
        ]);
        let ours = Program {
            binary: variable("COLD_BOOTSTRAP").into(),
            variables,
            event: event.clone(),
        };
        let mut variables = common("bare");
        variables.push(("BARE_READS", trips.to_string()));
        let bare = Program {
            binary: variable("COLD_BARE").into(),
            variables,
            event,
        };
        let (mut of_ours, mut of_bare) = (Vec::new(), Vec::new());
        ours.start(&served).await;
        bare.start(&served).await;
        for _ in 0..ROUNDS {
            of_ours.push(ours.start(&served).await);
            of_bare.push(bare.start(&served).await);
        }
        let wall = [&of_ours, &of_bare].map(|starts| median(starts, |start| start.wall.as_micros()));
        let inside = [&of_ours, &of_bare].map(|starts| median(starts, |start| start.table.as_micros()));
        let cpu = [&of_ours, &of_bare].map(|starts| median(starts, |start| start.cpu.as_micros()));
        let memory = [&of_ours, &of_bare].map(|starts| median(starts, |start| start.memory));
        let share = |pair: [u128; 2]| {
            Duration::from_micros(u64::try_from(pair[0]).unwrap_or(u64::MAX)).as_secs_f64()
                / Duration::from_micros(u64::try_from(pair[1]).unwrap_or(u64::MAX)).as_secs_f64()
        };
        let (ratio, cpu_ratio) = (share(wall), share(cpu));
        println!(
            "{handler:<36} {:>9} {:>9} {ratio:>6.2} {:>9} {:>9} {:>9} {:>9} {cpu_ratio:>6.2} {:>9} {:>9}",
            wall[0], wall[1], inside[0], inside[1], cpu[0], cpu[1], memory[0], memory[1]
        );
        for (what, unit, [ours, bare], ratio, target) in [
            ("first answer above the table", "us", wall, ratio, Some(TARGET)),
            ("inside the table", "us", inside, share(inside), None),
            ("CPU until then", "us", cpu, cpu_ratio, None),
            (
                "most memory",
                "KiB",
                memory.map(u128::from),
                share(memory.map(u128::from)),
                None,
            ),
        ] {
            rows.push(json!({
                "name": format!("{handler}, {what}"), "unit": unit, "ours": ours, "peer": bare, "ratio": ratio,
                "target": target, "met": target.map(|target| ratio <= target),
            }));
        }
    }
    let report = json!({
        "bench": "cold",
        "machine": machine,
        "commit": variable("BENCH_COMMIT"),
        "peer": "a bare lambda_http function",
        "zip_bytes": variable("COLD_ZIP_BYTES").parse::<u64>().ok(),
        "rows": rows,
    });
    println!("{report}");
}
