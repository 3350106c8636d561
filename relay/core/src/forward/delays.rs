//! How long packets wait in a shard, counted.

/// Counts of durations by size: a bucket holds those up to its bound, the last one the rest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delays {
    /// How many in each bucket.
    pub counts: [u64; Self::BUCKETS],
    /// Their sum in microseconds.
    pub sum_us: u64,
}

impl Delays {
    /// Buckets, the last one without a bound.
    pub const BUCKETS: usize = 20;

    /// Upper bound of a bucket in microseconds: 64, and twice as much in each further one; none for the last.
    #[must_use]
    pub const fn bound_us(bucket: usize) -> Option<u64> {
        if bucket + 1 < Self::BUCKETS {
            Some(64 << bucket)
        } else {
            None
        }
    }

    /// Counts one.
    pub const fn add(&mut self, us: u64) {
        let bucket = if us <= 64 {
            0
        } else {
            ((us - 1) >> 6).ilog2() as usize + 1
        };
        let last = Self::BUCKETS - 1;
        self.counts[if bucket < last { bucket } else { last }] += 1;
        self.sum_us = self.sum_us.saturating_add(us);
    }

    /// Counts those of another one, too.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        self.sum_us += other.sum_us;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duration_is_in_the_first_bucket_that_holds_it() {
        for us in [
            0,
            1,
            63,
            64,
            65,
            128,
            129,
            5_000,
            262_144,
            262_145,
            16_777_216,
            16_777_217,
            u64::MAX,
        ] {
            let mut delays = Delays::default();
            delays.add(us);
            let bucket = delays.counts.iter().position(|count| *count == 1).expect("counted");
            assert!(
                Delays::bound_us(bucket).is_none_or(|bound| us <= bound),
                "{us} in {bucket}"
            );
            if let Some(lower) = bucket.checked_sub(1).and_then(Delays::bound_us) {
                assert!(us > lower, "{us} in {bucket}");
            }
        }
    }
}
