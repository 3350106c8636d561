//! Codecs, feedback and header extensions of one section: what is offered, and what of it we take.

use super::parse::{Direction, Extension, MAX_ENTRIES, RtpMap, Section};
use crate::types::{Codec, ExtKind, ExtMap, MediaKind, Pt};

/// Feedback that we use with video, in the order in which it is written.
const VIDEO_FEEDBACK: [&str; 4] = ["transport-cc", "ccm fir", "nack", "nack pli"];

/// A codec of a section under its payload type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) codec: Codec,
    pub(super) pt: Pt,
    pub(super) rtx_pt: Option<Pt>,
    /// RED around it (RFC 2198), for sound that we send.
    pub(super) red_pt: Option<Pt>,
    /// `a=fmtp`, empty for none.
    pub(super) fmtp: String,
    pub(super) feedback: Vec<&'static str>,
}

impl Format {
    /// As we offer it. The numbers are those that Chromium uses itself.
    pub(super) fn own(codec: Codec) -> Self {
        let (pt, rtx_pt, fmtp) = match codec {
            Codec::Opus => (111, None, "minptime=10;useinbandfec=1"),
            Codec::Vp8 => (96, Some(Pt(97)), ""),
            Codec::H264 => (
                108,
                Some(Pt(109)),
                "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
            ),
            Codec::Vp9 => (98, Some(Pt(99)), "profile-id=0"),
            Codec::Av1 => (45, Some(Pt(46)), "level-idx=5;profile=0;tier=0"),
        };
        Self {
            codec,
            pt: Pt(pt),
            rtx_pt,
            red_pt: (codec == Codec::Opus).then_some(Pt(63)),
            fmtp: fmtp.into(),
            feedback: match codec.kind() {
                // As LiveKit does: sound repairs itself (RED, in-band FEC) and stays out of congestion control.
                MediaKind::Audio => Vec::new(),
                MediaKind::Video => VIDEO_FEEDBACK.to_vec(),
            },
        }
    }

    /// The formats of a section that are among `codecs`, each codec once, in the section's order. Of several kinds
    /// of H.264 the constrained baseline profile is taken, which every decoder has.
    pub(super) fn common(section: &Section<'_>, codecs: &[Codec]) -> Vec<Self> {
        let mut formats: Vec<Self> = Vec::new();
        let mut constrained = false;
        for number in section.formats.split_ascii_whitespace().take(MAX_ENTRIES) {
            let Some(map) = section.maps.iter().find(|map| number.parse() == Ok(map.pt.0)) else {
                continue;
            };
            let Some((codec, fmtp)) = known(section, map).filter(|(c, _)| codecs.contains(c)) else {
                continue;
            };
            let format = || Self {
                codec,
                pt: map.pt,
                rtx_pt: rtx(section, map.pt),
                red_pt: red(section, map.pt).filter(|_| codec == Codec::Opus),
                feedback: offered_feedback(section, map.pt, codec.kind()),
                fmtp: fmtp.clone(),
            };
            let better = codec == Codec::H264 && !constrained && is_constrained(&fmtp);
            match formats.iter_mut().find(|format| format.codec == codec) {
                Some(former) if better => *former = format(),
                Some(_) => {}
                None => formats.push(format()),
            }
            constrained |= better;
        }
        formats
    }
}

/// The name in `a=rtpmap`.
pub(super) const fn encoding_name(codec: Codec) -> &'static str {
    match codec {
        Codec::Opus => "opus",
        Codec::Vp8 => "VP8",
        Codec::H264 => "H264",
        Codec::Vp9 => "VP9",
        Codec::Av1 => "AV1",
    }
}

/// The codec of a map, if we know it in that form, and the parameters to answer.
fn known(section: &Section<'_>, map: &RtpMap<'_>) -> Option<(Codec, String)> {
    let is = |name, rate| map.name.eq_ignore_ascii_case(name) && map.clock_rate == rate;
    if is("opus", 48_000) {
        Some((Codec::Opus, Format::own(Codec::Opus).fmtp))
    } else if is("VP8", 90_000) {
        Some((Codec::Vp8, String::new()))
    } else if is("VP9", 90_000) {
        let profile = parameter(section, map.pt, "profile-id").unwrap_or("0");
        (profile == "0").then(|| (Codec::Vp9, Format::own(Codec::Vp9).fmtp))
    } else if is("AV1", 90_000) {
        let profile = parameter(section, map.pt, "profile").unwrap_or("0");
        let or = |name, absent| {
            parameter(section, map.pt, name)
                .filter(|value| is_number(value))
                .unwrap_or(absent)
        };
        (profile == "0").then(|| {
            let (level, tier) = (or("level-idx", "5"), or("tier", "0"));
            (Codec::Av1, format!("level-idx={level};profile=0;tier={tier}"))
        })
    } else if is("H264", 90_000) {
        let profile = parameter(section, map.pt, "profile-level-id").unwrap_or("420010");
        let baseline =
            profile.len() == 6 && profile.starts_with("42") && profile.bytes().all(|b| b.is_ascii_hexdigit());
        let split = parameter(section, map.pt, "packetization-mode") == Some("1");
        (baseline && split).then(|| {
            let profile = profile.to_ascii_lowercase();
            let mode = "level-asymmetry-allowed=1;packetization-mode=1";
            (Codec::H264, format!("{mode};profile-level-id={profile}"))
        })
    } else {
        None
    }
}

fn is_number(value: &str) -> bool {
    (1..=2).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether `constraint_set1_flag` is set in the profile that the parameters name.
fn is_constrained(fmtp: &str) -> bool {
    let digits = fmtp.rsplit('=').next().and_then(|profile| profile.get(2..4));
    digits.is_some_and(|iop| u8::from_str_radix(iop, 16).is_ok_and(|iop| iop & 0x40 != 0))
}

fn parameter<'a>(section: &Section<'a>, pt: Pt, name: &str) -> Option<&'a str> {
    let (_, parameters) = section.fmtps.iter().find(|(number, _)| *number == pt)?;
    parameters
        .split(';')
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(key, _)| key.trim_ascii() == name)
        .map(|(_, value)| value.trim_ascii())
}

fn rtx(section: &Section<'_>, pt: Pt) -> Option<Pt> {
    let maps = section.maps.iter();
    maps.filter(|map| map.name.eq_ignore_ascii_case("rtx"))
        .map(|map| map.pt)
        .find(|rtx| {
            let apt = parameter(section, *rtx, "apt");
            apt.is_some_and(|apt| apt.parse() == Ok(pt.0))
        })
}

/// RED whose blocks are all of that payload type.
fn red(section: &Section<'_>, pt: Pt) -> Option<Pt> {
    let mut maps = section.maps.iter();
    let is_red = |map: &&RtpMap<'_>| map.name.eq_ignore_ascii_case("red") && map.clock_rate == 48_000;
    let blocks = |red: Pt| {
        let mut fmtps = section.fmtps.iter();
        fmtps.any(|(number, blocks)| *number == red && blocks.split('/').all(|block| block.parse() == Ok(pt.0)))
    };
    maps.find(|map| is_red(map) && blocks(map.pt)).map(|map| map.pt)
}

fn offered_feedback(section: &Section<'_>, pt: Pt, kind: MediaKind) -> Vec<&'static str> {
    let offered = |wanted: &&str| {
        let mut all = section.feedback.iter();
        all.any(|(number, name)| number.is_none_or(|n| n == pt) && name == wanted)
    };
    match kind {
        MediaKind::Audio => Vec::new(),
        MediaKind::Video => VIDEO_FEEDBACK.into_iter().filter(offered).collect(),
    }
}

/// The header extensions of media that comes to us.
pub(super) const fn received_exts(kind: MediaKind) -> &'static [ExtKind] {
    match kind {
        MediaKind::Audio => &[ExtKind::Mid, ExtKind::AudioLevel],
        MediaKind::Video => &[
            ExtKind::Mid,
            ExtKind::Rid,
            ExtKind::RepairedRid,
            ExtKind::TransportCc,
            ExtKind::DependencyDescriptor,
        ],
    }
}

/// The header extensions of media that we send.
pub(super) const fn sent_exts(kind: MediaKind) -> &'static [ExtKind] {
    match kind {
        MediaKind::Audio => &[ExtKind::Mid],
        MediaKind::Video => &[ExtKind::Mid, ExtKind::TransportCc, ExtKind::DependencyDescriptor],
    }
}

/// The extensions as we offer them; one id for one meaning in the whole bundle, as Chromium numbers them.
pub(super) fn own_exts(codec: Codec) -> Vec<Extension> {
    let number = |kind: &ExtKind| Extension {
        kind: *kind,
        id: match kind {
            ExtKind::TransportCc => 3,
            ExtKind::DependencyDescriptor => 12,
            _ => 4,
        },
        direction: None,
    };
    let of_use = |kind: &&ExtKind| **kind != ExtKind::DependencyDescriptor || codec == Codec::Av1;
    sent_exts(codec.kind()).iter().filter(of_use).map(number).collect()
}

/// The offered extensions among `wanted` that may flow the way we need, each kind and each id once, with the
/// direction that the answer has to carry.
pub(super) fn common_exts(section: &Section<'_>, wanted: &[ExtKind], client_sends: bool) -> Vec<Extension> {
    let mut exts: Vec<Extension> = Vec::new();
    for ext in &section.exts {
        let flows = ext.direction.is_none_or(|direction| {
            if client_sends {
                direction.sends()
            } else {
                direction.receives()
            }
        });
        let taken = exts.iter().any(|e| e.kind == ext.kind || e.id == ext.id);
        if flows && !taken && wanted.contains(&ext.kind) {
            exts.push(Extension {
                direction: ext.direction.map(|direction| match direction {
                    Direction::SendOnly => Direction::RecvOnly,
                    Direction::RecvOnly => Direction::SendOnly,
                    same => same,
                }),
                ..*ext
            });
        }
    }
    exts
}

/// The ids by kind.
pub(super) fn ext_map<'a>(exts: impl IntoIterator<Item = &'a Extension>) -> ExtMap {
    exts.into_iter().map(|ext| (ext.kind, ext.id)).collect()
}
