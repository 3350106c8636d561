//! The client for URLs that tenants give, against servers and resolvers that mean harm. contract/webhooks.md, "URLs".

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use functions::outbound::{Answer, Guard, Limits, Outbound, OutboundError};
use http::{HeaderMap, Method};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use crate::site::receiver::{Deed, Receiver, TestNames};

const LIMITS: Limits = Limits {
    time: Duration::from_secs(5),
    body: 1_000,
};

async fn get_within(outbound: &Outbound, url: &str, limits: Limits) -> Result<Answer, OutboundError> {
    let target = outbound.target(url)?;
    outbound
        .send(Method::GET, &target, HeaderMap::new(), Bytes::new(), limits)
        .await
}

async fn get(outbound: &Outbound, url: &str) -> Result<Answer, OutboundError> {
    get_within(outbound, url, LIMITS).await
}

fn laptop() -> Outbound {
    Outbound::new(Guard::Loopback).with_names(TestNames::of(&[("peer.test", &[&["127.0.0.1"]])]))
}

#[tokio::test]
async fn an_answer_comes_whole_and_the_request_says_what_is_meant() {
    let peer = Receiver::start(Deed::ok("text/plain", b"hello")).await;
    let answer = get(&laptop(), &peer.url("peer.test", "/a/b?c=d#e"))
        .await
        .expect("an answer");
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b"hello"[..]));
    assert_eq!(answer.headers["content-type"], "text/plain");
    let head = peer.heads().remove(0);
    assert!(head.starts_with("GET /a/b?c=d HTTP/1.1\r\n"), "{head}");
    assert!(
        head.contains(&format!("host: peer.test:{}\r\n", peer.address.port())),
        "{head}"
    );
    assert!(!head.contains("accept-encoding"), "nothing is unpacked: {head}");
}

#[tokio::test]
async fn a_body_is_sent_with_its_headers() {
    let peer = Receiver::start(Deed::ok("text/plain", b"")).await;
    let outbound = laptop();
    let target = outbound.target(&peer.url("peer.test", "/hook")).expect("a URL");
    let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, "application/json".parse().expect("a value"))]);
    let sent = outbound.send(Method::POST, &target, headers, Bytes::from_static(b"{}"), LIMITS);
    assert_eq!(sent.await.expect("an answer").status, 200);
    let head = peer.heads().remove(0);
    assert!(head.starts_with("POST /hook HTTP/1.1\r\n"), "{head}");
    assert!(
        head.contains("content-length: 2\r\n") && head.contains("content-type: application/json\r\n"),
        "{head}"
    );
}

#[tokio::test]
async fn a_name_that_leads_inside_is_never_connected_to() {
    let peer = Receiver::start(Deed::ok("text/plain", b"inside")).await;
    let inside: [&[&str]; 9] = [
        &["127.0.0.1"],
        &["::1"],
        &["169.254.169.254"],
        &["10.1.2.3"],
        &["::ffff:127.0.0.1"],
        &["64:ff9b::7f00:1"],
        &["fd00:ec2::254"],
        // One harmless address among the others does not help.
        &["1.1.1.1", "127.0.0.1"],
        &["2606:4700::1111", "fe80::1"],
    ];
    for addresses in inside {
        let outbound = Outbound::new(Guard::Public).with_names(TestNames::of(&[("peer.test", &[addresses])]));
        let error = get(&outbound, "https://peer.test/").await.err();
        assert_eq!(error, Some(OutboundError::Closed), "{addresses:?}");
    }
    for url in [
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://169.254.169.254/",
        "https://[::ffff:7f00:1]/",
        "https://2130706433/",
    ] {
        assert_eq!(
            get(&Outbound::new(Guard::Public), url).await.err(),
            Some(OutboundError::Closed),
            "{url}"
        );
    }
    // On a laptop this machine is open, and nothing else of these.
    for url in [
        "http://169.254.169.254/",
        "http://10.0.0.1/",
        "http://[::ffff:127.0.0.1]/",
        "http://0.0.0.0/",
    ] {
        assert_eq!(get(&laptop(), url).await.err(), Some(OutboundError::Closed), "{url}");
    }
    assert_eq!(peer.connections(), 0);
    assert_eq!(
        get(&laptop(), "http://unknown.test/").await.err(),
        Some(OutboundError::Unresolved)
    );
}

#[tokio::test]
async fn what_is_connected_to_is_what_was_looked_at() {
    let peer = Receiver::start(Deed::ok("text/plain", b"first")).await;
    let names = TestNames::of(&[("peer.test", &[&["127.0.0.1"], &["169.254.169.254"]])]);
    let outbound = Outbound::new(Guard::Loopback).with_names(names.clone());
    let url = peer.url("peer.test", "/");
    assert_eq!(&get(&outbound, &url).await.expect("an answer").body[..], b"first");
    assert_eq!(
        names.asked(),
        1,
        "a name is resolved once, so that its second answer is not what is used"
    );
    // Nor is the connection that was found harmless kept for later.
    assert_eq!(get(&outbound, &url).await.err(), Some(OutboundError::Closed));
    assert_eq!((names.asked(), peer.connections()), (2, 1));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let inside = Receiver::start(Deed::ok("text/plain", b"inside")).await;
    let location = inside.url("peer.test", "/");
    let redirect = format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
    let peer = Receiver::start(Deed::Say(redirect.into())).await;
    assert_eq!(
        get(&laptop(), &peer.url("peer.test", "/"))
            .await
            .expect("an answer")
            .status,
        302
    );
    assert_eq!(inside.connections(), 0);
}

#[tokio::test]
async fn who_hangs_or_drips_is_given_up_in_time() {
    let limits = Limits {
        time: Duration::from_millis(300),
        ..LIMITS
    };
    let deeds = [
        Deed::Hang,
        Deed::Drip(b"HTTP/1.1 200 OK\r\nx: ".to_vec()),
        Deed::Drip(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n".to_vec()),
    ];
    for deed in deeds {
        let peer = Receiver::start(deed.clone()).await;
        let began = Instant::now();
        let error = get_within(&laptop(), &peer.url("peer.test", "/"), limits).await.err();
        assert_eq!(error, Some(OutboundError::TooSlow), "{deed:?}");
        assert!(began.elapsed() < Duration::from_secs(3), "{deed:?}");
    }
}

#[tokio::test]
async fn who_sends_too_much_is_not_listened_to() {
    let plain = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    let told = b"HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n".to_vec();
    let one_more = Deed::Say([plain.clone(), vec![b'x'; 1_001]].concat());
    let too_large = [
        Deed::Pour(plain, vec![b'x'; 4_096]),
        Deed::Pour(chunked, b"a\r\n0123456789\r\n".to_vec()),
        Deed::Drip(told),
        one_more,
    ];
    for deed in too_large {
        let peer = Receiver::start(deed.clone()).await;
        let error = get(&laptop(), &peer.url("peer.test", "/")).await.err();
        assert_eq!(error, Some(OutboundError::TooLarge), "{deed:?}");
    }
    let just = Receiver::start(Deed::ok("text/plain", &[b'x'; 1_000])).await;
    assert_eq!(
        get(&laptop(), &just.url("peer.test", "/"))
            .await
            .expect("an answer")
            .body
            .len(),
        1_000
    );
}

#[tokio::test]
async fn what_is_no_proper_answer_is_refused() {
    let begin = b"HTTP/1.1 200 OK\r\n".to_vec();
    let deeds = [
        Deed::Pour(begin.clone(), b"x: 0123456789\r\n".to_vec()),
        Deed::Pour([&begin[..], b"x: "].concat(), vec![b'x'; 4_096]),
        Deed::Say(b"SSH-2.0-OpenSSH_9.7\r\n".to_vec()),
        Deed::Say(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort".to_vec()),
        Deed::Say(Vec::new()),
    ];
    for deed in deeds {
        let peer = Receiver::start(deed.clone()).await;
        let error = get(&laptop(), &peer.url("peer.test", "/")).await.err();
        assert_eq!(error, Some(OutboundError::Broken), "{deed:?}");
    }
}

/// A server for this name, and what trusts its certificate.
async fn secure(name: &str) -> (Receiver, RootCertStore) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed([name.to_owned()]).expect("a certificate");
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).expect("a certificate");
    let key = rustls::pki_types::PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("a certificate and its key");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    (
        Receiver::with(Deed::ok("text/plain", b"hidden"), Some(acceptor)).await,
        roots,
    )
}

#[tokio::test]
async fn a_certificate_must_be_trusted_and_of_the_name_in_the_url() {
    let (peer, roots) = secure("peer.test").await;
    let names = TestNames::of(&[("peer.test", &[&["127.0.0.1"]]), ("other.test", &[&["127.0.0.1"]])]);
    let strange = Outbound::new(Guard::Loopback).with_names(names);
    let trusting = strange.clone().with_roots(roots);
    let url = |host: &str| format!("https://{host}:{}/", peer.address.port());
    assert_eq!(
        &get(&trusting, &url("peer.test")).await.expect("an answer").body[..],
        b"hidden"
    );
    assert_eq!(get(&trusting, &url("other.test")).await.err(), Some(OutboundError::Tls));
    assert_eq!(get(&trusting, &url("127.0.0.1")).await.err(), Some(OutboundError::Tls));
    assert_eq!(get(&strange, &url("peer.test")).await.err(), Some(OutboundError::Tls));
    assert_eq!(peer.heads().len(), 1, "nothing is sent to whom is not trusted");
}

#[tokio::test]
async fn a_server_that_is_not_there_cannot_be_reached() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let error = get(&laptop(), &format!("http://peer.test:{port}/")).await.err();
    assert_eq!(error, Some(OutboundError::Unreachable));
}
