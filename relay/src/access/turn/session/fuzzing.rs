//! The entry of the fuzz target for TURN.

use ring::hmac;
use rtc::stun::{
    attributes::{ATTR_MESSAGE_INTEGRITY, ATTR_USERNAME, AttrType},
    message::{CLASS_INDICATION, CLASS_REQUEST, MAGIC_COOKIE, Message, MessageType, Method},
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
    engine::fuzzing::gate,
    fuzzing::chunks,
};

const OURS: &str = "203.0.113.7:7882";
const ID: [u8; 12] = [9; 12];

/// A client with good credentials.
struct Client {
    session: Session,
    outflow: Arc<Outflow>,
    user: String,
    key: Vec<u8>,
    nonce: String,
}

impl Client {
    fn new(now: Now) -> Self {
        let crypto = rtc::crypto::default_provider().expect("a crypto provider");
        let server = Server::new(
            Credentials::new(&[7; 32]),
            vec![OURS.parse().expect("an address")],
            gate(),
            Limits { total: 10, each: 10 },
            crypto,
            Arc::<Counts>::default(),
        );
        let from = SocketAddr::from(([192, 0, 2, 1], 7));
        let seconds = now.unix_ms / 1_000;
        let (user, password) = server.credentials.issue("a session", seconds + 1_000);
        let nonce = server.credentials.nonce(seconds, from);
        let outflow = Arc::<Outflow>::default();
        let session = Session::new(Arc::new(server), from, Back::Stream(outflow.clone()));
        let key = session.key(&user, password).expect("a key");
        Self {
            session,
            outflow,
            user,
            key,
            nonce,
        }
    }

    /// A request with these attributes, its credentials and a signature.
    fn request(&self, method: Method, attributes: &[u8]) -> Vec<u8> {
        let mut bytes = head(MessageType::new(method, CLASS_REQUEST).value());
        bytes.extend(&attributes[..attributes.len() / 4 * 4]);
        let credentials = [
            (ATTR_USERNAME, self.user.as_bytes()),
            (ATTR_REALM, REALM.as_bytes()),
            (ATTR_NONCE, self.nonce.as_bytes()),
        ];
        for (typ, value) in credentials {
            add(&mut bytes, typ, value);
        }
        set_len(&mut bytes, 24);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.key), &bytes);
        add(&mut bytes, ATTR_MESSAGE_INTEGRITY, tag.as_ref());
        bytes
    }

    /// What must hold whatever came: nothing but our address is dealt with, and what goes back can be read.
    fn check(&self) {
        let ours: SocketAddr = OURS.parse().expect("an address");
        if let Some(allocation) = &self.session.allocation {
            assert!(allocation.permissions.iter().all(|(ip, _)| *ip == ours.ip()));
            assert!(allocation.peers.len() <= 1 && allocation.peers.iter().all(|peer| peer.address == ours));
        }
        let mut sent = self.outflow.take();
        while let Some(answer) = frames::next(Framing::Turn, &mut sent).expect("what goes out is framed") {
            Message::new().unmarshal_binary(&answer).expect("an answer is STUN");
        }
        assert!(sent.is_empty());
    }
}

fn head(kind: u16) -> Vec<u8> {
    let mut bytes = kind.to_be_bytes().to_vec();
    bytes.extend([0, 0]);
    bytes.extend(MAGIC_COOKIE.to_be_bytes());
    bytes.extend(ID);
    bytes
}

fn add(bytes: &mut Vec<u8>, typ: AttrType, value: &[u8]) {
    bytes.extend(typ.0.to_be_bytes());
    bytes.extend(u16::try_from(value.len()).expect("short").to_be_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

fn set_len(bytes: &mut [u8], more: usize) {
    let len = u16::try_from(bytes.len() - 20 + more).unwrap_or(0);
    bytes[2..4].copy_from_slice(&len.to_be_bytes());
}

/// Messages of a client: the low bits of a chunk's first byte say of what kind, the others how much time passes. A kind is a
/// method whose attributes the chunk is, signed; or the chunk is a message as it stands, or ChannelData.
pub fn turn(data: &[u8]) {
    let (start, mut waited) = (Instant::now(), Duration::ZERO);
    let now = |waited: Duration| Now {
        at: start + waited,
        unix_ms: 1_790_000_000_000 + i64::try_from(waited.as_millis()).unwrap_or(0),
    };
    let mut client = Client::new(now(waited));
    for (what, bytes) in chunks(data) {
        waited += Duration::from_secs(u64::from(what >> 3) * 10);
        let message = match what & 7 {
            0 => client.request(METHOD_ALLOCATE, bytes),
            1 => client.request(METHOD_REFRESH, bytes),
            2 => client.request(METHOD_CREATE_PERMISSION, bytes),
            3 => client.request(METHOD_CHANNEL_BIND, bytes),
            4 => {
                let mut message = head(MessageType::new(METHOD_SEND, CLASS_INDICATION).value());
                message.extend(&bytes[..bytes.len() / 4 * 4]);
                set_len(&mut message, 0);
                message
            }
            5 => {
                let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes();
                [&[0x40, 0], &len[..], bytes].concat()
            }
            _ => bytes.to_vec(),
        };
        client.session.handle(now(waited), &message);
        client.check();
        let due = client.session.poll_timeout();
        assert_eq!(due.is_some(), client.session.has_allocation());
    }
    waited += Duration::from_secs(4_000);
    client.session.handle_timeout(now(waited).at);
    assert!(!client.session.has_allocation(), "what is not refreshed ends");
}
