//! The part of STUN that an ICE-lite server needs (RFC 8489, RFC 8445 §7.3): reading Binding requests and writing
//! their answers into a buffer of the caller's.

use std::net::{IpAddr, SocketAddr};

use ring::hmac;

const HEADER: usize = 20;
const MAGIC: u32 = 0x2112_A442;
pub(super) const FINGERPRINT_XOR: u32 = 0x5354_554E;

const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const BINDING_ERROR: u16 = 0x0111;

const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const ERROR_CODE: u16 = 0x0009;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const PRIORITY: u16 = 0x0024;
const USE_CANDIDATE: u16 = 0x0025;
const FINGERPRINT: u16 = 0x8028;
const ICE_CONTROLLED: u16 = 0x8029;

/// Longest request that is read; a check of a browser has about 130 bytes.
const MAX_REQUEST: usize = 1024;
/// Longest answer that [`write_success`] and [`write_role_conflict`] make.
pub(crate) const MAX_ANSWER: usize = 96;

/// A transaction id: with the magic cookie it says which answer belongs to which request.
pub(crate) type TransactionId = [u8; 12];

/// A well-formed Binding request. Its integrity is checked by [`Request::is_signed_by`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    /// The whole message.
    bytes: &'a [u8],
    /// Id of the transaction.
    pub(crate) id: TransactionId,
    /// Text before the colon of USERNAME: the receiver's user fragment.
    pub(crate) local_ufrag: Option<&'a str>,
    /// USE-CANDIDATE is there: the client wants media on this pair of addresses.
    pub(crate) nominates: bool,
    /// ICE-CONTROLLED is there: the client takes the role that is ours for good.
    pub(crate) claims_controlled: bool,
    /// Where MESSAGE-INTEGRITY starts.
    integrity: Option<usize>,
}

impl<'a> Request<'a> {
    /// Reads a datagram; anything but a well-formed Binding request is `None`.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        if !(HEADER..=MAX_REQUEST).contains(&bytes.len())
            || read_u16(bytes, 0) != BINDING_REQUEST
            || read_u32(bytes, 4) != MAGIC
            || usize::from(read_u16(bytes, 2)) != bytes.len() - HEADER
            || !bytes.len().is_multiple_of(4)
        {
            return None;
        }
        let mut request = Self {
            bytes,
            id: bytes[8..HEADER].try_into().ok()?,
            local_ufrag: None,
            nominates: false,
            claims_controlled: false,
            integrity: None,
        };
        let mut at = HEADER;
        while at < bytes.len() {
            let kind = read_u16(bytes, at);
            let len = usize::from(read_u16(bytes, at + 2));
            let value = bytes.get(at + 4..at + 4 + len)?;
            match kind {
                FINGERPRINT => {
                    let last = at + 8 == bytes.len() && len == 4;
                    let sum = crc32(&bytes[..at]) ^ FINGERPRINT_XOR;
                    return (last && read_u32(value, 0) == sum).then_some(request);
                }
                // What follows the integrity attribute, save the fingerprint, is not covered by it and is ignored.
                _ if request.integrity.is_some() => {}
                MESSAGE_INTEGRITY if len == 20 => request.integrity = Some(at),
                USERNAME => {
                    let user = std::str::from_utf8(value).ok()?;
                    request.local_ufrag = Some(user.split_once(':').map_or(user, |(us, _)| us));
                }
                USE_CANDIDATE => request.nominates = true,
                ICE_CONTROLLED => request.claims_controlled = true,
                PRIORITY => {}
                // An attribute that must be understood and is not (RFC 8489 §14).
                0..0x8000 => return None,
                _ => {}
            }
            at += 4 + len.next_multiple_of(4);
        }
        // A connectivity check has a fingerprint (RFC 8445 §7.1); a plain request may be without.
        request.is_anonymous().then_some(request)
    }

    /// Whether the request carries credentials at all.
    pub(crate) fn is_anonymous(&self) -> bool {
        self.local_ufrag.is_none() && self.integrity.is_none()
    }

    /// Checks MESSAGE-INTEGRITY under `key`, made from the receiver's password.
    pub(crate) fn is_signed_by(&self, key: &hmac::Key) -> bool {
        let Some(at) = self.integrity else {
            return false;
        };
        // The signature covers the message up to it, with the length as if it ended after it (RFC 8489 §14.5).
        let Ok(covered) = u16::try_from(at + 24 - HEADER) else {
            return false;
        };
        let mut signed = [0; MAX_REQUEST];
        signed[..at].copy_from_slice(&self.bytes[..at]);
        signed[2..4].copy_from_slice(&covered.to_be_bytes());
        hmac::verify(key, &signed[..at], &self.bytes[at + 4..at + 24]).is_ok()
    }
}

/// The key of MESSAGE-INTEGRITY for a password (short-term credentials).
pub(crate) fn key(password: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes())
}

/// Writes a success answer with the address that the request came from; signed and sealed with a fingerprint when
/// there is a key, bare otherwise. Returns its length.
pub(crate) fn write_success(
    out: &mut [u8; MAX_ANSWER],
    id: &TransactionId,
    from: SocketAddr,
    key: Option<&hmac::Key>,
) -> usize {
    let mut message = Writer::new(out, BINDING_SUCCESS, id);
    message.xor_mapped_address(from, id);
    message.finish(key)
}

/// Writes the answer to a client that claims our role (487). Returns its length.
pub(crate) fn write_role_conflict(out: &mut [u8; MAX_ANSWER], id: &TransactionId, key: &hmac::Key) -> usize {
    let mut message = Writer::new(out, BINDING_ERROR, id);
    message.attribute(ERROR_CODE, &[0, 0, 4, 87]);
    message.finish(Some(key))
}

struct Writer<'a> {
    out: &'a mut [u8; MAX_ANSWER],
    len: usize,
}

impl<'a> Writer<'a> {
    fn new(out: &'a mut [u8; MAX_ANSWER], kind: u16, id: &TransactionId) -> Self {
        out[..2].copy_from_slice(&kind.to_be_bytes());
        out[4..8].copy_from_slice(&MAGIC.to_be_bytes());
        out[8..HEADER].copy_from_slice(id);
        Self { out, len: HEADER }
    }

    fn attribute(&mut self, kind: u16, value: &[u8]) {
        let at = self.len;
        let len = u16::try_from(value.len()).expect("attributes of ours are short");
        self.out[at..at + 2].copy_from_slice(&kind.to_be_bytes());
        self.out[at + 2..at + 4].copy_from_slice(&len.to_be_bytes());
        self.out[at + 4..at + 4 + value.len()].copy_from_slice(value);
        self.len = at + 4 + value.len();
    }

    fn xor_mapped_address(&mut self, address: SocketAddr, id: &TransactionId) {
        let mut value = [0; 20];
        let port = address.port() ^ (MAGIC >> 16) as u16;
        value[2..4].copy_from_slice(&port.to_be_bytes());
        let mut mask = [0; 16];
        mask[..4].copy_from_slice(&MAGIC.to_be_bytes());
        mask[4..].copy_from_slice(id);
        let len = match address.ip().to_canonical() {
            IpAddr::V4(ip) => {
                value[1] = 1;
                value[4..8].copy_from_slice(&ip.octets());
                8
            }
            IpAddr::V6(ip) => {
                value[1] = 2;
                value[4..].copy_from_slice(&ip.octets());
                20
            }
        };
        for (byte, mask) in value[4..len].iter_mut().zip(mask) {
            *byte ^= mask;
        }
        self.attribute(XOR_MAPPED_ADDRESS, &value[..len]);
    }

    /// Sets the length as if the message ended `more` bytes from here.
    fn set_length(&mut self, more: usize) {
        let len = u16::try_from(self.len + more - HEADER).expect("answers are short");
        self.out[2..4].copy_from_slice(&len.to_be_bytes());
    }

    fn finish(mut self, key: Option<&hmac::Key>) -> usize {
        self.set_length(0);
        if let Some(key) = key {
            self.set_length(24);
            let tag = hmac::sign(key, &self.out[..self.len]);
            self.attribute(MESSAGE_INTEGRITY, tag.as_ref());
            self.set_length(8);
            let sum = crc32(&self.out[..self.len]) ^ FINGERPRINT_XOR;
            self.attribute(FINGERPRINT, &sum.to_be_bytes());
        }
        self.len
    }
}

/// Callers have checked that the bytes are there: messages are multiples of 4 and so are steps through them.
fn read_u16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn read_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// CRC-32 of ITU V.42, as FINGERPRINT wants it.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut i = 0;
        while i < 256 {
            let mut value = i as u32;
            let mut bit = 0;
            while bit < 8 {
                value = if value & 1 == 1 {
                    0xEDB8_8320 ^ (value >> 1)
                } else {
                    value >> 1
                };
                bit += 1;
            }
            table[i] = value;
            i += 1;
        }
        table
    };
    !bytes
        .iter()
        .fold(!0, |sum, byte| TABLE[usize::from(sum as u8 ^ byte)] ^ (sum >> 8))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The sample request of RFC 5769 §2.1.
    const SAMPLE: &[u8] = b"\x00\x01\x00\x58\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae\
\x80\x22\x00\x10\x53\x54\x55\x4e\x20\x74\x65\x73\x74\x20\x63\x6c\x69\x65\x6e\x74\
\x00\x24\x00\x04\x6e\x00\x01\xff\x80\x29\x00\x08\x93\x2f\xf9\xb1\x51\x26\x3b\x36\
\x00\x06\x00\x09\x65\x76\x74\x6a\x3a\x68\x36\x76\x59\x20\x20\x20\
\x00\x08\x00\x14\x9a\xea\xa7\x0c\xbf\xd8\xcb\x56\x78\x1e\xf2\xb5\xb2\xd3\xf2\x49\xc1\xb5\x71\xa2\
\x80\x28\x00\x04\xe5\x7a\x3b\xcf";
    const SAMPLE_PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";

    #[test]
    fn the_sample_of_rfc_5769_is_read_and_verified() {
        let request = Request::parse(SAMPLE).expect("a well-formed request");
        assert_eq!(request.local_ufrag, Some("evtj"));
        assert!(request.claims_controlled && !request.nominates);
        assert!(request.is_signed_by(&key(SAMPLE_PASSWORD)));
        assert!(!request.is_signed_by(&key("another")));
    }

    #[test]
    fn a_changed_byte_is_noticed() {
        for at in 0..SAMPLE.len() {
            let mut bytes = SAMPLE.to_vec();
            bytes[at] ^= 1;
            let accepted = Request::parse(&bytes).is_some_and(|request| request.is_signed_by(&key(SAMPLE_PASSWORD)));
            assert!(!accepted, "byte {at} may be changed unseen");
        }
    }

    #[test]
    fn the_answer_of_rfc_5769_is_understood_by_another_implementation() {
        use rtc::stun::{
            fingerprint::FINGERPRINT,
            integrity::MessageIntegrity,
            message::{Getter, Message},
            xoraddr::XorMappedAddress,
        };

        for from in ["192.0.2.1:32853", "[2001:db8::1]:9"] {
            let from: SocketAddr = from.parse().expect("an address");
            let mut out = [0; MAX_ANSWER];
            let len = write_success(&mut out, &[7; 12], from, Some(&key("pass")));
            let mut message = Message::new();
            message.unmarshal_binary(&out[..len]).expect("a STUN message");
            let mut address = XorMappedAddress::default();
            address.get_from(&message).expect("an address");
            assert_eq!(SocketAddr::new(address.ip, address.port), from);
            FINGERPRINT.check(&message).expect("a fingerprint");
            let provider = rtc::crypto::default_provider().expect("a crypto provider");
            MessageIntegrity::check(&mut message, b"pass", provider.crypto()).expect("a signature");
        }
    }

    proptest! {
        #[test]
        fn garbage_is_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Request::parse(&bytes);
        }

        #[test]
        fn damaged_requests_are_refused_without_panic(
            changes in proptest::collection::vec((0..SAMPLE.len(), any::<u8>()), 1..8),
            cut in 0..SAMPLE.len(),
        ) {
            let mut bytes = SAMPLE.to_vec();
            for (at, value) in changes {
                bytes[at] = value;
            }
            for end in [cut, bytes.len()] {
                if let Some(request) = Request::parse(&bytes[..end]) {
                    let _ = request.is_signed_by(&key(SAMPLE_PASSWORD));
                }
            }
        }
    }
}
