//! A client connects, and only the right one: certificate, password, address.

mod transport_kit;

use std::net::UdpSocket;

use relay_core::{
    sdp::Role,
    types::{DisconnectReason, Fingerprint, TransportCommand, TransportEvent},
};
use rtc::peer_connection::state::RTCPeerConnectionState;
use transport_kit::{Client, ClientOptions, Relay};

#[test]
fn a_client_that_offers_connects() {
    let mut relay = Relay::start();
    let mut client = Client::new(relay.engine.udp_addr(), ClientOptions::default()).with_channels();
    let peer = relay.join(&mut client);
    relay.until("connected", &mut [&mut client], |relay, clients| {
        relay.connected(&peer) && clients[0].state == RTCPeerConnectionState::Connected
    });
    let stats = relay.stats_when("counted", |s| s.transport.connected == 1);
    assert_eq!(stats.workers[0].transports, 1);
    assert_eq!(stats.workers[0].forged, 0);
}

#[test]
fn a_client_that_answers_connects_even_when_its_answer_comes_late() {
    let mut relay = Relay::start();
    let mut peer = relay.peer(Role::ServerOffers);
    let mut client = Client::new(relay.engine.udp_addr(), ClientOptions::default());
    let answer = client.answer(&peer.negotiator.create_offer());
    // Checks and the whole DTLS handshake come before the engine knows the answer.
    relay.until("DTLS is up", &mut [&mut client], |_, clients| {
        clients[0].state == RTCPeerConnectionState::Connected
    });
    assert!(!relay.connected(&peer));
    peer.negotiator.accept_answer(&answer).expect("an answer");
    relay.remote(&peer);
    relay.until("connected", &mut [&mut client], |relay, _| relay.connected(&peer));
}

#[test]
fn a_client_that_begins_the_handshake_itself_has_channels_both_ways() {
    let mut relay = Relay::start();
    let mut client = Client::new(relay.engine.udp_addr(), ClientOptions::default()).with_channels();
    let peer = relay.join_begun(&mut client);
    relay.until("open", &mut [&mut client], |relay, clients| {
        relay.channel_open(&peer, "_reliable") && clients[0].has_channel("_reliable")
    });
    transport_kit::exchange(&mut relay, &mut client, &peer, "hello");
}

#[test]
fn a_client_with_another_certificate_is_refused() {
    let mut relay = Relay::start();
    let mut client = Client::new(relay.engine.udp_addr(), ClientOptions::default()).with_channels();
    let mut peer = relay.peer(Role::ClientOffers);
    peer.negotiator.accept_offer(&client.offer()).expect("an offer");
    relay.remote_with(&peer, Fingerprint([7; 32]));
    client.accept_answer(&peer.negotiator.answer());
    relay.until("refused", &mut [&mut client], |relay, _| {
        relay.events.contains(&TransportEvent::Disconnected {
            id: peer.id,
            why: DisconnectReason::DtlsFailed,
        })
    });
    assert!(!relay.connected(&peer));
}

#[test]
fn a_client_that_closes_is_reported() {
    let mut relay = Relay::start();
    let mut client = Client::new(relay.engine.udp_addr(), ClientOptions::default()).with_channels();
    let peer = relay.join(&mut client);
    relay.until("connected", &mut [&mut client], |relay, clients| {
        relay.channel_open(&peer, "_reliable") && clients[0].has_channel("_reliable")
    });
    client.close();
    relay.until("reported", &mut [&mut client], |relay, _| {
        relay.events.contains(&TransportEvent::Disconnected {
            id: peer.id,
            why: DisconnectReason::ClosedByPeer,
        })
    });
}

#[test]
fn a_closed_transport_answers_nothing_any_more() {
    let mut relay = Relay::start();
    let mut client = Client::new(relay.engine.udp_addr(), ClientOptions::default()).with_channels();
    let peer = relay.join(&mut client);
    relay.until("connected", &mut [&mut client], |relay, _| relay.connected(&peer));
    relay.command(TransportCommand::Close { id: peer.id });
    let stats = relay.stats_when("forgotten", |s| {
        s.transport.transports == 0 && s.workers[0].transports == 0
    });
    let answered = stats.workers[0].checks_answered;
    let check = client
        .link
        .sent
        .iter()
        .find(|d| d[0] == 0 && d[1] == 1)
        .expect("a check")
        .clone();
    let stranger = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    stranger.send_to(&check, relay.engine.udp_addr()).expect("sent");
    let stats = relay.stats_when("refused", |s| s.workers[0].checks_refused > 0);
    assert_eq!(stats.workers[0].checks_answered, answered);
}

#[test]
fn a_copied_check_does_not_move_the_client() {
    let mut relay = Relay::start();
    let mut client = Client::new(relay.engine.udp_addr(), ClientOptions::default()).with_channels();
    let peer = relay.join(&mut client);
    relay.until("open", &mut [&mut client], |relay, clients| {
        relay.channel_open(&peer, "_reliable") && clients[0].has_channel("_reliable")
    });
    let thief = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    thief.set_nonblocking(true).expect("not blocking");
    let checks = client.link.sent.iter().filter(|d| d[0] == 0 && d[1] == 1);
    for check in checks {
        thief.send_to(check, relay.engine.udp_addr()).expect("sent");
    }
    relay.stats_when("refused", |s| s.workers[0].checks_refused > 0);
    relay.send(&peer, "_reliable", b"for the client only");
    relay.until("received", &mut [&mut client], |_, clients| {
        clients[0].received("_reliable") == [b"for the client only"]
    });
    assert!(thief.recv_from(&mut [0; 100]).is_err());
}
