//! A seeded model of one direction of a network link, on whatever clock the caller keeps.
//!
//! It loses packets in bursts, delays them, lets the delay vary, reorders some, serialises them at a rate with a
//! bounded queue, and can go dark. The same seed and calls give the same fates. Tests of this crate run it on a
//! virtual clock, network tests between real processes on the real one.
//!
//! ```
//! use std::time::{Duration, Instant};
//! use relay_core::link::{Link, LinkConfig};
//!
//! # #[allow(clippy::disallowed_methods)]
//! # let start = Instant::now();
//! let mut link = Link::new(7, LinkConfig { delay: Duration::from_millis(20), ..LinkConfig::default() });
//! link.send(start, 1_000, "hello");
//! assert_eq!(link.next_arrival(), Some(start + Duration::from_millis(20)));
//! assert_eq!(link.receive(start), None);
//! assert_eq!(link.receive(start + Duration::from_millis(20)), Some("hello"));
//! ```

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    time::{Duration, Instant},
};

use crate::random::Random;

/// Properties of a link.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinkConfig {
    /// Time that every packet takes.
    pub delay: Duration,
    /// Further time, evenly between zero and this; order is kept.
    pub jitter: Duration,
    /// Share of packets that are lost, 0 to 1.
    pub loss: f64,
    /// Mean number of packets lost in a row; 1 or less is independent loss.
    pub burst: f64,
    /// Share of packets that are held back and overtaken, 0 to 1.
    pub reorder: f64,
    /// How long those are held back.
    pub reorder_by: Duration,
    /// Bits per second, `None` is unlimited.
    pub rate: Option<u64>,
    /// Bytes that may wait for the rate; what comes to a full queue is lost.
    pub queue_bytes: usize,
    /// Bytes that each packet needs besides its own (IP, UDP, SRTP tag).
    pub overhead_bytes: usize,
    /// Nothing gets through.
    pub black_out: bool,
}

impl Default for LinkConfig {
    /// A perfect link without delay; 64 KiB of queue once it gets a rate.
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            loss: 0.0,
            burst: 1.0,
            reorder: 0.0,
            reorder_by: Duration::from_millis(20),
            rate: None,
            queue_bytes: 65_536,
            overhead_bytes: 28,
            black_out: false,
        }
    }
}

/// What became of the packets so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkStats {
    /// Packets given to the link.
    pub sent: u64,
    /// Packets lost by chance or by black-out.
    pub lost: u64,
    /// Packets that found the queue full.
    pub overflowed: u64,
}

/// One direction of a link that carries `T`.
#[derive(Debug)]
pub struct Link<T> {
    config: LinkConfig,
    random: Random,
    losing: bool,
    /// When the last packet has left the queue.
    idle_at: Option<Instant>,
    /// Latest arrival so far of packets in order.
    last_arrival: Option<Instant>,
    sent: u64,
    stats: LinkStats,
    under_way: BinaryHeap<Reverse<UnderWay<T>>>,
}

#[derive(Debug)]
struct UnderWay<T> {
    at: Instant,
    order: u64,
    item: T,
}

impl<T> PartialEq for UnderWay<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl<T> Eq for UnderWay<T> {}

impl<T> PartialOrd for UnderWay<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for UnderWay<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl<T> Link<T> {
    /// A link whose chances follow from `seed`.
    #[must_use]
    pub const fn new(seed: u64, config: LinkConfig) -> Self {
        Self {
            config,
            random: Random::new(seed),
            losing: false,
            idle_at: None,
            last_arrival: None,
            sent: 0,
            stats: LinkStats {
                sent: 0,
                lost: 0,
                overflowed: 0,
            },
            under_way: BinaryHeap::new(),
        }
    }

    /// The properties at the moment.
    #[must_use]
    pub const fn config(&self) -> &LinkConfig {
        &self.config
    }

    /// Changes the properties for packets sent from now on.
    pub const fn configure(&mut self, config: LinkConfig) {
        self.config = config;
    }

    /// Sends a packet of `bytes` bytes.
    pub fn send(&mut self, now: Instant, bytes: usize, item: T) {
        self.stats.sent += 1;
        let Some(sent_at) = self.serialise(now, bytes + self.config.overhead_bytes) else {
            self.stats.overflowed += 1;
            return;
        };
        if self.is_lost() || self.config.black_out {
            self.stats.lost += 1;
            return;
        }
        let mut at = sent_at + self.config.delay + self.config.jitter.mul_f64(self.random.unit());
        if self.config.reorder > 0.0 && self.random.unit() < self.config.reorder {
            at += self.config.reorder_by;
        } else {
            at = self.last_arrival.map_or(at, |last| last.max(at));
            self.last_arrival = Some(at);
        }
        self.sent += 1;
        self.under_way.push(Reverse(UnderWay {
            at,
            order: self.sent,
            item,
        }));
    }

    /// The next packet that has arrived by `now`.
    pub fn receive(&mut self, now: Instant) -> Option<T> {
        if self.next_arrival()? > now {
            return None;
        }
        self.under_way.pop().map(|Reverse(packet)| packet.item)
    }

    /// When the next packet arrives.
    #[must_use]
    pub fn next_arrival(&self) -> Option<Instant> {
        self.under_way.peek().map(|Reverse(packet)| packet.at)
    }

    /// What became of the packets so far.
    #[must_use]
    pub const fn stats(&self) -> LinkStats {
        self.stats
    }

    /// When the packet has left the sending side; `None` if the queue is full.
    fn serialise(&mut self, now: Instant, bytes: usize) -> Option<Instant> {
        let Some(rate) = self.config.rate else {
            self.idle_at = None;
            return Some(now);
        };
        let start = self.idle_at.map_or(now, |idle| idle.max(now));
        if bits((start - now).as_secs_f64() * as_f64(rate)) / 8 + bytes > self.config.queue_bytes {
            return None;
        }
        let takes =
            Duration::from_secs_f64(as_f64(u64::try_from(bytes).unwrap_or(u64::MAX)) * 8.0 / as_f64(rate.max(1)));
        self.idle_at = Some(start + takes);
        self.idle_at
    }

    /// Gilbert's model: in the bad state every packet is lost, and its mean length is `burst`.
    fn is_lost(&mut self) -> bool {
        let LinkConfig { loss, burst, .. } = self.config;
        if loss <= 0.0 {
            self.losing = false;
            return false;
        }
        let chance = self.random.unit();
        self.losing = if burst <= 1.0 {
            chance < loss
        } else if self.losing {
            chance >= 1.0 / burst
        } else {
            chance < loss / (burst * (1.0 - loss).max(f64::EPSILON))
        };
        self.losing
    }
}

#[expect(clippy::cast_precision_loss, reason = "rates and sizes are far below 2^53")]
const fn as_f64(value: u64) -> f64 {
    value as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a queue's content, not negative"
)]
const fn bits(value: f64) -> usize {
    value as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(
        clippy::disallowed_methods,
        reason = "any instant will do as the start of the virtual clock"
    )]
    fn start() -> Instant {
        Instant::now()
    }

    const MS: Duration = Duration::from_millis(1);

    /// Sends `count` numbered packets of 1,000 bytes, one per `every`, and lists (number, delay) as they arrive.
    fn run(config: LinkConfig, count: u32, every: Duration) -> (Vec<(u32, Duration)>, LinkStats) {
        let start = start();
        let mut link = Link::new(1, config);
        for i in 0..count {
            link.send(start + every * i, 1_000, i);
        }
        let mut arrived = Vec::new();
        while let Some(at) = link.next_arrival() {
            let i = link.receive(at).expect("it has arrived");
            arrived.push((i, at - (start + every * i)));
        }
        (arrived, link.stats())
    }

    #[test]
    fn loss_comes_at_its_rate_and_in_bursts() {
        let config = LinkConfig {
            loss: 0.05,
            burst: 4.0,
            ..LinkConfig::default()
        };
        let (arrived, stats) = run(config, 100_000, MS);
        assert!((4_000..6_000).contains(&stats.lost), "{stats:?}");
        let gaps = arrived.windows(2).filter(|pair| pair[1].0 != pair[0].0 + 1).count();
        let mean =
            f64::from(u32::try_from(stats.lost).expect("small")) / f64::from(u32::try_from(gaps).expect("small"));
        assert!((3.0..5.0).contains(&mean), "mean burst {mean}");
    }

    #[test]
    fn jitter_alone_keeps_the_order() {
        let config = LinkConfig {
            delay: 20 * MS,
            jitter: 30 * MS,
            ..LinkConfig::default()
        };
        let (arrived, _) = run(config, 1_000, MS);
        assert!(arrived.is_sorted_by_key(|(i, _)| *i));
        assert!(arrived.iter().all(|(_, delay)| (20 * MS..=50 * MS).contains(delay)));
    }

    #[test]
    fn some_packets_are_overtaken() {
        let config = LinkConfig {
            reorder: 0.1,
            ..LinkConfig::default()
        };
        let (arrived, _) = run(config, 1_000, MS);
        assert_eq!(arrived.len(), 1_000);
        let overtaken = arrived.windows(2).filter(|pair| pair[1].0 < pair[0].0).count();
        assert!((50..150).contains(&overtaken), "{overtaken}");
    }

    #[test]
    fn a_rate_delays_and_then_overflows() {
        let config = LinkConfig {
            rate: Some(1_000_000),
            queue_bytes: 20_000,
            overhead_bytes: 0,
            ..LinkConfig::default()
        };
        // Twice the rate: 8 ms to send each packet, one every 4 ms.
        let (arrived, stats) = run(config, 1_000, 4 * MS);
        assert!(arrived.iter().all(|(_, delay)| *delay <= 161 * MS));
        assert!((480..500).contains(&stats.overflowed), "{stats:?}");
    }

    #[test]
    fn nothing_gets_through_a_black_out() {
        let config = LinkConfig {
            black_out: true,
            ..LinkConfig::default()
        };
        assert!(run(config, 10, MS).0.is_empty());
    }
}
