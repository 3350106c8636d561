//! What TURN promises, on virtual time: who gets an allocation, towards what, and for how long.

use bytes::BytesMut;
use rtc::{
    crypto::RTCCryptoProvider,
    stun::{
        attributes::{
            ATTR_CHANNEL_NUMBER, ATTR_DATA, ATTR_ERROR_CODE, ATTR_LIFETIME, ATTR_MESSAGE_INTEGRITY,
            ATTR_REQUESTED_ADDRESS_FAMILY, ATTR_REQUESTED_TRANSPORT, ATTR_RESERVATION_TOKEN, ATTR_UNKNOWN_ATTRIBUTES,
            ATTR_USERNAME, ATTR_XOR_PEER_ADDRESS, AttrType,
        },
        message::{CLASS_INDICATION, CLASS_REQUEST, CLASS_SUCCESS_RESPONSE, Message, MessageType, Method, Setter as _},
        xoraddr::XorMappedAddress,
    },
};

use super::*;
use crate::{
    access::{
        admission::Limits,
        counts::Counts,
        frames::{self, Framing},
        outflow::Outflow,
        turn::Credentials,
    },
    engine::{Engine, EngineConfig, link::Sink as _},
};

const START_MS: i64 = 1_800_000_000_000;
const OURS: &str = "203.0.113.7:7882";

struct World {
    _engine: Engine,
    server: Arc<Server>,
    crypto: Arc<dyn RTCCryptoProvider>,
    start: Instant,
    elapsed: Duration,
}

struct Client {
    session: Session,
    outflow: Arc<Outflow>,
    user: String,
    password: String,
    nonce: Vec<u8>,
    transaction: u8,
}

impl World {
    fn new() -> Self {
        Self::with(Limits { total: 10, each: 10 })
    }

    fn with(allocations: Limits) -> Self {
        let (events, _) = crossbeam_channel::unbounded();
        let config = EngineConfig {
            udp: "127.0.0.1:0".parse().expect("an address"),
            ..EngineConfig::default()
        };
        let engine = Engine::start(&config, events).expect("an engine");
        let crypto = rtc::crypto::default_provider().expect("a crypto provider");
        let server = Server::new(
            Credentials::new(&[7; 32]),
            vec![address(OURS)],
            engine.gate(),
            allocations,
            crypto.clone(),
            Arc::<Counts>::default(),
        );
        Self {
            _engine: engine,
            server: Arc::new(server),
            crypto,
            start: Instant::now(),
            elapsed: Duration::ZERO,
        }
    }

    fn now(&self) -> Now {
        Now {
            at: self.start + self.elapsed,
            unix_ms: START_MS + self.elapsed.as_millis() as i64,
        }
    }

    fn pass(&mut self, seconds: u64) {
        self.elapsed += Duration::from_secs(seconds);
    }

    /// A client with credentials for as many seconds.
    fn client(&self, session: &str, seconds: i64) -> Client {
        let outflow = Arc::<Outflow>::default();
        let port = 1 + u16::from(session.as_bytes()[0]);
        let from = SocketAddr::from(([192, 0, 2, 1], port));
        let until = self.now().unix_ms / 1_000 + seconds;
        let (user, password) = self.server.credentials.issue(session, until);
        Client {
            session: Session::new(self.server.clone(), from, Back::Stream(outflow.clone())),
            outflow,
            user,
            password,
            nonce: Vec::new(),
            transaction: 0,
        }
    }

    fn key(&self, client: &Client) -> Vec<u8> {
        let (user, password) = (client.user.clone(), client.password.clone());
        MessageIntegrity::long_term_integrity_key(user, REALM.to_owned(), password, self.crypto.crypto())
            .expect("a key")
    }

    /// Sends a request with credentials; an error is its code.
    fn ask(&self, client: &mut Client, method: Method, attributes: &[(AttrType, Vec<u8>)]) -> Result<Message, u16> {
        client.transaction += 1;
        self.repeat(client, method, attributes)
    }

    /// The same with the transaction of the last request.
    fn repeat(&self, client: &mut Client, method: Method, attributes: &[(AttrType, Vec<u8>)]) -> Result<Message, u16> {
        let mut message = message(client.transaction, MessageType::new(method, CLASS_REQUEST), attributes);
        message.add(ATTR_USERNAME, client.user.as_bytes());
        message.add(ATTR_REALM, REALM.as_bytes());
        message.add(ATTR_NONCE, &client.nonce);
        MessageIntegrity::new_raw_integrity_with_provider(self.key(client), self.crypto.crypto())
            .add_to(&mut message)
            .expect("a signature");
        self.send(client, &message.raw)
    }

    fn send(&self, client: &mut Client, bytes: &[u8]) -> Result<Message, u16> {
        client.session.handle(self.now(), bytes);
        let mut sent: BytesMut = client.outflow.take();
        let bytes = frames::next(Framing::Turn, &mut sent)
            .expect("a message")
            .expect("an answer");
        assert!(sent.is_empty());
        let mut answer = Message::new();
        answer.unmarshal_binary(&bytes).expect("a message");
        if answer.contains(ATTR_MESSAGE_INTEGRITY) {
            let key = self.key(client);
            MessageIntegrity::check(&mut answer, &key, self.crypto.crypto()).expect("a signature of the server");
        }
        if let Ok(nonce) = answer.get(ATTR_NONCE) {
            client.nonce = nonce;
        }
        if answer.typ.class == CLASS_SUCCESS_RESPONSE {
            return Ok(answer);
        }
        let code = answer.get(ATTR_ERROR_CODE).expect("an error code");
        Err(u16::from(code[2]) * 100 + u16::from(code[3]))
    }

    fn allocate(&self, client: &mut Client) -> Result<Message, u16> {
        let udp = [(ATTR_REQUESTED_TRANSPORT, vec![UDP, 0, 0, 0])];
        match self.ask(client, METHOD_ALLOCATE, &udp) {
            // The first nonce is another's.
            Err(438) => self.ask(client, METHOD_ALLOCATE, &udp),
            answer => answer,
        }
    }

    fn permit(&self, client: &mut Client, peers: &[&str]) -> Result<(), u16> {
        let peers: Vec<_> = peers.iter().map(|peer| self.peer(client, peer)).collect();
        self.ask(client, METHOD_CREATE_PERMISSION, &peers).map(drop)
    }

    fn bind(&self, client: &mut Client, channel: u16, peer: &str) -> Result<(), u16> {
        let [high, low] = channel.to_be_bytes();
        let attributes = [(ATTR_CHANNEL_NUMBER, vec![high, low, 0, 0]), self.peer(client, peer)];
        self.ask(client, METHOD_CHANNEL_BIND, &attributes).map(drop)
    }

    fn refresh(&self, client: &mut Client, seconds: u32) -> Result<Message, u16> {
        self.ask(
            client,
            METHOD_REFRESH,
            &[(ATTR_LIFETIME, seconds.to_be_bytes().to_vec())],
        )
    }

    /// A peer for the client's next request: it is masked with the transaction.
    fn peer(&self, client: &Client, text: &str) -> (AttrType, Vec<u8>) {
        (ATTR_XOR_PEER_ADDRESS, masked(client.transaction + 1, address(text)))
    }

    fn dropped(&self) -> u64 {
        self.server.counts.read().turn_dropped
    }
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn masked(transaction: u8, address: SocketAddr) -> Vec<u8> {
    let mut message = message(transaction, MessageType::new(METHOD_SEND, CLASS_INDICATION), &[]);
    let address = XorMappedAddress {
        ip: address.ip(),
        port: address.port(),
    };
    address.add_to_as(&mut message, ATTR_DATA).expect("an address");
    message.get(ATTR_DATA).expect("the value")
}

fn message(transaction: u8, kind: MessageType, attributes: &[(AttrType, Vec<u8>)]) -> Message {
    let mut message = Message::new();
    message.transaction_id.0 = [transaction; 12];
    message.set_type(kind);
    message.write_header();
    for (typ, value) in attributes {
        message.add(*typ, value);
    }
    message
}

fn lifetime_of(answer: &Message) -> u32 {
    u32::from_be_bytes(
        answer
            .get(ATTR_LIFETIME)
            .expect("a lifetime")
            .try_into()
            .expect("four bytes"),
    )
}

#[test]
fn without_credentials_a_client_is_asked_for_them() {
    let world = World::new();
    let mut client = world.client("a", 100);
    let bare = message(1, MessageType::new(METHOD_ALLOCATE, CLASS_REQUEST), &[]);
    assert_eq!(world.send(&mut client, &bare.raw).err(), Some(401));
    assert!(!client.nonce.is_empty() && !client.session.has_allocation());
}

#[test]
fn wrong_forged_and_ended_credentials_get_nothing() {
    let mut world = World::new();
    let mut wrong = world.client("a", 100);
    wrong.password = "guessed".to_owned();
    let mut prolonged = world.client("b", 100);
    prolonged.user = prolonged.user.replace("18", "28");
    let mut ended = world.client("c", 100);
    for client in [&mut wrong, &mut prolonged] {
        assert_eq!(world.allocate(client).err(), Some(401));
    }
    world.pass(100);
    assert_eq!(world.allocate(&mut ended).err(), Some(401));
    assert_eq!(world.server.allocations(), 0);
}

#[test]
fn a_nonce_of_another_address_or_an_hour_ago_is_refused() {
    let mut world = World::new();
    let mut client = world.client("a", 100_000);
    let mut thief = world.client("b", 100_000);
    world.allocate(&mut client).expect("an allocation");
    thief.nonce = client.nonce.clone();
    let udp = [(ATTR_REQUESTED_TRANSPORT, vec![UDP, 0, 0, 0])];
    assert_eq!(world.ask(&mut thief, METHOD_ALLOCATE, &udp).err(), Some(438));
    for _ in 0..7 {
        world.pass(500);
        world.refresh(&mut client, 600).expect("refreshed");
    }
    world.pass(101);
    assert_eq!(world.refresh(&mut client, 600).err(), Some(438));
    world.refresh(&mut client, 600).expect("refreshed with the new nonce");
}

#[test]
fn an_allocation_lives_for_ten_minutes_and_as_long_as_it_is_refreshed() {
    let mut world = World::new();
    let mut client = world.client("a", 700);
    let answer = world.allocate(&mut client).expect("an allocation");
    assert_eq!(lifetime_of(&answer), 600);
    world.pass(599);
    assert_eq!(lifetime_of(&world.refresh(&mut client, 1).expect("refreshed")), 600);
    // Its credentials have ended, but not the allocation by which somebody is in a room.
    world.permit(&mut client, &[OURS]).expect("permitted");
    world.bind(&mut client, 0x4000, OURS).expect("bound");
    client.session.allocation.as_ref().expect("an allocation").peers[0]
        .inlet
        .prove();
    world.pass(250);
    world.permit(&mut client, &[OURS]).expect("permitted");
    world.pass(250);
    world.permit(&mut client, &[OURS]).expect("permitted");
    world.pass(99);
    assert_eq!(
        lifetime_of(&world.refresh(&mut client, 1_000_000).expect("refreshed")),
        3_600
    );
    world.pass(3_600);
    client.session.handle_timeout(world.now().at);
    assert!(!client.session.has_allocation());
    assert_eq!(world.server.allocations(), 0);
}

#[test]
fn an_allocation_that_nobody_uses_ends_with_its_credentials() {
    let mut world = World::new();
    let mut client = world.client("a", 700);
    world.allocate(&mut client).expect("an allocation");
    world.pass(599);
    world.refresh(&mut client, 600).expect("refreshed");
    world.pass(599);
    assert_eq!(world.refresh(&mut client, 600).err(), Some(437));
    assert_eq!(world.server.allocations(), 0);
}

#[test]
fn a_client_gives_its_allocation_back() {
    let world = World::new();
    let mut client = world.client("a", 100);
    world.allocate(&mut client).expect("an allocation");
    assert_eq!(lifetime_of(&world.refresh(&mut client, 0).expect("gone")), 0);
    assert_eq!(world.server.allocations(), 0);
    world.refresh(&mut client, 0).expect("it is gone already");
    assert_eq!(world.refresh(&mut client, 600).err(), Some(437));
    assert_eq!(world.permit(&mut client, &[OURS]).err(), Some(437));
}

#[test]
fn a_repeated_request_is_answered_again_and_another_one_is_refused() {
    let world = World::new();
    let mut client = world.client("a", 100);
    let udp = [(ATTR_REQUESTED_TRANSPORT, vec![UDP, 0, 0, 0])];
    let first = world.allocate(&mut client).expect("an allocation");
    let again = world.repeat(&mut client, METHOD_ALLOCATE, &udp).expect("the same");
    assert_eq!(first.raw, again.raw);
    assert_eq!(world.ask(&mut client, METHOD_ALLOCATE, &udp).err(), Some(437));
    assert_eq!(world.server.allocations(), 1);
}

#[test]
fn only_udp_of_a_family_that_we_have_is_relayed() {
    let world = World::new();
    let mut client = world.client("a", 100);
    let transport = |number| (ATTR_REQUESTED_TRANSPORT, vec![number, 0, 0, 0]);
    let family = |number| (ATTR_REQUESTED_ADDRESS_FAMILY, vec![number, 0, 0, 0]);
    let _ = world.ask(&mut client, METHOD_ALLOCATE, &[]);
    assert_eq!(world.ask(&mut client, METHOD_ALLOCATE, &[]).err(), Some(400));
    assert_eq!(
        world.ask(&mut client, METHOD_ALLOCATE, &[transport(6)]).err(),
        Some(442)
    );
    assert_eq!(
        world
            .ask(&mut client, METHOD_ALLOCATE, &[transport(UDP), family(2)])
            .err(),
        Some(440)
    );
    let unknown = (ATTR_RESERVATION_TOKEN, vec![0; 8]);
    assert_eq!(
        world
            .ask(&mut client, METHOD_ALLOCATE, &[transport(UDP), unknown])
            .err(),
        Some(420)
    );
    world
        .ask(&mut client, METHOD_ALLOCATE, &[transport(UDP), family(1)])
        .expect("an allocation");
}

#[test]
fn what_is_not_understood_is_named() {
    let world = World::new();
    let mut client = world.client("a", 100);
    let _ = world.ask(&mut client, METHOD_ALLOCATE, &[]);
    let unknown = message(
        9,
        MessageType::new(METHOD_ALLOCATE, CLASS_REQUEST),
        &[(ATTR_RESERVATION_TOKEN, vec![0; 8])],
    );
    let mut signed = unknown;
    signed.add(ATTR_USERNAME, client.user.as_bytes());
    signed.add(ATTR_REALM, REALM.as_bytes());
    signed.add(ATTR_NONCE, &client.nonce);
    MessageIntegrity::new_raw_integrity_with_provider(world.key(&client), world.crypto.crypto())
        .add_to(&mut signed)
        .expect("a signature");
    client.session.handle(world.now(), &signed.raw);
    let mut answer = Message::new();
    answer.unmarshal_binary(&client.outflow.take()).expect("a message");
    assert_eq!(
        answer.get(ATTR_UNKNOWN_ATTRIBUTES).expect("types"),
        ATTR_RESERVATION_TOKEN.0.to_be_bytes()
    );
}

#[test]
fn nothing_but_our_media_address_is_relayed_to() {
    let world = World::new();
    let mut client = world.client("a", 100);
    world.allocate(&mut client).expect("an allocation");
    for foreign in [
        "10.0.0.1:7882",
        "127.0.0.1:22",
        "169.254.169.254:80",
        "192.168.1.1:53",
        "203.0.113.8:7882",
        "0.0.0.0:7882",
    ] {
        assert_eq!(world.permit(&mut client, &[foreign]).err(), Some(403), "{foreign}");
        assert_eq!(world.bind(&mut client, 0x4000, foreign).err(), Some(403), "{foreign}");
        assert_eq!(
            world.permit(&mut client, &[OURS, foreign]).err(),
            Some(403),
            "all or none: {foreign}"
        );
    }
    for other in ["[::1]:7882", "[fd00::1]:7882"] {
        assert_eq!(world.permit(&mut client, &[other]).err(), Some(443), "{other}");
    }
    // Another port of ours: a permission is by address, but nothing is relayed there.
    assert_eq!(world.bind(&mut client, 0x4000, "203.0.113.7:22").err(), Some(403));
    world
        .permit(&mut client, &["203.0.113.7:22"])
        .expect("it is our address");
    let allocation = client.session.allocation.as_ref().expect("an allocation");
    assert!(allocation.peers.is_empty());
    assert_eq!(allocation.permissions.len(), 1);
}

#[test]
fn data_without_permission_or_to_another_port_is_dropped_and_counted() {
    let world = World::new();
    let mut client = world.client("a", 100);
    world.allocate(&mut client).expect("an allocation");
    let send = |client: &mut Client, peer: &str| {
        let attributes = [
            (ATTR_XOR_PEER_ADDRESS, masked(9, address(peer))),
            (ATTR_DATA, vec![7; 10]),
        ];
        let indication = message(9, MessageType::new(METHOD_SEND, CLASS_INDICATION), &attributes);
        client.session.handle(world.now(), &indication.raw);
        world.dropped()
    };
    assert_eq!(send(&mut client, OURS), 1);
    world.permit(&mut client, &[OURS]).expect("permitted");
    assert_eq!(send(&mut client, "203.0.113.7:22"), 2);
    assert_eq!(send(&mut client, "10.0.0.1:7882"), 3);
    let peers = |client: &Client| client.session.allocation.as_ref().map(|a| a.peers.len());
    assert_eq!(peers(&client), Some(0));
    // It is no check, so the media workers are not troubled, but it is let through here.
    send(&mut client, OURS);
    assert_eq!(peers(&client), Some(1));
    client.session.handle(world.now(), &[0x40, 0, 0, 2, 1, 2]);
    client.session.handle(world.now(), &[0x40, 0, 0, 200, 1, 2]);
    client.session.handle(world.now(), &[0x40]);
    assert_eq!(world.dropped(), 6);
}

#[test]
fn channels_are_one_to_one_and_end() {
    let mut world = World::new();
    let mut client = world.client("a", 10_000);
    world.allocate(&mut client).expect("an allocation");
    for number in [0, 0x3fff, 0x5000, 0xffff] {
        assert_eq!(world.bind(&mut client, number, OURS).err(), Some(400));
    }
    world.bind(&mut client, 0x4000, OURS).expect("bound");
    world.bind(&mut client, 0x4000, OURS).expect("refreshed");
    assert_eq!(world.bind(&mut client, 0x4001, OURS).err(), Some(400));
    // The permission that came with it ends first; nothing passes then, but the channel stays bound.
    let send = |world: &World, client: &mut Client| {
        let dropped = world.dropped();
        client.session.handle(world.now(), &[0x40, 0, 0, 2, 1, 2]);
        let peers = &client.session.allocation.as_ref().expect("an allocation").peers;
        assert_eq!(world.dropped(), dropped + 1, "it is no check, so it goes nowhere");
        peers.first().map(|peer| peer.sink.permitted.load(Ordering::Relaxed))
    };
    assert_eq!(send(&world, &mut client), Some(true));
    world.pass(301);
    assert_eq!(send(&world, &mut client), Some(false));
    let sink = client.session.allocation.as_ref().expect("an allocation").peers[0]
        .sink
        .clone();
    assert!(!sink.send(&[0x80; 20]) && client.outflow.take().is_empty());
    assert_eq!(world.bind(&mut client, 0x4001, OURS).err(), Some(400));
    // A new permission is enough for the channel to serve again.
    world.refresh(&mut client, 3_600).expect("refreshed");
    world.permit(&mut client, &[OURS]).expect("permitted");
    assert!(sink.send(&[0x80; 20]));
    assert_eq!(client.outflow.take()[..4], [0x40, 0, 0, 20]);
    // It ends ten minutes after it was bound, and the peer is reached by indications until its permission ends.
    let due = client.session.poll_timeout().expect("a deadline");
    assert_eq!(due, world.start + Duration::from_secs(600));
    world.pass(299);
    client.session.handle_timeout(world.now().at);
    assert!(sink.send(&[0x80; 20]));
    assert_eq!(client.outflow.take()[..2], [0, 0x17]);
    world.bind(&mut client, 0x4001, OURS).expect("bound anew");
    // To bind a channel again renews both.
    world.pass(299);
    world.bind(&mut client, 0x4001, OURS).expect("refreshed");
    world.pass(299);
    client.session.handle_timeout(world.now().at);
    assert!(sink.send(&[0x80; 20]));
}

#[test]
fn allocations_are_bounded_of_one_session_and_in_all() {
    let world = World::with(Limits { total: 3, each: 2 });
    // Credentials of a session that came back are others.
    let (mut one, mut two, mut three) = (world.client("a", 100), world.client("a", 101), world.client("a", 102));
    world.allocate(&mut one).expect("an allocation");
    world.allocate(&mut two).expect("an allocation");
    assert_eq!(world.allocate(&mut three).err(), Some(486));
    let (mut other, mut last) = (world.client("b", 100), world.client("c", 100));
    world.allocate(&mut other).expect("an allocation");
    assert_eq!(world.allocate(&mut last).err(), Some(508));
    // A session that ends gives back what it held.
    drop(one);
    world.allocate(&mut last).expect("an allocation");
}

#[test]
fn an_allocation_is_not_taken_over_by_another_user() {
    let world = World::new();
    let mut client = world.client("a", 100);
    world.allocate(&mut client).expect("an allocation");
    let other = world.client("b", 100);
    (client.user, client.password) = (other.user, other.password);
    assert_eq!(world.refresh(&mut client, 0).err(), Some(441));
    assert_eq!(world.permit(&mut client, &[OURS]).err(), Some(441));
    assert!(client.session.has_allocation());
}

#[test]
fn garbage_changes_nothing() {
    let world = World::new();
    let mut client = world.client("a", 100);
    world.allocate(&mut client).expect("an allocation");
    let nonce = client.nonce.clone();
    for bytes in [
        &b""[..],
        b"GET / HTTP/1.1\r\n",
        &[0; 20],
        &[0x80; 100],
        &[0, 3, 0, 0],
        &[1, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42],
    ] {
        client.session.handle(world.now(), bytes);
        assert!(client.outflow.take().is_empty(), "{bytes:?}");
    }
    assert!(client.session.has_allocation() && client.nonce == nonce);
    // HTTP begins like ChannelData, of a channel that nobody has bound.
    let counts = world.server.counts.read();
    assert_eq!((counts.turn_garbage, counts.turn_dropped), (5, 1));
}
