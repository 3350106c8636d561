//! What a platform on a socket does with bytes that no client of the API sends: it refuses them, goes on, and does not grow.

#[allow(dead_code, reason = "the storm uses the rest")]
#[path = "storm/platform.rs"]
mod platform;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use platform::{Address, Place, Platform};

fn send(address: &Address, bytes: &[u8]) -> String {
    let port = address.host.rsplit(':').next().expect("a port");
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("set");
    // It may have had enough before all is sent.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn post(address: &Address, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let host = &address.host;
    let head = format!(
        "POST /enterprise_api/authenticate HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: application/json\r\n{headers}content-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

fn sign_in(address: &Address) -> String {
    format!(
        r#"{{"email": "{}", "password": "{}"}}"#,
        address.email, address.password
    )
}

/// MiB of memory that a process holds.
fn memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("said");
    let kib: u64 = line
        .split_whitespace()
        .nth(1)
        .expect("a number")
        .parse()
        .expect("a number");
    kib / 1024
}

#[test]
fn a_platform_refuses_what_is_no_request_of_its_api_and_goes_on() {
    let data = tempfile::tempdir().expect("a folder");
    let place = Place {
        data: data.path().to_owned(),
        dynamodb: None,
    };
    let platform = Platform::start(&place, false);
    let address = platform.address();
    let good = |headers: &str| send(&address, &post(&address, headers, &sign_in(&address)));
    assert!(good("").starts_with("HTTP/1.1 200"));
    let before = memory(platform.process_id());

    // 20 MB, whole, and only said.
    for _ in 0..5 {
        let large = format!(r#"{{"padding": "{}"}}"#, "x".repeat(20_000_000));
        let answer = send(&address, &post(&address, "", &large));
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413"), "{answer}");
    }
    let answer = send(
        &address,
        &post(&address, "", &format!(r#"{{"padding": "{}"}}"#, "x".repeat(300_000))),
    );
    assert!(
        answer.starts_with("HTTP/1.1 413") && answer.contains("too_large"),
        "{answer}"
    );

    for headers in [
        "x-evil: a\r\n b\r\n".to_owned(),
        "x-evil: a\0b\r\n".to_owned(),
        format!("x-evil: {}\r\n", "y".repeat(1_000_000)),
        "x-evil\r\n".to_owned(),
        (0..5_000).map(|n| format!("x-{n}: 1\r\n")).collect(),
        "content-length: 5\r\n".to_owned(),
        "transfer-encoding: chunked\r\n".to_owned(),
    ] {
        let answer = good(&headers);
        let status = answer.get(9..12).unwrap_or("").to_owned();
        assert!(
            status.is_empty() || status.starts_with('4'),
            "{}: {answer}",
            headers.get(..40).unwrap_or(&headers)
        );
    }
    for nonsense in [
        "\0\0\0\0\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "POST \r\n\r\n",
        "\x16\x03\x01\x02\0\x01\0\x01\u{fc}",
    ] {
        let answer = send(&address, nonsense.as_bytes());
        assert!(!answer.starts_with("HTTP/1.1 2"), "{nonsense:?}: {answer}");
    }
    // What only the edge may say is taken from nobody else: the host name stays the one that was asked for.
    let forged = good("x-convoke-host: nobody.test\r\nx-convoke-client: 203.0.113.9\r\nx-convoke-edge: guessed\r\n");
    assert!(forged.starts_with("HTTP/1.1 200"), "{forged}");

    assert!(good("").starts_with("HTTP/1.1 200"), "it goes on");
    let grown = memory(platform.process_id()).saturating_sub(before);
    assert!(grown < 64, "it holds {grown} MiB more");
}
