//! A packet of a publisher: from bytes to the queues of its subscribers.

use std::ops::Range;

use super::{
    Event, Shard,
    cache::{Entry, Inserted},
    clock::Micros,
    gate::{Arrival, Passage},
    layer::{Layer, Listener, Place},
    pacer::Queued,
    rewrite::{Descriptor, Start},
    source::Source,
    transport::Stream,
};
use crate::{
    rtp::{RtpPacket, red_primary},
    types::{Codec, ExtKind, Ssrc, TransportId},
};

/// Bytes of kept extensions at most.
pub(super) const MAX_EXTS: usize = 200;

/// Longest dependency descriptor that is kept: three spatial and three temporal layers take about 110 bytes.
const MAX_DEPENDENCY: usize = 160;

/// Bytes that a packet needs besides its payload, about: header, extensions, seal.
const OVERHEAD: usize = 36;

/// Microseconds in which sound earns a packet, 500 in a second (Opus has 400 at its most, RFC 6716 §2.1.4), and a byte of it,
/// 1 Mbit/s (of 510 kbit/s, §2.1.1); and how much of it may come at once, after the sender was held up.
const SOUND_PACKET: u64 = 2_000;
const SOUND_BYTE: u64 = 8;
const SOUND_CREDIT: u64 = 2_000_000;

/// A packet of a layer, placed and read: what another shard would be handed, too.
pub(super) struct Media<'a> {
    pub(super) seq: u64,
    /// The highest number before it.
    highest: Option<u64>,
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    /// Sent again by the publisher.
    pub(super) again: bool,
    pub(super) descriptor: Option<Descriptor>,
    start: Start,
    exts: &'a [u8],
    pub(super) payload: &'a [u8],
}

impl<'a> Media<'a> {
    /// A packet that has not been read: its number and the highest before it; timestamp, marker, and whether it was sent again.
    pub(super) const fn new(
        (seq, highest): (u64, Option<u64>),
        (timestamp, marker, again): (u32, bool, bool),
        exts: &'a [u8],
        payload: &'a [u8],
    ) -> Self {
        Self {
            seq,
            highest,
            timestamp,
            marker,
            again,
            descriptor: None,
            start: Start::No,
            exts,
            payload,
        }
    }
}

impl Shard {
    /// Takes a packet; `None` if it is of no use.
    pub(super) fn receive(&mut self, now: Micros, from: TransportId, bytes: &[u8]) -> Option<()> {
        let key = *self.transport_keys.get(&from.0)?;
        let packet = RtpPacket::parse(bytes).ok()?;
        let transport = &mut self.transports[key as usize];
        transport.quality.media = true;
        if transport.feedback_ext != 0
            && let Some(&[high, low]) = packet.exts.find(transport.feedback_ext)
        {
            transport.arrivals.add(now, u16::from_be_bytes([high, low]));
        }
        let stream = match transport.streams.get(&packet.ssrc) {
            Some(stream) => *stream,
            None => self.latch(now, key, &packet)?,
        };
        let source = &mut self.sources[stream.source as usize];
        // Sound goes before all else and is not held back for want of bandwidth: nobody may send more than the best of it.
        if source.is_audio()
            && !source
                .sound
                .take(now, SOUND_PACKET.max(bytes.len() as u64 * SOUND_BYTE), SOUND_CREDIT)
        {
            return None;
        }
        let (seq, payload) = content(source, stream, &packet)?;
        let again = stream.repairs;
        let layer = &mut source.layers[usize::from(stream.layer)];
        let highest = layer.seq.highest();
        let (seq, highest) = match layer.place(seq, again) {
            Place::Here(seq) => {
                if highest.is_none_or(|highest| seq > highest) {
                    layer.seq.raise(seq);
                }
                (seq, highest)
            }
            Place::Restarted(seq) => {
                self.start_over_with(now, stream, seq);
                (seq, None)
            }
            Place::Nowhere => return None,
        };
        let source = &self.sources[stream.source as usize];
        let mut exts = [0; MAX_EXTS];
        let kept = keep_exts(source, &packet, &mut exts);
        let dependency = source.spec.exts.id(ExtKind::DependencyDescriptor);
        let dependency = dependency.and_then(|id| packet.exts.find(id));
        let media = Media::new(
            (seq, highest),
            (packet.timestamp, packet.marker, again),
            &exts[..kept.len],
            payload,
        );
        self.take(now, stream, media, kept.level, dependency)
    }

    /// Reads what a packet says of itself, keeps it, and queues it for who listens.
    pub(super) fn take(
        &mut self,
        now: Micros,
        stream: Stream,
        mut media: Media<'_>,
        level: Option<u8>,
        dependency: Option<&[u8]>,
    ) -> Option<()> {
        let source = &mut self.sources[stream.source as usize];
        if let Some(level) = level.filter(|_| !media.again && source.is_audio()) {
            source.level.observe(now, level);
        }
        let structure = &mut source.layers[usize::from(stream.layer)].structure;
        (media.descriptor, media.start) =
            Descriptor::read(source.spec.codec, media.seq, media.payload, dependency, structure);
        if !media.again {
            self.take_floor(now, stream.source, level);
        }
        self.accept(now, stream, &media)
    }

    /// A publisher has started the stream of a layer over, with the number `seq`.
    pub(super) fn start_over_with(&mut self, now: Micros, stream: Stream, seq: u64) {
        self.sources[stream.source as usize].layers[usize::from(stream.layer)].reset();
        self.restart_listeners(now, stream);
        self.restart_taps(stream.source, stream.layer, seq);
    }

    /// Keeps a packet of a layer and queues it for who listens.
    fn accept(&mut self, now: Micros, stream: Stream, media: &Media<'_>) -> Option<()> {
        let source = &mut self.sources[stream.source as usize];
        let (nack, clock_rate, is_audio) = (source.spec.nack, source.spec.codec.clock_rate(), source.is_audio());
        let svc = source.spec.svc;
        let layer = &mut source.layers[usize::from(stream.layer)];
        let entry = Entry {
            seq: media.seq,
            timestamp: media.timestamp,
            marker: media.marker,
            descriptor: media.descriptor,
            exts: media.exts,
            payload: media.payload,
        };
        if layer.cache.insert(now, &entry) == Inserted::Refused {
            return None;
        }
        if nack {
            layer.nack.received(now, media.seq, media.highest);
        }
        layer
            .reception
            .received(now, media.seq, media.timestamp, clock_rate, media.again);
        let keyframe = find_start(layer, media);
        if let Some(start) = keyframe {
            layer.keyframe_came(now, start);
        }
        let index = source.layer_of(stream.layer, media.descriptor.as_ref());
        let bytes = media.payload.len() + super::OVERHEAD;
        let layer = &mut source.layers[usize::from(index)];
        layer.rate.add(now, bytes);
        let sublayer = media.descriptor.as_ref().and_then(Descriptor::sublayer);
        if sublayer.is_some_and(|sublayer| sublayer.temporal == 0) {
            layer.thinned_rate.add(now, bytes);
        }
        let started = source.wake(index, now);
        source.heard(index, now);
        for layer in started {
            self.layer_started(stream, layer);
        }
        if self.sources[stream.source as usize].silenced {
            return Some(());
        }
        self.cross(stream, media.seq);
        if svc {
            if let Some(start) = keyframe {
                self.raise_listeners(stream, start);
            }
            self.sift_for_listeners(now, stream, media);
        } else {
            self.queue_for_listeners(now, stream, media, is_audio);
        }
        if keyframe.is_some() {
            self.admit_waiters(stream);
        }
        Some(())
    }

    fn layer_started(&mut self, stream: Stream, index: u8) {
        let source = &self.sources[stream.source as usize];
        let layer = &source.layers[usize::from(stream.layer)];
        self.events.push_back(Event::LayerStarted {
            source: source.id,
            layer: index,
            ssrc: Ssrc(layer.ssrc.unwrap_or_default()),
            rtx_ssrc: layer.rtx_ssrc.map(Ssrc),
        });
        self.unsettle_sinks_of(stream.source);
    }

    fn queue_for_listeners(&mut self, now: Micros, stream: Stream, media: &Media<'_>, is_audio: bool) {
        let source = &mut self.sources[stream.source as usize];
        if !source.audible {
            return;
        }
        let layer = &mut source.layers[usize::from(stream.layer)];
        let bytes = size_of(media.payload.len());
        let unfinished = !media.marker && !media.again;
        for listener in &mut layer.listeners {
            let packet = Queued {
                sink: listener.sink,
                layer: stream.layer,
                starts: std::mem::take(&mut listener.fresh),
                bytes,
                seq: media.seq,
            };
            let transport = &mut self.transports[listener.transport as usize];
            if is_audio {
                self.ready.queue_audio(transport, listener.transport, packet);
            } else {
                self.ready
                    .queue_video(transport, listener.transport, packet, now, unfinished);
            }
        }
    }

    /// A keyframe has come: who waited for the layer gets it from the keyframe on.
    fn admit_waiters(&mut self, stream: Stream) {
        let layer = &mut self.sources[stream.source as usize].layers[usize::from(stream.layer)];
        if layer.waiters.is_empty() {
            return;
        }
        let mut waiters = std::mem::take(&mut self.scratch.keys);
        waiters.clear();
        waiters.append(&mut layer.waiters);
        for key in &waiters {
            let sink = &self.sinks[*key as usize];
            if sink.gate.is_some() && sink.current.is_some() {
                // It could not be raised: it waits for the next one.
                let layers = &mut self.sources[stream.source as usize].layers;
                layers[usize::from(stream.layer)].waiters.push(*key);
                continue;
            }
            // With SVC they wait in one list for several layers.
            self.begin(*key, sink.target.unwrap_or(stream.layer));
        }
        self.scratch.keys = waiters;
    }

    /// Gives a sink the layer from its last keyframe on, which must be in the cache.
    pub(super) fn begin(&mut self, sink_key: u32, index: u8) {
        let sink = &mut self.sinks[sink_key as usize];
        let former = sink.current.replace(index);
        sink.target = None;
        let source = &mut self.sources[sink.source as usize];
        if let Some(former) = former {
            let stream = source.stream_of(former);
            source.layers[stream].forget(sink_key);
        }
        let (svc, stream) = (source.spec.svc, source.stream_of(index));
        let layer = &mut source.layers[stream];
        layer.waiters.retain(|waiter| *waiter != sink_key);
        let transport_key = sink.transport;
        let transport = &mut self.transports[transport_key as usize];
        let mut starts = true;
        if svc {
            sink.gate.get_or_insert_default().open(index);
        }
        if let (Some(keyframe), Some(highest)) = (layer.keyframe, layer.seq.highest()) {
            for slot in (keyframe.start..=highest).filter_map(|seq| layer.cache.slot(seq)) {
                if let Some(gate) = &mut sink.gate
                    && gate.take(&Arrival::of(slot)) == Passage::Dropped
                {
                    continue;
                }
                let packet = Queued {
                    sink: sink_key,
                    layer: u8::try_from(stream).expect("at most MAX_LAYERS"),
                    starts: std::mem::take(&mut starts),
                    bytes: size_of(usize::from(slot.payload_len)),
                    seq: slot.seq,
                };
                self.ready.queue_video(transport, transport_key, packet, 0, false);
            }
        }
        layer.listeners.push(Listener {
            sink: sink_key,
            transport: transport_key,
            fresh: starts,
        });
    }

    /// The publisher started a stream over: audio goes on with the next packet, pictures with the next keyframe.
    fn restart_listeners(&mut self, now: Micros, stream: Stream) {
        let source = &mut self.sources[stream.source as usize];
        let is_audio = source.is_audio();
        let layer = &mut source.layers[usize::from(stream.layer)];
        if is_audio {
            for listener in &mut layer.listeners {
                listener.fresh = true;
            }
            return;
        }
        for listener in std::mem::take(&mut layer.listeners) {
            layer.waiters.push(listener.sink);
            let sink = &mut self.sinks[listener.sink as usize];
            let had = sink.current.take().unwrap_or(stream.layer);
            // Who was about to leave for another layer waits for that one only.
            if sink.target.is_some() {
                layer.waiters.pop();
            } else {
                sink.target = Some(had);
            }
            self.transports[listener.transport as usize].pacer.forget(listener.sink);
        }
        layer.want_keyframe(now);
    }
}

/// The number and payload of the packet itself, taken out of RTX (RFC 4588) or RED; `None` for padding and strangers.
fn content<'a>(source: &Source, stream: Stream, packet: &RtpPacket<'a>) -> Option<(u16, &'a [u8])> {
    let spec = &source.spec;
    if stream.repairs {
        // What is shorter than a number and a byte is there to find bandwidth.
        let (number, payload) = packet.payload.split_first_chunk::<2>()?;
        return (!payload.is_empty()).then_some((u16::from_be_bytes(*number), payload));
    }
    if spec.pt.0 == packet.pt {
        return Some((packet.seq, packet.payload));
    }
    if spec.red_pt.is_some_and(|pt| pt.0 == packet.pt) {
        return Some((packet.seq, red_primary(packet.payload)?));
    }
    None
}

/// The header extensions of a packet that are passed on, copied as `kind, length, data`.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Bytes of all.
    pub(super) len: usize,
    pub(super) level: Option<u8>,
    /// Where the dependency descriptor lies.
    pub(super) dependency: Option<Range<usize>>,
}

impl Kept {
    /// Copies those that another relay has passed on, as they were copied there.
    pub(super) fn copy(codec: Codec, mut exts: &[u8], out: &mut [u8; MAX_EXTS]) -> Self {
        let mut kept = Self::default();
        while let Some((&[kind, len], rest)) = exts.split_first_chunk::<2>()
            && let Some((data, rest)) = rest.split_at_checked(usize::from(len))
        {
            exts = rest;
            if let Some(kind) = ExtKind::ALL.get(usize::from(kind)) {
                kept.add(codec, *kind, data, out);
            }
        }
        kept
    }

    fn add(&mut self, codec: Codec, kind: ExtKind, data: &[u8], out: &mut [u8; MAX_EXTS]) {
        let mut most = 16;
        match kind {
            ExtKind::AudioLevel => self.level = data.first().map(|byte| byte & 0x7f),
            ExtKind::AbsCaptureTime | ExtKind::VideoOrientation | ExtKind::PlayoutDelay | ExtKind::VideoContentType => {
            }
            // With VP9 the payload says it all, and what is said twice would have to be rewritten twice.
            ExtKind::DependencyDescriptor if codec == Codec::Av1 => most = MAX_DEPENDENCY,
            _ => return,
        }
        let start = self.len + 2;
        let end = start + data.len();
        if data.is_empty() || data.len() > most || end > MAX_EXTS {
            return;
        }
        out[self.len] = kind as u8;
        out[self.len + 1] = u8::try_from(data.len()).expect("at most a byte's worth");
        out[start..end].copy_from_slice(data);
        self.len = end;
        if kind == ExtKind::DependencyDescriptor {
            self.dependency = Some(start..end);
        }
    }
}

/// Copies the extensions of a client's packet that are passed on.
fn keep_exts(source: &Source, packet: &RtpPacket<'_>, out: &mut [u8; MAX_EXTS]) -> Kept {
    let mut kept = Kept::default();
    for (id, data) in packet.exts {
        if let Some(kind) = source.ext_kind(id) {
            kept.add(source.spec.codec, kind, data, out);
        }
    }
    kept
}

/// The first packet of a keyframe that this packet completes the knowledge of.
fn find_start(layer: &mut Layer, media: &Media<'_>) -> Option<u64> {
    let newer = |start: u64| layer.keyframe.is_none_or(|keyframe| start > keyframe.start);
    match media.start {
        Start::Keyframe => newer(media.seq).then_some(media.seq),
        Start::IfFirst => match layer.cache.slot(media.seq - 1) {
            Some(before) => (before.timestamp != media.timestamp && newer(media.seq)).then_some(media.seq),
            None if media.highest.is_none() => Some(media.seq),
            None => {
                layer.pending_idr = Some(media.timestamp);
                None
            }
        },
        // The packet before an IDR slice came late: it ends the picture before.
        Start::No => {
            let pending = layer.pending_idr?;
            let next = layer.cache.slot(media.seq + 1)?;
            let found = next.timestamp == pending && media.timestamp != pending && newer(media.seq + 1);
            found.then_some(media.seq + 1)
        }
    }
}

/// Bytes that a packet will take, about.
pub(super) fn size_of(payload: usize) -> u16 {
    u16::try_from(payload + OVERHEAD).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forward::{LayerSpec, rewrite::h264};

    /// Gives a layer packets of H.264 as (number, picture, payload) and returns the keyframe starts found.
    fn starts(packets: &[(u64, u32, &[u8])]) -> Vec<u64> {
        let mut layer = Layer::new(LayerSpec::default(), Codec::H264, 1 << 16);
        let mut highest = None;
        let mut found = Vec::new();
        for (seq, timestamp, payload) in packets {
            let media = Media {
                seq: *seq,
                highest,
                timestamp: *timestamp,
                marker: false,
                again: false,
                descriptor: None,
                start: h264::start(payload),
                exts: &[],
                payload,
            };
            let entry = Entry {
                seq: *seq,
                timestamp: *timestamp,
                marker: false,
                descriptor: None,
                exts: &[],
                payload,
            };
            layer.cache.insert(1_000_000, &entry);
            if let Some(start) = find_start(&mut layer, &media) {
                layer.keyframe_came(1_000_000, start);
                found.push(start);
            }
            highest = highest.max(Some(*seq));
        }
        found
    }

    const SLICE: &[u8] = &[0x41, 1];
    const SETS: &[u8] = &[0x78, 0, 2, 0x67, 1, 0, 1, 0x68];
    const IDR: &[u8] = &[0x65, 1];

    #[test]
    fn a_keyframe_begins_with_its_parameter_sets() {
        assert_eq!(starts(&[(1, 10, SLICE), (2, 20, SETS), (3, 20, IDR)]), [2]);
        // Out of order, too.
        assert_eq!(starts(&[(1, 10, SLICE), (3, 20, IDR), (2, 20, SETS)]), [2]);
    }

    #[test]
    fn an_idr_picture_without_parameter_sets_begins_with_itself() {
        assert_eq!(starts(&[(1, 10, SLICE), (2, 20, IDR), (3, 20, IDR)]), [2]);
        // Known only once the end of the picture before has come.
        assert_eq!(
            starts(&[(1, 5, SLICE), (3, 20, IDR), (4, 20, IDR), (2, 10, SLICE)]),
            [3]
        );
        assert_eq!(starts(&[(7, 20, IDR)]), [7]);
    }
}
