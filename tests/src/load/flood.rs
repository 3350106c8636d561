//! What strangers send to a relay's ports: packets of no protocol, of every protocol, and connections that ask for nothing.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use rand::Rng as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::bench::Ports;

/// Between two bursts.
const PAUSE: Duration = Duration::from_secs(4);
/// Packets of a burst, by tens with a millisecond after each ten.
const PACKETS: u32 = 5_000;
/// Connections of a burst.
const CONNECTIONS: usize = 100;
/// How long a connection that asks for nothing is kept.
const HELD: Duration = Duration::from_secs(3);
/// The mark of STUN (RFC 8489 §5).
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// What a burst is of.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Noise,
    Rtp,
    Rtcp,
    Dtls,
    /// A Binding request of nobody.
    Anonymous,
    /// A Binding request with a name that nobody has.
    Stranger,
    /// A TURN allocation without credentials.
    Allocate,
    /// Bytes to the signalling port that are no HTTP, requests without an end, tokens that nobody signed.
    Connections,
}

const KINDS: [Kind; 8] = [
    Kind::Noise,
    Kind::Rtp,
    Kind::Rtcp,
    Kind::Dtls,
    Kind::Anonymous,
    Kind::Stranger,
    Kind::Allocate,
    Kind::Connections,
];

/// Floods in bursts until told to stop. Answers how many packets and connections.
///
/// # Errors
/// When there is no socket to send from.
pub(super) async fn run(ports: Ports, signalling: SocketAddr, mut stop: watch::Receiver<bool>) -> Result<u64> {
    let mut sent = 0;
    loop {
        for kind in KINDS {
            sent += match kind {
                Kind::Connections => connections(signalling).await,
                kind => packets(kind, ports.udp).await? + packets(kind, ports.stun).await?,
            };
            if timeout(PAUSE, stop.wait_for(|stop| *stop)).await.is_ok() {
                return Ok(sent);
            }
        }
    }
}

/// Answers how many went out.
async fn packets(kind: Kind, to: SocketAddr) -> Result<u64> {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).await?;
    let mut sent = 0;
    for number in 0..PACKETS {
        // What the kernel has no room for is lost, as on any way.
        sent += u64::from(socket.try_send_to(&packet(kind), to).is_ok());
        if number % 10 == 9 {
            sleep(Duration::from_millis(1)).await;
        }
    }
    Ok(sent)
}

fn packet(kind: Kind) -> Vec<u8> {
    let mut rng = rand::rng();
    let mut bytes = vec![0; rng.random_range(1..1_300)];
    rng.fill(&mut bytes[..]);
    let head: &[u8] = match kind {
        Kind::Noise | Kind::Connections => &[],
        Kind::Rtp => &[0x80, 96],
        Kind::Rtcp => &[0x80, 201, 0, 7],
        Kind::Dtls => &[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0],
        Kind::Anonymous => return stun(0x0001, &[]),
        // USERNAME (RFC 8489 §14.3).
        Kind::Stranger => return stun(0x0001, b"\x00\x06\x00\x09abcd:efgh\x00\x00\x00"),
        // REQUESTED-TRANSPORT: UDP (RFC 8656 §18.6).
        Kind::Allocate => return stun(0x0003, &[0, 0x19, 0, 4, 17, 0, 0, 0]),
    };
    let length = head.len().min(bytes.len());
    bytes[..length].copy_from_slice(&head[..length]);
    bytes
}

fn stun(kind: u16, attributes: &[u8]) -> Vec<u8> {
    let mut bytes = kind.to_be_bytes().to_vec();
    bytes.extend(u16::try_from(attributes.len()).unwrap_or(0).to_be_bytes());
    bytes.extend(COOKIE);
    bytes.extend(rand::random::<[u8; 12]>());
    bytes.extend(attributes);
    bytes
}

/// Answers how many were taken.
async fn connections(to: SocketAddr) -> u64 {
    let mut open = Vec::new();
    for number in 0..CONNECTIONS {
        // A port that takes no more is as good as one that closes.
        let Ok(mut stream) = TcpStream::connect(to).await else {
            continue;
        };
        let text: &[u8] = match number % 4 {
            0 => b"",
            1 => b"GET /rtc HTTP/1.1\r\nhost: x\r\nx: ",
            2 => b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 no HTTP at all \r\n\r\n",
            _ => {
                b"GET /rtc?access_token=e30.e30.e30 HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
                sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            }
        };
        let _ = stream.write_all(text).await;
        open.push(stream);
    }
    sleep(HELD).await;
    let taken = open.len() as u64;
    for mut stream in open {
        let _ = timeout(Duration::from_millis(10), stream.read(&mut [0; 512])).await;
    }
    taken
}
