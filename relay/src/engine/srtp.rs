//! SRTP and SRTCP (RFC 3711, RFC 7714), sealed and opened in place.
//!
//! A repeated pair of SSRC and index under one key gives the key of the authentication away with AES-GCM, and both texts
//! with either cipher, so [`Sealer`] refuses one: it is the only owner of a transport's outgoing keys, and forgets no SSRC.

use std::collections::HashMap;

use relay_core::intmap::IntMap;
use rtc::crypto::RTCCrypto;
use thiserror::Error;

use super::{
    sys,
    window::{self, Window},
};

mod session;

use session::{About, Session};
pub(crate) use session::{Keys, MasterKey, Profile};

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

/// Seals everything that is sent to one transport.
#[derive(Debug)]
pub(crate) struct Sealer {
    profile: Profile,
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
    pub(crate) fn new(profile: Profile, master: &MasterKey, crypto: &dyn RTCCrypto) -> Self {
        Self {
            profile,
            rtp: Session::rtp(profile, master, crypto),
            rtcp: Session::rtcp(profile, master, crypto),
            rtcp_index: 0,
            slots: IntMap::default(),
            used: Vec::new(),
            last: None,
        }
    }

    /// What it does.
    pub(crate) const fn profile(&self) -> Profile {
        self.profile
    }

    /// Prefetches what sealing the next RTP packets will use.
    pub(crate) fn prefetch(&self) {
        sys::prefetch(&self.rtp);
        if let Some(window) = self.last.and_then(|(_, slot)| self.used.get(slot)) {
            sys::prefetch(window);
        }
    }

    /// Seals a packet in place. It holds header, payload and [`Profile::rtp_overhead`] bytes of room; `index` is rollover
    /// counter and sequence number.
    ///
    /// # Errors
    /// When the index was used for this SSRC, whatever the bytes were.
    pub(crate) fn seal_rtp(&mut self, packet: &mut [u8], header: usize, index: u64) -> Result<(), SrtpError> {
        let overhead = self.profile.rtp_overhead();
        if header < RTP_HEADER || packet.len() < header + overhead {
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
        let (payload, tag) = rest.split_at_mut(rest.len() - overhead);
        let about = About {
            ssrc,
            index,
            header,
            trailer: None,
        };
        self.rtp.seal(&about, payload, tag)
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

    /// Seals a compound RTCP packet in place. It holds the packet and [`Profile::rtcp_overhead`] bytes of room.
    pub(crate) fn seal_rtcp(&mut self, packet: &mut [u8]) -> Result<(), SrtpError> {
        let overhead = self.profile.rtcp_overhead();
        if packet.len() < RTCP_HEADER + overhead {
            return Err(SrtpError::Malformed);
        }
        let index = self.rtcp_index;
        if index >= 1 << 31 {
            return Err(SrtpError::Exhausted);
        }
        self.rtcp_index += 1;
        let word = (index | 1 << 31).to_be_bytes();
        let (body, behind) = packet.split_at_mut(packet.len() - overhead);
        let (tag, trailer) = self.profile.tag_and_trailer(behind);
        trailer.copy_from_slice(&word);
        let (header, payload) = body.split_at_mut(RTCP_HEADER);
        let about = About {
            ssrc: rtcp_ssrc(header),
            index: index.into(),
            header,
            trailer: Some(word),
        };
        self.rtcp.seal(&about, payload, tag)
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
    profile: Profile,
    rtp: Session,
    rtcp: Session,
    streams: HashMap<u32, Stream>,
    opened: u64,
}

impl Opener {
    /// Opens with this key.
    pub(crate) fn new(profile: Profile, master: &MasterKey, crypto: &dyn RTCCrypto) -> Self {
        Self {
            profile,
            rtp: Session::rtp(profile, master, crypto),
            rtcp: Session::rtcp(profile, master, crypto),
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
            let index = self.profile.trailer(packet).map(|word| u64::from(word & !(1 << 31)));
            (seen.map(Window::highest), index)
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
        let overhead = self.profile.rtp_overhead();
        let header = rtp_header(packet, overhead).ok_or(SrtpError::Malformed)?;
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
        let (header, sealed) = packet.split_at_mut(header);
        let (payload, tag) = sealed.split_at_mut(sealed.len() - overhead);
        let about = About {
            ssrc,
            index,
            header,
            trailer: None,
        };
        self.rtp.open(&about, payload, tag)?;
        see(&mut self.stream(u32::from_be_bytes(ssrc)).rtp, index);
        Ok(&packet[..packet.len() - overhead])
    }

    /// Opens a compound SRTCP packet in place and returns it without tag and index.
    pub(crate) fn open_rtcp<'a>(&mut self, packet: &'a mut [u8]) -> Result<&'a [u8], SrtpError> {
        let overhead = self.profile.rtcp_overhead();
        if packet.len() < RTCP_HEADER + overhead || packet[0] >> 6 != 2 {
            return Err(SrtpError::Malformed);
        }
        let end = packet.len() - overhead;
        let word = self.profile.trailer(packet).ok_or(SrtpError::Malformed)?;
        let index = u64::from(word & !(1 << 31));
        let (body, behind) = packet.split_at_mut(end);
        let (tag, _) = self.profile.tag_and_trailer(behind);
        let (header, payload) = body.split_at_mut(RTCP_HEADER);
        let ssrc = rtcp_ssrc(header);
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
        let about = About {
            ssrc,
            index,
            header,
            trailer: Some(word.to_be_bytes()),
        };
        self.rtcp.open(&about, payload, tag)?;
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

/// Length of the header of an SRTP packet with its extensions, before a payload and so many bytes.
fn rtp_header(packet: &[u8], overhead: usize) -> Option<usize> {
    if packet.len() < RTP_HEADER + overhead || packet[0] >> 6 != 2 {
        return None;
    }
    let mut header = RTP_HEADER + 4 * usize::from(packet[0] & 0x0f);
    if packet[0] & 0x10 != 0 {
        let words = packet.get(header + 2..header + 4)?;
        header += 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]]));
    }
    (packet.len() >= header + overhead).then_some(header)
}

/// Sender's SSRC of the first packet of a compound.
fn rtcp_ssrc(packet: &[u8]) -> [u8; 4] {
    [packet[4], packet[5], packet[6], packet[7]]
}

#[cfg(test)]
pub(crate) mod ledger;

#[cfg(test)]
mod tests;
