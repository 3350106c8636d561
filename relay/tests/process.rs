//! The relay as a process: how it ends.

mod common;

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use common::{Client, KEY, LIMIT, SECRET, token};
use livekit_protocol::{LeaveRequest, signal_request};

/// A relay that runs until its guard goes.
struct Process {
    child: Child,
    http: String,
    operator: String,
    /// Its log, line by line.
    log: mpsc::Receiver<String>,
}

impl Process {
    fn start(folder: &std::path::Path, drain_seconds: u32) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        // With few descriptors, as a service manager gives them.
        let mut child = Command::new("sh")
            .args([
                "-c",
                "ulimit -S -n 256 && exec \"$0\" \"$@\"",
                env!("CARGO_BIN_EXE_relay"),
            ])
            .args([
                "--listen",
                "127.0.0.1:0",
                "--udp",
                "127.0.0.1:0",
                "--stun",
                "127.0.0.1:0",
            ])
            .args([
                "--operator",
                "127.0.0.1:0",
                "--drain-seconds",
                &drain_seconds.to_string(),
            ])
            .arg("--data")
            .arg(folder)
            .env("CONVOKE_RELAY_API_KEY", format!("{KEY}:{SECRET}"))
            .env("NO_COLOR", "1")
            .stderr(Stdio::piped())
            .spawn()
            .expect("a relay");
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        let (sender, log) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let mut process = Self {
            child,
            http: String::new(),
            operator: String::new(),
            log,
        };
        let line = process.until("relay started");
        let field = |name: &str| {
            let (_, rest) = line.split_once(&format!(" {name}=")).expect("a field");
            rest.split_whitespace().next().expect("a value").to_owned()
        };
        (process.http, process.operator) = (field("http"), field("operator"));
        process
    }

    /// The next line of the log with these words.
    fn until(&mut self, words: &str) -> String {
        let end = Instant::now() + LIMIT;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = self
                .log
                .recv_timeout(left)
                .unwrap_or_else(|_| panic!("no {words:?} in the log"));
            if line.contains(words) {
                return line;
            }
        }
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// Waits for its end.
    async fn ended(&mut self) -> bool {
        let ended = async {
            loop {
                if let Some(status) = self.child.try_wait().expect("a child") {
                    return status.success();
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(LIMIT, ended).await.expect("it ends in time")
    }

    async fn client(&self, identity: &str) -> Client {
        let url = format!(
            "ws://{}/rtc?access_token={}&protocol=17",
            self.http,
            token(identity, "r")
        );
        let (socket, _) = tokio_tungstenite::connect_async(url).await.expect("let in");
        let mut client = Client { socket };
        client.joined().await;
        client
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A service manager gives few, and every participant needs some.
#[tokio::test]
async fn it_takes_all_the_descriptors_that_it_may_have() {
    let folder = tempfile::tempdir().expect("a folder");
    let process = Process::start(folder.path(), 0);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", process.child.id())).expect("Linux");
    let line = limits.lines().find(|line| line.starts_with("Max open files"));
    let mut fields = line.expect("a line").split_whitespace().skip(3);
    let (soft, hard) = (fields.next(), fields.next());
    assert!(soft == hard && soft != Some("256"), "{line:?}");
}

#[tokio::test]
async fn it_ends_by_itself_once_the_last_meeting_is_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut process = Process::start(folder.path(), 600);
    let mut ann = process.client("ann").await;
    process.signal("-TERM");
    process.until("draining");
    let health = reqwest::get(format!("http://{}/healthz", process.operator))
        .await
        .expect("it goes on");
    assert!(health.text().await.expect("text").contains("\"draining\""));
    assert!(process.child.try_wait().expect("a child").is_none());
    ann.send(signal_request::Message::Leave(LeaveRequest::default())).await;
    assert!(process.ended().await);
    process.until("relay stopped");
}

#[tokio::test]
async fn it_waits_no_longer_than_it_was_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut process = Process::start(folder.path(), 1);
    let mut ann = process.client("ann").await;
    process.signal("-TERM");
    process.until("somebody is still here");
    // Whoever is still here is told to go on elsewhere.
    ann.until(|message| match message {
        livekit_protocol::signal_response::Message::Leave(leave) => leave.can_reconnect.then_some(()),
        _ => None,
    })
    .await;
    assert!(process.ended().await);
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut process = Process::start(folder.path(), 600);
    let _ann = process.client("ann").await;
    process.signal("-TERM");
    process.until("draining");
    process.signal("-TERM");
    assert!(process.ended().await);
}

#[tokio::test]
async fn everybody_is_told_to_go_on_elsewhere_before_it_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut process = Process::start(folder.path(), 600);
    let mut clients = Vec::new();
    for number in 0..150 {
        clients.push(process.client(&format!("guest-{number}")).await);
    }
    process.signal("-INT");
    // They hear it together, as they would; what is sent while nobody reads would wait in the kernel.
    assert!(process.ended().await);
    for client in &mut clients {
        client
            .until(|message| match message {
                livekit_protocol::signal_response::Message::Leave(leave) => leave.can_reconnect.then_some(()),
                _ => None,
            })
            .await;
    }
}
