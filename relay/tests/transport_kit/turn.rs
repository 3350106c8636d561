//! A client of TURN, as small as a test needs it, over UDP or a stream. It checks what it is answered.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use rtc::stun::{
    attributes::{
        ATTR_CHANNEL_NUMBER, ATTR_DATA, ATTR_ERROR_CODE, ATTR_LIFETIME, ATTR_MESSAGE_INTEGRITY, ATTR_NONCE, ATTR_REALM,
        ATTR_REQUESTED_TRANSPORT, ATTR_USERNAME, ATTR_XOR_PEER_ADDRESS, ATTR_XOR_RELAYED_ADDRESS, AttrType,
    },
    integrity::MessageIntegrity,
    message::{
        CLASS_INDICATION, CLASS_REQUEST, CLASS_SUCCESS_RESPONSE, METHOD_ALLOCATE, METHOD_CHANNEL_BIND,
        METHOD_CREATE_PERMISSION, METHOD_DATA, METHOD_REFRESH, METHOD_SEND, Message, MessageType, Method, Setter as _,
        TransactionId,
    },
    xoraddr::XorMappedAddress,
};

use super::{LIMIT, link};

/// The channel that [`Turn::bind`] binds.
const CHANNEL: u16 = 0x4abc;

trait Stream: Read + Write + Send {}
impl<S: Read + Write + Send> Stream for S {}

enum Wire {
    Udp(UdpSocket),
    Stream(Box<dyn Stream>, Vec<u8>),
}

/// A client of TURN.
pub struct Turn {
    wire: Wire,
    pub user: String,
    pub password: String,
    pub realm: Vec<u8>,
    pub nonce: Vec<u8>,
    pub relayed: Option<SocketAddr>,
    /// Peer to which [`Turn::send`] sends, and whether a channel is bound to it.
    peer: Option<(SocketAddr, bool)>,
    /// Messages that came while an answer was waited for.
    early: Vec<Vec<u8>>,
}

/// What an attribute is made of.
pub enum Attribute {
    Raw(AttrType, Vec<u8>),
    Peer(SocketAddr),
}

pub fn udp_transport() -> Attribute {
    Attribute::Raw(ATTR_REQUESTED_TRANSPORT, vec![17, 0, 0, 0])
}

impl Turn {
    pub fn udp(server: SocketAddr, credentials: (String, String)) -> Self {
        let local = if server.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
        let socket = UdpSocket::bind(local).expect("a socket");
        socket.connect(server).expect("an address");
        socket
            .set_read_timeout(Some(Duration::from_millis(1)))
            .expect("a time-out");
        Self::over(Wire::Udp(socket), credentials)
    }

    pub fn tcp(server: SocketAddr, credentials: (String, String)) -> Self {
        Self::stream(link::connect(server), credentials)
    }

    /// Over a stream whose reads wait a moment only.
    pub fn stream(stream: impl Read + Write + Send + 'static, credentials: (String, String)) -> Self {
        Self::over(Wire::Stream(Box::new(stream), Vec::new()), credentials)
    }

    fn over(wire: Wire, (user, password): (String, String)) -> Self {
        Self {
            wire,
            user,
            password,
            realm: Vec::new(),
            nonce: Vec::new(),
            relayed: None,
            peer: None,
            early: Vec::new(),
        }
    }

    /// Allocates, permits the engine and binds a channel to it.
    pub fn ready(mut self, engine: SocketAddr) -> Self {
        self.allocate().expect("an allocation");
        self.bind(engine).expect("a channel");
        self
    }

    /// Allocates as a client does: without credentials first.
    pub fn allocate(&mut self) -> Result<(), u16> {
        assert_eq!(
            self.request(METHOD_ALLOCATE, &[udp_transport()], false).err(),
            Some(401)
        );
        let answer = self.request(METHOD_ALLOCATE, &[udp_transport()], true)?;
        let mut address = XorMappedAddress::default();
        address
            .get_from_as(&answer, ATTR_XOR_RELAYED_ADDRESS)
            .expect("a relayed address");
        self.relayed = Some(SocketAddr::new(address.ip, address.port));
        assert_eq!(answer.get(ATTR_LIFETIME).expect("a lifetime"), 600_u32.to_be_bytes());
        Ok(())
    }

    pub fn permit(&mut self, peers: &[SocketAddr]) -> Result<(), u16> {
        let peers: Vec<_> = peers.iter().map(|peer| Attribute::Peer(*peer)).collect();
        self.request(METHOD_CREATE_PERMISSION, &peers, true).map(drop)?;
        Ok(())
    }

    pub fn bind(&mut self, peer: SocketAddr) -> Result<(), u16> {
        self.bind_to(CHANNEL, peer)?;
        self.peer = Some((peer, true));
        Ok(())
    }

    pub fn bind_to(&mut self, channel: u16, peer: SocketAddr) -> Result<(), u16> {
        let [high, low] = channel.to_be_bytes();
        let number = Attribute::Raw(ATTR_CHANNEL_NUMBER, vec![high, low, 0, 0]);
        self.request(METHOD_CHANNEL_BIND, &[number, Attribute::Peer(peer)], true)
            .map(drop)
    }

    pub fn refresh(&mut self, seconds: u32) -> Result<Message, u16> {
        let lifetime = Attribute::Raw(ATTR_LIFETIME, seconds.to_be_bytes().to_vec());
        self.request(METHOD_REFRESH, &[lifetime], true)
    }

    /// Sends to this peer by Send indications from now on.
    pub fn send_plainly_to(&mut self, peer: SocketAddr) {
        self.peer = Some((peer, false));
    }

    /// A message of ours, signed or not.
    pub fn message(&self, method: Method, attributes: &[Attribute], signed: bool) -> Message {
        let class = if method == METHOD_SEND {
            CLASS_INDICATION
        } else {
            CLASS_REQUEST
        };
        let mut message = Message::new();
        message.transaction_id = TransactionId::new();
        message.set_type(MessageType::new(method, class));
        message.write_header();
        for attribute in attributes {
            match attribute {
                Attribute::Raw(typ, value) => message.add(*typ, value),
                Attribute::Peer(peer) => {
                    let peer = XorMappedAddress {
                        ip: peer.ip(),
                        port: peer.port(),
                    };
                    peer.add_to_as(&mut message, ATTR_XOR_PEER_ADDRESS).expect("an address");
                }
            }
        }
        if signed {
            message.add(ATTR_USERNAME, self.user.as_bytes());
            message.add(ATTR_REALM, &self.realm);
            message.add(ATTR_NONCE, &self.nonce);
            let provider = rtc::crypto::default_provider().expect("a crypto provider");
            let realm = String::from_utf8(self.realm.clone()).expect("text");
            MessageIntegrity::new_long_term_integrity_with_provider(
                self.user.clone(),
                realm,
                self.password.clone(),
                provider.crypto(),
            )
            .and_then(|integrity| integrity.add_to(&mut message))
            .expect("a signature");
        }
        message
    }

    /// Asks for something; an error is its code, and then realm and nonce are learnt.
    pub fn request(&mut self, method: Method, attributes: &[Attribute], signed: bool) -> Result<Message, u16> {
        let message = self.message(method, attributes, signed);
        self.ask(&message)
    }

    pub fn ask(&mut self, message: &Message) -> Result<Message, u16> {
        self.write(&message.raw);
        let end = Instant::now() + LIMIT;
        let mut answer = loop {
            assert!(Instant::now() < end, "no answer in time");
            let Some(bytes) = self.read() else { continue };
            let mut answer = Message::new();
            if answer.unmarshal_binary(&bytes).is_ok() && answer.transaction_id == message.transaction_id {
                break answer;
            }
            self.early.push(bytes);
        };
        if answer.typ.class == CLASS_SUCCESS_RESPONSE {
            if answer.contains(ATTR_MESSAGE_INTEGRITY) {
                self.check(&mut answer);
            }
            return Ok(answer);
        }
        if let (Ok(realm), Ok(nonce)) = (answer.get(ATTR_REALM), answer.get(ATTR_NONCE)) {
            (self.realm, self.nonce) = (realm, nonce);
        }
        let code = answer.get(ATTR_ERROR_CODE).expect("an error code");
        Err(u16::from(code[2]) * 100 + u16::from(code[3]))
    }

    fn check(&self, answer: &mut Message) {
        let provider = rtc::crypto::default_provider().expect("a crypto provider");
        let realm = String::from_utf8(self.realm.clone()).expect("text");
        let (user, password) = (self.user.clone(), self.password.clone());
        let key = MessageIntegrity::long_term_integrity_key(user, realm, password, provider.crypto()).expect("a key");
        MessageIntegrity::check(answer, &key, provider.crypto()).expect("a signature of the server");
    }

    pub fn write(&mut self, bytes: &[u8]) {
        match &mut self.wire {
            Wire::Udp(socket) => {
                socket.send(bytes).expect("sent");
            }
            Wire::Stream(stream, _) => {
                let mut bytes = bytes.to_vec();
                bytes.resize(bytes.len().next_multiple_of(4), 0);
                // A closed connection shows when it is read.
                let _ = stream.write_all(&bytes).and_then(|()| stream.flush());
            }
        }
    }

    /// The next message.
    fn read(&mut self) -> Option<Vec<u8>> {
        let mut buffer = [0; 4_096];
        match &mut self.wire {
            Wire::Udp(socket) => socket.recv(&mut buffer).ok().map(|len| buffer[..len].to_vec()),
            Wire::Stream(stream, received) => {
                match stream.read(&mut buffer) {
                    Ok(len) => received.extend_from_slice(&buffer[..len]),
                    Err(error) => assert!(
                        matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
                        "{error}"
                    ),
                }
                let [first, _, high, low, ..] = received[..] else {
                    return None;
                };
                let body = usize::from(u16::from_be_bytes([high, low]));
                let len = if first < 0x40 {
                    20 + body
                } else {
                    (4 + body).next_multiple_of(4)
                };
                (received.len() >= len).then(|| received.drain(..len).collect())
            }
        }
    }

    pub fn send(&mut self, datagram: &[u8]) {
        let len = u16::try_from(datagram.len()).expect("short");
        match self.peer.expect("a peer") {
            (_, true) => {
                let head = [CHANNEL.to_be_bytes(), len.to_be_bytes()].concat();
                self.write(&[&head, datagram].concat());
            }
            (peer, false) => {
                let data = Attribute::Raw(ATTR_DATA, datagram.to_vec());
                let message = self.message(METHOD_SEND, &[Attribute::Peer(peer), data], false);
                self.write(&message.raw);
            }
        }
    }

    /// The next datagram of the peer, waiting for a moment.
    pub fn receive(&mut self, buffer: &mut [u8]) -> Option<usize> {
        let message = self.early.pop().or_else(|| self.read())?;
        let data = if message[0] >= 0x40 {
            assert_eq!(message[..2], CHANNEL.to_be_bytes());
            let len = usize::from(u16::from_be_bytes([message[2], message[3]]));
            message[4..4 + len].to_vec()
        } else {
            let mut indication = Message::new();
            indication.unmarshal_binary(&message).expect("a message");
            assert_eq!(indication.typ, MessageType::new(METHOD_DATA, CLASS_INDICATION));
            let mut from = XorMappedAddress::default();
            from.get_from_as(&indication, ATTR_XOR_PEER_ADDRESS).expect("a peer");
            assert_eq!(
                Some(SocketAddr::new(from.ip, from.port)),
                self.peer.map(|(peer, _)| peer)
            );
            indication.get(ATTR_DATA).expect("data")
        };
        buffer[..data.len()].copy_from_slice(&data);
        Some(data.len())
    }
}
