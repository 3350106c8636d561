//! Whole access units and packets of sound for the relay itself: for a livestream, a recording, a preview.
//!
//! A **tap** is a subscriber inside the shard. It reads one source out of the cache, in the order of the publisher's
//! numbers, and hands out whole things with [`Transmit::tapped`]. It wants the highest layer that arrives, as a subscriber
//! with a large tile does, and changes layers at keyframes. For a missing packet, which the shard asks the publisher for as
//! always, it waits a bounded time. Then pictures are left out up to the next keyframe, which it asks for, and it says so.
//!
//! What it holds is bounded: the packets lie in the cache, and beside them there is one access unit of at most
//! [`MAX_ACCESS_UNIT`](crate::rtp::MAX_ACCESS_UNIT) bytes.

use std::time::Duration;

use super::{Shard, Transmit, clock::Micros};
use crate::{
    rtp::AccessUnit,
    types::{Codec, SourceId, TapId},
};

mod reader;

pub(super) use reader::Tap;

/// What a tap shall hand out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TapSpec {
    /// How long a missing packet is waited for; this late everything may be handed out. Sound that cannot be asked for
    /// again is waited for 100 ms at most, for what overtook it.
    pub wait: Duration,
    /// Highest layer (index into [`SourceSpec::layers`](super::SourceSpec::layers)) to hand out.
    pub max_layer: Option<u8>,
}

impl Default for TapSpec {
    /// All layers, half a second.
    fn default() -> Self {
        Self {
            wait: Duration::from_millis(500),
            max_layer: None,
        }
    }
}

/// What a tap hands out, in decoding order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tapped<'a> {
    /// A whole access unit of H.264.
    Picture(Picture<'a>),
    /// A packet of Opus.
    Sound(Sound<'a>),
    /// Something is not there.
    Gap(Gap),
}

/// A whole access unit of H.264.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picture<'a> {
    /// Index of its layer. It changes at keyframes only.
    pub layer: u8,
    /// Ticks of 90 kHz: the RTP timestamp made endless. It goes on through wraps, restarts and changes of layers.
    pub timestamp: u64,
    /// When it was taken, by the publisher's clock, which all its tracks share: NTP seconds since 1900, 32.32 fixed point.
    /// Absent until the publisher's first sender report; may step by some milliseconds at each report.
    pub ntp: Option<u64>,
    /// Its NAL units with their lengths before them (4 bytes, big-endian, not Annex B). A keyframe has SPS and PPS.
    pub unit: AccessUnit<'a>,
}

/// A packet of Opus, taken out of RED if it came in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sound<'a> {
    /// Ticks of 48 kHz: the RTP timestamp made endless.
    pub timestamp: u64,
    /// When it was taken, as [`Picture::ntp`].
    pub ntp: Option<u64>,
    /// How long it lasts, in ticks.
    pub ticks: u32,
    /// The packet.
    pub data: &'a [u8],
}

/// Something is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// Pictures are left out; the next one is a keyframe.
    Pictures(Cause),
    /// The encoder paused (DTX), or the publisher was muted, for so long before the sound that comes next.
    Silence {
        /// Ticks of 48 kHz.
        ticks: u64,
    },
    /// Sound before the one that comes next is lost.
    Sound {
        /// How many packets; 0 when the publisher has started over.
        packets: u64,
        /// Ticks of 48 kHz, pauses among them included.
        ticks: u64,
    },
}

/// Why pictures are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A packet did not come in time.
    Lost,
    /// What came is no access unit, or larger than is taken.
    Damaged,
    /// The publisher has started over.
    Restarted,
}

impl Shard {
    pub(super) fn tap_add(&mut self, now: Micros, id: TapId, source: SourceId, spec: TapSpec) {
        let Some(&source_key) = self.source_keys.get(&source.0) else {
            return;
        };
        let described = &self.sources[source_key as usize].spec;
        if !matches!(described.codec, Codec::H264 | Codec::Opus) || described.svc || self.tap_keys.contains_key(&id.0) {
            tracing::error!(%id, codec = ?described.codec, "tap refused: its id is in use, or its codec is not handed out");
            return;
        }
        let key =
            u32::try_from(self.taps.insert(Tap::new(id, source_key, spec))).expect("memory ends before the keys do");
        self.tap_keys.insert(id.0, key);
        self.sources[source_key as usize].taps.push(key);
        self.learn_wish(now, source_key);
    }

    pub(super) fn tap_remove(&mut self, now: Micros, id: TapId) {
        let Some(key) = self.tap_keys.remove(&id.0) else {
            return;
        };
        let source = self.taps.remove(key as usize).source;
        if let Some(found) = self.sources.get_mut(source as usize) {
            found.taps.retain(|tap| *tap != key);
            self.learn_wish(now, source);
        }
    }

    pub(super) fn tap_keyframe(&mut self, now: Micros, id: TapId) {
        let Some(&key) = self.tap_keys.get(&id.0) else {
            return;
        };
        let tap = &self.taps[key as usize];
        let source = &self.sources[tap.source as usize];
        if !source.is_audio()
            && let Some(layer) = tap.layer(source)
        {
            let key = tap.source;
            self.want_keyframe_of(now, key, layer);
        }
    }

    /// Hands out what has come for the taps.
    pub(super) fn drain_taps(&mut self, now: Micros, out: &mut impl Transmit) {
        let mut needed = std::mem::take(&mut self.scratch.needed);
        needed.clear();
        for (_, tap) in &mut self.taps {
            let source = &self.sources[tap.source as usize];
            if source.silenced || (source.is_audio() && source.spec.muted) {
                continue;
            }
            needed.extend(tap.read(now, source, out).map(|layer| (tap.source, layer)));
        }
        for (source, layer) in &needed {
            self.want_keyframe_of(now, *source, *layer);
        }
        self.scratch.needed = needed;
    }

    /// What came of a source's sound so far is nobody's to hear.
    pub(super) fn skip_taps(&mut self, source: u32) {
        let source = &self.sources[source as usize];
        let Some(highest) = source.layers[0].seq.highest() else {
            return;
        };
        for key in &source.taps {
            self.taps[*key as usize].skip_sound(highest + 1);
        }
    }

    /// The publisher started the stream of a layer over, with this number.
    pub(super) fn restart_taps(&mut self, source: u32, layer: u8, seq: u64) {
        let source = &self.sources[source as usize];
        for key in &source.taps {
            self.taps[*key as usize].restart(source.is_audio(), layer, seq);
        }
    }
}
