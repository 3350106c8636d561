//! One tap: where it reads, and what it makes of it.

use super::{Cause, Gap, Picture, Sound, TapSpec, Tapped};
use crate::{
    forward::{
        Transmit,
        cache::Slot,
        clock::Micros,
        layer::{Layer, Moment, distance},
        source::Source,
    },
    rtp::{H264Assembler, opus_ticks},
    types::TapId,
};

/// Timestamps begin here, so that what lies before the first one has a timestamp too.
const START: u64 = 1 << 32;
/// Patience with sound that overtook other sound.
const REORDERED: Micros = 100_000;
/// Packets that a cache holds at most.
const MOST_HELD: u64 = 1_024;

/// State of one tap.
#[derive(Debug)]
pub(in super::super) struct Tap {
    pub(in super::super) id: TapId,
    /// Key of its source.
    pub(in super::super) source: u32,
    wait: Micros,
    max_layer: Option<u8>,
    /// What is read next; for pictures `None` while a keyframe is waited for.
    at: Option<Place>,
    /// The missing packet that is waited for, and since when it is known to be missing.
    missing: Option<(u64, Micros)>,
    /// What was lost last: no keyframe of that layer will do that began before.
    lost: Option<Place>,
    /// To be told before anything else.
    gap: Option<Cause>,
    /// Nothing was handed out since the last gap.
    gap_told: bool,
    /// The picture handed out next must be a keyframe.
    needs_keyframe: bool,
    /// The picture that is being put together.
    picture: Option<Moment>,
    assembler: H264Assembler,
    last: Option<Last>,
    /// The publisher has started over since.
    restarted: bool,
    /// Where the last sound ended.
    sound_end: u64,
    /// Packets of sound lost since.
    sound_lost: u64,
}

/// A packet of a layer.
#[derive(Debug, Clone, Copy)]
struct Place {
    layer: u8,
    seq: u64,
}

/// What was handed out last.
#[derive(Debug, Clone, Copy)]
struct Last {
    moment: Moment,
    timestamp: u64,
    /// Its last packet.
    seq: u64,
}

/// What to do about a packet that is not there.
enum Missing {
    /// Wait for it.
    Wait,
    /// Go on with this one.
    GoOn(u64),
}

impl Tap {
    pub(in super::super) fn new(id: TapId, source: u32, spec: TapSpec) -> Self {
        Self {
            id,
            source,
            wait: Micros::try_from(spec.wait.as_micros()).unwrap_or(Micros::MAX / 2),
            max_layer: spec.max_layer,
            at: None,
            missing: None,
            lost: None,
            gap: None,
            gap_told: false,
            needs_keyframe: true,
            picture: None,
            assembler: H264Assembler::default(),
            last: None,
            restarted: false,
            sound_end: 0,
            sound_lost: 0,
        }
    }

    /// The highest layer that it has use for.
    pub(in super::super) fn highest(&self, source: &Source) -> u8 {
        let top = source.layer_for(0, 0);
        self.max_layer.map_or(top, |max| max.min(top))
    }

    /// The layer that it reads or waits for.
    pub(in super::super) fn layer(&self, source: &Source) -> Option<u8> {
        self.at.map(|at| at.layer).or_else(|| self.wanted(source))
    }

    /// Hands out what it can; returns a layer that it needs a keyframe of.
    pub(in super::super) fn read(&mut self, now: Micros, source: &Source, out: &mut impl Transmit) -> Option<u8> {
        if source.is_audio() {
            self.read_sound(now, source, out);
            return None;
        }
        self.read_pictures(now, source, out)
    }

    /// The publisher has started the stream of a layer over: `seq` is its first packet.
    pub(in super::super) fn restart(&mut self, is_audio: bool, layer: u8, seq: u64) {
        let Some(at) = self.at.filter(|at| at.layer == layer) else {
            return;
        };
        self.restarted = true;
        if is_audio {
            self.at = Some(Place { layer, seq });
            self.missing = None;
        } else {
            self.lose(at, Cause::Restarted);
            self.assembler.restart();
        }
    }

    /// Sound goes on with this packet, and what was before it is silence.
    pub(in super::super) const fn skip_sound(&mut self, seq: u64) {
        self.at = Some(Place { layer: 0, seq });
        self.missing = None;
    }

    /// The highest layer that arrives and is of use; if there is none so low, the lowest.
    fn wanted(&self, source: &Source) -> Option<u8> {
        let highest = self.highest(source);
        let arrive = || (0_u8..).zip(&source.layers).filter(|(_, layer)| layer.active);
        let fitting = arrive().filter(|(index, _)| *index <= highest).last();
        fitting.or_else(|| arrive().next()).map(|(index, _)| index)
    }

    fn read_pictures(&mut self, now: Micros, source: &Source, out: &mut impl Transmit) -> Option<u8> {
        let wanted = self.wanted(source);
        loop {
            if let Some(cause) = self.gap.take() {
                out.tapped(self.id, Tapped::Gap(Gap::Pictures(cause)));
            }
            let Some(at) = self.at else {
                let layer = wanted?;
                let Some(start) = self.entry(now, source, layer) else {
                    return Some(layer);
                };
                self.enter(start);
                continue;
            };
            let mut needed = None;
            if let Some(layer) = wanted.filter(|layer| *layer != at.layer) {
                match self.entry(now, source, layer) {
                    Some(start) if self.may_leave(now, source, at, start) => {
                        self.enter(start);
                        continue;
                    }
                    Some(_) => {}
                    None => needed = Some(layer),
                }
            }
            let layer = &source.layers[usize::from(at.layer)];
            if let Some(slot) = layer.cache.slot(at.seq) {
                self.missing = None;
                self.take(source, at, slot, out);
            } else if layer.seq.highest().is_none_or(|highest| highest < at.seq) {
                return needed;
            } else if let Missing::Wait = self.miss(now, layer, at.seq, self.wait) {
                return needed;
            } else {
                self.lose(at, Cause::Lost);
            }
        }
    }

    /// The first packet of a keyframe of `layer` that follows on what was handed out.
    fn entry(&self, now: Micros, source: &Source, layer: u8) -> Option<Place> {
        let found = &source.layers[usize::from(layer)];
        let seq = found.keyframe?.start;
        let slot = found.cache.slot(seq)?;
        if self.lost.is_some_and(|lost| lost.layer == layer && seq <= lost.seq) {
            return None;
        }
        let follows = match &self.last {
            None => found.replay_from(now).is_some(),
            Some(last) if last.moment.layer == layer => seq > last.seq,
            Some(last) => self.step(source, last, Moment::of(layer, slot)) > 0,
        };
        follows.then_some(Place { layer, seq })
    }

    /// Whether to leave off at `at` for a keyframe of another layer: all before it has been handed out, or does not come.
    fn may_leave(&self, now: Micros, source: &Source, at: Place, start: Place) -> bool {
        let present = &source.layers[usize::from(at.layer)];
        let Some(slot) = source.layers[usize::from(start.layer)].cache.slot(start.seq) else {
            return false;
        };
        if !present.active || now >= slot.at + self.wait {
            return true;
        }
        let target = Moment::of(start.layer, slot);
        let rate = source.spec.codec.clock_rate();
        let next = present.cache.slot(at.seq).map(|next| Moment::of(at.layer, next));
        next.is_some_and(|next| distance(&source.layers, target, next, rate) >= 0)
    }

    /// Begins to read at the first packet of a keyframe.
    fn enter(&mut self, start: Place) {
        self.at = Some(start);
        self.missing = None;
        self.picture = None;
        self.assembler.clear();
        self.needs_keyframe = true;
    }

    /// Nothing can be shown from `at` on.
    fn lose(&mut self, at: Place, cause: Cause) {
        self.lost = Some(at);
        self.at = None;
        self.missing = None;
        self.picture = None;
        self.assembler.clear();
        // Who has been given nothing misses nothing.
        if self.last.is_some() && !std::mem::replace(&mut self.gap_told, true) {
            self.gap = Some(cause);
        }
    }

    /// Reads a packet of a picture.
    fn take(&mut self, source: &Source, at: Place, slot: &Slot, out: &mut impl Transmit) {
        let (_, payload) = source.layers[usize::from(at.layer)].cache.content(slot);
        let follows = self.picture.is_some_and(|picture| picture.timestamp != slot.timestamp);
        if follows && !payload.is_empty() && !self.finish(source, at.seq - 1, out) {
            return;
        }
        if !payload.is_empty() {
            self.picture.get_or_insert(Moment::of(at.layer, slot));
            if self.assembler.push(payload).is_err() {
                self.lose(at, Cause::Damaged);
                return;
            }
        }
        if slot.marker && !self.finish(source, at.seq, out) {
            return;
        }
        self.at = Some(Place { seq: at.seq + 1, ..at });
    }

    /// Hands out the picture whose last packet is `seq`; false if it cannot be shown.
    fn finish(&mut self, source: &Source, seq: u64, out: &mut impl Transmit) -> bool {
        let Some(moment) = self.picture.take() else {
            return true;
        };
        let timestamp = self.timestamp(source, moment);
        let place = Place {
            layer: moment.layer,
            seq,
        };
        let unit = match self.assembler.finish() {
            Ok(Some(unit)) if unit.keyframe || !self.needs_keyframe => unit,
            Ok(None) => return true,
            Ok(Some(_)) | Err(_) => {
                self.lose(place, Cause::Damaged);
                return false;
            }
        };
        let picture = Picture {
            layer: moment.layer,
            timestamp,
            ntp: ntp(source, moment),
            unit,
        };
        out.tapped(self.id, Tapped::Picture(picture));
        self.needs_keyframe = false;
        self.gap_told = false;
        self.restarted = false;
        self.last = Some(Last { moment, timestamp, seq });
        true
    }

    fn read_sound(&mut self, now: Micros, source: &Source, out: &mut impl Transmit) {
        let layer = &source.layers[0];
        let Some(highest) = layer.seq.highest() else { return };
        let wait = if source.spec.nack {
            self.wait
        } else {
            self.wait.min(REORDERED)
        };
        loop {
            let at = *self.at.get_or_insert(Place { layer: 0, seq: highest });
            let mut next = at.seq + 1;
            if let Some(slot) = layer.cache.slot(at.seq) {
                self.missing = None;
                self.sound(source, slot, out);
            } else if at.seq > highest {
                return;
            } else {
                let Missing::GoOn(seq) = self.miss(now, layer, at.seq, wait) else {
                    return;
                };
                self.sound_lost += seq - at.seq;
                next = seq;
            }
            self.at = Some(Place { seq: next, ..at });
        }
    }

    /// Hands out a packet of sound, and what is not there before it.
    fn sound(&mut self, source: &Source, slot: &Slot, out: &mut impl Transmit) {
        let (_, data) = source.layers[0].cache.content(slot);
        if data.is_empty() {
            return;
        }
        let Some(ticks) = opus_ticks(data) else {
            self.sound_lost += 1;
            return;
        };
        let moment = Moment::of(0, slot);
        let timestamp = self.timestamp(source, moment);
        if self.last.is_some() {
            let missing = timestamp.saturating_sub(self.sound_end);
            let packets = std::mem::take(&mut self.sound_lost);
            if packets > 0 || self.restarted {
                let gap = Gap::Sound {
                    packets,
                    ticks: missing,
                };
                out.tapped(self.id, Tapped::Gap(gap));
            } else if missing > 0 {
                out.tapped(self.id, Tapped::Gap(Gap::Silence { ticks: missing }));
            }
        }
        let sound = Sound {
            timestamp,
            ntp: ntp(source, moment),
            ticks,
            data,
        };
        out.tapped(self.id, Tapped::Sound(sound));
        self.sound_lost = 0;
        self.restarted = false;
        self.sound_end = timestamp + u64::from(ticks);
        self.last = Some(Last {
            moment,
            timestamp,
            seq: slot.seq,
        });
    }

    /// What to do about the packet `seq`, which is not there although a later one is.
    fn miss(&mut self, now: Micros, layer: &Layer, seq: u64, wait: Micros) -> Missing {
        let highest = layer.seq.highest().unwrap_or(seq);
        let first = (seq + 1).max(highest.saturating_sub(MOST_HELD));
        let behind = || (first..=highest).filter_map(|seq| layer.cache.slot(seq));
        let since = match self.missing {
            Some((missing, since)) if missing == seq => since,
            // It was known to be missing when the first of those behind it came.
            _ => behind().map(|slot| slot.at).min().unwrap_or(now),
        };
        self.missing = Some((seq, since));
        if now < since + wait {
            return Missing::Wait;
        }
        Missing::GoOn(behind().next().map_or(highest + 1, |slot| slot.seq))
    }

    /// Ticks from what was handed out last to `moment`.
    fn step(&self, source: &Source, last: &Last, moment: Moment) -> i32 {
        distance(&source.layers, last.moment, moment, source.spec.codec.clock_rate())
    }

    /// The endless timestamp of something that follows on what was handed out last.
    fn timestamp(&self, source: &Source, moment: Moment) -> u64 {
        let Some(last) = &self.last else {
            return START + u64::from(moment.timestamp);
        };
        if last.moment.layer != moment.layer || self.restarted {
            let step = self.step(source, last, moment).max(1);
            return last.timestamp + u64::from(step.unsigned_abs());
        }
        // The one that ends in the same bits and is nearest to what the arrival says, however long the pause was.
        let since = u128::from(moment.arrived.saturating_sub(last.moment.arrived));
        let ticks = since * u128::from(source.spec.codec.clock_rate()) / 1_000_000;
        let expected = last.timestamp + u64::try_from(ticks).unwrap_or(0);
        let step = moment.timestamp.wrapping_sub(last.moment.timestamp);
        let off = low(last.timestamp).wrapping_add(step).wrapping_sub(low(expected));
        expected.saturating_add_signed(off.cast_signed().into())
    }
}

fn ntp(source: &Source, moment: Moment) -> Option<u64> {
    let layer = &source.layers[usize::from(moment.layer)];
    layer.clock.ntp_at(moment.timestamp, source.spec.codec.clock_rate())
}

fn low(number: u64) -> u32 {
    u32::try_from(number & 0xffff_ffff).expect("masked")
}
