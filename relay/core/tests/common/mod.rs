//! A meeting on a virtual clock: publishers and subscribers as browsers behave, joined to one shard by modelled links.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

pub mod assembly;
pub mod decoder;
pub mod fan_out;
pub mod hall;
pub mod heads;
pub mod pair;
pub mod publisher;
pub mod subscriber;

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

pub use pair::Crossed;
use publisher::Publisher;
pub use publisher::exts;
use relay_core::{
    forward::{Command, Config, Event, Gap, Outgoing, Shard, SinkSpec, TapSpec, Tapped, Transmit, Want, mesh::Message},
    link::{Link, LinkConfig},
    rtp::nal_units,
    types::{Codec, ExtKind, ExtMap, Mid, Pt, SinkId, SourceId, Ssrc, TapId, TransportId},
};
use subscriber::Subscriber;

pub const MS: Duration = Duration::from_millis(1);
pub const SECOND: Duration = Duration::from_secs(1);

/// A link that loses nothing and carries all.
pub const NEAR: LinkConfig = LinkConfig {
    delay: Duration::from_millis(10),
    jitter: Duration::from_millis(2),
    loss: 0.0,
    burst: 1.0,
    reorder: 0.0,
    reorder_by: Duration::from_millis(20),
    rate: None,
    queue_bytes: 65_536,
    overhead_bytes: 28,
    black_out: false,
};

/// What a subscriber with a tile of that width wants.
pub fn tile(width: u32) -> Want {
    Want {
        width,
        height: width * 9 / 16,
        ..Want::default()
    }
}

/// What travels over a link.
#[derive(Debug, Clone)]
pub enum Datagram {
    Rtp(Vec<u8>),
    Rtcp(Vec<u8>),
}

impl Datagram {
    fn len(&self) -> usize {
        match self {
            Self::Rtp(bytes) | Self::Rtcp(bytes) => bytes.len(),
        }
    }
}

/// What a tap handed out, kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handed {
    Picture {
        layer: u8,
        timestamp: u64,
        ntp: Option<u64>,
        keyframe: bool,
        units: Vec<Vec<u8>>,
    },
    Sound {
        timestamp: u64,
        ntp: Option<u64>,
        ticks: u32,
        data: Vec<u8>,
    },
    Gap(Gap),
}

impl From<Tapped<'_>> for Handed {
    fn from(what: Tapped<'_>) -> Self {
        match what {
            Tapped::Picture(picture) => Self::Picture {
                layer: picture.layer,
                timestamp: picture.timestamp,
                ntp: picture.ntp,
                keyframe: picture.unit.keyframe,
                units: nal_units(picture.unit.data).map(<[u8]>::to_vec).collect(),
            },
            Tapped::Sound(sound) => Self::Sound {
                timestamp: sound.timestamp,
                ntp: sound.ntp,
                ticks: sound.ticks,
                data: sound.data.to_vec(),
            },
            Tapped::Gap(gap) => Self::Gap(gap),
        }
    }
}

/// A client and its two links.
pub struct Client<T> {
    pub id: TransportId,
    pub model: T,
    pub up: Link<Datagram>,
    pub down: Link<Datagram>,
}

/// Other ids for the same extensions, so that remapping shows.
pub fn sink_exts() -> ExtMap {
    [
        (ExtKind::AudioLevel, 8),
        (ExtKind::TransportCc, 9),
        (ExtKind::Mid, 5),
        (ExtKind::AbsSendTime, 6),
        (ExtKind::DependencyDescriptor, 7),
    ]
    .into_iter()
    .collect()
}

/// Takes what the shard gives out, and holds it to its promise: no (SSRC, index) twice on a transport.
#[derive(Default)]
pub struct Collector {
    pub out: Vec<(TransportId, Datagram)>,
    pub tapped: Vec<(TapId, Handed)>,
    pub crossed: Vec<(TransportId, Crossed)>,
    used: HashMap<(TransportId, u32), Used>,
}

#[derive(Default)]
struct Used {
    numbers: std::collections::HashSet<u64>,
    highest: u64,
}

impl Transmit for Collector {
    fn rtp(&mut self, packet: Outgoing<'_>) {
        let mut bytes = packet.header.to_vec();
        bytes.extend(packet.payload[0]);
        bytes.extend(packet.payload[1]);
        let ssrc = u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
        assert_eq!(
            u16::from_be_bytes([bytes[2], bytes[3]]),
            u16::try_from(packet.index & 0xffff).expect("masked"),
            "the index ends in the sequence number"
        );
        let used = self.used.entry((packet.to, ssrc)).or_default();
        assert!(
            used.numbers.insert(packet.index),
            "index {} of {ssrc} twice",
            packet.index
        );
        assert!(
            used.highest == 0 || packet.index + 2_048 > used.highest,
            "numbers do not start over"
        );
        used.highest = used.highest.max(packet.index);
        self.out.push((packet.to, Datagram::Rtp(bytes)));
    }

    fn rtcp(&mut self, to: TransportId, compound: &[u8]) {
        assert!(compound.len() <= 1_400, "RTCP fits a datagram");
        self.out.push((to, Datagram::Rtcp(compound.to_vec())));
    }

    fn mesh(&mut self, link: TransportId, message: Message<'_>) {
        self.crossed.push((link, message.into()));
    }

    fn tapped(&mut self, tap: TapId, what: Tapped<'_>) {
        self.tapped.push((tap, what.into()));
    }
}

/// The shard and all clients.
pub struct World {
    pub now: Instant,
    pub start: Instant,
    pub shard: Shard,
    pub publishers: Vec<Client<Publisher>>,
    pub subscribers: Vec<Client<Subscriber>>,
    pub events: Vec<(Duration, Event)>,
    pub tapped: Vec<(Duration, TapId, Handed)>,
    pub collector: Collector,
    seed: u64,
    ids: u32,
}

impl World {
    #[allow(
        clippy::disallowed_methods,
        reason = "any instant will do as the start of the virtual clock"
    )]
    pub fn new(seed: u64) -> Self {
        Self::beginning(Instant::now(), seed)
    }

    /// One whose clock begins at `start`.
    pub fn beginning(start: Instant, seed: u64) -> Self {
        Self {
            now: start,
            start,
            shard: Shard::new(Config::new(start, 0xe800_0000 << 32, seed)),
            publishers: Vec::new(),
            subscribers: Vec::new(),
            events: Vec::new(),
            tapped: Vec::new(),
            collector: Collector::default(),
            seed,
            ids: 0,
        }
    }

    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    pub fn command(&mut self, command: Command) {
        self.shard.handle_command(self.now, command);
        self.flush();
    }

    pub fn next_id(&mut self) -> u32 {
        self.ids += 1;
        self.ids
    }

    /// Adds a publisher of one track; both links alike.
    pub fn publish(&mut self, model: Publisher, link: LinkConfig) -> SourceId {
        let id = TransportId(self.next_id());
        self.command(Command::TransportAdd { id });
        self.publish_on(id, model, link)
    }

    /// Another track of that publisher, which nobody asks for anything.
    pub fn publish_beside(&mut self, publisher: usize, model: Publisher) -> SourceId {
        self.publish_on(self.publishers[publisher].id, model, NEAR)
    }

    fn publish_on(&mut self, id: TransportId, mut model: Publisher, link: LinkConfig) -> SourceId {
        let source = SourceId(self.next_id());
        let spec = model.spec();
        model.start(self.now);
        self.command(Command::SourceAdd {
            id: source,
            transport: id,
            spec,
        });
        self.seed += 2;
        self.publishers.push(Client {
            id,
            model,
            up: Link::new(self.seed, link),
            down: Link::new(self.seed + 1, link),
        });
        source
    }

    /// Adds a subscriber without tracks; the loss and rate of `down` only towards it.
    pub fn join(&mut self, down: LinkConfig) -> usize {
        let id = TransportId(self.next_id());
        self.command(Command::TransportAdd { id });
        self.command(Command::TransportConnected { id });
        let up = LinkConfig { rate: None, ..down };
        self.seed += 2;
        self.subscribers.push(Client {
            id,
            model: Subscriber::new(self.now),
            up: Link::new(self.seed, up),
            down: Link::new(self.seed + 1, down),
        });
        self.subscribers.len() - 1
    }

    /// Has a subscriber get a source.
    pub fn subscribe(&mut self, subscriber: usize, source: SourceId, codec: Codec, want: Want) -> SinkId {
        let number = self.next_id();
        let id = SinkId(number);
        let spec = self.sink_spec(number, codec);
        let client = &mut self.subscribers[subscriber];
        client.model.expect(self.now, number * 1_000, codec);
        let transport = client.id;
        self.command(Command::SinkAdd {
            id,
            transport,
            source,
            spec,
            want,
        });
        id
    }

    /// Has a source handed out whole.
    pub fn tap(&mut self, source: SourceId, spec: TapSpec) -> TapId {
        let id = TapId(self.next_id());
        self.command(Command::TapAdd { id, source, spec });
        id
    }

    /// What a tap handed out so far, and when.
    pub fn handed(&self, tap: TapId) -> impl Iterator<Item = (Duration, &Handed)> {
        let of = move |(_, id, _): &&(Duration, TapId, Handed)| *id == tap;
        self.tapped.iter().filter(of).map(|(at, _, what)| (*at, what))
    }

    /// How sink `number` is sent.
    pub fn sink_spec(&self, number: u32, codec: Codec) -> SinkSpec {
        let video = codec != Codec::Opus;
        SinkSpec {
            ssrc: Ssrc(number * 1_000),
            rtx_ssrc: video.then_some(Ssrc(number * 1_000 + 1)),
            pt: Pt(if video { 120 } else { 109 }),
            rtx_pt: video.then_some(Pt(121)),
            red_pt: (!video).then_some(Pt(110)),
            exts: sink_exts(),
            mid: Mid::new(number.to_string().as_bytes()).expect("a short number"),
            is_screen: false,
            allow_pause: true,
        }
    }

    pub fn ssrc(sink: SinkId) -> u32 {
        sink.0 * 1_000
    }

    /// Lets time pass.
    pub fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(at) = self.next_event().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.step();
        }
        self.now = end;
    }

    pub fn next_event(&self) -> Option<Instant> {
        let publishers = self.publishers.iter().flat_map(|client| {
            [
                client.up.next_arrival(),
                client.down.next_arrival(),
                Some(client.model.next_event()),
            ]
        });
        let subscribers = self.subscribers.iter().flat_map(|client| {
            [
                client.up.next_arrival(),
                client.down.next_arrival(),
                Some(client.model.next_event()),
            ]
        });
        publishers
            .chain(subscribers)
            .chain([self.shard.poll_timeout()])
            .flatten()
            .min()
    }

    pub fn step(&mut self) {
        let now = self.now;
        for client in &mut self.publishers {
            while let Some(datagram) = client.down.receive(now) {
                if let Datagram::Rtcp(bytes) = datagram {
                    client.model.handle_rtcp(now, &bytes);
                }
            }
            for datagram in client.model.send(now) {
                client.up.send(now, datagram.len(), datagram);
            }
            while let Some(datagram) = client.up.receive(now) {
                give(&mut self.shard, now, client.id, &datagram);
            }
        }
        for client in &mut self.subscribers {
            while let Some(datagram) = client.down.receive(now) {
                client.model.handle(now, &datagram);
            }
            for datagram in client.model.send(now) {
                client.up.send(now, datagram.len(), datagram);
            }
            while let Some(datagram) = client.up.receive(now) {
                give(&mut self.shard, now, client.id, &datagram);
            }
        }
        self.shard.handle_timeout(now);
        self.flush();
    }

    pub fn flush(&mut self) {
        self.shard.transmit(self.now, &mut self.collector);
        for (to, datagram) in self.collector.out.drain(..) {
            let down = self
                .publishers
                .iter_mut()
                .find(|client| client.id == to)
                .map(|client| &mut client.down)
                .or_else(|| {
                    self.subscribers
                        .iter_mut()
                        .find(|client| client.id == to)
                        .map(|client| &mut client.down)
                });
            if let Some(down) = down {
                down.send(self.now, datagram.len(), datagram);
            }
        }
        let at = self.now - self.start;
        self.tapped
            .extend(self.collector.tapped.drain(..).map(|(tap, what)| (at, tap, what)));
        while let Some(event) = self.shard.poll_event() {
            self.events.push((self.now - self.start, event));
        }
    }
}

fn give(shard: &mut Shard, now: Instant, from: TransportId, datagram: &Datagram) {
    match datagram {
        Datagram::Rtp(bytes) => shard.handle_rtp(now, from, bytes),
        Datagram::Rtcp(bytes) => shard.handle_rtcp(now, from, bytes),
    }
}
