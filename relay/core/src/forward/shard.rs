//! The shard: one owner of sources, sinks and transports.

use std::{collections::VecDeque, time::Instant};

use slab::Slab;

use super::{
    Command, Config, Delays, Event, Transmit,
    allocate::Demand,
    bwe::Acked,
    clock::{Clock, Micros},
    mesh::{Crossings, Message},
    outbox::Outbox,
    ready::Ready,
    sink::Sink,
    source::Source,
    tap::Tap,
    transport::Transport,
};
use crate::{intmap::IntMap, random::Random, types::TransportId};

/// Forwards packets between transports. See the [module](super) for how it is driven.
#[derive(Debug)]
pub struct Shard {
    pub(super) config: Config,
    pub(super) clock: Clock,
    pub(super) random: Random,
    pub(super) sources: Slab<Source>,
    pub(super) sinks: Slab<Sink>,
    pub(super) transports: Slab<Transport>,
    pub(super) taps: Slab<Tap>,
    pub(super) source_keys: IntMap<u32>,
    pub(super) sink_keys: IntMap<u32>,
    pub(super) transport_keys: IntMap<u32>,
    /// Keys of the microphones that have a place, by floor.
    pub(super) floors: IntMap<Vec<u32>>,
    pub(super) tap_keys: IntMap<u32>,
    /// Transports with something to send.
    pub(super) ready: Ready,
    /// Transports whose layers must be chosen again.
    pub(super) unsettled: Vec<u32>,
    pub(super) outbox: Outbox,
    pub(super) crossings: Crossings,
    pub(super) events: VecDeque<Event>,
    pub(super) next_tick: Micros,
    /// When transports are due for what they do by the clock, by their keys. Apart from them: each tick looks at all of these.
    pub(super) due: Vec<Micros>,
    pub(super) next_window: Micros,
    pub(super) last_packet: Micros,
    pub(super) stats: Stats,
    pub(super) scratch: Scratch,
}

/// Buffers that are used again and again.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) seqs: Vec<u16>,
    pub(super) demands: Vec<Demand>,
    pub(super) grants: Vec<Option<u8>>,
    pub(super) keys: Vec<u32>,
    pub(super) ready: Vec<u32>,
    pub(super) stranded: Vec<u32>,
    pub(super) acked: Vec<Acked>,
    /// Layers that taps need a keyframe of, with the keys of their sources.
    pub(super) needed: Vec<(u32, u8)>,
}

/// Counters since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// RTP packets taken in, RTX and padding included.
    pub packets_in: u64,
    /// RTP packets that belonged to no source, were malformed or came twice.
    pub packets_dropped: u64,
    /// RTP packets given out, RTX and padding included.
    pub packets_out: u64,
    /// Their bytes, headers included.
    pub bytes_out: u64,
    /// Packets given out again because a subscriber asked.
    pub retransmitted: u64,
    /// Packets of padding given out to find bandwidth.
    pub padding: u64,
    /// Keyframe requests sent to publishers.
    pub keyframe_requests: u64,
    /// Streams that went on with another layer, or after a stop.
    pub switches: u64,
    /// Packets that subscribers asked for again.
    pub asked_by_subscribers: u64,
    /// Packets that publishers were asked for again.
    pub asked_of_publishers: u64,
    /// Keyframes that subscribers asked for.
    pub keyframes_asked: u64,
    /// Packets expected of publishers, as of the last quality event of each.
    pub expected: u64,
    /// Those of them that never came, even when asked for.
    pub lost: u64,
    /// From the arrival of a packet to its first sending to a subscriber: the time that the pacer and the rest of a picture
    /// take. What newcomers are given from the cache is not in it.
    pub delays: Delays,
    /// Those of them that the pacer's budget did not hold back.
    pub delays_unpaced: Delays,
}

impl Shard {
    /// A shard without transports.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            clock: Clock::new(config.start, config.start_ntp),
            random: Random::new(config.seed),
            config,
            sources: Slab::new(),
            sinks: Slab::new(),
            transports: Slab::new(),
            taps: Slab::new(),
            source_keys: IntMap::default(),
            sink_keys: IntMap::default(),
            transport_keys: IntMap::default(),
            floors: IntMap::default(),
            tap_keys: IntMap::default(),
            ready: Ready::default(),
            unsettled: Vec::new(),
            outbox: Outbox::default(),
            crossings: Crossings::default(),
            events: VecDeque::new(),
            next_tick: 0,
            due: Vec::new(),
            next_window: 0,
            last_packet: 0,
            stats: Stats::default(),
            scratch: Scratch::default(),
        }
    }

    /// Carries out what room control says.
    pub fn handle_command(&mut self, now: Instant, command: Command) {
        let now = self.clock.micros(now);
        self.obey(now, command);
        self.settle(now);
    }

    /// Takes one RTP packet as SRTP gave it: header, extensions, payload. Anything malformed is dropped.
    pub fn handle_rtp(&mut self, now: Instant, from: TransportId, packet: &[u8]) {
        let now = self.clock.micros(now);
        self.stats.packets_in += 1;
        self.last_packet = now;
        if self.receive(now, from, packet).is_none() {
            self.stats.packets_dropped += 1;
        }
        if !self.unsettled.is_empty() {
            self.settle(now);
        }
    }

    /// Takes one compound RTCP packet as SRTCP gave it. Anything malformed is dropped.
    pub fn handle_rtcp(&mut self, now: Instant, from: TransportId, compound: &[u8]) {
        let now = self.clock.micros(now);
        self.read_rtcp(now, from, compound);
        self.settle(now);
    }

    /// Takes what came over a link from another relay. Anything that does not fit is dropped.
    pub fn handle_mesh(&mut self, now: Instant, from: TransportId, message: Message<'_>) {
        let now = self.clock.micros(now);
        let is_packet = matches!(message, Message::Packet(_));
        if is_packet {
            self.stats.packets_in += 1;
            self.last_packet = now;
        }
        if self.take_mesh(now, from, &message).is_none() && is_packet {
            self.stats.packets_dropped += 1;
        }
        if !self.unsettled.is_empty() {
            self.settle(now);
        }
    }

    /// When [`Shard::handle_timeout`] and then [`Shard::transmit`] must be called at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.transports.is_empty() {
            return None;
        }
        let at = self.ready.due().map_or(self.next_tick, |due| due.min(self.next_tick));
        Some(self.clock.instant(at))
    }

    /// Does what is due: feedback, repeated requests, estimates, layer choice.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.clock.micros(now);
        if now >= self.next_tick {
            self.tick(now);
            self.settle(now);
        }
    }

    /// Gives out what may be sent now, one subscriber after the other. To be called after each batch of input of
    /// any kind, and after [`Shard::handle_timeout`].
    pub fn transmit(&mut self, now: Instant, out: &mut impl Transmit) {
        let now = self.clock.micros(now);
        if !self.taps.is_empty() {
            self.drain_taps(now, out);
        }
        self.outbox.flush(out);
        self.crossings.flush(&self.sources, out);
        self.drain(now, out);
    }

    /// The next thing that room control should know.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Counters since the start.
    #[must_use]
    pub const fn stats(&self) -> Stats {
        self.stats
    }

    /// Bits per second that a subscriber's link is taken to carry, for metrics.
    #[must_use]
    pub fn estimate(&self, transport: TransportId) -> Option<u64> {
        let key = self.transport_keys.get(&transport.0)?;
        Some(self.transports[*key as usize].estimator.target())
    }
}
