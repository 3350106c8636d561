//! Whatever a client sends: an error or silence, and the others go on.

mod common;

use std::time::{Duration, Instant};

use common::{Client, LIMIT, OFFER, standalone, token};
use futures_util::{SinkExt as _, StreamExt as _};
use livekit_protocol::{Ping, SessionDescription, signal_request, signal_response::Message};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::tungstenite::Message as Frame;

/// The relay still answers somebody else.
async fn goes_on(relay: &relay::Relay) {
    let mut other = Client::single(relay, &token("other", "elsewhere"))
        .await
        .expect("let in");
    other
        .send(signal_request::Message::PingReq(Ping { timestamp: 1, rtt: 0 }))
        .await;
    other
        .until(|message| matches!(message, Message::PongResp(_)).then_some(()))
        .await;
}

#[tokio::test]
async fn frames_that_are_no_messages_close_the_connection() {
    let (relay, _folder) = standalone().await;
    let frames = [
        Frame::text("not json"),
        Frame::text("{\"nothing\": 1"),
        Frame::text("[]"),
        Frame::binary(vec![0xff; 64]),
        Frame::binary(vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]),
    ];
    for frame in frames {
        let mut client = Client::single(&relay, &token("a", "r")).await.expect("let in");
        client.socket.send(frame).await.expect("sent");
        client.closed().await;
    }
    goes_on(&relay).await;
}

#[tokio::test]
async fn a_huge_frame_closes_the_connection() {
    let (relay, _folder) = standalone().await;
    let mut client = Client::single(&relay, &token("a", "r")).await.expect("let in");
    // The relay may close while it still comes.
    let _ = client.socket.send(Frame::binary(vec![0; 4 << 20])).await;
    client.closed().await;
    goes_on(&relay).await;
}

#[tokio::test]
async fn half_a_frame_harms_nobody() {
    let (relay, _folder) = standalone().await;
    let mut raw = TcpStream::connect(relay.http_addr()).await.expect("open");
    let request = format!(
        "GET /rtc?access_token={} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        token("half", "r")
    );
    raw.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = [0; 12];
    timeout(LIMIT, raw.read_exact(&mut answer))
        .await
        .expect("in time")
        .expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 101");
    // A masked binary frame of 100 bytes, of which 3 come.
    raw.write_all(&[0x82, 0x80 | 100, 1, 2, 3, 4, 9, 9, 9])
        .await
        .expect("sent");
    goes_on(&relay).await;
    drop(raw);
    goes_on(&relay).await;
}

/// Reads until the other end closes; how long that took, and what came.
async fn until_cut(mut stream: TcpStream) -> (Duration, String) {
    let (begun, mut answer) = (Instant::now(), String::new());
    timeout(Duration::from_secs(30), stream.read_to_string(&mut answer))
        .await
        .expect("cut in time")
        .expect("text");
    (begun.elapsed(), answer)
}

#[tokio::test]
async fn who_says_nothing_or_half_of_it_is_cut_after_a_while() {
    let (relay, _folder) = standalone().await;
    let texts = [
        "",
        "GET / HTT",
        "GET / HTTP/1.1\r\nHost: x\r\n",
        // Nothing after an answer either.
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /room/control HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{",
    ];
    let mut streams = Vec::new();
    for text in texts {
        let mut stream = TcpStream::connect(relay.http_addr()).await.expect("open");
        stream.write_all(text.as_bytes()).await.expect("sent");
        streams.push(until_cut(stream));
    }
    let cut = futures_util::future::join_all(streams).await;
    for (text, (after, answer)) in texts.iter().zip(&cut) {
        assert!(*after >= Duration::from_secs(9), "{text:?}: {after:?}, {answer}");
    }
    assert!(cut[3].1.starts_with("HTTP/1.1 200"), "{}", cut[3].1);
    assert!(cut[4].1.starts_with("HTTP/1.1 408"), "{}", cut[4].1);
    goes_on(&relay).await;
}

#[tokio::test]
async fn a_token_asks_to_come_in_at_a_pace() {
    let (relay, _folder) = standalone().await;
    let ask = async |path: &str, token: &str| {
        let mut stream = TcpStream::connect(relay.http_addr()).await.expect("open");
        let upgrade =
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
        let (connection, upgrade) = match path {
            "/rtc" => ("Upgrade", upgrade),
            _ => ("close", ""),
        };
        let request =
            format!("GET {path}?access_token={token} HTTP/1.1\r\nHost: x\r\nConnection: {connection}\r\n{upgrade}\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.expect("an answer");
        String::from_utf8_lossy(&answer[9..]).into_owned()
    };
    for (path, well) in [("/rtc/validate", "200"), ("/rtc", "101")] {
        let often = token(&format!("often-{well}"), "r");
        let mut statuses = Vec::new();
        while statuses.last().is_none_or(|status| status == well) && statuses.len() < 500 {
            statuses.push(ask(path, &often).await);
        }
        assert_eq!(statuses.last().map(String::as_str), Some("429"));
        assert!(statuses.len() > 50, "{} of {path}", statuses.len());
        assert_eq!(ask(path, &token(&format!("another-{well}"), "r")).await, well);
    }
}

#[tokio::test]
async fn a_flood_is_cut_off() {
    let (relay, _folder) = standalone().await;
    let client = Client::single(&relay, &token("a", "r")).await.expect("let in");
    let (mut sink, mut stream) = client.socket.split();
    let flood = tokio::spawn(async move {
        for _ in 0..20_000 {
            if sink.send(Frame::binary(vec![])).await.is_err() {
                break;
            }
        }
    });
    let closed = async {
        while let Some(Ok(frame)) = stream.next().await {
            if frame.is_close() {
                break;
            }
        }
    };
    timeout(LIMIT, closed).await.expect("cut off in time");
    flood.abort();
    goes_on(&relay).await;
}

#[tokio::test]
async fn descriptions_of_all_sorts_are_answered_or_refused() {
    let (relay, _folder) = standalone().await;
    let section =
        |n| format!("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\na=mid:x{n}\r\na=recvonly\r\n");
    let many = OFFER.to_owned() + &(0..500).map(section).collect::<String>();
    for sdp in [
        many,
        String::new(),
        "v=0".into(),
        "m=audio 9 X 0\r\n".repeat(2_000),
        OFFER[..700].to_owned(),
        "\u{0}".repeat(100),
        "a=".repeat(200_000),
    ] {
        let mut client = Client::single(&relay, &token("a", "r")).await.expect("let in");
        client.joined().await;
        client
            .until(|message| matches!(message, Message::Answer(_)).then_some(()))
            .await;
        client
            .send(signal_request::Message::Offer(SessionDescription {
                r#type: "offer".into(),
                sdp,
                id: 2,
                ..SessionDescription::default()
            }))
            .await;
        client
            .until(|message| matches!(message, Message::Answer(_) | Message::Leave(_)).then_some(()))
            .await;
    }
    goes_on(&relay).await;
}

#[tokio::test]
async fn long_request_lines_are_refused() {
    let (relay, _folder) = standalone().await;
    let url = format!(
        "http://{}/rtc/validate?access_token={}",
        relay.http_addr(),
        "x".repeat(60_000)
    );
    assert_eq!(reqwest::get(url).await.expect("an answer").status(), 401);
    let body = reqwest::Client::new()
        .post(format!("http://{}/command", relay.http_addr()))
        .body(vec![b' '; 10 << 20])
        .send()
        .await;
    // An answer, or the connection closed under a body that is far too long.
    assert!(body.is_err() || body.is_ok_and(|response| response.status().is_client_error()));
    goes_on(&relay).await;
}
