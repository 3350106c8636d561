//! One client connection: streams coming in, sinks going out, and what both share.

use super::{
    Config,
    arrivals::Arrivals,
    bwe::Estimator,
    clock::Micros,
    losses::Losses,
    openings::Openings,
    pacer::{Pace, Pacer},
    tick::next_quality,
};
use crate::{intmap::IntMap, types::TransportId};

/// Sender reports remembered to measure the round trip by.
const REPORTS: usize = 8;
/// Round trip assumed before one is measured.
const DEFAULT_RTT: Micros = 100_000;

/// How long a link that was full is treated with care,
const OVERUSED: Micros = 20_000_000;
/// and the least estimate, bits per second, at which it gets pictures no faster: below, a keyframe would take too long.
const LEAST_GENTLE: u64 = 500_000;

/// What an SSRC that arrives stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stream {
    /// Key of the source.
    pub(super) source: u32,
    pub(super) layer: u8,
    /// An RTX stream.
    pub(super) repairs: bool,
}

/// State of one transport.
#[derive(Debug)]
pub(super) struct Transport {
    pub(super) id: TransportId,
    pub(super) connected: bool,
    /// Keys of the sources that arrive on it.
    pub(super) sources: Vec<u32>,
    /// Keys of the sinks that leave on it.
    pub(super) sinks: Vec<u32>,
    /// Keys of the sources that are offered to the relay at its other end.
    pub(super) offered: Vec<u32>,
    /// Keys of the sources that come from the relay at its other end, by what that one calls them.
    pub(super) remotes: IntMap<u32>,
    /// How far the publisher's wall clock is ahead of ours, wrapping, in units of 2^-32 s; by any of its reports.
    pub(super) ahead: Option<u64>,
    /// Known SSRCs that arrive; at most two per layer.
    pub(super) streams: IntMap<Stream>,
    /// Sinks by the SSRCs that we send, RTX included.
    pub(super) sink_of: IntMap<u32>,
    /// Where the numbers of SSRCs went on that are not sent any more: they never start over.
    pub(super) retired: IntMap<u64>,
    /// Id of the transport-wide number in what arrives, 0 for none.
    pub(super) feedback_ext: u8,
    pub(super) arrivals: Arrivals,
    pub(super) pacer: Pacer,
    pub(super) estimator: Estimator,
    pub(super) openings: Openings,
    /// What the subscriber's reports say of loss.
    pub(super) losses: Losses,
    /// Whether anything that is sent carries the transport-wide number.
    pub(super) numbered: bool,
    pub(super) numbered_since: Micros,
    /// In the list of transports that have something to send.
    pub(super) ready: bool,
    /// When to look at it, while it is in that list.
    pub(super) due: Micros,
    /// Whether it only waits for the rest of a picture, and not for the pacer.
    pub(super) held: bool,
    /// In the list of transports whose layers must be chosen again.
    pub(super) unsettled: bool,
    /// Bits per second if everybody's wish were met.
    pub(super) wanted: u64,
    /// Whether somebody's wish was not met.
    pub(super) constrained: bool,
    /// Copies of sound that stop no picture.
    pub(super) most_copies: u8,
    /// When layers were chosen last.
    pub(super) chosen_at: Micros,
    pub(super) told_estimate: u64,
    pub(super) rtt: Option<Micros>,
    /// The shortest round trip.
    pub(super) least_rtt: Option<Micros>,
    pub(super) next_feedback: Micros,
    pub(super) next_report: Micros,
    pub(super) next_choice: Micros,
    pub(super) next_quality: Micros,
    pub(super) quality: Quality,
    reports: [(u32, Micros); REPORTS],
    reports_next: usize,
}

/// What the next quality event is made of.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Quality {
    pub(super) expected: u64,
    pub(super) lost: u64,
    /// Sum and count of the fractions in reports, in 256ths.
    pub(super) fractions: u32,
    pub(super) reports: u32,
    pub(super) media: bool,
}

/// Copies of earlier sound that a packet carries at most.
pub(super) const MAX_COPIES: u8 = 2;

impl Transport {
    pub(super) fn new(id: TransportId, now: Micros, config: &Config) -> Self {
        // Spread over the second, so that not all reports of a shard fall together.
        let phase = Micros::from(id.0.wrapping_mul(0x9e37_79b9) >> 12) % 1_000_000;
        Self {
            id,
            connected: false,
            sources: Vec::new(),
            sinks: Vec::new(),
            offered: Vec::new(),
            remotes: IntMap::default(),
            ahead: None,
            streams: IntMap::default(),
            sink_of: IntMap::default(),
            retired: IntMap::default(),
            feedback_ext: 0,
            arrivals: Arrivals::default(),
            pacer: Pacer::default(),
            estimator: Estimator::new(config.initial_bitrate, config.max_bitrate),
            openings: Openings::default(),
            losses: Losses::default(),
            numbered: false,
            numbered_since: 0,
            ready: false,
            due: 0,
            held: false,
            unsettled: false,
            wanted: 0,
            constrained: false,
            most_copies: MAX_COPIES,
            chosen_at: 0,
            told_estimate: 0,
            rtt: None,
            least_rtt: None,
            next_feedback: now,
            next_report: now + phase,
            next_choice: now + phase % 100_000,
            next_quality: next_quality(now),
            quality: Quality::default(),
            reports: [(0, 0); REPORTS],
            reports_next: 0,
        }
    }

    /// The round trip, or what it is taken for.
    pub(super) fn rtt_or_default(&self) -> Micros {
        self.rtt.unwrap_or(DEFAULT_RTT)
    }

    /// Whether its client never tells what arrives.
    fn is_deaf(&self, now: Micros) -> bool {
        !self.estimator.is_measured() && (!self.numbered || now > self.numbered_since + 5_000_000)
    }

    /// Bits per second that may be spent on it; for a client that never tells what arrives, unlimited but for its losses.
    pub(super) fn budget(&self, now: Micros) -> u64 {
        if self.is_deaf(now) {
            self.estimator.by_loss().unwrap_or(u64::MAX / 4)
        } else {
            self.estimator.target()
        }
    }

    /// Its client reports that share of a stream lost, in 256ths. True when less is to be sent from now on.
    pub(super) fn loss_reported(&mut self, now: Micros, fraction: u8, is_audio: bool) -> bool {
        let is_deaf = self.is_deaf(now);
        // All that is wanted is sent where nothing else is known.
        let sent = if is_deaf {
            self.budget(now).min(self.wanted)
        } else {
            self.estimator.target()
        };
        // What sound loses of its few packets says little of pictures, which are all that can be less.
        let counts = sent > 0 && !(is_deaf && is_audio);
        counts && self.estimator.report_loss(now, fraction, sent)
    }

    /// How fast pictures may go.
    pub(super) fn pace(&self, now: Micros) -> Pace {
        let overused_at = self.estimator.overused_at();
        let overused = overused_at != 0 && now < overused_at + OVERUSED;
        let estimate = self.estimator.target();
        if self.estimator.was_exceeded(now, OVERUSED) && estimate >= LEAST_GENTLE {
            Pace::Gentle(estimate.max(self.estimator.prober.rate()))
        } else if overused || self.constrained {
            Pace::Ordinary
        } else {
            Pace::Relaxed
        }
    }

    /// Whether enough is known of the link to stop pictures on it.
    pub(super) const fn may_pause(&self, now: Micros) -> bool {
        // What is sent on a dark link tells when it is back.
        let measured = self.estimator.is_measured() && now > self.numbered_since + 1_500_000;
        !self.estimator.is_dark() && (measured || self.estimator.overused_at() != 0)
    }

    /// Copies of earlier sound that each packet of it carries. Where pictures have to do with less, sound may not double.
    pub(super) fn sound_copies(&self, now: Micros) -> u8 {
        let most = if self.constrained { 1 } else { MAX_COPIES };
        self.losses.level(now).min(most).min(self.most_copies)
    }

    /// A sender report with that middle of its NTP time goes out.
    pub(super) const fn report_sent(&mut self, now: Micros, middle: u32) {
        self.reports[self.reports_next] = (middle, now);
        self.reports_next = (self.reports_next + 1) % REPORTS;
    }

    /// A report answers one of ours after `delay` in 65,536ths of a second.
    pub(super) fn report_answered(&mut self, now: Micros, middle: u32, delay: u32) {
        let Some((_, at)) = self.reports.iter().find(|(sent, at)| *sent == middle && *at != 0) else {
            return;
        };
        let held = Micros::from(delay) * 1_000_000 / 65_536;
        let sample = now.saturating_sub(*at).saturating_sub(held).clamp(1_000, 5_000_000);
        self.least_rtt = Some(self.least_rtt.map_or(sample, |least| least.min(sample)));
        self.rtt = Some(self.rtt.map_or(sample, |rtt| (rtt * 3 + sample) / 4));
    }
}
