//! One source on its way to one transport.

use super::{
    SinkSpec, Want,
    cache::Slot,
    clock::Micros,
    gate::Gate,
    layer::{Layer, Moment, distance},
    rewrite::Shift,
    run::Runs,
};
use crate::types::SinkId;

/// Repairs remembered, so that a packet asked for twice in a round trip is sent once.
const REPAIRS: usize = 64;

/// State of one sink.
#[derive(Debug)]
pub(super) struct Sink {
    pub(super) id: SinkId,
    /// Key of the subscriber's transport.
    pub(super) transport: u32,
    /// Key of its source.
    pub(super) source: u32,
    pub(super) spec: SinkSpec,
    pub(super) want: Want,
    /// The layer that it gets.
    pub(super) current: Option<u8>,
    /// The layer that it waits for.
    pub(super) target: Option<u8>,
    /// Whether it may be raised.
    pub(super) raises: Raises,
    pub(super) runs: Runs,
    /// What passes of a source whose layers come in one stream.
    pub(super) gate: Option<Box<Gate>>,
    /// When the last run began.
    pub(super) run_since: Micros,
    /// The next number of the RTX stream; never falls.
    pub(super) rtx_next: u64,
    /// Whether packets flow, as told.
    pub(super) flowing: bool,
    /// Stopped for lack of bandwidth.
    pub(super) paused: bool,
    /// The subscriber has named our SSRC in a report: it knows which m-section it belongs to.
    pub(super) known: bool,
    /// Its extensions need the two-byte form.
    pub(super) two_byte: bool,
    pub(super) packets: u32,
    pub(super) bytes: u32,
    /// Whether a packet went out since the last sender report.
    pub(super) sent_since_report: bool,
    first_timestamp_shift: u32,
    /// How far timestamps run ahead because a switch could not step back, in ticks.
    lead: i32,
    /// Empty for a stream that is not repaired.
    repaired: Vec<(u64, Micros)>,
    repaired_next: usize,
}

/// A layer that could not be kept for so long was too much, and is left alone for a while,
const KEPT: Micros = 5_000_000;
/// at first, and at most.
const FIRST_PAUSE: Micros = 2_000_000;
const LONGEST_PAUSE: Micros = 30_000_000;

/// Raises to a higher layer that did not last: each begins with a keyframe, which costs the publisher and the link.
#[derive(Debug, Default)]
pub(super) struct Raises {
    /// When it was raised last, 0 for never.
    at: Micros,
    /// The layer that failed is left alone until then, and how long it was.
    from: Micros,
    pause: Micros,
    layer: u8,
}

impl Raises {
    /// The highest layer that may be tried now, of those that are wanted.
    pub(super) fn most(&self, now: Micros, wanted: u8) -> u8 {
        if now < self.from {
            wanted.min(self.layer.saturating_sub(1))
        } else {
            wanted
        }
    }

    pub(super) const fn raised(&mut self, now: Micros) {
        // One that lasted was no mistake.
        if self.at != 0 && now >= self.at + KEPT {
            self.pause = 0;
        }
        self.at = now;
    }

    /// It fell from a layer for lack of bandwidth.
    pub(super) fn fell(&mut self, now: Micros, layer: u8) {
        let raised = std::mem::take(&mut self.at);
        if raised != 0 && now < raised + KEPT {
            self.pause = (self.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
            (self.from, self.layer) = (now + self.pause, layer);
        } else if now >= self.from {
            self.pause = 0;
        }
    }
}

impl Sink {
    /// A sink that sends nothing yet; `firsts` are its first number, first RTX number and first shift of timestamps.
    pub(super) fn new(
        id: SinkId,
        transport: u32,
        source: u32,
        spec: SinkSpec,
        want: Want,
        firsts: (u64, u64, u32),
    ) -> Self {
        let (first, rtx_first, timestamp) = firsts;
        Self {
            two_byte: needs_two_bytes(&spec),
            id,
            transport,
            source,
            spec,
            want,
            current: None,
            target: None,
            raises: Raises::default(),
            runs: Runs::new(first),
            gate: None,
            run_since: 0,
            rtx_next: rtx_first,
            flowing: false,
            paused: false,
            known: false,
            packets: 0,
            bytes: 0,
            sent_since_report: false,
            first_timestamp_shift: timestamp,
            lead: 0,
            repaired: vec![(0, 0); if spec.rtx_ssrc.is_some() { REPAIRS } else { 0 }],
            repaired_next: 0,
        }
    }

    /// Takes another description; SSRCs stay, their numbers belong to them.
    pub(super) fn update(&mut self, spec: SinkSpec) {
        let (ssrc, rtx_ssrc) = (self.spec.ssrc, self.spec.rtx_ssrc);
        self.two_byte = needs_two_bytes(&spec);
        self.spec = SinkSpec { ssrc, rtx_ssrc, ..spec };
        self.known = false;
    }

    /// Begins a run with this packet of `layer`, so that numbers and times go on from what was sent last.
    pub(super) fn start_run(&mut self, layers: &[Layer], layer: u8, slot: &Slot, clock_rate: u32) {
        let Some(last) = self.runs.last().copied() else {
            self.runs
                .start(layer, slot.seq, self.first_timestamp_shift, Shift::default());
            return;
        };
        let moment = Moment {
            layer: last.layer,
            timestamp: last.in_timestamp,
            arrived: last.arrived,
        };
        let distance = distance(layers, moment, Moment::of(layer, slot), clock_rate);
        let wanted = distance.saturating_sub(self.lead);
        let step = wanted.max(1);
        self.lead = step.saturating_sub(wanted).min(clock_rate.cast_signed());
        let timestamp = last.timestamp.wrapping_add(step.cast_unsigned());
        let shift = slot
            .descriptor
            .map_or_else(Shift::default, |descriptor| descriptor.follow(last.picture));
        self.runs
            .start(layer, slot.seq, timestamp.wrapping_sub(slot.timestamp), shift);
    }

    /// The number in the source's stream that a packet has for this sink; `None` when it is too old to have one.
    pub(super) fn dense(&self, seq: u64) -> Option<u64> {
        self.gate.as_ref().map_or(Some(seq), |gate| gate.dense(seq))
    }

    /// The packet that has such a number.
    pub(super) fn seq_of(&self, dense: u64) -> Option<u64> {
        self.gate.as_ref().map_or(Some(dense), |gate| gate.find(dense))
    }

    /// Whether a packet is the last one of its picture for this sink.
    pub(super) fn ends(&self, slot: &Slot) -> bool {
        self.gate.as_ref().map_or(slot.marker, |gate| gate.ends(slot.seq))
    }

    /// Whether only a packet's number is sent, for its layer is not wanted.
    pub(super) fn sends_empty(&self, seq: u64) -> bool {
        self.gate.as_ref().is_some_and(|gate| gate.is_empty(seq))
    }

    /// A repair is known to be lost: it may go out again at once.
    pub(super) fn repair_lost(&mut self, number: u64) {
        for repaired in &mut self.repaired {
            if repaired.0 == number {
                *repaired = (0, 0);
            }
        }
    }

    /// Whether a packet may be sent again now: not twice within `interval`.
    pub(super) fn may_repair(&mut self, now: Micros, number: u64, interval: Micros) -> bool {
        let recent = |(sent, at): &(u64, Micros)| *at != 0 && *sent == number && now < *at + interval;
        if self.repaired.is_empty() || self.repaired.iter().any(recent) {
            return false;
        }
        self.repaired[self.repaired_next] = (number, now);
        self.repaired_next = (self.repaired_next + 1) % REPAIRS;
        true
    }
}

/// Whether an extension that is written has an id above 14 (RFC 8285 §4.2).
fn needs_two_bytes(spec: &SinkSpec) -> bool {
    spec.exts.iter().any(|(_, id)| id > 14)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_that_cannot_be_kept_is_tried_less_and_less() {
        let mut raises = Raises::default();
        let mut now = 1_000_000;
        let mut waits = Vec::new();
        for _ in 0..6 {
            raises.raised(now);
            now += 1_000_000;
            raises.fell(now, 2);
            // On the way down it passes another one.
            raises.fell(now + 100_000, 1);
            assert_eq!(raises.most(now, 2), 1, "lower ones may be had");
            assert_eq!(raises.most(now, 0), 0);
            let fell = now;
            while raises.most(now, 2) < 2 {
                now += 100_000;
            }
            waits.push((now - fell) / 1_000_000);
        }
        assert_eq!(waits, [2, 4, 8, 16, 30, 30]);
        // One that lasted was no mistake.
        raises.raised(now);
        now += KEPT;
        raises.fell(now, 2);
        assert_eq!(raises.most(now, 2), 2);
        raises.raised(now);
        now += 1_000_000;
        raises.fell(now, 2);
        let after = |wait| raises.most(now + wait, 2);
        assert_eq!((after(1_900_000), after(2_000_000)), (1, 2));
    }
}
