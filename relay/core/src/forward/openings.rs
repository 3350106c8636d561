//! The first packets of streams that their receiver has not reported on yet. It knows nothing of what was sent before the first
//! packet that came, and asks for none of it; a keyframe that lost its beginning would be asked for as a whole, and come late.
//! What is lost of it shows in the transport-wide feedback, and is sent again unasked.

use crate::rtcp::twcc::Feedback;

/// Packets remembered for one transport.
const MOST: usize = 64;
/// Packets that one feedback message may tell of: with those remembered it is a bound on its cost.
const MOST_TOLD: usize = 512;

/// A packet under way.
#[derive(Debug, Clone, Copy)]
struct Opening {
    /// Its transport-wide number.
    number: u16,
    /// Key of the sink.
    sink: u32,
    /// Its number in the sink's stream.
    seq: u64,
}

/// What was sent to one transport and not told of yet.
#[derive(Debug, Default)]
pub(super) struct Openings(Vec<Opening>);

impl Openings {
    /// A packet goes out, for the first time or again.
    pub(super) fn sent(&mut self, number: u16, sink: u32, seq: u64) {
        if self.0.len() < MOST {
            self.0.push(Opening { number, sink, seq });
        }
    }

    /// Hands out sink and number of what a message says is lost, or is silent about as it begins behind it.
    pub(super) fn told(&mut self, feedback: &Feedback<'_>, mut lost: impl FnMut(u32, u64)) {
        if self.0.is_empty() {
            return;
        }
        self.0.retain(|opening| {
            let before = opening.number.wrapping_sub(feedback.base) >= 1 << 15;
            if before {
                lost(opening.sink, opening.seq);
            }
            !before
        });
        for arrival in feedback.packets().take(MOST_TOLD) {
            let Some(place) = self.0.iter().position(|opening| opening.number == arrival.seq) else {
                continue;
            };
            let opening = self.0.remove(place);
            if arrival.at_us.is_none() {
                lost(opening.sink, opening.seq);
            }
        }
    }

    /// Forgets what was sent for a sink.
    pub(super) fn forget(&mut self, sink: u32) {
        self.0.retain(|opening| opening.sink != sink);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtcp::{Compound, RtcpPacket, twcc};

    fn told(openings: &mut Openings, base: u16, arrived: &[bool]) -> Vec<(u32, u64)> {
        let times: Vec<_> = arrived.iter().map(|arrived| arrived.then_some(64_000)).collect();
        let mut bytes = Vec::new();
        twcc::write(&mut bytes, 1, 0, 0, base, &times);
        let mut lost = Vec::new();
        for packet in Compound::new(&bytes) {
            if let RtcpPacket::TransportFeedback(feedback) = packet {
                openings.told(&feedback, |sink, seq| lost.push((sink, seq)));
            }
        }
        lost
    }

    #[test]
    fn what_is_lost_or_lies_before_the_first_that_came_is_told_once() {
        let mut openings = Openings::default();
        for n in 0..8_u16 {
            openings.sent(n.wrapping_sub(3), u32::from(n % 2), 100 + u64::from(n));
        }
        openings.forget(1);
        // Left are the numbers 65,533, 65,535, 1 and 3.
        let lost = told(&mut openings, 65_534, &[true, true, true, false]);
        assert_eq!(lost, [(0, 100), (0, 104)]);
        assert_eq!(told(&mut openings, 3, &[true]), []);
        assert_eq!(told(&mut openings, 4, &[true]), []);
    }

    #[test]
    fn no_more_are_remembered_than_one_message_may_cost() {
        let mut openings = Openings::default();
        for n in 0..1_000 {
            openings.sent(n, 0, u64::from(n));
        }
        assert_eq!(told(&mut openings, 1_000, &[true]).len(), MOST);
    }
}
