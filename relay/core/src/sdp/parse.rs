//! Reads a description: borrowed lines, sorted into sections. What we do not know is skipped.

use super::error::SdpError;
use super::{MAX_SECTIONS, MAX_TEXT};
use crate::types::{ExtKind, Fingerprint, MediaKind, Mid, Pt, Rid, Ssrc};

/// Most entries of one sort that are kept of a section: formats, SSRCs, groups, RIDs.
pub(super) const MAX_ENTRIES: usize = 256;
/// Longest `a=msid` word that is kept.
const MAX_MSID: usize = 256;
/// Longest parameters of a format that are kept.
const MAX_PARAMETERS: usize = 1024;

/// Which way media may flow, as its writer sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    fn read(word: &str) -> Option<Self> {
        [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive]
            .into_iter()
            .find(|direction| direction.as_str() == word)
    }

    pub(super) const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    pub(super) const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

/// `a=setup` (RFC 8842).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setup {
    ActPass,
    Active,
    Passive,
}

/// What identifies and secures a transport; in the session's part it holds for every section without its own.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TransportLines<'a> {
    pub(super) ufrag: Option<&'a str>,
    pub(super) pwd: Option<&'a str>,
    pub(super) fingerprint: Option<Fingerprint>,
    pub(super) setup: Option<Setup>,
}

impl TransportLines<'_> {
    /// These lines, and what is missing from the session's.
    pub(super) fn or(self, session: Self) -> Self {
        Self {
            ufrag: self.ufrag.or(session.ufrag),
            pwd: self.pwd.or(session.pwd),
            fingerprint: self.fingerprint.or(session.fingerprint),
            setup: self.setup.or(session.setup),
        }
    }
}

/// What an m-section is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SectionKind {
    Media(MediaKind),
    Data,
    Other,
}

/// `a=rtpmap`.
#[derive(Debug, Clone, Copy)]
pub(super) struct RtpMap<'a> {
    pub(super) pt: Pt,
    pub(super) name: &'a str,
    pub(super) clock_rate: u32,
}

/// `a=extmap` of an extension that we know.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extension {
    pub(super) kind: ExtKind,
    pub(super) id: u8,
    pub(super) direction: Option<Direction>,
}

/// One m-section.
#[derive(Debug)]
pub(super) struct Section<'a> {
    pub(super) kind: SectionKind,
    /// First word of the m-line, as it must be repeated when the section is refused.
    pub(super) media: &'a str,
    pub(super) port: u16,
    pub(super) protocol: &'a str,
    pub(super) formats: &'a str,
    pub(super) mid: Option<Mid>,
    pub(super) direction: Option<Direction>,
    pub(super) bundle_only: bool,
    pub(super) transport: TransportLines<'a>,
    pub(super) maps: Vec<RtpMap<'a>>,
    pub(super) fmtps: Vec<(Pt, &'a str)>,
    /// `a=rtcp-fb` by payload type; `None` is `*`.
    pub(super) feedback: Vec<(Option<Pt>, &'a str)>,
    pub(super) exts: Vec<Extension>,
    pub(super) msid: Option<(&'a str, &'a str)>,
    /// RIDs that the writer sends.
    pub(super) rids: Vec<Rid>,
    /// The RIDs of `a=simulcast:send`, in order, one of each list of alternatives.
    pub(super) simulcast: Option<Vec<Rid>>,
    pub(super) ssrcs: Vec<Ssrc>,
    /// `a=ssrc-group` by semantics.
    pub(super) groups: Vec<(&'a str, Vec<Ssrc>)>,
}

/// A description by session part and sections.
#[derive(Debug)]
pub(super) struct Description<'a> {
    /// Mids of `a=group:BUNDLE`, in order.
    pub(super) bundle: Option<Vec<&'a str>>,
    pub(super) direction: Option<Direction>,
    /// Packets may have extensions in the two-byte form beside others in the one-byte form (RFC 8285 §6).
    pub(super) mixed_exts: bool,
    pub(super) transport: TransportLines<'a>,
    pub(super) sections: Vec<Section<'a>>,
}

impl<'a> Description<'a> {
    /// Reads a whole description.
    pub(super) fn parse(text: &'a str) -> Result<Self, SdpError> {
        if text.len() > MAX_TEXT {
            return Err(SdpError::TooLong);
        }
        let mut description = Self {
            bundle: None,
            direction: None,
            mixed_exts: false,
            transport: TransportLines::default(),
            sections: Vec::new(),
        };
        let mut lines = text
            .split('\n')
            .map(|line| line.strip_suffix('\r').unwrap_or(line))
            .enumerate();
        if lines.next().is_none_or(|(_, line)| line != "v=0") {
            return Err(SdpError::Line(1));
        }
        for (index, line) in lines {
            description
                .line(line)
                .map_err(|fault| fault.unwrap_or(SdpError::Line(index + 1)))?;
        }
        Ok(description)
    }

    fn line(&mut self, line: &'a str) -> Result<(), Option<SdpError>> {
        if line.is_empty() {
            return Ok(());
        }
        let (kind, value) = line.split_once('=').ok_or(None)?;
        match kind {
            "m" => {
                if self.sections.len() == MAX_SECTIONS {
                    return Err(Some(SdpError::TooManySections));
                }
                self.sections.push(Section::parse(value).ok_or(None)?);
            }
            "a" => {
                let (name, value) = value.split_once(':').unwrap_or((value, ""));
                match self.sections.last_mut() {
                    Some(section) => section.attribute(name, value).ok_or(None)?,
                    None => self.attribute(name, value).ok_or(None)?,
                }
            }
            // Session name, times, connection data, bandwidth: nothing in them concerns us.
            _ if kind.len() == 1 => {}
            _ => return Err(None),
        }
        Ok(())
    }

    /// An attribute of the session. `None` means that it cannot be read and may not be skipped.
    fn attribute(&mut self, name: &'a str, value: &'a str) -> Option<()> {
        match name {
            "group" => {
                if let Some(mids) = value.strip_prefix("BUNDLE")
                    && self.bundle.is_none()
                {
                    let mids = mids.split_ascii_whitespace().take(MAX_SECTIONS);
                    self.bundle = Some(mids.collect());
                }
            }
            "extmap-allow-mixed" => self.mixed_exts = true,
            _ if Direction::read(name).is_some() => self.direction = Direction::read(name),
            _ => transport_attribute(&mut self.transport, name, value)?,
        }
        Some(())
    }
}

/// An attribute that identifies or secures a transport, anywhere.
fn transport_attribute<'a>(transport: &mut TransportLines<'a>, name: &str, value: &'a str) -> Option<()> {
    let ice = |value: &'a str, least: usize| {
        let fits = (least..=256).contains(&value.len());
        let ice_char = |b: u8| b.is_ascii_alphanumeric() || b == b'+' || b == b'/';
        // Some clients use `-` and `_` too; what counts is that nothing can break a line or a user name.
        let plain = value.bytes().all(|b| ice_char(b) || b"-_=".contains(&b));
        (fits && plain).then_some(value)
    };
    match name {
        "ice-ufrag" => transport.ufrag = Some(ice(value, 4)?),
        "ice-pwd" => transport.pwd = Some(ice(value, 22)?),
        "fingerprint" => {
            let (hash, hex) = value.split_once(' ')?;
            if hash.eq_ignore_ascii_case("sha-256") {
                transport.fingerprint = Some(fingerprint(hex)?);
            }
        }
        "setup" => {
            transport.setup = match value {
                "actpass" => Some(Setup::ActPass),
                "active" => Some(Setup::Active),
                "passive" => Some(Setup::Passive),
                _ => return None,
            }
        }
        _ => {}
    }
    Some(())
}

fn fingerprint(text: &str) -> Option<Fingerprint> {
    let mut bytes = [0; 32];
    let mut pairs = text.trim_ascii_end().split(':');
    for byte in &mut bytes {
        let pair = pairs.next().filter(|pair| pair.len() == 2)?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    pairs.next().is_none().then_some(Fingerprint(bytes))
}

impl<'a> Section<'a> {
    /// Reads what follows `m=`.
    fn parse(value: &'a str) -> Option<Self> {
        let mut words = value.splitn(4, ' ');
        let media = words.next().filter(|media| !media.is_empty())?;
        let port = words.next()?.split('/').next()?.parse().ok()?;
        let protocol = words.next()?;
        let formats = words.next()?;
        let rtp = protocol.ends_with("RTP/SAVPF");
        let kind = match media {
            "audio" if rtp => SectionKind::Media(MediaKind::Audio),
            "video" if rtp => SectionKind::Media(MediaKind::Video),
            "application" if protocol.ends_with("/SCTP") && formats == "webrtc-datachannel" => SectionKind::Data,
            _ => SectionKind::Other,
        };
        Some(Self {
            kind,
            media,
            port,
            protocol,
            formats,
            mid: None,
            direction: None,
            bundle_only: false,
            transport: TransportLines::default(),
            maps: Vec::new(),
            fmtps: Vec::new(),
            feedback: Vec::new(),
            exts: Vec::new(),
            msid: None,
            rids: Vec::new(),
            simulcast: None,
            ssrcs: Vec::new(),
            groups: Vec::new(),
        })
    }

    /// An attribute of the section. `None` means that it cannot be read and may not be skipped.
    fn attribute(&mut self, name: &'a str, value: &'a str) -> Option<()> {
        match name {
            "mid" => self.mid = Some(value.parse().ok()?),
            "bundle-only" => self.bundle_only = true,
            "rtpmap" => keep(&mut self.maps, rtpmap(value)),
            "fmtp" => keep(
                &mut self.fmtps,
                payload_value(value).filter(|(_, parameters)| parameters.len() <= MAX_PARAMETERS),
            ),
            "rtcp-fb" => keep(&mut self.feedback, feedback(value)),
            "extmap" => keep(&mut self.exts, extmap(value)),
            "msid" => self.msid = msid(value).or(self.msid),
            "rid" => keep(&mut self.rids, sent_rid(value)),
            "simulcast" => self.simulcast = sent_layers(value),
            "ssrc" => self.ssrc(value),
            "ssrc-group" => keep(&mut self.groups, group(value)),
            _ if Direction::read(name).is_some() => self.direction = Direction::read(name),
            _ => transport_attribute(&mut self.transport, name, value)?,
        }
        Some(())
    }

    fn ssrc(&mut self, value: &'a str) {
        let (id, attribute) = value.split_once(' ').unwrap_or((value, ""));
        let Ok(id) = id.parse() else { return };
        // The lines of one SSRC follow one another.
        if self.ssrcs.last() != Some(&Ssrc(id)) && !self.ssrcs.contains(&Ssrc(id)) {
            keep(&mut self.ssrcs, Some(Ssrc(id)));
        }
        if self.msid.is_none() {
            self.msid = attribute.strip_prefix("msid:").and_then(msid);
        }
    }
}

fn keep<T>(entries: &mut Vec<T>, entry: Option<T>) {
    if entries.len() < MAX_ENTRIES {
        entries.extend(entry);
    }
}

fn pt(word: &str) -> Option<Pt> {
    word.parse().ok().filter(|pt| *pt < 128).map(Pt)
}

fn rtpmap(value: &str) -> Option<RtpMap<'_>> {
    let (number, encoding) = value.split_once(' ')?;
    let mut parts = encoding.split('/');
    Some(RtpMap {
        pt: pt(number)?,
        name: parts.next()?,
        clock_rate: parts.next()?.trim_ascii_end().parse().ok()?,
    })
}

fn payload_value(value: &str) -> Option<(Pt, &str)> {
    let (number, parameters) = value.split_once(' ')?;
    Some((pt(number)?, parameters.trim_ascii()))
}

fn feedback(value: &str) -> Option<(Option<Pt>, &str)> {
    let (number, feedback) = value.split_once(' ')?;
    let number = if number == "*" { None } else { Some(pt(number)?) };
    Some((number, feedback.trim_ascii()))
}

/// An extension that we know, under an id that fits the one-byte form.
fn extmap(value: &str) -> Option<Extension> {
    let (id, rest) = value.split_once(' ')?;
    let (id, direction) = match id.split_once('/') {
        Some((id, direction)) => (id, Some(Direction::read(direction)?)),
        None => (id, None),
    };
    let id = id.parse().ok().filter(|id| (1..=14).contains(id))?;
    let kind = ExtKind::from_uri(rest.split_ascii_whitespace().next()?)?;
    Some(Extension { kind, id, direction })
}

fn msid(value: &str) -> Option<(&str, &str)> {
    let (stream, track) = value.split_once(' ').unwrap_or((value, ""));
    (stream.len() <= MAX_MSID && track.len() <= MAX_MSID).then_some((stream, track))
}

fn sent_rid(value: &str) -> Option<Rid> {
    let mut words = value.split_ascii_whitespace();
    let rid = words.next()?.parse().ok()?;
    (words.next() == Some("send")).then_some(rid)
}

/// The first of each list of alternatives after `send`, paused or not.
fn sent_layers(value: &str) -> Option<Vec<Rid>> {
    let mut words = value.split_ascii_whitespace();
    words.find(|word| *word == "send")?;
    let layers = words.next()?.split(';').take(MAX_ENTRIES);
    layers
        .map(|layer| {
            let first = layer.split(',').next()?;
            first.strip_prefix('~').unwrap_or(first).parse().ok()
        })
        .collect()
}

fn group(value: &str) -> Option<(&str, Vec<Ssrc>)> {
    let (semantics, ssrcs) = value.split_once(' ')?;
    let ssrcs = ssrcs.split_ascii_whitespace().take(MAX_ENTRIES);
    let ssrcs: Option<Vec<Ssrc>> = ssrcs.map(|word| word.parse().ok().map(Ssrc)).collect();
    Some((semantics, ssrcs?))
}
