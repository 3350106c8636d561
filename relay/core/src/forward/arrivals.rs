//! When packets of a publisher arrived, for transport-wide feedback to it.

use super::clock::Micros;
use crate::{rtcp::twcc, rtp::ExtendedSeq};

/// Numbers remembered; a publisher sends fewer between two feedback messages.
const KEPT: u64 = 2048;

/// A ring of arrival times by transport-wide number.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    seq: ExtendedSeq,
    /// 0 for what has not arrived.
    times: Vec<Micros>,
    /// The first number to tell about.
    next: u64,
    number: u8,
    scratch: Vec<Option<u64>>,
}

impl Arrivals {
    /// A packet with that number arrived.
    pub(super) fn add(&mut self, now: Micros, seq: u16) {
        if self.times.is_empty() {
            self.times.resize(index(KEPT - 1) + 1, 0);
            self.scratch.reserve(twcc::MAX_TOLD);
        }
        let before = self.seq.highest();
        let number = self.seq.extend(seq);
        let Some(before) = before else {
            self.next = number;
            self.times[index(number)] = now;
            return;
        };
        if number > before {
            if number - before >= KEPT / 2 {
                // A jump: what lies between is of no interest.
                self.times.fill(0);
                self.next = number;
            }
            for skipped in before + 1..number.min(before + KEPT) {
                self.times[index(skipped)] = 0;
            }
        } else if before - number >= KEPT / 2 {
            return;
        }
        self.times[index(number)] = now;
        // One that comes late is told about with its neighbours again.
        self.next = self
            .next
            .min(number)
            .max(self.seq.highest().unwrap_or(0).saturating_sub(KEPT / 2));
    }

    /// Whether there is anything to tell.
    pub(super) fn is_due(&self) -> bool {
        self.seq.highest().is_some_and(|highest| highest >= self.next)
    }

    /// Appends one feedback message about what has not been told; whether there was anything.
    pub(super) fn feedback(&mut self, out: &mut Vec<u8>, sender: u32, media: u32) -> bool {
        let Some(highest) = self.seq.highest().filter(|highest| *highest >= self.next) else {
            return false;
        };
        let end = highest.min(self.next + twcc::MAX_TOLD as u64 - 1);
        self.scratch.clear();
        let times = &self.times;
        self.scratch.extend((self.next..=end).map(|number| {
            let at = times[index(number)];
            (at != 0).then_some(at)
        }));
        let base = u16::try_from(self.next & 0xffff).expect("masked");
        let told = twcc::write(out, sender, media, self.number, base, &self.scratch);
        self.number = self.number.wrapping_add(1);
        if told == 0 {
            // Nothing but losses in a full message: they are past telling.
            self.next = end + 1;
            return self.is_due();
        }
        self.next += told as u64;
        true
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number % KEPT).expect("below a usize")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rtcp::{Compound, RtcpPacket};

    fn told(arrivals: &mut Arrivals) -> Vec<(u16, bool)> {
        let mut out = Vec::new();
        while arrivals.is_due() {
            arrivals.feedback(&mut out, 1, 2);
        }
        Compound::new(&out)
            .flat_map(|packet| match packet {
                RtcpPacket::TransportFeedback(feedback) => feedback
                    .packets()
                    .map(|packet| (packet.seq, packet.at_us.is_some()))
                    .collect::<Vec<_>>(),
                other => panic!("only feedback is written, not {other:?}"),
            })
            .collect()
    }

    #[test]
    fn losses_and_late_packets_are_told() {
        let mut arrivals = Arrivals::default();
        for seq in [65_534, 65_535, 1] {
            arrivals.add(2_000_000, seq);
        }
        assert_eq!(
            told(&mut arrivals),
            [(65_534, true), (65_535, true), (0, false), (1, true)]
        );
        assert!(!arrivals.is_due());
        arrivals.add(2_050_000, 0);
        assert_eq!(told(&mut arrivals), [(0, true), (1, true)]);
    }

    proptest! {
        #[test]
        fn any_numbers_are_told_and_never_for_ever(seqs in proptest::collection::vec(any::<u16>(), 1..300)) {
            let mut arrivals = Arrivals::default();
            for (seq, now) in seqs.iter().zip(1_u64..) {
                arrivals.add(now * 1_000, *seq);
            }
            let told = told(&mut arrivals);
            prop_assert!(told.len() <= 4096);
            prop_assert!(!arrivals.is_due());
        }
    }
}
