//! An encoder publishes by WHIP, a player watches by WHEP; both are one HTTP request, and participants like others.

mod common;
mod transport_kit;

use std::time::Instant;

use common::{LIMIT, standalone, token, token_with};
use livekit_protocol::{ParticipantInfo, TrackSource, participant_info::State, signal_response::Message};
use relay::Relay;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use rtc::{
    peer_connection::state::RTCPeerConnectionState,
    rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit, rtp_sender::RtpCodecKind},
};
use serde_json::json;
use transport_kit::{Client, ClientOptions, SOUND};

const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";
const OFFER: &str = common::OFFER;
/// Sound and pictures.
const BOTH: &str = include_str!("../core/src/sdp/fixtures/chromium-publisher-camera.sdp");

fn request(relay: &Relay, method: Method, path: &str, token: &str) -> RequestBuilder {
    let url = format!("http://{}{path}", relay.http_addr());
    reqwest::Client::new().request(method, url).bearer_auth(token)
}

async fn post(relay: &Relay, path: &str, token: &str, offer: String) -> Response {
    let request = request(relay, Method::POST, path, token).header("content-type", SDP);
    request.body(offer).send().await.expect("an answer")
}

fn header(response: &Response, name: &str) -> String {
    let value = response
        .headers()
        .get(name)
        .unwrap_or_else(|| panic!("{name} is there"));
    value.to_str().expect("text").to_owned()
}

/// A client and its session.
struct Peer {
    client: Client,
    location: String,
    etag: String,
    answer: String,
}

async fn begin(relay: &Relay, path: &str, token: &str, mut client: Client) -> Peer {
    let response = post(relay, path, token, client.offer()).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    assert_eq!(header(&response, "content-type"), SDP);
    let (location, etag) = (header(&response, "location"), header(&response, "etag"));
    let answer = response.text().await.expect("text");
    client.accept_answer(&answer);
    Peer {
        client,
        location,
        etag,
        answer,
    }
}

async fn publish(relay: &Relay, token: &str) -> Peer {
    begin(relay, "/whip", token, Client::new(relay.udp_addr(), SOUND)).await
}

async fn watch(relay: &Relay, path: &str, token: &str) -> Peer {
    let mut client = Client::new(relay.udp_addr(), ClientOptions::default());
    let init = RTCRtpTransceiverInit {
        direction: RTCRtpTransceiverDirection::Recvonly,
        streams: Vec::new(),
        send_encodings: Vec::new(),
    };
    client
        .pc
        .add_transceiver_from_kind(RtpCodecKind::Audio, Some(init))
        .expect("a transceiver");
    begin(relay, path, token, client).await
}

/// Runs clients until something holds.
fn until(what: &str, clients: &mut [&mut Client], mut holds: impl FnMut(&mut [&mut Client]) -> bool) {
    let end = Instant::now() + LIMIT;
    while !holds(clients) {
        assert!(Instant::now() < end, "not in time: {what}");
        for client in clients.iter_mut() {
            client.turn();
        }
    }
}

fn connect(peers: &mut [&mut Peer]) {
    let mut clients: Vec<&mut Client> = peers.iter_mut().map(|peer| &mut peer.client).collect();
    until("connected", &mut clients, |clients| {
        let connected = |client: &&mut Client| client.state == RTCPeerConnectionState::Connected;
        clients.iter().all(connected)
    });
}

/// The first sends until the second has got as many packets more.
fn hears(publisher: &mut Peer, watcher: &mut Peer, more: usize) {
    let wanted = watcher.client.packets.len() + more;
    until("heard", &mut [&mut publisher.client, &mut watcher.client], |clients| {
        clients[0].send_sound(&[7; 80]);
        clients[1].packets.len() >= wanted
    });
}

/// What somebody in the room is told of an identity until it is so.
async fn told(client: &mut common::Client, identity: &str, is_so: impl Fn(&ParticipantInfo) -> bool) {
    let seen = |message| match message {
        Message::Update(update) => update
            .participants
            .into_iter()
            .find(|one| one.identity == identity && is_so(one)),
        _ => None,
    };
    client.until(seen).await;
}

/// Changes by the server API what somebody in room `r` may do.
async fn permit(relay: &Relay, identity: &str, permission: serde_json::Value) {
    let admin = token_with("server", json!({"room": "r", "roomAdmin": true}));
    let body = json!({"room": "r", "identity": identity, "permission": permission});
    let path = "/twirp/livekit.RoomService/UpdateParticipant";
    let answer = request(relay, Method::POST, path, &admin).json(&body).send().await;
    assert_eq!(answer.expect("an answer").status(), StatusCode::OK);
}

fn no_room(identity: &str, grant: &str) -> String {
    token_with(identity, json!({"room": "r", "roomJoin": true, grant: false}))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_by_whip_is_seen_in_the_room_and_watched_by_whep() {
    let (relay, _folder) = standalone().await;
    let mut guest = common::Client::single(&relay, &token("guest", "r"))
        .await
        .expect("let in");
    guest.joined().await;
    let mut publisher = publish(&relay, &token("encoder", "r")).await;
    assert!(publisher.location.starts_with("/whip/") && publisher.answer.contains("a=recvonly"));
    told(&mut guest, "encoder", |one| {
        one.tracks
            .iter()
            .any(|track| track.source() == TrackSource::Microphone && track.mime_type == "audio/opus")
    })
    .await;
    let mut watcher = watch(&relay, "/whep", &token("player", "r")).await;
    assert!(watcher.location.starts_with("/whep/") && watcher.answer.contains("a=sendonly"));
    connect(&mut [&mut publisher, &mut watcher]);
    hears(&mut publisher, &mut watcher, 50);
    assert!(
        watcher
            .client
            .packets
            .iter()
            .all(|packet| packet.payload[..] == [7; 80])
    );

    // The encoder ends, and with it what is watched.
    let end = |peer: &Peer, identity| request(&relay, Method::DELETE, &peer.location, &token(identity, "r")).send();
    assert_eq!(
        end(&publisher, "encoder").await.expect("an answer").status(),
        StatusCode::OK
    );
    for identity in ["encoder", "player"] {
        told(&mut guest, identity, |one| one.state() == State::Disconnected).await;
    }
    for (peer, identity) in [(&publisher, "encoder"), (&watcher, "player")] {
        let gone = async || end(peer, identity).await.expect("an answer").status() == StatusCode::NOT_FOUND;
        let limit = Instant::now() + LIMIT;
        while !gone().await {
            assert!(Instant::now() < limit, "{identity} is kept");
        }
    }
    relay.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_watches_whom_it_names() {
    let (relay, _folder) = standalone().await;
    let mut first = publish(&relay, &token("first", "r")).await;
    let mut second = publish(&relay, &token("second", "r")).await;
    let mut watcher = watch(&relay, "/whep?publisher=second", &token("player", "r")).await;
    connect(&mut [&mut first, &mut second, &mut watcher]);
    hears(&mut second, &mut watcher, 10);
    let heard = watcher.client.packets.len();
    let mut sent = 0;
    until("sent", &mut [&mut first.client, &mut watcher.client], |clients| {
        clients[0].send_sound(&[1; 80]);
        sent += 1;
        sent > 100
    });
    let others = watcher.client.packets[heard..]
        .iter()
        .filter(|packet| packet.payload[0] == 1);
    assert_eq!(others.count(), 0);
    let nobody = post(&relay, "/whep?publisher=third", &token("another", "r"), OFFER.into()).await;
    assert_eq!(nobody.status(), StatusCode::NOT_FOUND);
    relay.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ice_begins_anew_and_the_sound_goes_on() {
    let (relay, _folder) = standalone().await;
    let mut publisher = publish(&relay, &token("encoder", "r")).await;
    let mut watcher = watch(&relay, "/whep", &token("player", "r")).await;
    connect(&mut [&mut publisher, &mut watcher]);
    hears(&mut publisher, &mut watcher, 10);
    let patch = |peer: &Peer, identity: &str| {
        request(&relay, Method::PATCH, &peer.location, &token(identity, "r")).header("content-type", FRAGMENT)
    };
    let ice = |text: &str| -> String {
        let lines = text
            .lines()
            .filter(|line| line.starts_with("a=ice-ufrag") || line.starts_with("a=ice-pwd"));
        lines.take(2).flat_map(|line| [line, "\r\n"]).collect()
    };

    publisher.client.pc.restart_ice();
    let fragment = ice(&publisher.client.offer());
    let stale = patch(&publisher, "encoder").header("if-match", publisher.etag.as_str());
    let stale = stale.body(fragment.clone()).send().await.expect("an answer");
    assert_eq!(stale.status(), StatusCode::PRECONDITION_FAILED);
    let restarted = patch(&publisher, "encoder")
        .header("if-match", "*")
        .body(fragment.clone());
    let restarted = restarted.send().await.expect("an answer");
    assert_eq!(restarted.status(), StatusCode::OK);
    assert_eq!(header(&restarted, "content-type"), FRAGMENT);
    let etag = header(&restarted, "etag");
    assert_ne!(etag, publisher.etag);
    let answered = restarted.text().await.expect("text");
    assert!(
        answered.contains("a=candidate:") && answered.contains("a=ice-lite"),
        "{answered}"
    );
    let (before, after) = (ice(&publisher.answer), ice(&answered));
    assert_ne!(before, after);
    let answer = before
        .lines()
        .zip(after.lines())
        .fold(publisher.answer.clone(), |text, (old, new)| text.replace(old, new));
    publisher.client.accept_answer(&answer);
    hears(&mut publisher, &mut watcher, 50);

    // Candidates are taken note of, for the present ICE session only.
    let trickle = async |tag: &str| {
        let request = patch(&publisher, "encoder")
            .header("if-match", tag)
            .body(fragment.clone());
        request.send().await.expect("an answer").status()
    };
    assert_eq!(trickle(&etag).await, StatusCode::NO_CONTENT);
    assert_eq!(trickle(&publisher.etag).await, StatusCode::PRECONDITION_FAILED);
    let status = async |request: RequestBuilder| request.send().await.expect("an answer").status();
    let good = || fragment.clone();
    assert_eq!(
        status(patch(&publisher, "encoder").body(good())).await,
        StatusCode::PRECONDITION_REQUIRED
    );
    let bad = patch(&publisher, "encoder")
        .header("if-match", "*")
        .body("a=ice-ufrag:x");
    assert_eq!(status(bad).await, StatusCode::BAD_REQUEST);
    let short = patch(&publisher, "encoder")
        .header("if-match", "*")
        .body("a=ice-ufrag:x\r\na=ice-pwd:y\r\n");
    assert_eq!(status(short).await, StatusCode::BAD_REQUEST);
    let other = request(&relay, Method::PATCH, &publisher.location, &token("encoder", "r")).header("content-type", SDP);
    assert_eq!(status(other.body(good())).await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(
        status(patch(&publisher, "player").body(good())).await,
        StatusCode::FORBIDDEN
    );
    let unknown = request(&relay, Method::PATCH, "/whip/0", &token("encoder", "r"));
    assert_eq!(status(unknown).await, StatusCode::NOT_FOUND);
    hears(&mut publisher, &mut watcher, 10);
    relay.shutdown().await;
}

#[tokio::test]
async fn whoever_asks_in_vain_hears_why_and_changes_nothing() {
    let (relay, _folder) = standalone().await;
    let mut client = Client::new(relay.udp_addr(), SOUND);
    let offer = client.offer();
    let twice = offer.replace("a=mid:0", "a=mid:1");
    let second = &twice[twice.find("m=audio").expect("a section")..];
    let two = format!("{}{second}", offer.replace("BUNDLE 0", "BUNDLE 0 1"));
    let good = token("a", "r");
    let cases = [
        ("/whip", "", SDP, offer.clone(), 401),
        ("/whip", "no token", SDP, offer.clone(), 401),
        ("/whip", &good, "text/plain", offer.clone(), 415),
        ("/whip", &good, SDP, "v=0".to_owned(), 400),
        ("/whip", &good, SDP, OFFER.to_owned(), 400),
        ("/whip", &good, SDP, two, 406),
        ("/whip", &good, SDP, "v".repeat(100_000), 413),
        ("/whip", &no_room("a", "canPublish"), SDP, offer.clone(), 403),
        ("/whep", "", SDP, OFFER.to_owned(), 401),
        ("/whep", &good, "text/plain", OFFER.to_owned(), 415),
        ("/whep", &good, SDP, offer.clone(), 400),
        ("/whep", &no_room("a", "canSubscribe"), SDP, OFFER.to_owned(), 403),
        ("/whep", &good, SDP, OFFER.to_owned(), 404),
    ];
    for (path, token, kind, body, status) in cases {
        let asked = format!("{path} {kind} {}", body.len());
        let mut request = request(&relay, Method::POST, path, token).header("content-type", kind);
        if token.is_empty() {
            request = reqwest::Client::new()
                .post(format!("http://{}{path}", relay.http_addr()))
                .header("content-type", kind);
        }
        let response = request.body(body).send().await.expect("an answer");
        assert_eq!(response.status().as_u16(), status, "{asked}");
        assert_eq!(
            response.headers().contains_key("www-authenticate"),
            status == 401,
            "{asked}"
        );
        assert_eq!(response.headers().contains_key("retry-after"), status == 404, "{asked}");
        assert_eq!(header(&response, "access-control-allow-origin"), "*");
        assert!(!response.text().await.expect("text").is_empty(), "{asked}");
    }
    let refused = request(&relay, Method::POST, "/whip", &good)
        .header("content-type", SDP)
        .header("accept", "text/html");
    assert_eq!(
        refused.body(offer).send().await.expect("an answer").status(),
        StatusCode::NOT_ACCEPTABLE
    );
    for (method, path) in [
        (Method::GET, "/whip"),
        (Method::PUT, "/whep"),
        (Method::GET, "/whip/x"),
        (Method::POST, "/whep/x"),
    ] {
        let response = request(&relay, method, path, &good).send().await.expect("an answer");
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
    let preflight = request(&relay, Method::OPTIONS, "/whip", &good)
        .send()
        .await
        .expect("an answer");
    assert_eq!(header(&preflight, "accept-post"), SDP);
    assert!(header(&preflight, "access-control-allow-methods").contains("DELETE"));
    // Nobody came in by any of these.
    let mut guest = common::Client::single(&relay, &token("guest", "r"))
        .await
        .expect("let in");
    assert!(guest.joined().await.other_participants.is_empty());

    // Nor did anybody lose a session that it had.
    let sound = token_with(
        "encoder",
        json!({"room": "r", "roomJoin": true, "canPublishSources": ["microphone"]}),
    );
    let running = publish(&relay, &sound).await;
    for (path, offer, status) in [
        ("/whip", BOTH, 403),
        ("/whep", OFFER, 404),
        ("/whep?publisher=encoder", OFFER, 404),
    ] {
        let response = post(&relay, path, &sound, offer.to_owned()).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
    }
    let ended = request(&relay, Method::DELETE, &running.location, &sound).send().await;
    assert_eq!(ended.expect("an answer").status(), StatusCode::OK, "it ran till now");
    relay.shutdown().await;
}

#[tokio::test]
async fn a_token_asks_and_changes_at_a_pace_in_each_room() {
    let (relay, _folder) = standalone().await;
    let encoder = token("encoder", "r");
    let running = publish(&relay, &encoder).await;
    let client = reqwest::Client::new();
    let url = format!("http://{}{}", relay.http_addr(), running.location);
    let mut statuses = Vec::new();
    while statuses.last() != Some(&429) && statuses.len() < 500 {
        let change = client
            .patch(&url)
            .bearer_auth(&encoder)
            .header("content-type", FRAGMENT);
        let answer = change.body("nothing").send().await.expect("an answer");
        statuses.push(answer.status().as_u16());
    }
    assert_eq!(statuses.pop(), Some(429));
    assert!(
        statuses.len() >= 49 && statuses.iter().all(|status| *status == 400),
        "{statuses:?}"
    );
    let elsewhere = post(&relay, "/whip", &token("encoder", "s"), "v=0".into()).await;
    assert_eq!(elsewhere.status(), StatusCode::BAD_REQUEST);
    relay.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_carries_nothing_any_more_ends() {
    let (relay, _folder) = standalone().await;
    let mut guest = common::Client::single(&relay, &token("guest", "r"))
        .await
        .expect("let in");
    guest.joined().await;
    let gone = |one: &ParticipantInfo| one.state() == State::Disconnected;
    let both = token("encoder", "r");
    assert_eq!(
        post(&relay, "/whip", &both, BOTH.into()).await.status(),
        StatusCode::CREATED
    );

    // A player that may watch no more.
    watch(&relay, "/whep", &token("first", "r")).await;
    permit(&relay, "first", json!({"canPublish": true})).await;
    told(&mut guest, "first", gone).await;

    // One that gets sound, of a publisher who has the camera left.
    watch(&relay, "/whep", &token("second", "r")).await;
    let camera = json!({"canSubscribe": true, "canPublish": true, "canPublishSources": ["CAMERA"]});
    permit(&relay, "encoder", camera).await;
    told(&mut guest, "second", gone).await;

    // And the encoder, once it may send nothing.
    permit(&relay, "encoder", json!({"canSubscribe": true})).await;
    told(&mut guest, "encoder", gone).await;
    relay.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_token_again_replaces_the_session() {
    let (relay, _folder) = standalone().await;
    let mut former = publish(&relay, &token("encoder", "r")).await;
    connect(&mut [&mut former]);
    let mut present = publish(&relay, &token("encoder", "r")).await;
    connect(&mut [&mut present]);
    let end = |peer: &Peer| request(&relay, Method::DELETE, &peer.location, &token("encoder", "r")).send();
    let limit = Instant::now() + LIMIT;
    while end(&former).await.expect("an answer").status() != StatusCode::NOT_FOUND {
        assert!(Instant::now() < limit, "the former is kept");
    }
    assert_eq!(end(&present).await.expect("an answer").status(), StatusCode::OK);
    relay.shutdown().await;
}
