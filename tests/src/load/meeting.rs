//! A meeting of publishers and subscribers, and what it cost the server.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::client::{self, Options, Shared};
use super::media::Media;
use super::process::{Server, cpu_of};
use super::tally::Tally;
use super::token::ApiKey;

/// How long all clients may take until every stream flows.
const SETTLE: Duration = Duration::from_secs(40);
/// Between two subscribers' joins.
const JOIN_INTERVAL: Duration = Duration::from_millis(60);
/// Between the last stream's first packet and the window: layers settle, estimates grow.
const WARM_UP: Duration = Duration::from_secs(4);

/// Who is in a meeting.
#[derive(Debug, Clone)]
pub struct Case {
    /// Name in tables.
    pub name: String,
    /// Publishers of video, of sound, or of both where the numbers overlap.
    pub video_publishers: u32,
    /// See there.
    pub audio_publishers: u32,
    /// Those who receive everything and publish nothing.
    pub subscribers: u32,
    /// RID of the layer that subscribers ask for.
    pub layer: &'static str,
}

/// What a window showed.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// Server CPU per delivered packet, in microseconds.
    pub cost: f64,
    /// Delivered packets a second.
    pub rate: f64,
    /// Delivered bits a second (RTP payload).
    pub bits: f64,
    /// Delivered of what was due, 0 to 1.
    pub delivered: f64,
    /// Server's share of its core, 0 to 1.
    pub server: f64,
    /// Our own share of our core, 0 to 1.
    pub tester: f64,
    /// Resident memory of the server, in bytes.
    pub memory: u64,
    /// Delay from publisher to subscriber, median.
    pub delay_p50: Duration,
    /// The same, 99 of 100.
    pub delay_p99: Duration,
    /// Share of packets that our relay sent on within 2 ms of their arrival, by its own count: of all, and of those within
    /// its pacer's budget.
    pub in_time: Option<[f64; 2]>,
    /// Repeated packets in the window.
    pub repeats: u64,
}

/// Runs a case against a server for a window.
///
/// # Errors
/// When a client fails, or not every stream flows in time.
pub async fn run(server: &Server, key: &ApiKey, case: &Case, window: Duration) -> Result<Outcome> {
    let (leave, stop) = watch::channel(false);
    let shared = Shared {
        media: Rc::new(Media::recorded()),
        tally: Rc::new(RefCell::new(Tally::default())),
        connected: Rc::default(),
        stop,
    };
    let room = format!("bench-{:08x}", rand::random::<u32>());
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let options = |identity: String, number: u32| Options {
        url: format!("ws://{}", server.listen),
        token: key.token(&room, &identity, now),
        video: false,
        audio: false,
        subscribe: false,
        wanted: case.layer,
        phase: Duration::from_micros(u64::from(number) * 3_700),
        local: ([127, 0, 0, 1], 0).into(),
    };

    let mut clients = JoinSet::new();
    let publishers = case.video_publishers.max(case.audio_publishers);
    for number in 0..publishers {
        let publisher = Options {
            video: number < case.video_publishers,
            audio: number < case.audio_publishers,
            ..options(format!("publisher-{number}"), number)
        };
        clients.spawn_local(client::run(publisher, shared.clone()));
    }
    let tally = Rc::clone(&shared.tally);
    let publishing = || tally.borrow().sent > 0 && *shared.connected.borrow() >= publishers;
    until(&mut clients, "publishers", publishing).await?;
    for number in 0..case.subscribers {
        let subscriber = Options {
            subscribe: true,
            ..options(format!("subscriber-{number}"), number)
        };
        clients.spawn_local(client::run(subscriber, shared.clone()));
        pause(&mut clients, JOIN_INTERVAL).await?;
    }
    let tracks = u64::from(case.video_publishers + case.audio_publishers);
    let streams = tracks * u64::from(case.subscribers);
    until(&mut clients, "streams", || tally.borrow().streams >= streams).await?;
    pause(&mut clients, WARM_UP).await?;

    let forwarded = server.forwarded().await?;
    let before = (*tally.borrow()).snapshot();
    tally.borrow_mut().begin();
    let (started, cpu, own) = (Instant::now(), server.cpu()?, cpu_of(std::process::id())?);
    pause(&mut clients, window).await?;
    let (elapsed, cpu) = (started.elapsed(), server.cpu()?.saturating_sub(cpu));
    let own = cpu_of(std::process::id())?.saturating_sub(own);
    let after = (*tally.borrow()).snapshot();
    let memory = server.memory()?;
    let in_time = forwarded.zip(server.forwarded().await?);
    let in_time = in_time.map(|(then, now)| {
        [0, 1].map(|n| {
            let ((all, quick), now) = (then[n], now[n]);
            real(now.1 - quick) / real(now.0 - all)
        })
    });

    let delay = |share| tally.borrow_mut().delay(share).unwrap_or_default();
    let (delay_p50, delay_p99) = (delay(0.5), delay(0.99));
    let _ = leave.send(true);
    while clients.join_next().await.is_some() {}

    let seconds = elapsed.as_secs_f64();
    let count = |now: u64, then: u64| now.saturating_sub(then);
    let packets = real(count(after.received.packets, before.received.packets));
    ensure!(packets > 0.0, "nothing was delivered");
    let due = real(count(after.sent, before.sent) * u64::from(case.subscribers));
    Ok(Outcome {
        cost: cpu.as_secs_f64() * 1e6 / packets,
        rate: packets / seconds,
        bits: real(count(after.received.bytes, before.received.bytes)) * 8.0 / seconds,
        delivered: packets / due,
        server: cpu.as_secs_f64() / seconds,
        tester: own.as_secs_f64() / seconds,
        memory,
        delay_p50,
        delay_p99,
        in_time,
        repeats: count(after.repeats, before.repeats),
    })
}

#[expect(clippy::cast_precision_loss)]
fn real(count: u64) -> f64 {
    count as f64
}

/// Waits for a condition; a client that fails meanwhile fails the run.
async fn until(clients: &mut JoinSet<Result<()>>, what: &str, condition: impl Fn() -> bool) -> Result<()> {
    let started = Instant::now();
    while !condition() {
        if started.elapsed() > SETTLE {
            bail!("not all {what} flow after {SETTLE:?}");
        }
        pause(clients, Duration::from_millis(50)).await?;
    }
    Ok(())
}

/// Lets time pass; a client that fails meanwhile fails the run.
async fn pause(clients: &mut JoinSet<Result<()>>, duration: Duration) -> Result<()> {
    tokio::select! {
        () = tokio::time::sleep(duration) => Ok(()),
        Some(ended) = clients.join_next() => {
            ended.context("a client panicked")?.context("a client failed")?;
            bail!("a client left early");
        }
    }
}
