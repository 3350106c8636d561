//! What the control plane costs above its table: each endpoint through the whole way of a request, in one process, on the
//! table in memory. `scripts/bench api` runs it; the last line is JSON.
//!
//! The table's own time is what passes inside it, behind the SDK's HTTP layer; so "above" holds our code and the SDK's
//! signing and JSON. Requests run one after the other, on one thread.

#![allow(dead_code, unreachable_pub)]

#[path = "../../tests/asked/mod.rs"]
mod asked;
mod growth;
mod methods;
#[path = "../../tests/post/mod.rs"]
mod post;
mod reports;
mod row;
#[path = "../../tests/partner_api/table.rs"]
mod table;
#[path = "../../tests/partner_api/world.rs"]
mod world;

use std::collections::BTreeSet;

use domain::jws::SigningKey;
use domain::relay::Register;
use functions::{Config, Rates};
use serde_json::{Value, json};
use store::{Actor, Write};

use row::Row;
use world::World;

/// The bootstrap's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Hosts with a meeting each, in one company.
const SIZES: [usize; 3] = [10, 1_000, 100_000];

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
    Box::pin(World::on(table::Table::new().without_roles(), config)).await
}

/// A relay that lives, so that meetings can be joined; its key.
async fn relay(world: &World) -> SigningKey {
    let (store, now) = (&world.app.store, world.app.now());
    let write = Write {
        at: now,
        by: Actor::Operator,
        action: "bench",
        claim: None,
    };
    let own = SigningKey::from_pkcs8(&SigningKey::generate()).expect("a key");
    let key = own.verifying_key().to_jwk();
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
    own
}

fn with(base: Value, more: &Value) -> Value {
    let mut all = base;
    for (name, value) in more.as_object().expect("an object") {
        all[name] = value.clone();
    }
    all
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
    Row::print_head();
    let mut rows = runtime.block_on(methods::rows());
    let measured: BTreeSet<&str> = rows.iter().map(|row| row.endpoint).collect();
    let left: Vec<&str> = functions::all()
        .iter()
        .map(|route| route.id)
        .filter(|id| !measured.contains(id))
        .collect();
    rows.extend(runtime.block_on(growth::rows(&sizes)));
    println!("not measured: {}", left.join(" "));
    let report = json!({
        "bench": "api",
        "machine": std::env::var("BENCH_MACHINE").unwrap_or_default(),
        "commit": std::env::var("BENCH_COMMIT").unwrap_or_default(),
        "peer": null,
        "not_measured": left,
        "rows": rows.iter().map(Row::json).collect::<Vec<_>>(),
    });
    println!("{report}");
}
