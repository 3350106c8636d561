//! RTP packets as bytes (RFC 3550 §5.1) and their header extensions (RFC 8285).

use thiserror::Error;

mod extended;
mod h264;
mod opus;
mod red;
mod write;

pub use extended::ExtendedSeq;
pub use h264::{AccessUnit, H264Assembler, H264Error, MAX_ACCESS_UNIT, nal_units};
pub use opus::opus_ticks;
pub use red::{red_primary, red_write};
pub use write::{HeaderFields, HeaderWriter, MAX_HEADER};

/// Bytes of a header without contributing sources and extensions.
pub const FIXED_HEADER: usize = 12;

/// Why bytes are no RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RtpError {
    /// Shorter than what its header announces.
    #[error("RTP packet is cut short")]
    Truncated,
    /// Not version 2.
    #[error("not RTP version 2")]
    Version,
    /// More padding than payload.
    #[error("RTP padding is longer than the payload")]
    Padding,
}

/// A packet, read in place.
#[derive(Debug, Clone, Copy)]
pub struct RtpPacket<'a> {
    /// Marker bit.
    pub marker: bool,
    /// Payload type.
    pub pt: u8,
    /// Sequence number.
    pub seq: u16,
    /// Media timestamp.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Header extensions.
    pub exts: HeaderExts<'a>,
    /// Payload without padding.
    pub payload: &'a [u8],
    /// Bytes of padding behind the payload.
    pub padding: usize,
}

impl<'a> RtpPacket<'a> {
    /// Reads a packet.
    ///
    /// # Errors
    /// When the bytes are not one whole RTP packet.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, RtpError> {
        let (fixed, rest) = bytes.split_first_chunk::<FIXED_HEADER>().ok_or(RtpError::Truncated)?;
        if fixed[0] >> 6 != 2 {
            return Err(RtpError::Version);
        }
        let contributing = usize::from(fixed[0] & 0x0f) * 4;
        let mut rest = rest.get(contributing..).ok_or(RtpError::Truncated)?;
        let mut exts = HeaderExts::default();
        if fixed[0] & 0x10 != 0 {
            let (start, body) = rest.split_first_chunk::<4>().ok_or(RtpError::Truncated)?;
            let len = usize::from(u16::from_be_bytes([start[2], start[3]])) * 4;
            let (data, behind) = body.split_at_checked(len).ok_or(RtpError::Truncated)?;
            exts = HeaderExts::new(u16::from_be_bytes([start[0], start[1]]), data);
            rest = behind;
        }
        let mut padding = 0;
        if fixed[0] & 0x20 != 0 {
            padding = usize::from(*rest.last().ok_or(RtpError::Padding)?);
            if padding == 0 || padding > rest.len() {
                return Err(RtpError::Padding);
            }
        }
        Ok(Self {
            marker: fixed[1] & 0x80 != 0,
            pt: fixed[1] & 0x7f,
            seq: u16::from_be_bytes([fixed[2], fixed[3]]),
            timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
            exts,
            payload: &rest[..rest.len() - padding],
            padding,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Form {
    #[default]
    None,
    OneByte,
    TwoByte,
}

/// The header extensions of a packet: pairs of id and data. Malformed ones end the list.
#[derive(Debug, Clone, Copy, Default)]
pub struct HeaderExts<'a> {
    form: Form,
    data: &'a [u8],
}

impl<'a> HeaderExts<'a> {
    fn new(profile: u16, data: &'a [u8]) -> Self {
        let form = match profile {
            0xbede => Form::OneByte,
            0x1000..=0x100f => Form::TwoByte,
            _ => Form::None,
        };
        Self { form, data }
    }

    /// The data under `id`.
    #[must_use]
    pub fn find(&self, id: u8) -> Option<&'a [u8]> {
        self.into_iter().find(|(found, _)| *found == id).map(|(_, data)| data)
    }
}

impl<'a> IntoIterator for HeaderExts<'a> {
    type Item = (u8, &'a [u8]);
    type IntoIter = HeaderExtIter<'a>;

    fn into_iter(self) -> HeaderExtIter<'a> {
        HeaderExtIter(self)
    }
}

/// Iterator over header extensions.
#[derive(Debug, Clone)]
pub struct HeaderExtIter<'a>(HeaderExts<'a>);

impl<'a> Iterator for HeaderExtIter<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let HeaderExts { form, data } = &mut self.0;
        loop {
            let (&first, rest) = data.split_first()?;
            if first == 0 {
                *data = rest;
                continue;
            }
            let (id, len, rest) = match form {
                Form::None => return None,
                // Id 15 is reserved: nothing behind it may be read.
                Form::OneByte if first >> 4 == 15 => return None,
                Form::OneByte => (first >> 4, usize::from(first & 0x0f) + 1, rest),
                Form::TwoByte => {
                    let (&len, rest) = rest.split_first()?;
                    (first, usize::from(len), rest)
                }
            };
            let Some((value, behind)) = rest.split_at_checked(len) else {
                *data = &[];
                return None;
            };
            *data = behind;
            // One-byte form with id 0 and a length is padding with data: skip it.
            if id == 0 {
                continue;
            }
            return Some((id, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_a_packet_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(packet) = RtpPacket::parse(&bytes) {
                prop_assert!(packet.payload.len() + packet.padding + FIXED_HEADER <= bytes.len());
                for (id, data) in packet.exts {
                    prop_assert!(id != 0 && data.len() <= bytes.len());
                }
            }
        }

        #[test]
        fn any_extension_block_ends(profile in prop_oneof![Just(0xbede_u16), Just(0x1000), any::<u16>()],
                                    data in proptest::collection::vec(any::<u8>(), 0..80)) {
            let exts = HeaderExts::new(profile, &data);
            prop_assert!(exts.into_iter().count() <= data.len());
        }
    }

    #[test]
    fn padding_is_taken_off() {
        let mut bytes = vec![0xa0, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 9, 9];
        bytes.extend([0, 0, 3]);
        let packet = RtpPacket::parse(&bytes).expect("well formed");
        assert_eq!((packet.payload, packet.padding), (&[9_u8, 9][..], 3));
        bytes.pop();
        bytes.push(200);
        assert_eq!(RtpPacket::parse(&bytes).err(), Some(RtpError::Padding));
    }

    #[test]
    fn both_forms_of_extensions_are_read() {
        let one = HeaderExts::new(0xbede, &[0x10, 7, 0, 0x21, 1, 2, 0xf0, 1]);
        assert_eq!(
            one.into_iter().collect::<Vec<_>>(),
            [(1, &[7_u8][..]), (2, &[1, 2][..])]
        );
        let two = HeaderExts::new(0x1000, &[20, 1, 7, 0, 21, 0]);
        assert_eq!(two.find(20), Some(&[7_u8][..]));
        assert_eq!(two.find(21), Some(&[][..]));
        assert_eq!(two.find(22), None);
    }
}
