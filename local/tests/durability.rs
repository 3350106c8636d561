//! What the platform has answered survives `kill -9` at any moment, and a restart.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

/// The platform in a process of its own, as a user starts it.
struct Platform {
    process: Child,
    about: Value,
}

impl Platform {
    fn start(data: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_convoke"))
            .args(["run", "--json", "--port", "0", "--rates", "1000000", "--web"])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/web"))
            .arg("--data")
            .arg(data)
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the platform starts");
        let stdout = process.stdout.take().expect("it was piped");
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("it says where it is");
        Self {
            process,
            about: serde_json::from_str(&line).expect("one line of JSON"),
        }
    }

    fn text(&self, field: &str) -> &str {
        self.about[field].as_str().expect("a text")
    }
}

impl Drop for Platform {
    /// `kill -9`.
    fn drop(&mut self) {
        self.process.kill().expect("killed");
        self.process.wait().expect("ended");
    }
}

/// A partner's server.
#[derive(Clone)]
struct Partner {
    client: reqwest::Client,
    url: String,
    host: String,
    token: String,
}

impl Partner {
    async fn sign_in(platform: &Platform) -> Self {
        let url = url::Url::parse(platform.text("admin_url")).expect("a URL");
        let port = url.port().expect("a port");
        let mut partner = Self {
            client: reqwest::Client::builder()
                .timeout(Duration::from_secs(20))
                .build()
                .expect("a client"),
            url: format!("http://127.0.0.1:{port}/enterprise_api"),
            host: format!("{}:{port}", url.host_str().expect("a host")),
            token: String::new(),
        };
        let credentials = json!({"email": platform.text("email"), "password": platform.text("password")});
        let answer = partner.call("authenticate", credentials).await.expect("signed in");
        answer["auth_token"]
            .as_str()
            .expect("a token")
            .clone_into(&mut partner.token);
        partner
    }

    /// `None` when no answer came: the platform may or may not have done it.
    async fn call(&self, method: &str, mut body: Value) -> Option<Value> {
        body["auth_token"] = self.token.clone().into();
        let request = self
            .client
            .post(format!("{}/{method}", self.url))
            .header("host", &self.host)
            .json(&body);
        let response = request.send().await.ok()?;
        let status = response.status();
        let text = response.text().await.ok()?;
        assert_eq!(status, 200, "{method}: {text}");
        serde_json::from_str(&text).ok()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_survives_kill_9() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let data = tempfile::tempdir().expect("a folder");
    let mut meetings: Vec<Value> = Vec::new();
    let mut host = Value::Null;
    for round in 0..4_u64 {
        let platform = Platform::start(data.path());
        let partner = Partner::sign_in(&platform).await;
        if host.is_null() {
            let company = partner
                .call("company/create", json!({"subdomain": "kept", "name": "Kept"}))
                .await;
            let company = company.expect("made")["id"].clone();
            let fields =
                json!({"company_id": company, "name": "Host", "email": "host@kept.test", "no_welcome_email": true});
            host = partner.call("host/create", fields).await.expect("made")["host_id"].clone();
        }
        for meeting in &meetings {
            let id = json!({"conference_id": meeting["conference_id"]});
            let found = partner.call("conference/fetch", id).await.expect("an answer");
            assert_eq!(found["subject"], meeting["subject"]);
            assert_eq!(found["one_time_access_code"], meeting["one_time_access_code"]);
        }

        let (created, mut creations) = tokio::sync::mpsc::unbounded_channel();
        let makers: Vec<_> = (0..4)
            .map(|maker| {
                let (partner, host, created) = (partner.clone(), host.clone(), created.clone());
                tokio::spawn(async move {
                    let mut answered = Vec::new();
                    for number in 0.. {
                        let fields = json!({"host_id": host, "subject": format!("{round}/{maker}/{number}"), "one_time_access_code": true});
                        let Some(meeting) = partner.call("conference/create/reservationless", fields).await else { break };
                        answered.push(meeting);
                        created.send(()).expect("counted until the end");
                    }
                    answered
                })
            })
            .collect();
        // Killed in the middle of the loop, at another point of it each round.
        let enough = 10 + 7 * round;
        for number in 0..enough {
            let next = tokio::time::timeout(Duration::from_secs(30), creations.recv()).await;
            assert!(next.is_ok(), "only {number} made");
        }
        drop(platform);
        for maker in makers {
            meetings.extend(maker.await.expect("a maker"));
        }
    }
    assert!(meetings.len() >= 40, "{}", meetings.len());
    let mut codes: Vec<_> = meetings
        .iter()
        .map(|meeting| meeting["one_time_access_code"].as_u64())
        .collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), meetings.len(), "a code was given out twice");
}
