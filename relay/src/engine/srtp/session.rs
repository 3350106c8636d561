//! The keys of one direction, and the two ways to protect a packet with them.

use std::fmt;

use relay_core::types::DtlsRole;
use ring::aead::{self, Aad, LessSafeKey, Nonce, Tag, UnboundKey};
use rtc::crypto::{BlockCipherAlgorithm, HmacAlgorithm, Mac, RTCCrypto, StreamCipher, StreamCipherAlgorithm};

use super::{RTCP_HEADER, SrtpError};

/// Bytes of an HMAC-SHA1 before it is cut.
const SHA1: usize = 20;
/// Bytes of the index behind an RTCP packet.
const TRAILER: usize = 4;

/// How packets are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// `SRTP_AEAD_AES_128_GCM` (RFC 7714).
    Gcm,
    /// `SRTP_AES128_CM_HMAC_SHA1_80` (RFC 3711 §4): of encoders that have nothing better.
    CounterMode,
}

impl Profile {
    const fn salt(self) -> usize {
        match self {
            Self::Gcm => 12,
            Self::CounterMode => 14,
        }
    }

    /// Bytes of keying material to export from DTLS.
    pub(crate) const fn material(self) -> usize {
        2 * (16 + self.salt())
    }

    /// Bytes that sealing adds to an RTP packet: the tag.
    pub(crate) const fn rtp_overhead(self) -> usize {
        match self {
            Self::Gcm => 16,
            Self::CounterMode => 10,
        }
    }

    /// Bytes that sealing adds to an RTCP packet: tag and index.
    pub(crate) const fn rtcp_overhead(self) -> usize {
        self.rtp_overhead() + TRAILER
    }

    /// Tag and index of what is behind an RTCP packet, which lie in the one order or the other (RFC 7714 §9.2, RFC 3711 §3.4).
    pub(super) fn tag_and_trailer(self, behind: &mut [u8]) -> (&mut [u8], &mut [u8]) {
        match self {
            Self::Gcm => behind.split_at_mut(self.rtp_overhead()),
            Self::CounterMode => {
                let (trailer, tag) = behind.split_at_mut(TRAILER);
                (tag, trailer)
            }
        }
    }

    /// The index behind an RTCP packet, with the bit that says that it is encrypted.
    pub(super) fn trailer(self, packet: &[u8]) -> Option<u32> {
        let behind_it = match self {
            Self::Gcm => 0,
            Self::CounterMode => self.rtp_overhead(),
        };
        let end = packet.len().checked_sub(behind_it)?;
        packet[..end].last_chunk().map(|word| u32::from_be_bytes(*word))
    }
}

/// Master key and salt of one direction, as DTLS exports them.
#[derive(Clone)]
pub(crate) struct MasterKey {
    /// The key.
    pub(crate) key: [u8; 16],
    /// The salt; one of 12 bytes with zeros behind it.
    pub(crate) salt: [u8; 14],
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(***)")
    }
}

/// Both directions of one transport.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    /// What they are for.
    pub(crate) profile: Profile,
    /// Seals what we send.
    pub(crate) ours: MasterKey,
    /// Opens what the client sends.
    pub(crate) theirs: MasterKey,
}

impl Keys {
    /// Splits exported keying material (RFC 5764 §4.2), which has the DTLS client's part first; none of another length.
    pub(crate) fn from_material(profile: Profile, material: &[u8], role: DtlsRole) -> Option<Self> {
        if material.len() != profile.material() {
            return None;
        }
        let part = |number: usize| {
            let salt_at = 32 + number * profile.salt();
            let mut salt = [0; 14];
            salt[..profile.salt()].copy_from_slice(&material[salt_at..salt_at + profile.salt()]);
            MasterKey {
                key: std::array::from_fn(|i| material[number * 16 + i]),
                salt,
            }
        };
        let (client, server) = (part(0), part(1));
        let (ours, theirs) = match role {
            DtlsRole::Client => (client, server),
            DtlsRole::Server => (server, client),
        };
        Some(Self { profile, ours, theirs })
    }
}

/// What a packet's protection depends on beside its payload.
pub(super) struct About<'a> {
    pub(super) ssrc: [u8; 4],
    pub(super) index: u64,
    /// What is not encrypted.
    pub(super) header: &'a [u8],
    /// Of RTCP: the index as it is sent.
    pub(super) trailer: Option<[u8; TRAILER]>,
}

#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are of the large one, which is read for each packet"
)]
enum Cipher {
    Gcm(LessSafeKey),
    CounterMode {
        stream: Box<dyn StreamCipher>,
        mac: Box<dyn Mac>,
    },
}

/// Session key and salt of SRTP or SRTCP in one direction.
pub(super) struct Session {
    cipher: Cipher,
    salt: [u8; 14],
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
    pub(super) fn rtp(profile: Profile, master: &MasterKey, crypto: &dyn RTCCrypto) -> Self {
        Self::derive(profile, master, [0, 1, 2], crypto)
    }

    pub(super) fn rtcp(profile: Profile, master: &MasterKey, crypto: &dyn RTCCrypto) -> Self {
        Self::derive(profile, master, [3, 4, 5], crypto)
    }

    /// Derives the session with the labels of key, authentication and salt (RFC 3711 §4.3).
    fn derive(profile: Profile, master: &MasterKey, labels: [u8; 3], crypto: &dyn RTCCrypto) -> Self {
        let key: [u8; 16] = derived(master, labels[0], crypto);
        let cipher = match profile {
            Profile::Gcm => UnboundKey::new(&aead::AES_128_GCM, &key)
                .map(LessSafeKey::new)
                .map(Cipher::Gcm)
                .expect("AES-128-GCM takes a key of 16 bytes"),
            Profile::CounterMode => {
                let secret: [u8; SHA1] = derived(master, labels[1], crypto);
                let stream = crypto.new_stream_cipher(StreamCipherAlgorithm::Aes128Ctr, &key);
                let mac = crypto.new_hmac(HmacAlgorithm::Sha1, &secret);
                Cipher::CounterMode {
                    stream: stream.expect("AES-128 in counter mode takes a key of 16 bytes"),
                    mac: mac.expect("HMAC takes any key"),
                }
            }
        };
        let mut salt: [u8; 14] = derived(master, labels[2], crypto);
        salt[profile.salt()..].fill(0);
        Self {
            cipher,
            salt,
            #[cfg(test)]
            name: key,
        }
    }

    /// The one place where anything is sealed: the payload in place, and its tag.
    pub(super) fn seal(&mut self, about: &About<'_>, payload: &mut [u8], tag: &mut [u8]) -> Result<(), SrtpError> {
        #[cfg(test)]
        super::ledger::note(&self.name, &self.unique(about), (about.header, about.trailer), payload);
        match &mut self.cipher {
            Cipher::Gcm(key) => {
                let mut room = [0; RTCP_HEADER + TRAILER];
                let (nonce, aad) = (nonce(&self.salt, about), aad(about, &mut room));
                let made = key
                    .seal_in_place_separate_tag(nonce, Aad::from(aad), payload)
                    .map_err(|_| SrtpError::Malformed)?;
                tag.copy_from_slice(made.as_ref());
            }
            Cipher::CounterMode { stream, mac } => {
                stream
                    .apply_keystream(&counter(&self.salt, about), payload)
                    .map_err(|_| SrtpError::Malformed)?;
                tag.copy_from_slice(&signed(mac.as_mut(), about, payload)?[..tag.len()]);
            }
        }
        Ok(())
    }

    /// Opens a payload in place.
    pub(super) fn open(&mut self, about: &About<'_>, payload: &mut [u8], tag: &[u8]) -> Result<(), SrtpError> {
        match &mut self.cipher {
            Cipher::Gcm(key) => {
                let mut room = [0; RTCP_HEADER + TRAILER];
                let (nonce, aad) = (nonce(&self.salt, about), aad(about, &mut room));
                let tag = Tag::try_from(tag).map_err(|_| SrtpError::Forged)?;
                key.open_in_place_separate_tag(nonce, Aad::from(aad), tag, payload, 0..)
                    .map_err(|_| SrtpError::Forged)?;
            }
            Cipher::CounterMode { stream, mac } => {
                let right = signed(mac.as_mut(), about, payload)?;
                // In a time that does not tell where they differ.
                let differs = right.iter().zip(tag).fold(0, |differs, (a, b)| differs | (a ^ b));
                if differs != 0 {
                    return Err(SrtpError::Forged);
                }
                stream
                    .apply_keystream(&counter(&self.salt, about), payload)
                    .map_err(|_| SrtpError::Forged)?;
            }
        }
        Ok(())
    }

    /// What must be another one for each packet under a key.
    #[cfg(test)]
    fn unique(&self, about: &About<'_>) -> [u8; 16] {
        match self.cipher {
            Cipher::Gcm(_) => {
                let mut unique = [0; 16];
                unique[..12].copy_from_slice(nonce(&self.salt, about).as_ref());
                unique
            }
            Cipher::CounterMode { .. } => counter(&self.salt, about),
        }
    }
}

/// The nonce of RFC 7714 §8.1; the one for RTCP (§9.1) is the same with a 31-bit index.
fn nonce(salt: &[u8; 14], about: &About<'_>) -> Nonce {
    let mut nonce = [0; 12];
    nonce.copy_from_slice(&salt[..12]);
    mask(&mut nonce[2..], about);
    Nonce::assume_unique_for_key(nonce)
}

/// The first counter of RFC 3711 §4.1.1.
fn counter(salt: &[u8; 14], about: &About<'_>) -> [u8; 16] {
    let mut counter = [0; 16];
    counter[..14].copy_from_slice(salt);
    mask(&mut counter[4..], about);
    counter
}

/// Adds SSRC and index.
fn mask(at: &mut [u8], about: &About<'_>) {
    let index = about.index.to_be_bytes();
    for (byte, mask) in at.iter_mut().zip(about.ssrc.iter().chain(&index[2..])) {
        *byte ^= mask;
    }
}

/// What is authenticated without being encrypted: the header, and of RTCP the trailer (RFC 7714 §17).
fn aad<'a>(about: &About<'a>, room: &'a mut [u8; RTCP_HEADER + TRAILER]) -> &'a [u8] {
    let Some(trailer) = about.trailer else {
        return about.header;
    };
    room[..RTCP_HEADER].copy_from_slice(about.header);
    room[RTCP_HEADER..].copy_from_slice(&trailer);
    room
}

/// The whole code of a packet with its payload encrypted: behind it RTP has the rollover counter (RFC 3711 §4.2).
fn signed(mac: &mut dyn Mac, about: &About<'_>, payload: &[u8]) -> Result<[u8; SHA1], SrtpError> {
    let rollovers = u32::try_from(about.index >> 16).unwrap_or_default().to_be_bytes();
    let behind = about.trailer.unwrap_or(rollovers);
    let mut code = [0; SHA1];
    mac.sign(&[about.header, payload, &behind], &mut code)
        .map_err(|_| SrtpError::Malformed)?;
    Ok(code)
}

/// Bytes of the key derivation function (RFC 3711 §4.3.3), at rate zero.
fn derived<const N: usize>(master: &MasterKey, label: u8, crypto: &dyn RTCCrypto) -> [u8; N] {
    let mut bytes = [0; N];
    for (part, counter) in bytes.chunks_mut(16).zip(0_u8..) {
        let mut block = [0; 16];
        block[..14].copy_from_slice(&master.salt);
        block[7] ^= label;
        block[15] = counter;
        crypto
            .block_encrypt(BlockCipherAlgorithm::Aes128, &master.key, &mut block)
            .expect("AES-128 takes a key and a block of 16 bytes");
        part.copy_from_slice(&block[..part.len()]);
    }
    bytes
}
