//! `conference/end` tells the relays that hold the room, by a command that only the control plane can sign; a relay that
//! cannot be reached does not keep the meeting from ending.

use crate::site::{ACME, Site};
use domain::relay::{Command, CommandClaims};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A relay at this address with a meeting in it.
pub(crate) async fn running_meeting(site: &Site, url: &str) -> Value {
    let body = json!({"relay": "relay-1", "region": "eu", "url": url, "version": "1", "capacity": 9, "epoch": 1});
    site.report("register", body).await.ok();
    let host = site.host("Ann").await;
    let made = site
        .admin_api("conference/create/reservationless", json!({"host_id": host.id}))
        .await;
    let joined = site
        .join(ACME, &json!({"code": host.code, "name": "Bob"}))
        .send()
        .await
        .ok();
    let token: domain::join_token::JoinToken = site
        .app
        .keys
        .signing
        .verifying_key()
        .verify(joined["token"].as_str().expect("a token"))
        .expect("our own token");
    let room = token.room().expect("a room").to_string();
    let enter = json!({"relay": "relay-1", "epoch": 1, "room": room, "participant": 1, "jti": token.jti});
    site.report("enter", enter).await.ok();
    json!({"conference_id": made["conference_id"], "room": room, "code": host.code})
}

/// One request as it came: its `Authorization` and its body. It is answered with this status.
pub(crate) async fn one_request(mut stream: TcpStream, status: &str) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4_096];
        let read = stream.read(&mut chunk).await.expect("read");
        bytes.extend_from_slice(&chunk[..read]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let header = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(": "));
            lines
                .find(|(known, _)| known.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.to_owned())
        };
        let length: usize = header("content-length").expect("a length").parse().expect("a number");
        if bytes.len() >= end + 4 + length {
            assert!(head.starts_with("POST /command HTTP/1.1"), "{head}");
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}");
            stream.write_all(answer.as_bytes()).await.expect("written");
            return (header("authorization").expect("signed"), bytes.split_off(end + 4));
        }
    }
}

#[tokio::test]
async fn the_relay_gets_a_signed_command_to_end_the_room() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let site = Site::new().await;
    let meeting = running_meeting(&site, &url).await;
    let relay = async { one_request(listener.accept().await.expect("called").0, "200 OK").await };
    let end = site.admin_api("conference/end", json!({"conference_id": meeting["conference_id"]}));
    let ((authorization, body), ended) = tokio::join!(relay, end);
    assert_eq!(ended["active"], false);
    let token = authorization.strip_prefix("Command ").expect("the scheme");
    let claims: CommandClaims = site
        .app
        .keys
        .signing
        .verifying_key()
        .verify(token)
        .expect("our signature");
    let relay = "relay-1".parse().expect("a name");
    claims
        .check(&relay, &body, site.now().as_second())
        .expect("for this relay, this body, now");
    let command: Command = serde_json::from_slice(&body).expect("a command");
    assert_eq!(command.room.to_string(), meeting["room"]);
    assert_eq!(serde_json::to_value(&command).expect("JSON")["action"], "end");
}

#[tokio::test]
async fn a_relay_that_fails_or_is_gone_does_not_keep_the_meeting_running() {
    for refuses in [true, false] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let site = Site::new().await;
        let meeting = running_meeting(&site, &url).await;
        let relay = async {
            if refuses {
                one_request(listener.accept().await.expect("called").0, "500 Internal Server Error").await;
            } else {
                drop(listener);
            }
        };
        let id = json!({"conference_id": meeting["conference_id"]});
        let (_, ended) = tokio::join!(relay, site.admin_api("conference/end", id.clone()));
        assert_eq!(ended["active"], false);
        let beat = json!({"relay": "relay-1", "epoch": 1, "participants": 1, "load": 0.1,
            "rooms": [{"room": meeting["room"], "participants": 1}]});
        let told = site.report("heartbeat", beat).await.ok();
        assert_eq!(told["ended"][0]["room"], meeting["room"], "the mark reaches it later");
        assert_eq!(told["ended"][0]["reason"], "ended");
    }
}
