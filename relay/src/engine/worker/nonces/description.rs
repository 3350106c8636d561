//! Session descriptions as the clients of this test write and read them.

use std::fmt::Write as _;

use livekit_protocol::SessionDescription;
use relay_core::types::{Codec, ExtKind};

use super::exts;

/// One m-section of a client's own offers.
#[derive(Debug, Clone)]
pub(super) struct Section {
    pub(super) codecs: Vec<Codec>,
    /// The client's track that is sent in it.
    pub(super) cid: Option<String>,
    /// It is there to receive.
    pub(super) receives: bool,
}

/// Payload types of a codec and of its retransmissions.
pub(super) const fn payload_types(codec: Codec) -> (u8, Option<u8>) {
    match codec {
        Codec::Opus => (111, None),
        Codec::Vp8 => (96, Some(97)),
        Codec::H264 => (102, Some(103)),
        Codec::Vp9 => (98, Some(99)),
        Codec::Av1 => (45, Some(46)),
    }
}

const fn uri(kind: ExtKind) -> &'static str {
    match kind {
        ExtKind::AudioLevel => "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
        ExtKind::AbsSendTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
        ExtKind::TransportCc => "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
        ExtKind::Mid => "urn:ietf:params:rtp-hdrext:sdes:mid",
        ExtKind::Rid => "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
        _ => "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
    }
}

/// The client's offer: data in section 0, then these. `ice` numbers its credentials.
pub(super) fn offer(version: u32, ice: u32, sections: &[Section]) -> SessionDescription {
    let mids: String = (0..=sections.len()).map(|mid| format!(" {mid}")).collect();
    let transport = format!(
        "c=IN IP4 0.0.0.0\r\na=setup:actpass\r\na=ice-ufrag:c{ice:03}\r\na=ice-pwd:a-client-password-of-{ice:04}\r\na=fingerprint:sha-256 {}\r\n",
        vec!["07"; 32].join(":")
    );
    let mut sdp = format!(
        "v=0\r\no=- 77 {version} IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE{mids}\r\n\
         m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n{transport}a=mid:0\r\na=sctp-port:5000\r\n"
    );
    for (section, mid) in sections.iter().zip(1..) {
        write_section(&mut sdp, section, mid, &transport).expect("a string takes everything");
    }
    SessionDescription {
        r#type: "offer".into(),
        sdp,
        id: version,
        ..SessionDescription::default()
    }
}

fn write_section(sdp: &mut String, section: &Section, mid: u32, transport: &str) -> std::fmt::Result {
    let audio = section.codecs == [Codec::Opus];
    write!(sdp, "m={} 9 UDP/TLS/RTP/SAVPF", if audio { "audio" } else { "video" })?;
    for codec in &section.codecs {
        let (pt, rtx) = payload_types(*codec);
        write!(sdp, " {pt}")?;
        if let Some(rtx) = rtx {
            write!(sdp, " {rtx}")?;
        }
    }
    write!(sdp, "\r\n{transport}a=mid:{mid}\r\na=rtcp-mux\r\n")?;
    for codec in &section.codecs {
        let (pt, rtx) = payload_types(*codec);
        let name = match codec {
            Codec::Opus => "opus/48000/2",
            Codec::Vp8 => "VP8/90000",
            Codec::H264 => "H264/90000",
            Codec::Vp9 => "VP9/90000",
            Codec::Av1 => "AV1/90000",
        };
        write!(sdp, "a=rtpmap:{pt} {name}\r\na=rtcp-fb:{pt} transport-cc\r\n")?;
        if *codec == Codec::H264 {
            let profile = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
            write!(sdp, "a=fmtp:{pt} {profile}\r\n")?;
        }
        if let Some(rtx) = rtx {
            write!(sdp, "a=rtcp-fb:{pt} nack\r\na=rtcp-fb:{pt} nack pli\r\n")?;
            write!(sdp, "a=rtpmap:{rtx} rtx/90000\r\na=fmtp:{rtx} apt={pt}\r\n")?;
        }
    }
    for (kind, id) in exts().iter() {
        let layered = matches!(kind, ExtKind::Rid | ExtKind::RepairedRid);
        let unused = kind == ExtKind::DependencyDescriptor;
        if unused || audio && layered || !audio && kind == ExtKind::AudioLevel {
            continue;
        }
        write!(sdp, "a=extmap:{id} {}\r\n", uri(kind))?;
    }
    match &section.cid {
        Some(cid) => {
            write!(sdp, "a=msid:stream {cid}\r\na=sendonly\r\n")?;
            if !audio {
                write!(
                    sdp,
                    "a=rid:q send\r\na=rid:h send\r\na=rid:f send\r\na=simulcast:send q;h;f\r\n"
                )?;
            }
            Ok(())
        }
        None if section.receives => write!(sdp, "a=recvonly\r\n"),
        None => write!(sdp, "a=inactive\r\n"),
    }
}

/// What a browser answers to an offer of the relay's: it takes everything.
pub(super) fn answer_to(offer: &SessionDescription) -> SessionDescription {
    let taken = |line: &&str| {
        !["a=msid:", "a=ssrc", "a=candidate", "a=end-of", "a=ice-lite"]
            .iter()
            .any(|prefix| line.starts_with(prefix))
    };
    let sdp = offer
        .sdp
        .replace("a=setup:active", "a=setup:passive")
        .replace("a=sendonly", "a=recvonly");
    SessionDescription {
        r#type: "answer".into(),
        sdp: sdp.lines().filter(taken).flat_map(|line| [line, "\r\n"]).collect(),
        id: offer.id,
        ..SessionDescription::default()
    }
}

/// The id of the transport-wide number in a description, and the payload types of retransmissions.
pub(super) fn numbers(sdp: &str) -> (Option<u8>, Vec<u8>) {
    let ext = sdp
        .lines()
        .filter(|line| line.ends_with(uri(ExtKind::TransportCc)))
        .find_map(|line| line.strip_prefix("a=extmap:")?.split([' ', '/']).next()?.parse().ok());
    let rtx = sdp
        .lines()
        .filter_map(|line| line.strip_prefix("a=rtpmap:")?.strip_suffix(" rtx/90000")?.parse().ok());
    (ext, rtx.collect())
}
