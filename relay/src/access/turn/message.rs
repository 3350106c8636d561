//! Messages of TURN: requests as they may be believed, and answers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rtc::{
    crypto::RTCCrypto,
    stun::{
        attributes::{
            ATTR_CHANNEL_NUMBER, ATTR_DATA, ATTR_ERROR_CODE, ATTR_FINGERPRINT, ATTR_LIFETIME, ATTR_MESSAGE_INTEGRITY,
            ATTR_NONCE, ATTR_REALM, ATTR_REQUESTED_ADDRESS_FAMILY, ATTR_REQUESTED_TRANSPORT, ATTR_UNKNOWN_ATTRIBUTES,
            ATTR_USERNAME, ATTR_XOR_PEER_ADDRESS, ATTR_XORMAPPED_ADDRESS, AttrType,
        },
        fingerprint::FINGERPRINT,
        integrity::MessageIntegrity,
        message::{
            CLASS_ERROR_RESPONSE, CLASS_INDICATION, CLASS_REQUEST, CLASS_SUCCESS_RESPONSE, MAGIC_COOKIE, METHOD_DATA,
            Message, MessageClass, MessageType, Method, Setter as _, TransactionId,
        },
        xoraddr::XorMappedAddress,
    },
};

/// Header of a STUN message.
const HEADER: usize = 20;
/// Attributes that have to be understood and are.
const KNOWN: [AttrType; 10] = [
    ATTR_USERNAME,
    ATTR_MESSAGE_INTEGRITY,
    ATTR_REALM,
    ATTR_NONCE,
    ATTR_CHANNEL_NUMBER,
    ATTR_LIFETIME,
    ATTR_XOR_PEER_ADDRESS,
    ATTR_DATA,
    ATTR_REQUESTED_TRANSPORT,
    ATTR_REQUESTED_ADDRESS_FAMILY,
];

/// A request or an indication.
#[derive(Debug)]
pub(super) struct Request(Message);

impl Request {
    /// Reads a message; anything but a well-formed request or indication is `None`.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut message = Message::new();
        message.unmarshal_binary(bytes).ok()?;
        let whole = bytes.len() == HEADER + message.length as usize && bytes.len().is_multiple_of(4);
        let asks = matches!(message.typ.class, CLASS_REQUEST | CLASS_INDICATION);
        let sealed = !message.contains(ATTR_FINGERPRINT) || FINGERPRINT.check(&message).is_ok();
        (whole && asks && sealed).then_some(Self(message))
    }

    pub(super) fn method(&self) -> Method {
        self.0.typ.method
    }

    pub(super) fn is_indication(&self) -> bool {
        self.0.typ.class == CLASS_INDICATION
    }

    pub(super) fn id(&self) -> TransactionId {
        self.0.transaction_id
    }

    pub(super) fn has_integrity(&self) -> bool {
        self.0.contains(ATTR_MESSAGE_INTEGRITY)
    }

    /// Checks MESSAGE-INTEGRITY; from then on nothing is read that it does not cover.
    pub(super) fn verify(&mut self, key: &[u8], crypto: &dyn RTCCrypto) -> bool {
        let attributes = &self.0.attributes.0;
        let Some(at) = attributes
            .iter()
            .position(|attribute| attribute.typ == ATTR_MESSAGE_INTEGRITY)
        else {
            return false;
        };
        let good = attributes[at].value.len() == 20 && MessageIntegrity::check(&mut self.0, key, crypto).is_ok();
        self.0.attributes.0.truncate(at);
        good
    }

    /// Attributes that would have to be understood and are not (RFC 8489 §14).
    pub(super) fn unknown(&self) -> Vec<AttrType> {
        let types = self.0.attributes.0.iter().map(|attribute| attribute.typ);
        types.filter(|typ| typ.required() && !KNOWN.contains(typ)).collect()
    }

    fn value(&self, typ: AttrType) -> Option<&[u8]> {
        let attribute = self.0.attributes.0.iter().find(|attribute| attribute.typ == typ)?;
        Some(&attribute.value)
    }

    pub(super) fn user(&self) -> Option<&str> {
        std::str::from_utf8(self.value(ATTR_USERNAME)?).ok()
    }

    pub(super) fn realm(&self) -> Option<&[u8]> {
        self.value(ATTR_REALM)
    }

    pub(super) fn nonce(&self) -> Option<&[u8]> {
        self.value(ATTR_NONCE)
    }

    /// Number of the transport protocol asked for.
    pub(super) fn transport(&self) -> Option<u8> {
        self.value(ATTR_REQUESTED_TRANSPORT)?.first().copied()
    }

    /// Number of the address family asked for: 1 is IPv4, 2 is IPv6.
    pub(super) fn family(&self) -> Option<u8> {
        self.value(ATTR_REQUESTED_ADDRESS_FAMILY)?.first().copied()
    }

    /// Seconds.
    pub(super) fn lifetime(&self) -> Option<u32> {
        Some(u32::from_be_bytes(self.value(ATTR_LIFETIME)?.try_into().ok()?))
    }

    pub(super) fn channel(&self) -> Option<u16> {
        match self.value(ATTR_CHANNEL_NUMBER)? {
            [high, low, _, _] => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        }
    }

    pub(super) fn data(&self) -> Option<&[u8]> {
        self.value(ATTR_DATA)
    }

    /// The peers named; `None` if one of them is malformed.
    pub(super) fn peers(&self) -> Option<Vec<SocketAddr>> {
        let attributes = self.0.attributes.0.iter();
        attributes
            .filter(|attribute| attribute.typ == ATTR_XOR_PEER_ADDRESS)
            .map(|attribute| read_address(&attribute.value, &self.0.transaction_id))
            .collect()
    }

    /// The only peer named.
    pub(super) fn peer(&self) -> Option<SocketAddr> {
        match self.peers()?[..] {
            [peer] => Some(peer),
            _ => None,
        }
    }
}

/// What an address is masked with: the cookie, then the transaction's id.
fn mask(id: &TransactionId) -> [u8; 16] {
    let mut mask = [0; 16];
    mask[..4].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
    mask[4..].copy_from_slice(&id.0);
    mask
}

fn read_address(value: &[u8], id: &TransactionId) -> Option<SocketAddr> {
    let [_, family, high, low, ip @ ..] = value else {
        return None;
    };
    let port = u16::from_be_bytes([*high, *low]) ^ (MAGIC_COOKIE >> 16) as u16;
    let mask = u128::from_be_bytes(mask(id));
    let ip: IpAddr = match family {
        1 => Ipv4Addr::from_bits(u32::from_be_bytes(ip.try_into().ok()?) ^ MAGIC_COOKIE).into(),
        2 => Ipv6Addr::from_bits(u128::from_be_bytes(ip.try_into().ok()?) ^ mask).into(),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// An answer in the making.
#[derive(Debug)]
pub(super) struct Answer(Message);

impl Answer {
    fn new(request: &Request, class: MessageClass) -> Self {
        let mut message = Message::new();
        message.transaction_id = request.0.transaction_id;
        message.set_type(MessageType::new(request.0.typ.method, class));
        message.write_header();
        Self(message)
    }

    pub(super) fn success(request: &Request) -> Self {
        Self::new(request, CLASS_SUCCESS_RESPONSE)
    }

    pub(super) fn error(request: &Request, code: u16) -> Self {
        let mut answer = Self::new(request, CLASS_ERROR_RESPONSE);
        let [class, number] = [(code / 100) as u8, (code % 100) as u8];
        answer.0.add(ATTR_ERROR_CODE, &[0, 0, class, number]);
        answer
    }

    pub(super) fn add(mut self, typ: AttrType, value: &[u8]) -> Self {
        self.0.add(typ, value);
        self
    }

    pub(super) fn lifetime(self, seconds: u32) -> Self {
        self.add(ATTR_LIFETIME, &seconds.to_be_bytes())
    }

    pub(super) fn unknown(self, types: &[AttrType]) -> Self {
        let value: Vec<u8> = types.iter().flat_map(|typ| typ.0.to_be_bytes()).collect();
        self.add(ATTR_UNKNOWN_ATTRIBUTES, &value)
    }

    pub(super) fn address(mut self, typ: AttrType, address: SocketAddr) -> Self {
        let address = XorMappedAddress {
            ip: address.ip().to_canonical(),
            port: address.port(),
        };
        address
            .add_to_as(&mut self.0, typ)
            .expect("an address is of one family or the other");
        self
    }

    pub(super) fn mapped(self, client: SocketAddr) -> Self {
        self.address(ATTR_XORMAPPED_ADDRESS, client)
    }

    /// The whole answer, signed when there is a key.
    pub(super) fn finish(mut self, key: Option<(&[u8], &dyn RTCCrypto)>) -> Vec<u8> {
        if let Some((key, crypto)) = key {
            MessageIntegrity::new_raw_integrity_with_provider(key, crypto)
                .add_to(&mut self.0)
                .expect("every provider has the hash of STUN");
        }
        self.0.raw
    }
}

/// All of a Data indication from `peer` but the data, whose length is `len`, and its padding.
pub(super) fn data_indication(id: TransactionId, peer: SocketAddr, len: u16) -> Vec<u8> {
    let mut message = Message::new();
    message.transaction_id = id;
    message.set_type(MessageType::new(METHOD_DATA, CLASS_INDICATION));
    message.write_header();
    let mut indication = Answer(message).address(ATTR_XOR_PEER_ADDRESS, peer).0;
    indication.length += 4 + u32::from(len).next_multiple_of(4);
    indication.write_length();
    let mut bytes = indication.raw;
    bytes.extend(ATTR_DATA.0.to_be_bytes());
    bytes.extend(len.to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rtc::stun::message::METHOD_ALLOCATE;

    use super::*;

    fn request(peers: &[SocketAddr]) -> Vec<u8> {
        let mut message = Message::new();
        message.transaction_id.0 = [9; 12];
        message.set_type(MessageType::new(METHOD_ALLOCATE, CLASS_REQUEST));
        message.write_header();
        for peer in peers {
            let peer = XorMappedAddress {
                ip: peer.ip(),
                port: peer.port(),
            };
            peer.add_to_as(&mut message, ATTR_XOR_PEER_ADDRESS).expect("an address");
        }
        message.raw
    }

    #[test]
    fn every_peer_is_read() {
        let peers = ["192.0.2.7:65535", "[2001:db8::1]:1"].map(|text| text.parse().expect("an address"));
        let request = Request::parse(&request(&peers)).expect("a request");
        assert_eq!(request.peers().expect("well-formed"), peers);
        assert_eq!(request.peer(), None);
    }

    #[test]
    fn what_integrity_does_not_cover_is_not_read() {
        let provider = rtc::crypto::default_provider().expect("a crypto provider");
        let mut message = Message::new();
        message.set_type(MessageType::new(METHOD_ALLOCATE, CLASS_REQUEST));
        message.write_header();
        message.add(ATTR_REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
        MessageIntegrity::new_raw_integrity_with_provider(*b"key", provider.crypto())
            .add_to(&mut message)
            .expect("a signature");
        message.add(ATTR_LIFETIME, &[0, 0, 0, 1]);
        let mut request = Request::parse(&message.raw).expect("a request");
        assert!(request.verify(b"key", provider.crypto()));
        assert_eq!((request.transport(), request.lifetime()), (Some(17), None));
        let mut request = Request::parse(&message.raw).expect("a request");
        assert!(!request.verify(b"another", provider.crypto()));
    }

    #[test]
    fn a_data_indication_is_understood_by_another_implementation() {
        let peer: SocketAddr = "[2001:db8::7]:7882".parse().expect("an address");
        let mut bytes = data_indication(TransactionId([3; 12]), peer, 5);
        bytes.extend(b"hello\0\0\0");
        let mut message = Message::new();
        message.unmarshal_binary(&bytes).expect("a message");
        assert_eq!(message.raw.len(), HEADER + message.length as usize);
        assert_eq!(message.get(ATTR_DATA).expect("data"), b"hello");
        let mut read = XorMappedAddress::default();
        read.get_from_as(&message, ATTR_XOR_PEER_ADDRESS).expect("a peer");
        assert_eq!(SocketAddr::new(read.ip, read.port), peer);
    }

    proptest! {
        #[test]
        fn garbage_is_refused_without_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), real: bool) {
            if real && bytes.len() >= 8 {
                let len = bytes.len().saturating_sub(HEADER) as u16;
                bytes[..4].copy_from_slice(&[[0, 3], len.to_be_bytes()].concat());
                bytes[4..8].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
            }
            let provider = rtc::crypto::default_provider().expect("a crypto provider");
            if let Some(mut request) = Request::parse(&bytes) {
                let _ = (request.user(), request.realm(), request.nonce(), request.transport(), request.family());
                let _ = (request.lifetime(), request.channel(), request.data(), request.peers(), request.unknown());
                let _ = request.verify(b"key", provider.crypto());
            }
        }

        #[test]
        fn damaged_requests_are_refused_without_panic(
            changes in proptest::collection::vec((0_usize..60, any::<u8>()), 1..8),
            cut in 0_usize..60,
        ) {
            let peers = ["192.0.2.7:65535", "[2001:db8::1]:1"].map(|text| text.parse().expect("an address"));
            let mut bytes = request(&peers);
            for (at, value) in changes {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                }
            }
            for end in [cut.min(bytes.len()), bytes.len()] {
                if let Some(request) = Request::parse(&bytes[..end]) {
                    let _ = (request.peers(), request.unknown(), request.lifetime());
                }
            }
        }
    }
}
