//! Who speaks: the loudness of audio sources from the audio level extension (RFC 6464).
//!
//! Rules and numbers are those that LiveKit's clients are used to: windows of 400 ms, louder than −35 dBov for two
//! fifths of the window, smoothed over two windows, told in eighths.

use super::clock::Micros;

/// Length of a window.
pub(super) const WINDOW: Micros = 400_000;
/// Quieter than this is silence; −dBov, so smaller is louder.
const ACTIVE_LEVEL: u8 = 35;
/// Share of the window that must be loud.
const ACTIVE_SHARE: u64 = 40;
/// Weight of the newest window: 2 / (windows + 1).
const SMOOTHING: f64 = 2.0 / 3.0;
/// Longest time that one packet stands for.
const MAX_PACKET: Micros = 120_000;

/// Loudness of one source.
#[derive(Debug, Default)]
pub(super) struct LevelMeter {
    active: Micros,
    loudest: u8,
    heard: bool,
    last_packet: Micros,
    smoothed: f64,
    told: u8,
}

impl LevelMeter {
    /// A packet came with that level in −dBov, 0 to 127.
    pub(super) fn observe(&mut self, now: Micros, level: u8) {
        let stands_for = now.saturating_sub(self.last_packet).clamp(10_000, MAX_PACKET);
        // The first packet after a silence stands for itself only.
        let stands_for = if stands_for == MAX_PACKET { 20_000 } else { stands_for };
        self.last_packet = now;
        if level <= ACTIVE_LEVEL {
            self.active += stands_for;
            self.loudest = if self.heard { self.loudest.min(level) } else { level };
            self.heard = true;
        }
    }

    /// Ends a window; the level in eighths if it is another one than told last.
    pub(super) fn close(&mut self) -> Option<u8> {
        let mut smoothed = 0.0;
        if self.active * 100 >= WINDOW * ACTIVE_SHARE {
            // Active for less than the window weakens the level.
            #[expect(clippy::cast_precision_loss, reason = "microseconds of one window")]
            let share = self.active as f64 / WINDOW as f64;
            let level = f64::from(self.loudest) - 20.0 * share.min(1.0).log10();
            let linear = 10_f64.powf(-level / 20.0);
            smoothed = self.smoothed + (linear - self.smoothed) * SMOOTHING;
        }
        self.smoothed = smoothed;
        self.active = 0;
        self.heard = false;
        let eighths = self.eighths();
        (std::mem::replace(&mut self.told, eighths) != eighths).then_some(eighths)
    }

    /// The source is muted or gone: it is silent from now on. 0 if it was told to speak.
    pub(super) fn silence(&mut self) -> Option<u8> {
        let told = self.told;
        *self = Self::default();
        (told != 0).then_some(0)
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 8")]
    fn eighths(&self) -> u8 {
        let threshold = 10_f64.powf(-f64::from(ACTIVE_LEVEL) / 20.0);
        // Just at the threshold is active; the margin is for the rounding of powers.
        if self.smoothed < threshold * 0.66 {
            0
        } else {
            (self.smoothed * 8.0).ceil().clamp(1.0, 8.0) as u8
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs windows of 20 packets with these levels; what was told after each.
    fn windows(meter: &mut LevelMeter, now: &mut Micros, levels: impl Fn(u32) -> u8) -> Option<u8> {
        for i in 0..20 {
            *now += 20_000;
            meter.observe(*now, levels(i));
        }
        meter.close()
    }

    #[test]
    fn a_speaker_starts_changes_and_stops() {
        let (mut meter, mut now) = (LevelMeter::default(), 1_000_000);
        assert_eq!(windows(&mut meter, &mut now, |_| 60), None);
        let level = windows(&mut meter, &mut now, |_| 10).expect("started");
        assert!((1..=3).contains(&level), "{level}");
        let louder = windows(&mut meter, &mut now, |_| 0).expect("louder");
        assert!(louder > level);
        assert_eq!(windows(&mut meter, &mut now, |_| 127), Some(0));
        assert_eq!(windows(&mut meter, &mut now, |_| 127), None);
    }

    #[test]
    fn a_short_noise_is_no_speech() {
        let (mut meter, mut now) = (LevelMeter::default(), 1_000_000);
        assert_eq!(windows(&mut meter, &mut now, |i| if i < 7 { 10 } else { 80 }), None);
        assert!(windows(&mut meter, &mut now, |i| if i < 9 { 10 } else { 80 }).is_some());
    }

    #[test]
    fn quiet_speech_at_the_threshold_counts() {
        let (mut meter, mut now) = (LevelMeter::default(), 1_000_000);
        assert_eq!(windows(&mut meter, &mut now, |_| 34), Some(1));
        assert_eq!(meter.silence(), Some(0));
        assert_eq!(meter.silence(), None);
    }
}
