//! What the control plane costs above its table: each method through the whole way of a request, in one process, on the
//! table in memory. `scripts/bench api` runs it; the last line is JSON.
//!
//! The table's own time is what passes inside it, behind the SDK's HTTP layer; so "above" holds our code and the SDK's
//! signing and JSON. Requests run one after the other, on one thread.

#![allow(dead_code, unreachable_pub)]

use std::time::{Duration, Instant};

use domain::jws::SigningKey;
use domain::relay::Register;
use functions::{Config, Rates};
use serde_json::{Value, json};
use store::{Actor, Write};

#[path = "../tests/partner_api/table.rs"]
mod table;
#[path = "../tests/partner_api/world.rs"]
mod world;

use world::{World, meeting};

/// Requests before any is counted, and requests that are.
const WARM: usize = 50;
const COUNTED: usize = 500;
/// Hosts with a meeting each, in one company.
const SIZES: [usize; 3] = [10, 1_000, 100_000];
/// What is wanted of the median above the table, in microseconds.
const TARGET_MICROS: u128 = 1_000;

type Body = Box<dyn Fn(usize) -> Value>;

/// The times of one method.
struct Row {
    name: String,
    total: Vec<Duration>,
    above: Vec<Duration>,
    bytes: usize,
}

fn at(times: &[Duration], permille: usize) -> u128 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted
        .get((sorted.len() - 1) * permille / 1_000)
        .map_or(0, Duration::as_micros)
}

impl Row {
    async fn of(world: &World, name: &str, method: &str, body: &Body, counted: usize) -> Self {
        let mut row = Self {
            name: name.to_owned(),
            total: Vec::with_capacity(counted),
            above: Vec::with_capacity(counted),
            bytes: 0,
        };
        for n in 0..WARM.min(counted) + counted {
            let mut body = body(n);
            if method == "authenticate" {
                body["password"] = world::PASSWORD.into();
            }
            world.table.take_busy();
            let started = Instant::now();
            let answer = world.root(method, body).await;
            let total = started.elapsed();
            let busy = world.table.take_busy();
            answer.ok();
            row.bytes = answer.0.body().len();
            if n >= WARM.min(counted) {
                row.total.push(total);
                row.above.push(total.saturating_sub(busy));
            }
        }
        world.table.take();
        row
    }

    fn print(&self) {
        println!(
            "{:<44} {:>9} {:>9} {:>9} {:>9} {:>9}",
            self.name,
            at(&self.total, 500),
            at(&self.total, 990),
            at(&self.above, 500),
            at(&self.above, 990),
            self.bytes
        );
    }

    fn json(&self) -> Value {
        let above = at(&self.above, 500);
        json!({
            "name": self.name, "unit": "us above the table, p50", "ours": above as u64, "p99": at(&self.above, 990) as u64,
            "total_p50": at(&self.total, 500) as u64, "total_p99": at(&self.total, 990) as u64, "target": TARGET_MICROS as u64,
            "met": above <= TARGET_MICROS,
        })
    }
}

async fn new_world() -> World {
    let rates = Rates {
        session_per_minute: 1_000_000_000,
        company_per_minute: 1_000_000_000,
        object_per_minute: 1_000_000_000,
        ..Rates::default()
    };
    let config = Config {
        rates,
        ..Config::default()
    };
    Box::pin(World::with(config)).await
}

/// A relay that lives, so that meetings can be joined.
async fn relay(world: &World) {
    let (store, now) = (&world.app.store, world.app.now());
    let write = Write {
        at: now,
        by: Actor::Operator,
        action: "bench",
        claim: None,
    };
    let key = SigningKey::from_pkcs8(&SigningKey::generate())
        .expect("a key")
        .verifying_key()
        .to_jwk();
    let id = "relay-1".parse().expect("a name");
    store.relay_add(&id, &key, &write).await.expect("added");
    let register = Register {
        relay: id,
        region: "eu".into(),
        url: "https://r1.relay.test".into(),
        version: "1".into(),
        capacity: 1_000_000,
        epoch: 1,
    };
    store.relay_register(&register, now).await.expect("registered");
}

fn with(base: Value, more: &Value) -> Value {
    let mut all = base;
    for (name, value) in more.as_object().expect("an object") {
        all[name] = value.clone();
    }
    all
}

async fn methods() -> Vec<Row> {
    let world = new_world().await;
    relay(&world).await;
    let acme = world.acme.clone();
    let host = acme.host.id;
    let open = json!({"start": "2026-06-01 13:00:00", "duration": 600, "one_time_access_code": true});
    let open = world.root("conference/create", with(meeting(host), &open)).await.ok()["conference_id"].clone();
    let daily = json!({"recurrence": {"rrule": "FREQ=WEEKLY;COUNT=52"}});
    let series = world.root("conference/create", with(meeting(host), &daily)).await.ok()["conference_id"].clone();
    let mut meetings = Vec::new();
    for _ in 0..2 * (WARM + COUNTED) {
        meetings.push(world.root("conference/create", meeting(host)).await.ok()["conference_id"].clone());
    }
    let (ended, deleted) = (meetings.clone(), meetings.split_off(WARM + COUNTED));
    let email = acme.host.email.clone();
    let lists = acme.sibling.id;
    for _ in 0..9 {
        world.root("conference/create", meeting(lists)).await.ok();
    }
    let own = acme.host.conference;
    let calls: Vec<(&str, &str, Body)> = vec![
        (
            "authenticate (password hashing made weak)",
            "authenticate",
            Box::new(move |_| json!({"email": email})),
        ),
        (
            "company/fetch",
            "company/fetch",
            Box::new(move |_| json!({"company_id": acme.id})),
        ),
        ("host/fetch", "host/fetch", Box::new(move |_| json!({"host_id": host}))),
        (
            "host/create",
            "host/create",
            Box::new(move |n| json!({"company_id": acme.id, "name": "New", "email": format!("new{n}@bench.test")})),
        ),
        (
            "conference/fetch",
            "conference/fetch",
            Box::new(move |_| json!({"conference_id": own})),
        ),
        (
            "conference/fetch (52 occurrences)",
            "conference/fetch",
            Box::new({
                let series = series.clone();
                move |_| json!({"conference_id": series})
            }),
        ),
        (
            "conference/create",
            "conference/create",
            Box::new(move |_| meeting(host)),
        ),
        (
            "conference/create (52 occurrences)",
            "conference/create",
            Box::new(move |_| with(meeting(host), &daily)),
        ),
        (
            "conference/create/reservationless",
            "conference/create/reservationless",
            Box::new(move |_| json!({"host_id": host, "one_time_access_code": true})),
        ),
        (
            "conference/update",
            "conference/update",
            Box::new(move |n| json!({"conference_id": own, "subject": format!("No {n}"), "duration": 30 + n % 60})),
        ),
        (
            "conference/end",
            "conference/end",
            Box::new(move |n| json!({"conference_id": ended[n]})),
        ),
        (
            "conference/delete",
            "conference/delete",
            Box::new(move |n| json!({"conference_id": deleted[n]})),
        ),
        (
            "conference/join_token",
            "conference/join_token",
            Box::new({
                let open = open.clone();
                move |_| json!({"conference_id": open, "name": "Bob"})
            }),
        ),
        (
            "conference/participants",
            "conference/participants",
            Box::new(move |_| json!({"conference_id": open})),
        ),
        (
            "conference/fetch_all (10)",
            "conference/fetch_all",
            Box::new(move |_| json!({"host_id": lists})),
        ),
    ];
    world.advance(3_600 - 900);
    relay(&world).await;
    let mut rows = Vec::new();
    for (name, method, body) in calls {
        let row = Row::of(&world, name, method, &body, COUNTED).await;
        row.print();
        rows.push(row);
    }
    rows
}

/// A company that grows: what one of its hosts and meetings costs, and a host's list by its length.
async fn growth(sizes: &[usize]) -> Vec<Row> {
    let world = new_world().await;
    let company = world.acme.id;
    let mut rows = Vec::new();
    let (mut hosts, mut meetings): (Vec<Value>, Vec<Value>) = (Vec::new(), Vec::new());
    for size in sizes.iter().copied() {
        while hosts.len() < size {
            let asked =
                json!({"company_id": company, "name": "Many", "email": format!("many{}@bench.test", hosts.len())});
            let host = world.root("host/create", asked).await.ok()["host_id"].clone();
            let made = world
                .root("conference/create", meeting(host.as_u64().expect("an id")))
                .await
                .ok();
            meetings.push(made["conference_id"].clone());
            hosts.push(host);
        }
        let pick = |all: &[Value]| {
            let all = all.to_vec();
            move |n: usize| all[n * 7_919 % all.len()].clone()
        };
        let (host, conference) = (pick(&hosts), pick(&meetings));
        let (list, update) = (pick(&hosts), pick(&meetings));
        let calls: Vec<(&str, Body)> = vec![
            ("host/fetch", Box::new(move |n| json!({"host_id": host(n)}))),
            (
                "conference/fetch",
                Box::new(move |n| json!({"conference_id": conference(n)})),
            ),
            ("conference/fetch_all", Box::new(move |n| json!({"host_id": list(n)}))),
            (
                "conference/update",
                Box::new(move |n| json!({"conference_id": update(n), "subject": format!("No {n}")})),
            ),
        ];
        for (method, body) in calls {
            let name = format!("{method} of {size} hosts and meetings");
            let row = Row::of(&world, &name, method, &body, COUNTED).await;
            row.print();
            rows.push(row);
        }
    }
    let busy = world.acme.host.id;
    for _ in 0..1_000 {
        world.root("conference/create", meeting(busy)).await.ok();
    }
    for limit in [1, 10, 100, 1_000] {
        let name = format!("conference/fetch_all, {limit} of a host's 1001");
        let body: Body = Box::new(move |_| json!({"host_id": busy, "limit": limit}));
        let row = Row::of(&world, &name, "conference/fetch_all", &body, 50).await;
        row.print();
        rows.push(row);
    }
    rows
}

fn main() {
    let largest = std::env::var("BENCH_LARGEST").ok().and_then(|text| text.parse().ok());
    let sizes: Vec<usize> = SIZES
        .into_iter()
        .filter(|size| largest.is_none_or(|largest| *size <= largest))
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    println!(
        "{:<44} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "µs", "p50", "p99", "above p50", "above p99", "bytes"
    );
    let mut rows = runtime.block_on(methods());
    rows.extend(runtime.block_on(growth(&sizes)));
    let report = json!({
        "bench": "api",
        "machine": std::env::var("BENCH_MACHINE").unwrap_or_default(),
        "commit": std::env::var("BENCH_COMMIT").unwrap_or_default(),
        "peer": null,
        "rows": rows.iter().map(Row::json).collect::<Vec<_>>(),
    });
    println!("{report}");
}
