//! One layer of a published track: its stream as it arrives, its packets, and who listens.

use super::{
    LayerSpec,
    cache::{MAX_PACKET, PacketCache, Slot},
    clock::{Micros, ticks},
    nack::NackQueue,
    reception::{RateMeter, Reception, SenderClock},
    rewrite::av1,
};
use crate::{
    rtp::ExtendedSeq,
    types::{Codec, MediaKind},
};

/// Least time between two keyframe requests for a layer.
const REQUEST_INTERVAL: Micros = 500_000;
/// A keyframe younger than this answers a request before it is made.
const FRESH: Micros = 100_000;
/// Pictures since a keyframe that a newcomer is given from the cache: as old, and as many packets.
const REPLAY_AGE: Micros = 600_000;
const REPLAY_PACKETS: u64 = 400;

/// A sink that gets every packet of the layer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listener {
    pub(super) sink: u32,
    pub(super) transport: u32,
    /// Its next packet begins a run.
    pub(super) fresh: bool,
}

/// Where a decoder can start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keyframe {
    /// First packet of the keyframe.
    pub(super) start: u64,
    pub(super) at: Micros,
}

/// A packet's place in time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) layer: u8,
    /// As the publisher wrote it.
    pub(super) timestamp: u32,
    pub(super) arrived: Micros,
}

impl Moment {
    /// That of a packet of `layer` that has been kept.
    pub(super) const fn of(layer: u8, slot: &Slot) -> Self {
        Self {
            layer,
            timestamp: slot.timestamp,
            arrived: slot.at,
        }
    }
}

/// How much later `to` is than `from`, in ticks: by the publisher's reports if they are sane, else by arrival.
pub(super) fn distance(layers: &[Layer], from: Moment, to: Moment, clock_rate: u32) -> i32 {
    let shared = |moment: Moment| {
        let layer = layers.get(usize::from(moment.layer))?;
        Some(moment.timestamp.wrapping_add(layer.clock.to_shared(clock_rate)?))
    };
    let by_arrival = if to.arrived >= from.arrived {
        ticks(to.arrived - from.arrived, clock_rate).cast_signed()
    } else {
        -ticks(from.arrived - to.arrived, clock_rate).cast_signed()
    };
    let by_report = shared(to)
        .zip(shared(from))
        .map(|(to, from)| to.wrapping_sub(from).cast_signed());
    // Reports are exact, arrivals are sane: believe a report unless it is a second off.
    let second = i64::from(clock_rate);
    by_report
        .filter(|reported| (i64::from(*reported) - i64::from(by_arrival)).abs() < second)
        .unwrap_or(by_arrival)
}

/// State of one layer.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) spec: LayerSpec,
    pub(super) ssrc: Option<u32>,
    pub(super) rtx_ssrc: Option<u32>,
    pub(super) seq: ExtendedSeq,
    /// The last packet that did not fit the sequence; two in a row are a restart.
    misfit: Option<u16>,
    /// Another SSRC has taken over: its first packet is a restart.
    renewed: bool,
    pub(super) renewed_at: Option<Micros>,
    pub(super) cache: PacketCache,
    pub(super) nack: NackQueue,
    pub(super) reception: Reception,
    pub(super) clock: SenderClock,
    pub(super) rate: RateMeter,
    /// Of the lowest temporal layer.
    pub(super) thinned_rate: RateMeter,
    pub(super) keyframe: Option<Keyframe>,
    /// What the last keyframe of AV1 said of the layers in the stream.
    pub(super) structure: Option<av1::Structure>,
    /// An IDR picture whose first packet is not known yet: its timestamp.
    pub(super) pending_idr: Option<u32>,
    keyframe_wanted: bool,
    requested_at: Micros,
    pub(super) active: bool,
    pub(super) last_packet: Micros,
    /// Packets so far.
    pub(super) packets: u64,
    /// Packets of all lower layers when this one was last heard.
    pub(super) lower_packets: u64,
    pub(super) listeners: Vec<Listener>,
    /// Sinks that get this layer from its next keyframe on.
    pub(super) waiters: Vec<u32>,
}

/// Where a packet lies in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In sequence, or within the usual disorder.
    Here(u64),
    /// The sender has started over; what was before is of no use.
    Restarted(u64),
    /// Too far off to be believed yet.
    Nowhere,
}

impl Layer {
    pub(super) fn new(spec: LayerSpec, codec: Codec, cache_bytes: usize) -> Self {
        let cache = match codec.kind() {
            MediaKind::Audio => PacketCache::new(128, 16_384, 16_384),
            MediaKind::Video => PacketCache::new(1024, 65_536.min(cache_bytes.max(16_384)), cache_bytes),
        };
        Self::with_cache(spec, cache)
    }

    /// A layer whose packets come in the stream of the lowest one.
    pub(super) fn within(spec: LayerSpec) -> Self {
        Self::with_cache(spec, PacketCache::new(1, MAX_PACKET, MAX_PACKET))
    }

    fn with_cache(spec: LayerSpec, cache: PacketCache) -> Self {
        Self {
            spec,
            ssrc: None,
            rtx_ssrc: None,
            seq: ExtendedSeq::default(),
            misfit: None,
            renewed: false,
            renewed_at: None,
            cache,
            nack: NackQueue::default(),
            reception: Reception::default(),
            clock: SenderClock::default(),
            rate: RateMeter::default(),
            thinned_rate: RateMeter::default(),
            keyframe: None,
            structure: None,
            pending_idr: None,
            keyframe_wanted: false,
            requested_at: 0,
            active: false,
            last_packet: 0,
            packets: 0,
            lower_packets: 0,
            listeners: Vec::new(),
            waiters: Vec::new(),
        }
    }

    /// Places a packet in the endless sequence. A repeated one never moves the sequence.
    pub(super) fn place(&mut self, seq: u16, again: bool) -> Place {
        let extended = self.seq.peek(seq);
        let Some(highest) = self.seq.highest() else {
            return if again { Place::Nowhere } else { Place::Here(extended) };
        };
        let limit = super::nack::MAX_GAP;
        if std::mem::take(&mut self.renewed) {
            return Place::Restarted(self.seq.restart(seq));
        }
        if extended <= highest + limit && extended + limit >= highest {
            self.misfit = None;
            return if again && extended > highest {
                Place::Nowhere
            } else {
                Place::Here(extended)
            };
        }
        if again {
            return Place::Nowhere;
        }
        // RFC 3550 §A.1: a jump is believed when the next packet follows it.
        if self.misfit.replace(seq.wrapping_add(1)) == Some(seq) {
            self.misfit = None;
            return Place::Restarted(self.seq.restart(seq));
        }
        Place::Nowhere
    }

    /// Places a packet whose number another relay has made endless.
    pub(super) fn place_endless(&self, seq: u64, again: bool) -> Place {
        let limit = super::nack::MAX_GAP;
        match self.seq.highest() {
            Some(highest) if seq > highest + limit && !again => Place::Restarted(seq),
            Some(highest) if seq + limit < highest || again && seq > highest => Place::Nowhere,
            None if again => Place::Nowhere,
            _ => Place::Here(seq),
        }
    }

    /// Another SSRC has taken over.
    pub(super) const fn renew(&mut self, now: Micros) {
        self.renewed_at = Some(now);
        self.renewed = true;
        self.active = false;
    }

    /// Whether the last keyframe makes up for what was lost before it.
    pub(super) fn keyframe_is_newer_than_losses(&self) -> bool {
        // Losses are given up after more than a second at the earliest, or in a burst that is going on.
        self.keyframe
            .is_some_and(|keyframe| self.last_packet < keyframe.at + FRESH)
    }

    /// Forgets the stream but not its numbers: another SSRC, or the sender started over.
    pub(super) fn reset(&mut self) {
        self.cache.clear();
        self.nack.clear();
        self.reception = Reception::default();
        self.clock = SenderClock::default();
        self.structure = None;
        self.forget_keyframe();
    }

    /// Whoever begins to listen waits for the next keyframe.
    pub(super) const fn forget_keyframe(&mut self) {
        self.keyframe = None;
        self.pending_idr = None;
    }

    /// Somebody needs a keyframe.
    pub(super) fn want_keyframe(&mut self, now: Micros) {
        let fresh = self.keyframe.is_some_and(|keyframe| now < keyframe.at + FRESH);
        if !fresh {
            self.keyframe_wanted = true;
        }
    }

    /// A keyframe has come.
    pub(super) fn keyframe_came(&mut self, now: Micros, start: u64) {
        self.keyframe = Some(Keyframe { start, at: now });
        self.pending_idr = None;
        self.keyframe_wanted = false;
    }

    /// Whether to ask the publisher for a keyframe now; the asking is noted.
    pub(super) fn take_request(&mut self, now: Micros) -> bool {
        let wanted = self.keyframe_wanted || !self.waiters.is_empty();
        if !wanted || now < self.requested_at + REQUEST_INTERVAL {
            return false;
        }
        self.keyframe_wanted = false;
        self.requested_at = now;
        true
    }

    /// Whether a keyframe is wanted or was asked for in vain so far.
    pub(super) fn needs_request(&self) -> bool {
        self.keyframe_wanted || !self.waiters.is_empty()
    }

    /// The keyframe that a newcomer can be given from the cache, if all since then is still there.
    pub(super) fn replay_from(&self, now: Micros) -> Option<u64> {
        let keyframe = self.keyframe?;
        let highest = self.seq.highest()?;
        let young = now <= keyframe.at + REPLAY_AGE && highest - keyframe.start < REPLAY_PACKETS;
        (young && self.cache.slot(keyframe.start).is_some()).then_some(keyframe.start)
    }

    /// Bits per second, measured, or announced while it is not known.
    pub(super) fn cost(&mut self, now: Micros, codec: Codec) -> u64 {
        match self.rate.bits_per_second(now) {
            0 => self.announced(codec),
            measured => measured,
        }
    }

    /// Bits per second as announced, or as is usual for its size.
    pub(super) fn announced(&self, codec: Codec) -> u64 {
        match (self.spec.max_bitrate, codec.kind()) {
            (0, MediaKind::Audio) => 40_000,
            // About what browsers spend: 2 bits a pixel and second and then some.
            (0, MediaKind::Video) => u64::from(self.spec.width)
                .saturating_mul(u64::from(self.spec.height) * 2)
                .clamp(100_000, 3_000_000),
            (announced, _) => u64::from(announced),
        }
    }

    /// Drops a sink from both lists.
    pub(super) fn forget(&mut self, sink: u32) {
        self.listeners.retain(|listener| listener.sink != sink);
        self.waiters.retain(|waiter| *waiter != sink);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer() -> Layer {
        Layer::new(LayerSpec::default(), Codec::Vp8, 1 << 18)
    }

    #[test]
    fn a_jump_is_believed_when_the_next_packet_follows_it() {
        let mut layer = layer();
        let Place::Here(first) = layer.place(100, false) else {
            panic!("the first packet has a place");
        };
        layer.seq.extend(100);
        assert_eq!(layer.place(101, false), Place::Here(first + 1));
        assert_eq!(layer.place(5_000, false), Place::Nowhere);
        assert_eq!(layer.place(102, false), Place::Here(first + 2));
        assert_eq!(layer.place(5_001, false), Place::Nowhere);
        assert!(matches!(layer.place(5_002, false), Place::Restarted(seq) if seq > first + 65_536));
    }

    #[test]
    fn endless_numbers_are_believed_and_a_jump_is_a_restart() {
        let mut layer = layer();
        assert_eq!(layer.place_endless(70_000, true), Place::Nowhere);
        assert_eq!(layer.place_endless(70_000, false), Place::Here(70_000));
        layer.seq.raise(70_000);
        assert_eq!(layer.place_endless(70_512, false), Place::Here(70_512));
        assert_eq!(layer.place_endless(70_513, false), Place::Restarted(70_513));
        assert_eq!(layer.place_endless(70_001, true), Place::Nowhere);
        assert_eq!(layer.place_endless(69_488, true), Place::Here(69_488));
        assert_eq!(layer.place_endless(69_487, false), Place::Nowhere);
    }

    #[test]
    fn keyframe_requests_are_merged() {
        let mut layer = layer();
        layer.want_keyframe(1_000_000);
        layer.want_keyframe(1_000_000);
        assert!(layer.take_request(1_000_000));
        layer.want_keyframe(1_200_000);
        assert!(!layer.take_request(1_300_000));
        assert!(layer.take_request(1_500_000));
        assert!(!layer.take_request(2_500_000));
        layer.keyframe_came(3_000_000, 7);
        layer.want_keyframe(3_050_000);
        assert!(!layer.take_request(3_050_000));
    }

    #[test]
    fn repeated_packets_do_not_move_the_sequence() {
        let mut layer = layer();
        assert_eq!(layer.place(9, true), Place::Nowhere);
        let seq = layer.seq.extend(100);
        assert_eq!(layer.place(99, true), Place::Here(seq - 1));
        assert_eq!(layer.place(150, true), Place::Nowhere);
    }
}
