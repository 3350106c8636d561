//! What the negotiator remembers of one m-section, and how a client's section becomes that.

use super::api::{PublishHints, Receiving, ReceivingSsrc, SendKey, SendState};
use super::format::{Format, common_exts, ext_map, received_exts};
use super::parse::{Direction, Extension, Section, SectionKind};
use crate::types::{Codec, ExtKind, MediaKind, Mid, Rid, Ssrc};

/// One m-section. Their order never changes.
#[derive(Debug)]
pub(super) enum Slot {
    /// Data channels.
    Data { mid: Mid },
    /// Refused: repeated in the answer with port 0.
    Refused {
        mid: Option<Mid>,
        media: String,
        protocol: String,
        format: String,
    },
    /// The client's track.
    Receive(Box<Receive>),
    /// Ours.
    Send(SendSlot),
}

/// A section in which the client sends.
#[derive(Debug)]
pub(super) struct Receive {
    pub(super) receiving: Receiving,
    /// The one format that we answer.
    pub(super) format: Format,
    pub(super) exts: Vec<Extension>,
    pub(super) simulcast: bool,
}

/// A section in which we may send.
#[derive(Debug)]
pub(super) struct SendSlot {
    pub(super) mid: Mid,
    pub(super) kind: MediaKind,
    /// What the client takes in it; never empty.
    pub(super) formats: Vec<Format>,
    pub(super) exts: Vec<Extension>,
    pub(super) usage: Usage,
    /// The client stopped it (port 0): it comes back only under another mid.
    pub(super) stopped: bool,
}

/// What a sending section carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Usage {
    /// Nothing, and both sides know it.
    Free,
    /// Nothing any more, which the client has still to hear: browsers announce a new track only in a section that
    /// was inactive before.
    Parked,
    /// This track.
    Track(SendKey, SendState),
    /// Nothing, and the client does not want anything.
    Closed,
}

impl Slot {
    /// The slot's place in the bundle, if it has one.
    pub(super) fn bundled_mid(&self) -> Option<Mid> {
        match self {
            Self::Data { mid } => Some(*mid),
            Self::Refused { .. } => None,
            Self::Receive(receive) => Some(receive.receiving.mid),
            Self::Send(send) => (!send.stopped).then_some(send.mid),
        }
    }

    /// A slot for a section that is not used.
    pub(super) fn refuse(section: &Section<'_>) -> Self {
        let format = section.formats.split_ascii_whitespace().next();
        Self::Refused {
            mid: section.mid,
            media: section.media.to_owned(),
            protocol: section.protocol.to_owned(),
            format: format.unwrap_or("0").to_owned(),
        }
    }

    /// A slot for an open section of a client's offer. `former` is the slot at the same place before, if the section
    /// is still the same. `hints` are asked by the client's id of a track.
    pub(super) fn offered(
        section: &Section<'_>,
        mid: Mid,
        direction: Direction,
        former: Option<&Self>,
        codecs: &[Codec],
        hints: impl Fn(&str) -> PublishHints,
    ) -> Self {
        let kind = match section.kind {
            SectionKind::Data => return Self::Data { mid },
            SectionKind::Other => return Self::refuse(section),
            SectionKind::Media(kind) => kind,
        };
        let mut formats = Format::common(section, codecs);
        formats.retain(|format| format.codec.kind() == kind);
        if formats.is_empty() {
            return Self::refuse(section);
        }
        let received_before = matches!(former, Some(Self::Receive(_)));
        let inactive = direction == Direction::Inactive;
        if direction.sends() || inactive && (received_before || section.msid.is_some()) {
            let receive = Receive::offered(section, mid, kind, direction.sends(), formats, hints);
            return Self::Receive(Box::new(receive));
        }
        let usage = match former {
            _ if inactive => Usage::Closed,
            Some(Self::Send(SendSlot {
                usage: Usage::Closed, ..
            }))
            | None => Usage::Free,
            Some(Self::Send(send)) => send.usage,
            Some(_) => Usage::Free,
        };
        Self::Send(SendSlot {
            mid,
            kind,
            formats,
            // Those of the other direction too: Chromium offers in new sections only what older ones agreed on, and then
            // cannot publish simulcast for want of RIDs.
            exts: common_exts(section, received_exts(kind), false),
            usage,
            stopped: false,
        })
    }
}

impl SendSlot {
    /// The format for a codec.
    pub(super) fn format(&self, codec: Codec) -> Option<&Format> {
        self.formats.iter().find(|format| format.codec == codec)
    }

    /// The key of the track that it carries.
    pub(super) fn key(&self) -> Option<SendKey> {
        match self.usage {
            Usage::Track(key, _) => Some(key),
            _ => None,
        }
    }
}

impl Receive {
    fn offered(
        section: &Section<'_>,
        mid: Mid,
        kind: MediaKind,
        active: bool,
        mut formats: Vec<Format>,
        hints: impl Fn(&str) -> PublishHints,
    ) -> Self {
        let (stream, cid) = section.msid.unwrap_or_default();
        let hints = hints(cid);
        let preferred = |format: &Format| Some(format.codec) == hints.codec;
        // Without a wish a codec that every browser decodes.
        let plain = |format: &Format| !matches!(format.codec, Codec::Vp9 | Codec::Av1);
        let mut order = formats.iter();
        let place = order.position(preferred).or_else(|| formats.iter().position(plain));
        let mut format = formats.swap_remove(place.unwrap_or(0));
        hint_parameters(&mut format, hints);
        // Copies towards subscribers are made here, for those who need them: no publisher has to send everything twice.
        format.red_pt = None;
        let mut exts = common_exts(section, received_exts(kind), true);
        // Only AV1 has need of it.
        exts.retain(|ext| ext.kind != ExtKind::DependencyDescriptor || format.codec == Codec::Av1);
        let (rids, simulcast) = layers(section);
        let word = |word: &str| (!word.is_empty() && word != "-").then(|| word.to_owned());
        Self {
            receiving: Receiving {
                mid,
                kind,
                active,
                stream: word(stream),
                cid: word(cid),
                codec: format.codec,
                pt: format.pt,
                rtx_pt: format.rtx_pt,
                exts: ext_map(&exts),
                rids,
                ssrcs: streams(section),
            },
            format,
            exts,
            simulcast,
        }
    }
}

fn hint_parameters(format: &mut Format, hints: PublishHints) {
    let mut add = |parameter: &str| {
        if !format.fmtp.is_empty() {
            format.fmtp.push(';');
        }
        format.fmtp.push_str(parameter);
    };
    match format.codec.kind() {
        MediaKind::Audio => {
            if hints.stereo {
                add("stereo=1");
            }
            if hints.dtx {
                add("usedtx=1");
            }
        }
        MediaKind::Video => {
            if let Some(rate) = hints.start_kbps {
                add(&format!("x-google-start-bitrate={rate}"));
            }
        }
    }
}

/// The layers that the client sends, and whether they are simulcast.
fn layers(section: &Section<'_>) -> (Vec<Rid>, bool) {
    match &section.simulcast {
        Some(order) => {
            let mut rids: Vec<Rid> = Vec::new();
            for rid in order.iter().filter(|rid| section.rids.contains(rid)) {
                if !rids.contains(rid) {
                    rids.push(*rid);
                }
            }
            let simulcast = !rids.is_empty();
            (rids, simulcast)
        }
        None => (section.rids.clone(), false),
    }
}

/// The SSRCs of media with those of their retransmissions; what only repairs is left out.
fn streams(section: &Section<'_>) -> Vec<ReceivingSsrc> {
    let groups = |semantics: &'static str| {
        let groups = section.groups.iter();
        groups
            .filter(move |(name, _)| *name == semantics)
            .map(|(_, ssrcs)| ssrcs)
    };
    let repairs: Vec<Ssrc> = groups("FID")
        .chain(groups("FEC-FR"))
        .filter_map(|ssrcs| ssrcs.get(1).copied())
        .collect();
    let order = groups("SIM").next().unwrap_or(&section.ssrcs);
    let media = order.iter().filter(|ssrc| !repairs.contains(ssrc));
    media
        .map(|ssrc| ReceivingSsrc {
            ssrc: *ssrc,
            rtx: groups("FID")
                .find(|ssrcs| ssrcs.first() == Some(ssrc))
                .and_then(|ssrcs| ssrcs.get(1).copied()),
        })
        .collect()
}
