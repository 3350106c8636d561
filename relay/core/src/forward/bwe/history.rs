//! What was sent under which transport-wide number.

use super::Acked;
use crate::{forward::clock::Micros, rtcp::twcc::Feedback};

/// Packets remembered: more than two seconds at 10 Mbit/s.
const KEPT: u64 = 2048;

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
struct Sent {
    at: Micros,
    bytes: u16,
    cluster: u8,
    state: State,
}

/// A ring of the packets sent last.
#[derive(Debug, Default)]
pub(super) struct History {
    sent: Vec<Sent>,
    next: u64,
    /// Behind the highest number that feedback spoke of.
    told: u64,
}

impl History {
    pub(super) fn push(&mut self, now: Micros, bytes: usize, cluster: u8) -> u16 {
        if self.sent.is_empty() {
            self.sent.resize(usize::try_from(KEPT).expect("small"), Sent::default());
        }
        let number = self.next;
        // After a pause what was sent before it is past telling: a lost tail is never spoken of.
        if number > 0 && now > self.sent[index(number - 1)].at + PAUSE {
            self.told = number;
        }
        self.next += 1;
        self.sent[index(number)] = Sent {
            at: now,
            bytes: u16::try_from(bytes).unwrap_or(u16::MAX),
            cluster,
            state: State::UnderWay,
        };
        u16::try_from(number & 0xffff).expect("masked")
    }

    /// What was sent until now lies in no queue, whether it is spoken of or not.
    pub(super) const fn start_over(&mut self) {
        self.told = self.next;
    }

    /// Appends what newly arrived; returns how many packets sent after `since` are newly known to be lost.
    pub(super) fn acknowledge(&mut self, feedback: &Feedback<'_>, since: Micros, acked: &mut Vec<Acked>) -> usize {
        let mut lost = 0;
        // A message may claim to tell about 65,535 packets; we remember fewer.
        for arrival in feedback.packets().take(index(KEPT - 1) + 1) {
            let Some(highest) = self.next.checked_sub(1) else {
                break;
            };
            let low = u16::try_from(highest & 0xffff).expect("masked");
            let back = u64::from(low.wrapping_sub(arrival.seq));
            let Some(number) = highest.checked_sub(back).filter(|_| back < KEPT) else {
                continue;
            };
            self.told = self.told.max(number + 1);
            let sent = &mut self.sent[index(number)];
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
        let oldest = self.told.max(self.next.saturating_sub(KEPT));
        if self.next < oldest + MIN_OUTSTANDING {
            return None;
        }
        let (since, until) = (self.sent[index(oldest)].at, self.sent[index(self.next - 1)].at);
        (until > since + MIN_SPAN).then_some(since)
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number % KEPT).expect("below a usize")
}
