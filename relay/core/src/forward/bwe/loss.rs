//! A bound that follows losses, for links whose queue is too short to show as delay.

use crate::forward::clock::Micros;

/// Less than this is noise of the air.
const LOW: f64 = 0.02;
/// More than this is congestion.
const HIGH: f64 = 0.10;
/// So much is congestion beyond doubt, and judged at once.
const SEVERE: f64 = 0.30;

/// Where nothing but losses is known, each try to send more costs pictures: there is one in so long.
const TRIED_AGAIN: Micros = 15_000_000;

/// The bound, if losses ever set one.
#[derive(Debug, Default)]
pub(super) struct LossBound {
    bound: Option<f64>,
    lost: usize,
    total: usize,
    since: Micros,
    /// When the bound was last lowered: what was sent before is no reason to lower it again.
    lowered: Micros,
}

impl LossBound {
    pub(super) const fn bound(&self) -> Option<f64> {
        self.bound
    }

    /// Nothing that was sent before `now` counts.
    pub(super) const fn start_over(&mut self, now: Micros) {
        (self.lost, self.total, self.since, self.lowered) = (0, 0, now, now);
    }

    /// Packets sent before this do not count.
    pub(super) const fn counts_after(&self) -> Micros {
        self.lowered
    }

    /// Takes what feedback told; whether the link is found congested.
    pub(super) fn add(&mut self, now: Micros, lost: usize, arrived: usize, target: u64, acked: Option<f64>) -> bool {
        self.lost += lost;
        self.total += lost + arrived;
        if self.since == 0 {
            self.since = now;
        }
        #[expect(clippy::cast_precision_loss, reason = "small")]
        let share = self.lost as f64 / self.total.max(1) as f64;
        let elapsed = now.saturating_sub(self.since);
        let judged = elapsed >= 500_000 && self.total >= 30 || elapsed >= 200_000 && self.total >= 20 && share > SEVERE;
        if !judged {
            return false;
        }
        (self.lost, self.total, self.since) = (0, 0, now);
        let current = super::to_f64(target);
        if share > HIGH {
            let gentle = current * (1.0 - share / 2.0);
            // What gets through is known: no need to go far below it.
            let bound = match acked {
                Some(acked) if share > SEVERE => gentle.min(acked * 0.9),
                Some(acked) => gentle.max(acked * 0.85).min(current),
                None => gentle,
            };
            self.bound = Some(bound);
            self.lowered = now;
            return true;
        }
        if share < LOW
            && (acked.is_some() || now > self.lowered + TRIED_AGAIN)
            && let Some(bound) = self.bound
        {
            self.bound = (bound < current * 2.0).then_some(bound * 1.05);
        }
        false
    }

    /// A probe has shown that more gets through.
    pub(super) fn raise(&mut self, found: f64) {
        self.bound = self.bound.map(|bound| bound.max(found));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_heavy_loss_bounds() {
        let mut loss = LossBound::default();
        for i in 1..100 {
            assert!(!loss.add(i * 100_000, 1, 19, 1_000_000, None));
        }
        assert_eq!(loss.bound(), None);
        for i in 100..120 {
            loss.add(i * 100_000, 8, 12, 1_000_000, Some(300_000.0));
        }
        assert!(loss.bound().is_some_and(|bound| bound <= 300_000.0));
        loss.raise(900_000.0);
        assert_eq!(loss.bound(), Some(900_000.0));
    }
}
