//! The floor of a room: of many open microphones only the loudest are sent.
//!
//! A floor has a fixed number of **places** ([`Config::voices`](super::Config::voices)). A microphone that has one is sent to all who
//! listen, one that has none to nobody; its stream then rests, as in a pause of the encoder, and goes on under the next
//! number. Free places go to whoever sends. When all are taken, who begins to speak takes the place of the one who has
//! been quietest, but from nobody who has just spoken or just come: pauses between words cost no place.
//!
//! Who tells no levels cannot be compared and is always sent.

use super::{Shard, clock::Micros};

/// What somebody said counts so long: nobody loses the place between two words.
const HOLD: Micros = 2_000_000;
/// A place that was won is kept so long at least.
const TENURE: Micros = 1_000_000;
/// Who wins a place is louder than who has it by this, in dB.
const MARGIN: u8 = 6;
/// Loudness from which somebody may win a place: −60 dBov.
const LEAST: u8 = 67;
/// Nothing heard for so long is silence: encoders send at least every 400 ms.
const GONE: Micros = 500_000;

/// How loud a microphone is, in dB above −127 dBov.
#[derive(Debug, Default)]
pub(super) struct Voice {
    /// It has told a level.
    tells: bool,
    /// Of the last packets: up within two of them, down over eight.
    loudness: u8,
    /// The last packet, and the one before, were loud enough to win a place.
    loud: [bool; 2],
    /// The last packet's time.
    at: Micros,
    /// The loudest of the last while, and when that was.
    peak: u8,
    peak_at: Micros,
    /// When its place was won; 0 for one that was free.
    since: Micros,
}

impl Voice {
    /// A packet came with that level in −dBov, 0 to 127.
    fn observe(&mut self, now: Micros, level: u8) {
        let heard = 127_u8.saturating_sub(level);
        self.loud = [heard >= LEAST, self.loud[0]];
        let before = self.now(now);
        self.loudness = if heard > before {
            before + (heard - before).div_ceil(2)
        } else {
            before - (before - heard).div_ceil(8)
        };
        self.at = now;
        if self.loudness >= self.peak || now > self.peak_at + HOLD {
            self.peak = self.loudness;
            self.peak_at = now;
        }
    }

    /// How loud it is.
    fn now(&self, now: Micros) -> u8 {
        if now > self.at + GONE { 0 } else { self.loudness }
    }

    /// How loud it has been of late.
    fn held(&self, now: Micros) -> u8 {
        if now > self.peak_at + HOLD {
            self.now(now)
        } else {
            self.peak
        }
    }
}

impl Shard {
    /// A packet of a microphone came with that level in −dBov: whether it is sent follows from it.
    pub(super) fn take_floor(&mut self, now: Micros, key: u32, level: Option<u8>) {
        let source = &mut self.sources[key as usize];
        let Some(floor) = source.spec.floor.filter(|_| self.config.voices > 0) else {
            return;
        };
        let voice = &mut source.voice;
        let Some(level) = level else {
            if !voice.tells && !source.spec.muted {
                self.hear(key);
            }
            return;
        };
        if !std::mem::replace(&mut voice.tells, true) {
            source.audible = false;
        }
        voice.observe(now, level);
        // What a muted one goes on sending is silence.
        if source.audible || source.spec.muted {
            return;
        }
        let places = self.config.voices;
        let holders = self.floors.entry(floor.0).or_insert_with(|| Vec::with_capacity(places));
        if holders.len() < places {
            holders.push(key);
            self.sources[key as usize].voice.since = 0;
            self.hear(key);
            return;
        }
        // One packet alone may be a click.
        if voice.loud != [true; 2] {
            return;
        }
        let loudness = voice.now(now);
        let sources = &self.sources;
        let quietest = holders
            .iter_mut()
            .map(|holder| (sources[*holder as usize].voice.held(now), holder))
            .filter(|(_, holder)| now >= sources[**holder as usize].voice.since + TENURE)
            .min_by_key(|(held, _)| *held);
        if let Some((held, holder)) = quietest
            && loudness >= held.saturating_add(MARGIN)
        {
            let former = std::mem::replace(holder, key);
            self.sources[former as usize].audible = false;
            self.sources[key as usize].voice.since = now;
            self.hear(key);
        }
    }

    /// A microphone is muted or gone: its place is free.
    pub(super) fn leave_floor(&mut self, key: u32) {
        let Some(source) = self.sources.get_mut(key as usize) else {
            return;
        };
        let Some(floor) = source.spec.floor.filter(|_| self.config.voices > 0) else {
            return;
        };
        source.audible = false;
        source.voice = Voice::default();
        if let Some(holders) = self.floors.get_mut(&floor.0) {
            holders.retain(|holder| *holder != key);
            if holders.is_empty() {
                self.floors.remove(&floor.0);
            }
        }
    }

    /// Whether it is sent only while it has a place among the loudest.
    pub(super) fn has_floor(&self, key: u32) -> bool {
        self.config.voices > 0 && self.sources[key as usize].spec.floor.is_some()
    }

    /// Sends a microphone from its next packet on, which follows what was sent last.
    pub(super) fn hear(&mut self, key: u32) {
        let source = &mut self.sources[key as usize];
        if !std::mem::replace(&mut source.audible, true) {
            for layer in &mut source.layers {
                for listener in &mut layer.listeners {
                    listener.fresh = true;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_is_loud_within_two_packets_and_held_for_two_seconds() {
        let mut voice = Voice::default();
        let mut now = 1_000_000;
        voice.observe(now, 25);
        now += 20_000;
        voice.observe(now, 25);
        let loud = voice.now(now);
        assert!(loud >= LEAST && voice.loud == [true; 2], "{loud}");
        for _ in 0..50 {
            now += 20_000;
            voice.observe(now, 127);
        }
        assert!(voice.now(now) < 5);
        assert_eq!(voice.held(now), loud);
        now += 2_000_000;
        assert_eq!(voice.held(now), 0);
    }

    #[test]
    fn a_click_is_no_voice() {
        let mut voice = Voice::default();
        for (n, level) in (0..).zip([70, 70, 5, 70, 5, 70]) {
            voice.observe(1_000_000 + n * 20_000, level);
            assert_ne!(voice.loud, [true; 2]);
        }
    }
}
