//! Writes descriptions, line by line.

use std::fmt;

use super::MAX_MESSAGE;
use super::api::{CandidateProtocol, Local, SendTrack};
use super::format::{Format, encoding_name};
use super::parse::{Direction, Extension};
use crate::types::{DtlsRole, MediaKind, Mid, Rid};

/// A description in the making.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    text: String,
    local: &'a Local,
    dtls: DtlsRole,
    /// Candidates are still to be written: they stand in the first open section, which carries the bundle.
    candidates_due: bool,
}

/// A section of sound or pictures to write.
#[derive(Debug)]
pub(super) struct MediaSection<'a> {
    pub(super) kind: MediaKind,
    pub(super) mid: Mid,
    pub(super) direction: Direction,
    pub(super) formats: &'a [Format],
    pub(super) exts: &'a [Extension],
    /// The track that we send.
    pub(super) track: Option<&'a SendTrack>,
    /// The layers that we take, in the client's order.
    pub(super) rids: &'a [Rid],
    /// Whether they are simulcast.
    pub(super) simulcast: bool,
}

/// The first word of an m-line.
pub(super) const fn media_name(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Audio => "audio",
        MediaKind::Video => "video",
    }
}

impl<'a> Writer<'a> {
    /// Begins a description of `version`, with this part in DTLS, whose bundle holds `mids`.
    ///
    /// `mixed_exts` says that header extensions of both forms are understood.
    pub(super) fn new(
        local: &'a Local,
        dtls: DtlsRole,
        version: u64,
        mixed_exts: bool,
        mids: impl Iterator<Item = Mid>,
    ) -> Self {
        let mut writer = Self {
            text: String::with_capacity(4096),
            local,
            dtls,
            candidates_due: true,
        };
        let session = local.session & (u64::MAX >> 1);
        writer.line(format_args!("v=0"));
        writer.line(format_args!("o=- {session} {version} IN IP4 127.0.0.1"));
        writer.line(format_args!("s=-"));
        writer.line(format_args!("t=0 0"));
        writer.line(format_args!("a=ice-lite"));
        if mixed_exts {
            writer.line(format_args!("a=extmap-allow-mixed"));
        }
        writer.line(format_args!("a=msid-semantic:WMS *"));
        let mids: String = mids.map(|mid| format!(" {mid}")).collect();
        writer.line(format_args!("a=group:BUNDLE{mids}"));
        writer.line(format_args!("a=fingerprint:sha-256 {}", local.fingerprint));
        writer
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        fmt::write(&mut self.text, line).expect("a string takes any text");
        self.text.push_str("\r\n");
    }

    /// A section that is not used: refused, or stopped.
    pub(super) fn refused(&mut self, media: &str, protocol: &str, format: &str, mid: Option<Mid>) {
        self.line(format_args!("m={media} 0 {protocol} {format}"));
        self.line(format_args!("c=IN IP4 0.0.0.0"));
        if let Some(mid) = mid {
            self.line(format_args!("a=mid:{mid}"));
        }
        self.line(format_args!("a=inactive"));
    }

    /// The section of the data channels.
    pub(super) fn data(&mut self, mid: Mid) {
        self.line(format_args!("m=application 9 UDP/DTLS/SCTP webrtc-datachannel"));
        self.transport(mid);
        self.line(format_args!("a=sctp-port:5000"));
        self.line(format_args!("a=max-message-size:{MAX_MESSAGE}"));
    }

    /// A section of sound or pictures.
    pub(super) fn media(&mut self, section: &MediaSection<'_>) {
        let kind = media_name(section.kind);
        let pts = |format: &Format| {
            let also = format.rtx_pt.or(format.red_pt).map(|also| format!(" {also}"));
            format!(" {}{}", format.pt, also.unwrap_or_default())
        };
        let pts: String = section.formats.iter().map(pts).collect();
        self.line(format_args!("m={kind} 9 UDP/TLS/RTP/SAVPF{pts}"));
        self.transport(section.mid);
        self.line(format_args!("a={}", section.direction.as_str()));
        self.line(format_args!("a=rtcp-mux"));
        self.line(format_args!("a=rtcp-rsize"));
        for format in section.formats {
            self.format(format);
        }
        for ext in section.exts {
            let uri = ext.kind.uri();
            match ext.direction {
                Some(way) => {
                    self.line(format_args!("a=extmap:{}/{} {uri}", ext.id, way.as_str()));
                }
                None => self.line(format_args!("a=extmap:{} {uri}", ext.id)),
            }
        }
        if let Some(track) = section.track {
            let rtx = section.formats.first().and_then(|format| format.rtx_pt);
            self.track(track, rtx.is_some());
        }
        for rid in section.rids {
            self.line(format_args!("a=rid:{rid} recv"));
        }
        if section.simulcast {
            let rids: Vec<&str> = section.rids.iter().map(Rid::as_str).collect();
            self.line(format_args!("a=simulcast:recv {}", rids.join(";")));
        }
    }

    /// The end.
    pub(super) fn finish(self) -> String {
        self.text
    }

    fn transport(&mut self, mid: Mid) {
        let local = self.local;
        self.line(format_args!("c=IN IP4 0.0.0.0"));
        // In offers too, so that nobody takes our part.
        let setup = match self.dtls {
            DtlsRole::Client => "active",
            DtlsRole::Server => "passive",
        };
        self.line(format_args!("a=setup:{setup}"));
        self.line(format_args!("a=mid:{mid}"));
        self.line(format_args!("a=ice-ufrag:{}", local.ice.ufrag));
        self.line(format_args!("a=ice-pwd:{}", local.ice.pwd));
        if !std::mem::take(&mut self.candidates_due) {
            return;
        }
        for (rank, candidate) in (0..).zip(&local.candidates) {
            let (ip, port) = (candidate.address.ip(), candidate.address.port());
            // Type preference of host candidates, UDP far before TCP (RFC 8445 §5.1.2.1, RFC 6544 §4.2).
            let priority = |first: u32| first.saturating_sub(rank << 8);
            match candidate.protocol {
                CandidateProtocol::Udp => self.line(format_args!(
                    "a=candidate:{} 1 udp {} {ip} {port} typ host",
                    rank + 1,
                    priority(2_130_706_431)
                )),
                CandidateProtocol::TcpPassive => self.line(format_args!(
                    "a=candidate:{} 1 tcp {} {ip} {port} typ host tcptype passive",
                    rank + 1,
                    priority(1_671_430_143)
                )),
            }
        }
        self.line(format_args!("a=end-of-candidates"));
    }

    fn format(&mut self, format: &Format) {
        let pt = format.pt;
        let (name, rate) = (encoding_name(format.codec), format.codec.clock_rate());
        match format.codec.kind() {
            MediaKind::Audio => self.line(format_args!("a=rtpmap:{pt} {name}/{rate}/2")),
            MediaKind::Video => self.line(format_args!("a=rtpmap:{pt} {name}/{rate}")),
        }
        if !format.fmtp.is_empty() {
            self.line(format_args!("a=fmtp:{pt} {}", format.fmtp));
        }
        for feedback in &format.feedback {
            self.line(format_args!("a=rtcp-fb:{pt} {feedback}"));
        }
        if let Some(rtx) = format.rtx_pt {
            self.line(format_args!("a=rtpmap:{rtx} rtx/{rate}"));
            self.line(format_args!("a=fmtp:{rtx} apt={pt}"));
        }
        if let Some(red) = format.red_pt {
            self.line(format_args!("a=rtpmap:{red} red/{rate}/2"));
            self.line(format_args!("a=fmtp:{red} {pt}/{pt}"));
        }
    }

    fn track(&mut self, track: &SendTrack, rtx: bool) {
        let SendTrack {
            track_sid,
            stream_id,
            ssrc,
            ..
        } = track;
        let rtx = track.rtx_ssrc.filter(|_| rtx);
        self.line(format_args!("a=msid:{stream_id} {track_sid}"));
        if let Some(rtx) = rtx {
            self.line(format_args!("a=ssrc-group:FID {ssrc} {rtx}"));
        }
        self.line(format_args!("a=ssrc:{ssrc} cname:{stream_id}"));
        if let Some(rtx) = rtx {
            self.line(format_args!("a=ssrc:{rtx} cname:{stream_id}"));
        }
    }
}
