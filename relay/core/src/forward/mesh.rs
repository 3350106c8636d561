//! What crosses a link between two relays, and both of its ends.
//!
//! A **link** is a transport whose other end is a relay. At the publisher's relay a source is **offered** to it
//! ([`Command::OfferAdd`](super::Command::OfferAdd)); at the other end a **remote** source stands for it
//! ([`Command::RemoteAdd`](super::Command::RemoteAdd)), which sinks and taps use as any source. What they want goes back as a
//! [`Wish`], and then packets come as the publisher sent them, under the numbers that the publisher's relay gave them, once
//! per layer. Lost ones are asked for, twice in short succession, and sent again from link to link, keyframe requests are merged at either end, and the
//! publisher's reports cross as they are, so that sound and pictures stay together.
//!
//! ```text
//! publisher ─→ relay A: cache ─→ Packet, Clock ─→ relay B: cache ─→ sinks ─→ subscribers
//!      ↑ PLI, NACK   ↑←────────── Wish, Nack, Keyframe ───────────┘
//! ```
//!
//! Every message may be lost: a [`Wish`] is repeated each second, and a new one ten times in its first second; the others are
//! asked for again, or come again. What rooms
//! know (which tracks there are, how they are described, who is muted) crosses elsewhere, reliably, and reaches a shard by
//! commands.

use std::ops::Range;

use super::{
    Shard, SourceSpec, Transmit,
    clock::Micros,
    feedback::MAX_ASKED,
    ingress::{Kept, MAX_EXTS, Media},
    layer::Place,
    source::Source,
    transport::Stream,
};
use crate::{
    rtp::ExtendedSeq,
    types::{SourceId, TransportId},
};

/// What crosses a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// From the publisher's relay: a packet.
    Packet(Packet<'a>),
    /// From the publisher's relay: what the publisher reported of its clock.
    Clock(Clock),
    /// To the publisher's relay: what is wanted.
    Wish(Wish),
    /// To the publisher's relay: packets that did not come.
    Nack(Nack<'a>),
    /// To the publisher's relay: a keyframe is needed.
    Keyframe(Keyframe),
}

/// A packet of a publisher, taken out of RTX and RED, otherwise as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The track, as the publisher's relay calls it.
    pub source: SourceId,
    /// Index of the layer that it came in; with SVC always 0.
    pub layer: u8,
    /// The publisher's sequence number, made endless by its relay; a jump of more than 512 is a publisher that started over,
    /// or a long black-out.
    pub seq: u64,
    /// The publisher's RTP timestamp.
    pub timestamp: u32,
    /// The publisher's marker bit.
    pub marker: bool,
    /// Sent before, and now because it was asked for.
    pub again: bool,
    /// The header extensions that are passed on, one after the other: the place of its kind in
    /// [`ExtKind::ALL`](crate::types::ExtKind::ALL), its length, its data.
    pub exts: &'a [u8],
    /// The payload.
    pub payload: &'a [u8],
}

/// A publisher's sender report about one layer (RFC 3550 §6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// The track, as the publisher's relay calls it.
    pub source: SourceId,
    /// Index of the layer.
    pub layer: u8,
    /// The publisher's wall clock: NTP seconds since 1900, 32.32 fixed point.
    pub ntp: u64,
    /// The layer's RTP timestamp at that time.
    pub timestamp: u32,
}

/// What somebody behind a link wants of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// The track, as the publisher's relay calls it.
    pub source: SourceId,
    /// Index of the highest layer that is of use; those below it come too, to fall back on. `None`: nothing.
    pub highest: Option<u8>,
}

/// Packets that did not come over a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nack<'a> {
    /// The track, as the publisher's relay calls it.
    pub source: SourceId,
    /// Index of the layer.
    pub layer: u8,
    /// Their numbers ([`Packet::seq`]), at most 256 of them.
    pub seqs: &'a [u64],
}

/// A keyframe is needed behind a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keyframe {
    /// The track, as the publisher's relay calls it.
    pub source: SourceId,
    /// Index of the layer.
    pub layer: u8,
}

/// Messages that may wait for the next [`transmit`](Shard::transmit); further ones are lost, as on a full link.
const MAX_QUEUED: usize = 4_096;

/// A source offered to a link.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offer {
    /// Key of the link's transport.
    pub(super) link: u32,
    /// What the other end wants.
    pub(super) highest: Option<u8>,
}

impl Offer {
    /// Whether packets in the stream of `layer` are wanted.
    const fn wants(&self, layer: u8) -> bool {
        match self.highest {
            Some(highest) => layer <= highest,
            None => false,
        }
    }
}

/// What waits to cross links.
#[derive(Debug, Default)]
pub(super) struct Crossings {
    queue: Vec<(TransportId, Crossing)>,
    seqs: Vec<u64>,
}

#[derive(Debug)]
enum Crossing {
    /// A packet that lies in the cache of the source with this key.
    Packet {
        source: u32,
        layer: u8,
        seq: u64,
        again: bool,
    },
    Clock(Clock),
    Wish(Wish),
    Nack {
        source: SourceId,
        layer: u8,
        seqs: Range<usize>,
    },
    Keyframe(Keyframe),
}

impl Crossings {
    fn push(&mut self, to: TransportId, crossing: Crossing) {
        if self.queue.len() < MAX_QUEUED {
            self.queue.push((to, crossing));
        }
    }

    /// Asks for packets again.
    pub(super) fn nack(&mut self, to: TransportId, source: SourceId, layer: u8, seqs: impl Iterator<Item = u64>) {
        let start = self.seqs.len();
        self.seqs.extend(seqs);
        let seqs = start..self.seqs.len();
        self.push(to, Crossing::Nack { source, layer, seqs });
    }

    /// Asks for a keyframe.
    pub(super) fn keyframe(&mut self, to: TransportId, source: SourceId, layer: u8) {
        self.push(to, Crossing::Keyframe(Keyframe { source, layer }));
    }

    /// Tells what is wanted.
    pub(super) fn wish(&mut self, to: TransportId, source: SourceId, highest: Option<u8>) {
        self.push(to, Crossing::Wish(Wish { source, highest }));
    }

    /// Gives out all.
    pub(super) fn flush(&mut self, sources: &slab::Slab<Source>, out: &mut impl Transmit) {
        for (to, crossing) in self.queue.drain(..) {
            let message = match crossing {
                Crossing::Packet {
                    source,
                    layer,
                    seq,
                    again,
                } => {
                    let found = sources.get(source as usize);
                    let cached = found.and_then(|source| {
                        let cache = &source.layers[usize::from(layer)].cache;
                        cache.slot(seq).map(|slot| (source.id, slot, cache.content(slot)))
                    });
                    let Some((source, slot, (exts, payload))) = cached else {
                        continue;
                    };
                    Message::Packet(Packet {
                        source,
                        layer,
                        seq,
                        timestamp: slot.timestamp,
                        marker: slot.marker,
                        again,
                        exts,
                        payload,
                    })
                }
                Crossing::Clock(clock) => Message::Clock(clock),
                Crossing::Wish(wish) => Message::Wish(wish),
                Crossing::Nack { source, layer, seqs } => Message::Nack(Nack {
                    source,
                    layer,
                    seqs: &self.seqs[seqs],
                }),
                Crossing::Keyframe(keyframe) => Message::Keyframe(keyframe),
            };
            out.mesh(to, message);
        }
        self.seqs.clear();
    }

    /// Drops the packets of a source that is gone.
    pub(super) fn forget(&mut self, gone: u32) {
        self.queue
            .retain(|(_, crossing)| !matches!(crossing, Crossing::Packet { source, .. } if *source == gone));
    }
}

/// The publisher's end.
impl Shard {
    pub(super) fn offer_add(&mut self, source: SourceId, link: TransportId) {
        let (Some(&source_key), Some(&link)) = (self.source_keys.get(&source.0), self.transport_keys.get(&link.0))
        else {
            return;
        };
        let source = &mut self.sources[source_key as usize];
        // What came over a link never crosses another one, so nothing goes in circles.
        if source.origin.is_some() || source.transport == link {
            tracing::error!(id = %source.id, "offer refused: the source is not of this relay");
            return;
        }
        if source.offers.iter().all(|offer| offer.link != link) {
            source.offers.push(Offer { link, highest: None });
            self.transports[link as usize].offered.push(source_key);
        }
    }

    pub(super) fn offer_remove(&mut self, now: Micros, source: SourceId, link: TransportId) {
        if let (Some(&source), Some(&link)) = (self.source_keys.get(&source.0), self.transport_keys.get(&link.0)) {
            self.transports[link as usize]
                .offered
                .retain(|offered| *offered != source);
            self.withdraw(now, source, link);
        }
    }

    /// Takes back what a source offers a link.
    pub(super) fn withdraw(&mut self, now: Micros, source: u32, link: u32) {
        self.sources[source as usize].offers.retain(|offer| offer.link != link);
        self.learn_wish(now, source);
    }

    /// A packet of a source of ours has come: it goes to the links whose other ends want it.
    pub(super) fn cross(&mut self, stream: Stream, seq: u64) {
        for offer in &self.sources[stream.source as usize].offers {
            if offer.wants(stream.layer) {
                let packet = Crossing::Packet {
                    source: stream.source,
                    layer: stream.layer,
                    seq,
                    again: false,
                };
                self.crossings.push(self.transports[offer.link as usize].id, packet);
            }
        }
    }

    /// A publisher reported its clock.
    pub(super) fn cross_clock(&mut self, stream: Stream, ntp: u64, timestamp: u32) {
        let source = &self.sources[stream.source as usize];
        for offer in source.offers.iter().filter(|offer| offer.highest.is_some()) {
            let clock = Clock {
                source: source.id,
                layer: stream.layer,
                ntp,
                timestamp,
            };
            self.crossings
                .push(self.transports[offer.link as usize].id, Crossing::Clock(clock));
        }
    }

    /// The offer that a message over `link` is about, and the key of its source.
    fn offer(&mut self, link: u32, source: SourceId) -> Option<(u32, &mut Offer)> {
        let key = *self.source_keys.get(&source.0)?;
        let mut offers = self.sources[key as usize].offers.iter_mut();
        offers.find(|offer| offer.link == link).map(|offer| (key, offer))
    }

    fn wished(&mut self, now: Micros, link: u32, wish: Wish) -> Option<()> {
        let (key, offer) = self.offer(link, wish.source)?;
        let former = std::mem::replace(&mut offer.highest, wish.highest);
        if former == wish.highest {
            return Some(());
        }
        let offer = *offer;
        let source = &self.sources[key as usize];
        let to = self.transports[link as usize].id;
        // What a newcomer would be given from the cache.
        let replays = !source.is_audio() && !source.silenced;
        for (layer, index) in source.layers.iter().zip(0_u8..).filter(|_| replays) {
            if !offer.wants(index) || former.is_some_and(|former| index <= former) {
                continue;
            }
            let Some((start, highest)) = layer.replay_from(now).zip(layer.seq.highest()) else {
                continue;
            };
            for seq in start..=highest {
                let packet = Crossing::Packet {
                    source: key,
                    layer: index,
                    seq,
                    again: false,
                };
                self.crossings.push(to, packet);
            }
        }
        self.learn_wish(now, key);
        Some(())
    }

    fn nacked(&mut self, link: u32, nack: &Nack<'_>) -> Option<()> {
        let (key, _) = self.offer(link, nack.source)?;
        let layer = self.sources[key as usize].layers.get(usize::from(nack.layer))?;
        for seq in nack.seqs.iter().take(MAX_ASKED) {
            self.stats.asked_by_subscribers += 1;
            if layer.cache.slot(*seq).is_some() {
                self.stats.retransmitted += 1;
                let packet = Crossing::Packet {
                    source: key,
                    layer: nack.layer,
                    seq: *seq,
                    again: true,
                };
                self.crossings.push(self.transports[link as usize].id, packet);
            }
        }
        Some(())
    }

    fn keyframe_needed(&mut self, now: Micros, link: u32, keyframe: Keyframe) -> Option<()> {
        let (key, _) = self.offer(link, keyframe.source)?;
        let source = &self.sources[key as usize];
        if source.is_audio() || usize::from(keyframe.layer) >= source.layers.len() {
            return None;
        }
        self.stats.keyframes_asked += 1;
        let stream = u8::try_from(source.stream_of(keyframe.layer)).expect("at most MAX_LAYERS");
        self.want_keyframe_of(now, key, stream);
        Some(())
    }
}

/// The other end.
impl Shard {
    pub(super) fn remote_add(
        &mut self,
        now: Micros,
        id: SourceId,
        link: TransportId,
        origin: SourceId,
        spec: SourceSpec,
    ) {
        let known = |key: &u32| self.transports[*key as usize].remotes.contains_key(&origin.0);
        if self.transport_keys.get(&link.0).is_some_and(known) {
            return;
        }
        self.source_add(now, id, link, spec);
        let (Some(&key), Some(&link)) = (self.source_keys.get(&id.0), self.transport_keys.get(&link.0)) else {
            return;
        };
        let source = &mut self.sources[key as usize];
        if source.transport == link && source.origin.is_none() {
            source.make_remote(origin);
            self.transports[link as usize].remotes.insert(origin.0, key);
        }
    }

    /// Takes a message; `None` if it is of no use.
    pub(super) fn take_mesh(&mut self, now: Micros, from: TransportId, message: &Message<'_>) -> Option<()> {
        let link = *self.transport_keys.get(&from.0)?;
        match message {
            Message::Packet(packet) => self.crossed(now, from, link, packet),
            Message::Clock(clock) => {
                let key = *self.transports[link as usize].remotes.get(&clock.source.0)?;
                let layer = self.sources[key as usize].layers.get_mut(usize::from(clock.layer))?;
                layer.clock.reported(now, clock.ntp, clock.timestamp);
                Some(())
            }
            Message::Wish(wish) => self.wished(now, link, *wish),
            Message::Nack(nack) => self.nacked(link, nack),
            Message::Keyframe(keyframe) => self.keyframe_needed(now, link, *keyframe),
        }
    }

    fn crossed(&mut self, now: Micros, from: TransportId, link: u32, packet: &Packet<'_>) -> Option<()> {
        // As our own numbers are, so that there is room on either side.
        if !(ExtendedSeq::START..1 << 60).contains(&packet.seq) {
            return None;
        }
        let transport = &mut self.transports[link as usize];
        transport.quality.media = true;
        let Some(&key) = transport.remotes.get(&packet.source.0) else {
            // The other end has not heard that nobody wants it any more.
            self.crossings.wish(from, packet.source, None);
            return None;
        };
        let source = &mut self.sources[key as usize];
        let layer = source.layers.get_mut(usize::from(packet.layer))?;
        let stream = Stream {
            source: key,
            layer: packet.layer,
            repairs: false,
        };
        if source.spec.svc && packet.layer > 0 {
            return None;
        }
        let highest = layer.seq.highest();
        let highest = match layer.place_endless(packet.seq, packet.again) {
            Place::Here(seq) => {
                layer.seq.raise(seq);
                highest
            }
            Place::Restarted(seq) => {
                layer.seq.raise(seq);
                self.start_over_with(now, stream, seq);
                None
            }
            Place::Nowhere => return None,
        };
        let mut exts = [0; MAX_EXTS];
        let kept = Kept::copy(self.sources[key as usize].spec.codec, packet.exts, &mut exts);
        let media = Media::new(
            (packet.seq, highest),
            (packet.timestamp, packet.marker, packet.again),
            &exts[..kept.len],
            packet.payload,
        );
        self.take(
            now,
            stream,
            media,
            kept.level,
            kept.dependency.map(|range| &exts[range]),
        )
    }

    /// Tells the publisher's relay again what is wanted of the sources that come over a link, if it was told after `since`.
    pub(super) fn repeat_wishes(&mut self, since: Micros, link: u32) {
        let transport = &self.transports[link as usize];
        for key in transport.remotes.values() {
            let source = &self.sources[*key as usize];
            if let (Some(origin), Some((highest, at))) = (source.origin, source.told())
                && at > since
            {
                self.crossings.wish(transport.id, origin, highest);
            }
        }
    }
}
