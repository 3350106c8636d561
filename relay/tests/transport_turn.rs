//! Clients that come by TURN, and what they may not do there.

mod transport_kit;

use std::net::{SocketAddr, UdpSocket};

use relay::access::Access;
use relay_core::types::Codec;
use rtc::stun::message::METHOD_ALLOCATE;
use transport_kit::{Client, ClientOptions, Link, Peer, Relay, SOUND, Turn, exchange, link::is_cut};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Udp,
    Tcp,
}

fn turn(access: &Access, by: By) -> Turn {
    let credentials = access.credentials("a session", 4_000_000_000);
    match by {
        By::Udp => Turn::udp(access.udp_addr(), credentials),
        By::Tcp => Turn::tcp(access.tcp_addr(), credentials),
    }
}

fn client(relay: &Relay, access: &Access, by: By, options: ClientOptions) -> Client {
    let engine = relay.engine.udp_addr();
    Client::over(Link::turn(turn(access, by).ready(engine), engine), options)
}

fn opened(relay: &mut Relay, mut client: Client) -> (Client, Peer) {
    client = client.with_channels();
    let peer = relay.join(&mut client);
    relay.until("open", &mut [&mut client], |relay, clients| {
        relay.channel_open(&peer, "_reliable") && clients[0].has_channel("_reliable")
    });
    (client, peer)
}

#[test]
fn a_client_connects_by_turn_and_sound_passes_whole() {
    for by in [By::Udp, By::Tcp] {
        let mut relay = Relay::start();
        let access = relay.access();
        let mut publisher = client(&relay, &access, by, SOUND);
        let mut subscriber = client(&relay, &access, by, ClientOptions::default());
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
                clients[0].send_sound(&[sent; 81]);
                sent += 1;
            }
            clients[1].packets.len() >= 100
        });
        for pair in subscriber.packets.windows(2) {
            assert_eq!(pair[0].payload[0].wrapping_add(1), pair[1].payload[0], "{by:?}");
        }
        let stats = access.stats();
        assert_eq!(
            (stats.turn_allocated, stats.turn_allocations, stats.turn_refused),
            (2, 2, 0)
        );
        assert_eq!(relay.engine.stats().workers[0].packets_out, 0);
    }
}

#[test]
fn a_client_connects_by_send_and_data_indications() {
    for by in [By::Udp, By::Tcp] {
        let mut relay = Relay::start();
        let access = relay.access();
        let engine = relay.engine.udp_addr();
        let mut turn = turn(&access, by);
        turn.allocate().expect("an allocation");
        turn.permit(&[engine]).expect("permitted");
        turn.send_plainly_to(engine);
        let plain = Client::over(Link::turn(turn, engine), ClientOptions::default());
        let (mut client, peer) = opened(&mut relay, plain);
        exchange(&mut relay, &mut client, &peer, "without a channel");
    }
}

#[test]
fn a_client_that_leaves_leaves_nothing_behind() {
    let mut relay = Relay::start();
    let access = relay.access();
    let by_tcp = client(&relay, &access, By::Tcp, ClientOptions::default());
    let (client, _peer) = opened(&mut relay, by_tcp);
    assert_eq!((access.stats().turn_allocations, access.stats().connections), (1, 1));
    drop(client);
    relay.access_when(&access, "gone", |s| s.turn_allocations == 0 && s.connections == 0);
}

#[test]
fn by_udp_an_allocation_is_given_back() {
    let mut relay = Relay::start();
    let access = relay.access();
    let mut turn = turn(&access, By::Udp).ready(relay.engine.udp_addr());
    turn.refresh(0).expect("gone");
    relay.access_when(&access, "gone", |s| s.turn_allocations == 0);
}

#[test]
fn towards_any_other_address_is_refused() {
    let mut relay = Relay::start();
    let access = relay.access();
    let bystander = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    bystander.set_nonblocking(true).expect("not blocking");
    let near = bystander.local_addr().expect("an address");
    for by in [By::Udp, By::Tcp] {
        let mut turn = turn(&access, by);
        turn.allocate().expect("an allocation");
        for foreign in ["10.0.0.1:7882", "169.254.169.254:80", "192.168.0.1:22"] {
            let foreign: SocketAddr = foreign.parse().expect("an address");
            assert_eq!(turn.permit(&[foreign]).err(), Some(403));
            assert_eq!(turn.bind_to(0x4000, foreign).err(), Some(403));
        }
        // Our address, but not our port.
        assert_eq!(turn.bind_to(0x4000, near).err(), Some(403));
        turn.permit(&[near]).expect("it is our address");
        turn.send_plainly_to(near);
        turn.send(b"psst");
    }
    let stats = relay.access_when(&access, "dropped", |s| s.turn_dropped >= 2);
    assert_eq!((stats.turn_refused, stats.turn_dropped), (14, 2));
    assert!(bystander.recv(&mut [0; 10]).is_err());
}

#[test]
fn strangers_get_no_allocation_and_are_cut() {
    let mut relay = Relay::start();
    let access = relay.access();
    for by in [By::Udp, By::Tcp] {
        let mut turn = turn(&access, by);
        turn.password = "guessed".to_owned();
        let udp = [transport_kit::turn::udp_transport()];
        assert_eq!(turn.request(METHOD_ALLOCATE, &udp, false).err(), Some(401));
        assert_eq!(turn.request(METHOD_ALLOCATE, &udp, true).err(), Some(401));
    }
    // Who has no allocation after a while has no business here.
    let mut idle = std::net::TcpStream::connect(access.tcp_addr()).expect("connected");
    std::io::Write::write_all(
        &mut idle,
        &turn(&access, By::Udp).message(METHOD_ALLOCATE, &[], false).raw,
    )
    .expect("sent");
    assert!(is_cut(&mut idle));
    let stats = relay.access_when(&access, "cut", |s| s.tcp_silent >= 1);
    assert_eq!((stats.turn_allocations, stats.turn_unauthenticated), (0, 5));
}

#[test]
fn a_nonce_is_of_no_use_elsewhere() {
    let relay = Relay::start();
    let access = relay.access();
    let mut client = turn(&access, By::Udp);
    client.allocate().expect("an allocation");
    for by in [By::Udp, By::Tcp] {
        let mut thief = turn(&access, by);
        (thief.realm, thief.nonce) = (client.realm.clone(), client.nonce.clone());
        let udp = [transport_kit::turn::udp_transport()];
        assert_eq!(thief.request(METHOD_ALLOCATE, &udp, true).err(), Some(438));
    }
    assert_eq!(access.stats().turn_allocations, 1);
}

#[test]
fn a_flood_at_the_udp_port_is_bounded_and_clients_go_on() {
    let mut relay = Relay::start();
    let access = relay.access();
    let by_udp = client(&relay, &access, By::Udp, ClientOptions::default());
    let (mut client, peer) = opened(&mut relay, by_udp);
    let attacker = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let request = turn(&access, By::Udp).message(METHOD_ALLOCATE, &[], false).raw;
    let end = std::time::Instant::now() + transport_kit::LIMIT;
    while access.stats().turn_limited < 1_000 {
        assert!(std::time::Instant::now() < end);
        for _ in 0..200 {
            attacker.send_to(&request, access.udp_addr()).expect("sent");
            attacker.send_to(b"garbage", access.udp_addr()).expect("sent");
        }
    }
    exchange(&mut relay, &mut client, &peer, "undisturbed");
    assert_eq!(access.stats().turn_allocations, 1);
}

#[test]
fn a_plain_request_is_answered_with_the_callers_address() {
    let relay = Relay::start();
    let access = relay.access();
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(transport_kit::LIMIT)).expect("a time-out");
    let mut request = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    request.extend([9; 12]);
    socket.send_to(&request, access.udp_addr()).expect("sent");
    let mut answer = [0; 200];
    let (len, _) = socket.recv_from(&mut answer).expect("an answer");
    assert_eq!((len, &answer[..2]), (32, &[1, 1][..]));
    let port = u16::from_be_bytes([answer[26], answer[27]]) ^ 0x2112;
    assert_eq!(port, socket.local_addr().expect("an address").port());
}
