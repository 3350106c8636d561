//! Which layer each sink gets: from what is wanted, what arrives and what the link carries.

use super::{
    Event, OVERHEAD, Shard,
    allocate::{Demand, allocate},
    clock::Micros,
    layer::Listener,
    sink::Sink,
    source::Source,
    transport::MAX_COPIES,
};
use crate::{rtcp, types::SourceId};

/// SSRC of the relay as a sender of RTCP that belongs to no stream of ours.
pub(super) const OWN_SSRC: u32 = 1;

/// Pixels of a tile whose size is not known.
const UNKNOWN_SIZE: u64 = 1280 * 720;

impl Shard {
    /// Has the layers of a transport chosen again before anything else happens.
    pub(super) fn unsettle(&mut self, transport: u32) {
        if let Some(found) = self.transports.get_mut(transport as usize)
            && !std::mem::replace(&mut found.unsettled, true)
        {
            self.unsettled.push(transport);
        }
    }

    pub(super) fn unsettle_sinks_of(&mut self, source: u32) {
        for place in 0..self.sources[source as usize].sinks.len() {
            let sink = self.sources[source as usize].sinks[place];
            self.unsettle(self.sinks[sink as usize].transport);
        }
    }

    pub(super) fn settle(&mut self, now: Micros) {
        while let Some(key) = self.unsettled.pop() {
            self.transports[key as usize].unsettled = false;
            self.choose(now, key);
        }
    }

    /// Chooses the layers of all sinks of a transport.
    pub(super) fn choose(&mut self, now: Micros, key: u32) {
        let mut demands = std::mem::take(&mut self.scratch.demands);
        let mut grants = std::mem::take(&mut self.scratch.grants);
        demands.clear();
        let measured = self.transports[key as usize].may_pause(now);
        let (mut audio_bits, mut copied_bits, mut wanted_bits) = (0, 0, 0);
        for place in 0..self.transports[key as usize].sinks.len() {
            let sink_key = self.transports[key as usize].sinks[place];
            let sink = &self.sinks[sink_key as usize];
            let source = &mut self.sources[sink.source as usize];
            if !sink.want.enabled || source.silenced {
                if sink.current.is_some() || sink.target.is_some() {
                    self.stop(sink_key);
                }
                self.sinks[sink_key as usize].paused = false;
            } else if source.is_audio() {
                // One that has no place on its floor costs nothing.
                if source.audible {
                    let bits = source.layers[0].cost(now, source.spec.codec);
                    audio_bits += bits;
                    // A copy has no header of its own; sound comes in packets of 20 ms.
                    let copy = bits.saturating_sub(50 * 8 * OVERHEAD as u64);
                    copied_bits += sink.spec.red_pt.map_or(0, |_| copy);
                }
                self.listen_to_audio(sink_key);
            } else {
                let mut demand = demand_of(now, sink_key, sink, source);
                demand.may_pause &= measured;
                let best = demand.costs[..=usize::from(demand.wanted)]
                    .iter()
                    .rev()
                    .find_map(|cost| *cost);
                wanted_bits += best.unwrap_or(0);
                demands.push(demand);
            }
        }
        let transport = &mut self.transports[key as usize];
        let budget = transport.budget(now).saturating_sub(audio_bits);
        // Sound is copied as long as that stops no picture that would go on without copies.
        transport.most_copies = MAX_COPIES;
        let most = transport.sound_copies(now);
        let mut stopped_by = |copies: u8| {
            let budget = budget.saturating_sub(copied_bits * u64::from(copies));
            allocate(&mut demands, budget, &mut grants);
            grants.iter().filter(|grant| grant.is_none()).count()
        };
        let mut copies = most;
        if stopped_by(most) > 0 && most > 0 {
            let least = stopped_by(0);
            copies = (0..=most)
                .rev()
                .find(|copies| stopped_by(*copies) == least)
                .unwrap_or(0);
            transport.most_copies = copies;
        }
        transport.wanted = wanted_bits + audio_bits + copied_bits * u64::from(copies);
        let mut constrained = false;
        for (demand, grant) in demands.iter().zip(&grants) {
            let best = (0..=demand.wanted)
                .rev()
                .find(|layer| demand.costs[usize::from(*layer)].is_some());
            constrained |= *grant < best || demand.thinned;
            let sink = &mut self.sinks[demand.sink as usize];
            let comes = |layer: u8| demand.costs[usize::from(layer)].is_some();
            let muted = self.sources[sink.source as usize].spec.muted;
            match demand.current {
                Some(had) if *grant > Some(had) => sink.raises.raised(now),
                // Not where it is no longer wanted, or no longer comes.
                Some(had) if *grant < Some(had) && had <= demand.wanted && comes(had) && !muted => {
                    sink.raises.fell(now, had);
                }
                _ => {}
            }
            self.give(now, demand.sink, *grant);
            if let Some(gate) = &mut self.sinks[demand.sink as usize].gate {
                gate.thin(demand.thinned);
            }
        }
        self.transports[key as usize].constrained = constrained;
        self.transports[key as usize].chosen_at = now;
        self.scratch.demands = demands;
        self.scratch.grants = grants;
    }

    fn listen_to_audio(&mut self, sink_key: u32) {
        let sink = &mut self.sinks[sink_key as usize];
        if sink.current.is_none() {
            sink.current = Some(0);
            self.sources[sink.source as usize].layers[0].listeners.push(Listener {
                sink: sink_key,
                transport: sink.transport,
                fresh: true,
            });
        }
    }

    /// Gives a sink a layer, or nothing for lack of bandwidth.
    fn give(&mut self, now: Micros, sink_key: u32, grant: Option<u8>) {
        let sink = &mut self.sinks[sink_key as usize];
        let Some(index) = grant else {
            if !std::mem::replace(&mut sink.paused, true) {
                let (id, flowed) = (sink.id, sink.flowing);
                self.stop(sink_key);
                if flowed {
                    self.events.push_back(Event::StreamState {
                        sink: id,
                        active: false,
                    });
                }
            }
            return;
        };
        sink.paused = false;
        if sink.target == Some(index) {
            self.drop_if_far_too_much(now, sink_key);
            self.request_keyframe(now, sink_key);
            return;
        }
        if let Some(waited) = sink.target.take() {
            let source = &mut self.sources[sink.source as usize];
            let stream = source.stream_of(waited);
            let layer = &mut source.layers[stream];
            layer.waiters.retain(|waiter| *waiter != sink_key);
        }
        if sink.current == Some(index) {
            return;
        }
        let source = &mut self.sources[sink.source as usize];
        let stream = source.stream_of(index);
        let layer = &mut source.layers[stream];
        // Within one stream it goes down with the next picture, and up with the next keyframe.
        if let Some(gate) = sink.gate.as_mut().filter(|_| sink.current > Some(index)) {
            gate.set(index);
            sink.current = Some(index);
            return;
        }
        // Times must not go back: only who has had nothing since the keyframe gets it from the cache.
        let behind = layer
            .keyframe
            .is_some_and(|keyframe| sink.runs.last().is_none_or(|last| last.arrived < keyframe.at));
        let behind = behind && (sink.gate.is_none() || sink.current.is_none());
        if behind && layer.replay_from(now).is_some() {
            self.begin(sink_key, index);
            return;
        }
        layer.waiters.push(sink_key);
        layer.want_keyframe(now);
        sink.target = Some(index);
        self.drop_if_far_too_much(now, sink_key);
        self.request_keyframe(now, sink_key);
    }

    /// On a link that carries less than half of the present layer, waiting for the switch would only fill its queue.
    fn drop_if_far_too_much(&mut self, now: Micros, sink_key: u32) {
        let sink = &mut self.sinks[sink_key as usize];
        let (Some(current), Some(target)) = (sink.current, sink.target) else {
            return;
        };
        let source = &mut self.sources[sink.source as usize];
        let codec = source.spec.codec;
        let stream = source.stream_of(current);
        let layer = &mut source.layers[stream];
        let transport = &mut self.transports[sink.transport as usize];
        if target < current && layer.cost(now, codec) / 2 > transport.budget(now) {
            layer.forget(sink_key);
            transport.pacer.forget(sink_key);
            sink.current = None;
        }
    }

    /// Sends nothing more to a sink until it is given a layer.
    pub(super) fn stop(&mut self, sink_key: u32) {
        let sink = &mut self.sinks[sink_key as usize];
        if let Some(source) = self.sources.get_mut(sink.source as usize) {
            for index in [sink.current.take(), sink.target.take()].into_iter().flatten() {
                let stream = source.stream_of(index);
                source.layers[stream].forget(sink_key);
            }
        }
        sink.flowing = false;
        if let Some(transport) = self.transports.get_mut(sink.transport as usize) {
            transport.pacer.forget(sink_key);
        }
    }

    /// Asks the publisher for a keyframe of the layer that a sink waits for, or has, if it is time.
    pub(super) fn request_keyframe(&mut self, now: Micros, sink_key: u32) {
        let sink = &self.sinks[sink_key as usize];
        if let Some(index) = sink.target.or(sink.current) {
            self.request_for_layer(now, sink.source, index);
        }
    }

    /// Asks the publisher for a keyframe of a layer, if one is needed and it is time.
    pub(super) fn request_for_layer(&mut self, now: Micros, source_key: u32, index: u8) {
        let source = &mut self.sources[source_key as usize];
        if source.spec.muted {
            return;
        }
        let stream = source.stream_of(index);
        let layer = &mut source.layers[stream];
        // Of a remote source a layer may be asked for before anything of it has come.
        if layer.ssrc.is_none() && source.origin.is_none() || !layer.take_request(now) {
            return;
        }
        let to = self.transports[source.transport as usize].id;
        if let Some(origin) = source.origin {
            let stream = u8::try_from(stream).expect("at most MAX_LAYERS");
            self.crossings.keyframe(to, origin, stream);
        } else if let Some(ssrc) = layer.ssrc {
            self.outbox.write(to, |out| rtcp::write::pli(out, OWN_SSRC, ssrc));
        }
        self.stats.keyframe_requests += 1;
    }

    /// Asks for a keyframe of a layer now, and again until it comes.
    pub(super) fn want_keyframe_of(&mut self, now: Micros, source: u32, layer: u8) {
        self.sources[source as usize].layers[usize::from(layer)].want_keyframe(now);
        self.request_for_layer(now, source, layer);
    }

    /// Takes note of the highest layer that anybody wants of a source, and tells the publisher if it is time.
    pub(super) fn learn_wish(&mut self, now: Micros, source_key: u32) {
        let Some(source) = self
            .sources
            .get(source_key as usize)
            .filter(|source| !source.is_audio() || source.origin.is_some())
        else {
            return;
        };
        let highest = source
            .sinks
            .iter()
            .map(|sink| &self.sinks[*sink as usize])
            .filter(|sink| sink.want.enabled)
            .map(|sink| wanted_layer(sink, source))
            .chain(source.taps.iter().map(|tap| self.taps[*tap as usize].highest(source)))
            .chain(source.offers.iter().filter_map(|offer| offer.highest))
            .max();
        let source = &mut self.sources[source_key as usize];
        source.wanted = highest;
        if let Some(highest) = source.wish(now) {
            self.tell_wish(source_key, highest);
        }
    }

    /// Tells the publisher, or the publisher's relay, the highest layer that anybody wants.
    pub(super) fn tell_wish(&mut self, source_key: u32, highest: Option<u8>) {
        let source = &self.sources[source_key as usize];
        match source.origin {
            Some(origin) => {
                let to = self.transports[source.transport as usize].id;
                self.crossings.wish(to, origin, highest);
            }
            None => self.events.push_back(Event::LayerWanted {
                source: source.id,
                highest,
            }),
        }
    }

    pub(super) fn tell_level(&mut self, source: SourceId, eighths: u8) {
        self.events.push_back(Event::Speakers {
            changed: vec![super::SpeakerLevel { source, eighths }],
        });
    }
}

/// The highest layer that is of use to a sink.
fn wanted_layer(sink: &Sink, source: &Source) -> u8 {
    let by_size = source.layer_for(sink.want.width, sink.want.height);
    sink.want.max_layer.map_or(by_size, |max| by_size.min(max))
}

fn demand_of(now: Micros, sink_key: u32, sink: &Sink, source: &mut Source) -> Demand {
    let size = match u64::from(sink.want.width) * u64::from(sink.want.height) {
        0 => UNKNOWN_SIZE,
        size => size,
    };
    let wanted = wanted_layer(sink, source);
    let current = sink.target.or(sink.current);
    let (mut costs, mut wanted) = (source.costs(now), wanted);
    let mut thinned_cost = source.thinned_cost(now);
    if source.spec.muted || source.fell_silent() {
        // It keeps what it has, and costs what comes of it, which is nothing.
        wanted = current.map_or(wanted, |current| current.min(wanted));
        for (cost, layer) in costs.iter_mut().zip(&mut source.layers) {
            *cost = cost.map(|_| layer.rate.bits_per_second(now));
        }
        thinned_cost = None;
    }
    Demand {
        sink: sink_key,
        rank: (sink.want.priority, sink.spec.is_screen, size),
        costs,
        thinned_cost,
        thinned: false,
        wanted,
        most: sink.raises.most(now, wanted),
        may_pause: sink.spec.allow_pause,
        current,
    }
}
