//! What flows where at the moment, for an operator who looks.

use std::time::Instant;

use super::Shard;
use crate::types::{SinkId, SourceId, TransportId};

/// One transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransportView {
    /// Which.
    pub id: TransportId,
    /// Bits per second that the link towards the client is taken to carry; absent before it was measured.
    pub estimate: Option<u64>,
    /// Bits per second if everybody's wish were met.
    pub wanted: u64,
    /// Whether some wish is not met for lack of bandwidth.
    pub constrained: bool,
    /// Round trip in milliseconds, once measured.
    pub rtt_ms: Option<u64>,
    /// Packets that wait to be sent.
    pub queued: usize,
    /// Tracks that arrive.
    pub sources: Vec<SourceView>,
    /// Tracks that leave.
    pub sinks: Vec<SinkView>,
}

/// A track that arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceView {
    /// Which.
    pub id: SourceId,
    /// Lowest first.
    pub layers: Vec<LayerView>,
}

/// One layer of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerView {
    /// Whether it arrives.
    pub active: bool,
    /// Width and height in pixels as announced, 0 when unknown.
    pub size: (u32, u32),
    /// Bits per second over the last seconds.
    pub bits_per_second: u64,
    /// Packets expected so far, and packets that never came.
    pub packets: (u64, u64),
    /// Sinks that get it.
    pub listeners: usize,
}

/// A track that leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SinkView {
    /// Which.
    pub id: SinkId,
    /// Which source it sends.
    pub source: SourceId,
    /// The layer that it sends.
    pub layer: Option<u8>,
    /// The layer that it waits for.
    pub target: Option<u8>,
    /// Stopped for lack of bandwidth.
    pub paused: bool,
    /// Packets and bytes of payload sent so far; both wrap at 2³².
    pub sent: (u32, u32),
}

impl Shard {
    /// What flows on these transports; those of other shards are left out.
    #[must_use]
    pub fn view(&mut self, now: Instant, transports: &[TransportId]) -> Vec<TransportView> {
        let now = self.clock.micros(now);
        let keys = transports
            .iter()
            .filter_map(|id| self.transport_keys.get(&id.0).copied());
        let keys: Vec<u32> = keys.collect();
        keys.into_iter().map(|key| self.view_of(now, key)).collect()
    }

    fn view_of(&mut self, now: super::clock::Micros, key: u32) -> TransportView {
        let transport = &self.transports[key as usize];
        let sources = &mut self.sources;
        let of_layer = |layer: &mut super::layer::Layer| LayerView {
            active: layer.active,
            size: (layer.spec.width, layer.spec.height),
            bits_per_second: layer.rate.bits_per_second(now),
            packets: layer.reception.totals(),
            listeners: layer.listeners.len(),
        };
        let mut arriving = Vec::with_capacity(transport.sources.len());
        for source in &transport.sources {
            let source = &mut sources[*source as usize];
            arriving.push(SourceView {
                id: source.id,
                layers: source.layers.iter_mut().map(of_layer).collect(),
            });
        }
        let leaving = transport.sinks.iter().map(|sink| {
            let sink = &self.sinks[*sink as usize];
            SinkView {
                id: sink.id,
                source: sources[sink.source as usize].id,
                layer: sink.current,
                target: sink.target,
                paused: sink.paused,
                sent: (sink.packets, sink.bytes),
            }
        });
        TransportView {
            id: transport.id,
            estimate: transport.estimator.is_measured().then(|| transport.estimator.target()),
            wanted: transport.wanted,
            constrained: transport.constrained,
            rtt_ms: transport.rtt.map(|rtt| rtt / 1_000),
            queued: transport.pacer.len(),
            sources: arriving,
            sinks: leaving.collect(),
        }
    }
}
