//! Hours of joins, leaves and floods against our relay, with rests in between: what is left at each rest must not grow.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use rand::Rng as _;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::bench::{self, Ports};
use super::client::{self, Options, Shared};
use super::flood;
use super::media::Media;
use super::process::{Server, Usage, machine, metrics};
use super::tally::Tally;
use super::token::ApiKey;

/// Meetings at a time.
const MEETINGS: usize = 6;
/// People of a meeting, beside the one who stays.
const GUESTS: std::ops::RangeInclusive<u32> = 1..=4;
/// How long a guest stays, in milliseconds.
const STAY: std::ops::RangeInclusive<u64> = 500..=12_000;
/// Whoever stays so long has heard the one who stays.
const HEARD: Duration = Duration::from_secs(5);
/// How long after the last one went nothing of anybody is left: those who vanished are waited for.
const PATIENCE: Duration = Duration::from_secs(90);
/// What allocators may keep of what was freed.
const SLACK: u64 = 8 * 1024 * 1024;

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Our relay's binary.
    pub relay: PathBuf,
    /// For its settings and its log.
    pub folder: PathBuf,
    /// How long in all.
    pub span: Duration,
    /// Rests within that.
    pub rests: u32,
    /// Core of the relay.
    pub core: usize,
    /// Revision to name.
    pub commit: String,
}

/// What happened since the start.
#[derive(Debug, Default, Clone, Copy)]
struct Account {
    meetings: u64,
    joins: u64,
    /// Came again under the same name while they were still there.
    again: u64,
    /// Went without a word.
    vanished: u64,
    packets: u64,
}

/// The clients' side of it all.
#[derive(Clone)]
struct Crowd {
    url: String,
    key: ApiKey,
    media: Rc<Media>,
    account: Rc<RefCell<Account>>,
    failures: Rc<RefCell<Vec<String>>>,
}

/// Runs the plan, with a line for each rest.
///
/// # Errors
/// When somebody cannot join or hears nothing, the relay ends, does not come to rest, or keeps more at each rest.
pub async fn run(plan: &Plan) -> Result<()> {
    std::fs::create_dir_all(&plan.folder)?;
    let key = ApiKey {
        key: "soakkey".to_owned(),
        secret: "soaksecretsoaksecretsoaksecret!!".to_owned(),
    };
    let (spec, ports) = bench::ours(plan.relay.clone(), &plan.folder, &key, plan.core)?;
    let server = Server::start(&spec).await?;
    let crowd = Crowd {
        url: format!("ws://{}", server.listen),
        key,
        media: Rc::new(Media::recorded()),
        account: Rc::default(),
        failures: Rc::default(),
    };
    println!("machine: {}\ncommit:  {}\n", machine(), plan.commit);
    println!(
        "{:>6} {:>9} {:>8} {:>6} {:>9} {:>11} {:>10} {:>9} {:>9} {:>8} {:>8} {:>7}",
        "rest",
        "meetings",
        "joins",
        "again",
        "vanished",
        "packets",
        "floods",
        "dropped",
        "seconds",
        "KiB",
        "files",
        "threads"
    );
    let started = Instant::now();
    let (mut rests, mut floods): (Vec<Usage>, u64) = (Vec::new(), 0);
    for rest in 0..=plan.rests {
        // The first rest is the one before anybody came, and the second what is kept for good.
        if rest > 0 {
            let until = started + plan.span * rest / plan.rests;
            floods += storm(&crowd, &ports, server.listen, until).await?;
        }
        let dropped = calm(&ports).await?;
        let (usage, account) = (server.usage()?, *crowd.account.borrow());
        println!(
            "{rest:>6} {:>9} {:>8} {:>6} {:>9} {:>11} {floods:>10} {dropped:>9} {:>9} {:>8} {:>8} {:>7}",
            account.meetings,
            account.joins,
            account.again,
            account.vanished,
            account.packets,
            started.elapsed().as_secs(),
            usage.memory / 1024,
            usage.files,
            usage.threads
        );
        rests.push(usage);
        let failures = crowd.failures.borrow();
        ensure!(failures.is_empty(), "{} failed, first: {}", failures.len(), failures[0]);
    }
    flat(&rests)?;
    println!("\n# pass {}", plan.rests);
    Ok(())
}

/// Whether what is kept at rests does not grow: from the first one that follows a storm on.
fn flat(rests: &[Usage]) -> Result<()> {
    let worn = rests.get(1..).unwrap_or_default();
    let (Some(first), Some(last)) = (worn.first(), worn.last()) else {
        return Ok(());
    };
    let most = |part: &[Usage]| part.iter().map(|usage| usage.memory).max().unwrap_or(0);
    let third = worn.len().div_ceil(3);
    let (early, late) = (most(&worn[..third]), most(&worn[worn.len() - third..]));
    ensure!(
        late <= early + early / 20 + SLACK,
        "memory grows: {early} bytes in the first third, {late} in the last"
    );
    ensure!(
        (last.files, last.threads) == (first.files, first.threads),
        "files or threads are left: {first:?}, then {last:?}"
    );
    Ok(())
}

/// Meetings and floods until then, and until the last one has ended. Answers what was flooded.
async fn storm(crowd: &Crowd, ports: &Ports, signalling: SocketAddr, until: Instant) -> Result<u64> {
    let (stop, stopped) = watch::channel(false);
    let flood = tokio::task::spawn_local(flood::run(*ports, signalling, stopped));
    let mut meetings = JoinSet::new();
    loop {
        while meetings.len() < MEETINGS && Instant::now() < until {
            meetings.spawn_local(meeting(crowd.clone()));
        }
        match meetings.join_next().await {
            Some(ended) => ended.context("a meeting panicked")?,
            None => break,
        }
    }
    let _ = stop.send(true);
    flood.await.context("the flood panicked")?
}

/// Somebody speaks and shows a picture; others come and go.
async fn meeting(crowd: Crowd) {
    crowd.account.borrow_mut().meetings += 1;
    let room = format!("soak-{:016x}", rand::random::<u64>());
    let host = Visit::begin(&crowd, &room, "host", true);
    let mut guests = JoinSet::new();
    for number in 0..rand::rng().random_range(GUESTS) {
        tokio::time::sleep(some(0..=1_500)).await;
        guests.spawn_local(guest(crowd.clone(), room.clone(), format!("guest-{number}")));
    }
    while let Some(ended) = guests.join_next().await {
        if let Err(error) = ended {
            crowd.fail(format!("a guest panicked: {error}"));
        }
    }
    host.leave(&crowd).await;
}

async fn guest(crowd: Crowd, room: String, name: String) {
    let (visit, publishes) = (rand::rng().random_range(0..4), rand::rng().random_bool(0.5));
    let mut first = Visit::begin(&crowd, &room, &name, publishes);
    if !first.stay(&crowd, some(STAY)).await {
        return;
    }
    match visit {
        0 => first.vanish(&crowd),
        1 => {
            crowd.account.borrow_mut().again += 1;
            let mut second = Visit::begin(&crowd, &room, &name, publishes);
            first.replaced(&crowd).await;
            if second.stay(&crowd, some(STAY)).await {
                second.leave(&crowd).await;
            }
        }
        _ => first.leave(&crowd).await,
    }
}

/// Milliseconds at random.
fn some(range: std::ops::RangeInclusive<u64>) -> Duration {
    Duration::from_millis(rand::rng().random_range(range))
}

/// Somebody who is in a room.
struct Visit {
    name: String,
    client: JoinHandle<Result<()>>,
    leave: watch::Sender<bool>,
    tally: Rc<RefCell<Tally>>,
}

impl Visit {
    fn begin(crowd: &Crowd, room: &str, name: &str, publishes: bool) -> Self {
        crowd.account.borrow_mut().joins += 1;
        let (leave, stop) = watch::channel(false);
        let shared = Shared {
            media: Rc::clone(&crowd.media),
            tally: Rc::default(),
            connected: Rc::default(),
            stop,
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let options = Options {
            url: crowd.url.clone(),
            token: crowd.key.token(room, name, now.as_secs()),
            video: publishes,
            audio: publishes,
            subscribe: true,
            wanted: "h",
            phase: some(0..=20),
            local: ([127, 0, 0, 1], 0).into(),
        };
        Self {
            name: format!("{room}/{name}"),
            tally: Rc::clone(&shared.tally),
            client: tokio::task::spawn_local(client::run(options, shared)),
            leave,
        }
    }

    /// Whether all was well for so long: whoever stays hears the host.
    async fn stay(&mut self, crowd: &Crowd, span: Duration) -> bool {
        if let Ok(ended) = tokio::time::timeout(span, &mut self.client).await {
            crowd.fail(format!("{}: it ended early: {ended:?}", self.name));
            return false;
        }
        if span >= HEARD && self.tally.borrow().received.packets == 0 {
            crowd.fail(format!("{}: nothing came in {span:?}", self.name));
        }
        true
    }

    async fn leave(self, crowd: &Crowd) {
        let _ = self.leave.send(true);
        let ended = self.client.await;
        if !matches!(ended, Ok(Ok(()))) {
            crowd.fail(format!("{}: at its leaving: {ended:?}", self.name));
        }
        crowd.came(&self.tally);
    }

    fn vanish(self, crowd: &Crowd) {
        self.client.abort();
        crowd.account.borrow_mut().vanished += 1;
        crowd.came(&self.tally);
    }

    /// Is sent away, since the same one came anew.
    async fn replaced(self, crowd: &Crowd) {
        match tokio::time::timeout(HEARD, self.client).await {
            Ok(Ok(Err(_))) => crowd.came(&self.tally),
            other => crowd.fail(format!("{}: it was not replaced: {other:?}", self.name)),
        }
    }
}

impl Crowd {
    fn fail(&self, what: String) {
        self.failures.borrow_mut().push(what);
    }

    fn came(&self, tally: &RefCell<Tally>) {
        self.account.borrow_mut().packets += tally.borrow().received.packets;
    }
}

/// Waits until nobody is in a room, and nothing of them is left. Answers how many packets the relay has dropped since its start.
async fn calm(ports: &Ports) -> Result<u64> {
    let until = Instant::now() + PATIENCE;
    loop {
        let text = metrics(ports.operator).await?;
        let sum = |name: &str| -> Result<f64> {
            let mut lines = text.lines().filter(|line| {
                let rest = line
                    .strip_prefix("convoke_relay_")
                    .and_then(|line| line.strip_prefix(name));
                rest.is_some_and(|rest| rest.starts_with([' ', '{']))
            });
            // A series that is not there would be nothing that is left.
            let first = lines
                .next()
                .with_context(|| format!("the relay does not tell {name}"))?;
            let values = std::iter::once(first).chain(lines);
            Ok(values
                .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
                .sum())
        };
        let left = ["rooms", "participants", "subscriptions", "transports"]
            .into_iter()
            .map(sum)
            .collect::<Result<Vec<_>>>()?;
        if left.iter().all(|left| *left == 0.0) {
            // Not what is under way just now.
            tokio::time::sleep(Duration::from_secs(2)).await;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts")]
            return Ok(sum("received_dropped_total")? as u64);
        }
        ensure!(
            Instant::now() < until,
            "rooms, participants, subscriptions and transports are left: {left:?}"
        );
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rests(memory: impl IntoIterator<Item = u64>, files: u64) -> Vec<Usage> {
        let usage = |memory| Usage {
            memory,
            files,
            threads: 9,
        };
        memory.into_iter().map(usage).collect()
    }

    #[test]
    fn what_grows_is_seen_and_what_wavers_is_not() {
        const MIB: u64 = 1024 * 1024;
        flat(&rests([20, 90, 95, 88, 96, 91, 99].map(|memory| memory * MIB), 30)).expect("flat");
        let grows = flat(&rests((0..13).map(|rest| (80 + 3 * rest) * MIB), 30));
        assert!(grows.is_err(), "{grows:?}");
        let mut leaks = rests([20, 90, 90, 90].map(|memory| memory * MIB), 30);
        leaks.extend(rests([90 * MIB], 31));
        assert!(flat(&leaks).is_err());
    }
}
