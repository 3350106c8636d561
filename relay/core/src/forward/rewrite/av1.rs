//! AV1: the payload's aggregation header and the dependency descriptor, a header extension (AV1 RTP specification §4.4
//! and appendix A).

use super::{Last, Shift, Start, Sublayer};

/// Most templates of a structure: their ids have 6 bits.
const MAX_TEMPLATES: usize = 64;
/// Bytes that every descriptor has.
const MANDATORY: usize = 3;

/// Whether a decoder can start at this payload: it begins a coded video sequence, and does not begin in the midst of a
/// unit.
pub(in super::super) fn start(payload: &[u8]) -> Start {
    const CONTINUES: u8 = 0x80;
    const NEW_SEQUENCE: u8 = 0x08;
    match payload.first() {
        Some(header) if header & (CONTINUES | NEW_SEQUENCE) == NEW_SEQUENCE => Start::Keyframe,
        _ => Start::No,
    }
}

/// What a stream's last keyframe said of its layers: those of each frame template.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Structure {
    /// The number of the packet that it came with.
    since: u64,
    offset: u8,
    len: u8,
    /// Spatial layer in the upper half, temporal layer in the lower.
    layers: [u8; MAX_TEMPLATES],
}

/// A dependency descriptor as read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Descriptor {
    number: u16,
    sublayer: Sublayer,
}

impl Descriptor {
    /// Reads the descriptor of packet `seq`; a structure in it replaces `structure` if that is no newer one. `None` for a
    /// descriptor that cannot be read, or whose template is not known.
    pub(in super::super) fn parse(data: &[u8], seq: u64, structure: &mut Option<Structure>) -> Option<Self> {
        let (fixed, rest) = data.split_first_chunk::<MANDATORY>()?;
        let own = rest
            .first()
            .filter(|flags| *flags & 0x80 != 0)
            .and_then(|_| Structure::parse(rest, seq));
        let layers = own.as_ref().or(structure.as_ref())?.layers_of(fixed[0] & 0x3f)?;
        if own.is_some() && structure.as_ref().is_none_or(|held| held.since <= seq) {
            *structure = own;
        }
        Some(Self {
            number: u16::from_be_bytes([fixed[1], fixed[2]]),
            sublayer: Sublayer {
                spatial: layers >> 4,
                temporal: layers & 0xf,
                ends: fixed[0] & 0x40 != 0,
            },
        })
    }

    /// Where the packet stands among the layers of its stream.
    pub(in super::super) const fn sublayer(&self) -> Sublayer {
        self.sublayer
    }

    /// The shift that makes this packet's frame follow `last`.
    pub(in super::super) const fn follow(&self, last: Last) -> Shift {
        Shift {
            picture: last.picture.wrapping_add(1).wrapping_sub(self.number),
            tl0: 0,
            key: 0,
        }
    }

    /// The number as sent.
    pub(in super::super) const fn sent(&self, shift: Shift) -> Last {
        Last {
            picture: self.number.wrapping_add(shift.picture),
            tl0: 0,
            key: 0,
        }
    }
}

/// Shifts the frame number of a descriptor in place.
pub(in super::super) fn renumber(data: &mut [u8], shift: Shift) {
    if let Some([_, high, low]) = data.first_chunk_mut::<MANDATORY>() {
        let number = u16::from_be_bytes([*high, *low]).wrapping_add(shift.picture);
        [*high, *low] = number.to_be_bytes();
    }
}

impl Structure {
    /// Reads what a descriptor has behind its mandatory bytes, as far as the layers of its templates.
    fn parse(data: &[u8], since: u64) -> Option<Self> {
        let mut bits = Bits { data, at: 5 };
        let mut read = Self {
            since,
            offset: bits.read(6)?,
            len: 0,
            layers: [0; MAX_TEMPLATES],
        };
        // The number of decode targets.
        bits.read(5)?;
        let (mut spatial, mut temporal) = (0_u8, 0_u8);
        loop {
            *read.layers.get_mut(usize::from(read.len))? = spatial << 4 | temporal;
            read.len += 1;
            match bits.read(2)? {
                0 => {}
                1 => temporal += 1,
                2 => {
                    spatial += 1;
                    temporal = 0;
                }
                _ => break,
            }
            // Ids of temporal layers have 3 bits, those of spatial layers 2 (AV1 specification §5.3.3).
            if temporal > 7 || spatial > 3 {
                return None;
            }
        }
        Some(read)
    }

    fn layers_of(&self, template: u8) -> Option<u8> {
        let index = usize::from(template.wrapping_sub(self.offset) & 0x3f);
        self.layers[..usize::from(self.len)].get(index).copied()
    }
}

/// Reads bits, highest first.
struct Bits<'a> {
    data: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    /// The next `count` bits, at most 8.
    fn read(&mut self, count: usize) -> Option<u8> {
        let mut value = 0;
        for at in self.at..self.at + count {
            let byte = self.data.get(at / 8)?;
            value = value << 1 | byte >> (7 - at % 8) & 1;
        }
        self.at += count;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Packs bits, as (value, count).
    fn bits(fields: &[(u32, usize)]) -> Vec<u8> {
        let mut all = Vec::new();
        for (value, count) in fields {
            all.extend((0..*count).rev().map(|bit| value >> bit & 1 == 1));
        }
        let byte = |eight: &[bool]| (0..8).fold(0, |byte, n| byte << 1 | u8::from(eight.get(n) == Some(&true)));
        all.chunks(8).map(byte).collect()
    }

    /// A keyframe's descriptor with templates from that id on: spatial layers 0 to 2, each with temporal layers 0 and 1.
    fn keyframe(from: u32) -> Vec<u8> {
        let mut fields = vec![(1, 1), (0, 1), (from, 6), (0x1234, 16), (0b10000, 5), (from, 6), (5, 5)];
        fields.extend([1, 2, 1, 2, 1, 3].map(|next| (next, 2)));
        // The rest of a structure is not looked at.
        fields.extend([(0x2a, 8); 20]);
        bits(&fields)
    }

    #[test]
    fn templates_tell_the_layers_of_later_frames() {
        let mut structure = None;
        let first = Descriptor::parse(&keyframe(60), 1, &mut structure).expect("well formed");
        assert_eq!(first.number, 0x1234);
        assert_eq!((first.sublayer.spatial, first.sublayer.temporal), (0, 0));
        // Ids go on behind 63: template 1 is the sixth.
        let upper = Descriptor::parse(&[0xc1, 0x12, 0x35], 2, &mut structure).expect("known template");
        assert_eq!(
            (upper.sublayer.spatial, upper.sublayer.temporal, upper.sublayer.ends),
            (2, 1, true)
        );
        assert_eq!(Descriptor::parse(&[0xc2, 0x12, 0x35], 3, &mut structure), None);
    }

    /// A packet of before comes again while another structure holds.
    #[test]
    fn an_older_structure_replaces_no_newer_one() {
        let mut structure = None;
        let older = keyframe(60);
        Descriptor::parse(&keyframe(10), 7, &mut structure).expect("well formed");
        let again = Descriptor::parse(&older, 5, &mut structure).expect("its own structure");
        assert_eq!(again.sublayer.spatial, 0);
        assert!(Descriptor::parse(&[0x8f, 0x12, 0x35], 8, &mut structure).is_some());
        // The newest one's own packet, again.
        assert!(Descriptor::parse(&older, 9, &mut structure).is_some());
        assert_eq!(Descriptor::parse(&[0x8f, 0x12, 0x35], 10, &mut structure), None);
    }

    #[test]
    fn without_a_structure_nothing_is_known() {
        assert_eq!(Descriptor::parse(&[0xc1, 0x12, 0x35], 2, &mut None), None);
    }

    #[test]
    fn frames_go_on_across_streams() {
        let mut structure = None;
        let mut data = keyframe(60);
        let first = Descriptor::parse(&data, 1, &mut structure).expect("well formed");
        let last = Last {
            picture: 0xffff,
            ..Last::default()
        };
        let shift = first.follow(last);
        assert_eq!(first.sent(shift).picture, 0);
        renumber(&mut data, shift);
        assert_eq!(data[1..3], [0, 0]);
    }

    #[test]
    fn a_sequence_begins_with_the_n_bit() {
        assert_eq!(start(&[0x18, 0x0a]), Start::Keyframe);
        assert_eq!(start(&[0x98, 0x0a]), Start::No);
        assert_eq!(start(&[0x10, 0x32]), Start::No);
        assert_eq!(start(&[]), Start::No);
    }

    proptest! {
        #[test]
        fn any_descriptor_is_read_or_refused(all in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..5)) {
            let mut structure = None;
            for mut data in all {
                if let Some(read) = Descriptor::parse(&data, 1, &mut structure) {
                    prop_assert!(read.sublayer.spatial <= 3 && read.sublayer.temporal <= 7);
                }
                start(&data);
                renumber(&mut data, Shift { picture: 7, tl0: 0, key: 0 });
            }
        }
    }
}
