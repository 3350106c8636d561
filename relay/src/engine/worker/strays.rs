//! How much media from addresses of nobody is looked at: each time all clients are asked whether it may be theirs.

use std::{
    collections::HashMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

/// Looks in a second.
const LOOKS: usize = 200;
/// Of these for one address: a page that was removed goes on sending for a while.
const OF_ONE: u8 = 8;

/// What was looked at in this second.
#[derive(Debug)]
pub(super) struct Strays {
    since: Instant,
    taken: usize,
    of: HashMap<SocketAddr, u8>,
}

impl Strays {
    /// Nothing yet.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            taken: 0,
            of: HashMap::new(),
        }
    }

    /// Whether to look at what comes from there.
    pub(super) fn take(&mut self, now: Instant, from: SocketAddr) -> bool {
        if now.saturating_duration_since(self.since) >= Duration::from_secs(1) {
            self.since = now;
            self.taken = 0;
            self.of.clear();
        }
        if self.taken == LOOKS {
            return false;
        }
        let of = self.of.entry(from).or_default();
        if *of == OF_ONE {
            return false;
        }
        *of += 1;
        self.taken += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_takes_a_part_of_what_a_second_has() {
        let start = Instant::now();
        let mut strays = Strays::new(start);
        let from = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let looks = (0..1_000).filter(|_| strays.take(start, from(1))).count();
        assert_eq!(looks, 8);
        let others = (2..1_000).filter(|port| strays.take(start, from(*port))).count();
        assert_eq!(others, 192);
        assert!(strays.take(start + Duration::from_secs(1), from(1)));
    }
}
