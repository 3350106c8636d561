//! Clients of both families of addresses on one port.

mod transport_kit;

use std::net::{IpAddr, SocketAddr};

use relay::engine::EngineConfig;
use relay_core::types::Codec;
use transport_kit::{Client, ClientOptions, Link, Relay, SOUND, Turn};

fn dual() -> Relay {
    Relay::start_with(&EngineConfig {
        udp: "[::]:0".parse().expect("an address"),
        ..EngineConfig::default()
    })
}

fn at(ip: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip.parse::<IpAddr>().expect("an address"), port)
}

/// Sound of the first of two clients reaches the second.
fn hears(relay: &mut Relay, mut publisher: Client, mut subscriber: Client) {
    let up = relay.join(&mut publisher);
    let source = relay.publish(&up);
    let down = relay.subscribe(&mut subscriber, source, Codec::Opus);
    let mut both = [&mut publisher, &mut subscriber];
    relay.until("connected", &mut both, |relay, _| {
        relay.connected(&up) && relay.connected(&down)
    });
    let mut sent = 0_u8;
    relay.until("fifty packets", &mut both, |_, clients| {
        sent = sent.wrapping_add(1);
        clients[0].send_sound(&[sent; 80]);
        clients[1].packets.len() >= 50
    });
}

#[test]
fn people_of_both_families_hear_each_other() {
    let mut relay = dual();
    let port = relay.engine.udp_addr().port();
    let client = |ip, options| Client::new(at(ip, port), options);
    for (one, other) in [("127.0.0.1", "::1"), ("::1", "127.0.0.1"), ("::1", "::1")] {
        let (publisher, subscriber) = (client(one, SOUND), client(other, ClientOptions::default()));
        hears(&mut relay, publisher, subscriber);
    }
    assert_eq!(relay.engine.stats().workers[0].dropped_refused, 0);
}

#[test]
fn tcp_and_turn_are_served_to_both_families() {
    let mut relay = dual();
    let port = relay.engine.udp_addr().port();
    let access = relay.access();
    for ip in ["127.0.0.1", "::1"] {
        let engine = at(ip, port);
        let by_tcp = Client::over(Link::tcp(at(ip, access.tcp_addr().port()), engine), SOUND);
        // Without a wish for a family, the relayed address is IPv4: that is the one to relay between.
        let credentials = access.credentials("a session", 4_000_000_000);
        let v4 = at("127.0.0.1", port);
        let turn = Turn::udp(at(ip, access.udp_addr().port()), credentials).ready(v4);
        let by_turn = Client::over(Link::turn(turn, v4), ClientOptions::default());
        hears(&mut relay, by_tcp, by_turn);
    }
}

#[test]
fn a_client_that_changes_its_family_is_followed() {
    let mut relay = dual();
    let port = relay.engine.udp_addr().port();
    let mut subscriber = Client::new(at("127.0.0.1", port), ClientOptions::default());
    let mut publisher = Client::new(at("::1", port), SOUND);
    let up = relay.join(&mut publisher);
    let source = relay.publish(&up);
    let down = relay.subscribe(&mut subscriber, source, Codec::Opus);
    relay.until("connected", &mut [&mut publisher, &mut subscriber], |relay, _| {
        relay.connected(&up) && relay.connected(&down)
    });
    for ip in ["::1", "127.0.0.1"] {
        subscriber.link.move_to(at(ip, port));
        subscriber.packets.clear();
        relay.until(
            "packets at the new address",
            &mut [&mut publisher, &mut subscriber],
            |_, clients| {
                clients[0].send_sound(&[1; 80]);
                clients[1].packets.len() >= 20
            },
        );
    }
}
