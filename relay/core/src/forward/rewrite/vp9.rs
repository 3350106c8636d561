//! The VP9 payload descriptor (RFC 9628 §4.2): reading it, and writing its front with numbers that go on across streams.

use super::{Last, MAX_LEN, Shift, Start, Sublayer};

const HAS_PICTURE: u8 = 0x80;
const PREDICTED: u8 = 0x40;
const HAS_LAYER: u8 = 0x20;
const FLEXIBLE: u8 = 0x10;
const BEGINS: u8 = 0x08;
const ENDS: u8 = 0x04;
/// Of the layer's byte: predicted from the spatial layer below.
const FROM_BELOW: u8 = 0x01;

/// The front of a descriptor as read. What follows it (references, scalability structure) is passed on as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Descriptor {
    /// Bytes that the front takes in the payload.
    pub(in super::super) len: u8,
    flags: u8,
    /// Picture id, 7 or 15 bits, with the bit that tells which on top.
    picture: u16,
    long: bool,
    /// Temporal layer, switching point, spatial layer, dependence on the layer below.
    layer: u8,
    tl0: u8,
}

impl Descriptor {
    /// Reads the front of a payload's descriptor.
    pub(in super::super) fn parse(payload: &[u8]) -> Option<Self> {
        let mut bytes = payload.iter().copied();
        let flags = bytes.next()?;
        let mut read = Self {
            len: 1,
            flags,
            picture: 0,
            long: false,
            layer: 0,
            tl0: 0,
        };
        if flags & HAS_PICTURE != 0 {
            let high = bytes.next()?;
            read.picture = u16::from(high & 0x7f);
            read.long = high & 0x80 != 0;
            read.len += 1;
            if read.long {
                read.picture = read.picture << 8 | u16::from(bytes.next()?);
                read.len += 1;
            }
        }
        if flags & HAS_LAYER != 0 {
            read.layer = bytes.next()?;
            read.len += 1;
            if flags & FLEXIBLE == 0 {
                read.tl0 = bytes.next()?;
                read.len += 1;
            }
        }
        // A descriptor without a picture behind it is of no use.
        bytes.next()?;
        Some(read)
    }

    /// Whether a decoder can start at this packet.
    pub(in super::super) const fn start(&self) -> Start {
        let own = self.flags & PREDICTED == 0 && self.layer & FROM_BELOW == 0;
        if own && self.flags & BEGINS != 0 && self.spatial() == 0 {
            Start::Keyframe
        } else {
            Start::No
        }
    }

    /// Where the packet stands among the layers of its stream.
    pub(in super::super) const fn sublayer(&self) -> Sublayer {
        Sublayer {
            spatial: self.spatial(),
            temporal: self.layer >> 5,
            ends: self.flags & ENDS != 0,
        }
    }

    const fn spatial(&self) -> u8 {
        self.layer >> 1 & 7
    }

    /// Writes the front with shifted numbers; returns how many bytes it takes, as many as were read.
    pub(in super::super) fn write(&self, shift: Shift, out: &mut [u8; MAX_LEN]) -> usize {
        out[0] = self.flags;
        let mut len = 1;
        if self.flags & HAS_PICTURE != 0 {
            let [high, low] = self.shifted_picture(shift).to_be_bytes();
            if self.long {
                out[len] = high | 0x80;
                len += 1;
            }
            out[len] = low;
            len += 1;
        }
        if self.flags & HAS_LAYER != 0 {
            out[len] = self.layer;
            len += 1;
            if self.flags & FLEXIBLE == 0 {
                out[len] = self.tl0.wrapping_add(shift.tl0);
                len += 1;
            }
        }
        len
    }

    /// The shift that makes this packet's numbers follow `last`.
    pub(in super::super) const fn follow(&self, last: Last) -> Shift {
        Shift {
            picture: last.picture.wrapping_add(1).wrapping_sub(self.picture),
            tl0: last.tl0.wrapping_add(1).wrapping_sub(self.tl0),
            key: 0,
        }
    }

    /// The numbers as sent.
    pub(in super::super) const fn sent(&self, shift: Shift) -> Last {
        Last {
            picture: self.shifted_picture(shift),
            tl0: self.tl0.wrapping_add(shift.tl0),
            key: 0,
        }
    }

    const fn shifted_picture(&self, shift: Shift) -> u16 {
        let mask = if self.long { 0x7fff } else { 0x7f };
        self.picture.wrapping_add(shift.picture) & mask
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// First packet of a keyframe of three spatial layers as Chromium sends it: long picture id, layer 0, TL0PICIDX, then
    /// a scalability structure of 320x180, 640x360 and 1280x720.
    const KEYFRAME: [u8; 20] = [
        0xaa, 0x92, 0x34, 0x00, 0x56, 0x50, 0x01, 0x40, 0x00, 0xb4, 0x02, 0x80, 0x01, 0x68, 0x05, 0x00, 0x02, 0xd0,
        0x82, 0x49,
    ];

    #[test]
    fn a_browsers_keyframe_is_read() {
        let descriptor = Descriptor::parse(&KEYFRAME).expect("well formed");
        assert_eq!((descriptor.len, descriptor.picture, descriptor.tl0), (5, 0x1234, 0x56));
        assert_eq!(descriptor.start(), Start::Keyframe);
        let sublayer = descriptor.sublayer();
        assert_eq!((sublayer.spatial, sublayer.temporal, sublayer.ends), (0, 0, false));
    }

    #[test]
    fn upper_layers_of_a_keyframe_and_predicted_pictures_are_no_start() {
        // Begins and ends layer 1 of a keyframe, predicted from layer 0.
        let upper = Descriptor::parse(&[0xac, 0x92, 0x34, 0x03, 0x56, 0x11]).expect("well formed");
        assert_eq!(upper.start(), Start::No);
        assert_eq!((upper.sublayer().spatial, upper.sublayer().ends), (1, true));
        // Temporal layer 2 of spatial layer 2.
        let later = Descriptor::parse(&[0xec, 0x92, 0x35, 0x54, 0x56, 0x11]).expect("well formed");
        assert_eq!(later.start(), Start::No);
        assert_eq!((later.sublayer().spatial, later.sublayer().temporal), (2, 2));
        // A keyframe's second packet.
        let second = Descriptor::parse(&[0xa4, 0x92, 0x34, 0x00, 0x56, 0x11]).expect("well formed");
        assert_eq!(second.start(), Start::No);
    }

    #[test]
    fn flexible_mode_has_no_tl0() {
        let descriptor = Descriptor::parse(&[0xf8, 0x05, 0x20, 0x02, 0x11]).expect("well formed");
        assert_eq!((descriptor.len, descriptor.picture, descriptor.long), (3, 5, false));
        assert_eq!(descriptor.sublayer().temporal, 1);
    }

    #[test]
    fn numbers_go_on_across_streams() {
        let descriptor = Descriptor::parse(&KEYFRAME).expect("well formed");
        let last = Last {
            picture: 0x7fff,
            tl0: 255,
            key: 0,
        };
        let shift = descriptor.follow(last);
        let mut out = [0; MAX_LEN];
        assert_eq!(descriptor.write(shift, &mut out), 5);
        assert_eq!(out[..5], [0xaa, 0x80, 0, 0, 0]);
        assert_eq!(descriptor.sent(shift), Last::default());
    }

    proptest! {
        #[test]
        fn any_payload_is_read_or_refused(payload in proptest::collection::vec(any::<u8>(), 0..12)) {
            if let Some(descriptor) = Descriptor::parse(&payload) {
                let len = usize::from(descriptor.len);
                prop_assert!(len < payload.len());
                let mut out = [0; MAX_LEN];
                prop_assert_eq!(descriptor.write(Shift::default(), &mut out), len);
                prop_assert_eq!(&out[..len], &payload[..len]);
            }
        }
    }
}
