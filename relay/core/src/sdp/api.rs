//! What goes into a negotiator and comes out of it.

use std::net::SocketAddr;

use crate::types::{Codec, DtlsRole, ExtMap, Fingerprint, IceCredentials, MediaKind, Mid, Pt, Rid, Ssrc};

/// Who makes the offers on a connection; it never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The client: a publisher connection, or the one connection for both directions.
    ClientOffers,
    /// We: a subscriber connection.
    ServerOffers,
}

/// Transport protocol of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CandidateProtocol {
    /// UDP.
    Udp,
    /// TCP, to which the client connects (RFC 6544 "passive").
    TcpPassive,
}

/// An address of ours at which a client may reach us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Candidate {
    /// Where we listen.
    pub address: SocketAddr,
    /// On what.
    pub protocol: CandidateProtocol,
}

/// Our own side of a connection.
#[derive(Debug, Clone)]
pub struct Local {
    /// Id of the session in the `o=` line: random, positive in 63 bits.
    pub session: u64,
    /// Our ICE credentials.
    pub ice: IceCredentials,
    /// Our certificate.
    pub fingerprint: Fingerprint,
    /// Our addresses, best first.
    pub candidates: Vec<Candidate>,
    /// The codecs that may be used; the others are refused in offers and not sent.
    pub codecs: Vec<Codec>,
}

/// Names a track that we send, within one negotiator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SendKey(pub(super) u32);

/// A track to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendTrack {
    /// Second word of `a=msid`, and what [`super::Negotiator::mid_to_track_id`] names: `TR_…`.
    pub track_sid: String,
    /// First word of `a=msid`, and the CNAME: `PA_…|TR_…`, or what all of it that belongs together shares.
    pub stream_id: String,
    /// What is sent.
    pub codec: Codec,
    /// Whether the sound has two channels.
    pub stereo: bool,
    /// SSRC of the media, unique in the transport.
    pub ssrc: Ssrc,
    /// SSRC of the retransmissions, for video.
    pub rtx_ssrc: Option<Ssrc>,
}

/// How far a track that we send has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SendState {
    /// It stands in our offer, and the answer is awaited.
    Offered,
    /// Both sides agree: send.
    Active,
    /// The client does not want it, or cannot decode it.
    Refused,
}

/// A track that we send and that has a section. Tracks that still wait for one are not listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sending {
    /// The key from [`super::Negotiator::add_send`].
    pub key: SendKey,
    /// As given.
    pub track_sid: String,
    /// Section in which it travels.
    pub mid: Mid,
    /// As given.
    pub codec: Codec,
    /// Payload type of the media in this section.
    pub pt: Pt,
    /// Payload type of retransmissions, when both the track and the client have them.
    pub rtx_pt: Option<Pt>,
    /// Payload type of RED around sound, when the client has it.
    pub red_pt: Option<Pt>,
    /// As given.
    pub ssrc: Ssrc,
    /// As given, but none when the client knows no retransmissions.
    pub rtx_ssrc: Option<Ssrc>,
    /// Header extensions to write.
    pub exts: ExtMap,
    /// How far it is.
    pub state: SendState,
}

impl Sending {
    /// Whether packets may be sent now.
    #[must_use]
    pub fn active(&self) -> bool {
        self.state == SendState::Active
    }
}

/// What signalling knows about a track that the client is going to publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublishHints {
    /// The codec to answer where the client offers it; otherwise the first one that it offers.
    pub codec: Option<Codec>,
    /// Bit rate at which a browser's encoder starts, in kbit/s, instead of its 300.
    pub start_kbps: Option<u32>,
    /// Two channels of sound.
    pub stereo: bool,
    /// No packets in silence.
    pub dtx: bool,
}

impl Default for PublishHints {
    fn default() -> Self {
        Self {
            codec: None,
            start_kbps: None,
            stereo: false,
            dtx: true,
        }
    }
}

/// An SSRC that the client announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReceivingSsrc {
    /// Of the media.
    pub ssrc: Ssrc,
    /// Of its retransmissions.
    pub rtx: Option<Ssrc>,
}

/// A section in which the client sends, or has sent, a track. One codec is answered, so it is the one that comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiving {
    /// The section.
    pub mid: Mid,
    /// Sound or picture.
    pub kind: MediaKind,
    /// Whether the client sends now; false after it removed the track.
    pub active: bool,
    /// First word of `a=msid`.
    pub stream: Option<String>,
    /// Second word of `a=msid`: the client's own id of the track, as in `add_track`.
    pub cid: Option<String>,
    /// The codec that we answer: the preferred one, else the first that the client offers and that we may use.
    pub codec: Codec,
    /// Its payload type.
    pub pt: Pt,
    /// Payload type of its retransmissions.
    pub rtx_pt: Option<Pt>,
    /// Ids of the header extensions.
    pub exts: ExtMap,
    /// Layers of simulcast in the client's order; empty without.
    pub rids: Vec<Rid>,
    /// The SSRCs announced, in the order of a `SIM` group if there is one; empty with RIDs in most clients.
    pub ssrcs: Vec<ReceivingSsrc>,
}

/// What the client's description says about its transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// Its ICE credentials.
    pub ice: IceCredentials,
    /// The certificate it will show.
    pub fingerprint: Fingerprint,
    /// Our part in DTLS.
    pub dtls: DtlsRole,
    /// It has a section for data channels.
    pub channels: bool,
}

/// Numbers of sections, as `MediaSectionsRequirement` carries them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Sections {
    /// For sound.
    pub audios: u32,
    /// For pictures.
    pub videos: u32,
}
