//! Clients that move, restart ICE, or fall silent.

mod transport_kit;

use std::time::Duration;

use relay::engine::EngineConfig;
use relay_core::types::{DisconnectReason, TransportEvent};
use transport_kit::{Client, ClientOptions, Peer, Relay, exchange};

fn connected(mut relay: Relay) -> (Relay, Client, Peer) {
    let mut client = Client::new(relay.engine.udp_addr(), ClientOptions::default()).with_channels();
    let peer = relay.join(&mut client);
    relay.until("open", &mut [&mut client], |relay, clients| {
        relay.channel_open(&peer, "_reliable") && clients[0].has_channel("_reliable")
    });
    (relay, client, peer)
}

#[test]
fn a_client_behind_a_nat_that_rebinds_is_followed() {
    let (mut relay, mut client, peer) = connected(Relay::start());
    exchange(&mut relay, &mut client, &peer, "before");
    for round in ["first", "second"] {
        client.link.rebind();
        exchange(&mut relay, &mut client, &peer, round);
    }
}

#[test]
fn ice_restarts_on_the_clients_wish() {
    let (mut relay, mut client, mut peer) = connected(Relay::start());
    exchange(&mut relay, &mut client, &peer, "before");
    client.pc.restart_ice();
    relay.answer(&mut peer, &mut client);
    exchange(&mut relay, &mut client, &peer, "during");
    let ufrag = peer.negotiator.local_ice().ufrag.clone();
    relay.until("checks with new credentials", &mut [&mut client], |_, clients| {
        let sent = &clients[0].link.sent;
        sent.iter()
            .any(|d| d[0] == 0 && d.windows(ufrag.len()).any(|w| w == ufrag.as_bytes()))
    });
    exchange(&mut relay, &mut client, &peer, "after");
}

#[test]
fn a_silent_client_is_reported_and_so_is_its_return() {
    let (mut relay, mut client, peer) = connected(Relay::start_with(&EngineConfig {
        udp: "127.0.0.1:0".parse().expect("an address"),
        pause_after: Duration::from_millis(1_000),
        disconnect_after: Duration::from_millis(2_500),
        ..EngineConfig::default()
    }));
    let id = peer.id;
    let gone = TransportEvent::Disconnected {
        id,
        why: DisconnectReason::Silent,
    };
    relay.until("reported", &mut [], |relay, _| relay.events.contains(&gone));
    relay.events.clear();
    relay.until("back", &mut [&mut client], |relay, _| relay.connected(&peer));
}
