//! How much of something one client may do: so much at once, and so much in the long run (the generic cell rate algorithm of
//! ITU-T I.371).

/// What is left of it. Times are in microseconds, of any clock.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Allowance {
    /// When all that was done has been paid for.
    paid_at: u64,
}

impl Allowance {
    /// Whether something that takes `cost` microseconds to earn may be done now, where at most `credit` may be owed. It is
    /// paid for then.
    pub(crate) fn take(&mut self, now: u64, cost: u64, credit: u64) -> bool {
        // What is owed is never more than the credit, unless the clock was set back.
        self.paid_at = self.paid_at.clamp(now, now + credit);
        let may = self.paid_at + cost <= now + credit;
        if may {
            self.paid_at += cost;
        }
        may
    }

    /// The same of something that is done anyhow: it is owed beyond the credit too, up to as much again.
    pub(crate) fn charge(&mut self, now: u64, cost: u64, credit: u64) -> bool {
        let most = now + 2 * credit;
        self.paid_at = (self.paid_at.clamp(now, most) + cost).min(most);
        self.paid_at <= now + credit
    }

    /// Whether nothing is owed.
    pub(crate) const fn is_whole(&self, now: u64) -> bool {
        self.paid_at <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_as_the_credit_goes_at_once_and_then_as_it_is_earned() {
        let mut allowance = Allowance::default();
        let mut taken = |now| (0..20).filter(|_| allowance.take(now, 100, 1_000)).count();
        assert_eq!(taken(5_000), 10);
        assert_eq!(taken(5_099), 0);
        assert_eq!(taken(5_250), 2);
        assert_eq!(taken(60_000), 10, "and no more is saved up");
        assert_eq!(taken(1_000), 0);
        assert_eq!(taken(1_300), 3, "the clock was set back");
    }

    #[test]
    fn what_is_done_anyhow_is_owed_beyond_the_credit() {
        let mut allowance = Allowance::default();
        let covered = (0..50).filter(|_| allowance.charge(5_000, 100, 1_000)).count();
        assert_eq!(covered, 10);
        let may = |now| {
            let mut copy = allowance;
            copy.take(now, 100, 1_000)
        };
        assert!(!may(5_000) && !may(6_099));
        assert!(may(6_100), "no more than twice the credit is owed");
    }
}
