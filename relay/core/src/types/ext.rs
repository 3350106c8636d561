//! RTP header extensions by meaning, and the ids that one m-section gives them.

/// A header extension that the relay reads, writes or passes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ExtKind {
    /// Media id of the m-section (RFC 8843).
    Mid,
    /// Id of the simulcast layer (RFC 8852).
    Rid,
    /// Id of the layer that an RTX stream repairs (RFC 8852).
    RepairedRid,
    /// Client-to-mixer audio level (RFC 6464).
    AudioLevel,
    /// Transport-wide sequence number for congestion control.
    TransportCc,
    /// Absolute send time; read by nobody here, answered only for clients that know no transport-cc.
    AbsSendTime,
    /// Absolute capture time, passed on.
    AbsCaptureTime,
    /// Rotation of a picture, passed on.
    VideoOrientation,
    /// Bounds of the play-out delay, passed on.
    PlayoutDelay,
    /// What a picture shows (screen or camera), passed on.
    VideoContentType,
    /// Time stamps along the video pipeline, passed on.
    VideoTiming,
    /// Colour space of a picture, passed on.
    ColorSpace,
    /// Layer and number of a frame of AV1, rewritten.
    DependencyDescriptor,
}

impl ExtKind {
    /// How many kinds there are.
    pub const COUNT: usize = 13;

    /// All kinds.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Mid,
        Self::Rid,
        Self::RepairedRid,
        Self::AudioLevel,
        Self::TransportCc,
        Self::AbsSendTime,
        Self::AbsCaptureTime,
        Self::VideoOrientation,
        Self::PlayoutDelay,
        Self::VideoContentType,
        Self::VideoTiming,
        Self::ColorSpace,
        Self::DependencyDescriptor,
    ];

    /// The URI in an `a=extmap` line.
    #[must_use]
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Mid => "urn:ietf:params:rtp-hdrext:sdes:mid",
            Self::Rid => "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
            Self::RepairedRid => "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
            Self::AudioLevel => "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
            Self::TransportCc => "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
            Self::AbsSendTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
            Self::AbsCaptureTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
            Self::VideoOrientation => "urn:3gpp:video-orientation",
            Self::PlayoutDelay => "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
            Self::VideoContentType => "http://www.webrtc.org/experiments/rtp-hdrext/video-content-type",
            Self::VideoTiming => "http://www.webrtc.org/experiments/rtp-hdrext/video-timing",
            Self::ColorSpace => "http://www.webrtc.org/experiments/rtp-hdrext/color-space",
            Self::DependencyDescriptor => {
                "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
            }
        }
    }

    /// The kind of that URI, if the relay knows it.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.uri() == uri)
    }
}

/// Ids of the header extensions negotiated in one m-section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExtMap {
    /// Id by kind; 0 is not negotiated.
    ids: [u8; ExtKind::COUNT],
}

impl ExtMap {
    /// No extension at all.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            ids: [0; ExtKind::COUNT],
        }
    }

    /// This map with `kind` under `id`; ids 0 and 15 mean "not negotiated" (RFC 8285 reserves them).
    #[must_use]
    pub fn with(mut self, kind: ExtKind, id: u8) -> Self {
        self.set(kind, id);
        self
    }

    /// Puts `kind` under `id`; ids 0 and 15 mean "not negotiated" (RFC 8285 reserves them).
    pub fn set(&mut self, kind: ExtKind, id: u8) {
        self.ids[kind as usize] = if id == 15 { 0 } else { id };
    }

    /// The id of `kind`.
    #[must_use]
    pub fn id(&self, kind: ExtKind) -> Option<u8> {
        match self.ids[kind as usize] {
            0 => None,
            id => Some(id),
        }
    }

    /// The kind under `id`.
    #[must_use]
    pub fn kind(&self, id: u8) -> Option<ExtKind> {
        if id == 0 {
            return None;
        }
        ExtKind::ALL.into_iter().find(|kind| self.ids[*kind as usize] == id)
    }

    /// All that is negotiated.
    pub fn iter(&self) -> impl Iterator<Item = (ExtKind, u8)> + '_ {
        ExtKind::ALL
            .into_iter()
            .filter_map(|kind| self.id(kind).map(|id| (kind, id)))
    }
}

impl FromIterator<(ExtKind, u8)> for ExtMap {
    fn from_iter<T: IntoIterator<Item = (ExtKind, u8)>>(entries: T) -> Self {
        entries
            .into_iter()
            .fold(Self::new(), |map, (kind, id)| map.with(kind, id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_uri_and_its_id() {
        let map: ExtMap = ExtKind::ALL.into_iter().zip(1..).collect();
        for kind in ExtKind::ALL {
            assert_eq!(ExtKind::from_uri(kind.uri()), Some(kind));
            let id = map.id(kind).expect("given above");
            assert_eq!(map.kind(id), Some(kind));
        }
        assert_eq!(map.iter().count(), ExtKind::COUNT);
        assert_eq!(map.kind(0), None);
    }
}
