//! The server API over HTTP: who may call it, how it is written, what is refused.

mod common;

use common::{Client, standalone, token, token_with};
use livekit_protocol::{CreateRoomRequest, ListRoomsResponse, signal_response::Message};
use prost::Message as _;
use reqwest::{Response, StatusCode, header};
use serde_json::{Value, json};

async fn call(relay: &relay::Relay, method: &str, token: Option<&str>, body: &Value) -> Response {
    let url = format!("http://{}/twirp/livekit.RoomService/{method}", relay.http_addr());
    let mut request = reqwest::Client::new().post(url).json(body);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    request.send().await.expect("an answer")
}

fn admin(room: &str) -> String {
    token_with(
        "server",
        json!({"room": room, "roomAdmin": true, "roomCreate": true, "roomList": true}),
    )
}

async fn outcome(response: Response) -> (u16, Value) {
    (response.status().as_u16(), response.json().await.expect("JSON"))
}

/// Each method with a request about room `r`.
fn requests() -> Vec<(&'static str, Value)> {
    vec![
        ("CreateRoom", json!({"name": "r"})),
        ("ListRooms", json!({})),
        ("UpdateRoomMetadata", json!({"room": "r", "metadata": "m"})),
        ("ListParticipants", json!({"room": "r"})),
        ("GetParticipant", json!({"room": "r", "identity": "a"})),
        ("UpdateParticipant", json!({"room": "r", "identity": "a", "name": "A"})),
        (
            "UpdateSubscriptions",
            json!({"room": "r", "identity": "a", "trackSids": ["TR_x"], "subscribe": true}),
        ),
        ("SendData", json!({"room": "r", "data": "aGVsbG8=", "kind": "RELIABLE"})),
        ("RemoveParticipant", json!({"room": "r", "identity": "a"})),
        ("DeleteRoom", json!({"room": "r"})),
    ]
}

#[tokio::test]
async fn every_method_wants_a_token_for_what_it_does() {
    let (relay, _folder) = standalone().await;
    let mut client = Client::single(&relay, &token("a", "r")).await.expect("let in");
    client.joined().await;
    let forged = format!("{}x", admin("r"));
    let others = admin("other");
    for (method, body) in requests() {
        for token in [None, Some(forged.as_str()), Some("a.b.c")] {
            let (status, body) = outcome(call(&relay, method, token, &body).await).await;
            assert_eq!((status, &body["code"]), (401, &json!("unauthenticated")), "{method}");
        }
        for token in [token("a", "r"), token_with("s", json!({"room": "r"}))] {
            let (status, body) = outcome(call(&relay, method, Some(&token), &body).await).await;
            assert_eq!((status, &body["code"]), (403, &json!("permission_denied")), "{method}");
        }
        // Another room's leader leads nothing here; making, listing and deleting are for the whole relay.
        if !["CreateRoom", "ListRooms", "DeleteRoom"].contains(&method) {
            let (status, _) = outcome(call(&relay, method, Some(&others), &body).await).await;
            assert_eq!(status, 403, "{method}");
        }
    }
    for (method, body) in requests() {
        let (status, answer) = outcome(call(&relay, method, Some(&admin("r")), &body).await).await;
        assert_eq!(status, 200, "{method}: {answer}");
    }
    client.closed().await;
    relay.shutdown().await;
}

#[tokio::test]
async fn expired_tokens_and_relays_without_keys_refuse_all() {
    let (relay, _folder) = standalone().await;
    let claims = json!({"iss": common::KEY, "exp": 1_000, "video": {"roomList": true}});
    let expired = domain::jws::SharedSecret::new(common::SECRET.as_bytes()).sign(&claims);
    assert_eq!(
        call(&relay, "ListRooms", Some(&expired), &json!({})).await.status(),
        401
    );
    relay.shutdown().await;

    let folder = tempfile::tempdir().expect("a folder");
    let mut config = common::config(folder.path());
    config.api_keys.clear();
    let relay = relay::Relay::start(config).await.expect("a relay");
    assert_eq!(
        call(&relay, "ListRooms", Some(&admin("r")), &json!({})).await.status(),
        401
    );
    relay.shutdown().await;
}

#[tokio::test]
async fn what_changes_is_told_in_the_room() {
    let (relay, _folder) = standalone().await;
    let mut client = Client::single(&relay, &token("a", "r")).await.expect("let in");
    client.joined().await;
    let body = json!({"room": "r", "metadata": "from outside"});
    let (_, room) = outcome(call(&relay, "UpdateRoomMetadata", Some(&admin("r")), &body).await).await;
    assert_eq!(room["metadata"], "from outside");
    let told = client.until(|message| match message {
        Message::RoomUpdate(update) => update.room.map(|room| room.metadata).filter(|told| !told.is_empty()),
        _ => None,
    });
    assert_eq!(told.await, "from outside");
    relay.shutdown().await;
}

#[tokio::test]
async fn protobuf_is_answered_in_protobuf_and_nonsense_by_an_error() {
    let (relay, _folder) = standalone().await;
    let url = |method: &str| format!("http://{}/twirp/livekit.RoomService/{method}", relay.http_addr());
    let send = |method: &str, kind: &str, body: Vec<u8>| {
        reqwest::Client::new()
            .post(url(method))
            .bearer_auth(admin("r"))
            .header(header::CONTENT_TYPE, kind)
            .body(body)
            .send()
    };
    let request = CreateRoomRequest {
        name: "r".into(),
        ..CreateRoomRequest::default()
    };
    let made = send("CreateRoom", "application/protobuf", request.encode_to_vec())
        .await
        .expect("an answer");
    assert_eq!(made.headers()[header::CONTENT_TYPE], "application/protobuf");
    let list = send("ListRooms", "application/protobuf", Vec::new())
        .await
        .expect("an answer");
    let list = ListRoomsResponse::decode(list.bytes().await.expect("bytes")).expect("a list");
    assert_eq!(list.rooms[0].name, "r");
    for (method, kind, body, status) in [
        ("CreateRoom", "application/json", b"{".to_vec(), StatusCode::BAD_REQUEST),
        (
            "CreateRoom",
            "application/json",
            br#"{"name": 7}"#.to_vec(),
            StatusCode::BAD_REQUEST,
        ),
        (
            "CreateRoom",
            "application/protobuf",
            vec![0xff; 9],
            StatusCode::BAD_REQUEST,
        ),
        (
            "CreateRoom",
            "text/plain",
            b"name=r".to_vec(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (
            "CreateRoom",
            "application/json",
            vec![b' '; 300_000],
            StatusCode::PAYLOAD_TOO_LARGE,
        ),
        ("Nothing", "application/json", b"{}".to_vec(), StatusCode::NOT_FOUND),
        (
            "GetParticipant",
            "application/json",
            br#"{"room": "r", "identity": "x"}"#.to_vec(),
            StatusCode::NOT_FOUND,
        ),
    ] {
        let response = send(method, kind, body).await.expect("an answer");
        assert_eq!(response.status(), status, "{method} {kind}");
    }
    relay.shutdown().await;
}

#[tokio::test]
async fn one_order_in_two_rooms_is_two_orders() {
    let (relay, _folder) = standalone().await;
    for room in ["r", "s"] {
        let leader = token_with("a", json!({"room": room, "roomJoin": true, "roomAdmin": true}));
        let mut client = Client::single(&relay, &leader).await.expect("let in");
        client.joined().await;
        let order = reqwest::Client::new()
            .post(format!("http://{}/room/control", relay.http_addr()))
            .header(header::AUTHORIZATION, format!("bearer {leader}"))
            .json(&json!({"id": "one", "action": "end"}));
        assert_eq!(
            order.send().await.expect("an answer").status(),
            StatusCode::OK,
            "{room}"
        );
        let closed = tokio::time::timeout(common::LIMIT, client.closed()).await;
        assert!(closed.is_ok(), "{room} goes on");
    }
    relay.shutdown().await;
}
