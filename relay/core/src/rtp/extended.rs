//! Sequence numbers of 16 bits, made endless.

/// Turns 16-bit sequence numbers into 64-bit ones by their distance to the highest seen, whatever the rollover
/// counter of SRTP says (RFC 3550 §A.1 in spirit).
#[derive(Debug, Clone, Copy, Default)]
pub struct ExtendedSeq {
    highest: Option<u64>,
}

impl ExtendedSeq {
    /// Cycles that lie before the first number, so that packets from before it have numbers too.
    pub const START: u64 = 1 << 16;

    /// The extended number, without taking note of it.
    #[must_use]
    pub fn peek(&self, seq: u16) -> u64 {
        match self.highest {
            None => Self::START | u64::from(seq),
            Some(highest) => near(highest, seq),
        }
    }

    /// The extended number; it becomes the highest if it is.
    pub fn extend(&mut self, seq: u16) -> u64 {
        let extended = self.peek(seq);
        if self.highest.is_none_or(|highest| extended > highest) {
            self.highest = Some(extended);
        }
        extended
    }

    /// Takes note of an extended number that [`Self::peek`] gave.
    pub fn raise(&mut self, extended: u64) {
        self.highest = self.highest.max(Some(extended));
    }

    /// The highest number so far.
    #[must_use]
    pub const fn highest(&self) -> Option<u64> {
        self.highest
    }

    /// Starts over behind the highest number, because the sender did: the next `seq` lies above all earlier ones.
    pub fn restart(&mut self, seq: u16) -> u64 {
        let extended = match self.highest {
            None => Self::START | u64::from(seq),
            Some(highest) => ((highest >> 16) + 2) << 16 | u64::from(seq),
        };
        self.highest = Some(extended);
        extended
    }
}

/// The number ending in `seq` that is nearest to `reference`.
fn near(reference: u64, seq: u16) -> u64 {
    let low = u16::try_from(reference & 0xffff).expect("masked to 16 bits");
    let distance = i64::from(seq.wrapping_sub(low).cast_signed());
    reference.saturating_add_signed(distance)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_wrap_is_one_step() {
        let mut seq = ExtendedSeq::default();
        let first = seq.extend(65_535);
        assert_eq!(seq.extend(0), first + 1);
        assert_eq!(seq.extend(65_534), first - 1);
        assert_eq!(seq.highest(), Some(first + 1));
    }

    proptest! {
        #[test]
        fn small_steps_are_kept(start in any::<u16>(), steps in proptest::collection::vec(-500_i64..3000, 0..200)) {
            let mut seq = ExtendedSeq::default();
            let mut truth = i64::try_from(seq.extend(start)).expect("small");
            let mut highest = truth;
            for step in steps {
                truth = (highest + step).max(0);
                let low = u16::try_from(truth & 0xffff).expect("masked");
                prop_assert_eq!(i64::try_from(seq.extend(low)).expect("small"), truth);
                highest = highest.max(truth);
            }
        }
    }
}
