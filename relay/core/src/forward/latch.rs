//! Learning which layer an SSRC belongs to.
//!
//! Browsers name the m-section and the layer in header extensions only until our first receiver report names the
//! SSRC, so what was learnt is kept, also across negotiations.

use super::{Shard, clock::Micros, source::Source, transport::Stream};
use crate::{
    rtp::RtpPacket,
    types::{ExtKind, Mid, Rid},
};

/// Another SSRC takes a layer over no sooner after the one before: it costs each subscriber a keyframe.
const RENEWED_EVERY: Micros = 500_000;

impl Shard {
    /// Finds the layer of an SSRC not seen before on this transport, and keeps it.
    pub(super) fn latch(&mut self, now: Micros, transport_key: u32, packet: &RtpPacket<'_>) -> Option<Stream> {
        let sources = &self.transports[transport_key as usize].sources;
        // Names in the packet are surer than the order of SSRCs in a description.
        let found = sources
            .iter()
            .find_map(|key| named(*key, &self.sources[*key as usize], packet))
            .or_else(|| {
                sources
                    .iter()
                    .find_map(|key| declared(*key, &self.sources[*key as usize], packet))
            })
            .or_else(|| {
                // Without names only a payload type that one source alone uses tells anything.
                let mut candidates = sources
                    .iter()
                    .filter_map(|key| unnamed(*key, &self.sources[*key as usize], packet));
                let only = candidates.next()?;
                candidates.next().is_none().then_some(only)
            })?;
        let layer = &mut self.sources[found.source as usize].layers[usize::from(found.layer)];
        let place = if found.repairs {
            &mut layer.rtx_ssrc
        } else {
            &mut layer.ssrc
        };
        let has_just_changed = layer.renewed_at.is_some_and(|at| now < at + RENEWED_EVERY);
        if !found.repairs && place.is_some() && has_just_changed {
            return None;
        }
        let former = place.replace(packet.ssrc);
        if !found.repairs && former.is_some() {
            layer.renew(now);
        }
        let transport = &mut self.transports[transport_key as usize];
        if let Some(former) = former {
            transport.streams.remove(&former);
        }
        transport.streams.insert(packet.ssrc, found);
        Some(found)
    }
}

/// By an SSRC that the description names.
fn declared(key: u32, source: &Source, packet: &RtpPacket<'_>) -> Option<Stream> {
    let layers = (0_u8..).zip(&source.layers);
    layers.into_iter().find_map(|(index, layer)| {
        let is = |ssrc: Option<crate::types::Ssrc>| ssrc.is_some_and(|ssrc| ssrc.0 == packet.ssrc);
        let repairs = is(layer.spec.rtx_ssrc);
        (repairs || is(layer.spec.ssrc)).then_some(Stream {
            source: key,
            layer: index,
            repairs,
        })
    })
}

/// By the names in header extensions.
fn named(key: u32, source: &Source, packet: &RtpPacket<'_>) -> Option<Stream> {
    let mid = ext(source, packet, ExtKind::Mid).and_then(|mid| Mid::new(mid).ok())?;
    if mid != source.spec.mid {
        return None;
    }
    placed(key, source, packet)
}

/// By payload type, for a packet that names no m-section.
fn unnamed(key: u32, source: &Source, packet: &RtpPacket<'_>) -> Option<Stream> {
    if ext(source, packet, ExtKind::Mid).is_some() {
        return None;
    }
    placed(key, source, packet)
}

/// The layer within a source, if the payload type is one of it.
fn placed(key: u32, source: &Source, packet: &RtpPacket<'_>) -> Option<Stream> {
    let spec = &source.spec;
    let repairs = spec.rtx_pt.is_some_and(|pt| pt.0 == packet.pt);
    let carries = spec.pt.0 == packet.pt || spec.red_pt.is_some_and(|pt| pt.0 == packet.pt);
    if !repairs && !carries {
        return None;
    }
    let rid_of = |kind| ext(source, packet, kind).and_then(|rid| Rid::new(rid).ok());
    let rid = if repairs {
        rid_of(ExtKind::RepairedRid)
    } else {
        rid_of(ExtKind::Rid)
    };
    let layer = match rid {
        Some(rid) if source.layers.len() > 1 && !source.spec.svc => {
            source.layers.iter().position(|layer| layer.spec.rid == Some(rid))?
        }
        _ if source.layers.len() == 1 || source.spec.svc => 0,
        _ => return None,
    };
    Some(Stream {
        source: key,
        layer: u8::try_from(layer).ok()?,
        repairs,
    })
}

fn ext<'a>(source: &Source, packet: &RtpPacket<'a>, kind: ExtKind) -> Option<&'a [u8]> {
    packet.exts.find(source.spec.exts.id(kind)?)
}
