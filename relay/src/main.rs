//! A relay of its own process: configuration from a file, the environment and flags, then until a signal.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use anyhow::Context as _;
use clap::Parser;
use relay::{Config, Relay, config::ControlPlane, secret::Secret};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// The same in every build: glibc's keeps of each busier moment what was freed (docs/benchmarks.md, "A soak of the relay"), and
/// the image's would be musl's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A media relay of Convoke. Each option wins over the configuration file.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// Configuration file; `relay.example.toml` explains each key.
    #[arg(long, env = "CONVOKE_RELAY_CONFIG")]
    config: Option<PathBuf>,
    /// Name of this relay.
    #[arg(long, env = "CONVOKE_RELAY_NAME")]
    name: Option<domain::id::RelayId>,
    /// Where it is.
    #[arg(long, env = "CONVOKE_RELAY_REGION")]
    region: Option<String>,
    /// Address of the HTTP and WebSocket port.
    #[arg(long, env = "CONVOKE_RELAY_LISTEN")]
    listen: Option<SocketAddr>,
    /// Base of the public address.
    #[arg(long, env = "CONVOKE_RELAY_URL")]
    url: Option<String>,
    /// Address of the UDP port for media.
    #[arg(long, env = "CONVOKE_RELAY_UDP")]
    udp: Option<SocketAddr>,
    /// Address of the UDP port for STUN and TURN; another one than `--udp`.
    #[arg(long, env = "CONVOKE_RELAY_STUN")]
    stun: Option<SocketAddr>,
    /// Address of the TCP port for ICE-TCP and TURN.
    #[arg(long, env = "CONVOKE_RELAY_TCP")]
    tcp: Option<SocketAddr>,
    /// Addresses at which clients reach these ports, separated by commas.
    #[arg(long, env = "CONVOKE_RELAY_ADDRESSES", value_delimiter = ',')]
    addresses: Vec<IpAddr>,
    /// Media threads.
    #[arg(long, env = "CONVOKE_RELAY_WORKERS")]
    workers: Option<usize>,
    /// Address of the operator's port.
    #[arg(long, env = "CONVOKE_RELAY_OPERATOR")]
    operator: Option<SocketAddr>,
    /// Seconds that running meetings are waited for once the relay was told to end.
    #[arg(long, env = "CONVOKE_RELAY_DRAIN_SECONDS")]
    drain_seconds: Option<u32>,
    /// Folder in which the relay keeps its key.
    #[arg(long, env = "CONVOKE_RELAY_DATA")]
    data: Option<PathBuf>,
    /// Base of the control plane's address.
    #[arg(long, env = "CONVOKE_RELAY_CONTROL")]
    control: Option<String>,
    /// A classic API key, `name:secret`; replaces those of the file.
    #[arg(long, env = "CONVOKE_RELAY_API_KEY", hide_env_values = true, value_parser = api_key)]
    api_key: Option<(String, Secret<String>)>,
    /// What is logged, such as `info` or `relay=debug`.
    #[arg(long, env = "CONVOKE_RELAY_LOG", default_value = "info")]
    log: String,
    /// Log as JSON lines.
    #[arg(long, env = "CONVOKE_RELAY_LOG_JSON")]
    log_json: bool,
    /// Print the relay's public key (JWK), for the operator to register, and end.
    #[arg(long)]
    print_key: bool,
}

fn api_key(text: &str) -> Result<(String, Secret<String>), &'static str> {
    let (name, secret) = text.split_once(':').ok_or("is not name:secret")?;
    Ok((name.to_owned(), Secret(secret.to_owned())))
}

impl Options {
    fn into_config(self) -> anyhow::Result<Config> {
        let mut config = match &self.config {
            Some(path) => Config::read(path)?,
            None => Config::default(),
        };
        if let Some(name) = self.name {
            config.name = name;
        }
        if let Some(region) = self.region {
            config.region = region;
        }
        if let Some(listen) = self.listen {
            config.listen = listen;
        }
        if self.url.is_some() {
            config.url = self.url;
        }
        if let Some(udp) = self.udp {
            config.media.udp = udp;
        }
        if let Some(stun) = self.stun {
            config.media.stun = stun;
        }
        if let Some(tcp) = self.tcp {
            config.media.tcp = tcp;
        }
        if !self.addresses.is_empty() {
            config.media.addresses = self.addresses;
        }
        if let Some(workers) = self.workers {
            config.media.workers = workers;
        }
        if let Some(operator) = self.operator {
            config.operator.listen = operator;
        }
        if let Some(seconds) = self.drain_seconds {
            config.operator.drain_seconds = seconds;
        }
        if let Some(data) = self.data {
            config.data = data;
        }
        if let Some(url) = self.control {
            let keys = config.control.map(|control| control.keys).unwrap_or_default();
            config.control = Some(ControlPlane { url, keys });
        }
        if let Some((name, secret)) = self.api_key {
            config.api_keys = BTreeMap::from([(name, secret)]);
        }
        Ok(config)
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    // The DTLS library warns of every extension that it does not know, and browsers send many. That of SCTP warns of packets that it
    // cannot read, and calls it an error when a client ends an association: both are for the client to make, as often as it likes.
    let filter = EnvFilter::try_new(&options.log).context("--log")?;
    let filter = filter
        .add_directive("rtc_dtls=error".parse().context("--log")?)
        .add_directive("rtc_sctp=off".parse().context("--log")?);
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if options.log_json {
        log.json().init();
    } else {
        log.init();
    }
    let _ = rustls::crypto::ring::default_provider().install_default();
    let print_key = options.print_key;
    let config = options.into_config()?;
    if print_key {
        let key = relay::public_key(&config)?;
        println!("{}", serde_json::to_string(&key)?);
        return Ok(());
    }
    let patience = Duration::from_secs(config.operator.drain_seconds.into());
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    relay::raise_descriptors(&config);
    let relay = Relay::start(config).await?;
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {
            // Running meetings go on until they are over, the time is, or somebody insists.
            relay.drain();
            tokio::select! {
                () = relay.emptied(patience) => {}
                _ = interrupted.recv() => {}
                _ = terminated.recv() => {}
            }
        }
    }
    relay.shutdown().await;
    Ok(())
}
