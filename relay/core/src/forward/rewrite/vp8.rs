//! The VP8 payload descriptor (RFC 7741 §4.2): reading it, and writing it with numbers that go on across layers.

use super::{Last, Shift, Start};

/// A descriptor as read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Descriptor {
    /// Bytes that it takes in the payload.
    pub(in super::super) len: u8,
    first: u8,
    /// The byte of flags behind the first; 0 when there is none.
    flags: u8,
    /// Picture id, 15 bits.
    picture: u16,
    tl0: u8,
    /// Temporal layer, sync bit and key index.
    temporal: u8,
    keyframe: bool,
}

const HAS_PICTURE: u8 = 0x80;
const HAS_TL0: u8 = 0x40;
const HAS_TID: u8 = 0x20;
const HAS_KEY: u8 = 0x10;

/// Longest descriptor that is written.
pub(in super::super) const MAX_LEN: usize = 6;

impl Descriptor {
    /// Reads the descriptor of a payload.
    pub(in super::super) fn parse(payload: &[u8]) -> Option<Self> {
        let mut bytes = payload.iter().copied();
        let first = bytes.next()?;
        let mut flags = 0;
        let mut len = 1;
        let (mut picture, mut tl0, mut temporal) = (0, 0, 0);
        if first & 0x80 != 0 {
            flags = bytes.next()? & 0xf0;
            len += 1;
            if flags & HAS_PICTURE != 0 {
                let high = bytes.next()?;
                picture = u16::from(high & 0x7f);
                len += 1;
                if high & 0x80 != 0 {
                    picture = picture << 8 | u16::from(bytes.next()?);
                    len += 1;
                }
            }
            if flags & HAS_TL0 != 0 {
                tl0 = bytes.next()?;
                len += 1;
            }
            if flags & (HAS_TID | HAS_KEY) != 0 {
                temporal = bytes.next()?;
                len += 1;
            }
        }
        // The first byte of the VP8 header, in the first packet of a picture: bit 0 clear is a keyframe.
        let head = bytes.next()?;
        let keyframe = first & 0x17 == 0x10 && head & 1 == 0;
        Some(Self {
            len,
            first,
            flags,
            picture,
            tl0,
            temporal,
            keyframe,
        })
    }

    /// Whether a decoder can start at this packet.
    pub(in super::super) const fn start(&self) -> Start {
        if self.keyframe { Start::Keyframe } else { Start::No }
    }

    /// Writes the descriptor with shifted numbers; returns how many bytes it takes. Picture ids get 15 bits.
    pub(in super::super) fn write(&self, shift: Shift, out: &mut [u8; MAX_LEN]) -> usize {
        out[0] = self.first;
        if self.first & 0x80 == 0 {
            return 1;
        }
        out[1] = self.flags;
        let mut len = 2;
        if self.flags & HAS_PICTURE != 0 {
            let [high, low] = (self.shifted_picture(shift) | 0x8000).to_be_bytes();
            out[len..len + 2].copy_from_slice(&[high, low]);
            len += 2;
        }
        if self.flags & HAS_TL0 != 0 {
            out[len] = self.tl0.wrapping_add(shift.tl0);
            len += 1;
        }
        if self.flags & (HAS_TID | HAS_KEY) != 0 {
            out[len] = self.temporal & 0xe0 | self.temporal.wrapping_add(shift.key) & 0x1f;
            len += 1;
        }
        len
    }

    /// The shift that makes this packet's numbers follow `last`.
    pub(in super::super) const fn follow(&self, last: Last) -> Shift {
        Shift {
            picture: last.picture.wrapping_add(1).wrapping_sub(self.picture),
            tl0: last.tl0.wrapping_add(1).wrapping_sub(self.tl0),
            key: last.key.wrapping_add(1).wrapping_sub(self.temporal & 0x1f) & 0x1f,
        }
    }

    /// The numbers as sent.
    pub(in super::super) const fn sent(&self, shift: Shift) -> Last {
        Last {
            picture: self.shifted_picture(shift),
            tl0: self.tl0.wrapping_add(shift.tl0),
            key: self.temporal.wrapping_add(shift.key) & 0x1f,
        }
    }

    const fn shifted_picture(&self, shift: Shift) -> u16 {
        self.picture.wrapping_add(shift.picture) & 0x7fff
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As browsers send it: picture id of 15 bits, TL0PICIDX, TID and KEYIDX.
    const BROWSER: [u8; 7] = [0x90, 0xf0, 0x80 | 0x12, 0x34, 0x56, 0x47, 0x10];

    #[test]
    fn a_browsers_descriptor_is_read() {
        let descriptor = Descriptor::parse(&BROWSER).expect("well formed");
        assert_eq!(descriptor.len, 6);
        assert_eq!(
            (descriptor.picture, descriptor.tl0, descriptor.temporal),
            (0x1234, 0x56, 0x47)
        );
        assert_eq!(descriptor.start(), Start::Keyframe);
        let mut other = BROWSER;
        other[6] |= 1;
        assert_eq!(Descriptor::parse(&other).expect("well formed").start(), Start::No);
    }

    #[test]
    fn numbers_go_on_across_layers() {
        let descriptor = Descriptor::parse(&BROWSER).expect("well formed");
        let last = Last {
            picture: 0x7fff,
            tl0: 255,
            key: 31,
        };
        let shift = descriptor.follow(last);
        let mut out = [0; MAX_LEN];
        assert_eq!(descriptor.write(shift, &mut out), 6);
        assert_eq!(out, [0x90, 0xf0, 0x80, 0, 0, 0x40]);
        assert_eq!(
            descriptor.sent(shift),
            Last {
                picture: 0,
                tl0: 0,
                key: 0
            }
        );
    }

    #[test]
    fn short_picture_ids_become_long() {
        let descriptor = Descriptor::parse(&[0x90, 0x80, 0x05, 0x01]).expect("well formed");
        let mut out = [0; MAX_LEN];
        assert_eq!(descriptor.write(Shift::default(), &mut out), 4);
        assert_eq!(out[..4], [0x90, 0x80, 0x80, 0x05]);
    }

    proptest! {
        #[test]
        fn any_payload_is_read_or_refused(payload in proptest::collection::vec(any::<u8>(), 0..12)) {
            if let Some(descriptor) = Descriptor::parse(&payload) {
                prop_assert!(usize::from(descriptor.len) < payload.len());
                let mut out = [0; MAX_LEN];
                let len = descriptor.write(Shift::default(), &mut out);
                let mut again = out[..len].to_vec();
                again.push(payload[usize::from(descriptor.len)]);
                let read = Descriptor::parse(&again).expect("written by us");
                prop_assert_eq!((read.picture, read.tl0, read.temporal), (descriptor.picture, descriptor.tl0, descriptor.temporal));
                prop_assert_eq!(read.start(), descriptor.start());
            }
        }
    }
}
