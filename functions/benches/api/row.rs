//! The times of one endpoint.

use std::time::{Duration, Instant};

use functions::Router;
use serde_json::{Value, json};

use crate::world::{self, Answer, World};

/// Requests before any is counted, and requests that are.
pub const WARM: usize = 50;
pub const COUNTED: usize = 500;
/// What is wanted of the median above the table, in microseconds.
const TARGET_MICROS: u128 = 1_000;

/// A request to be sent.
pub struct Ask {
    method: &'static str,
    path: String,
    kind: &'static str,
    body: Vec<u8>,
    headers: Vec<(&'static str, String)>,
}

impl Ask {
    /// A method of the partner API, by Acme's reseller admin.
    pub fn api(method: &str, body: &Value) -> Self {
        Self::post(
            &format!("/enterprise_api/{method}"),
            "application/json",
            body.to_string().into_bytes(),
        )
    }

    pub fn post(path: &str, kind: &'static str, body: Vec<u8>) -> Self {
        Self {
            method: "POST",
            path: path.to_owned(),
            kind,
            body,
            headers: Vec::new(),
        }
    }

    pub fn get(path: &str) -> Self {
        Self {
            method: "GET",
            kind: "",
            ..Self::post(path, "", Vec::new())
        }
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    async fn send(self, world: &World, fqdn: &str) -> Answer {
        let mut call = world.call(self.method, fqdn, &self.path);
        if !self.kind.is_empty() {
            call = call.raw(self.kind, self.body);
        }
        if self.path.starts_with("/enterprise_api/") && !self.path.ends_with("/authenticate") {
            call = call.header(
                "authorization",
                &format!("AuthToken {}", world.acme.reseller_admin.token),
            );
        }
        for (name, value) in &self.headers {
            call = call.header(name, value);
        }
        call.send().await
    }
}

/// Makes up the request of this number.
pub type Asks = Box<dyn Fn(usize) -> Ask>;

/// The times of one endpoint.
pub struct Row {
    name: String,
    pub endpoint: &'static str,
    total: Vec<Duration>,
    above: Vec<Duration>,
    bytes: usize,
    /// Requests to the table for each.
    requests: f64,
}

fn at(times: &[Duration], permille: usize) -> u128 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted
        .get((sorted.len() - 1) * permille / 1_000)
        .map_or(0, Duration::as_micros)
}

impl Row {
    /// Sends so many requests and notes how long each takes. All must succeed.
    pub async fn of(world: &World, name: &str, asks: &Asks, counted: usize) -> Self {
        let first = asks(0);
        let router = Router::new(functions::all());
        let path = first.path.split('?').next().unwrap_or_default();
        let mut row = Self {
            name: name.to_owned(),
            endpoint: router.find(first.method, path).map_or("", |route| route.id),
            total: Vec::with_capacity(counted),
            above: Vec::with_capacity(counted),
            bytes: 0,
            requests: 0.0,
        };
        world.table.take();
        let fqdn = world.acme.fqdn.clone();
        for n in 0..WARM.min(counted) + counted {
            let ask = asks(n);
            world.table.take_busy();
            let started = Instant::now();
            let answer = ask.send(world, &fqdn).await;
            let total = started.elapsed();
            let busy = world.table.take_busy();
            assert!(answer.status() < 400, "{name}: {:?}", answer.0);
            row.bytes = answer.0.body().len();
            if n >= WARM.min(counted) {
                row.total.push(total);
                row.above.push(total.saturating_sub(busy));
            }
        }
        let asked = world.table.take().len();
        row.requests = asked as f64 / (WARM.min(counted) + counted) as f64;
        row.print();
        row
    }

    /// A method of the partner API.
    pub async fn api(world: &World, name: &str, method: &'static str, body: impl Fn(usize) -> Value + 'static) -> Self {
        let asks: Asks = Box::new(move |n| Ask::api(method, &body(n)));
        Self::of(world, name, &asks, COUNTED).await
    }

    pub fn print_head() {
        println!(
            "{:<48} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
            "µs", "p50", "p99", "above p50", "above p99", "bytes", "requests"
        );
    }

    fn print(&self) {
        println!(
            "{:<48} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9.1}",
            self.name,
            at(&self.total, 500),
            at(&self.total, 990),
            at(&self.above, 500),
            at(&self.above, 990),
            self.bytes,
            self.requests
        );
    }

    pub fn json(&self) -> Value {
        let above = at(&self.above, 500);
        json!({
            "name": self.name, "unit": "us above the table, p50", "ours": above as u64, "p99": at(&self.above, 990) as u64,
            "total_p50": at(&self.total, 500) as u64, "total_p99": at(&self.total, 990) as u64, "requests": self.requests, "target": TARGET_MICROS as u64,
            "ratio": above as f64 / TARGET_MICROS as f64, "met": above <= TARGET_MICROS,
        })
    }
}

/// The credentials of an account of the world.
pub fn credentials(email: &str) -> Value {
    json!({"email": email, "password": world::PASSWORD})
}
