//! A company's own host name on one machine: proven by a real DNS server, certified by the machine's authority, served over
//! HTTPS beside the other names, after a restart too, and let go.

#[path = "../../functions/tests/doors/site/dns.rs"]
mod dns;

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dns::TestDns;
use serde_json::Value;

const OWN: &str = "meet.acme.example";
const COMPANY: &str = "demo.convoke.localhost";

/// The platform in a process of its own, as a user starts it.
struct Platform {
    process: Child,
    about: Value,
}

impl Platform {
    fn start(data: &Path, dns: SocketAddr) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_convoke"))
            .args(["run", "--json", "--port", "0", "--dns", &dns.to_string(), "--web"])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/web"))
            .arg("--data")
            .arg(data)
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

    /// What the platform answers to `GET /login` over HTTPS under a name, to somebody who trusts the machine's authority.
    async fn login(&self, data: &Path, name: &str) -> Result<u16, reqwest::Error> {
        let authority = std::fs::read(data.join("authority.pem")).expect("it is there");
        let https = url::Url::parse(self.about["https_url"].as_str().expect("a URL")).expect("a URL");
        let port = https.port().expect("a port");
        let client = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(&authority).expect("a certificate")])
            .resolve(name, SocketAddr::from(([127, 0, 0, 1], port)))
            .timeout(Duration::from_secs(10))
            .build()
            .expect("a client");
        let answer = client.get(format!("https://{name}:{port}/login")).send().await?;
        Ok(answer.status().as_u16())
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.process.kill().expect("killed");
        self.process.wait().expect("ended");
    }
}

/// `convoke domain`; its answer, or what it complained of.
fn domain(data: &Path, dns: SocketAddr, arguments: &[&str]) -> Result<Value, String> {
    let done = Command::new(env!("CARGO_BIN_EXE_convoke"))
        .arg("domain")
        .args(arguments)
        .args(["--dns", &dns.to_string(), "--data"])
        .arg(data)
        .output()
        .expect("it runs");
    match done.status.success() {
        true => Ok(serde_json::from_slice(&done.stdout).expect("JSON")),
        false => Err(String::from_utf8_lossy(&done.stderr).into_owned()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_of_its_own_is_proven_certified_served_and_let_go() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let (data, server) = (tempfile::tempdir().expect("a folder"), TestDns::start().await);
    let (data, dns) = (data.path(), server.address());
    let platform = Platform::start(data, dns);
    let busy = domain(data, dns, &["show", OWN]);
    assert!(
        busy.as_ref().is_err_and(|why| why.contains("another platform runs")),
        "{busy:?}"
    );
    drop(platform);

    let stranger = domain(data, dns, &["add", OWN, "--company", "nobody.convoke.localhost"]);
    assert!(
        stranger.as_ref().is_err_and(|why| why.contains("company")),
        "{stranger:?}"
    );
    let added = domain(data, dns, &["add", OWN, "--company", COMPANY]).expect("added");
    let record = added["domains"][0]["records"][0].clone();
    assert_eq!(
        (added["domains"][0]["state"].as_str(), record["type"].as_str()),
        (Some("unproven"), Some("TXT"))
    );
    assert_eq!(
        domain(data, dns, &["add", OWN, "--company", COMPANY]).expect("harmless"),
        added
    );

    let (name, value) = (
        record["name"].as_str().expect("a name"),
        record["value"].as_str().expect("a value"),
    );
    server.add(name, &[value]);
    let verified = domain(data, dns, &["verify", OWN]).expect("looked at");
    assert_eq!(verified["domains"][0]["state"], "serving", "{verified}");

    // Two starts: what the folder keeps is served again.
    for _ in 0..2 {
        let platform = Platform::start(data, dns);
        assert_eq!(platform.login(data, OWN).await.expect("a certificate that fits"), 200);
        assert_eq!(
            platform.login(data, COMPANY).await.expect("a certificate that fits"),
            200
        );
        let other = platform.login(data, "other.acme.example").await;
        assert!(other.is_err_and(|error| error.is_connect()), "nobody has certified it");
    }

    let removed = domain(data, dns, &["remove", OWN]).expect("removed");
    assert_eq!(removed["domains"], Value::Array(Vec::new()));
    assert_eq!(domain(data, dns, &["remove", OWN]).expect("harmless"), removed);
    let platform = Platform::start(data, dns);
    assert!(platform.login(data, OWN).await.is_err_and(|error| error.is_connect()));
    assert_eq!(platform.login(data, COMPANY).await.expect("the others stay"), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_running_platform_moves_a_name_on_by_itself() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let (data, server) = (tempfile::tempdir().expect("a folder"), TestDns::start().await);
    let (data, dns) = (data.path(), server.address());
    drop(Platform::start(data, dns));
    let added = domain(data, dns, &["add", OWN, "--company", COMPANY]).expect("added");
    let record = added["domains"][0]["records"][0].clone();
    server.add(
        record["name"].as_str().expect("a name"),
        &[record["value"].as_str().expect("a value")],
    );
    let platform = Platform::start(data, dns);
    let limit = Instant::now() + Duration::from_secs(100);
    while !platform.login(data, OWN).await.is_ok_and(|status| status == 200) {
        assert!(Instant::now() < limit, "it was not taken up");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
