//! Streams with several spatial layers on their way to the queues of those who listen.

use super::{
    Shard,
    clock::Micros,
    gate::{Arrival, Passage},
    ingress::{Media, size_of},
    pacer::Queued,
    rewrite::Descriptor,
    transport::Stream,
};

impl Shard {
    /// Queues a packet of a stream with several layers for those listeners that get its layer.
    pub(super) fn sift_for_listeners(&mut self, now: Micros, stream: Stream, media: &Media<'_>) {
        let layer = &mut self.sources[stream.source as usize].layers[usize::from(stream.layer)];
        let arrival = Arrival {
            seq: media.seq,
            timestamp: media.timestamp,
            marker: media.marker,
            sublayer: media.descriptor.as_ref().and_then(Descriptor::sublayer),
        };
        for listener in &mut layer.listeners {
            let gate = self.sinks[listener.sink as usize].gate.as_mut();
            let Some(Passage::Passes { ends }) = gate.map(|gate| gate.take(&arrival)) else {
                continue;
            };
            let packet = Queued {
                sink: listener.sink,
                layer: stream.layer,
                starts: std::mem::take(&mut listener.fresh),
                bytes: size_of(media.payload.len()),
                seq: media.seq,
            };
            let transport = &mut self.transports[listener.transport as usize];
            let unfinished = !ends && !media.again;
            self.ready
                .queue_video(transport, listener.transport, packet, now, unfinished);
        }
    }

    /// A keyframe of a stream with several layers begins: listeners that waited for a higher layer get it from now on.
    pub(super) fn raise_listeners(&mut self, stream: Stream, keyframe: u64) {
        let layer = &mut self.sources[stream.source as usize].layers[usize::from(stream.layer)];
        let sinks = &mut self.sinks;
        layer.waiters.retain(|key| {
            let sink = &mut sinks[*key as usize];
            let (Some(gate), Some(target), Some(_)) = (&mut sink.gate, sink.target, sink.current) else {
                return true;
            };
            if !gate.raise(target, keyframe) {
                return true;
            }
            sink.current = sink.target.take();
            false
        });
    }
}
