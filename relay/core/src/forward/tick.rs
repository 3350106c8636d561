//! What happens by the clock.

use super::{
    Event, Shard, SpeakerLevel,
    clock::{Micros, ntp_middle, ticks},
    select::OWN_SSRC,
    speakers,
};
use crate::rtcp::write::{self, SenderInfo};

/// Time between ticks while packets come.
const TICK: Micros = 10_000;
/// The same while none come.
const IDLE_TICK: Micros = 100_000;
/// Packets are said to come for so long after the last one.
const BUSY: Micros = 3_000_000;
/// Time between feedback messages to a publisher.
const FEEDBACK: Micros = 50_000;
/// Time between reports.
const REPORT: Micros = 1_000_000;
/// A publisher that has told nothing of its clock for so long does not tell it. Browsers tell it of sound after 2.5 s.
const UNREPORTED: Micros = 6_000_000;
/// Time between looks at bandwidth.
const CHOICE: Micros = 100_000;
/// Time between quality events,
const QUALITY: Micros = 5_000_000;
/// which fall together, as each instant of them wakes room control once.
const QUALITY_STEP: Micros = 250_000;

impl Shard {
    pub(super) fn tick(&mut self, now: Micros) {
        let busy = now < self.last_packet + BUSY;
        self.next_tick = now + if busy { TICK } else { IDLE_TICK };
        let mut keys = std::mem::take(&mut self.scratch.keys);
        keys.clear();
        keys.extend(self.sources.iter().map(|(key, _)| key as u32));
        for key in &keys {
            self.tick_source(now, *key);
        }
        if now >= self.next_window {
            self.next_window = now + speakers::WINDOW;
            self.close_window();
        }
        keys.clear();
        keys.extend(
            (0_u32..)
                .zip(&self.due)
                .filter(|(_, due)| now >= **due)
                .map(|(key, _)| key),
        );
        for key in &keys {
            self.tick_transport(now, *key);
        }
        self.scratch.keys = keys;
    }

    fn tick_source(&mut self, now: Micros, key: u32) {
        let source = &mut self.sources[key as usize];
        let to = self.transports[source.transport as usize].id;
        let seqs = &mut self.scratch.seqs;
        let origin = source.origin;
        for (layer, index) in source.layers.iter_mut().zip(0_u8..) {
            let mut given_up = layer.nack.take_given_up();
            if layer.nack.is_empty() && !given_up {
                continue;
            }
            seqs.clear();
            layer.nack.due(now, seqs);
            if !seqs.is_empty() {
                self.stats.asked_of_publishers += seqs.len() as u64;
                if let Some(origin) = origin {
                    let seqs = seqs.iter().map(|seq| layer.seq.peek(*seq));
                    self.crossings.nack(to, origin, index, seqs);
                } else if let Some(ssrc) = layer.ssrc {
                    self.outbox.write(to, |out| write::nack(out, OWN_SSRC, ssrc, seqs));
                }
            }
            // What was given up on leaves broken pictures behind.
            given_up |= layer.nack.take_given_up();
            if given_up && !layer.listeners.is_empty() && !layer.keyframe_is_newer_than_losses() {
                layer.want_keyframe(now);
            }
        }
        let is_audio = source.is_audio();
        let wish = if is_audio && origin.is_none() {
            None
        } else {
            source.wish(now)
        };
        if let Some(highest) = wish {
            self.tell_wish(key, highest);
        }
        if is_audio {
            return;
        }
        let source = &mut self.sources[key as usize];
        let id = source.id;
        let mut stopped = false;
        if !source.spec.muted {
            let events = &mut self.events;
            source.find_silent(now, |layer| {
                stopped = true;
                events.push_back(Event::LayerStopped { source: id, layer });
            });
        }
        for index in 0..self.sources[key as usize].layers.len() {
            if self.sources[key as usize].layers[index].needs_request() {
                self.request_for_layer(now, key, u8::try_from(index).expect("at most MAX_LAYERS"));
            }
        }
        if stopped {
            self.unsettle_sinks_of(key);
        }
    }

    fn close_window(&mut self) {
        let mut changed = Vec::new();
        for (_, source) in &mut self.sources {
            if !source.is_audio() || source.spec.muted {
                continue;
            }
            // Nobody is shown as speaking who is not sent.
            let level = if source.audible {
                source.level.close()
            } else {
                source.level.silence()
            };
            if let Some(eighths) = level {
                changed.push(SpeakerLevel {
                    source: source.id,
                    eighths,
                });
            }
        }
        if !changed.is_empty() {
            self.events.push_back(Event::Speakers { changed });
        }
    }

    fn tick_transport(&mut self, now: Micros, key: u32) {
        let transport = &mut self.transports[key as usize];
        if now >= transport.next_feedback {
            transport.next_feedback = now + FEEDBACK;
            let media = transport.streams.keys().next().copied().unwrap_or(0);
            let (arrivals, to) = (&mut transport.arrivals, transport.id);
            // One message holds several hundred packets; a few of them hold all that can have come.
            for _ in 0..4 {
                if !arrivals.is_due() {
                    break;
                }
                self.outbox.write(to, |out| {
                    arrivals.feedback(out, OWN_SSRC, media);
                });
            }
        }
        if now >= transport.next_report {
            transport.next_report = now + REPORT;
            self.report_reception(now, key);
            self.report_sending(now, key);
            self.repeat_wishes(0, key);
        }
        if now >= self.transports[key as usize].next_choice {
            self.repeat_wishes(now.saturating_sub(REPORT), key);
            self.look_at_bandwidth(now, key);
        }
        if now >= self.transports[key as usize].next_quality {
            self.tell_quality(now, key);
        }
        let transport = &mut self.transports[key as usize];
        let next = transport
            .next_report
            .min(transport.next_choice)
            .min(transport.next_quality);
        // Who sends nothing that is numbered is told nothing.
        self.due[key as usize] = if transport.feedback_ext == 0 {
            next
        } else {
            next.min(transport.next_feedback)
        };
    }

    /// Receiver reports about all streams of a publisher.
    fn report_reception(&mut self, now: Micros, key: u32) {
        let transport = &self.transports[key as usize];
        for source in &transport.sources {
            let mut blocks = [crate::rtcp::ReportBlock::default(); super::MAX_LAYERS];
            let mut count = 0;
            for layer in &mut self.sources[*source as usize].layers {
                let Some(ssrc) = layer.ssrc else { continue };
                if let Some(block) = layer.reception.report(now, ssrc, &layer.clock) {
                    blocks[count] = block;
                    count += 1;
                }
            }
            if count > 0 {
                self.outbox.write(transport.id, |out| {
                    write::receiver_report(out, OWN_SSRC, &blocks[..count])
                });
            }
        }
    }

    /// Sender reports of all streams that a subscriber gets: the publisher's clock with our timestamps.
    fn report_sending(&mut self, now: Micros, key: u32) {
        for place in 0..self.transports[key as usize].sinks.len() {
            let sink = &mut self.sinks[self.transports[key as usize].sinks[place] as usize];
            if !std::mem::take(&mut sink.sent_since_report) {
                continue;
            }
            let Some(run) = sink.runs.current() else {
                continue;
            };
            let source = &self.sources[sink.source as usize];
            let clock_rate = source.spec.codec.clock_rate();
            let reported = source.layers[usize::from(run.layer)]
                .clock
                .now(now, clock_rate)
                .map(|(ntp, timestamp)| (ntp, timestamp.wrapping_add(run.ts_shift)));
            // A stream that is not reported yet: the clock of the publisher's others at its last packet. One clock must
            // not take another's place, or sound and picture are played apart: ours is for who never reports.
            let by_arrival = || {
                let publisher = &self.transports[source.transport as usize];
                let silent = now >= source.added_at + UNREPORTED;
                let ahead = publisher.ahead.or(silent.then_some(0))?;
                let last = sink.runs.last()?;
                let since = ticks(now.saturating_sub(last.arrived), clock_rate);
                Some((
                    self.clock.ntp(now).wrapping_add(ahead),
                    last.timestamp.wrapping_add(since),
                ))
            };
            let Some((ntp, timestamp)) = reported.or_else(by_arrival) else {
                continue;
            };
            let info = SenderInfo {
                ssrc: sink.spec.ssrc.0,
                ntp,
                timestamp,
                packets: sink.packets,
                bytes: sink.bytes,
            };
            let transport = &mut self.transports[key as usize];
            transport.report_sent(now, ntp_middle(ntp));
            self.outbox.write(transport.id, |out| write::sender_report(out, &info));
        }
    }

    fn look_at_bandwidth(&mut self, now: Micros, key: u32) {
        let transport = &mut self.transports[key as usize];
        transport.next_choice = now + CHOICE;
        transport.estimator.tick(now, transport.least_rtt);
        if !transport.numbered && !transport.constrained {
            return;
        }
        let estimate = transport.estimator.target();
        if transport.numbered && transport.estimator.is_measured() {
            let from = transport.estimator.probe_from();
            // Where nothing is missing, a probe would only fill the queue.
            let spare = if transport.constrained { transport.wanted / 8 } else { 0 };
            let (wanted, prober) = (transport.wanted + spare, &mut transport.estimator.prober);
            prober.consider(now, estimate, wanted, from);
            if prober.cluster() != 0 {
                self.ready.mark_urgent(transport, key);
            }
        }
        let told = transport.told_estimate;
        if transport.estimator.is_measured() && estimate.abs_diff(told) > told / 10 {
            transport.told_estimate = estimate;
            self.events.push_back(Event::Estimate {
                transport: transport.id,
                bits_per_second: estimate,
            });
        }
        let tight = transport.constrained || transport.budget(now) < transport.wanted + transport.wanted / 4;
        let due = tight || now >= transport.chosen_at + REPORT;
        if !transport.sinks.is_empty() && due {
            self.choose(now, key);
        }
    }

    fn tell_quality(&mut self, now: Micros, key: u32) {
        let transport = &mut self.transports[key as usize];
        transport.next_quality = next_quality(now);
        let (mut expected, mut lost) = (0, 0);
        let mut rtt_up = None;
        for source in &transport.sources {
            for layer in &self.sources[*source as usize].layers {
                let totals = layer.reception.totals();
                expected += totals.0;
                lost += totals.1;
                rtt_up = rtt_up.max(layer.nack.rtt());
            }
        }
        let quality = std::mem::take(&mut transport.quality);
        transport.quality.expected = expected;
        transport.quality.lost = lost;
        if !quality.media {
            return;
        }
        let (expected, lost) = (
            expected.saturating_sub(quality.expected),
            lost.saturating_sub(quality.lost),
        );
        self.stats.expected += expected;
        self.stats.lost += lost;
        let loss_up = share(lost, expected);
        let loss_down = share(u64::from(quality.fractions), u64::from(quality.reports) * 256);
        let rtt_ms = transport
            .rtt
            .or(rtt_up)
            .map(|rtt| u32::try_from(rtt / 1_000).unwrap_or(u32::MAX));
        self.events.push_back(Event::Quality {
            transport: transport.id,
            loss_up,
            loss_down,
            rtt_ms,
            score: score(loss_up.max(loss_down), rtt_ms.unwrap_or(0), transport.constrained),
        });
    }
}

/// When the quality of what happens from now on is told.
pub(super) const fn next_quality(now: Micros) -> Micros {
    (now + QUALITY) / QUALITY_STEP * QUALITY_STEP
}

#[expect(clippy::cast_precision_loss, reason = "a share needs no more")]
fn share(part: u64, whole: u64) -> f32 {
    if whole == 0 {
        0.0
    } else {
        (part as f32 / whole as f32).clamp(0.0, 1.0)
    }
}

/// From 1.0 to 4.5: a loss of 5 %, a round trip of half a second or too little bandwidth each cost about a point.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of a round trip")]
fn score(loss: f32, rtt_ms: u32, constrained: bool) -> f32 {
    let late = (rtt_ms.saturating_sub(150) as f32 / 350.0).min(1.5);
    let short = if constrained { 0.7 } else { 0.0 };
    (4.5 - loss * 20.0 - late - short).clamp(1.0, 4.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_fall_with_loss_delay_and_lack_of_bandwidth() {
        assert!(score(0.0, 50, false) > 4.4);
        assert!(score(0.05, 50, false) < 3.6);
        assert!(score(0.0, 600, false) < 3.6);
        assert!(score(0.0, 50, true) < 4.0);
        assert!(score(0.9, 2_000, true) >= 1.0);
    }
}
