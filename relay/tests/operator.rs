//! The operator's door: metrics, health, drain and the pages of rooms, over real HTTP.

mod common;

use std::collections::HashMap;

use common::{Client, refusal, standalone, token};
use livekit_protocol::{
    AddTrackRequest, LeaveRequest, TrackSource, TrackType, signal_request, signal_response::Message,
};
use relay::Relay;

async fn get(address: std::net::SocketAddr, path: &str) -> (u16, String) {
    let response = reqwest::get(format!("http://{address}{path}"))
        .await
        .expect("an answer");
    (response.status().as_u16(), response.text().await.expect("text"))
}

async fn look(relay: &Relay, path: &str) -> (u16, String) {
    get(relay.operator_addr(), path).await
}

/// Every series and its value.
async fn metrics(relay: &Relay) -> HashMap<String, f64> {
    let (status, text) = look(relay, "/metrics").await;
    assert_eq!(status, 200, "{text}");
    let series = |line: &str| {
        let (name, value) = line.rsplit_once(' ')?;
        Some((name.strip_prefix("convoke_relay_")?.to_owned(), value.parse().ok()?))
    };
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(series)
        .collect()
}

async fn leave(mut client: Client) {
    client
        .send(signal_request::Message::Leave(LeaveRequest::default()))
        .await;
    client
        .until(|message| matches!(message, Message::Leave(_)).then_some(()))
        .await;
}

#[tokio::test]
async fn metrics_follow_what_happens_and_are_not_public() {
    let (relay, _folder) = standalone().await;
    assert_eq!(get(relay.http_addr(), "/metrics").await.0, 404);
    assert_eq!(get(relay.http_addr(), "/rooms").await.0, 404);
    let before = metrics(&relay).await;
    assert_eq!(before["rooms"], 0.0);
    assert_eq!(before["joins_total{kind=\"new\"}"], 0.0);

    let mut ann = Client::single(&relay, &token("ann", "r")).await.expect("let in");
    ann.joined().await;
    let mut ben = Client::dual(&relay, &token("ben", "r")).await.expect("let in");
    ben.joined().await;
    let _ = Client::single(&relay, "no.token.atall").await.err().expect("refused");
    let during = metrics(&relay).await;
    assert_eq!(during["rooms"], 1.0);
    assert_eq!(during["participants{quality=\"connecting\"}"], 2.0);
    assert_eq!(during["joins_total{kind=\"new\"}"], 2.0);
    assert_eq!(during["refused_total{reason=\"token\"}"], 1.0);

    leave(ben).await;
    let mut again = Client::single(&relay, &token("ann", "r")).await.expect("let in");
    again.joined().await;
    let after = metrics(&relay).await;
    assert_eq!(after["leaves_total{reason=\"left\"}"], 1.0);
    assert_eq!(after["leaves_total{reason=\"duplicate\"}"], 1.0);
    assert_eq!(after["joins_total{kind=\"anew\"}"], 1.0);
    assert_eq!(after["participants{quality=\"connecting\"}"], 1.0);
}

#[tokio::test]
async fn garbage_is_counted_by_its_kind() {
    let (relay, _folder) = standalone().await;
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
    for bytes in [
        &[0xff; 40][..],
        &[0, 1, 2, 3],
        &[0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 9, 9],
    ] {
        for _ in 0..10 {
            socket.send_to(bytes, relay.udp_addr()).expect("sent");
        }
    }
    let counted = |seen: &HashMap<String, f64>| {
        let of = |reason: &str| seen[&format!("received_dropped_total{{reason=\"{reason}\"}}")];
        (of("garbage"), of("stranger"))
    };
    let all = async {
        while counted(&metrics(&relay).await) != (20.0, 10.0) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(common::LIMIT, all).await.expect("counted in time");
}

#[tokio::test]
async fn a_room_can_be_looked_into_without_its_secrets() {
    let (relay, _folder) = standalone().await;
    let secret = token("ann<b>", "corner/shop");
    let mut ann = Client::single(&relay, &secret).await.expect("let in");
    let sid = ann.joined().await.participant.expect("itself").sid;
    let camera = AddTrackRequest {
        cid: "camera".into(),
        r#type: TrackType::Video.into(),
        source: TrackSource::Camera.into(),
        ..AddTrackRequest::default()
    };
    ann.send(signal_request::Message::AddTrack(camera)).await;
    let track = ann
        .until(|message| match message {
            Message::TrackPublished(published) => published.track,
            _ => None,
        })
        .await;
    let (status, list) = look(&relay, "/rooms").await;
    assert_eq!(status, 200);
    assert!(list.contains("href=\"/rooms/corner/shop\""), "{list}");
    let (status, page) = look(&relay, "/rooms/corner/shop").await;
    assert_eq!(status, 200);
    for told in [sid.as_str(), track.sid.as_str(), "ann&lt;b&gt;", "CAMERA", "connecting"] {
        assert!(page.contains(told), "{told} in {page}");
    }
    assert!(!page.contains(&secret) && !page.contains("127.0.0.1"), "{page}");
    assert_eq!(look(&relay, "/rooms/elsewhere").await.0, 404);
}

#[tokio::test]
async fn a_relay_that_drains_keeps_its_meetings_and_takes_no_others() {
    let (relay, _folder) = standalone().await;
    let mut ann = Client::single(&relay, &token("ann", "running")).await.expect("let in");
    ann.joined().await;
    assert_eq!(get(relay.http_addr(), "/").await, (200, "OK".into()));

    let http = reqwest::Client::new();
    let door = format!("http://{}/drain", relay.operator_addr());
    let by_a_page = http
        .post(&door)
        .header("origin", "https://evil.example")
        .send()
        .await
        .expect("an answer");
    assert_eq!(by_a_page.status(), 403);
    assert_eq!(get(relay.http_addr(), "/").await.0, 200);
    for _ in 0..2 {
        let answer = http.post(&door).send().await.expect("an answer");
        assert_eq!(answer.status(), 202);
        let answer: serde_json::Value = answer.json().await.expect("JSON");
        assert_eq!(
            answer,
            serde_json::json!({"draining": true, "rooms": 1, "participants": 1})
        );
    }

    assert_eq!(get(relay.http_addr(), "/").await, (503, "draining".into()));
    let (status, health) = look(&relay, "/healthz").await;
    assert!(status == 200 && health.contains("\"draining\""), "{health}");
    assert_eq!(metrics(&relay).await["draining"], 1.0);
    let refused = Client::single(&relay, &token("eve", "another"))
        .await
        .err()
        .expect("refused");
    assert_eq!(refusal(&refused), (503, "unavailable".into()));
    // Who belongs to a meeting that runs here has nowhere else to go.
    let mut late = Client::single(&relay, &token("ben", "running")).await.expect("let in");
    assert_eq!(late.joined().await.other_participants.len(), 1);
    leave(late).await;
    leave(ann).await;
    relay.emptied(common::LIMIT).await;
    let (_, health) = look(&relay, "/healthz").await;
    assert!(health.contains("\"participants\":0"), "{health}");
    relay.shutdown().await;
}
