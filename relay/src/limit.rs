//! How much a client may say: buckets that fill with time. And how often anybody may make us look.

use std::time::{Duration, Instant};

/// Messages at once, and each second after that. A newcomer to a room of 500 sets a size for every track.
const MESSAGES: f64 = 1_500.0;
const MESSAGES_PER_SECOND: f64 = 50.0;

/// The same in bytes: an offer may have half a megabyte, and renegotiations come in bursts.
const BYTES: f64 = 8.0 * 1024.0 * 1024.0;
const BYTES_PER_SECOND: f64 = 512.0 * 1024.0;

/// The limit of one connection.
#[derive(Debug)]
pub(crate) struct Limit {
    messages: f64,
    bytes: f64,
    filled: Instant,
}

impl Limit {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            messages: MESSAGES,
            bytes: BYTES,
            filled: now,
        }
    }

    /// Takes a message of this length; false when that is too much.
    pub(crate) fn allows(&mut self, now: Instant, bytes: usize) -> bool {
        let seconds = now.saturating_duration_since(self.filled).as_secs_f64();
        self.filled = now;
        self.messages = (self.messages + seconds * MESSAGES_PER_SECOND).min(MESSAGES) - 1.0;
        #[expect(clippy::cast_precision_loss, reason = "lengths of frames")]
        let length = bytes as f64;
        self.bytes = (self.bytes + seconds * BYTES_PER_SECOND).min(BYTES) - length;
        self.messages >= 0.0 && self.bytes >= 0.0
    }
}

/// So many of something in each second.
#[derive(Debug)]
pub(crate) struct PerSecond {
    most: u32,
    taken: u32,
    since: Instant,
}

impl PerSecond {
    /// None taken yet.
    pub(crate) fn new(now: Instant, most: u32) -> Self {
        Self {
            most,
            taken: 0,
            since: now,
        }
    }

    /// Whether there may be one more in this second.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        if now.duration_since(self.since) >= Duration::from_secs(1) {
            self.since = now;
            self.taken = 0;
        }
        self.taken += 1;
        self.taken <= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_a_flood_does_not() {
        let start = Instant::now();
        let mut limit = Limit::new(start);
        assert!((0..1_500).all(|_| limit.allows(start, 100)));
        assert!(!limit.allows(start, 100));
        assert!(limit.allows(start + Duration::from_secs(1), 100));
    }

    #[test]
    fn many_large_messages_are_too_much() {
        let start = Instant::now();
        let mut limit = Limit::new(start);
        assert!((0..8).all(|_| limit.allows(start, 1 << 20)));
        assert!(!limit.allows(start, 1 << 20));
    }
}
