//! Data channels, whoever opens them.

mod transport_kit;

use relay_core::{sdp::Role, types::TransportEvent};
use transport_kit::{Client, ClientOptions, Peer, Relay};

fn connected() -> (Relay, Client, Peer) {
    let mut relay = Relay::start();
    let mut client = Client::new(relay.engine.udp_addr(), ClientOptions::default()).with_channels();
    let peer = relay.join(&mut client);
    relay.until("channels are open", &mut [&mut client], |relay, clients| {
        ["_reliable", "_lossy"]
            .iter()
            .all(|l| relay.channel_open(&peer, l) && clients[0].has_channel(l))
    });
    (relay, client, peer)
}

#[test]
fn messages_go_both_ways_on_channels_that_the_client_opened() {
    let (mut relay, mut client, peer) = connected();
    for label in ["_reliable", "_lossy"] {
        client.send(label, b"up");
        relay.send(&peer, label, b"down");
        relay.until(label, &mut [&mut client], |relay, clients| {
            relay.received(&peer, label) == [b"up"] && clients[0].received(label) == [b"down"]
        });
    }
    client.send("_reliable", b"");
    relay.send(&peer, "_reliable", b"");
    relay.until("empty ones", &mut [&mut client], |relay, clients| {
        relay.received(&peer, "_reliable") == [&b"up"[..], b""]
            && clients[0].received("_reliable") == [&b"down"[..], b""]
    });
}

#[test]
fn messages_go_both_ways_on_channels_that_we_opened() {
    let mut relay = Relay::start();
    let mut peer = relay.peer(Role::ServerOffers);
    // Before there is a client at all, and a message that waits for it.
    relay.open_channel(&peer, "_reliable", false);
    relay.open_channel(&peer, "_lossy", true);
    relay.send(&peer, "_reliable", b"early");
    let mut client = Client::new(relay.engine.udp_addr(), ClientOptions::default());
    let answer = client.answer(&peer.negotiator.create_offer());
    peer.negotiator.accept_answer(&answer).expect("an answer");
    relay.remote(&peer);
    relay.until("open", &mut [&mut client], |relay, clients| {
        ["_reliable", "_lossy"]
            .iter()
            .all(|l| relay.channel_open(&peer, l) && clients[0].has_channel(l))
    });
    relay.send(&peer, "_lossy", b"lossy");
    client.send("_reliable", b"up");
    relay.until("received", &mut [&mut client], |relay, clients| {
        relay.received(&peer, "_reliable") == [b"up"]
            && clients[0].received("_reliable") == [b"early"]
            && clients[0].received("_lossy") == [b"lossy"]
    });
}

#[test]
fn large_messages_arrive_whole_and_in_order_and_too_large_ones_are_dropped() {
    let (mut relay, mut client, peer) = connected();
    let message = |i: u8, len: usize| vec![i; len];
    relay.send(&peer, "_reliable", &message(99, 65_537));
    for i in 0..30 {
        relay.send(&peer, "_reliable", &message(i, 15_000 + usize::from(i)));
        client.send("_reliable", &message(i, 14_000 + usize::from(i)));
    }
    relay.until("all of them", &mut [&mut client], |relay, clients| {
        relay.received(&peer, "_reliable").len() == 30 && clients[0].received("_reliable").len() == 30
    });
    for (i, got) in (0..).zip(client.received("_reliable")) {
        assert!(*got == message(i, 15_000 + usize::from(i)));
    }
    for (i, got) in (0..).zip(relay.received(&peer, "_reliable")) {
        assert!(got == message(i, 14_000 + usize::from(i)));
    }
    let stats = relay.stats_when("counted", |s| s.transport.messages_in >= 30);
    assert_eq!(stats.transport.messages_dropped, 1);
}

#[test]
fn what_waits_for_a_stalled_client_is_bounded_and_told() {
    let (mut relay, mut client, peer) = connected();
    // Nothing of the client is run meanwhile: it acknowledges nothing.
    for _ in 0..200 {
        relay.send(&peer, "_reliable", &[1; 30_000]);
        relay.send(&peer, "_lossy", &[2; 1_000]);
    }
    let stats = relay.stats_when("all handled", |s| {
        s.transport.messages_out + s.transport.messages_dropped >= 400
    });
    assert!(stats.transport.messages_dropped > 200);
    let buffered = |relay: &Relay| {
        let told = |e: &&TransportEvent| matches!(e, TransportEvent::ChannelBuffered { .. });
        relay.events.iter().filter(told).count()
    };
    assert_eq!(buffered(&relay), 1);
    let sent = stats.transport.messages_out;
    relay.until("it goes on", &mut [&mut client], |relay, _| buffered(relay) == 2);
    client.send("_reliable", b"still there");
    relay.until("up", &mut [&mut client], |relay, _| {
        relay.received(&peer, "_reliable") == [b"still there"]
    });
    assert!(sent < 300);
}
