//! Coming in over a real WebSocket, and being turned away.

mod common;

use common::{Client, KEY, LIMIT, OFFER, SECRET, offer, refusal, standalone, token, token_with, wrapped};
use futures_util::SinkExt as _;
use livekit_protocol::{JoinRequest, LeaveRequest, Ping, signal_request, signal_response::Message};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message as Frame;

async fn fetch(relay: &relay::Relay, path: &str) -> (u16, String, Option<String>) {
    let response = reqwest::get(format!("http://{}{path}", relay.http_addr()))
        .await
        .expect("an answer");
    let origin = response
        .headers()
        .get("access-control-allow-origin")
        .map(|value| value.to_str().expect("text").to_owned());
    (response.status().as_u16(), response.text().await.expect("text"), origin)
}

#[tokio::test]
async fn one_connection_joins_in_one_go() {
    let (relay, _folder) = standalone().await;
    let mut client = Client::single(&relay, &token("a", "r")).await.expect("let in");
    let join = client.joined().await;
    assert_eq!(join.participant.expect("itself").identity, "a");
    // A STUN server, and not on the media port, from where browsers would not hear connectivity checks any more.
    let stun = &join.ice_servers[0].urls[0];
    assert!(
        stun.starts_with("stun:127.0.0.1:") && !stun.contains(&relay.udp_addr().port().to_string()),
        "{stun}"
    );
    let answer = client.until(|message| match message {
        Message::Answer(answer) => Some(answer),
        _ => None,
    });
    let answer = answer.await;
    assert_eq!(answer.id, 1);
    assert!(answer.sdp.contains("a=ice-lite") && answer.sdp.contains("a=candidate:"));
    relay.shutdown().await;
}

/// Classic tokens may say the same `jti`, or none and the same identity, in every room.
#[tokio::test]
async fn who_comes_into_two_rooms_has_two_shares_of_turn() {
    let (relay, _folder) = standalone().await;
    let mut shares = Vec::new();
    for room in ["r", "s"] {
        let mut client = Client::single(&relay, &token("a", room)).await.expect("let in");
        let servers = client.joined().await.ice_servers;
        let turn = servers.into_iter().find(|server| !server.username.is_empty());
        let (_, session) = turn
            .as_ref()
            .expect("TURN")
            .username
            .split_once(':')
            .expect("a session");
        shares.push(session.to_owned());
    }
    assert_ne!(shares[0], shares[1]);
}

#[tokio::test]
async fn two_connections_are_offered_by_the_server() {
    let (relay, _folder) = standalone().await;
    let mut client = Client::dual(&relay, &token("a", "r")).await.expect("let in");
    assert!(client.joined().await.subscriber_primary);
    let sdp = client.until(|message| match message {
        Message::Offer(offer) => Some(offer.sdp),
        _ => None,
    });
    assert!(sdp.await.contains("m=application"));
}

#[tokio::test]
async fn participants_hear_of_each_other_and_of_leaving() {
    let (relay, _folder) = standalone().await;
    let mut a = Client::single(&relay, &token("a", "r")).await.expect("let in");
    a.joined().await;
    let mut b = Client::single(&relay, &token("b", "r")).await.expect("let in");
    assert_eq!(b.joined().await.other_participants.len(), 1);
    let seen = |identity: &'static str| {
        move |message| match message {
            Message::Update(update) => update.participants.into_iter().find(|info| info.identity == identity),
            _ => None,
        }
    };
    a.until(seen("b")).await;
    b.send(signal_request::Message::Leave(LeaveRequest::default())).await;
    b.until(|message| matches!(message, Message::Leave(_)).then_some(()))
        .await;
    b.closed().await;
    let gone = |message| {
        seen("b")(message).filter(|info| info.state() == livekit_protocol::participant_info::State::Disconnected)
    };
    a.until(gone).await;
}

#[tokio::test]
async fn pings_are_answered_in_milliseconds() {
    let (relay, _folder) = standalone().await;
    let mut client = Client::single(&relay, &token("a", "r")).await.expect("let in");
    client
        .send(signal_request::Message::PingReq(Ping { timestamp: 77, rtt: 0 }))
        .await;
    let pong = client.until(|message| match message {
        Message::PongResp(pong) => Some(pong),
        _ => None,
    });
    let pong = pong.await;
    assert_eq!(pong.last_ping_timestamp, 77);
    assert!((1_700_000_000_000..4_000_000_000_000).contains(&pong.timestamp));
}

#[tokio::test]
async fn a_text_frame_switches_to_json_both_ways() {
    let (relay, _folder) = standalone().await;
    let mut client = Client::single(&relay, &token("a", "r")).await.expect("let in");
    client.joined().await;
    client
        .socket
        .send(Frame::text(r#"{"pingReq":{"timestamp":"5"}}"#))
        .await
        .expect("sent");
    let pong = client.until(|message| match message {
        Message::PongResp(pong) => Some(pong.last_ping_timestamp),
        _ => None,
    });
    assert_eq!(pong.await, 5);
}

#[tokio::test]
async fn tokens_that_are_none_open_nothing() {
    let (relay, _folder) = standalone().await;
    let bad = ["", "rubbish", "a.b.c", &format!("{}x", token("a", "r"))];
    for token in bad {
        let error = Client::single(&relay, token).await.err().expect("refused");
        assert_eq!(refusal(&error).0, 401, "{token}");
    }
    let no_join = token_with("a", json!({"room": "r"}));
    assert_eq!(
        refusal(&Client::dual(&relay, &no_join).await.err().expect("refused")).0,
        401
    );
}

#[tokio::test]
async fn validation_says_what_the_socket_would() {
    let (relay, _folder) = standalone().await;
    let token = token("a", "r");
    let request = wrapped(&JoinRequest::default());
    assert_eq!(
        fetch(&relay, &format!("/rtc/validate?access_token={token}")).await,
        (200, "success".into(), Some("*".into()))
    );
    assert_eq!(
        fetch(
            &relay,
            &format!("/rtc/v1/validate?access_token={token}&join_request={request}")
        )
        .await
        .0,
        200
    );
    let missing = fetch(&relay, &format!("/rtc/v1/validate?access_token={token}")).await;
    assert_eq!(missing, (400, "join_request is required".into(), Some("*".into())));
    assert_eq!(fetch(&relay, "/rtc/validate").await.0, 401);
    assert_eq!(fetch(&relay, &format!("/rtc?access_token={token}")).await.0, 404);
    assert_eq!(fetch(&relay, "/").await, (200, "OK".into(), Some("*".into())));
}

#[tokio::test]
async fn a_preflight_is_allowed_from_anywhere() {
    let (relay, _folder) = standalone().await;
    let request = reqwest::Client::new().request(
        reqwest::Method::OPTIONS,
        format!("http://{}/room/end", relay.http_addr()),
    );
    let response = request
        .header("origin", "https://partner.example")
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    assert!(
        response.headers()["access-control-allow-headers"]
            .to_str()
            .expect("text")
            .contains("authorization")
    );
}

#[tokio::test]
async fn a_full_room_refuses_with_its_word() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().expect("a folder");
    let relay = relay::Relay::start(relay::Config {
        max_participants: 1,
        ..common::config(folder.path())
    })
    .await
    .expect("a relay");
    let _a = Client::single(&relay, &token("a", "r")).await.expect("let in");
    let error = Client::single(&relay, &token("b", "r")).await.err().expect("refused");
    assert_eq!(refusal(&error), (403, "full".into()));
    assert_eq!(
        fetch(&relay, &format!("/rtc/validate?access_token={}", token("b", "r")))
            .await
            .1,
        "full"
    );
}

#[tokio::test]
async fn a_moderator_ends_a_room_and_nobody_else_does() {
    let (relay, _folder) = standalone().await;
    let mut guest = Client::single(&relay, &token("g", "r")).await.expect("let in");
    guest.joined().await;
    let end = |token: String| {
        let url = format!("http://{}/room/end", relay.http_addr());
        async move {
            reqwest::Client::new()
                .post(url)
                .bearer_auth(token)
                .body("{}")
                .send()
                .await
                .expect("an answer")
        }
    };
    assert_eq!(end(token("g", "r")).await.status(), 403);
    assert_eq!(end("rubbish".into()).await.status(), 401);
    let moderator = token_with("m", json!({"room": "r", "roomJoin": true, "roomAdmin": true}));
    assert_eq!(end(moderator.clone()).await.status(), 403, "who is not in the room");
    let mut leading = Client::single(&relay, &moderator).await.expect("let in");
    leading.joined().await;
    let answer = end(moderator).await;
    assert_eq!(
        (answer.status().as_u16(), answer.text().await.expect("text")),
        (200, "{}".into())
    );
    let reason = guest.until(|message| match message {
        Message::Leave(leave) => Some(leave.reason()),
        _ => None,
    });
    assert_eq!(reason.await, livekit_protocol::DisconnectReason::RoomDeleted);
    guest.closed().await;
}

#[tokio::test]
async fn a_second_session_ends_the_first() {
    let (relay, _folder) = standalone().await;
    let mut first = Client::single(&relay, &token("a", "r")).await.expect("let in");
    let mut second = Client::single(&relay, &token("a", "r")).await.expect("let in");
    second.joined().await;
    let reason = first.until(|message| match message {
        Message::Leave(leave) => Some(leave.reason()),
        _ => None,
    });
    assert_eq!(reason.await, livekit_protocol::DisconnectReason::DuplicateIdentity);
}

#[tokio::test]
async fn a_session_is_resumed_or_told_to_begin_anew() {
    let (relay, _folder) = standalone().await;
    let mut client = Client::single(&relay, &token("a", "r")).await.expect("let in");
    let sid = client.joined().await.participant.expect("itself").sid;
    drop(client);
    let token = token("a", "r");
    let mut back = Client::open(&relay, &format!("/rtc?access_token={token}&reconnect=1&sid={sid}"))
        .await
        .expect("let in");
    assert!(matches!(back.next().await, Some(Message::Reconnect(_))));
    let mut lost = Client::open(&relay, &format!("/rtc?access_token={token}&reconnect=1&sid=PA_unknown"))
        .await
        .expect("let in");
    assert!(matches!(lost.next().await, Some(Message::Leave(_))));
    lost.closed().await;
}

#[tokio::test]
async fn secrets_of_another_key_do_not_sign() {
    let (relay, _folder) = standalone().await;
    let claims = json!({"iss": KEY, "sub": "a", "exp": 4_000_000_000_i64, "video": {"room": "r", "roomJoin": true}});
    let forged = domain::jws::SharedSecret::new(&SECRET.as_bytes()[1..]).sign(&claims);
    assert_eq!(
        refusal(&Client::dual(&relay, &forged).await.err().expect("refused")).0,
        401
    );
    let _ = (offer(1), OFFER, LIMIT);
}
