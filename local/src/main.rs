//! `convoke`: the whole platform in one process.

mod data;
mod deliveries;
mod edge;
mod inbox;
mod options;
mod own_domains;
mod platform;
mod table;
mod tls;

use anyhow::Context as _;
use clap::Parser as _;
use options::{Command, Options};
use platform::Platform;
use tracing_subscriber::EnvFilter;

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let filter = EnvFilter::try_from_default_env()
        // What a client's first handshake message offers beyond our version is no news.
        .unwrap_or_else(|_| EnvFilter::new("warn,rtc_dtls=error"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        anyhow::bail!("another TLS provider is installed");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(start(options))
}

async fn start(options: Options) -> anyhow::Result<()> {
    match options.command {
        Command::Run(run) => {
            let json = run.json;
            let platform = Platform::start(run).await?;
            let about = platform.about();
            if json {
                println!("{}", about.json())
            } else {
                println!("{}", about.welcome())
            }
            platform.run_until(interrupted()).await
        }
        Command::Domain(domain) => {
            let shown = platform::domain(&domain).await?;
            println!("{}", serde_json::to_string_pretty(&shown)?);
            Ok(())
        }
        Command::Init(init) => {
            let asked = std::fs::read(&init.file).with_context(|| format!("cannot read {}", init.file.display()))?;
            let asked =
                serde_json::from_slice(&asked).with_context(|| format!("{} does not read", init.file.display()))?;
            let made = platform::init(&init.data, &asked).await?;
            println!("{}", serde_json::to_string_pretty(&made)?);
            Ok(())
        }
    }
}

/// Ctrl-C, or what a supervisor sends.
async fn interrupted() {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .expect("a signal handler can be installed");
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
