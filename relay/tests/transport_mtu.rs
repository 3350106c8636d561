//! No datagram that we make is longer than 1,200 bytes: the handshake, data channels, reports.

mod transport_kit;

use transport_kit::{Client, ClientOptions, Relay};

/// Bytes of UDP payload.
const MTU: usize = 1_200;

#[test]
fn handshake_and_large_messages_fit_every_path() {
    let mut relay = Relay::start();
    let options = ClientOptions {
        audio: true,
        // Flights and messages that are sent again, too.
        loss: 5,
        seed: 3,
    };
    let mut client = Client::new(relay.engine.udp_addr(), options).with_channels();
    let peer = relay.join(&mut client);
    relay.publish(&peer);
    relay.until("open", &mut [&mut client], |relay, clients| {
        relay.channel_open(&peer, "_reliable") && clients[0].has_channel("_reliable")
    });
    assert!((200..=MTU).contains(&client.link.longest), "{}", client.link.longest);
    let message = vec![7; 15_000];
    for _ in 0..10 {
        relay.send(&peer, "_reliable", &message);
        client.send("_reliable", &message);
    }
    relay.until("ten large messages each way", &mut [&mut client], |relay, clients| {
        clients[0].send_sound(&[7; 100]);
        clients[0].received("_reliable").len() == 10 && relay.received(&peer, "_reliable").len() == 10
    });
    // Near the bound, so that a message takes as few packets as it may.
    assert!(
        (MTU - 40..=MTU).contains(&client.link.longest),
        "{}",
        client.link.longest
    );
}
