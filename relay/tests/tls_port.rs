//! HTTPS and TURN on one port, told apart by the name that the client asks for.

mod common;
mod transport_kit;

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::Arc,
    time::Duration,
};

use common::{Client, LIMIT, config, token};
use relay::{Config, Relay, config::Tls};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, pki_types::ServerName};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use transport_kit::{Turn, link::is_cut};

const NAME: &str = "relay.test";
const TURN_NAME: &str = "turn.relay.test";

fn secured(folder: &Path) -> Config {
    let made = rcgen::generate_simple_self_signed(vec![NAME.to_owned(), TURN_NAME.to_owned()]).expect("a certificate");
    let (certificate, key) = (folder.join("chain.pem"), folder.join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).expect("written");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
    Config {
        tls: Some(Tls {
            listen: "127.0.0.1:0".parse().expect("an address"),
            certificate,
            key,
            turn_name: TURN_NAME.to_owned(),
        }),
        ..config(folder)
    }
}

async fn started() -> (Relay, tempfile::TempDir) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Relay::start(secured(folder.path())).await.expect("a relay");
    (relay, folder)
}

fn tls_addr(relay: &Relay) -> SocketAddr {
    relay.tls_addr().expect("a TLS port")
}

/// A TLS connection that asks for `name`, whose reads wait a moment only.
fn connect(address: SocketAddr, folder: &Path, name: &str) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    let pem = CertificateDer::from_pem_file(folder.join("chain.pem")).expect("a certificate");
    roots.add(pem).expect("a root");
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let mut connection = ClientConnection::new(Arc::new(config), name).expect("a client");
    let mut stream = TcpStream::connect(address).expect("connected");
    stream.set_read_timeout(Some(LIMIT)).expect("a time-out");
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).expect("a handshake");
    }
    stream
        .set_read_timeout(Some(Duration::from_millis(1)))
        .expect("a time-out");
    StreamOwned::new(connection, stream)
}

/// All that comes until the other side closes.
fn read_all(mut stream: StreamOwned<ClientConnection, TcpStream>) -> String {
    stream.sock.set_read_timeout(Some(LIMIT)).expect("a time-out");
    let mut text = Vec::new();
    match stream.read_to_end(&mut text) {
        Ok(_) => {}
        Err(error) => assert!(
            matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset),
            "{error}"
        ),
    }
    String::from_utf8_lossy(&text).into_owned()
}

async fn metric(relay: &Relay, name: &str) -> u64 {
    let text = reqwest::get(format!("http://{}/metrics", relay.operator_addr())).await;
    let text = text.expect("an answer").text().await.expect("text");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("convoke_relay_{name} ")));
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
        .parse()
        .expect("a number")
}

async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("no panic")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_relays_own_name_is_https() {
    let (relay, folder) = started().await;
    let (address, path) = (tls_addr(&relay), folder.path().to_owned());
    let text = apart(move || {
        let mut stream = connect(address, &path, NAME);
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: relay.test\r\nconnection: close\r\n\r\n")
            .expect("sent");
        read_all(stream)
    })
    .await;
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("OK"), "{text}");
    relay.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_name_is_turn_with_the_credentials_of_the_join() {
    let (relay, folder) = started().await;
    let mut client = Client::single(&relay, &token("a", "r")).await.expect("let in");
    let servers = client.joined().await.ice_servers;
    let turn = servers
        .iter()
        .find(|server| !server.username.is_empty())
        .expect("a TURN server");
    let address = tls_addr(&relay);
    let url = format!("turns:{TURN_NAME}:{}?transport=tcp", address.port());
    assert_eq!(turn.urls.last(), Some(&url));
    let credentials = (turn.username.clone(), turn.credential.clone());
    let (path, engine) = (folder.path().to_owned(), relay.udp_addr());
    let turn =
        apart(move || Turn::stream(connect(address, &path, &TURN_NAME.to_uppercase()), credentials).ready(engine))
            .await;
    assert_eq!(metric(&relay, "turn_allocations").await, 1);
    drop(turn);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_server_that_a_client_is_told_of_is_there() {
    let (relay, folder) = started().await;
    let mut client = Client::single(&relay, &token("a", "r")).await.expect("let in");
    let servers = client.joined().await.ice_servers;
    let [stun, turn] = &servers[..] else {
        panic!("{servers:?}")
    };
    assert!(stun.username.is_empty() && stun.credential.is_empty());
    assert!(stun.urls.iter().all(|url| url.starts_with("stun:127.0.0.1:")) && stun.urls.len() == 1);
    assert_eq!(turn.urls.len(), 3, "{:?}", turn.urls);
    let port = |url: &str| {
        url.rsplit_once(':')
            .and_then(|(_, rest)| rest.split('?').next()?.parse().ok())
    };
    let at = move |url: &str| SocketAddr::from(([127, 0, 0, 1], port(url).expect("a port")));
    let (urls, path, engine) = (turn.urls.clone(), folder.path().to_owned(), relay.udp_addr());
    let (username, credential) = (turn.username.clone(), turn.credential.clone());
    let turns = apart(move || {
        let credentials = || (username.clone(), credential.clone());
        let by_udp = Turn::udp(at(&urls[0]), credentials());
        let by_tcp = Turn::tcp(at(&urls[1]), credentials());
        let by_tls = Turn::stream(connect(at(&urls[2]), &path, TURN_NAME), credentials());
        [by_udp, by_tcp, by_tls].map(|turn| turn.ready(engine))
    })
    .await;
    assert_eq!(metric(&relay, "turn_allocations").await, 3);
    drop(turns);
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_speaks_the_others_protocol() {
    let (relay, folder) = started().await;
    let (address, path) = (tls_addr(&relay), folder.path().to_owned());
    let (at_turn, at_https) = apart(move || {
        let mut stream = connect(address, &path, TURN_NAME);
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: relay.test\r\n\r\n")
            .expect("sent");
        let at_turn = read_all(stream);
        let mut stream = connect(address, &path, NAME);
        let mut request = vec![0, 3, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        request.extend([9; 12]);
        stream.write_all(&request).expect("sent");
        (at_turn, read_all(stream))
    })
    .await;
    assert_eq!(at_turn, "");
    assert!(
        at_https.is_empty() || at_https.starts_with("HTTP/1.1 400"),
        "{at_https}"
    );
    assert_eq!(metric(&relay, "tcp_garbage_total").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_tls_is_cut_and_counted() {
    let (relay, _folder) = started().await;
    let address = tls_addr(&relay);
    apart(move || {
        for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 100], &[0x16, 3, 1, 0, 2, 9, 9]] {
            let mut stream = TcpStream::connect(address).expect("connected");
            stream.write_all(bytes).expect("sent");
            assert!(is_cut(&mut stream), "{bytes:?}");
        }
        // Half a handshake is waited for, but not for ever.
        let mut stream = TcpStream::connect(address).expect("connected");
        stream.write_all(&[0x16, 3, 1, 1, 0, 1]).expect("sent");
        assert!(is_cut(&mut stream));
    })
    .await;
    assert_eq!(metric(&relay, "tls_failed_total").await, 4);
    assert_eq!(metric(&relay, "tcp_connections").await, 0);
}

#[tokio::test]
async fn a_relay_without_its_certificate_does_not_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = secured(folder.path());
    std::fs::write(folder.path().join("key.pem"), "no key").expect("written");
    let error = Relay::start(config).await.expect_err("no key");
    assert!(error.to_string().contains("certificate"), "{error}");
}
