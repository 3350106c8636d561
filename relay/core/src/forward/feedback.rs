//! RTCP that comes in: what publishers report and subscribers ask for.

use super::{Shard, clock::Micros, pacer::Queued};
use crate::{
    rtcp::{Compound, NackSeqs, ReportBlocks, RtcpPacket, twcc::Feedback},
    types::TransportId,
};

/// Packets asked for by one message that are looked at.
pub(super) const MAX_ASKED: usize = 512;

/// The time that a receiver's report is about, and its way.
const REPORTED: Micros = 1_500_000;

/// Messages of transport-wide feedback that are read of one compound packet.
const MAX_FEEDBACKS: usize = 4;

impl Shard {
    pub(super) fn read_rtcp(&mut self, now: Micros, from: TransportId, compound: &[u8]) {
        let Some(&key) = self.transport_keys.get(&from.0) else {
            return;
        };
        let mut feedbacks = 0;
        for packet in Compound::new(compound) {
            match packet {
                RtcpPacket::SenderReport {
                    ssrc,
                    ntp,
                    timestamp,
                    blocks,
                } => {
                    self.sender_reported(now, key, ssrc, ntp, timestamp);
                    self.receiver_reported(now, key, blocks);
                }
                RtcpPacket::ReceiverReport { blocks } => self.receiver_reported(now, key, blocks),
                RtcpPacket::Nack { media, seqs } => self.asked_again(key, media, seqs),
                // Each may be some work; clients send one at a time.
                RtcpPacket::TransportFeedback(_) if feedbacks == MAX_FEEDBACKS => {}
                RtcpPacket::TransportFeedback(feedback) => {
                    feedbacks += 1;
                    self.repair_openings(key, &feedback);
                    let transport = &mut self.transports[key as usize];
                    let rtt = transport.rtt_or_default();
                    let before = transport.estimator.target();
                    let acked = &mut self.scratch.acked;
                    let was_dark = transport.estimator.feedback(now, &feedback, rtt, acked);
                    let after = transport.estimator.target();
                    // A fall is acted on at once, a rise too when somebody waits for it.
                    if after < before && after < transport.wanted
                        || transport.constrained && after > before + before / 20
                    {
                        self.unsettle(key);
                    }
                    if was_dark {
                        self.start_pictures_over(key);
                    }
                }
                RtcpPacket::Pli { media } => self.keyframe_asked(now, key, media),
                RtcpPacket::Fir(streams) => {
                    // A packet names few streams; more is an attack on our time.
                    for media in streams.take(16) {
                        self.keyframe_asked(now, key, media);
                    }
                }
                RtcpPacket::Remb { .. } | RtcpPacket::Bye | RtcpPacket::Other => {}
            }
        }
    }

    /// What was sent of pictures in the dark is lost, and too much to be repaired: they start over with a keyframe.
    fn start_pictures_over(&mut self, key: u32) {
        for sink_key in self.transports[key as usize].sinks.clone() {
            let sink = &self.sinks[sink_key as usize];
            if !self.sources[sink.source as usize].is_audio() {
                let flowing = sink.flowing;
                self.stop(sink_key);
                self.sinks[sink_key as usize].flowing = flowing;
            }
        }
        self.unsettle(key);
    }

    fn sender_reported(&mut self, now: Micros, key: u32, ssrc: u32, ntp: u64, timestamp: u32) {
        if ntp != 0 {
            self.transports[key as usize].ahead = Some(ntp.wrapping_sub(self.clock.ntp(now)));
        }
        let stream = self.transports[key as usize].streams.get(&ssrc).copied();
        if let Some(stream) = stream.filter(|stream| !stream.repairs) {
            let source = &mut self.sources[stream.source as usize];
            source.layers[usize::from(stream.layer)]
                .clock
                .reported(now, ntp, timestamp);
            self.cross_clock(stream, ntp, timestamp);
        }
    }

    fn receiver_reported(&mut self, now: Micros, key: u32, blocks: ReportBlocks<'_>) {
        let transport = &mut self.transports[key as usize];
        let mut lowered = false;
        for block in blocks {
            let Some(&sink_key) = transport.sink_of.get(&block.ssrc) else {
                continue;
            };
            let sink = &mut self.sinks[sink_key as usize];
            if sink.spec.ssrc.0 == block.ssrc {
                sink.known = true;
                transport.quality.fractions += u32::from(block.fraction_lost);
                transport.quality.reports += 1;
                let is_audio = self.sources[sink.source as usize].is_audio();
                lowered |= transport.loss_reported(now, block.fraction_lost, is_audio);
                // What a full queue lost is no reason to send more.
                if !transport.estimator.was_full(now, REPORTED) {
                    transport.losses.reported(now, block.fraction_lost);
                }
            }
            if block.last_report != 0 {
                transport.report_answered(now, block.last_report, block.delay);
            }
        }
        if lowered {
            self.unsettle(key);
        }
    }

    /// Queues what a new stream has lost of its beginning to be sent again.
    fn repair_openings(&mut self, key: u32, feedback: &Feedback<'_>) {
        let (transport, sinks) = (&mut self.transports[key as usize], &mut self.sinks);
        let pacer = &mut transport.pacer;
        transport.openings.told(feedback, |sink_key, number| {
            let sink = &mut sinks[sink_key as usize];
            if sink.runs.is_current(number) && sink.runs.find(number).is_some() {
                sink.repair_lost(number);
                pacer.push_repair(Queued::again(sink_key, number));
            }
        });
        if !transport.pacer.repairs.is_empty() {
            self.ready.mark(transport, key);
        }
    }

    /// A subscriber misses packets: they are queued to be sent again, if they are still there.
    fn asked_again(&mut self, key: u32, media: u32, seqs: NackSeqs<'_>) {
        let transport = &mut self.transports[key as usize];
        let Some(&sink_key) = transport.sink_of.get(&media) else {
            return;
        };
        let sink = &self.sinks[sink_key as usize];
        if sink.spec.ssrc.0 != media || sink.spec.rtx_ssrc.is_none() {
            return;
        }
        // More in one message than are remembered is an attack on our time.
        for seq in seqs.take(MAX_ASKED) {
            self.stats.asked_by_subscribers += 1;
            let Some(number) = sink.runs.extend(seq) else {
                continue;
            };
            if !sink.runs.is_current(number) || sink.runs.find(number).is_none() {
                continue;
            }
            transport.pacer.push_repair(Queued::again(sink_key, number));
        }
        if !transport.pacer.repairs.is_empty() {
            self.ready.mark(transport, key);
        }
    }

    /// A subscriber cannot decode.
    fn keyframe_asked(&mut self, now: Micros, key: u32, media: u32) {
        let Some(&sink_key) = self.transports[key as usize].sink_of.get(&media) else {
            return;
        };
        let sink = &self.sinks[sink_key as usize];
        let Some(index) = sink.target.or(sink.current) else {
            return;
        };
        let source = &mut self.sources[sink.source as usize];
        if source.is_audio() {
            return;
        }
        self.stats.keyframes_asked += 1;
        let stream = source.stream_of(index);
        source.layers[stream].want_keyframe(now);
        self.request_for_layer(now, self.sinks[sink_key as usize].source, index);
    }
}
