//! The platform in a process of its own, as a user starts it, killed and started again.

#![allow(unreachable_pub)]

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tokio::sync::watch;

/// What the platform's table suffers while there is a storm, of 1,000 requests.
pub const FAULTS: &str = "throttle=20,conflict=30,lost_answer=20,lost_request=10";
/// A start may meet so many faults that it gives up; then another one follows.
const STARTS: usize = 10;

/// Where it runs, and how it is started.
#[derive(Debug, Clone)]
pub struct Place {
    /// Its data folder.
    pub data: PathBuf,
    /// An emulator of DynamoDB, where the table is not in the data folder.
    pub dynamodb: Option<String>,
}

impl Place {
    fn log(&self) -> PathBuf {
        self.data.join("log")
    }

    /// How many faults were injected in all starts so far.
    pub fn injected(&self) -> usize {
        let log = File::open(self.log()).expect("a log");
        let lines = BufReader::new(log).lines().map_while(Result::ok);
        lines
            .filter(|line| line.contains("injected fault=") || line.contains("injected\u{1b}"))
            .count()
    }
}

/// A running platform.
pub struct Platform {
    process: Child,
    /// What it says about itself.
    pub about: Value,
}

impl Platform {
    /// Starts it, with or without faults at its table.
    pub fn start(place: &Place, faults: bool) -> Self {
        for _ in 0..STARTS {
            if let Some(platform) = Self::try_start(place, faults) {
                return platform;
            }
        }
        let log = std::fs::read_to_string(place.log()).unwrap_or_default();
        panic!(
            "it does not start: {}",
            log.lines().rev().take(5).collect::<Vec<_>>().join("\n")
        );
    }

    fn try_start(place: &Place, faults: bool) -> Option<Self> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(place.log())
            .expect("a log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_convoke"));
        command
            .args([
                "run",
                "--json",
                "--port",
                "0",
                "--rates",
                "1000000",
                "--failures",
                "1000000",
            ])
            .arg("--web")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/web"))
            .arg("--data")
            .arg(&place.data)
            .env("RUST_LOG", "warn,store::fault=debug")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log);
        if let Some(url) = &place.dynamodb {
            command.args(["--dynamodb", url]);
        }
        if faults {
            command.args(["--faults", FAULTS]);
        }
        let mut process = command.spawn().expect("the platform starts");
        let stdout = process.stdout.take().expect("it was piped");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("its output reads");
        match serde_json::from_str(&line) {
            Ok(about) => Some(Self { process, about }),
            Err(_) => {
                process.wait().expect("ended");
                None
            }
        }
    }

    /// The process.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    fn text(&self, field: &str) -> String {
        self.about[field].as_str().expect("a text").to_owned()
    }

    /// Where its API is, and who is its first admin.
    pub fn address(&self) -> Address {
        let url = url::Url::parse(&self.text("admin_url")).expect("a URL");
        let port = url.port().expect("a port");
        Address {
            api: format!("http://127.0.0.1:{port}/enterprise_api"),
            host: format!("{}:{port}", url.host_str().expect("a host")),
            email: self.text("email"),
            password: self.text("password"),
        }
    }
}

impl Drop for Platform {
    /// `kill -9`.
    fn drop(&mut self) {
        self.process.kill().expect("killed");
        self.process.wait().expect("ended");
    }
}

/// Where the API is at the moment.
#[derive(Debug, Clone)]
pub struct Address {
    pub api: String,
    pub host: String,
    pub email: String,
    pub password: String,
}

/// Tells everybody where the platform is now.
pub type Where = watch::Receiver<Address>;
