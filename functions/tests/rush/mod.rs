//! Thousands of mails, text messages and webhook events, while those who send them are killed at random and what they send
//! through fails, throttles and goes silent. Partners plan meetings through the API at the table; dispatchers and those who tell
//! webhooks are processes of their own at the same table, woken as in the template by its stream and by a schedule.
//! Afterwards: every mail came, and again only in the window that docs/mail.md states; no text message came twice; webhooks heard
//! everything in order; in time; and nothing is left in the table.

#![allow(unreachable_pub)]

mod account;
mod events;
mod partner;
mod processes;
mod receivers;
mod services;
pub mod table;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::jws::SigningKey;
use functions::passwords::Passwords;
use functions::relay_command::RelayCommands;
use functions::{App, Config, Keys, Rates, operator};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use store::{Store, emulator};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::account::{Account, middle_and_last};
use self::events::Queue;
use self::partner::Partner;
use self::processes::{Kind, Processes};
use self::receivers::{Mood, Receiver};
use self::services::Services;
use self::table::{Backend, Table};

/// Mails, text messages and events when nobody asks for more: half a minute.
const SHORT: usize = 300;
/// What one meeting soon and one far away come to.
const OF_BOTH: usize = 26;
/// So long after each other they are begun.
const PACE: Duration = Duration::from_millis(800);
/// How long after the last kill everything must be done.
const PATIENCE: Duration = Duration::from_secs(240);
const TABLE: &str = "convoke";
const EDGE: &str = "the edge's secret of the rush";
const FQDN: &str = "first.demo.test";
const EMAIL: &str = "admin@partner.test";
const PASSWORD: &str = "Sup3rSecret!";
const SEALING: [u8; 32] = [7; 32];
const TEXTS: &str = "day=1000000,+1=/1";

/// How many: `CONVOKE_CRASH_JOBS`, or a few.
pub fn jobs() -> usize {
    let asked = std::env::var("CONVOKE_CRASH_JOBS").ok();
    asked.map_or(SHORT, |text| text.parse().expect("CONVOKE_CRASH_JOBS is a number"))
}

/// The key of all processes, as their environment has it.
fn signing_key() -> String {
    static KEY: OnceLock<Vec<u8>> = OnceLock::new();
    STANDARD.encode(KEY.get_or_init(SigningKey::generate))
}

/// The control plane, as on a laptop: partners' servers may be on this machine.
fn app(store: Store) -> App {
    let signing = STANDARD.decode(signing_key()).expect("base64");
    let keys = Keys::new(
        &SEALING,
        SigningKey::from_pkcs8(&signing).expect("a key"),
        EDGE.to_owned(),
    );
    let config = Config {
        scheme: "http".to_owned(),
        rates: Rates {
            session_per_minute: u32::MAX,
            company_per_minute: u32::MAX,
            object_per_minute: u32::MAX,
            ..Rates::default()
        },
        texts: TEXTS.parse().expect("a list"),
        ..Config::default()
    };
    let commands = RelayCommands::new(Arc::clone(&keys.signing));
    App::new(store, config, keys, Passwords::weak([1; 16]).expect("made"), commands)
}

/// All that processes reach: the table, and the services.
#[derive(Clone)]
struct Door {
    table: Arc<Table>,
    services: Arc<Services>,
    /// Whether the table has no faults.
    sound: bool,
}

impl Door {
    async fn open(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let service = Router::new().fallback(answer).with_state(self);
        tokio::spawn(async move { axum::serve(listener, service).await });
        format!("http://{address}")
    }
}

async fn answer(State(door): State<Door>, headers: HeaderMap, body: Bytes) -> Response {
    match table::is_meant(&headers) {
        true => door.table.answer(&headers, body, door.sound).await,
        false => door.services.answer(&headers, &body).await,
    }
}

/// Lets it pass, and accounts for everything.
pub async fn run(backend: Backend, jobs: usize) {
    drop(rustls::crypto::ring::default_provider().install_default());
    let (seed, started): (u64, _) = (rand::random(), Instant::now());
    let long = jobs > 10 * SHORT;
    let queues = [Arc::new(Queue::default()), Arc::new(Queue::default())];
    let both = (Arc::clone(&queues[0]), Arc::clone(&queues[1]));
    let door = Door {
        table: Arc::new(Table::new(backend, seed, both)),
        services: Arc::new(Services::new(seed)),
        sound: true,
    };
    let (table, services) = (Arc::clone(&door.table), Arc::clone(&door.services));
    let sound = door.clone().open().await;
    let faulty = Door { sound: false, ..door }.open().await;
    let store = |url: &str| Store::new(&emulator::client(url, emulator::http()), TABLE);
    let calm = store(&sound);
    calm.create_table().await.expect("a table");
    let asked = json!({
        "reseller": {"name": "Demo", "domain": "demo.test"},
        "company": {"subdomain": "first", "name": "First"},
        "admin": {"name": "Admin", "email": EMAIL, "password": PASSWORD},
    });
    let asked = serde_json::from_value(asked).expect("an operator's words");
    operator::init(&app(calm.clone()), &asked).await.expect("made");
    let receivers = [
        Receiver::start(Mood::Well, seed).await,
        Receiver::start(Mood::Moody(if long { 3 } else { 1 }), seed).await,
        Receiver::start(Mood::Silent, seed).await,
    ];
    let partner = Partner::begin(app(store(&faulty)), Arc::clone(&services), &receivers).await;
    let partner = Arc::new(partner);

    let [of_jobs, of_news] = queues.clone();
    let last = queues.clone();
    let counts = [(Kind::Dispatcher, 4, of_jobs), (Kind::Teller, 3, of_news)];
    let mut processes = Processes::start(&counts, &faulty, seed).await;
    let schedule = tokio::spawn(async move {
        let mut minute = tokio::time::interval(Duration::from_secs(60));
        loop {
            minute.tick().await;
            queues.iter().for_each(|queue| queue.minute());
        }
    });
    let (over, until) = watch::channel(false);
    let killer = tokio::spawn(async move {
        processes.kill((500, 1_500), &until).await;
        processes
    });

    let mut meetings = JoinSet::new();
    for number in 0..(jobs / OF_BOTH).max(1) {
        let (soon, far) = (Arc::clone(&partner), Arc::clone(&partner));
        let seed = seed.wrapping_add(2 * number as u64);
        let longest = if long { 60 } else { 9 };
        meetings.spawn(async move { soon.soon(number, seed, longest).await });
        meetings.spawn(async move { far.far(number, seed.wrapping_add(1)).await });
        tokio::time::sleep(PACE).await;
    }
    let all = tokio::time::timeout(PATIENCE, meetings.join_all());
    all.await.expect("everybody hears of what the next write waits for");
    let due = partner
        .owed
        .lock()
        .expect("not poisoned")
        .reminders
        .iter()
        .map(|reminder| reminder.due)
        .max();
    let left = due.map(|due| due.duration_since(Timestamp::now()) + SignedDuration::from_millis(300));
    tokio::time::sleep(left.and_then(|left| left.try_into().ok()).unwrap_or_default()).await;
    over.send_replace(true);
    let processes = killer.await.expect("the killer");
    let stormed = started.elapsed();
    if !long {
        // Whom the last minute woke is dead; the next one need not be waited for.
        last.iter().for_each(|queue| queue.minute());
    }
    let rested = rest(&calm, partner.silent).await;
    schedule.abort();

    let owed = std::mem::take(&mut *partner.owed.lock().expect("not poisoned"));
    let (mails, texts) = (
        services.mails.lock().expect("not poisoned").clone(),
        services.texts.lock().expect("not poisoned").clone(),
    );
    let mut account = Account::default();
    account.mails(&owed, &mails, &processes.kills);
    account.texts(&owed, &texts, &processes.kills);
    account.webhooks(&owed, &receivers, &processes.kills);
    account.faults.extend(rested);
    // What the table's faults lead to is tried again by whoever is woken next.
    let failed = processes.failures().into_iter();
    account.faults.extend(failed.filter(|why| !why.contains("available")));
    account
        .faults
        .extend(remains(&emulator::client(&sound, emulator::http()), &owed).await);

    let [owed_mails, owed_texts, events] = owed.counts();
    let ((mail, last_mail), (post, last_post)) = (middle_and_last(&account.mails), middle_and_last(&account.posts));
    let (late, latest) = middle_and_last(&account.late);
    let dispatchers = processes
        .kills
        .iter()
        .filter(|kill| kill.kind == Kind::Dispatcher)
        .count();
    println!(
        "rush {seed}: {owed_mails} mails, {owed_texts} text messages and {events} events owed in {:.0} s; {dispatchers} dispatchers and {} tellers of webhooks \
         killed, {} faults of the table, {} requests to the mail service and {} for text messages; mails that came again: {} after a kill (at most {:.1} s later), \
         {} after a lost answer; {} overtaken; text messages: none twice, {} lost with their answer, {} with their dispatcher; {} posts came again; \
         from the cause to the mail p50 {mail:.2} s, last {last_mail:.1} s; to the webhook p50 {post:.2} s, last {last_post:.1} s; reminders late p50 {late:.2} s, last {latest:.1} s; \
         at rest after {:.0} s",
        stormed.as_secs_f32(),
        processes.kills.len() - dispatchers,
        table.faults.load(Ordering::Relaxed),
        mails.len(),
        texts.len(),
        account.again_killed,
        account.longest.as_secs_f64(),
        account.again_unheard,
        account.overtaken,
        account.texts_unknown,
        account.texts_killed,
        account.posts_again,
        started.elapsed().as_secs_f32(),
    );
    assert!(
        account.faults.is_empty(),
        "rush {seed}, {} faults:\n{}",
        account.faults.len(),
        account.faults[..account.faults.len().min(30)].join("\n")
    );
    assert!(owed_mails + owed_texts + events >= jobs * 9 / 10, "that is not much");
    assert!(
        dispatchers >= 3 && processes.kills.len() > dispatchers,
        "nobody was killed"
    );
    // On a machine that does nothing else these are far below a second.
    assert!(mail <= 1.0 && post <= 1.0, "half of it takes longer than a second");
}

/// Waits until nothing is left to be done but for the silent receiver. What is left, in words.
async fn rest(store: &Store, silent: Option<u64>) -> Vec<String> {
    let far = Timestamp::now() + SignedDuration::from_hours(24);
    let end = Instant::now() + PATIENCE;
    loop {
        let mut jobs = store.jobs_due(far, 1_000).await.expect("read");
        jobs.retain(|job| job.work != store::Work::Help);
        let news = store.news_waiting(1_000).await.expect("read");
        let mut lines = store.lines_due(far, 1_000).await.expect("read");
        lines.retain(|line| Some(line.hook.value()) != silent);
        if jobs.is_empty() && news.is_empty() && lines.is_empty() {
            break;
        }
        if Instant::now() > end {
            return vec![format!("it does not come to rest: {jobs:?}, {news:?}, {lines:?}")];
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    Vec::new()
}

/// What lies in the table that should not, and the notes of text messages that do not.
async fn remains(client: &aws_sdk_dynamodb::Client, owed: &partner::Owed) -> Vec<String> {
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    let mut pages = client.scan().table_name(TABLE).into_paginator().send();
    while let Some(page) = pages.next().await {
        for item in page.expect("scanned").items() {
            let text = |name: &str| {
                item.get(name)
                    .and_then(|value| value.as_s().ok())
                    .cloned()
                    .unwrap_or_default()
            };
            let kind = match (text("pk"), text("sk").as_str()) {
                // Calls for others stay noted for a minute.
                (pk, "JOB") if pk.starts_with("JOB#help") || pk == "JOB#watch" => continue,
                (_, "JOB") => "job",
                (pk, _) if pk.starts_with("NEWS#") => "news",
                (_, "TEXT") => "text",
                _ => continue,
            };
            *found.entry(kind).or_default() += 1;
        }
    }
    let [_, texts, _] = owed.counts();
    let noted = found.remove("text").unwrap_or_default();
    let mut faults: Vec<String> = found
        .iter()
        .map(|(kind, count)| format!("{count} of {kind} are left"))
        .collect();
    if noted != texts {
        faults.push(format!("{noted} text messages are noted, {texts} are owed"));
    }
    faults
}
