//! A published track.

use super::{
    Config, LayerSpec, MAX_LAYERS, SourceSpec, clock::Micros, floor::Voice, layer::Layer, mesh::Offer,
    rewrite::Descriptor, speakers::LevelMeter,
};
use crate::{
    allowance::Allowance,
    types::{ExtKind, MediaKind, SourceId},
};

/// How long a lower wish must last before the publisher is told.
const DOWN_AFTER: Micros = 4_000_000;
/// A layer is off when it is silent this long while a lower one goes on...
const LAYER_SILENT: Micros = 700_000;
/// ... with at least so many packets,
const LOWER_PACKETS: u64 = 8;
/// or when it is silent this long at all.
const SILENT: Micros = 3_000_000;

/// State of one source.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) id: SourceId,
    pub(super) added_at: Micros,
    /// Key of the transport it arrives on.
    pub(super) transport: u32,
    /// What its publisher's relay calls it, if that is another one.
    pub(super) origin: Option<SourceId>,
    pub(super) spec: SourceSpec,
    pub(super) layers: Vec<Layer>,
    /// Keys of its sinks.
    pub(super) sinks: Vec<u32>,
    /// Keys of its taps.
    pub(super) taps: Vec<u32>,
    /// The links that it may cross.
    pub(super) offers: Vec<Offer>,
    pub(super) level: LevelMeter,
    /// How much sound its publisher may send.
    pub(super) sound: Allowance,
    pub(super) voice: Voice,
    /// It is sent to who listens. False for a microphone that has no place on its floor.
    pub(super) audible: bool,
    /// Somebody else muted its pictures: they are not sent on.
    pub(super) silenced: bool,
    /// Kinds of extensions by id, for ids below 16.
    ext_kinds: [Option<ExtKind>; 16],
    /// The highest layer that anybody wants now.
    pub(super) wanted: Option<u8>,
    wish: Wish,
}

/// The highest layer that anybody wants, as told and as it is.
#[derive(Debug, Default)]
struct Wish {
    told: Option<Option<u8>>,
    told_at: Micros,
    lower_since: Option<Micros>,
}

impl Source {
    pub(super) fn new(now: Micros, id: SourceId, transport: u32, spec: SourceSpec, config: &Config) -> Self {
        let layers = spec
            .layers
            .iter()
            .take(MAX_LAYERS)
            .enumerate()
            .map(|(index, layer)| make_layer(index, *layer, &spec, config))
            .collect();
        let mut source = Self {
            id,
            added_at: now,
            transport,
            audible: (spec.floor.is_none() || config.voices == 0)
                && !(spec.muted && spec.codec.kind() == MediaKind::Audio),
            silenced: false,
            origin: None,
            spec,
            layers,
            sinks: Vec::new(),
            taps: Vec::new(),
            offers: Vec::new(),
            level: LevelMeter::default(),
            sound: Allowance::default(),
            voice: Voice::default(),
            ext_kinds: [None; 16],
            wanted: None,
            wish: Wish::default(),
        };
        source.learn_exts();
        source
    }

    /// Takes a new description. Layers keep their index; further ones are added.
    pub(super) fn update(&mut self, spec: SourceSpec, config: &Config) {
        for (index, layer) in spec.layers.iter().take(MAX_LAYERS).enumerate() {
            match self.layers.get_mut(index) {
                Some(known) => known.spec = *layer,
                None => self.layers.push(make_layer(index, *layer, &spec, config)),
            }
        }
        let floor = self.spec.floor;
        self.spec = SourceSpec { floor, ..spec };
        self.learn_exts();
        if let Some(origin) = self.origin {
            self.make_remote(origin);
        }
    }

    /// It comes over a link from the relay that calls it `origin`.
    pub(super) fn make_remote(&mut self, origin: SourceId) {
        self.origin = Some(origin);
        for layer in &mut self.layers {
            layer.nack.hedge();
        }
    }

    fn learn_exts(&mut self) {
        self.ext_kinds = [None; 16];
        for (kind, id) in self.spec.exts.iter() {
            if let Some(place) = self.ext_kinds.get_mut(usize::from(id)) {
                *place = Some(kind);
            }
        }
    }

    /// The kind of a header extension of this source.
    pub(super) fn ext_kind(&self, id: u8) -> Option<ExtKind> {
        match self.ext_kinds.get(usize::from(id)) {
            Some(kind) => *kind,
            None => self.spec.exts.kind(id),
        }
    }

    pub(super) const fn is_audio(&self) -> bool {
        matches!(self.spec.codec.kind(), MediaKind::Audio)
    }

    /// The layer that holds the packets of a layer: with SVC the lowest one, else itself.
    pub(super) const fn stream_of(&self, layer: u8) -> usize {
        if self.spec.svc { 0 } else { layer as usize }
    }

    /// The layer of a packet that comes in the stream of `layer` and says of itself `descriptor`.
    pub(super) fn layer_of(&self, layer: u8, descriptor: Option<&Descriptor>) -> u8 {
        match descriptor.and_then(Descriptor::sublayer) {
            Some(sublayer) if self.spec.svc => sublayer.spatial.min(last_index(self.layers.len())),
            _ => layer,
        }
    }

    /// A packet of a layer came; which layers that makes active. With SVC all are at first: those that do not come are soon
    /// found silent, while those that come only with the next packets would each cost a keyframe.
    pub(super) fn wake(&mut self, index: u8, now: Micros) -> std::ops::Range<u8> {
        if self.layers[usize::from(index)].active {
            return 0..0;
        }
        if !self.spec.svc || self.layers.iter().any(|layer| layer.active) {
            self.layers[usize::from(index)].active = true;
            return index..index + 1;
        }
        for layer in &mut self.layers {
            layer.active = true;
            layer.last_packet = now;
        }
        0..last_index(self.layers.len()) + 1
    }

    /// Whether nothing comes of it any more.
    pub(super) fn fell_silent(&self) -> bool {
        let mut layers = self.layers.iter();
        layers.all(|layer| !layer.active) && self.layers.iter().any(|layer| layer.packets > 0)
    }

    /// Bits per second of each layer, with SVC those of the layers below included; `None` for one that cannot be had.
    pub(super) fn costs(&mut self, now: Micros) -> [Option<u64>; MAX_LAYERS] {
        // Before anything has come, all layers may still come.
        let any_active = self.layers.iter().any(|layer| layer.active);
        let (codec, svc) = (self.spec.codec, self.spec.svc);
        let mut costs = [None; MAX_LAYERS];
        let mut below = 0;
        for (cost, layer) in costs.iter_mut().zip(&mut self.layers) {
            if !layer.active && any_active {
                continue;
            }
            if !svc {
                *cost = Some(layer.cost(now, codec));
                continue;
            }
            below = match layer.rate.bits_per_second(now) {
                0 => layer.announced(codec).max(below),
                measured => below + measured,
            };
            *cost = Some(below);
        }
        costs
    }

    /// Bits per second of the lowest layer without its upper temporal layers, if it has any that can be dropped.
    pub(super) fn thinned_cost(&mut self, now: Micros) -> Option<u64> {
        let layer = self.layers.first_mut().filter(|layer| self.spec.svc && layer.active)?;
        let (thinned, whole) = (layer.thinned_rate.bits_per_second(now), layer.rate.bits_per_second(now));
        (thinned > 0 && thinned < whole).then_some(thinned)
    }

    /// The lowest layer whose picture fills a tile of that size, the highest for an unknown size.
    pub(super) fn layer_for(&self, width: u32, height: u32) -> u8 {
        let top = last_index(self.layers.len());
        if width == 0 || height == 0 {
            return top;
        }
        // Orientation aside, and a twentieth too small is near enough.
        let least = u64::from(width.min(height)) * 95;
        (0..=top)
            .find(|index| {
                let spec = &self.layers[usize::from(*index)].spec;
                spec.width != 0 && u64::from(spec.width.min(spec.height)) * 100 >= least
            })
            .unwrap_or(top)
    }

    /// What to tell the publisher about the highest layer wanted, if anything.
    pub(super) fn wish(&mut self, now: Micros) -> Option<Option<u8>> {
        let highest = self.wanted;
        let wish = &mut self.wish;
        let lower = wish.told.map_or(highest.is_none(), |told| highest < told);
        if !lower {
            wish.lower_since = None;
            if wish.told == Some(highest) {
                return None;
            }
            (wish.told, wish.told_at) = (Some(highest), now);
            return Some(highest);
        }
        let since = *wish.lower_since.get_or_insert(now);
        if now < since + DOWN_AFTER {
            return None;
        }
        wish.lower_since = None;
        (wish.told, wish.told_at) = (Some(highest), now);
        Some(highest)
    }

    /// What was told last of the highest layer wanted, and when.
    pub(super) fn told(&self) -> Option<(Option<u8>, Micros)> {
        Some((self.wish.told?, self.wish.told_at))
    }

    /// Finds layers that have stopped, and calls `stopped` with each.
    pub(super) fn find_silent(&mut self, now: Micros, mut stopped: impl FnMut(u8)) {
        for index in 0..self.layers.len() {
            let (lower, rest) = self.layers.split_at_mut(index);
            let layer = &mut rest[0];
            if !layer.active || now <= layer.last_packet + LAYER_SILENT {
                continue;
            }
            let others_go_on = packets(lower) >= layer.lower_packets + LOWER_PACKETS;
            if others_go_on || now > layer.last_packet + SILENT {
                layer.active = false;
                stopped(last_index(index + 1));
            }
        }
    }

    /// A packet of `index` came: later silence of higher layers is counted from it.
    pub(super) fn heard(&mut self, index: u8, now: Micros) {
        let (lower, rest) = self.layers.split_at_mut(usize::from(index));
        rest[0].last_packet = now;
        rest[0].packets += 1;
        rest[0].lower_packets = packets(lower);
    }
}

fn make_layer(index: usize, layer: LayerSpec, spec: &SourceSpec, config: &Config) -> Layer {
    if spec.svc && index > 0 {
        Layer::within(layer)
    } else {
        Layer::new(layer, spec.codec, config.cache_bytes)
    }
}

/// Packets of all these layers so far.
fn packets(layers: &[Layer]) -> u64 {
    layers.iter().map(|layer| layer.packets).sum()
}

fn last_index(len: usize) -> u8 {
    u8::try_from(len.saturating_sub(1)).expect("at most MAX_LAYERS")
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::types::{Codec, ExtMap, Mid, Pt};

    #[expect(
        clippy::disallowed_methods,
        reason = "any instant will do as the start of the virtual clock"
    )]
    fn source() -> Source {
        let layer = |width, height| LayerSpec {
            width,
            height,
            ..LayerSpec::default()
        };
        let spec = SourceSpec {
            codec: Codec::Vp8,
            pt: Pt(96),
            rtx_pt: None,
            red_pt: None,
            mid: Mid::new(b"0").expect("a name"),
            layers: vec![layer(320, 180), layer(640, 360), layer(1280, 720)],
            exts: ExtMap::new(),
            svc: false,
            nack: true,
            muted: false,
            floor: None,
        };
        Source::new(0, SourceId(1), 0, spec, &Config::new(Instant::now(), 0, 1))
    }

    #[test]
    fn a_tile_gets_the_lowest_layer_that_fills_it() {
        let source = source();
        assert_eq!(source.layer_for(0, 0), 2);
        assert_eq!(source.layer_for(300, 170), 0);
        assert_eq!(source.layer_for(330, 186), 0);
        assert_eq!(source.layer_for(480, 270), 1);
        assert_eq!(source.layer_for(1920, 1080), 2);
        assert_eq!(source.layer_for(180, 320), 0);
    }

    #[test]
    fn wishes_go_up_at_once_and_down_after_four_seconds() {
        let mut source = source();
        let second = 1_000_000;
        let mut wish = |now, highest| {
            source.wanted = highest;
            source.wish(now)
        };
        assert_eq!(wish(second, Some(0)), Some(Some(0)));
        assert_eq!(wish(second, Some(2)), Some(Some(2)));
        assert_eq!(wish(2 * second, None), None);
        assert_eq!(wish(5 * second, Some(2)), None);
        assert_eq!(wish(6 * second, Some(1)), None);
        assert_eq!(wish(10 * second, Some(1)), Some(Some(1)));
        assert_eq!(wish(11 * second, None), None);
        assert_eq!(wish(15 * second, None), Some(None));
    }

    #[test]
    fn a_layer_has_stopped_when_lower_ones_go_on_without_it() {
        let mut source = source();
        for layer in 0..3 {
            source.layers[layer].active = true;
        }
        let mut now = 1_000_000;
        let mut stopped = Vec::new();
        for i in 0..60 {
            now += 33_000;
            source.heard(0, now);
            if i < 10 {
                source.heard(1, now);
                source.heard(2, now);
            }
            source.find_silent(now, |layer| stopped.push((layer, i)));
        }
        assert_eq!(stopped.iter().map(|(layer, _)| *layer).collect::<Vec<_>>(), [1, 2]);
        assert!(stopped.iter().all(|(_, i)| (28..36).contains(i)), "{stopped:?}");
    }
}
