//! What VP9 and AV1 have in front of a picture: payload descriptors and dependency descriptors, as browsers write them.

use relay_core::types::Codec;

/// One packet of one spatial layer of a picture.
pub struct Picture {
    pub number: u16,
    pub tl0: u8,
    pub layer: u8,
    pub temporal: u8,
    pub keyframe: bool,
    pub first: bool,
    pub last: bool,
}

/// The beginning of a payload: 5 bytes of VP9, 1 of AV1.
pub fn payload(codec: Codec, picture: &Picture) -> Vec<u8> {
    let if_set = |condition: bool, bit: u8| if condition { bit } else { 0 };
    if codec == Codec::Av1 {
        let new = if_set(picture.keyframe && picture.first && picture.layer == 0, 0x08);
        return vec![0x10 | new | if_set(!picture.first, 0x80) | if_set(!picture.last, 0x40)];
    }
    let flags = 0xa0 | if_set(!picture.keyframe, 0x40) | if_set(picture.first, 0x08) | if_set(picture.last, 0x04);
    let [high, low] = (picture.number | 0x8000).to_be_bytes();
    let layer = picture.temporal << 5 | picture.layer << 1 | if_set(picture.keyframe && picture.layer > 0, 1);
    vec![flags, high, low, layer, picture.tl0]
}

/// The dependency descriptor: templates 5 to 10 are spatial layers 0 to 2 with temporal layers 0 and 1 each; a keyframe
/// says so, at a length that only the two-byte form of extensions can hold.
pub fn dependency(picture: &Picture) -> Vec<u8> {
    let template = 5 + picture.layer * 2 + picture.temporal;
    let mut bytes = vec![u8::from(picture.first) << 7 | u8::from(picture.last) << 6 | template];
    bytes.extend(picture.number.to_be_bytes());
    if picture.keyframe && picture.first && picture.layer == 0 {
        // 1 structure, 4 absent; 000101 offset; 00101 targets; then the layers 01 10 01 10 01 11.
        bytes.extend([0b1000_0000, 0b1010_0101, 0b0110_0110, 0b0111_0000]);
        bytes.extend([0x5a; 40]);
    }
    bytes
}

/// The frame number in a dependency descriptor.
pub fn frame_number(descriptor: &[u8]) -> u16 {
    u16::from_be_bytes([descriptor[1], descriptor[2]])
}
