//! What a codec needs changed or found in its payload when layers are switched.

pub(super) mod h264;
pub(super) mod vp8;

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
