//! Whether the one-way delay grows: packets are grouped, the trend of the delay between groups is fitted, and an
//! adaptive threshold tells a queue from jitter. Constants are libwebrtc's (`InterArrivalDelta`,
//! `TrendlineEstimator`).

use crate::forward::clock::Micros;

/// What the delay says of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Usage {
    /// The queue neither grows nor shrinks.
    Normal,
    /// The queue grows.
    Over,
    /// The queue drains.
    Under,
}

const GROUP_US: i64 = 5_000;
const MAX_BURST_US: i64 = 100_000;
const WINDOW: usize = 20;
const LEAST_POINTS: usize = 4;
const SMOOTHING: f64 = 0.9;
const GAIN: f64 = 4.0;
const MAX_DELTAS: f64 = 60.0;
const OVERUSE_MS: f64 = 10.0;
/// A queue shorter than this is no reason to slow down, whatever its trend.
const LEAST_QUEUE_US: i64 = 10_000;
/// How long the shortest delay is remembered.
const BASE_SPAN: Micros = 15_000_000;

#[derive(Debug, Clone, Copy)]
struct Group {
    first_sent: i64,
    sent: i64,
    first_received: i64,
    received: i64,
}

/// Detector for one transport.
#[derive(Debug)]
pub(super) struct DelayDetector {
    group: Option<Group>,
    previous: Option<Group>,
    base: BaseDelay,
    /// (receive time, smoothed delay) in milliseconds.
    points: [(f64, f64); WINDOW],
    count: usize,
    deltas: f64,
    first_received: f64,
    accumulated: f64,
    smoothed: f64,
    threshold: f64,
    threshold_at: Micros,
    over_for: Option<f64>,
    over_count: u32,
    last_trend: f64,
    usage: Usage,
}

impl Default for DelayDetector {
    fn default() -> Self {
        Self {
            group: None,
            previous: None,
            base: BaseDelay::default(),
            points: [(0.0, 0.0); WINDOW],
            count: 0,
            deltas: 0.0,
            first_received: 0.0,
            accumulated: 0.0,
            smoothed: 0.0,
            threshold: 12.5,
            threshold_at: 0,
            over_for: None,
            over_count: 0,
            last_trend: 0.0,
            usage: Usage::Normal,
        }
    }
}

impl DelayDetector {
    pub(super) fn add(&mut self, now: Micros, sent: Micros, received: i64) {
        let sent = i64::try_from(sent).unwrap_or(i64::MAX);
        self.base.add(now, received - sent);
        let Some(group) = &mut self.group else {
            self.group = Some(Group::new(sent, received));
            return;
        };
        if sent < group.first_sent {
            return;
        }
        if !group.ends_before(sent, received) {
            group.sent = group.sent.max(sent);
            group.received = group.received.max(received);
            return;
        }
        let done = *group;
        *group = Group::new(sent, received);
        if let Some(previous) = self.previous.replace(done) {
            let sent_delta = done.sent - previous.sent;
            let received_delta = done.received - previous.received;
            // Times that jump are another clock: start over.
            if received_delta < 0 || received_delta - sent_delta > 3_000_000 {
                let base = std::mem::take(&mut self.base);
                *self = Self {
                    base,
                    threshold: self.threshold,
                    ..Self::default()
                };
                return;
            }
            self.trend(now, ms(received_delta - sent_delta), ms(sent_delta), ms(done.received));
        }
    }

    pub(super) fn usage(&self) -> Usage {
        if self.usage == Usage::Over && self.base.queue() < LEAST_QUEUE_US {
            return Usage::Normal;
        }
        self.usage
    }

    /// Microseconds that a packet lies in the link's queue.
    pub(super) fn queue(&self) -> i64 {
        self.base.queue()
    }

    fn trend(&mut self, now: Micros, delta: f64, sent_delta: f64, received: f64) {
        if self.deltas == 0.0 {
            self.first_received = received;
        }
        self.deltas = (self.deltas + 1.0).min(1000.0);
        self.accumulated += delta;
        self.smoothed = SMOOTHING * self.smoothed + (1.0 - SMOOTHING) * self.accumulated;
        if self.count == WINDOW {
            self.points.rotate_left(1);
            self.count -= 1;
        }
        self.points[self.count] = (received - self.first_received, self.smoothed);
        self.count += 1;
        // libwebrtc waits for a full window; on a link that is far too slow that takes seconds. Few deltas weigh less.
        let trend = if self.count >= LEAST_POINTS {
            slope(&self.points[..self.count]).unwrap_or(self.last_trend)
        } else {
            self.last_trend
        };
        self.detect(now, trend, sent_delta);
    }

    fn detect(&mut self, now: Micros, trend: f64, sent_delta: f64) {
        let scaled = self.deltas.min(MAX_DELTAS) * trend * GAIN;
        if scaled > self.threshold {
            let over_for = self.over_for.map_or(sent_delta / 2.0, |over| over + sent_delta);
            self.over_for = Some(over_for);
            self.over_count += 1;
            if over_for > OVERUSE_MS && self.over_count > 1 && trend >= self.last_trend {
                self.over_for = Some(0.0);
                self.over_count = 0;
                self.usage = Usage::Over;
            }
        } else {
            self.over_for = None;
            self.over_count = 0;
            self.usage = if scaled < -self.threshold {
                Usage::Under
            } else {
                Usage::Normal
            };
        }
        self.last_trend = trend;
        self.adapt(now, scaled.abs());
    }

    /// The threshold follows the trend slowly, so that competing flows do not starve us, and leaves out peaks.
    fn adapt(&mut self, now: Micros, scaled: f64) {
        let since = ms(i64::try_from(now.saturating_sub(self.threshold_at)).unwrap_or(i64::MAX)).min(100.0);
        self.threshold_at = now;
        if scaled > self.threshold + 15.0 {
            return;
        }
        let gain = if scaled < self.threshold { 0.039 } else { 0.0087 };
        self.threshold = (self.threshold + gain * (scaled - self.threshold) * since).clamp(6.0, 600.0);
    }
}

impl Group {
    const fn new(sent: i64, received: i64) -> Self {
        Self {
            first_sent: sent,
            sent,
            first_received: received,
            received,
        }
    }

    /// Whether a packet begins the next group: sent later than 5 ms after the first of this one, and not
    /// received in one burst with it.
    const fn ends_before(&self, sent: i64, received: i64) -> bool {
        if sent - self.first_sent <= GROUP_US {
            return false;
        }
        let received_delta = received - self.received;
        let in_burst = received_delta - (sent - self.sent) < 0
            && received_delta <= GROUP_US
            && received - self.first_received < MAX_BURST_US;
        !in_burst
    }
}

/// The shortest delay seen of late, and how far the delay is above it.
#[derive(Debug, Default)]
struct BaseDelay {
    least: Option<i64>,
    next_least: Option<i64>,
    since: Micros,
    smoothed: i64,
}

impl BaseDelay {
    fn add(&mut self, now: Micros, delay: i64) {
        if now > self.since + BASE_SPAN {
            self.since = now;
            self.least = self.next_least.take();
        }
        self.least = Some(self.least.map_or(delay, |least| least.min(delay)));
        self.next_least = Some(self.next_least.map_or(delay, |least| least.min(delay)));
        self.smoothed = if self.smoothed == 0 {
            delay
        } else {
            self.smoothed + (delay - self.smoothed) / 8
        };
    }

    fn queue(&self) -> i64 {
        self.least.map_or(0, |least| self.smoothed - least)
    }
}

/// Slope of the line of least squares.
fn slope(points: &[(f64, f64)]) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "twenty points")]
    let count = points.len() as f64;
    let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let above: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let below: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    (below > 0.0).then(|| above / below)
}

#[expect(clippy::cast_precision_loss, reason = "spans are far below 2^53")]
const fn ms(us: i64) -> f64 {
    us as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets every 10 ms whose queue grows by `growth` µs each.
    fn usage_after(packets: u64, growth: i64, noise: i64) -> Usage {
        let mut detector = DelayDetector::default();
        let mut queue = 0;
        for i in 0..packets {
            queue += growth;
            let sent = 1_000_000 + i * 10_000;
            let wobble = if i % 3 == 0 { noise } else { 0 };
            detector.add(
                sent,
                sent,
                i64::try_from(sent).expect("small") + 20_000 + queue + wobble,
            );
        }
        detector.usage()
    }

    #[test]
    fn a_growing_queue_is_overuse_and_jitter_is_not() {
        assert_eq!(usage_after(60, 1_500, 0), Usage::Over);
        assert_eq!(usage_after(200, 0, 0), Usage::Normal);
        assert_eq!(usage_after(200, 0, 8_000), Usage::Normal);
    }
}
