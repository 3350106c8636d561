//! Packets for subscribers: from the queues to [`Transmit`], numbered and rewritten for each.

use super::{
    Event, Outgoing, Shard, Stats, Transmit,
    cache::Slot,
    clock::{Clock, Micros},
    layer::Layer,
    pacer::Queued,
    rewrite::{self, av1},
    run::{LastSent, Run},
    sink::Sink,
    source::Source,
    transport::Transport,
};
use crate::{
    rtp::{HeaderFields, HeaderWriter, red_write},
    types::ExtKind,
};

/// Padding of one packet: 254 zeros and their count.
const PADDING: [u8; 255] = {
    let mut padding = [0; 255];
    padding[254] = 255;
    padding
};

/// Longest payload of sound with copies of earlier sound.
const MAX_RED: usize = 1_000;

/// Least time between two repairs of one packet.
const REPAIR_INTERVAL: Micros = 10_000;

impl Shard {
    /// Sends what may go now, transport by transport, so that packets to one address follow each other.
    pub(super) fn drain(&mut self, now: Micros, out: &mut impl Transmit) {
        if self.ready.due().is_none_or(|due| due > now) {
            return;
        }
        let mut ready = self.ready.take(std::mem::take(&mut self.scratch.ready));
        for (place, &key) in ready.iter().enumerate() {
            self.prefetch(now, &ready[place + 1..], out);
            let transport = &mut self.transports[key as usize];
            if transport.due > now {
                self.ready.keep(transport, key, transport.due);
                continue;
            }
            transport.held = false;
            let mut egress = Egress {
                now,
                clock: &self.clock,
                transport,
                sinks: &mut self.sinks,
                sources: &self.sources,
                events: &mut self.events,
                stats: &mut self.stats,
                stranded: &mut self.scratch.stranded,
                out,
            };
            egress.drain();
            match egress.next_due() {
                Some(due) => self.ready.keep(transport, key, due),
                None => transport.ready = false,
            }
        }
        ready.clear();
        self.scratch.ready = ready;
        if !self.scratch.stranded.is_empty() {
            self.start_over(now);
        }
    }

    /// Prefetches what sending to the next transports will use: the state of hundreds is more than caches hold.
    fn prefetch(&self, now: Micros, next: &[u32], out: &impl Transmit) {
        if let Some(key) = next.get(1) {
            out.prefetch(&self.transports[*key as usize]);
        }
        let Some(next) = next.first().map(|key| &self.transports[*key as usize]) else {
            return;
        };
        if next.due > now {
            return;
        }
        out.prefetch(next.estimator.next_sent());
        if let Some(packet) = next.pacer.first()
            && let Some(sink) = self.sinks.get(packet.sink as usize)
        {
            out.prefetch(sink);
        }
        out.prefetch_transport(next.id);
    }

    /// Sinks whose run could not begin wait for the next keyframe.
    fn start_over(&mut self, now: Micros) {
        let mut stranded = std::mem::take(&mut self.scratch.stranded);
        for sink in stranded.drain(..) {
            self.stop(sink);
            self.unsettle(self.sinks[sink as usize].transport);
        }
        self.scratch.stranded = stranded;
        self.settle(now);
    }
}

/// All that sending to one transport touches.
struct Egress<'a, T> {
    now: Micros,
    clock: &'a Clock,
    transport: &'a mut Transport,
    sinks: &'a mut slab::Slab<Sink>,
    sources: &'a slab::Slab<Source>,
    events: &'a mut std::collections::VecDeque<Event>,
    stats: &'a mut Stats,
    /// Sinks whose run could not begin.
    stranded: &'a mut Vec<u32>,
    out: &'a mut T,
}

/// What goes into a header besides what the sink itself says.
struct Head<'a> {
    rtx: bool,
    red: bool,
    padding: bool,
    marker: bool,
    number: u64,
    timestamp: u32,
    /// Extensions that are passed on,
    kept: &'a [u8],
    /// and what is added to the number of the frame in them.
    shift: rewrite::Shift,
}

impl<T: Transmit> Egress<'_, T> {
    fn drain(&mut self) {
        let pace = self.transport.pace(self.now);
        let estimate = self.transport.estimator.target();
        self.transport.pacer.refill(self.now, estimate, pace);
        while let Some(packet) = self.transport.pacer.audio.pop_front() {
            self.send(&packet, false);
        }
        while self.transport.pacer.is_open()
            && let Some(packet) = self.transport.pacer.repairs.pop_front()
        {
            self.repair(&packet);
        }
        while self.transport.pacer.is_open()
            && let Some((packet, paced)) = self.transport.pacer.pop_video()
        {
            self.send(&packet, paced);
        }
        self.transport.pacer.hold();
        // What waits is part of a probe itself: padding shall not take its time.
        if self.transport.pacer.is_empty() {
            self.probe();
        }
    }

    fn next_due(&self) -> Option<Micros> {
        let paced = (!self.transport.pacer.is_empty()).then(|| {
            self.transport
                .pacer
                .next_due(self.now, self.transport.estimator.target())
        });
        let probing = self.transport.estimator.prober.next_due(self.now);
        match (paced, probing) {
            (Some(paced), Some(probing)) => Some(paced.min(probing)),
            (paced, probing) => paced.or(probing),
        }
    }

    /// Sends a packet for the first time; `paced` says that the pacer's budget held it back.
    fn send(&mut self, packet: &Queued, paced: bool) {
        let sources = self.sources;
        let Some(sink) = self.sinks.get_mut(packet.sink as usize) else {
            return;
        };
        let source = &sources[sink.source as usize];
        let layer = &source.layers[usize::from(packet.layer)];
        let slot = layer
            .cache
            .slot(packet.seq)
            .filter(|slot| sink.dense(slot.seq).is_some());
        let Some(slot) = slot else {
            // It waited too long. Without its first packet the run cannot go on.
            if packet.starts {
                self.stranded.push(packet.sink);
            }
            return;
        };
        if packet.starts {
            self.stats.switches += u64::from(sink.runs.last().is_some());
            sink.run_since = self.now;
            sink.start_run(&source.layers, packet.layer, slot, source.spec.codec.clock_rate());
        }
        let dense = sink.dense(packet.seq);
        let Some((number, run)) = dense.and_then(|dense| sink.runs.send(packet.layer, dense)) else {
            return;
        };
        if slot.at >= sink.run_since {
            let delay = self.now.saturating_sub(slot.at);
            self.stats.delays.add(delay);
            if !paced {
                self.stats.delays_unpaced.add(delay);
            }
        }
        let timestamp = slot.timestamp.wrapping_add(run.ts_shift);
        let last = LastSent {
            layer: packet.layer,
            in_timestamp: slot.timestamp,
            timestamp,
            arrived: slot.at,
            picture: slot
                .descriptor
                .map(|descriptor| descriptor.sent(run.shift))
                // One that tells none does not begin them anew.
                .or_else(|| sink.runs.last().map(|last| last.picture))
                .unwrap_or_default(),
        };
        sink.runs.sent(number, last);
        sink.packets = sink.packets.wrapping_add(1);
        sink.bytes = sink.bytes.wrapping_add(u32::from(slot.payload_len));
        sink.sent_since_report = true;
        if !std::mem::replace(&mut sink.flowing, true) {
            self.events.push_back(Event::StreamState {
                sink: sink.id,
                active: true,
            });
        }
        let (kept, _) = layer.cache.content(slot);
        let mut head = Head {
            rtx: false,
            red: false,
            padding: false,
            marker: sink.ends(slot),
            number,
            timestamp,
            kept,
            shift: run.shift,
        };
        let copies = self.transport.sound_copies(self.now);
        if copies > 0
            && let Some(pt) = sink.spec.red_pt.map(|_| sink.spec.pt)
        {
            let mut payload = [0; MAX_RED];
            let before = |back: u64| {
                let seq = packet.seq.checked_sub(back).filter(|seq| sink.runs.holds(*seq))?;
                layer.cache.slot(seq)
            };
            // Without a hole: receivers number copies by their place.
            let count = (1..=u64::from(copies))
                .take_while(|back| before(*back).is_some())
                .count();
            let earlier = (1..=count as u64).rev().filter_map(|back| {
                let copied = before(back)?;
                let age = slot.timestamp.wrapping_sub(copied.timestamp);
                Some((age, layer.cache.content(copied).1))
            });
            if let Some(len) = red_write(&mut payload, pt.0, earlier, layer.cache.content(slot).1) {
                head.red = true;
                self.give_out(packet.sink, &head, [&payload[..len], &[]]);
                return;
            }
        }
        self.emit(packet.sink, &head, layer, slot, &run);
    }

    /// Sends a packet again, as RTX.
    fn repair(&mut self, packet: &Queued) {
        let sources = self.sources;
        let Some(sink) = self.sinks.get_mut(packet.sink as usize) else {
            return;
        };
        let source = &sources[sink.source as usize];
        let Some((run, dense)) = sink.runs.find(packet.seq) else {
            return;
        };
        let run = *run;
        let Some(seq) = sink.seq_of(dense) else {
            return;
        };
        let layer = &source.layers[usize::from(run.layer)];
        let Some(slot) = layer.cache.slot(seq) else {
            return;
        };
        let interval = self.transport.rtt_or_default().clamp(REPAIR_INTERVAL, 100_000);
        if sink.spec.rtx_ssrc.is_none()
            || sink.spec.rtx_pt.is_none()
            || !sink.may_repair(self.now, packet.seq, interval)
        {
            return;
        }
        if !self.transport.pacer.may_repair(usize::from(slot.payload_len)) {
            return;
        }
        let (kept, _) = layer.cache.content(slot);
        let head = Head {
            rtx: true,
            red: false,
            padding: false,
            marker: sink.ends(slot),
            number: packet.seq,
            timestamp: slot.timestamp.wrapping_add(run.ts_shift),
            kept,
            shift: run.shift,
        };
        // Where much is lost the repair may be lost, too, and is missed only a round trip later.
        let times = if self.transport.losses.level(self.now) < 2 || self.transport.constrained {
            1
        } else {
            2
        };
        for _ in 0..times {
            self.stats.retransmitted += 1;
            self.emit(packet.sink, &head, layer, slot, &run);
        }
    }

    /// Sends the padding that a probe asks for.
    fn probe(&mut self) {
        if self.transport.estimator.prober.due(self.now) == 0 {
            return;
        }
        // A picture that has never been sent can be padded, too: else one that did not fit at first never would.
        let padded = |key: &&u32| {
            let spec = &self.sinks[**key as usize].spec;
            // Without its number a packet is no part of a probe.
            spec.rtx_ssrc.is_some() && spec.rtx_pt.is_some() && spec.exts.id(ExtKind::TransportCc).is_some()
        };
        let Some(&key) = self.transport.sinks.iter().find(padded) else {
            self.transport.estimator.prober.abandon(self.now);
            return;
        };
        while self.transport.estimator.prober.due(self.now) > 0 {
            let timestamp = self.sinks[key as usize].runs.last().map_or(0, |last| last.timestamp);
            let head = Head {
                rtx: true,
                red: false,
                padding: true,
                marker: false,
                number: 0,
                timestamp,
                kept: &[],
                shift: rewrite::Shift::default(),
            };
            self.stats.padding += 1;
            self.give_out(key, &head, [&PADDING, &[]]);
        }
    }

    /// Puts the payload together: RTX number and rewritten descriptor in front, the rest as it came.
    fn emit(&mut self, key: u32, head: &Head<'_>, layer: &Layer, slot: &Slot, run: &Run) {
        let (_, payload) = layer.cache.content(slot);
        let mut front = [0; 2 + rewrite::MAX_LEN];
        let mut len = 0;
        if head.rtx {
            front[..2].copy_from_slice(&low(head.number).to_be_bytes());
            len = 2;
        }
        let mut rest = payload;
        if self.sinks[key as usize].sends_empty(slot.seq) {
            rest = &[];
        } else if let Some(descriptor) = &slot.descriptor {
            let mut written = [0; rewrite::MAX_LEN];
            let (size, replaced) = descriptor.write(run.shift, &mut written);
            front[len..len + size].copy_from_slice(&written[..size]);
            len += size;
            rest = &payload[replaced..];
        }
        self.give_out(key, head, [&front[..len], rest]);
    }

    fn give_out(&mut self, key: u32, head: &Head<'_>, payload: [&[u8]; 2]) {
        let sink = &mut self.sinks[key as usize];
        let spec = &sink.spec;
        let (pt, ssrc, index) = match (head.rtx, spec.rtx_pt, spec.rtx_ssrc) {
            (true, Some(pt), Some(ssrc)) => (pt, ssrc, sink.rtx_next),
            (true, ..) => return,
            (false, ..) => {
                let pt = spec.red_pt.filter(|_| head.red).unwrap_or(spec.pt);
                (pt, spec.ssrc, head.number)
            }
        };
        let fields = HeaderFields {
            padding: head.padding,
            marker: head.marker,
            pt: pt.0,
            seq: low(index),
            timestamp: head.timestamp,
            ssrc: ssrc.0,
        };
        let mut header = HeaderWriter::new(
            &fields,
            sink.two_byte || kept_exts(head.kept).any(|(_, data)| data.len() > 16),
        );
        let exts = &spec.exts;
        if !sink.known
            && let Some(id) = exts.id(ExtKind::Mid)
        {
            header.ext(id, spec.mid.as_bytes());
        }
        let cluster = self.transport.estimator.prober.cluster();
        // The number is taken when the packet's size is known; its place is written before.
        let payload_len = payload[0].len() + payload[1].len();
        let number_id = exts.id(ExtKind::TransportCc);
        let bytes = payload_len + super::OVERHEAD;
        if let Some(id) = number_id {
            let number = self.transport.estimator.sent(self.now, bytes, cluster);
            header.ext(id, &number.to_be_bytes());
            if !sink.known && !head.padding && spec.rtx_ssrc.is_some() {
                self.transport.openings.sent(number, key, head.number);
            }
        }
        if let Some(id) = exts.id(ExtKind::AbsSendTime) {
            // 6.18 fixed point seconds of the NTP time.
            let [.., a, b, c] = (self.clock.ntp(self.now) >> 14).to_be_bytes();
            header.ext(id, &[a, b, c]);
        }
        for (kind, data) in kept_exts(head.kept) {
            let Some(id) = exts.id(kind) else { continue };
            if kind == ExtKind::DependencyDescriptor {
                let mut renumbered = [0; super::ingress::MAX_EXTS];
                let renumbered = &mut renumbered[..data.len()];
                renumbered.copy_from_slice(data);
                av1::renumber(renumbered, head.shift);
                header.ext(id, renumbered);
            } else {
                header.ext(id, data);
            }
        }
        if head.rtx {
            sink.rtx_next += 1;
        }
        if cluster != 0 && number_id.is_some() {
            self.transport.estimator.prober.sent(self.now, bytes);
        }
        self.transport.pacer.spend(bytes);
        self.transport.quality.media = true;
        let header = header.finish();
        self.stats.packets_out += 1;
        self.stats.bytes_out += (header.len() + payload_len) as u64;
        self.out.rtp(Outgoing {
            to: self.transport.id,
            index,
            header,
            payload,
        });
    }
}

/// Extensions as they were kept: kind, length, data.
fn kept_exts(mut kept: &[u8]) -> impl Iterator<Item = (ExtKind, &[u8])> {
    std::iter::from_fn(move || {
        let (&[kind, len], rest) = kept.split_first_chunk::<2>()?;
        let (data, behind) = rest.split_at_checked(usize::from(len))?;
        kept = behind;
        Some((ExtKind::ALL[usize::from(kind)], data))
    })
}

/// The 16 bits of a number that a header carries.
fn low(number: u64) -> u16 {
    u16::try_from(number & 0xffff).expect("masked")
}
