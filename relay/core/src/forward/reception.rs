//! What we tell and know about a stream that we receive: losses and jitter (RFC 3550 §A.3, §A.8), rate, clock.

use super::clock::{Micros, ntp_middle, ntp_span, ticks};
use crate::{rtcp::ReportBlock, rtp::ExtendedSeq};

/// Losses and jitter of one stream.
#[derive(Debug, Default)]
pub(super) struct Reception {
    base: Option<u64>,
    highest: u64,
    received: u64,
    /// Of those, received only because they were sent again.
    repaired: u64,
    told_expected: u64,
    told_received: u64,
    jitter: f64,
    transit: Option<u32>,
}

impl Reception {
    /// A packet came for the first time.
    pub(super) fn received(&mut self, now: Micros, seq: u64, timestamp: u32, clock_rate: u32, again: bool) {
        let base = *self.base.get_or_insert(seq);
        // What was sent before the first packet that came is nobody's loss.
        if seq < base {
            return;
        }
        self.highest = self.highest.max(seq);
        if again {
            self.repaired += 1;
            return;
        }
        self.received += 1;
        let transit = ticks(now, clock_rate).wrapping_sub(timestamp);
        if let Some(last) = self.transit.replace(transit) {
            let change = f64::from(transit.wrapping_sub(last).cast_signed()).abs();
            // A jump of more than 10 s is another timeline, not jitter.
            if change < f64::from(clock_rate) * 10.0 {
                self.jitter += (change - self.jitter) / 16.0;
            }
        }
    }

    const fn expected(&self) -> u64 {
        match self.base {
            Some(base) => self.highest + 1 - base,
            None => 0,
        }
    }

    /// A report block about the time since the last one; `None` before the first packet.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "fields of the report have these widths"
    )]
    pub(super) fn report(&mut self, now: Micros, ssrc: u32, clock: &SenderClock) -> Option<ReportBlock> {
        self.base?;
        let expected = self.expected() - self.told_expected;
        let received = self.received - self.told_received;
        self.told_expected = self.expected();
        self.told_received = self.received;
        let lost = expected.saturating_sub(received);
        let (last_report, delay) = clock.last_report(now);
        Some(ReportBlock {
            ssrc,
            fraction_lost: (lost * 256).checked_div(expected).unwrap_or(0).min(255) as u8,
            lost: self.expected().saturating_sub(self.received).min(0x7f_ffff) as u32,
            highest: self.highest.wrapping_sub(ExtendedSeq::START) as u32,
            jitter: self.jitter as u32,
            last_report,
            delay,
        })
    }

    /// Packets expected, and packets that never came even when asked for.
    pub(super) const fn totals(&self) -> (u64, u64) {
        let expected = self.expected();
        (expected, expected.saturating_sub(self.received + self.repaired))
    }
}

/// The publisher's clock for one stream, from its sender reports.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct SenderClock {
    report: Option<Report>,
}

#[derive(Debug, Clone, Copy)]
struct Report {
    ntp: u64,
    timestamp: u32,
    at: Micros,
}

impl SenderClock {
    pub(super) const fn reported(&mut self, now: Micros, ntp: u64, timestamp: u32) {
        if ntp != 0 {
            self.report = Some(Report {
                ntp,
                timestamp,
                at: now,
            });
        }
    }

    /// The pair (NTP time, timestamp) that the publisher would report now.
    pub(super) fn now(&self, now: Micros, clock_rate: u32) -> Option<(u64, u32)> {
        let report = self.report?;
        let since = now.saturating_sub(report.at);
        Some((
            report.ntp.wrapping_add(ntp_span(since)),
            report.timestamp.wrapping_add(ticks(since, clock_rate)),
        ))
    }

    /// What must be added to a timestamp to put it on the timeline that all streams of the publisher share: its NTP
    /// clock in ticks of `clock_rate`.
    pub(super) fn to_shared(self, clock_rate: u32) -> Option<u32> {
        let report = self.report?;
        #[expect(clippy::cast_possible_truncation, reason = "timestamps wrap")]
        let shared = ((u128::from(report.ntp) * u128::from(clock_rate)) >> 32) as u32;
        Some(shared.wrapping_sub(report.timestamp))
    }

    /// The publisher's NTP time at a timestamp of the stream.
    pub(super) fn ntp_at(&self, timestamp: u32, clock_rate: u32) -> Option<u64> {
        let report = self.report?;
        let ticks = i64::from(timestamp.wrapping_sub(report.timestamp).cast_signed());
        Some(report.ntp.wrapping_add_signed((ticks << 32) / i64::from(clock_rate)))
    }

    fn last_report(&self, now: Micros) -> (u32, u32) {
        self.report.map_or((0, 0), |report| {
            (
                ntp_middle(report.ntp),
                ntp_middle(ntp_span(now.saturating_sub(report.at))),
            )
        })
    }
}

/// Bits per second over the last four seconds, in buckets of half a second: a keyframe hardly shows.
#[derive(Debug, Default)]
pub(super) struct RateMeter {
    buckets: [u64; BUCKETS as usize],
    bucket: u64,
    started: Micros,
}

const BUCKET: Micros = 500_000;
const BUCKETS: u64 = 8;

impl RateMeter {
    pub(super) fn add(&mut self, now: Micros, bytes: usize) {
        self.advance(now);
        self.buckets[self.index()] += bytes as u64;
        if self.started == 0 {
            self.started = now;
        }
    }

    /// Bits per second; over less time after a start it is scaled up.
    pub(super) fn bits_per_second(&mut self, now: Micros) -> u64 {
        self.advance(now);
        if self.started == 0 {
            return 0;
        }
        let span = now
            .saturating_sub(self.started)
            .clamp(BUCKET, (BUCKETS - 1) * BUCKET + now % BUCKET + 1);
        self.buckets.iter().sum::<u64>() * 8 * 1_000_000 / span
    }

    fn advance(&mut self, now: Micros) {
        let bucket = now / BUCKET;
        if bucket >= self.bucket + BUCKETS {
            self.buckets = [0; BUCKETS as usize];
            self.bucket = bucket;
            self.started = 0;
            return;
        }
        while self.bucket < bucket {
            self.bucket += 1;
            let index = self.index();
            self.buckets[index] = 0;
        }
    }

    fn index(&self) -> usize {
        usize::try_from(self.bucket % BUCKETS).expect("below 8")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_told_once_and_counted_for_ever() {
        let mut reception = Reception::default();
        let clock = SenderClock::default();
        for seq in (100..200).filter(|seq| seq % 4 != 0) {
            reception.received(seq * 20_000, ExtendedSeq::START + seq, 0, 48_000, false);
        }
        let block = reception.report(5_000_000, 1, &clock).expect("packets came");
        // 101 to 199, 24 of 99 missing.
        assert_eq!((block.fraction_lost, block.lost, block.highest), (62, 24, 199));
        let block = reception.report(6_000_000, 1, &clock).expect("packets came");
        assert_eq!((block.fraction_lost, block.lost), (0, 24));
        reception.received(6_000_000, ExtendedSeq::START + 104, 0, 48_000, true);
        assert_eq!(reception.totals(), (99, 23));
    }

    #[test]
    fn even_packets_have_no_jitter() {
        let mut reception = Reception::default();
        for i in 0_u32..100 {
            reception.received(
                1_000_000 + u64::from(i) * 20_000,
                u64::from(i) + 10,
                i * 960,
                48_000,
                false,
            );
        }
        assert!(reception.jitter < 2.0, "{}", reception.jitter);
    }

    #[test]
    fn streams_of_one_clock_meet_on_the_shared_timeline() {
        let mut a = SenderClock::default();
        let mut b = SenderClock::default();
        a.reported(10, 100 << 32, 5_000);
        b.reported(20, 101 << 32, 777);
        let shift_a = a.to_shared(90_000).expect("reported");
        let shift_b = b.to_shared(90_000).expect("reported");
        // One second later at the publisher.
        assert_eq!(
            (5_000_u32 + 90_000).wrapping_add(shift_a),
            777_u32.wrapping_add(shift_b)
        );
    }

    #[test]
    fn timestamps_have_the_publishers_time_on_either_side_of_a_report_and_of_a_wrap() {
        let mut clock = SenderClock::default();
        assert_eq!(clock.ntp_at(7, 90_000), None);
        clock.reported(10, 100 << 32, u32::MAX);
        assert_eq!(clock.ntp_at(44_999, 90_000), Some((100 << 32) + (1 << 31)));
        assert_eq!(clock.ntp_at(u32::MAX - 90_000, 90_000), Some(99 << 32));
    }

    #[test]
    fn a_steady_rate_is_measured() {
        let mut rate = RateMeter::default();
        for i in 0..300 {
            rate.add(1_000_000 + i * 10_000, 125);
        }
        let measured = rate.bits_per_second(4_000_000);
        assert!((95_000..105_000).contains(&measured), "{measured}");
        assert_eq!(rate.bits_per_second(9_000_000), 0);
    }
}
