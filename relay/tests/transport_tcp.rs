//! Clients that come by ICE-TCP, and whatever else comes to that port.

mod transport_kit;

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use relay::{
    access::{Access, Limits},
    engine::EngineConfig,
};
use relay_core::types::{Codec, TransportCommand};
use transport_kit::{
    Client, ClientOptions, LIMIT, Peer, Relay,
    link::{Tcp, Wire, connect, framed, is_cut},
};

const SOUND: ClientOptions = ClientOptions {
    audio: true,
    loss: 0,
    seed: 1,
};

fn exchange(relay: &mut Relay, client: &mut Client, peer: &Peer, text: &str) {
    client.send("_reliable", text.as_bytes());
    relay.send(peer, "_reliable", text.as_bytes());
    relay.until(text, &mut [client], |relay, clients| {
        let last = relay.received(peer, "_reliable").pop();
        last.as_deref() == Some(text.as_bytes())
            && clients[0].received("_reliable").last().copied() == Some(text.as_bytes())
    });
}

fn open(relay: &mut Relay, access: &Access) -> (Client, Peer) {
    let mut client = relay.tcp_client(access, ClientOptions::default()).with_channels();
    let peer = relay.join(&mut client);
    relay.until("open", &mut [&mut client], |relay, clients| {
        relay.channel_open(&peer, "_reliable") && clients[0].has_channel("_reliable")
    });
    (client, peer)
}

/// A check that the client has sent.
fn check(client: &Client) -> Vec<u8> {
    let mut sent = client.link.sent.iter();
    sent.find(|d| d[0] == 0 && d[1] == 1).expect("a check").clone()
}

#[test]
fn a_client_connects_by_tcp_and_exchanges_data() {
    let mut relay = Relay::start();
    let access = relay.access();
    let (mut client, peer) = open(&mut relay, &access);
    exchange(&mut relay, &mut client, &peer, "by TCP alone");
    let stats = relay.stats_when("counted", |s| s.workers[0].linked_out > 0);
    assert_eq!((stats.workers[0].packets_out, stats.workers[0].dropped_links), (0, 0));
    assert_eq!(access.stats().connections, 1);
}

fn sound_between(mut relay: Relay, by_tcp: [bool; 2]) -> Relay {
    let access = relay.access();
    let client = |by_tcp, options| match by_tcp {
        true => relay.tcp_client(&access, options),
        false => Client::new(relay.engine.udp_addr(), options),
    };
    let mut publisher = client(by_tcp[0], SOUND);
    let mut subscriber = client(by_tcp[1], ClientOptions::default());
    let up = relay.join(&mut publisher);
    let source = relay.publish(&up);
    let down = relay.subscribe(&mut subscriber, source, Codec::Opus);
    let mut both = [&mut publisher, &mut subscriber];
    relay.until("connected", &mut both, |relay, _| {
        relay.connected(&up) && relay.connected(&down)
    });
    let mut sent = 0_u8;
    relay.until("a hundred packets", &mut both, |_, clients| {
        if sent < 120 {
            clients[0].send_sound(&[sent; 80]);
            sent += 1;
        }
        clients[1].packets.len() >= 100
    });
    for pair in subscriber.packets.windows(2) {
        let sequence = |i: usize| pair[i].header.sequence_number;
        assert_eq!(sequence(0).wrapping_add(1), sequence(1));
        assert_eq!(pair[0].payload[0].wrapping_add(1), pair[1].payload[0]);
    }
    relay
}

#[test]
fn sound_passes_whole_whether_by_tcp_or_udp() {
    for by_tcp in [[true, true], [true, false], [false, true]] {
        sound_between(Relay::start(), by_tcp);
    }
}

#[test]
fn with_several_workers_a_connection_goes_to_that_of_its_room() {
    let mut relay = Relay::start_with(&EngineConfig {
        udp: "127.0.0.1:0".parse().expect("an address"),
        workers: 3,
        ..EngineConfig::default()
    })
    .with_step(3);
    for _ in 0..3 {
        relay = sound_between(relay, [true, true]).with_step(1);
        // The ids of the next room are of another worker.
        relay.fresh();
        relay = relay.with_step(3);
    }
}

#[test]
fn a_client_moves_from_udp_to_tcp_and_to_another_connection() {
    let mut relay = Relay::start();
    let access = relay.access();
    let mut client = Client::new(relay.engine.udp_addr(), ClientOptions::default()).with_channels();
    let peer = relay.join(&mut client);
    relay.until("open", &mut [&mut client], |relay, clients| {
        relay.channel_open(&peer, "_reliable") && clients[0].has_channel("_reliable")
    });
    exchange(&mut relay, &mut client, &peer, "by UDP");
    client.link.wire = Wire::Tcp(Tcp::connect(access.tcp_addr()));
    exchange(&mut relay, &mut client, &peer, "by TCP");
    // The former connection is closed, and the client goes on with a new one.
    client.link.rebind();
    exchange(&mut relay, &mut client, &peer, "by another connection");
    relay.access_when(&access, "the former is gone", |s| s.connections == 1);
}

#[test]
fn a_slow_reader_loses_media_only_and_is_cut_in_the_end() {
    let mut relay = Relay::start();
    let access = relay.access();
    let mut publisher = Client::new(relay.engine.udp_addr(), SOUND);
    let mut subscriber = relay.tcp_client(&access, ClientOptions::default());
    let up = relay.join(&mut publisher);
    let source = relay.publish(&up);
    let down = relay.subscribe(&mut subscriber, source, Codec::Opus);
    relay.until("connected", &mut [&mut publisher, &mut subscriber], |relay, _| {
        relay.connected(&up) && relay.connected(&down)
    });
    // From now on the subscriber reads nothing. What the system itself buffers fills first.
    let begun = Instant::now();
    let mut sent = 0_u32;
    let end = begun + Duration::from_secs(60);
    while access.stats().tcp_slow == 0 {
        assert!(
            Instant::now() < end,
            "not cut after {sent} packets: {:?}",
            relay.engine.stats().workers[0]
        );
        for _ in 0..20 {
            publisher.send_sound(&[7; 1_100]);
        }
        sent += 20;
        publisher.turn();
    }
    let stats = relay.stats_when("dropped", |s| s.workers[0].dropped_links > 0);
    assert!(stats.workers[0].dropped_links < u64::from(sent));
    assert_eq!(access.stats().connections, 0);
}

#[test]
fn a_closed_transport_ends_its_connection() {
    let mut relay = Relay::start();
    let access = relay.access();
    let (mut client, peer) = open(&mut relay, &access);
    relay.command(TransportCommand::Close { id: peer.id });
    relay.until("cut", &mut [&mut client], |_, _| access.stats().connections == 0);
}

#[test]
fn strangers_are_cut_and_counted() {
    let mut relay = Relay::start();
    let access = relay.access();
    let (mut client, peer) = open(&mut relay, &access);
    let mut forged = check(&client);
    let at = forged.len() - 20;
    forged[at] ^= 1;
    let mut stranger = check(&client);
    // Another user fragment; its seal does not fit any more, so it is no check at all.
    let name = stranger.windows(4).position(|w| w == b"frag").expect("a fragment");
    stranger[name] = b'x';
    let garbage: [Vec<u8>; 6] = [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        vec![0x16, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3],
        vec![0xff; 100],
        framed(&[0x80; 100]),
        framed(&stranger),
        framed(&forged),
    ];
    let count = garbage.len() as u64;
    for bytes in garbage {
        let mut stream = TcpStream::connect(access.tcp_addr()).expect("connected");
        stream.write_all(&bytes).expect("sent");
        assert!(is_cut(&mut stream), "{bytes:?}");
    }
    let stats = relay.access_when(&access, "gone", |s| s.connections == 1);
    assert_eq!(stats.tcp_garbage, count);
    exchange(&mut relay, &mut client, &peer, "undisturbed");
}

#[test]
fn half_a_frame_and_silence_are_cut_after_a_while() {
    let mut relay = Relay::start();
    let access = relay.access();
    let (client, _peer) = open(&mut relay, &access);
    let half = framed(&check(&client));
    let begun = Instant::now();
    let mut streams = [&half[..half.len() / 2], &half[..1], &[]].map(|bytes| {
        let mut stream = TcpStream::connect(access.tcp_addr()).expect("connected");
        stream.write_all(bytes).expect("sent");
        stream
    });
    assert!(streams.iter_mut().all(is_cut));
    assert!(begun.elapsed() >= Duration::from_secs(9));
    let stats = relay.access_when(&access, "counted", |s| s.tcp_silent >= 3);
    assert_eq!(stats.tcp_silent, 3);
}

#[test]
fn a_copied_check_is_refused_on_another_connection() {
    let mut relay = Relay::start();
    let access = relay.access();
    let (mut client, peer) = open(&mut relay, &access);
    let mut thief = connect(access.tcp_addr());
    thief.write_all(&framed(&check(&client))).expect("sent");
    relay.stats_when("refused", |s| s.workers[0].checks_refused > 0);
    exchange(&mut relay, &mut client, &peer, "for the client only");
    assert!(!matches!(thief.read(&mut [0; 100]), Ok(1..)));
}

#[test]
fn connections_are_bounded_in_all_and_of_one_address() {
    let mut relay = Relay::start();
    for (limits, refused) in [(Limits { total: 3, each: 9 }, 2), (Limits { total: 9, each: 3 }, 2)] {
        let access = relay.access_with(|config| config.connections = limits);
        let mut streams: Vec<_> = (0..5)
            .map(|_| TcpStream::connect(access.tcp_addr()).expect("connected"))
            .collect();
        let stats = relay.access_when(&access, "refused", |s| s.tcp_refused >= refused);
        assert_eq!((stats.tcp_refused, stats.connections), (refused, 3));
        assert!(streams[3..].iter_mut().all(is_cut));
        // There is room again once one has gone.
        drop(streams.remove(0));
        relay.access_when(&access, "gone", |s| s.connections == 2);
        let _another = TcpStream::connect(access.tcp_addr()).expect("connected");
        relay.access_when(&access, "let in", |s| s.connections == 3);
    }
}

#[test]
fn a_flood_of_checks_from_one_connection_disturbs_nobody() {
    let mut relay = Relay::start();
    let access = relay.access();
    let (mut client, peer) = open(&mut relay, &access);
    let end = Instant::now() + LIMIT;
    let mut floods = 0;
    // What is not proven within a hundred datagrams is cut; each flood takes a connection of its own.
    while access.stats().tcp_garbage < 5 {
        assert!(Instant::now() < end);
        let mut stream = TcpStream::connect(access.tcp_addr()).expect("connected");
        let flood = framed(&check(&client)).repeat(1_000);
        let _ = stream.write_all(&flood);
        floods += 1;
        client.turn();
    }
    assert!(floods >= 5);
    exchange(&mut relay, &mut client, &peer, "undisturbed");
}
