//! How a meeting's connections do reaches the control plane: real sound to a whole relay, and a request of its own from there.

mod common;
mod control_plane_kit;
mod transport_kit;

use std::time::{Duration, Instant};

use control_plane_kit::{now, room, started};
use domain::{quality::Grade, room::RoomRole};
use rtc::peer_connection::state::RTCPeerConnectionState;
use transport_kit::{Client, LIMIT, SOUND};

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_is_reported_with_how_its_connection_did() {
    let (relay, plane, _folder) = started().await;
    let token = plane.token(2, RoomRole::Guest);
    let mut client = Client::new(relay.udp_addr(), SOUND);
    let http = reqwest::Client::new();
    let base = format!("http://{}", relay.http_addr());
    let answer = http
        .post(format!("{base}/whip"))
        .bearer_auth(&token)
        .header("content-type", "application/sdp")
        .body(client.offer())
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 201);
    let location = answer.headers()["location"].to_str().expect("text").to_owned();
    client.accept_answer(&answer.text().await.expect("text"));
    let limit = Instant::now() + LIMIT;
    while client.state != RTCPeerConnectionState::Connected {
        assert!(Instant::now() < limit, "not connected");
        client.turn();
    }
    // Twice as long as it takes until the shards tell how it was.
    let end = Instant::now() + Duration::from_secs(10);
    let mut next = Instant::now();
    while Instant::now() < end {
        if Instant::now() >= next {
            client.send_sound(&[7; 80]);
            next += Duration::from_millis(20);
        }
        client.turn();
    }
    assert!(
        plane.heard.lock().expect("unpoisoned").quality.is_empty(),
        "no minute is over"
    );
    let gone = http.delete(format!("{base}{location}")).bearer_auth(&token).send();
    assert_eq!(gone.await.expect("an answer").status(), 200);
    // It waits for others, and for the relay's end no longer.
    relay.shutdown().await;
    let heard = plane.heard.lock().expect("unpoisoned");
    let [report] = &heard.quality[..] else {
        panic!("one: {:?}", heard.quality);
    };
    let [span] = &report.spans[..] else {
        panic!("one: {report:?}");
    };
    assert_eq!((span.room, span.participant.value()), (room(), 2));
    assert!(
        span.quality.is_possible() && span.quality.duration_ms >= 5_000,
        "{span:?}"
    );
    assert_ne!(span.quality.grade, Grade::Lost, "{span:?}");
    assert!(now() * 1_000 - span.at < 60_000, "{span:?}");
    assert_eq!(heard.events.len(), 2, "it came and went");
}
