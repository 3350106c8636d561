//! The load generator: publishes recorded media into rooms, or measures a server.

use std::io::Read;
use std::net::IpAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use system_tests::load::bench::{self, Plan};
use system_tests::load::client::{self, Options, Shared};
use system_tests::load::media::Media;
use system_tests::load::soak;
use system_tests::load::token::ApiKey;
use tokio::sync::watch;
use tokio::task::{JoinSet, LocalSet};

/// Clients for load, with real ICE, DTLS and SRTP and recorded media.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Joins once per token, publishes camera and microphone, and leaves when standard input ends.
    Publish(Publish),
    /// Joins and subscribes to everything, and prints each second how many packets of each layer of the video came.
    Watch(Watch),
    /// Measures CPU per delivered packet, memory and delay of our relay and of LiveKit's server in turn.
    Bench(Bench),
    /// Joins, leaves and floods against our relay, with rests at which what it holds must not grow.
    Soak(Soak),
}

#[derive(Debug, Args)]
struct Publish {
    /// Signalling address, such as ws://127.0.0.1:7880.
    #[arg(long)]
    url: String,
    /// Join token; once per participant.
    #[arg(long = "token", required = true)]
    tokens: Vec<String>,
    /// Leaves the camera out.
    #[arg(long)]
    no_video: bool,
    /// Leaves the microphone out.
    #[arg(long)]
    no_audio: bool,
}

#[derive(Debug, Args)]
struct Watch {
    /// Signalling address, such as ws://127.0.0.1:7880.
    #[arg(long)]
    url: String,
    /// Access token.
    #[arg(long)]
    token: String,
    /// Own address.
    #[arg(long, default_value = "127.0.0.1")]
    local: IpAddr,
    /// How long it stays.
    #[arg(long, default_value_t = 15)]
    seconds: u64,
}

#[derive(Debug, Args)]
struct Bench {
    /// Our relay's binary.
    #[arg(long)]
    relay: Option<PathBuf>,
    /// LiveKit's server binary.
    #[arg(long)]
    livekit: Option<PathBuf>,
    /// Media threads of our relay, all on its one core; its peer is itself with one: what it costs that rooms are shared.
    #[arg(long, conflicts_with = "livekit", requires = "relay")]
    threads: Option<u32>,
    /// Folder for settings and logs of the servers.
    #[arg(long)]
    folder: PathBuf,
    /// Case to run, `video|audio|meeting-PUBLISHERSxSUBSCRIBERS`; repeatable. Without: video-1x50, audio-10x50, meeting-10x10.
    #[arg(long = "case")]
    cases: Vec<String>,
    /// Runs of each case against each server.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Seconds measured in each run.
    #[arg(long, default_value_t = 12)]
    seconds: u64,
    /// Core of the server; this program has to be pinned to another by its caller.
    #[arg(long, default_value_t = 0)]
    core: usize,
    /// Revision to name in the result.
    #[arg(long, default_value = "unknown")]
    commit: String,
}

#[derive(Debug, Args)]
struct Soak {
    /// Our relay's binary.
    #[arg(long)]
    relay: PathBuf,
    /// Folder for its settings and its log.
    #[arg(long)]
    folder: PathBuf,
    /// How long, in seconds.
    #[arg(long, default_value_t = 3_600)]
    seconds: u64,
    /// Rests within that.
    #[arg(long, default_value_t = 12)]
    rests: u32,
    /// Core of the relay; this program has to be pinned to another by its caller.
    #[arg(long, default_value_t = 0)]
    core: usize,
    /// Revision to name.
    #[arg(long, default_value = "unknown")]
    commit: String,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        match arguments.command {
            Command::Publish(publish) => publish.run().await,
            Command::Watch(watch) => watch.run().await,
            Command::Bench(bench) => bench.run().await,
            Command::Soak(soak) => soak.run().await,
        }
    })
}

impl Publish {
    async fn run(self) -> Result<()> {
        let (leave, stop) = watch::channel(false);
        std::thread::spawn(move || {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            let _ = leave.send(true);
        });
        let shared = Shared {
            media: Rc::new(Media::recorded()),
            tally: Rc::default(),
            connected: Rc::default(),
            stop,
        };
        let mut clients = JoinSet::new();
        for (number, token) in (0..).zip(self.tokens) {
            let options = Options {
                url: self.url.clone(),
                token,
                video: !self.no_video,
                audio: !self.no_audio,
                subscribe: false,
                wanted: "f",
                phase: Duration::from_millis(7) * number,
                local: ([127, 0, 0, 1], 0).into(),
            };
            clients.spawn_local(client::run(options, shared.clone()));
        }
        while let Some(ended) = clients.join_next().await {
            ended.context("a client panicked")??;
        }
        Ok(())
    }
}

impl Watch {
    /// Prints a line of JSON a second: packets of the layers in that second, lowest first.
    async fn run(self) -> Result<()> {
        let (leave, stop) = watch::channel(false);
        let shared = Shared {
            media: Rc::new(Media::recorded()),
            tally: Rc::default(),
            connected: Rc::default(),
            stop,
        };
        let tally = Rc::clone(&shared.tally);
        tally.borrow_mut().tell_layers(&shared.media);
        let options = Options {
            url: self.url,
            token: self.token,
            video: false,
            audio: false,
            subscribe: true,
            wanted: "f",
            phase: Duration::ZERO,
            local: (self.local, 0).into(),
        };
        let client = tokio::task::spawn_local(client::run(options, shared));
        let mut before = [0; 3];
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        seconds.tick().await;
        for _ in 0..self.seconds {
            seconds.tick().await;
            let now = tally.borrow().layers;
            let came: [u64; 3] = std::array::from_fn(|i| now[i] - before[i]);
            println!("{}", serde_json::json!(came));
            before = now;
        }
        let _ = leave.send(true);
        client.await.context("the client panicked")?
    }
}

impl Soak {
    async fn run(self) -> Result<()> {
        let plan = soak::Plan {
            relay: self.relay,
            folder: self.folder,
            span: Duration::from_secs(self.seconds),
            rests: self.rests.max(1),
            core: self.core,
            commit: self.commit,
        };
        soak::run(&plan).await
    }
}

impl Bench {
    async fn run(self) -> Result<()> {
        std::fs::create_dir_all(&self.folder)?;
        let key = ApiKey {
            key: "benchkey".to_owned(),
            secret: "benchsecretbenchsecretbenchsecret".to_owned(),
        };
        let ours = |folder: &str, threads: Option<u32>| {
            let program = self.relay.clone()?;
            let folder = self.folder.join(folder);
            Some(bench::ours_with(program, &folder, &key, self.core, threads))
        };
        let peer = match self.livekit {
            Some(program) => Some(bench::livekit(program, &self.folder, &key, self.core)),
            None => self.threads.and_then(|_| ours("one", Some(1))),
        };
        let plan = Plan {
            ours: ours("ours", self.threads).transpose()?,
            peer: peer.transpose()?,
            alike: self.threads.is_some(),
            key,
            cases: self.cases,
            rounds: self.rounds,
            window: Duration::from_secs(self.seconds),
            commit: self.commit,
        };
        bench::run(&plan).await
    }
}
