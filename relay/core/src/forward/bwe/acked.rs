//! The rate at which packets arrive at the receiver, on its own clock.

/// Length of a bucket in microseconds.
const BUCKET: i64 = 50_000;
const BUCKETS: usize = 10;

/// Bytes per bucket over half a second.
#[derive(Debug, Default)]
pub(super) struct AckedRate {
    buckets: [u64; BUCKETS],
    /// Number of the newest bucket.
    newest: i64,
    /// Buckets since the start, at most all.
    filled: usize,
}

impl AckedRate {
    pub(super) fn add(&mut self, received: i64, bytes: u16) {
        let bucket = received.div_euclid(BUCKET);
        let count = i64::try_from(BUCKETS).expect("small");
        if self.filled == 0 || bucket > self.newest + 4 * count || bucket < self.newest - 4 * count {
            *self = Self {
                newest: bucket,
                filled: 1,
                ..Self::default()
            };
        }
        if bucket <= self.newest - count {
            return;
        }
        while self.newest < bucket {
            self.newest += 1;
            self.buckets[Self::index(self.newest)] = 0;
            self.filled = (self.filled + 1).min(BUCKETS);
        }
        self.buckets[Self::index(bucket)] += u64::from(bytes);
    }

    /// Bits per second over the whole buckets; `None` until there are three.
    pub(super) fn rate(&self) -> Option<f64> {
        let whole = self.filled.checked_sub(1).filter(|whole| *whole >= 3)?;
        let newest = self.buckets[Self::index(self.newest)];
        let bytes = self.buckets.iter().sum::<u64>() - newest;
        #[expect(clippy::cast_precision_loss, reason = "small")]
        let span = whole as f64 * 0.05;
        Some(super::to_f64(bytes * 8) / span)
    }

    /// The highest rate over three buckets in a row: what the link carries once its queue is in use, also if little was
    /// sent before.
    pub(super) fn peak(&self) -> Option<f64> {
        let whole = self.filled.checked_sub(1).filter(|whole| *whole >= 3)?;
        let oldest = self.newest - i64::try_from(whole).expect("small");
        let at = |bucket: i64| self.buckets[Self::index(bucket)];
        (oldest..=self.newest - 3)
            .map(|bucket| at(bucket) + at(bucket + 1) + at(bucket + 2))
            .max()
            .map(|bytes| super::to_f64(bytes * 8) / 0.15)
    }

    fn index(bucket: i64) -> usize {
        usize::try_from(bucket.rem_euclid(i64::try_from(BUCKETS).expect("small"))).expect("not negative")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_is_measured_and_a_jump_starts_over() {
        let mut rate = AckedRate::default();
        for i in 0..100 {
            rate.add(5_000_000 + i * 10_000, 1_250);
        }
        let measured = rate.rate().expect("a second of packets");
        assert!((measured - 1e6).abs() < 3e4, "{measured}");
        rate.add(1_000_000_000, 1_250);
        assert_eq!(rate.rate(), None);
    }
}
