//! The relay benchmark: the same cases against one or two servers in turn, a table, and one line of JSON.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::meeting::{self, Case, Outcome};
use super::process::{Server, Spec, free_tcp, free_udp, machine};
use super::token::ApiKey;

/// Delivered share below which a run says nothing about cost.
const DELIVERED: f64 = 0.995;

/// The cases that are run when none is named.
const CASES: [&str; 3] = ["video-1x50", "audio-10x50", "meeting-10x10"];

/// A case by its name, `video|audio|meeting-PUBLISHERSxSUBSCRIBERS`, and the share of the peer's cost that is aimed at.
///
/// # Errors
/// When the name has another form.
pub fn case(name: &str) -> Result<(Case, f64)> {
    let parts = || {
        let (kind, size) = name.split_once('-')?;
        let (publishers, subscribers) = size.split_once('x')?;
        Some((kind, publishers.parse().ok()?, subscribers.parse().ok()?))
    };
    let form = "a case is called video-1x50, audio-10x50 or meeting-10x10, with any numbers";
    let (kind, publishers, subscribers) = parts().context(form)?;
    let (video, audio, layer, share) = match kind {
        "video" => (publishers, 0, "f", 1.0 / 5.0),
        "audio" => (0, publishers, "f", 1.0 / 3.0),
        "meeting" => (publishers, publishers, "h", 1.0 / 4.0),
        _ => bail!(form),
    };
    let case = Case {
        name: name.to_owned(),
        video_publishers: video,
        audio_publishers: audio,
        subscribers,
        layer,
    };
    Ok((case, share))
}

/// What to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Our relay, if it takes part.
    pub ours: Option<Spec>,
    /// The peer, if one takes part.
    pub peer: Option<Spec>,
    /// The peer is our relay, too, otherwise set: what we aim at beside LiveKit is no target.
    pub alike: bool,
    /// Key that both know.
    pub key: ApiKey,
    /// Names of cases; empty for all.
    pub cases: Vec<String>,
    /// Runs of each case against each server, in turn.
    pub rounds: u32,
    /// Measured part of a run.
    pub window: Duration,
    /// Revision of our code.
    pub commit: String,
}

#[derive(Debug, Default)]
struct Runs {
    good: Vec<Outcome>,
    bad: u32,
}

/// Runs the plan, prints a table as it goes and the line of JSON at its end.
///
/// # Errors
/// When a server cannot be started. A run that fails is counted and reported.
pub async fn run(plan: &Plan) -> Result<()> {
    let machine = machine();
    println!("machine: {machine}\ncommit:  {}\n", plan.commit);
    println!(
        "{:<14} {:<10} {:>7} {:>9} {:>7} {:>9} {:>7} {:>7} {:>6} {:>12} {:>6}",
        "case", "server", "us/pkt", "pkt/s", "Mbit/s", "delivered", "server", "tester", "MiB", "ms p50/p99", "again"
    );
    let mut rows = Vec::new();
    let named: Vec<&str> = plan.cases.iter().map(String::as_str).collect();
    for name in if named.is_empty() { &CASES[..] } else { &named } {
        let (case, share) = case(name)?;
        let share = Some(share).filter(|_| !plan.alike);
        let (mut ours, mut peer) = (Runs::default(), Runs::default());
        for round in 0..plan.rounds {
            let mut turns = [(&plan.ours, &mut ours), (&plan.peer, &mut peer)];
            if round % 2 == 1 {
                turns.reverse();
            }
            for (spec, runs) in turns {
                if let Some(spec) = spec {
                    runs.one(spec, plan, &case).await?;
                }
            }
        }
        rows.extend(compare(&case, share, &ours, &peer));
    }
    let peer = plan.peer.as_ref().map(|spec| spec.name.as_str());
    println!("\n{}", table(&rows));
    println!(
        "{}",
        json!({"bench": "relay", "machine": machine, "commit": plan.commit, "peer": peer, "rows": rows})
    );
    Ok(())
}

impl Runs {
    async fn one(&mut self, spec: &Spec, plan: &Plan, case: &Case) -> Result<()> {
        let server = Server::start(spec).await?;
        match meeting::run(&server, &plan.key, case, plan.window).await {
            Ok(outcome) => {
                println!("{}", line(&case.name, &spec.name, &outcome));
                if outcome.delivered >= DELIVERED {
                    self.good.push(outcome);
                } else {
                    self.bad += 1;
                }
            }
            Err(error) => {
                println!("{:<14} {:<10} failed: {error:#}", case.name, spec.name);
                self.bad += 1;
            }
        }
        Ok(())
    }

    /// The median of a figure over the good runs.
    fn median(&self, figure: impl Fn(&Outcome) -> f64) -> Option<f64> {
        let mut figures: Vec<f64> = self.good.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        let middle = figures.len() / 2;
        let upper = *figures.get(middle)?;
        Some(if figures.len() % 2 == 1 {
            upper
        } else {
            f64::midpoint(figures[middle - 1], upper)
        })
    }
}

fn line(case: &str, server: &str, outcome: &Outcome) -> String {
    let ms = |delay: Duration| delay.as_secs_f64() * 1e3;
    format!(
        "{case:<14} {server:<10} {:>7.2} {:>9.0} {:>7.1} {:>8.2}% {:>6.0}% {:>6.0}% {:>6} {:>12} {:>6}",
        outcome.cost,
        outcome.rate,
        outcome.bits / 1e6,
        outcome.delivered * 100.0,
        outcome.server * 100.0,
        outcome.tester * 100.0,
        outcome.memory / (1024 * 1024),
        format!("{:.1}/{:.1}", ms(outcome.delay_p50), ms(outcome.delay_p99)),
        outcome.repeats,
    )
}

fn compare(case: &Case, share: Option<f64>, ours: &Runs, peer: &Runs) -> Vec<serde_json::Value> {
    let row = |what: &str, unit: &str, target: Option<f64>, figure: &dyn Fn(&Outcome) -> f64| {
        let (ours, peer) = (ours.median(figure), peer.median(figure));
        let ratio = ours.zip(peer).map(|(ours, peer)| ours / peer);
        json!({
            "name": format!("{} {what}", case.name), "unit": unit, "ours": rounded(ours),
            "peer": rounded(peer), "ratio": rounded(ratio), "target": rounded(target),
            "met": target.zip(ratio).map(|(target, ratio)| ratio <= target),
        })
    };
    // Of our relay alone, which tells it.
    let tells = ours.good.iter().all(|outcome| outcome.in_time.is_some());
    let in_time = |what: &str, which: usize, target: Option<f64>| {
        let share = ours.median(|outcome| outcome.in_time.unwrap_or_default()[which] * 100.0);
        let share = share.filter(|_| tells);
        json!({
            "name": format!("{} {what}", case.name), "unit": "%", "target": target, "ours": rounded(share),
            "peer": null, "ratio": null, "met": share.zip(target).map(|(share, target)| share >= target),
        })
    };
    vec![
        row("cpu", "us/packet", share, &|outcome| outcome.cost),
        row("memory", "MiB", None, &|outcome| mebibytes(outcome.memory)),
        row("delay p50", "ms", None, &|outcome| {
            outcome.delay_p50.as_secs_f64() * 1e3
        }),
        row("delay p99", "ms", None, &|outcome| {
            outcome.delay_p99.as_secs_f64() * 1e3
        }),
        in_time("sent on in 2 ms", 0, None),
        in_time("of those not paced", 1, Some(99.0)),
        row("delivered", "packets/s", None, &|outcome| outcome.rate),
        json!({
            "name": format!("{} runs left out", case.name), "unit": "runs", "ours": ours.bad,
            "peer": peer.bad, "ratio": null, "target": 0, "met": ours.bad == 0,
        }),
    ]
}

#[expect(clippy::cast_precision_loss)]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}

fn rounded(figure: Option<f64>) -> Option<f64> {
    figure.map(|figure| (figure * 1000.0).round() / 1000.0)
}

fn table(rows: &[serde_json::Value]) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{:<30} {:>10} {:>10} {:>10} {:>7} {:>7}",
        "median", "unit", "ours", "peer", "ratio", "target"
    );
    for row in rows {
        let cell = |name: &str| match &row[name] {
            serde_json::Value::Null => "-".to_owned(),
            serde_json::Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        let _ = writeln!(
            text,
            "{:<30} {:>10} {:>10} {:>10} {:>7} {:>7}",
            cell("name"),
            cell("unit"),
            cell("ours"),
            cell("peer"),
            cell("ratio"),
            cell("target")
        );
    }
    text
}

/// The ports of our relay, beside the one for signalling.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    /// Media.
    pub udp: SocketAddr,
    /// STUN and TURN.
    pub stun: SocketAddr,
    /// Metrics.
    pub operator: SocketAddr,
}

/// Settings for our relay, standing alone, on loopback only. All microphones are sent, as the peer does.
///
/// # Errors
/// When the file cannot be written.
pub fn ours(program: PathBuf, folder: &Path, key: &ApiKey, core: usize) -> Result<(Spec, Ports)> {
    let config = folder.join("relay.toml");
    let (listen, tcp) = (free_tcp()?, free_tcp()?);
    let ports = Ports {
        udp: free_udp()?,
        stun: free_udp()?,
        operator: free_tcp()?,
    };
    let Ports { udp, stun, operator } = ports;
    let data = folder.join("relay-data");
    let text = format!(
        "listen = \"{listen}\"
data = \"{}\"
max_participants = 500
[media]
udp = \"{udp}\"
stun = \"{stun}\"
tcp = \"{tcp}\"
voices = 0
[operator]
listen = \"{operator}\"
[api_keys]
{} = \"{}\"
",
        data.display(),
        key.key,
        key.secret
    );
    std::fs::write(&config, text).context("relay.toml")?;
    let spec = Spec {
        name: "convoke".to_owned(),
        program,
        arguments: vec![
            "--config".to_owned(),
            config.display().to_string(),
            "--log".to_owned(),
            "info".to_owned(),
        ],
        listen,
        operator: Some(operator),
        core,
        log: folder.join("relay.log"),
    };
    Ok((spec, ports))
}

/// The same with so many media threads, where that is said, and its settings in a folder of its own.
///
/// # Errors
/// When the folder or the file cannot be written.
pub fn ours_with(program: PathBuf, folder: &Path, key: &ApiKey, core: usize, threads: Option<u32>) -> Result<Spec> {
    std::fs::create_dir_all(folder).context("a folder")?;
    let (mut spec, _) = ours(program, folder, key, core)?;
    if let Some(threads) = threads {
        spec.name = format!("{threads} threads");
        spec.arguments.extend(["--workers".to_owned(), threads.to_string()]);
    }
    Ok(spec)
}

/// Settings for LiveKit's server at its best (`batch_io`), on loopback only.
///
/// # Errors
/// When the file cannot be written.
pub fn livekit(program: PathBuf, folder: &Path, key: &ApiKey, core: usize) -> Result<Spec> {
    let config = folder.join("livekit.yaml");
    let (listen, tcp, udp) = (free_tcp()?, free_tcp()?, free_udp()?);
    let text = format!(
        "port: {}
bind_addresses: [\"127.0.0.1\"]
rtc:
  udp_port: {}
  tcp_port: {}
  node_ip: 127.0.0.1
  use_external_ip: false
  enable_loopback_candidate: true
  interfaces: {{ includes: [lo] }}
  # Without a line here clients are handed public STUN servers.
  stun_servers: [\"127.0.0.1:3478\"]
  batch_io: {{ batch_size: 128, max_flush_interval: 2ms }}
keys: {{ {}: {} }}
logging: {{ level: warn }}
",
        listen.port(),
        udp.port(),
        tcp.port(),
        key.key,
        key.secret
    );
    std::fs::write(&config, text).context("livekit.yaml")?;
    Ok(Spec {
        name: "livekit".to_owned(),
        program,
        arguments: vec!["--config".to_owned(), config.display().to_string()],
        listen,
        operator: None,
        core,
        log: folder.join("livekit.log"),
    })
}
