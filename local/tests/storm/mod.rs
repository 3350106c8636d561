//! Thousands of mixed writes at once through HTTP, while requests to the table are throttled, conflict and time out, with
//! and without having been done, and the platform is killed every few seconds. Partners try again with their idempotency
//! keys. Afterwards: nothing that was acknowledged is lost, nothing is doubled, no name is taken twice, nothing points
//! nowhere, all jobs are done, every write is in the audit once.

#![allow(unreachable_pub, dead_code)]

mod account;
#[path = "../../../shared/store/tests/books/mod.rs"]
mod books;
mod deed;
mod holdings;
mod later;
mod partner;
mod platform;
mod rivals;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::json;
use store::Store;
use store::embedded::{self, Options};
use store::emulator;
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::account::faults;
use self::books::Books;
use self::deed::{Deed, Dice};
use self::holdings::Holdings;
use self::later::Later;
use self::partner::{Answer, IN_FLIGHT, Partner};
pub use self::platform::Place;
use self::platform::Platform;
use self::rivals::Rival;

/// Writes when nobody asks for more: half a minute.
const SHORT: usize = 500;
/// Writes of one partner.
const EACH: usize = 16;
/// The platform lives at least so long, and at least for so many acknowledged writes.
const LIFE: Duration = Duration::from_secs(3);
const LIFE_WRITES: usize = 100;
/// Who is still waiting this long after the last write was begun is answered by the platform of later.
const LAST: Duration = Duration::from_secs(3);
/// Sessions that the partners share.
const SESSIONS: usize = 8;
const TABLE: &str = "convoke";

/// What all partners share.
struct Storm {
    partner: Partner,
    /// Writes that may still be begun.
    left: AtomicI64,
    done: AtomicUsize,
    refused: AtomicUsize,
}

/// One partner and what it has.
struct Tenant {
    which: usize,
    dice: Dice,
    has: Holdings,
    /// Asked for, and not answered before the end.
    open: Option<Deed>,
}

/// How many writes: `CONVOKE_CRASH`, or a few.
pub fn writes() -> usize {
    let asked = std::env::var("CONVOKE_CRASH")
        .ok()
        .map(|text| text.parse().expect("CONVOKE_CRASH is a number"));
    asked.unwrap_or(SHORT)
}

/// Lets a storm of so many writes loose on a new platform, and accounts for all of them.
pub async fn run(place: Place, writes: usize) {
    drop(rustls::crypto::ring::default_provider().install_default());
    let started = Instant::now();
    let seed: u64 = rand::random();
    let platform = Platform::start(&place, true);
    let first = platform.address();
    let (told, at) = watch::channel(first.clone());
    let partner = Partner::sign_in(at, SESSIONS).await;
    let Answer::Done(there) = partner.read("company/fetch_all", &json!({})).await else {
        panic!("companies cannot be listed");
    };
    let mut known: Vec<u64> = there
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|company| company["id"].as_u64())
        .collect();
    let rivals = Rival::all(&partner).await;
    known.extend(
        rivals
            .iter()
            .filter(|rival| rival.is_of_company())
            .map(|rival| rival.shared.id),
    );
    known.sort_unstable();
    known.dedup();

    let storm = Arc::new(Storm {
        partner: partner.clone(),
        left: AtomicI64::new(i64::try_from(writes).expect("few")),
        done: AtomicUsize::new(0),
        refused: AtomicUsize::new(0),
    });
    let finished = Arc::new(AtomicBool::new(false));
    let killer = tokio::spawn(kill(
        platform,
        told,
        place.clone(),
        Arc::clone(&storm),
        Arc::clone(&finished),
    ));
    let mut tenants = JoinSet::new();
    for which in 0..(writes / EACH).max(IN_FLIGHT) {
        let random = StdRng::seed_from_u64(seed.wrapping_add(which as u64));
        let tenant = Tenant {
            which,
            dice: Dice::new(format!("t{which}"), random),
            has: Holdings::default(),
            open: None,
        };
        tenants.spawn(tenant.work(Arc::clone(&storm)));
    }
    let mut fighting = JoinSet::new();
    for rival in rivals {
        fighting.spawn(fight(rival, Arc::clone(&storm)));
    }
    while storm.left.load(Ordering::Relaxed) > 0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(LAST).await;
    partner.over.store(true, Ordering::Relaxed);
    let mut tenants = tenants.join_all().await;
    let mut rivals = fighting.join_all().await;
    finished.store(true, Ordering::Relaxed);
    let (platform, told, kills) = killer.await.expect("the killer");
    let storm_time = started.elapsed();
    // The last `kill -9`.
    drop(platform);

    // What is left open is asked again, and jobs come to rest, some time later.
    let store = Store::new(&client(&place), TABLE);
    let later = Later::new(store, &place.data, &first);
    let mut open = 0;
    for tenant in &mut tenants {
        open += usize::from(tenant.open.is_some());
        tenant.close(&later, &storm).await;
    }
    for rival in &mut rivals {
        open += usize::from(rival.open.is_some());
        if let Some(value) = rival.open.take() {
            let (method, body) = rival.request(&value);
            match later.write(partner.token(0), &method, &body).await {
                Answer::Done(answer) => rival.told(value, &answer),
                other => panic!("{method} {body}: {other:?}"),
            }
            storm.done.fetch_add(1, Ordering::Relaxed);
        }
    }
    let steps = later.rest().await;

    let platform = Platform::start(&place, false);
    told.send_replace(platform.address());
    let mut faults = audit(&partner, &tenants, &rivals, known).await;
    drop(platform);
    let books = Books::read(&client(&place), TABLE).await;
    let deeds = tenants.iter().flat_map(|tenant| tenant.has.deeds.iter().cloned());
    let shared = rivals.iter().flat_map(Rival::deeds).chain(Rival::made(&rivals));
    faults.extend(account::deeds(deeds.chain(shared), &books.deeds()));
    let jobs = books.left();
    let counts = books.counts();
    faults.extend(books.faults());

    let done = storm.done.load(Ordering::Relaxed);
    let injected = place.injected();
    let figure = |of: &AtomicUsize| of.load(Ordering::Relaxed);
    println!(
        "storm {seed}: {done} writes acknowledged and {} refused (a name was another's) in {:.0} s at {IN_FLIGHT} in flight, {kills} kills, \
         {injected} faults at the table; {} requests, {} unheard, {} unavailable, {} in progress, {} raced, {open} open at the end; \
         jobs came to rest in {steps} steps; {counts:?}",
        figure(&storm.refused),
        storm_time.as_secs_f32(),
        figure(&partner.counts.requests),
        figure(&partner.counts.unheard),
        figure(&partner.counts.unavailable),
        figure(&partner.counts.in_progress),
        figure(&partner.counts.raced),
    );
    assert!(
        faults.is_empty(),
        "storm {seed}, {} faults:\n{}",
        faults.len(),
        faults[..faults.len().min(40)].join("\n")
    );
    assert_eq!(jobs, 0, "jobs are left");
    assert!(
        done * 10 >= writes * 8,
        "only {done} writes of {writes} were acknowledged"
    );
    assert!(
        kills >= 2 && injected > writes / 20,
        "no storm: {kills} kills, {injected} faults"
    );
    assert!(
        counts.iter().all(|(_, count)| *count > 10),
        "hardly anything was made: {counts:?}"
    );
}

fn client(place: &Place) -> aws_sdk_dynamodb::Client {
    match &place.dynamodb {
        Some(url) => emulator::client(url, emulator::http()),
        None => {
            let options = Options {
                file: Some(place.data.join("table.sqlite")),
                written: None,
            };
            embedded::open(options).expect("the table opens")
        }
    }
}

/// Kills the platform again and again, and starts it at once.
async fn kill(
    mut platform: Platform,
    told: watch::Sender<platform::Address>,
    place: Place,
    storm: Arc<Storm>,
    finished: Arc<AtomicBool>,
) -> (Platform, watch::Sender<platform::Address>, usize) {
    let mut kills = 0;
    let (mut born, mut done) = (Instant::now(), 0);
    while !finished.load(Ordering::Relaxed) {
        // At another point of what goes on each time.
        let pause = Duration::from_millis(rand::random_range(20..200));
        tokio::time::sleep(pause).await;
        let now = storm.done.load(Ordering::Relaxed);
        if born.elapsed() < LIFE && now < done + LIFE_WRITES || now < done + LIFE_WRITES / 3 {
            continue;
        }
        drop(platform);
        kills += 1;
        let at = place.clone();
        platform = tokio::task::spawn_blocking(move || Platform::start(&at, true))
            .await
            .expect("started");
        told.send_replace(platform.address());
        (born, done) = (Instant::now(), storm.done.load(Ordering::Relaxed));
    }
    (platform, told, kills)
}

impl Storm {
    /// Whether another write may be begun.
    fn begin(&self) -> bool {
        self.left.fetch_sub(1, Ordering::Relaxed) > 0
    }
}

async fn fight(mut rival: Rival, storm: Arc<Storm>) -> Rival {
    while rival.open.is_none() && rival.done < EACH && storm.begin() {
        rival.change(&storm.partner).await;
        storm
            .done
            .fetch_add(usize::from(rival.open.is_none()), Ordering::Relaxed);
    }
    rival
}

impl Tenant {
    async fn work(mut self, storm: Arc<Storm>) -> Self {
        while self.open.is_none() && storm.begin() {
            let deed = self.dice.deed(&self.has);
            let answer = self.ask(&deed, &storm.partner).await;
            self.answered(deed, answer, &storm);
        }
        self
    }

    /// Asks once; or, as hasty clients do, twice at a time or again after the answer: that must not make a difference.
    async fn ask(&mut self, deed: &Deed, partner: &Partner) -> Answer {
        let token = match deed.method {
            "authenticate" => "",
            _ => partner.token(self.which),
        };
        let once = || partner.write(token, deed.method, &deed.body);
        let keyed = !matches!(deed.method, "authenticate" | "conference/join_token");
        match self.dice.random.random_range(0..20) {
            0 if keyed => {
                let (one, two) = tokio::join!(once(), once());
                match (one, two) {
                    (Answer::Done(one), Answer::Done(two)) => {
                        assert_eq!(one, two, "{deed:?} has two answers");
                        Answer::Done(one)
                    }
                    (done @ Answer::Done(_), _) | (_, done @ Answer::Done(_)) => done,
                    (Answer::Open, _) | (_, Answer::Open) => Answer::Open,
                    (refused, _) => refused,
                }
            }
            1 if keyed => {
                let first = once().await;
                match (first, once().await) {
                    (Answer::Done(one), Answer::Done(two)) => {
                        assert_eq!(one, two, "{deed:?} has two answers");
                        Answer::Done(one)
                    }
                    (done @ Answer::Done(_), _) => done,
                    // A refusal gives the key back, and what was another's may be free by now: the last answer holds.
                    (_, last) => last,
                }
            }
            _ => once().await,
        }
    }

    fn answered(&mut self, deed: Deed, answer: Answer, storm: &Storm) {
        match answer {
            Answer::Done(answer) => {
                self.has.done(&deed, answer);
                storm.done.fetch_add(1, Ordering::Relaxed);
            }
            Answer::Refused(409, why) if deed.fights && why["code"] == "conflict" && why["field"].is_string() => {
                storm.refused.fetch_add(1, Ordering::Relaxed);
            }
            Answer::Refused(status, why) => panic!("{deed:?}: {status} {why}"),
            Answer::Open => self.open = Some(deed),
        }
    }

    async fn close(&mut self, later: &Later, storm: &Storm) {
        let Some(deed) = self.open.take() else { return };
        // A token to join needs a living relay, and a sign-in has nothing to find again.
        if matches!(deed.method, "authenticate" | "conference/join_token") {
            return;
        }
        let answer = later
            .write(storm.partner.token(self.which), deed.method, &deed.body)
            .await;
        self.answered(deed, answer, storm);
    }
}

/// What the API says, of all partners at a time.
async fn audit(partner: &Partner, tenants: &[Tenant], rivals: &[Rival], known: Vec<u64>) -> Vec<String> {
    let live = tenants
        .iter()
        .filter_map(|tenant| tenant.has.company.as_ref())
        .filter_map(|company| company["id"].as_u64());
    let mut all = account::companies(partner, live.chain(known)).await;
    let each = tenants.iter().map(|tenant| faults(partner, &tenant.has));
    all.extend(futures_util::future::join_all(each).await.into_iter().flatten());
    for rival in rivals {
        all.extend(rival.fault(partner).await);
    }
    all
}
