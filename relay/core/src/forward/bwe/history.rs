//! What was sent under which transport-wide number.

use super::Acked;
use crate::{forward::clock::Micros, rtcp::twcc::Feedback};

/// Packets remembered at most: more than two seconds at 10 Mbit/s,
const KEPT: usize = 2048;
/// and at first. Few links have more under way, and what is written again soon is still in the processor's caches.
const KEPT_AT_FIRST: usize = 256;
/// Of what is remembered so much may be under way before more is remembered: feedback may come late, and twice.
const SHARE_UNDER_WAY: u64 = 4;
/// Notes that are fetched ahead: two lines of a cache.
const FETCHED: usize = 8;

/// A pause in sending after which earlier packets are past telling.
const PAUSE: Micros = 200_000;
/// Packets that must be outstanding, and over which time, to mean anything.
const MIN_OUTSTANDING: u64 = 10;
const MIN_SPAN: Micros = 300_000;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Free,
    UnderWay,
    Lost,
    Arrived,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sent {
    at: Micros,
    bytes: u16,
    cluster: u8,
    state: State,
}

/// A ring of the packets sent last.
#[derive(Debug, Default)]
pub(super) struct History {
    /// As many as a power of two, once anything was sent.
    sent: Vec<Sent>,
    next: u64,
    /// Behind the highest number that feedback spoke of.
    told: u64,
}

impl History {
    pub(super) fn push(&mut self, now: Micros, bytes: usize, cluster: u8) -> u16 {
        let number = self.next;
        let kept = self.sent.len();
        if kept < KEPT && (number - self.told) * SHARE_UNDER_WAY >= kept as u64 {
            self.grow();
        }
        // After a pause what was sent before it is past telling: a lost tail is never spoken of.
        if number > 0 && now > self.at(number - 1) + PAUSE {
            self.told = number;
        }
        self.next += 1;
        *self.entry(number) = Sent {
            at: now,
            bytes: u16::try_from(bytes).unwrap_or(u16::MAX),
            cluster,
            state: State::UnderWay,
        };
        u16::try_from(number & 0xffff).expect("masked")
    }

    /// Where the next packets will be noted.
    pub(super) fn next(&self) -> &[Sent] {
        let place = index(self.next, self.sent.len().max(1));
        self.sent
            .get(place..)
            .map_or(&[], |ahead| &ahead[..ahead.len().min(FETCHED)])
    }

    fn grow(&mut self) {
        let kept = self.sent.len();
        let more = (kept * 2).max(KEPT_AT_FIRST);
        let mut larger = vec![Sent::default(); more];
        for number in self.next.saturating_sub(kept as u64)..self.next {
            larger[index(number, more)] = *self.entry(number);
        }
        self.sent = larger;
    }

    fn entry(&mut self, number: u64) -> &mut Sent {
        let index = index(number, self.sent.len());
        &mut self.sent[index]
    }

    fn at(&self, number: u64) -> Micros {
        self.sent[index(number, self.sent.len())].at
    }

    /// What was sent until now lies in no queue, whether it is spoken of or not.
    pub(super) const fn start_over(&mut self) {
        self.told = self.next;
    }

    /// Appends what newly arrived; returns how many packets sent after `since` are newly known to be lost.
    pub(super) fn acknowledge(&mut self, feedback: &Feedback<'_>, since: Micros, acked: &mut Vec<Acked>) -> usize {
        let mut lost = 0;
        let kept = self.sent.len();
        // A message may claim to tell about 65,535 packets; we remember fewer.
        for arrival in feedback.packets().take(kept) {
            let Some(highest) = self.next.checked_sub(1) else {
                break;
            };
            let low = u16::try_from(highest & 0xffff).expect("masked");
            let back = u64::from(low.wrapping_sub(arrival.seq));
            let Some(number) = highest.checked_sub(back).filter(|_| back < kept as u64) else {
                continue;
            };
            self.told = self.told.max(number + 1);
            let sent = self.entry(number);
            match (sent.state, arrival.at_us) {
                (State::UnderWay | State::Lost, Some(received)) => {
                    sent.state = State::Arrived;
                    acked.push(Acked {
                        sent: sent.at,
                        received,
                        bytes: sent.bytes,
                        cluster: sent.cluster,
                    });
                }
                (State::UnderWay, None) => {
                    sent.state = State::Lost;
                    lost += usize::from(sent.at > since);
                }
                _ => {}
            }
        }
        lost
    }

    /// When the oldest packet was sent that no feedback spoke of; `None` unless enough were sent after it to tell a
    /// full queue from a lost tail.
    pub(super) fn outstanding_since(&self) -> Option<Micros> {
        let oldest = self.told.max(self.next.saturating_sub(self.sent.len() as u64));
        if self.next < oldest + MIN_OUTSTANDING {
            return None;
        }
        let (since, until) = (self.at(oldest), self.at(self.next - 1));
        (until > since + MIN_SPAN).then_some(since)
    }
}

/// The place of a number in a ring of `kept`, a power of two.
fn index(number: u64, kept: usize) -> usize {
    usize::try_from(number & (kept as u64 - 1)).expect("below a usize")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtcp::{Compound, RtcpPacket, twcc};

    /// How many packets feedback finds that tells of the last `told` of `sent`, none of which was told of before.
    fn found(sent: u64, told: u16) -> usize {
        let mut history = History::default();
        for number in 0..sent {
            history.push(1 + number * 1_000, 1_000, 0);
        }
        let base = u16::try_from((sent - u64::from(told)) & 0xffff).expect("masked");
        let mut acked = Vec::new();
        for first in (0..told).step_by(twcc::MAX_TOLD) {
            let arrivals: Vec<_> = (first..told)
                .map(|at| Some(1_000_000 + u64::from(at) * 1_000))
                .collect();
            let mut message = Vec::new();
            twcc::write(&mut message, 1, 2, 0, base.wrapping_add(first), &arrivals);
            for packet in Compound::new(&message) {
                if let RtcpPacket::TransportFeedback(feedback) = packet {
                    history.acknowledge(&feedback, 0, &mut acked);
                }
            }
        }
        // Each as it was sent.
        for (acked, number) in acked.iter().zip(sent - u64::from(told)..) {
            assert_eq!(acked.sent, 1 + number * 1_000);
        }
        acked.len()
    }

    #[test]
    fn all_that_is_under_way_is_remembered_up_to_the_bound() {
        for told in [60, 300, 1_500, 2_048] {
            assert_eq!(found(u64::from(told), told), usize::from(told));
        }
        assert_eq!(found(70_000, 2_048), 2_048);
    }
}
