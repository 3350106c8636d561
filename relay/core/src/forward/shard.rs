//! The shard: one owner of sources, sinks and transports.

use std::time::Instant;

use super::{Command, Config, Event, Transmit};
use crate::types::TransportId;

/// Forwards packets between transports. See the [module](super) for how it is driven.
#[derive(Debug)]
pub struct Shard {
    config: Config,
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
    /// Their payload bytes.
    pub bytes_out: u64,
    /// Packets given out again because a subscriber asked.
    pub retransmitted: u64,
    /// Keyframe requests sent to publishers.
    pub keyframe_requests: u64,
}

impl Shard {
    /// A shard without transports.
    #[must_use]
    pub const fn new(config: Config) -> Self {
        Self { config }
    }

    /// Carries out what room control says.
    pub fn handle_command(&mut self, now: Instant, command: Command) {
        let _ = (now, command, &self.config);
    }

    /// Takes one RTP packet as SRTP gave it: header, extensions, payload. Anything malformed is dropped.
    pub fn handle_rtp(&mut self, now: Instant, from: TransportId, packet: &[u8]) {
        let _ = (now, from, packet);
    }

    /// Takes one compound RTCP packet as SRTCP gave it. Anything malformed is dropped.
    pub fn handle_rtcp(&mut self, now: Instant, from: TransportId, compound: &[u8]) {
        let _ = (now, from, compound);
    }

    /// When [`Shard::handle_timeout`] and then [`Shard::transmit`] must be called at the latest.
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Does what is due: feedback, repeated requests, estimates, layer choice.
    pub fn handle_timeout(&mut self, now: Instant) {
        let _ = now;
    }

    /// Gives out what may be sent now, one subscriber after the other.
    pub fn transmit(&mut self, now: Instant, out: &mut impl Transmit) {
        let _ = (now, out);
    }

    /// The next thing that room control should know.
    pub const fn poll_event(&mut self) -> Option<Event> {
        None
    }

    /// Counters since the start.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats::default()
    }
}
