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
}
