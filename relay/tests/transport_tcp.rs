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
    Client, ClientOptions, LIMIT, Peer, Relay, SOUND, exchange,
    link::{Tcp, Wire, connect, framed, is_cut},
};

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

/// A subscriber by TCP with channels, and one by UDP, to one publisher.
struct Audience {
    relay: Relay,
    access: Access,
    publisher: Client,
    by_tcp: (Client, Peer),
    by_udp: Client,
    /// Packets since both heard the first ones.
    sent: usize,
}

impl Audience {
    fn new() -> Self {
        let mut relay = Relay::start();
        let access = relay.access();
        let mut publisher = Client::new(relay.engine.udp_addr(), SOUND);
        let mut slow = relay.tcp_client(&access, ClientOptions::default());
        let mut by_udp = Client::new(relay.engine.udp_addr(), ClientOptions::default());
        let up = relay.join(&mut publisher);
        let source = relay.publish(&up);
        let down = relay.subscribe(&mut slow, source, Codec::Opus);
        let beside = relay.subscribe(&mut by_udp, source, Codec::Opus);
        relay.open_channel(&down, "_reliable", false);
        let mut all = [&mut publisher, &mut slow, &mut by_udp];
        relay.until("connected", &mut all, |relay, clients| {
            let connected = [&up, &down, &beside].iter().all(|peer| relay.connected(peer));
            connected && clients[1].has_channel("_reliable")
        });
        relay.until("both hear", &mut all, |_, clients| {
            clients[0].send_sound(&[7; 1_100]);
            clients[1..].iter().all(|client| !client.packets.is_empty())
        });
        Self {
            relay,
            access,
            publisher,
            by_tcp: (slow, down),
            by_udp,
            sent: 0,
        }
    }

    /// Sends until something holds; the subscriber by TCP reads nothing.
    fn send_until(&mut self, what: &str, holds: impl Fn(&Relay, &Access) -> bool) {
        let end = Instant::now() + Duration::from_secs(60);
        while !holds(&self.relay, &self.access) {
            assert!(Instant::now() < end, "not in time: {what}");
            // A few at a time, or the other one's socket is full before it is read.
            for _ in 0..5 {
                self.publisher.send_sound(&[7; 1_100]);
            }
            self.publisher.turn();
            for _ in 0..6 {
                self.by_udp.turn();
            }
            self.sent += 5;
            self.relay.drain();
        }
    }
}

#[test]
fn a_slow_reader_loses_media_only_and_costs_nobody_else() {
    let mut audience = Audience::new();
    let dropped = |relay: &Relay| relay.engine.stats().workers[0].dropped_links;
    audience.send_until("its queue is full", |relay, _| dropped(relay) > 100);
    // It reads again, before it is cut: what is not media was kept for it.
    let Audience {
        mut relay,
        access,
        by_tcp: (mut slow, down),
        mut by_udp,
        sent,
        ..
    } = audience;
    relay.send(&down, "_reliable", b"not lost");
    relay.until("the other has all", &mut [&mut by_udp], |_, clients| {
        clients[0].packets.len() >= sent
    });
    relay.until("all is read", &mut [&mut slow], |_, clients| {
        clients[0].received("_reliable") == [b"not lost"]
    });
    // Of what was dropped some are reports.
    assert!(slow.packets.len() < sent - 50, "{} of {sent}", slow.packets.len());
    assert_eq!((access.stats().tcp_slow, access.stats().connections), (0, 1));
    let worker = relay.engine.stats().workers[0];
    assert_eq!((worker.dropped_full, worker.dropped_refused), (0, 0));
}

#[test]
fn a_reader_that_takes_nothing_is_cut_in_the_end_and_nobody_else_is() {
    let mut audience = Audience::new();
    let begun = Instant::now();
    audience.send_until("cut", |_, access| access.stats().tcp_slow > 0);
    assert!(
        begun.elapsed() >= Duration::from_secs(9),
        "it has some seconds to go on"
    );
    assert_eq!(
        (audience.access.stats().tcp_slow, audience.access.stats().connections),
        (1, 0)
    );
    let heard = audience.by_udp.packets.len();
    audience.publisher.send_sound(&[7; 1_100]);
    let mut others = [&mut audience.publisher, &mut audience.by_udp];
    audience.relay.until("the other hears", &mut others, |_, clients| {
        clients[1].packets.len() > heard
    });
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
