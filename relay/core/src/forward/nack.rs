//! Asking a publisher for lost packets of one layer.

use super::clock::Micros;

/// Packets that may be missing at once; more is a burst that only a keyframe heals.
const MAX_MISSING: usize = 256;
/// A jump this far ahead is not a loss.
pub(super) const MAX_GAP: u64 = 512;
/// Requests for one packet.
const MAX_TRIES: u8 = 10;
/// How long a packet is of use.
const MAX_AGE: Micros = 1_500_000;
/// Patience with reordering before the first request.
const FIRST_DELAY: Micros = 5_000;
/// Least time between two requests for the same packet.
const MIN_INTERVAL: Micros = 20_000;
/// Over a link that is far, the second request follows the first so soon: one that is lost, or an answer that is, would cost a
/// whole round trip.
const HEDGE: Micros = 30_000;
/// Round trip assumed before the first answer.
const DEFAULT_RTT: Micros = 100_000;

#[derive(Debug, Clone, Copy)]
struct Missing {
    seq: u64,
    since: Micros,
    first_asked: Micros,
    asked: Micros,
    tries: u8,
}

/// The missing packets of one layer.
#[derive(Debug)]
pub(super) struct NackQueue {
    missing: Vec<Missing>,
    rtt: Micros,
    given_up: bool,
    /// The second request follows the first soon.
    hedges: bool,
}

impl Default for NackQueue {
    fn default() -> Self {
        Self {
            missing: Vec::with_capacity(MAX_MISSING),
            rtt: DEFAULT_RTT,
            given_up: false,
            hedges: false,
        }
    }
}

impl NackQueue {
    /// The packets come over a link between relays.
    pub(super) const fn hedge(&mut self) {
        self.hedges = true;
    }

    /// A packet came. `highest` is the highest number before it, if there was one.
    pub(super) fn received(&mut self, now: Micros, seq: u64, highest: Option<u64>) {
        let Some(highest) = highest else { return };
        if seq <= highest {
            if let Some(at) = self.missing.iter().position(|missing| missing.seq == seq) {
                let found = self.missing.remove(at);
                if found.tries == 1 || found.tries == 2 && self.hedges {
                    let sample = now.saturating_sub(found.first_asked).clamp(1_000, 1_000_000);
                    self.rtt = (self.rtt * 7 + sample) / 8;
                }
            }
            return;
        }
        let gap = seq - highest - 1;
        if gap > MAX_GAP {
            self.clear();
            return;
        }
        if self.missing.len() + usize::try_from(gap).unwrap_or(usize::MAX) > MAX_MISSING {
            self.missing.clear();
            self.given_up = true;
            return;
        }
        self.missing.extend((highest + 1..seq).map(|seq| Missing {
            seq,
            since: now,
            first_asked: 0,
            asked: 0,
            tries: 0,
        }));
    }

    /// The numbers to ask for now, appended to `out` in rising order.
    pub(super) fn due(&mut self, now: Micros, out: &mut Vec<u16>) {
        let interval = (self.rtt + self.rtt / 4).max(MIN_INTERVAL);
        let mut given_up = false;
        let hedges = self.hedges && interval > 2 * HEDGE;
        self.missing.retain_mut(|missing| {
            if missing.tries >= MAX_TRIES && now >= missing.asked + interval || now > missing.since + MAX_AGE {
                given_up = true;
                return false;
            }
            let due = match missing.tries {
                0 => now >= missing.since + FIRST_DELAY,
                1 if hedges => now >= missing.asked + HEDGE,
                // Later ones wait longer: a link that loses much should not drown in requests.
                tries => {
                    let waits = (tries - u8::from(hedges)).min(4);
                    tries < MAX_TRIES && now >= missing.asked + interval * Micros::from(waits)
                }
            };
            if due {
                missing.asked = now;
                if missing.tries == 0 {
                    missing.first_asked = now;
                }
                missing.tries += 1;
                out.push(u16::try_from(missing.seq & 0xffff).expect("masked"));
            }
            true
        });
        self.given_up |= given_up;
    }

    /// Whether packets were given up since the last call: their picture stays broken until a keyframe.
    pub(super) const fn take_given_up(&mut self) -> bool {
        std::mem::replace(&mut self.given_up, false)
    }

    /// The round trip to the publisher as its answers show it, once one came.
    pub(super) fn rtt(&self) -> Option<Micros> {
        (self.rtt != DEFAULT_RTT).then_some(self.rtt)
    }

    /// Whether nothing is missing.
    pub(super) const fn is_empty(&self) -> bool {
        self.missing.is_empty()
    }

    /// Forgets what is missing.
    pub(super) fn clear(&mut self) {
        self.missing.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(queue: &mut NackQueue, now: Micros) -> Vec<u16> {
        let mut out = Vec::new();
        queue.due(now, &mut out);
        out
    }

    #[test]
    fn a_gap_is_asked_for_after_a_moment_and_again_after_a_round_trip() {
        let mut queue = NackQueue::default();
        queue.received(1_000, 13, Some(10));
        assert!(asked(&mut queue, 2_000).is_empty());
        assert_eq!(asked(&mut queue, 10_000), [11, 12]);
        assert!(asked(&mut queue, 50_000).is_empty());
        queue.received(60_000, 11, Some(13));
        assert_eq!(asked(&mut queue, 200_000), [12]);
        queue.received(210_000, 12, Some(13));
        assert!(queue.is_empty());
    }

    #[test]
    fn over_a_far_link_the_second_request_follows_soon() {
        let mut queue = NackQueue::default();
        queue.hedge();
        queue.received(1_000, 12, Some(10));
        assert_eq!(asked(&mut queue, 10_000), [11]);
        assert!(asked(&mut queue, 30_000).is_empty());
        assert_eq!(asked(&mut queue, 40_000), [11]);
        assert!(asked(&mut queue, 160_000).is_empty());
        assert_eq!(asked(&mut queue, 170_000), [11]);
        // The round trip is counted from the first one.
        let before = queue.rtt;
        queue.received(180_000, 15, Some(12));
        assert_eq!(asked(&mut queue, 190_000), [13, 14]);
        queue.received(390_000, 13, Some(15));
        assert_eq!(queue.rtt, (before * 7 + 200_000) / 8);
    }

    #[test]
    fn requests_end() {
        let mut queue = NackQueue::default();
        queue.received(0, 12, Some(10));
        let total: usize = (0..10_000).map(|ms| asked(&mut queue, ms * 1_000).len()).sum();
        assert!((4..=10).contains(&total), "{total}");
        assert!(queue.is_empty() && queue.take_given_up() && !queue.take_given_up());
    }

    #[test]
    fn a_flood_of_losses_is_bounded() {
        let mut queue = NackQueue::default();
        queue.received(0, 210, Some(10));
        queue.received(0, 400, Some(210));
        assert!(queue.take_given_up() && queue.is_empty());
        queue.received(0, 10_000, Some(400));
        assert!(queue.is_empty());
    }
}
