//! What waits to be sent to one transport, and how fast it may go.
//!
//! Audio goes at once. Repairs, then pictures, go as the budget allows: up to 5 ms of the pacing rate pass at once,
//! the rest follows in steps of 5 ms.

use std::collections::VecDeque;

use super::clock::Micros;

/// The budget that passes at once, as time at the pacing rate.
const QUANTUM: Micros = 5_000;
/// What waits shall be gone in this time, whatever the estimate,
const MAX_WAIT: Micros = 250_000;
/// and on a link that was full of late.
const MAX_GENTLE_WAIT: Micros = 400_000;
/// Least pacing rate, bits per second,
const MIN_RATE: u64 = 300_000;
/// and where the pace is relaxed: a picture of up to 12 kB goes at once.
const RELAXED_RATE: u64 = 20_000_000;
/// Share of the estimate for repairs,
const REPAIR_PERCENT: u64 = 40;
/// and how much of it may pass at once, as time.
const REPAIR_BURST: Micros = 500_000;
/// Packets that may wait; further ones are dropped, as a full link would.
const MAX_QUEUED: usize = 4096;
/// Repairs that may wait.
const MAX_REPAIRS: usize = 512;

/// How fast pictures may go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Pace {
    /// In one piece: the link has shown no limit.
    Relaxed,
    /// At 2.5 times the estimate.
    #[default]
    Ordinary,
    /// At so many bits per second, the estimate or a probe's: the link was full of late, and its queue may hold less than
    /// a keyframe.
    Gentle(u64),
}

/// A packet that waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Queued {
    /// Key of the sink.
    pub(super) sink: u32,
    /// Layer of its source.
    pub(super) layer: u8,
    /// Whether it begins a run.
    pub(super) starts: bool,
    /// Bytes that it will take, about.
    pub(super) bytes: u16,
    /// Number at the publisher; for a repair, the number under which it went out.
    pub(super) seq: u64,
}

impl Queued {
    /// A repair of what went out to a sink under that number.
    pub(super) const fn again(sink: u32, number: u64) -> Self {
        Self {
            sink,
            layer: 0,
            starts: false,
            bytes: 0,
            seq: number,
        }
    }
}

/// The queues of one transport.
#[derive(Debug, Default)]
pub(super) struct Pacer {
    pub(super) audio: VecDeque<Queued>,
    pub(super) repairs: VecDeque<Queued>,
    video: VecDeque<Queued>,
    video_bytes: u64,
    /// How many of the first packets of pictures the budget has held back once.
    paced: usize,
    /// Bits that may pass, in millionths; below zero is debt.
    budget: i64,
    /// Bits that repairs may take, in millionths.
    repair_budget: i64,
    refilled: Micros,
    pace: Pace,
}

impl Pacer {
    /// Queues a picture's packet; whether there was room.
    pub(super) fn push_video(&mut self, packet: Queued) -> bool {
        // The first packet of a run must come through, or the rest of it means nothing.
        if self.video.len() >= MAX_QUEUED && !packet.starts {
            return false;
        }
        self.video_bytes += u64::from(packet.bytes);
        self.video.push_back(packet);
        true
    }

    /// Queues a repair, if there is room.
    pub(super) fn push_repair(&mut self, packet: Queued) {
        if self.repairs.len() < MAX_REPAIRS {
            self.repairs.push_back(packet);
        }
    }

    /// The packet that leaves first, if nothing is repaired.
    pub(super) fn first(&self) -> Option<&Queued> {
        self.audio.front().or_else(|| self.video.front())
    }

    /// The next picture's packet, and whether the budget has held it back.
    pub(super) fn pop_video(&mut self) -> Option<(Queued, bool)> {
        let packet = self.video.pop_front()?;
        self.video_bytes -= u64::from(packet.bytes);
        let paced = self.paced > 0;
        self.paced -= usize::from(paced);
        Some((packet, paced))
    }

    /// All that may pass now has passed: what still waits is held back.
    pub(super) fn hold(&mut self) {
        self.paced = self.video.len();
    }

    /// Drops what waits for a sink.
    pub(super) fn forget(&mut self, sink: u32) {
        let (bytes, paced) = (&mut self.video_bytes, self.paced);
        let mut place = 0;
        self.video.retain(|packet| {
            let keep = packet.sink != sink;
            if !keep {
                *bytes -= u64::from(packet.bytes);
                self.paced -= usize::from(place < paced);
            }
            place += 1;
            keep
        });
        self.audio.retain(|packet| packet.sink != sink);
        self.repairs.retain(|packet| packet.sink != sink);
    }

    /// Adds the budget of the time since the last call.
    pub(super) fn refill(&mut self, now: Micros, estimate: u64, pace: Pace) {
        self.pace = pace;
        let rate = self.rate(estimate);
        let since = now.saturating_sub(self.refilled).min(1_000_000);
        self.refilled = now;
        let most = signed(rate * QUANTUM);
        self.budget = (self.budget + signed(rate * since)).min(most);
        let share = estimate * REPAIR_PERCENT / 100;
        self.repair_budget = (self.repair_budget + signed(share * since)).min(signed(share * REPAIR_BURST));
    }

    /// Whether a repair of that size may pass: they get a share of the estimate only, lest a link that loses packets
    /// because it is full be filled with repairs.
    pub(super) const fn may_repair(&mut self, bytes: usize) -> bool {
        if self.repair_budget <= 0 {
            return false;
        }
        self.repair_budget -= bytes as i64 * 8_000_000;
        true
    }

    /// Whether anything but audio may pass now.
    pub(super) const fn is_open(&self) -> bool {
        self.budget > 0
    }

    /// Takes the budget of a packet that passes.
    pub(super) const fn spend(&mut self, bytes: usize) {
        self.budget -= bytes as i64 * 8_000_000;
        // Audio is never refused, so its debt must not stop pictures for long.
        if self.budget < -1_000_000_000_000 {
            self.budget = -1_000_000_000_000;
        }
    }

    /// Packets that wait.
    pub(super) fn len(&self) -> usize {
        self.audio.len() + self.repairs.len() + self.video.len()
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.audio.is_empty() && self.repairs.is_empty() && self.video.is_empty()
    }

    /// When the next step is due, given that something waits.
    pub(super) fn next_due(&self, now: Micros, estimate: u64) -> Micros {
        let debt = u64::try_from(-self.budget).unwrap_or(0);
        now + (debt / self.rate(estimate)).clamp(QUANTUM, 500_000)
    }

    fn rate(&self, estimate: u64) -> u64 {
        let (rate, longest, least) = match self.pace {
            Pace::Relaxed => (estimate * 5 / 2, MAX_WAIT, RELAXED_RATE),
            Pace::Ordinary => (estimate * 5 / 2, MAX_WAIT, MIN_RATE),
            Pace::Gentle(rate) => (rate, MAX_GENTLE_WAIT, MIN_RATE),
        };
        rate.max(self.video_bytes * 8_000_000 / longest).max(least)
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sink: u32) -> Queued {
        Queued {
            sink,
            layer: 0,
            starts: false,
            bytes: 1_000,
            seq: 0,
        }
    }

    /// Sends all that may pass at `now`; how many packets.
    fn drain(pacer: &mut Pacer, now: Micros, estimate: u64) -> usize {
        pacer.refill(now, estimate, Pace::Ordinary);
        let mut sent = 0;
        while pacer.is_open() && pacer.pop_video().is_some() {
            pacer.spend(1_000);
            sent += 1;
        }
        sent
    }

    #[test]
    fn five_milliseconds_pass_at_once_and_the_rest_in_steps() {
        let mut pacer = Pacer::default();
        for _ in 0..40 {
            assert!(pacer.push_video(packet(1)));
        }
        // 4 Mbit/s × 2.5 × 5 ms = 6,250 bytes.
        assert_eq!(drain(&mut pacer, 10_000_000, 4_000_000), 7);
        let due = pacer.next_due(10_000_000, 4_000_000);
        assert_eq!(due, 10_005_000);
        assert!((5..=7).contains(&drain(&mut pacer, due, 4_000_000)));
    }

    #[test]
    fn nothing_waits_longer_than_a_quarter_of_a_second() {
        let mut pacer = Pacer::default();
        for _ in 0..200 {
            pacer.push_video(packet(1));
        }
        let mut now = 10_000_000;
        while !pacer.is_empty() {
            drain(&mut pacer, now, 50_000);
            now = pacer.next_due(now, 50_000);
        }
        assert!(now < 11_500_000, "{now}");
    }

    #[test]
    fn what_the_budget_held_back_is_known() {
        let mut pacer = Pacer::default();
        for sink in [1, 2, 1, 2] {
            pacer.push_video(packet(sink));
        }
        pacer.pop_video();
        pacer.hold();
        pacer.push_video(packet(3));
        pacer.forget(1);
        let left = std::iter::from_fn(|| pacer.pop_video()).map(|(packet, paced)| (packet.sink, paced));
        assert_eq!(left.collect::<Vec<_>>(), [(2, true), (2, true), (3, false)]);
    }

    #[test]
    fn a_sinks_packets_are_forgotten() {
        let mut pacer = Pacer::default();
        pacer.push_video(packet(1));
        pacer.push_video(packet(2));
        pacer.push_repair(packet(1));
        pacer.forget(1);
        assert_eq!(pacer.pop_video().map(|(packet, _)| packet.sink), Some(2));
        assert!(pacer.is_empty() && pacer.video_bytes == 0);
    }
}
