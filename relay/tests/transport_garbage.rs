//! Anything may arrive on the UDP port: nothing of it panics, grows memory or stops the others.

mod transport_kit;

use std::net::UdpSocket;

use transport_kit::{Client, ClientOptions, Relay};

/// Bytes of memory that the process has resident.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").expect("statm");
    let pages: usize = status
        .split(' ')
        .nth(1)
        .and_then(|field| field.parse().ok())
        .expect("a number of pages");
    pages * 4_096
}

/// xorshift64: the same garbage each time.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn a_flood_of_garbage_grows_nothing_and_disturbs_nobody() {
    let mut relay = Relay::start();
    let mut client = Client::new(relay.engine.udp_addr(), ClientOptions::default()).with_channels();
    let peer = relay.join(&mut client);
    relay.until("open", &mut [&mut client], |relay, clients| {
        relay.channel_open(&peer, "_reliable") && clients[0].has_channel("_reliable")
    });
    let attackers: Vec<_> = (0..8)
        .map(|_| UdpSocket::bind("127.0.0.1:0").expect("a socket"))
        .collect();
    let check = client
        .link
        .sent
        .iter()
        .find(|d| d[0] == 0 && d[1] == 1)
        .expect("a check")
        .clone();
    let mut state = 42;
    let mut flood = |relay: &mut Relay, count: usize| {
        for i in 0..count {
            let mut bytes = if i % 3 == 0 {
                check.clone()
            } else {
                let len = random(&mut state) as usize % 1_400;
                (0..len).map(|_| random(&mut state) as u8).collect()
            };
            if !bytes.is_empty() {
                let at = random(&mut state) as usize % bytes.len();
                bytes[at] ^= 1 + random(&mut state) as u8 % 255;
            }
            let from = &attackers[i % attackers.len()];
            // A full socket is as good as a lossy network.
            let _ = from.send_to(&bytes, relay.engine.udp_addr());
        }
    };
    flood(&mut relay, 3_000);
    let before = resident();
    flood(&mut relay, 30_000);
    let stats = relay.stats_when("counted", |s| {
        let w = &s.workers[0];
        w.garbage + w.strangers + w.checks_refused > 10_000
    });
    assert_eq!(stats.workers[0].transports, 1);
    let grown = resident().saturating_sub(before);
    assert!(grown < 4 << 20, "{grown} bytes grown");
    client.send("_reliable", b"still here");
    relay.until("undisturbed", &mut [&mut client], |relay, _| {
        relay.received(&peer, "_reliable") == [b"still here"]
    });
}

#[test]
fn garbage_from_the_clients_own_address_is_only_counted() {
    let mut relay = Relay::start();
    let mut client = Client::new(relay.engine.udp_addr(), ClientOptions::default()).with_channels();
    let peer = relay.join(&mut client);
    relay.until("open", &mut [&mut client], |relay, clients| {
        relay.channel_open(&peer, "_reliable") && clients[0].has_channel("_reliable")
    });
    let mut state = 7;
    for i in 0..2_000_usize {
        // DTLS records of every type and epoch, and media without the key.
        let first = if i % 2 == 0 {
            20 + (i / 2 % 6) as u8
        } else {
            128 + (i % 64) as u8
        };
        let len = random(&mut state) as u8 % 100;
        let mut bytes = vec![first, 254, 253, 0, (i % 3) as u8, 0, 0, 0, 0, 0, 0, 0, len];
        bytes.extend((0..len).map(|_| random(&mut state) as u8));
        client.link.send(&bytes);
    }
    relay.stats_when("counted", |s| s.workers[0].forged + s.workers[0].garbage > 500);
    client.send("_reliable", b"still here");
    relay.until("undisturbed", &mut [&mut client], |relay, _| {
        relay.received(&peer, "_reliable") == [b"still here"]
    });
    assert!(relay.connected(&peer));
}

#[test]
fn a_request_without_credentials_is_answered_with_the_callers_address() {
    let relay = Relay::start();
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(transport_kit::LIMIT)).expect("a time-out");
    let mut request = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    request.extend([9; 12]);
    socket.send_to(&request, relay.engine.udp_addr()).expect("sent");
    let mut answer = [0; 200];
    let (len, _) = socket.recv_from(&mut answer).expect("an answer");
    assert_eq!((len, &answer[..2]), (32, &[1, 1][..]));
    let port = u16::from_be_bytes([answer[26], answer[27]]) ^ 0x2112;
    assert_eq!(port, socket.local_addr().expect("an address").port());
}
