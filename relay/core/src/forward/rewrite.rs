//! What a codec needs changed or found in its payload when layers are switched.

use crate::types::Codec;

pub(super) mod av1;
pub(super) mod h264;
pub(super) mod vp8;
pub(super) mod vp9;

/// Whether a packet can be the first one that a decoder sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// No.
    No,
    /// Yes: the first packet of a keyframe.
    Keyframe,
    /// Yes, if it is the first packet of its picture, which its payload does not tell (an H.264 IDR slice without
    /// parameter sets before it).
    IfFirst,
}

/// Where a packet stands among the layers of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sublayer {
    pub(super) spatial: u8,
    pub(super) temporal: u8,
    /// The last packet of its spatial layer in its picture.
    pub(super) ends: bool,
}

/// What is added to the numbers of one run of packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Shift {
    /// Of the picture id or frame number.
    picture: u16,
    tl0: u8,
    key: u8,
}

/// The last numbers sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Last {
    picture: u16,
    tl0: u8,
    key: u8,
}

/// What a packet says of itself besides its picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Descriptor {
    Vp8(vp8::Descriptor),
    Vp9(vp9::Descriptor),
    Av1(av1::Descriptor),
}

/// Longest beginning of a payload that is written anew.
pub(super) const MAX_LEN: usize = vp8::MAX_LEN;

impl Descriptor {
    /// Reads a payload, and the dependency descriptor if the packet has one.
    pub(super) fn read(
        codec: Codec,
        seq: u64,
        payload: &[u8],
        dependency: Option<&[u8]>,
        structure: &mut Option<av1::Structure>,
    ) -> (Option<Self>, Start) {
        match codec {
            Codec::Opus => (None, Start::No),
            Codec::H264 => (None, h264::start(payload)),
            Codec::Vp8 => match vp8::Descriptor::parse(payload) {
                Some(read) => (Some(Self::Vp8(read)), read.start()),
                None => (None, Start::No),
            },
            Codec::Vp9 => match vp9::Descriptor::parse(payload) {
                Some(read) => (Some(Self::Vp9(read)), read.start()),
                None => (None, Start::No),
            },
            Codec::Av1 => {
                let read = dependency.and_then(|data| av1::Descriptor::parse(data, seq, structure));
                (read.map(Self::Av1), av1::start(payload))
            }
        }
    }

    /// Where the packet stands among the layers of its stream, if it tells.
    pub(super) const fn sublayer(&self) -> Option<Sublayer> {
        match self {
            Self::Vp8(_) => None,
            Self::Vp9(read) => Some(read.sublayer()),
            Self::Av1(read) => Some(read.sublayer()),
        }
    }

    /// The shift that makes this packet's numbers follow `last`.
    pub(super) const fn follow(&self, last: Last) -> Shift {
        match self {
            Self::Vp8(read) => read.follow(last),
            Self::Vp9(read) => read.follow(last),
            Self::Av1(read) => read.follow(last),
        }
    }

    /// The numbers as sent.
    pub(super) const fn sent(&self, shift: Shift) -> Last {
        match self {
            Self::Vp8(read) => read.sent(shift),
            Self::Vp9(read) => read.sent(shift),
            Self::Av1(read) => read.sent(shift),
        }
    }

    /// Writes the beginning of the payload with shifted numbers; returns how many bytes it takes, and how many it replaces.
    pub(super) fn write(&self, shift: Shift, out: &mut [u8; MAX_LEN]) -> (usize, usize) {
        match self {
            Self::Vp8(read) => (read.write(shift, out), usize::from(read.len)),
            Self::Vp9(read) => (read.write(shift, out), usize::from(read.len)),
            // Its numbers are in a header extension.
            Self::Av1(_) => (0, 0),
        }
    }
}
