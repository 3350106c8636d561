//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use domain::code::Fqdn;
use domain::own_domain::OwnName;
use store::fault::Rates;

/// The whole platform in one process: API, pages, relay and table.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Starts everything, with a demo account, until Ctrl-C.
    Run(Run),
    /// Adds, shows, verifies or removes a host name of a company's own, in a data folder that no running platform uses.
    Domain(Domain),
    /// Makes a reseller with its domain, first company and admin in a data folder that no running platform uses.
    Init(Init),
}

/// What `run` takes.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Port of API and pages. HTTPS, the relay (TCP and UDP) and STUN are at the three ports after it. 0: any free ports.
    #[arg(long, default_value_t = 8080)]
    pub(crate) port: u16,
    /// Where everything is kept that must survive a restart.
    #[arg(long, default_value = "data")]
    pub(crate) data: PathBuf,
    /// The built web client.
    #[arg(long, default_value = "web/dist")]
    pub(crate) web: PathBuf,
    /// Look for proofs of companies' own host names at this DNS server, instead of the system's.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) dns: Option<SocketAddr>,
    /// Print one line of JSON instead of a welcome.
    #[arg(long)]
    pub(crate) json: bool,
    /// How many requests a session, a company and one object are let have in a minute, instead of the contract's rates.
    #[arg(long)]
    pub(crate) rates: Option<u32>,
    /// How many failures (passwords, tokens, PINs, codes) are let happen in 15 minutes, instead of the contract's.
    #[arg(long)]
    pub(crate) failures: Option<u32>,
    #[command(flatten)]
    pub(crate) table: TableOptions,
}

/// Which table.
#[derive(Debug, Default, Args)]
pub(crate) struct TableOptions {
    /// An emulator of DynamoDB to keep the table in, such as http://127.0.0.1:8000, instead of the data folder.
    #[arg(long, value_name = "URL")]
    pub(crate) dynamodb: Option<String>,
    /// For tests: how many of 1,000 requests to the table fail, as throttle=30,conflict=30,lost_answer=20,lost_request=20.
    #[arg(long, value_name = "RATES")]
    pub(crate) faults: Option<Rates>,
}

/// What `domain` takes.
#[derive(Debug, Args)]
pub(crate) struct Domain {
    /// What to do: `add` claims the name and tells the record that proves it, `verify` looks at once whether it can go on.
    #[arg(value_enum)]
    pub(crate) action: Action,
    /// The name, such as meet.acme.example; `show` without one shows all of the company.
    pub(crate) name: Option<OwnName>,
    /// Whose it is, by a host name of the company: for `add`, and for `show` without a name.
    #[arg(long)]
    pub(crate) company: Option<Fqdn>,
    /// The data folder.
    #[arg(long, default_value = "data")]
    pub(crate) data: PathBuf,
    /// Look for proofs at this DNS server, instead of the system's.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) dns: Option<SocketAddr>,
}

/// What is done with a name.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Action {
    Add,
    Show,
    Verify,
    Remove,
}

/// What `init` takes.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The data folder.
    #[arg(long, default_value = "data")]
    pub(crate) data: PathBuf,
    /// JSON with `reseller`, `company`, `admin` and `relays`.
    pub(crate) file: PathBuf,
}
