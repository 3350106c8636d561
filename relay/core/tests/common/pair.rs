//! Two relays on one virtual clock, joined by a modelled link.

use std::time::Duration;

use relay_core::{
    forward::{
        Command, SourceSpec, Want,
        mesh::{Clock, Keyframe, Message, Nack, Packet, Wish},
    },
    link::{Link, LinkConfig},
    types::{Codec, ExtMap, SinkId, SourceId, TransportId},
};

use super::{World, publisher::Publisher};

/// What crosses a link, kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Crossed {
    Packet {
        source: SourceId,
        layer: u8,
        seq: u64,
        timestamp: u32,
        marker: bool,
        again: bool,
        exts: Vec<u8>,
        payload: Vec<u8>,
    },
    Clock(Clock),
    Wish(Wish),
    Nack {
        source: SourceId,
        layer: u8,
        seqs: Vec<u64>,
    },
    Keyframe(Keyframe),
}

impl From<Message<'_>> for Crossed {
    fn from(message: Message<'_>) -> Self {
        match message {
            Message::Packet(packet) => Self::Packet {
                source: packet.source,
                layer: packet.layer,
                seq: packet.seq,
                timestamp: packet.timestamp,
                marker: packet.marker,
                again: packet.again,
                exts: packet.exts.to_vec(),
                payload: packet.payload.to_vec(),
            },
            Message::Clock(clock) => Self::Clock(clock),
            Message::Wish(wish) => Self::Wish(wish),
            Message::Nack(nack) => Self::Nack {
                source: nack.source,
                layer: nack.layer,
                seqs: nack.seqs.to_vec(),
            },
            Message::Keyframe(keyframe) => Self::Keyframe(keyframe),
        }
    }
}

impl Crossed {
    pub fn message(&self) -> Message<'_> {
        match self {
            Self::Packet {
                source,
                layer,
                seq,
                timestamp,
                marker,
                again,
                exts,
                payload,
            } => Message::Packet(Packet {
                source: *source,
                layer: *layer,
                seq: *seq,
                timestamp: *timestamp,
                marker: *marker,
                again: *again,
                exts,
                payload,
            }),
            Self::Clock(clock) => Message::Clock(*clock),
            Self::Wish(wish) => Message::Wish(*wish),
            Self::Nack { source, layer, seqs } => Message::Nack(Nack {
                source: *source,
                layer: *layer,
                seqs,
            }),
            Self::Keyframe(keyframe) => Message::Keyframe(*keyframe),
        }
    }

    /// Bytes of a plain encoding, about.
    fn len(&self) -> usize {
        match self {
            Self::Packet { exts, payload, .. } => 22 + exts.len() + payload.len(),
            Self::Nack { seqs, .. } => 8 + 4 * seqs.len(),
            _ => 20,
        }
    }
}

/// The publishers' relay, the subscribers' relay, and the link between them.
pub struct Pair {
    pub near: World,
    pub far: World,
    pub there: Link<Crossed>,
    pub back: Link<Crossed>,
    /// All that was sent from near to far.
    pub sent: Vec<(Duration, Crossed)>,
    /// All that was sent from far to near.
    pub answered: Vec<(Duration, Crossed)>,
    pub near_link: TransportId,
    pub far_link: TransportId,
}

impl Pair {
    pub fn new(seed: u64, link: LinkConfig) -> Self {
        let mut near = World::new(seed);
        let mut far = World::beginning(near.start, seed + 1_000);
        let near_link = TransportId(near.next_id());
        let far_link = TransportId(far.next_id() + 500);
        near.command(Command::TransportAdd { id: near_link });
        far.command(Command::TransportAdd { id: far_link });
        Self {
            near,
            far,
            there: Link::new(seed + 2_000, link),
            back: Link::new(seed + 3_000, link),
            sent: Vec::new(),
            answered: Vec::new(),
            near_link,
            far_link,
        }
    }

    /// Publishes at the near relay; returns the track's names there and at the far relay.
    pub fn publish(&mut self, model: Publisher, link: LinkConfig) -> (SourceId, SourceId) {
        let spec = SourceSpec {
            exts: ExtMap::new(),
            nack: true,
            ..model.spec()
        };
        let origin = self.near.publish(model, link);
        let id = SourceId(self.far.next_id() + 700);
        self.near.command(Command::OfferAdd {
            source: origin,
            link: self.near_link,
        });
        self.far.command(Command::RemoteAdd {
            id,
            link: self.far_link,
            origin,
            spec,
        });
        (origin, id)
    }

    /// Adds a subscriber of one track at the far relay.
    pub fn watch(&mut self, source: SourceId, codec: Codec, want: Want, link: LinkConfig) -> (usize, SinkId) {
        let subscriber = self.far.join(link);
        let sink = self.far.subscribe(subscriber, source, codec, want);
        (subscriber, sink)
    }

    /// Mutes or unmutes the `n`-th publisher, whose track has those names; the far relay hears of it as late as of all else.
    pub fn mute(&mut self, n: usize, (origin, remote): (SourceId, SourceId), muted: bool) {
        self.near.publishers[n].model.silent = muted;
        self.near.command(Command::SourceMute {
            id: origin,
            muted,
            ordered: false,
        });
        self.run(self.there.config().delay);
        self.far.command(Command::SourceMute {
            id: remote,
            muted,
            ordered: false,
        });
    }

    /// Changes the link both ways.
    pub fn configure(&mut self, link: LinkConfig) {
        self.there.configure(link);
        self.back.configure(link);
    }

    /// Lets time pass.
    pub fn run(&mut self, span: Duration) {
        let end = self.near.now + span;
        self.carry();
        while let Some(at) = self.next_event().filter(|at| *at <= end) {
            self.near.now = self.near.now.max(at);
            self.far.now = self.near.now;
            let now = self.near.now;
            while let Some(crossed) = self.there.receive(now) {
                self.far.shard.handle_mesh(now, self.far_link, crossed.message());
            }
            while let Some(crossed) = self.back.receive(now) {
                self.near.shard.handle_mesh(now, self.near_link, crossed.message());
            }
            self.near.step();
            self.far.step();
            self.carry();
        }
        self.near.now = end;
        self.far.now = end;
    }

    fn next_event(&self) -> Option<std::time::Instant> {
        let links = [self.there.next_arrival(), self.back.next_arrival()];
        let worlds = [self.near.next_event(), self.far.next_event()];
        links.into_iter().chain(worlds).flatten().min()
    }

    /// Puts what the shards gave out on the link.
    fn carry(&mut self) {
        let (now, at) = (self.near.now, self.near.elapsed());
        for (_, crossed) in self.near.collector.crossed.drain(..) {
            self.there.send(now, crossed.len(), crossed.clone());
            self.sent.push((at, crossed));
        }
        for (_, crossed) in self.far.collector.crossed.drain(..) {
            self.back.send(now, crossed.len(), crossed.clone());
            self.answered.push((at, crossed));
        }
    }

    /// Packets of each layer of a track that crossed from `from` on, those sent again left out.
    pub fn layers_crossed(&self, of: SourceId, from: Duration) -> [usize; 3] {
        let mut counts = [0; 3];
        for (at, crossed) in &self.sent {
            if let Crossed::Packet {
                source,
                layer,
                again: false,
                ..
            } = crossed
                && *source == of
                && *at >= from
            {
                counts[usize::from(*layer)] += 1;
            }
        }
        counts
    }

    /// Keyframe requests that came to the `n`-th publisher for its layer.
    pub fn requests(&self, n: usize, layer: usize) -> u32 {
        self.near.publishers[n].model.layers[layer].requests
    }
}
