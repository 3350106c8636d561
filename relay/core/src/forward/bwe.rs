//! How much a subscriber's link carries: Google congestion control at the sender (draft-ietf-rmcat-gcc-02) on
//! transport-wide feedback, with a loss-based bound and probing.

mod acked;
mod delay;
mod history;
mod loss;
mod probe;

use acked::AckedRate;
use delay::{DelayDetector, Usage};
use history::History;
use loss::LossBound;
pub(super) use probe::Prober;

use super::clock::Micros;
use crate::rtcp::twcc::Feedback;

/// Least estimate, bits per second: one voice and its overhead.
pub(super) const MIN_BITRATE: u64 = 50_000;
/// Share of the acknowledged rate that an overused link is set to,
const DECREASE: f64 = 0.85;
/// and at first, for a keyframe makes a queue, too, which drains by itself.
const FIRST_DECREASE: f64 = 0.95;
/// A queue that has not drained for so long is no burst's,
const BURST: Micros = 600_000;
/// and what is drained, in microseconds of delay.
const DRAINED: i64 = 30_000;
/// Growth in a second while far from the known capacity.
const GROWTH: f64 = 1.08;
/// A packet that was not spoken of for so long, and a round trip, lies in a queue.
const STUCK: Micros = 500_000;
/// A link that is overused so soon after a probe said that it carries more has deceived the probe (a token bucket lets
/// short bursts through): the next probe waits, longer each time.
const DECEIVED: Micros = 5_000_000;
/// A probe that said so little more, in hundredths, has deceived nobody: it found the link's own rate.
const LITTLE_MORE: u64 = 125;
/// How long, at first and at most.
const WAIT: Micros = 4_000_000;
const MAX_WAIT: Micros = 8_000_000;
/// Time after overuse before a probe.
const CALM: Micros = 1_000_000;
/// A queue that grows so soon after a probe is the probe's own, and drains by itself.
const OWN_QUEUE: Micros = 250_000;
/// Silence of feedback after which the link counts as dark.
const SILENT: Micros = 2_000_000;

/// One acknowledged packet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Acked {
    sent: Micros,
    /// On the receiver's clock.
    received: i64,
    bytes: u16,
    cluster: u8,
}

/// The estimate for one transport.
#[derive(Debug)]
pub(super) struct Estimator {
    history: History,
    delay: DelayDetector,
    acked: AckedRate,
    loss: LossBound,
    pub(super) prober: Prober,
    /// What the delay allows.
    by_delay: f64,
    /// Acknowledged rate at the last overuse: near it, growth is slow.
    capacity: Option<f64>,
    hold: bool,
    changed_at: Micros,
    overused_at: Micros,
    /// When it was last found to carry less than was sent, 0 for never: not of one that was silent.
    exceeded_at: Micros,
    /// Since when a queue has not drained that was found to grow, 0 for none.
    queued_since: Micros,
    /// When a queue was last found to grow, 0 for never.
    queued_at: Micros,
    /// When the last probe was answered, 0 for never.
    probed_at: Micros,
    /// When a probe last raised the estimate, 0 once that is judged.
    raised_at: Micros,
    /// No probe before, and how long the next deception stops them.
    probe_from: Micros,
    wait: Micros,
    feedback_at: Micros,
    /// What the delay allowed when feedback last came.
    at_feedback: f64,
    /// The same of a dark link, while it is.
    before_dark: Option<f64>,
    max: u64,
}

impl Estimator {
    pub(super) fn new(initial: u64, max: u64) -> Self {
        Self {
            history: History::default(),
            delay: DelayDetector::default(),
            acked: AckedRate::default(),
            loss: LossBound::default(),
            prober: Prober::default(),
            by_delay: to_f64(initial),
            capacity: None,
            hold: false,
            changed_at: 0,
            overused_at: 0,
            exceeded_at: 0,
            queued_since: 0,
            queued_at: 0,
            probed_at: 0,
            raised_at: 0,
            probe_from: 0,
            wait: WAIT,
            feedback_at: 0,
            at_feedback: to_f64(initial),
            before_dark: None,
            max,
        }
    }

    /// From now on it is no more than this.
    pub(super) fn bound(&mut self, max: u64) {
        self.max = max.max(MIN_BITRATE);
    }

    /// What [`Estimator::sent`] will write.
    pub(super) fn next_sent(&self) -> &[impl Sized] {
        self.history.next()
    }

    /// The number for a packet that is sent now; `cluster` is the probe that it belongs to, 0 for none.
    pub(super) fn sent(&mut self, now: Micros, bytes: usize, cluster: u8) -> u16 {
        self.history.push(now, bytes, cluster)
    }

    /// Bits per second.
    pub(super) fn target(&self) -> u64 {
        let target = self.by_delay.min(self.loss.bound().unwrap_or(f64::MAX));
        to_u64(target).clamp(MIN_BITRATE, self.max)
    }

    /// Whether feedback has ever come.
    pub(super) const fn is_measured(&self) -> bool {
        self.feedback_at != 0
    }

    /// Whether the link is silent, so that nothing is known of what it carries.
    pub(super) const fn is_dark(&self) -> bool {
        self.before_dark.is_some()
    }

    /// When the link was last found overused, 0 for never.
    pub(super) const fn overused_at(&self) -> Micros {
        self.overused_at
    }

    /// Whether it was found to carry less than was sent in the last `span`.
    pub(super) const fn was_exceeded(&self, now: Micros, span: Micros) -> bool {
        self.exceeded_at != 0 && now < self.exceeded_at + span
    }

    /// Whether a queue of the link was found to grow in the last `span`: what is lost then is lost for lack of room.
    pub(super) const fn was_full(&self, now: Micros, span: Micros) -> bool {
        self.queued_at != 0 && now < self.queued_at + span
    }

    /// The earliest time for a probe.
    pub(super) fn probe_from(&self) -> Micros {
        self.probe_from.max(if self.overused_at == 0 {
            0
        } else {
            self.overused_at + CALM
        })
    }

    /// The subscriber tells what arrived; `acked` is room to list it. True when the link was dark before: all that was sent
    /// meanwhile is lost.
    pub(super) fn feedback(
        &mut self,
        now: Micros,
        feedback: &Feedback<'_>,
        rtt: Micros,
        acked: &mut Vec<Acked>,
    ) -> bool {
        self.feedback_at = now;
        let was_dark = self.light(now);
        acked.clear();
        let counted = self.loss.counts_after();
        let lost = self.history.acknowledge(feedback, counted, acked);
        let mut arrived = 0;
        for packet in &*acked {
            arrived += usize::from(packet.sent > counted);
            self.acked.add(packet.received, packet.bytes);
            self.delay.add(now, packet.sent, packet.received);
            if packet.cluster != 0 {
                self.prober.acked(packet);
            }
        }
        if self.loss.add(now, lost, arrived, self.target(), self.acked.rate()) {
            self.overused(now);
        }
        self.adapt(now, rtt);
        if let Some(found) = self.prober.result(now) {
            self.raise(now, found);
        }
        self.at_feedback = self.by_delay;
        was_dark
    }

    /// A dark link is back: it is most likely what it was, and a probe will tell. What was lost in the dark says nothing of it.
    fn light(&mut self, now: Micros) -> bool {
        let Some(before) = self.before_dark.take() else {
            return false;
        };
        self.by_delay = self.by_delay.max(before * DECREASE);
        self.loss.start_over(now);
        self.history.start_over();
        self.raised_at = 0;
        self.probe_from = now;
        self.overused_at = now.saturating_sub(CALM).max(1);
        self.changed_at = now;
        true
    }

    /// A receiver without transport-wide feedback tells its loss, in 256ths, while so many bits per second are sent. True when less
    /// is to be sent.
    pub(super) fn report_loss(&mut self, now: Micros, fraction: u8, sent: u64) -> bool {
        let lost = usize::from(fraction);
        self.feedback_at == 0 && self.loss.add(now, lost, 256 - lost, sent, None)
    }

    /// What losses allow, if there were many.
    pub(super) fn by_loss(&self) -> Option<u64> {
        self.loss.bound().map(|bound| to_u64(bound).max(MIN_BITRATE))
    }

    /// A link whose queue holds what was sent long ago is overused; one that has been silent for longer is assumed to carry
    /// less and less. `least_rtt` is the shortest round trip measured.
    pub(super) fn tick(&mut self, now: Micros, least_rtt: Option<Micros>) {
        let Some(outstanding) = self.history.outstanding_since().filter(|_| self.is_measured()) else {
            return;
        };
        // Feedback that only comes late says itself that nothing lies in the link's queue.
        let queued = self.delay.queue() >= DRAINED || now > self.feedback_at + STUCK;
        let stuck = queued && least_rtt.is_some_and(|rtt| now > outstanding + rtt + STUCK);
        if stuck && now > self.overused_at + STUCK {
            let acked = self.acked.peak().unwrap_or(self.by_delay);
            self.by_delay = self.by_delay.min(acked * DECREASE).max(to_f64(MIN_BITRATE));
            self.hold = true;
            self.queued_at = now;
            self.overused(now);
        }
        let dark = now > outstanding.max(self.feedback_at) + SILENT;
        if dark && now > self.changed_at + 500_000 {
            self.before_dark.get_or_insert(self.at_feedback);
            self.by_delay = (self.by_delay / 2.0).max(to_f64(MIN_BITRATE));
            self.changed_at = now;
            self.overused_at = now;
        }
    }

    /// A probe got through at `found` bits per second.
    fn raise(&mut self, now: Micros, found: u64) {
        self.probed_at = now;
        let much_more = found > self.target() * LITTLE_MORE / 100;
        let found = to_f64(found.min(self.max));
        if found > to_f64(self.target()) {
            self.by_delay = self.by_delay.max(found);
            self.loss.raise(found);
            self.capacity = None;
            self.hold = false;
            self.changed_at = now;
            // Raised before and not overused since: that probe was right.
            if self.raised_at != 0 {
                self.wait = WAIT;
            }
            self.raised_at = if much_more { now } else { 0 };
        }
    }

    fn overused(&mut self, now: Micros) {
        (self.overused_at, self.exceeded_at) = (now, now);
        if self.raised_at != 0 && now < self.raised_at + DECEIVED {
            self.probe_from = now + self.wait;
            self.wait = (self.wait * 2).min(MAX_WAIT);
        }
        self.raised_at = 0;
    }

    fn adapt(&mut self, now: Micros, rtt: Micros) {
        let since = now.saturating_sub(self.changed_at).min(1_000_000);
        if self.delay.queue() < DRAINED {
            self.queued_since = 0;
        }
        match self.delay.usage() {
            Usage::Over => {
                let acked = self.acked.peak().unwrap_or(self.by_delay);
                // One step down per round trip; the queue needs that long to show it.
                let own = self.prober.is_under_way() || self.probed_at != 0 && now < self.probed_at + OWN_QUEUE;
                if !own {
                    self.queued_at = now;
                }
                if !own && now > self.overused_at + rtt.clamp(50_000, 300_000) || acked < self.by_delay / 2.0 {
                    if self.queued_since == 0 {
                        self.queued_since = now;
                    }
                    let lasts = now > self.queued_since + BURST;
                    let share = if lasts { DECREASE } else { FIRST_DECREASE };
                    self.by_delay = self.by_delay.min(acked * share).max(to_f64(MIN_BITRATE));
                    self.capacity = Some(acked);
                    self.overused(now);
                }
                self.hold = true;
                self.changed_at = now;
            }
            Usage::Under => {
                self.hold = true;
                self.changed_at = now;
            }
            Usage::Normal => {
                if std::mem::take(&mut self.hold) {
                    self.changed_at = now;
                    return;
                }
                self.changed_at = now;
                let seconds = to_f64(since) / 1e6;
                let near = self
                    .capacity
                    .is_some_and(|capacity| self.by_delay > capacity * 0.8 && self.by_delay < capacity * 1.2);
                let grown = if near {
                    // About one packet per response time.
                    let response = to_f64(rtt) / 1e6 + 0.1;
                    self.by_delay + 9_600.0 / response * seconds
                } else {
                    self.by_delay * GROWTH.powf(seconds)
                };
                // What is not sent is not measured: never far above what was acknowledged.
                let bound = self.acked.rate().map_or(grown, |acked| acked * 1.5 + 10_000.0);
                if grown <= bound {
                    self.by_delay = grown.min(to_f64(self.max));
                } else if self.by_delay < bound {
                    self.by_delay = bound;
                }
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "rates and spans are far below 2^53")]
const fn to_f64(value: u64) -> f64 {
    value as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates, and rates are positive"
)]
const fn to_u64(value: f64) -> u64 {
    value as u64
}
