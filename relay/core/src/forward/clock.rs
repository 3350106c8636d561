//! The shard's own time: microseconds since its start, and the wall clock that goes with them.

use std::time::{Duration, Instant};

/// Microseconds since the start of the shard. Never 0, so that 0 can stand for "never".
pub(super) type Micros = u64;

/// Microseconds at the start.
const ORIGIN: Micros = 1_000_000;

/// Translates between instants, microseconds and NTP time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    start: Instant,
    start_ntp: u64,
}

impl Clock {
    pub(super) const fn new(start: Instant, start_ntp: u64) -> Self {
        Self { start, start_ntp }
    }

    pub(super) fn micros(&self, now: Instant) -> Micros {
        let since = now.saturating_duration_since(self.start);
        ORIGIN + u64::try_from(since.as_micros()).unwrap_or(u64::MAX / 2)
    }

    pub(super) fn instant(&self, at: Micros) -> Instant {
        self.start + Duration::from_micros(at.saturating_sub(ORIGIN))
    }

    /// NTP time, 32.32.
    pub(super) const fn ntp(&self, at: Micros) -> u64 {
        self.start_ntp.wrapping_add(ntp_span(at.saturating_sub(ORIGIN)))
    }
}

/// A span of microseconds in units of 2^-32 s.
pub(super) const fn ntp_span(us: Micros) -> u64 {
    // Seconds and the rest apart, so that nothing overflows within centuries.
    ((us / 1_000_000) << 32) + (((us % 1_000_000) << 32) / 1_000_000)
}

/// The middle 32 bits of an NTP time, as reports name it.
#[expect(clippy::cast_possible_truncation, reason = "the middle bits are asked for")]
pub(super) const fn ntp_middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

/// Ticks of a media clock in that many microseconds, wrapping as timestamps do.
#[expect(clippy::cast_possible_truncation, reason = "timestamps wrap")]
pub(super) const fn ticks(us: u64, clock_rate: u32) -> u32 {
    ((us as u128 * clock_rate as u128) / 1_000_000) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_exact_to_the_microsecond() {
        assert_eq!(ntp_span(1_000_000), 1 << 32);
        assert_eq!(ntp_span(500_000), 1 << 31);
        assert_eq!(ticks(20_000, 48_000), 960);
        assert_eq!(ntp_middle(0x0001_0002_0003_0004), 0x0002_0003);
    }
}
