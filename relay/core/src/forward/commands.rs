//! What room control says, carried out.

use super::{
    Command, Shard, SinkSpec, SourceSpec, Want, clock::Micros, sink::Sink, source::Source, transport::Transport,
};
use crate::types::{ExtKind, SinkId, SourceId, TransportId};

/// When a transport that is none is due.
const NEVER: Micros = Micros::MAX;

impl Shard {
    pub(super) fn obey(&mut self, now: Micros, command: Command) {
        match command {
            Command::TransportAdd { id } => self.transport_add(now, id),
            Command::TransportConnected { id } => self.transport_connected(id),
            Command::TransportBound { id, most } => {
                if let Some(&key) = self.transport_keys.get(&id.0) {
                    let most = most.unwrap_or(u64::MAX).min(self.config.max_bitrate);
                    self.transports[key as usize].estimator.bound(most);
                    self.unsettle(key);
                }
            }
            Command::TransportRemove { id } => self.transport_remove(now, id),
            Command::SourceAdd { id, transport, spec } => self.source_add(now, id, transport, spec),
            Command::SourceUpdate { id, spec } => self.source_update(id, spec),
            Command::SourceMute { id, muted, ordered } => self.source_mute(now, id, muted, muted && ordered),
            Command::SourceRemove { id } => self.source_remove(id),
            Command::SinkAdd {
                id,
                transport,
                source,
                spec,
                want,
            } => self.sink_add(now, id, transport, source, spec, want),
            Command::SinkUpdate { id, spec } => self.sink_update(id, spec),
            Command::SinkSet { id, want } => {
                if let Some(&key) = self.sink_keys.get(&id.0) {
                    self.sinks[key as usize].want = want;
                    self.unsettle(self.sinks[key as usize].transport);
                    self.learn_wish(now, self.sinks[key as usize].source);
                }
            }
            Command::SinkRemove { id } => {
                if let Some(&key) = self.sink_keys.get(&id.0) {
                    let source = self.sinks[key as usize].source;
                    self.sink_remove(key);
                    self.learn_wish(now, source);
                }
            }
            Command::OfferAdd { source, link } => self.offer_add(source, link),
            Command::OfferRemove { source, link } => self.offer_remove(now, source, link),
            Command::RemoteAdd { id, link, origin, spec } => self.remote_add(now, id, link, origin, spec),
            Command::TapAdd { id, source, spec } => self.tap_add(now, id, source, spec),
            Command::TapKeyframe { id } => self.tap_keyframe(now, id),
            Command::TapRemove { id } => self.tap_remove(now, id),
        }
    }

    fn transport_add(&mut self, now: Micros, id: TransportId) {
        if self.transport_keys.contains_key(&id.0) {
            return;
        }
        if self.transports.is_empty() {
            self.next_tick = now;
            self.next_window = now + super::speakers::WINDOW;
        }
        let key = self.transports.insert(Transport::new(id, now, &self.config));
        self.due.resize(self.due.len().max(key + 1), NEVER);
        self.due[key] = now;
        self.transport_keys.insert(id.0, key_of(key));
    }

    /// What was sent before was lost: pictures start over, from the cache where it can be.
    fn transport_connected(&mut self, id: TransportId) {
        let Some(&key) = self.transport_keys.get(&id.0) else {
            return;
        };
        if std::mem::replace(&mut self.transports[key as usize].connected, true) {
            return;
        }
        for sink_key in self.transports[key as usize].sinks.clone() {
            self.stop(sink_key);
            self.sinks[sink_key as usize].runs.forget_last();
        }
        self.unsettle(key);
    }

    fn transport_remove(&mut self, now: Micros, id: TransportId) {
        let Some(key) = self.transport_keys.remove(&id.0) else {
            return;
        };
        for source in self.transports[key as usize].sources.clone() {
            self.source_remove(self.sources[source as usize].id);
        }
        for sink in self.transports[key as usize].sinks.clone() {
            let source = self.sinks[sink as usize].source;
            self.sink_remove(sink);
            self.learn_wish(now, source);
        }
        for offered in std::mem::take(&mut self.transports[key as usize].offered) {
            self.withdraw(now, offered, key);
        }
        self.ready.forget(key);
        self.unsettled.retain(|unsettled| *unsettled != key);
        self.transports.remove(key as usize);
        self.due[key as usize] = NEVER;
    }

    pub(super) fn source_add(&mut self, now: Micros, id: SourceId, transport: TransportId, spec: SourceSpec) {
        let Some(&transport_key) = self.transport_keys.get(&transport.0) else {
            return;
        };
        if self.source_keys.contains_key(&id.0) || spec.layers.is_empty() {
            return;
        }
        let source = Source::new(now, id, transport_key, spec, &self.config);
        let key = key_of(self.sources.insert(source));
        self.source_keys.insert(id.0, key);
        self.transports[transport_key as usize].sources.push(key);
        self.learn_feedback_ext(transport_key);
    }

    fn source_update(&mut self, id: SourceId, spec: SourceSpec) {
        let Some(&key) = self.source_keys.get(&id.0) else {
            return;
        };
        self.sources[key as usize].update(spec, &self.config);
        self.learn_feedback_ext(self.sources[key as usize].transport);
        self.unsettle_sinks_of(key);
    }

    fn source_mute(&mut self, now: Micros, id: SourceId, muted: bool, silenced: bool) {
        let Some(&key) = self.source_keys.get(&id.0) else {
            return;
        };
        let source = &mut self.sources[key as usize];
        let was_muted = std::mem::replace(&mut source.spec.muted, muted);
        let is_audio = source.is_audio();
        if is_audio && was_muted {
            self.skip_taps(key);
        }
        let source = &mut self.sources[key as usize];
        if muted && let Some(eighths) = source.level.silence() {
            self.tell_level(id, eighths);
        }
        if muted {
            self.leave_floor(key);
        }
        if is_audio && muted {
            self.sources[key as usize].audible = false;
        } else if is_audio && !self.has_floor(key) {
            self.hear(key);
        }
        let source = &mut self.sources[key as usize];
        // Silence counts from now on.
        for layer in &mut source.layers {
            layer.last_packet = now;
        }
        if is_audio {
            return;
        }
        if std::mem::replace(&mut source.silenced, silenced) && !silenced {
            // What came meanwhile is nobody's to see, here or behind a link.
            let mut starts = Vec::new();
            for (layer, index) in source.layers.iter_mut().zip(0..) {
                layer.cache.clear();
                layer.forget_keyframe();
                starts.extend(layer.seq.highest().map(|highest| (index, highest + 1)));
            }
            for (index, start) in starts {
                self.restart_taps(key, index, start);
            }
        }
        self.unsettle_sinks_of(key);
    }

    pub(super) fn source_remove(&mut self, id: SourceId) {
        let Some(key) = self.source_keys.remove(&id.0) else {
            return;
        };
        for sink in self.sources[key as usize].sinks.clone() {
            self.sink_remove(sink);
        }
        self.leave_floor(key);
        let mut source = self.sources.remove(key as usize);
        self.crossings.forget(key);
        if let Some(origin) = source.origin {
            let to = self.transports[source.transport as usize].id;
            self.crossings.wish(to, origin, None);
        }
        for offer in source.offers.drain(..) {
            self.transports[offer.link as usize]
                .offered
                .retain(|offered| *offered != key);
        }
        for tap in source.taps.drain(..) {
            let tap = self.taps.remove(tap as usize);
            self.tap_keys.remove(&tap.id.0);
        }
        if let Some(eighths) = source.level.silence() {
            self.tell_level(id, eighths);
        }
        if let Some(transport) = self.transports.get_mut(source.transport as usize) {
            transport.sources.retain(|other| *other != key);
            transport.remotes.retain(|_, other| *other != key);
            transport.streams.retain(|_, stream| stream.source != key);
        }
        self.learn_feedback_ext(source.transport);
    }

    fn sink_add(
        &mut self,
        now: Micros,
        id: SinkId,
        transport: TransportId,
        source: SourceId,
        spec: SinkSpec,
        want: Want,
    ) {
        let (Some(&transport_key), Some(&source_key)) =
            (self.transport_keys.get(&transport.0), self.source_keys.get(&source.0))
        else {
            return;
        };
        let transport = &mut self.transports[transport_key as usize];
        let taken = transport.sink_of.contains_key(&spec.ssrc.0)
            || spec
                .rtx_ssrc
                .is_some_and(|rtx| transport.sink_of.contains_key(&rtx.0) || rtx == spec.ssrc);
        if taken || self.sink_keys.contains_key(&id.0) {
            tracing::error!(%id, ssrc = %spec.ssrc, "sink refused: its id or SSRC is in use");
            return;
        }
        // Below 2^15, so that a receiver that misses the first packets still guesses rollover 0 (RFC 3711 §3.3.1).
        let mut first = |ssrc: u32| {
            let fresh = self.random.next_u64() & 0x7fff;
            transport.retired.remove(&ssrc).unwrap_or(fresh)
        };
        let number = first(spec.ssrc.0);
        let rtx_number = spec.rtx_ssrc.map_or(0, |rtx| first(rtx.0));
        #[expect(clippy::cast_possible_truncation, reason = "any 32 bits will do")]
        let timestamp = self.random.next_u64() as u32;
        let ssrcs = [Some(spec.ssrc), spec.rtx_ssrc];
        let sink = Sink::new(
            id,
            transport_key,
            source_key,
            spec,
            want,
            (number, rtx_number, timestamp),
        );
        let key = key_of(self.sinks.insert(sink));
        for ssrc in ssrcs.into_iter().flatten() {
            transport.sink_of.insert(ssrc.0, key);
        }
        transport.sinks.push(key);
        self.sink_keys.insert(id.0, key);
        self.sources[source_key as usize].sinks.push(key);
        self.learn_numbered(now, transport_key);
        self.unsettle(transport_key);
        self.learn_wish(now, source_key);
    }

    fn sink_update(&mut self, id: SinkId, spec: SinkSpec) {
        let Some(&key) = self.sink_keys.get(&id.0) else {
            return;
        };
        let sink = &mut self.sinks[key as usize];
        sink.update(spec);
        let transport = sink.transport;
        self.learn_numbered(0, transport);
        self.unsettle(transport);
    }

    pub(super) fn sink_remove(&mut self, key: u32) {
        self.stop(key);
        let sink = self.sinks.remove(key as usize);
        self.sink_keys.remove(&sink.id.0);
        if let Some(source) = self.sources.get_mut(sink.source as usize) {
            source.sinks.retain(|other| *other != key);
        }
        if let Some(transport) = self.transports.get_mut(sink.transport as usize) {
            transport.sinks.retain(|other| *other != key);
            transport.sink_of.retain(|_, other| *other != key);
            transport.retired.insert(sink.spec.ssrc.0, sink.runs.next_out());
            if let Some(rtx) = sink.spec.rtx_ssrc {
                transport.retired.insert(rtx.0, sink.rtx_next);
            }
            transport.pacer.forget(key);
            transport.openings.forget(key);
        }
        self.unsettle(sink.transport);
    }

    /// All m-sections of one transport give the same id to the same extension (RFC 8843 §9.1).
    fn learn_feedback_ext(&mut self, key: u32) {
        let Some(transport) = self.transports.get_mut(key as usize) else {
            return;
        };
        transport.feedback_ext = transport
            .sources
            .iter()
            .find_map(|source| self.sources[*source as usize].spec.exts.id(ExtKind::TransportCc))
            .unwrap_or(0);
        self.due[key as usize] = 0;
    }

    fn learn_numbered(&mut self, now: Micros, key: u32) {
        let transport = &mut self.transports[key as usize];
        let numbered = transport
            .sinks
            .iter()
            .any(|sink| self.sinks[*sink as usize].spec.exts.id(ExtKind::TransportCc).is_some());
        if numbered && !transport.numbered {
            transport.numbered_since = now;
        }
        transport.numbered = numbered;
    }
}

/// Slab keys are kept in 32 bits.
fn key_of(key: usize) -> u32 {
    u32::try_from(key).expect("memory ends before the keys do")
}
