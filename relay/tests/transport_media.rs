//! Media of one client reaches another through the shard.

mod transport_kit;

use std::{
    net::UdpSocket,
    time::{Duration, Instant},
};

use relay::engine::EngineConfig;
use relay_core::types::{Codec, TransportEvent};
use rtc::peer_connection::state::RTCPeerConnectionState;
use transport_kit::{Client, ClientOptions, Peer, Relay, SOUND};

fn forwarded(mut relay: Relay) -> (Relay, Client, Client, Peer) {
    let address = relay.engine.udp_addr();
    let mut publisher = Client::new(address, SOUND);
    let mut subscriber = Client::new(address, ClientOptions::default());
    let up = relay.join(&mut publisher);
    let source = relay.publish(&up);
    let down = relay.subscribe(&mut subscriber, source, Codec::Opus);
    relay.until(
        "both are connected",
        &mut [&mut publisher, &mut subscriber],
        |relay, _| relay.connected(&up) && relay.connected(&down),
    );
    (relay, publisher, subscriber, down)
}

fn check_stream(relay: &mut Relay, publisher: &mut Client, subscriber: &mut Client) {
    let mut sent = 0_u8;
    relay.until(
        "a hundred packets, across a rollover",
        &mut [publisher, subscriber],
        |_, clients| {
            if sent < 120 {
                clients[0].send_sound(&[sent; 80]);
                sent += 1;
            }
            clients[1].packets.len() >= 100
        },
    );
    let packets = &subscriber.packets;
    for pair in packets.windows(2) {
        let (a, b) = (&pair[0].header, &pair[1].header);
        assert_eq!(a.ssrc, b.ssrc);
        assert_eq!(a.sequence_number.wrapping_add(1), b.sequence_number);
        assert_eq!(pair[0].payload[0].wrapping_add(1), pair[1].payload[0]);
    }
}

#[test]
fn sound_is_forwarded_in_order_and_whole() {
    let (mut relay, mut publisher, mut subscriber, _) = forwarded(Relay::start());
    check_stream(&mut relay, &mut publisher, &mut subscriber);
    let stats = relay.stats_when("counted", |s| s.workers[0].forward.packets_out >= 100);
    let worker = &stats.workers[0];
    assert_eq!((worker.forged, worker.replayed), (0, 0));
    assert_eq!((worker.dropped_unsealed, worker.dropped_full), (0, 0));
}

#[test]
fn sound_that_comes_before_the_keys_waits_for_them() {
    let mut relay = Relay::start();
    let address = relay.engine.udp_addr();
    let mut publisher = Client::new(address, SOUND);
    let mut subscriber = Client::new(address, ClientOptions::default());
    publisher.link.holds_end = true;
    let up = relay.join(&mut publisher);
    let source = relay.publish(&up);
    let down = relay.subscribe(&mut subscriber, source, Codec::Opus);
    let both = &mut [&mut publisher, &mut subscriber];
    relay.until("the publisher has its keys", both, |relay, clients| {
        relay.connected(&down) && clients[0].state == RTCPeerConnectionState::Connected
    });
    assert!(!relay.connected(&up));
    for sent in 0..5 {
        publisher.send_sound(&[sent; 80]);
    }
    let both = &mut [&mut publisher, &mut subscriber];
    relay.until("all is kept", both, |relay, _| {
        relay.engine.stats().workers[0].early >= 5
    });
    publisher.link.release();
    let both = &mut [&mut publisher, &mut subscriber];
    relay.until("all has come", both, |_, clients| clients[1].packets.len() >= 5);
    let first: Vec<u8> = subscriber.packets.iter().map(|packet| packet.payload[0]).collect();
    assert_eq!(first, [0, 1, 2, 3, 4]);
}

#[test]
fn sound_reaches_a_subscriber_that_has_moved() {
    let (mut relay, mut publisher, mut subscriber, _) = forwarded(Relay::start());
    check_stream(&mut relay, &mut publisher, &mut subscriber);
    subscriber.link.rebind();
    subscriber.packets.clear();
    let mut sent = 0_u32;
    relay.until(
        "packets at the new address",
        &mut [&mut publisher, &mut subscriber],
        |_, clients| {
            sent += 1;
            clients[0].send_sound(&[1; 80]);
            clients[1].packets.len() >= 20
        },
    );
    assert!(sent > 0);
}

/// The publisher moves and sends no check any more: what it sends speaks for it.
fn check_moved(relay: &mut Relay, publisher: &mut Client, subscriber: &mut Client) {
    publisher.link.unchecked = true;
    publisher.link.rebind();
    subscriber.packets.clear();
    relay.until(
        "packets at the new address",
        &mut [publisher, subscriber],
        |_, clients| {
            clients[0].send_sound(&[1; 80]);
            clients[1].packets.len() >= 20
        },
    );
}

#[test]
fn who_moves_is_followed_by_what_comes_from_there_without_a_check() {
    let (mut relay, mut publisher, mut subscriber, _) = forwarded(Relay::start());
    check_stream(&mut relay, &mut publisher, &mut subscriber);
    for round in 1..=2 {
        check_moved(&mut relay, &mut publisher, &mut subscriber);
        let stats = relay.stats_when("counted", |s| s.workers[0].followed >= round);
        assert_eq!((stats.workers[0].followed, stats.workers[0].forged), (round, 0));
    }
}

#[test]
fn a_copy_that_comes_from_elsewhere_moves_nobody() {
    let (mut relay, mut publisher, mut subscriber, _) = forwarded(Relay::start());
    check_stream(&mut relay, &mut publisher, &mut subscriber);
    let elsewhere = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let media = publisher.link.sent.iter().filter(|sent| sent[0] >= 128);
    let mut copies = 0;
    for sent in media {
        elsewhere.send_to(sent, relay.engine.udp_addr()).expect("sent");
        copies += 1;
    }
    assert!(copies > 10);
    let stats = relay.stats_when("counted", |s| s.workers[0].strangers >= copies);
    assert_eq!(stats.workers[0].followed, 0);
    check_stream(&mut relay, &mut publisher, &mut subscriber);
}

/// What the publisher sent last reaches the relay from elsewhere, and not from itself.
fn move_by_copy(relay: &mut Relay, publisher: &mut Client) {
    publisher.link.unchecked = true;
    publisher.link.set_loss(100);
    publisher.link.sent.clear();
    publisher.send_sound(&[1; 80]);
    relay.until("held back", &mut [publisher], |_, clients| {
        clients[0].link.sent.iter().any(|sent| sent[0] >= 128)
    });
    let held = publisher.link.sent.iter().rfind(|sent| sent[0] >= 128);
    let elsewhere = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let to = relay.engine.udp_addr();
    elsewhere.send_to(held.expect("held back"), to).expect("sent");
    relay.stats_when("moved", |s| s.workers[0].followed == 1);
    publisher.link.set_loss(0);
}

#[test]
fn who_is_moved_by_a_copy_that_came_first_is_back_with_its_next_packet() {
    let (mut relay, mut publisher, mut subscriber, _) = forwarded(Relay::start());
    check_stream(&mut relay, &mut publisher, &mut subscriber);
    move_by_copy(&mut relay, &mut publisher);
    relay.until("the copy", &mut [&mut subscriber], |_, clients| {
        clients[0].packets.last().is_some_and(|packet| packet.payload[0] == 1)
    });
    subscriber.packets.clear();
    // All that it sends is taken from there, also before it is followed back.
    check_stream(&mut relay, &mut publisher, &mut subscriber);
    relay.until("back", &mut [&mut publisher], |relay, clients| {
        clients[0].send_sound(&[1; 80]);
        relay.engine.stats().workers[0].followed == 2
    });
}

/// Media of nobody, from more addresses than are looked at.
struct Flood(Vec<UdpSocket>);

impl Flood {
    fn new() -> Self {
        Self(
            (0..30)
                .map(|_| UdpSocket::bind("127.0.0.1:0").expect("a socket"))
                .collect(),
        )
    }

    fn pour(&self, relay: &Relay) {
        for socket in &self.0 {
            for _ in 0..10 {
                // A full socket is as good as a lossy network.
                let _ = socket.send_to(&[128; 100], relay.engine.udp_addr());
            }
        }
    }
}

/// From one address more comes than is looked at: a page that was removed goes on sending.
#[test]
fn who_moves_is_followed_beside_what_somebody_sends_for_nothing() {
    let (mut relay, mut publisher, mut subscriber, _) = forwarded(Relay::start());
    check_stream(&mut relay, &mut publisher, &mut subscriber);
    let removed = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    for _ in 0..400 {
        let _ = removed.send_to(&[128; 100], relay.engine.udp_addr());
    }
    relay.stats_when("counted", |s| s.workers[0].strangers > 300);
    check_moved(&mut relay, &mut publisher, &mut subscriber);
}

#[test]
fn a_flood_from_many_addresses_does_not_silence_who_is_moved_by_a_copy() {
    let (mut relay, mut publisher, mut subscriber, _) = forwarded(Relay::start());
    check_stream(&mut relay, &mut publisher, &mut subscriber);
    move_by_copy(&mut relay, &mut publisher);
    let flood = Flood::new();
    flood.pour(&relay);
    relay.stats_when("nothing is looked at any more", |s| s.workers[0].strangers > 250);
    subscriber.packets.clear();
    relay.until(
        "all that is sent",
        &mut [&mut publisher, &mut subscriber],
        |relay, clients| {
            flood.pour(relay);
            clients[0].send_sound(&[1; 80]);
            clients[1].packets.len() >= 20 && relay.engine.stats().workers[0].followed == 2
        },
    );
}

/// A subscriber sends reports alone.
#[test]
fn who_moves_is_followed_by_its_reports() {
    for workers in [1, 3] {
        let relay = Relay::start_with(&EngineConfig {
            udp: "127.0.0.1:0".parse().expect("an address"),
            workers,
            ..EngineConfig::default()
        });
        let (mut relay, mut publisher, mut subscriber, _) =
            forwarded(relay.with_step(u32::try_from(workers).expect("few")));
        check_stream(&mut relay, &mut publisher, &mut subscriber);
        subscriber.send_report();
        relay.until("a report", &mut [&mut subscriber], |_, clients| {
            clients[0].link.sent.iter().any(|sent| sent[0] >= 128)
        });
        subscriber.link.unchecked = true;
        subscriber.link.rebind();
        subscriber.packets.clear();
        relay.until(
            "packets at the new address",
            &mut [&mut publisher, &mut subscriber],
            |_, clients| {
                clients[0].send_sound(&[1; 80]);
                clients[1].send_report();
                clients[1].packets.len() >= 20
            },
        );
        let followed = |s: &relay::engine::EngineStats| s.workers.iter().map(|w| w.followed).sum::<u64>();
        let stats = relay.stats_when("counted", |s| followed(s) >= 1);
        assert_eq!(followed(&stats), 1);
        assert_eq!(stats.workers.iter().map(|w| w.forged).sum::<u64>(), 0);
    }
}

/// As GStreamer and older FFmpeg: their media goes on, and so do reports, but no check comes after the first ones.
#[test]
fn who_sends_media_and_no_checks_is_not_silent() {
    let (mut relay, mut publisher, mut subscriber, _) = forwarded(Relay::start_with(&EngineConfig {
        udp: "127.0.0.1:0".parse().expect("an address"),
        pause_after: Duration::from_millis(1_000),
        disconnect_after: Duration::from_millis(2_500),
        ..EngineConfig::default()
    }));
    check_stream(&mut relay, &mut publisher, &mut subscriber);
    publisher.link.unchecked = true;
    subscriber.link.unchecked = true;
    let end = Instant::now() + Duration::from_secs(4);
    let mut next = Instant::now();
    relay.until("four seconds", &mut [&mut publisher, &mut subscriber], |_, clients| {
        if next <= Instant::now() {
            next += Duration::from_millis(20);
            clients[0].send_sound(&[1; 80]);
            clients[1].send_report();
        }
        if Instant::now() + Duration::from_millis(500) < end {
            clients[1].packets.clear();
        }
        end <= Instant::now()
    });
    let gone = |event: &&TransportEvent| matches!(event, TransportEvent::Disconnected { .. });
    assert_eq!(relay.events.iter().find(gone), None);
    assert!(subscriber.packets.len() >= 10, "{}", subscriber.packets.len());
}

#[test]
fn several_workers_hand_over_what_the_kernel_gave_the_wrong_one() {
    let relay = Relay::start_with(&EngineConfig {
        udp: "127.0.0.1:0".parse().expect("an address"),
        workers: 3,
        ..EngineConfig::default()
    });
    // Ids of one room are congruent modulo the number of workers.
    let mut relay = relay.with_step(3);
    assert_eq!(relay.engine.workers(), 3);
    for _ in 0..4 {
        let (back, mut publisher, mut subscriber, _) = forwarded(relay);
        relay = back;
        check_stream(&mut relay, &mut publisher, &mut subscriber);
        check_moved(&mut relay, &mut publisher, &mut subscriber);
    }
}
