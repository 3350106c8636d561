//! A subscriber behind a link of 300 kbit/s, real sockets and a real queue (`tc` TBF) between two network namespaces.
//! Needs root, and the commands `ip` and `tc`.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use relay::{Config, Relay};
use system_tests::load::client::{self, Options, Shared};
use system_tests::load::media::Media;
use system_tests::load::token::ApiKey;
use tokio::task::LocalSet;

/// Addresses of this side and of the subscriber's.
const HERE: [u8; 4] = [10, 86, 17, 1];
const THERE: &str = "10.86.17.2";

/// A namespace behind a cable whose way there is slow. It goes when dropped.
struct SlowHost(String);

impl SlowHost {
    fn new(rate: &str) -> Self {
        let host = Self(format!("convoke-{}", std::process::id()));
        let (name, here) = (&host.0, format!("cv{}", std::process::id()));
        for line in [
            format!("ip netns add {name}"),
            format!("ip link add {here} type veth peer name slow netns {name}"),
            format!("ip address add 10.86.17.1/24 dev {here}"),
            format!("ip link set {here} up"),
            format!("ip -n {name} address add {THERE}/24 dev slow"),
            format!("ip -n {name} link set slow up"),
            format!("tc qdisc add dev {here} root tbf rate {rate} burst 5kb latency 300ms"),
        ] {
            let mut words = line.split(' ');
            let program = words.next().expect("a command");
            let status = Command::new(program).args(words).status().expect(program);
            assert!(status.success(), "{line}: {status}; this test needs root");
        }
        host
    }

    /// The load generator over there, which prints what it gets each second.
    fn watch(&self, url: &str, token: &str, seconds: u64) -> Child {
        Command::new("ip")
            .args(["netns", "exec", &self.0, env!("CARGO_BIN_EXE_loadgen"), "watch"])
            .args(["--url", url, "--token", token, "--local", THERE])
            .args(["--seconds", &seconds.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the load generator")
    }
}

impl Drop for SlowHost {
    fn drop(&mut self) {
        // The cable goes with it.
        let _ = Command::new("ip").args(["netns", "delete", &self.0]).status();
    }
}

fn relay_config(folder: &std::path::Path, key: &ApiKey) -> Config {
    let path = folder.join("relay.toml");
    let text = format!(
        "listen = \"10.86.17.1:0\"\ndata = \"{}\"\n[media]\nudp = \"10.86.17.1:0\"\nstun = \"10.86.17.1:0\"\n[operator]\nlisten = \"127.0.0.1:0\"\n[api_keys]\n{} = \"{}\"\n",
        folder.display(),
        key.key,
        key.secret
    );
    fs::write(&path, text).expect("a file");
    Config::read(&path).expect("a configuration")
}

#[tokio::test(flavor = "current_thread")]
async fn a_subscriber_on_a_slow_link_has_the_low_layer_within_five_seconds() {
    let host = SlowHost::new("300kbit");
    let folder = tempfile::tempdir().expect("a folder");
    let key = ApiKey {
        key: "slowlink".to_owned(),
        secret: "slow-link-secret-slow-link-secret".to_owned(),
    };
    let relay = Relay::start(relay_config(folder.path(), &key)).await.expect("a relay");
    let url = format!("ws://{}", relay.http_addr());
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    let (leave, stop) = tokio::sync::watch::channel(false);
    let shared = Shared {
        media: Rc::new(Media::recorded()),
        tally: Rc::default(),
        connected: Rc::default(),
        stop,
    };
    let camera = Options {
        url: url.clone(),
        token: key.token("room", "camera", now),
        video: true,
        audio: false,
        subscribe: false,
        wanted: "f",
        phase: Duration::ZERO,
        local: (HERE, 0).into(),
    };
    let seconds = LocalSet::new()
        .run_until(async {
            let camera = tokio::task::spawn_local(client::run(camera, shared.clone()));
            while shared.tally.borrow().sent == 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let watcher = host.watch(&url, &key.token("room", "viewer", now), 20);
            let output = tokio::task::spawn_blocking(move || watcher.wait_with_output());
            let output = output.await.expect("no panic").expect("an exit");
            assert!(output.status.success(), "{}", output.status);
            leave.send(true).expect("the camera listens");
            camera.await.expect("no panic").expect("a clean leave");
            String::from_utf8(output.stdout).expect("text")
        })
        .await;
    relay.shutdown().await;
    let seconds: Vec<[u64; 3]> = seconds
        .lines()
        .map(|line| serde_json::from_str(line).expect("three numbers"))
        .collect();
    println!("packets of the layers, lowest first: {seconds:?}");
    let media = Media::recorded();
    let a_second = media.video[0].clip.packets() as u64 * 30 / 40;
    let low = |[low, ..]: &[u64; 3]| *low >= a_second * 8 / 10;
    let first = seconds.iter().position(low);
    assert!(first.is_some_and(|second| second < 5), "{seconds:?}");
    // And keeps it: looks at whether more would pass are not deceived by the queue's token bucket.
    let after = &seconds[5..];
    let kept = after
        .iter()
        .filter(|second| low(second) && second[1..] == [0, 0])
        .count();
    assert!(kept + 1 >= after.len(), "{seconds:?}");
}
