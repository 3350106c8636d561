//! SRTP and SRTCP with AES-128-GCM (RFC 3711, RFC 7714), sealed and opened in place.
//!
//! A repeated pair of SSRC and index under one key gives the key of the authentication away, so [`Sealer`] refuses
//! one: it is the only owner of a transport's outgoing keys, and forgets no SSRC.

use std::{collections::HashMap, fmt};

use relay_core::{intmap::IntMap, types::DtlsRole};
use ring::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use rtc::crypto::{BlockCipherAlgorithm, RTCCrypto};
use thiserror::Error;

use super::window::{self, Window};

/// Bytes that sealing adds to an RTP packet.
pub(crate) const RTP_OVERHEAD: usize = TAG;
/// Bytes that sealing adds to an RTCP packet.
pub(crate) const RTCP_OVERHEAD: usize = TAG + 4;

const TAG: usize = 16;
const RTP_HEADER: usize = 12;
const RTCP_HEADER: usize = 8;
/// SSRCs of one client whose replay windows are kept; the one unused for longest makes room for another.
const MAX_STREAMS: usize = 1024;
/// How far ahead of what was opened before a packet may be that comes from elsewhere.
const LEAP: u64 = 1_000;

/// Why a packet was not sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum SrtpError {
    /// Too short, or not of version 2.
    #[error("malformed packet")]
    Malformed,
    /// The index was used before, or is too old to tell.
    #[error("index seen before")]
    Replayed,
    /// Not made with the key of this transport.
    #[error("authentication failed")]
    Forged,
    /// Every index of the key was used.
    #[error("key used up")]
    Exhausted,
}

/// Master key and salt of one direction, as DTLS exports them.
#[derive(Clone)]
pub(crate) struct MasterKey {
    /// The key.
    pub(crate) key: [u8; 16],
    /// The salt.
    pub(crate) salt: [u8; 12],
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(***)")
    }
}

/// Both directions of one transport.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    /// Seals what we send.
    pub(crate) ours: MasterKey,
    /// Opens what the client sends.
    pub(crate) theirs: MasterKey,
}

impl Keys {
    /// Bytes of keying material to export from DTLS.
    pub(crate) const MATERIAL: usize = 2 * (16 + 12);

    /// Splits exported keying material (RFC 5764 §4.2), which has the DTLS client's part first.
    pub(crate) fn from_material(material: &[u8; Self::MATERIAL], role: DtlsRole) -> Self {
        let part = |key: usize, salt: usize| MasterKey {
            key: std::array::from_fn(|i| material[key + i]),
            salt: std::array::from_fn(|i| material[salt + i]),
        };
        let (client, server) = (part(0, 32), part(16, 44));
        match role {
            DtlsRole::Client => Self {
                ours: client,
                theirs: server,
            },
            DtlsRole::Server => Self {
                ours: server,
                theirs: client,
            },
        }
    }
}

/// Session key and salt of SRTP or SRTCP in one direction.
struct Session {
    key: LessSafeKey,
    salt: [u8; 12],
    /// The key itself, for the tests' book of nonces.
    #[cfg(test)]
    name: [u8; 16],
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session(***)")
    }
}

impl Session {
    /// Derives the session with the labels of key and salt (RFC 3711 §4.3).
    fn derive(master: &MasterKey, key_label: u8, salt_label: u8, crypto: &dyn RTCCrypto) -> Self {
        let derive = |label: u8| {
            let mut block = [0; 16];
            block[..12].copy_from_slice(&master.salt);
            block[7] ^= label;
            crypto
                .block_encrypt(BlockCipherAlgorithm::Aes128, &master.key, &mut block)
                .expect("AES-128 takes a key and a block of 16 bytes");
            block
        };
        let (key, salt) = (derive(key_label), derive(salt_label));
        Self {
            key: UnboundKey::new(&aead::AES_128_GCM, &key)
                .map(LessSafeKey::new)
                .expect("AES-128-GCM takes a key of 16 bytes"),
            salt: std::array::from_fn(|i| salt[i]),
            #[cfg(test)]
            name: key,
        }
    }

    fn rtp(master: &MasterKey, crypto: &dyn RTCCrypto) -> Self {
        Self::derive(master, 0, 2, crypto)
    }

    fn rtcp(master: &MasterKey, crypto: &dyn RTCCrypto) -> Self {
        Self::derive(master, 3, 5, crypto)
    }

    /// The nonce of RFC 7714 §8.1; the one for RTCP (§9.1) is the same with a 31-bit index.
    fn nonce(&self, ssrc: [u8; 4], index: u64) -> Nonce {
        Nonce::assume_unique_for_key(self.nonce_bytes(ssrc, index))
    }

    fn nonce_bytes(&self, ssrc: [u8; 4], index: u64) -> [u8; 12] {
        let mut nonce = self.salt;
        for (byte, mask) in nonce[2..6].iter_mut().zip(ssrc) {
            *byte ^= mask;
        }
        for (byte, mask) in nonce[6..].iter_mut().zip(&index.to_be_bytes()[2..]) {
            *byte ^= mask;
        }
        nonce
    }

    /// The one place where anything is sealed: the payload in place, and its tag.
    fn seal(
        &self,
        (ssrc, index): ([u8; 4], u64),
        aad: &[u8],
        payload: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), SrtpError> {
        #[cfg(test)]
        ledger::note(&self.name, &self.nonce_bytes(ssrc, index), aad, payload);
        let made = self
            .key
            .seal_in_place_separate_tag(self.nonce(ssrc, index), Aad::from(aad), payload)
            .map_err(|_| SrtpError::Malformed)?;
        tag.copy_from_slice(made.as_ref());
        Ok(())
    }
}

/// Seals everything that is sent to one transport.
#[derive(Debug)]
pub(crate) struct Sealer {
    rtp: Session,
    rtcp: Session,
    /// Index of the next RTCP packet, one count for all SSRCs.
    rtcp_index: u32,
    slots: IntMap<usize>,
    /// Indices used, per SSRC; never forgotten while the key lives.
    used: Vec<Window>,
    /// SSRC of the last packet and its slot: packets come in runs.
    last: Option<(u32, usize)>,
}

impl Sealer {
    /// Seals with this key. There must be no second one for the same key.
    pub(crate) fn new(master: &MasterKey, crypto: &dyn RTCCrypto) -> Self {
        Self {
            rtp: Session::rtp(master, crypto),
            rtcp: Session::rtcp(master, crypto),
            rtcp_index: 0,
            slots: IntMap::default(),
            used: Vec::new(),
            last: None,
        }
    }

    /// Seals a packet in place. It holds header, payload and [`RTP_OVERHEAD`] bytes of room; `index` is rollover
    /// counter and sequence number.
    ///
    /// # Errors
    /// When the index was used for this SSRC, whatever the bytes were.
    pub(crate) fn seal_rtp(&mut self, packet: &mut [u8], header: usize, index: u64) -> Result<(), SrtpError> {
        if header < RTP_HEADER || packet.len() < header + TAG {
            return Err(SrtpError::Malformed);
        }
        if index >> 48 != 0 {
            return Err(SrtpError::Exhausted);
        }
        let ssrc = [packet[8], packet[9], packet[10], packet[11]];
        debug_assert_eq!(
            index as u16,
            u16::from_be_bytes([packet[2], packet[3]]),
            "an index ends in the sequence number"
        );
        self.claim(u32::from_be_bytes(ssrc), index)?;
        let (header, rest) = packet.split_at_mut(header);
        let (payload, tag) = rest.split_at_mut(rest.len() - TAG);
        self.rtp.seal((ssrc, index), header, payload, tag)
    }

    fn claim(&mut self, ssrc: u32, index: u64) -> Result<(), SrtpError> {
        let slot = match self.last {
            Some((last, slot)) if last == ssrc => slot,
            _ => match self.slots.get(&ssrc) {
                Some(slot) => *slot,
                None => {
                    self.last = Some((ssrc, self.used.len()));
                    self.slots.insert(ssrc, self.used.len());
                    self.used.push(Window::new(index));
                    return Ok(());
                }
            },
        };
        self.last = Some((ssrc, slot));
        if self.used[slot].insert(index) {
            Ok(())
        } else {
            Err(SrtpError::Replayed)
        }
    }

    /// Seals a compound RTCP packet in place. It holds the packet and [`RTCP_OVERHEAD`] bytes of room.
    pub(crate) fn seal_rtcp(&mut self, packet: &mut [u8]) -> Result<(), SrtpError> {
        if packet.len() < RTCP_HEADER + RTCP_OVERHEAD {
            return Err(SrtpError::Malformed);
        }
        let index = self.rtcp_index;
        if index >= 1 << 31 {
            return Err(SrtpError::Exhausted);
        }
        self.rtcp_index += 1;
        let (sealed, trailer) = packet.split_at_mut(packet.len() - 4);
        trailer.copy_from_slice(&(index | 1 << 31).to_be_bytes());
        let (ssrc, aad) = (rtcp_ssrc(sealed), rtcp_aad(sealed, trailer));
        let (payload, tag) = sealed.split_at_mut(sealed.len() - TAG);
        self.rtcp
            .seal((ssrc, index.into()), &aad, &mut payload[RTCP_HEADER..], tag)
    }
}

/// What was seen of one SSRC.
#[derive(Debug, Default)]
struct Stream {
    rtp: Option<Window>,
    rtcp: Option<Window>,
    /// Value of the opener's counter when it was last used.
    used: u64,
}

/// Opens everything that comes from one transport.
#[derive(Debug)]
pub(crate) struct Opener {
    rtp: Session,
    rtcp: Session,
    streams: HashMap<u32, Stream>,
    opened: u64,
}

impl Opener {
    /// Opens with this key.
    pub(crate) fn new(master: &MasterKey, crypto: &dyn RTCCrypto) -> Self {
        Self {
            rtp: Session::rtp(master, crypto),
            rtcp: Session::rtcp(master, crypto),
            streams: HashMap::new(),
            opened: 0,
        }
    }

    /// Whether a packet may be the next of a stream that was opened before: newer than all of it, by little. Nothing is
    /// decrypted.
    pub(crate) fn may_follow(&self, packet: &[u8], is_rtcp: bool) -> bool {
        let known = |ssrc: &[u8; 4]| self.streams.get(&u32::from_be_bytes(*ssrc));
        let (highest, index) = if is_rtcp {
            let ssrc = packet.get(4..).and_then(|rest| rest.first_chunk());
            let seen = ssrc.and_then(known).and_then(|stream| stream.rtcp.as_ref());
            let index = packet.last_chunk().map(|word| u32::from_be_bytes(*word) & !(1 << 31));
            (seen.map(Window::highest), index.map(u64::from))
        } else {
            let ssrc = packet.get(8..).and_then(|rest| rest.first_chunk());
            let seen = ssrc.and_then(known).and_then(|stream| stream.rtp.as_ref());
            let highest = seen.map(Window::highest);
            let sequence = packet.get(2..).and_then(|rest| rest.first_chunk());
            let index = sequence.map(|bytes| window::estimate(highest, u16::from_be_bytes(*bytes)));
            (highest, index)
        };
        highest
            .zip(index)
            .is_some_and(|(highest, index)| (highest + 1..=highest + LEAP).contains(&index))
    }

    /// Opens an SRTP packet in place and returns it without the tag.
    pub(crate) fn open_rtp<'a>(&mut self, packet: &'a mut [u8]) -> Result<&'a [u8], SrtpError> {
        let header = rtp_header(packet).ok_or(SrtpError::Malformed)?;
        let ssrc = [packet[8], packet[9], packet[10], packet[11]];
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        let known = self
            .streams
            .get(&u32::from_be_bytes(ssrc))
            .and_then(|stream| stream.rtp.as_ref());
        let index = window::estimate(known.map(Window::highest), sequence);
        if known.is_some_and(|window| !window.is_new(index)) {
            return Err(SrtpError::Replayed);
        }
        let nonce = self.rtp.nonce(ssrc, index);
        let (aad, sealed) = packet.split_at_mut(header);
        self.rtp
            .key
            .open_in_place(nonce, Aad::from(&*aad), sealed)
            .map_err(|_| SrtpError::Forged)?;
        see(&mut self.stream(u32::from_be_bytes(ssrc)).rtp, index);
        Ok(&packet[..packet.len() - TAG])
    }

    /// Opens a compound SRTCP packet in place and returns it without tag and index.
    pub(crate) fn open_rtcp<'a>(&mut self, packet: &'a mut [u8]) -> Result<&'a [u8], SrtpError> {
        if packet.len() < RTCP_HEADER + RTCP_OVERHEAD || packet[0] >> 6 != 2 {
            return Err(SrtpError::Malformed);
        }
        let end = packet.len() - RTCP_OVERHEAD;
        let (sealed, trailer) = packet.split_at_mut(end + TAG);
        let word = u32::from_be_bytes([trailer[0], trailer[1], trailer[2], trailer[3]]);
        let index = u64::from(word & !(1 << 31));
        let ssrc = rtcp_ssrc(sealed);
        let known = self
            .streams
            .get(&u32::from_be_bytes(ssrc))
            .and_then(|stream| stream.rtcp.as_ref());
        if known.is_some_and(|window| !window.is_new(index)) {
            return Err(SrtpError::Replayed);
        }
        // Packets in the clear (E bit unset) are none of a browser's.
        if word >> 31 == 0 {
            return Err(SrtpError::Forged);
        }
        let nonce = self.rtcp.nonce(ssrc, index);
        let aad = rtcp_aad(sealed, trailer);
        self.rtcp
            .key
            .open_in_place(nonce, Aad::from(aad), &mut sealed[RTCP_HEADER..])
            .map_err(|_| SrtpError::Forged)?;
        see(&mut self.stream(u32::from_be_bytes(ssrc)).rtcp, index);
        Ok(&packet[..end])
    }

    fn stream(&mut self, ssrc: u32) -> &mut Stream {
        self.opened += 1;
        if self.streams.len() >= MAX_STREAMS && !self.streams.contains_key(&ssrc) {
            let idle = self.streams.iter().min_by_key(|(_, stream)| stream.used);
            if let Some(idle) = idle.map(|(ssrc, _)| *ssrc) {
                self.streams.remove(&idle);
            }
        }
        let stream = self.streams.entry(ssrc).or_default();
        stream.used = self.opened;
        stream
    }
}

fn see(window: &mut Option<Window>, index: u64) {
    match window {
        Some(window) => {
            window.insert(index);
        }
        None => *window = Some(Window::new(index)),
    }
}

/// Length of the header of an SRTP packet with its extensions.
fn rtp_header(packet: &[u8]) -> Option<usize> {
    if packet.len() < RTP_HEADER + TAG || packet[0] >> 6 != 2 {
        return None;
    }
    let mut header = RTP_HEADER + 4 * usize::from(packet[0] & 0x0f);
    if packet[0] & 0x10 != 0 {
        let words = packet.get(header + 2..header + 4)?;
        header += 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]]));
    }
    (packet.len() >= header + TAG).then_some(header)
}

/// Sender's SSRC of the first packet of a compound.
fn rtcp_ssrc(packet: &[u8]) -> [u8; 4] {
    [packet[4], packet[5], packet[6], packet[7]]
}

/// What is authenticated of an SRTCP packet without being encrypted: header and trailer (RFC 7714 §17).
fn rtcp_aad(packet: &[u8], trailer: &[u8]) -> [u8; RTCP_HEADER + 4] {
    let mut aad = [0; RTCP_HEADER + 4];
    aad[..RTCP_HEADER].copy_from_slice(&packet[..RTCP_HEADER]);
    aad[RTCP_HEADER..].copy_from_slice(trailer);
    aad
}

#[cfg(test)]
pub(crate) mod ledger;

#[cfg(test)]
mod tests;
