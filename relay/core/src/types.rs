//! The small shared types of the relay: ids, the short names of RTP, and what room control says to a transport.
//!
//! They are values without behaviour of their own, so that room control, forwarding, SDP and the sockets speak of
//! the same things without depending on one another.

use std::{fmt, sync::Arc};

use bytes::Bytes;

mod ext;
mod short;

pub use ext::{ExtKind, ExtMap};
pub use short::{Mid, Rid, ShortNameError};

/// One ICE, DTLS and SRTP association with a client. Minted by room control, never reused in a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransportId(pub u32);

/// One published track as the forwarding shard knows it (all its layers). Minted by room control, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// One source sent to one transport. Minted by room control, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SinkId(pub u32);

/// Microphones that compete for being sent: those of one room. Minted by room control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FloorId(pub u32);

/// One source handed out whole to the relay itself. Minted by room control, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TapId(pub u32);

/// Synchronisation source of an RTP stream (RFC 3550 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ssrc(pub u32);

/// RTP payload type, 0 to 127.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pt(pub u8);

impl fmt::Display for TransportId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "transport {}", self.0)
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "source {}", self.0)
    }
}

impl fmt::Display for SinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sink {}", self.0)
    }
}

impl fmt::Display for TapId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tap {}", self.0)
    }
}

impl fmt::Display for Ssrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Pt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Sound or picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// Sound.
    Audio,
    /// Pictures: a camera or a shared screen.
    Video,
}

/// A codec that the relay forwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// Opus, 48 kHz (RFC 7587).
    Opus,
    /// VP8 (RFC 7741).
    Vp8,
    /// H.264 in packetization mode 1 (RFC 6184).
    H264,
    /// VP9, profile 0 (RFC 9628).
    Vp9,
    /// AV1, main profile (the AV1 RTP specification).
    Av1,
}

impl Codec {
    /// Sound or picture.
    #[must_use]
    pub const fn kind(self) -> MediaKind {
        match self {
            Self::Opus => MediaKind::Audio,
            Self::Vp8 | Self::H264 | Self::Vp9 | Self::Av1 => MediaKind::Video,
        }
    }

    /// Ticks of the RTP timestamp in a second.
    #[must_use]
    pub const fn clock_rate(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::Vp8 | Self::H264 | Self::Vp9 | Self::Av1 => 90_000,
        }
    }
}

/// User fragment and password of one side (RFC 8445 §5.3).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IceCredentials {
    /// User fragment, 4 to 256 characters.
    pub ufrag: String,
    /// Password, 22 to 256 characters.
    pub pwd: String,
}

impl fmt::Debug for IceCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceCredentials")
            .field("ufrag", &self.ufrag)
            .field("pwd", &"***")
            .finish()
    }
}

/// SHA-256 fingerprint of a DTLS certificate (RFC 8122).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Display for Fingerprint {
    /// Upper-case pairs joined by colons, as SDP wants them (without the `sha-256 ` before).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(":")?;
            }
            write!(f, "{byte:02X}")?;
        }
        Ok(())
    }
}

/// The relay's part in a DTLS handshake (RFC 8842 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DtlsRole {
    /// It begins. The usual part: a round trip less than as server, whose cookies ICE has made needless.
    Client,
    /// It waits.
    Server,
}

/// How media may be protected; the client takes what it likes best of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SrtpChoice {
    /// By AES-128-GCM only (RFC 7714), which costs least.
    Best,
    /// Also by AES-128 in counter mode with HMAC-SHA1 (RFC 3711), for clients that have nothing better.
    Any,
}

/// What room control tells the owner of the sockets about one transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransportCommand {
    /// Accept connectivity checks for these local credentials; the relay is ICE-lite.
    Create {
        /// The new transport.
        id: TransportId,
        /// Our own credentials, as written in our description.
        ice: IceCredentials,
        /// Our part in DTLS, where our own offer says it before there is an answer.
        dtls: Option<DtlsRole>,
        /// How media may be protected.
        srtp: SrtpChoice,
    },
    /// The client's description is known. Comes again after an ICE restart.
    Remote {
        /// Which transport.
        id: TransportId,
        /// The client's credentials.
        ice: IceCredentials,
        /// The certificate that the client must show.
        fingerprint: Fingerprint,
        /// Our part in DTLS; that of the first description stays.
        dtls: DtlsRole,
        /// It has a section for data channels.
        channels: bool,
    },
    /// New local credentials; the former ones stay valid until a check with the new ones arrives.
    RestartIce {
        /// Which transport.
        id: TransportId,
        /// Our new credentials.
        ice: IceCredentials,
    },
    /// Open a data channel from our side once SCTP is up.
    OpenChannel {
        /// Which transport.
        id: TransportId,
        /// The channel's label, unique per transport.
        label: Arc<str>,
        /// Whether messages arrive in order.
        ordered: bool,
        /// Retransmissions of a message; `None` is reliable.
        max_retransmits: Option<u16>,
    },
    /// Send a message on the channel of that label: queued, within bounds, until a reliable channel can take it,
    /// dropped by a lossy one.
    Send {
        /// Which transport.
        id: TransportId,
        /// Label of the channel.
        label: Arc<str>,
        /// The message, sent as binary.
        data: Bytes,
    },
    /// Forget the transport: DTLS close-notify, then nothing more is sent or accepted.
    Close {
        /// Which transport.
        id: TransportId,
    },
}

/// Why a transport went away by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DisconnectReason {
    /// No connectivity check or packet for too long.
    Silent,
    /// The DTLS handshake failed, or the certificate was not the announced one.
    DtlsFailed,
    /// The client closed DTLS or SCTP.
    ClosedByPeer,
}

/// What the owner of the sockets tells room control.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransportEvent {
    /// DTLS is up and media flows both ways. Comes once per transport, and again when it was silent and came back.
    Connected {
        /// Which transport.
        id: TransportId,
    },
    /// The transport is gone, or has been silent for too long.
    Disconnected {
        /// Which transport.
        id: TransportId,
        /// Why.
        why: DisconnectReason,
    },
    /// A data channel is open, whoever opened it.
    ChannelOpen {
        /// Which transport.
        id: TransportId,
        /// Label of the channel.
        label: Arc<str>,
    },
    /// A message arrived on the channel of that label.
    Data {
        /// Which transport.
        id: TransportId,
        /// Label of the channel.
        label: Arc<str>,
        /// The message.
        data: Bytes,
    },
    /// Bytes that wait in a reliable channel, told when they cross half of the bound, in either direction.
    ChannelBuffered {
        /// Which transport.
        id: TransportId,
        /// Label of the channel.
        label: Arc<str>,
        /// Bytes that wait.
        bytes: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_printed() {
        let ice = IceCredentials {
            ufrag: "frag".into(),
            pwd: "secretsecretsecretsecret".into(),
        };
        assert!(!format!("{ice:?}").contains("secret"));
    }

    #[test]
    fn a_fingerprint_reads_as_in_sdp() {
        let mut bytes = [0; 32];
        bytes[0] = 0xab;
        bytes[31] = 1;
        let text = Fingerprint(bytes).to_string();
        assert_eq!(text.len(), 95);
        assert!(text.starts_with("AB:00:") && text.ends_with(":01"));
    }
}
