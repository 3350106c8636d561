//! How much a link to a subscriber loses, as its receiver reports say: what is sent is made safe by that measure.

use super::clock::Micros;

/// Loss from which something is done at all, in 256ths: one packet in a hundred.
const SOME: u8 = 3;
/// Loss from which two of what protects each other are lost together every few seconds.
const MUCH: u8 = 10;
/// How long a report counts.
const KEPT: Micros = 15_000_000;

/// The worst loss of late.
#[derive(Debug, Default)]
pub(super) struct Losses {
    level: u8,
    until: Micros,
}

impl Losses {
    /// A report tells a loss, in 256ths.
    pub(super) fn reported(&mut self, now: Micros, fraction: u8) {
        let level = u8::from(fraction >= SOME) + u8::from(fraction >= MUCH);
        if level >= self.level(now) {
            self.level = level;
            self.until = now + KEPT;
        }
    }

    /// 0 for a link that loses next to nothing, 1 for some loss, 2 for much.
    pub(super) const fn level(&self, now: Micros) -> u8 {
        if now < self.until { self.level } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_late_counts_and_is_forgotten() {
        let mut losses = Losses::default();
        assert_eq!(losses.level(0), 0);
        losses.reported(1_000_000, 0);
        losses.reported(2_000_000, 5);
        losses.reported(3_000_000, 0);
        assert_eq!(losses.level(3_000_000), 1);
        losses.reported(4_000_000, 26);
        losses.reported(5_000_000, 4);
        assert_eq!(losses.level(18_000_000), 2);
        assert_eq!(losses.level(19_000_000), 0);
    }
}
