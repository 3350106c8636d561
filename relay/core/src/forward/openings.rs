//! The first packets of streams that their receiver has not reported on yet. It knows nothing of what was sent before the first
//! packet that came, and asks for none of it; a keyframe that lost its beginning would be asked for as a whole, and come late.
//! What is lost of it shows in the transport-wide feedback, and is sent again unasked.

use crate::rtcp::twcc::Feedback;

/// Packets remembered for one transport,
const MOST: usize = 64;
/// and for one sink.
const MOST_OF_ONE: usize = 16;
/// Packets that one feedback message may tell of.
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
pub(super) struct Openings {
    /// In the order in which they went out, the last time.
    sent: Vec<Opening>,
    /// Number of the last feedback message.
    heard: Option<u8>,
}

impl Openings {
    /// A packet goes out, for the first time or again.
    pub(super) fn sent(&mut self, number: u16, sink: u32, seq: u64) {
        self.sent.retain(|opening| (opening.sink, opening.seq) != (sink, seq));
        let of_one = self.sent.iter().filter(|opening| opening.sink == sink).count();
        if self.sent.len() < MOST && of_one < MOST_OF_ONE {
            self.sent.push(Opening { number, sink, seq });
        }
    }

    /// Hands out sink and number of what a message says is lost. The first message begins at the first packet that came, and
    /// what was sent before that is lost; a message that does not follow the last one leaves open what lies between them.
    pub(super) fn told(&mut self, feedback: &Feedback<'_>, mut lost: impl FnMut(u32, u64)) {
        let follows = self.heard.is_none_or(|heard| heard.wrapping_add(1) == feedback.number);
        self.heard = Some(feedback.number);
        if self.sent.is_empty() {
            return;
        }
        let mut arrivals = feedback.packets().take(MOST_TOLD);
        let mut passed = 0;
        self.sent.retain(|opening| {
            let ahead = opening.number.wrapping_sub(feedback.base);
            let told = if ahead >= 1 << 15 {
                Some(!follows)
            } else {
                // Both are in order.
                let next = usize::from(ahead).checked_sub(passed).map(|skip| arrivals.nth(skip));
                passed = passed.max(usize::from(ahead) + 1);
                next.flatten().map(|arrival| arrival.at_us.is_some())
            };
            if told == Some(false) {
                lost(opening.sink, opening.seq);
            }
            told.is_none()
        });
    }

    /// Forgets what was sent for a sink.
    pub(super) fn forget(&mut self, sink: u32) {
        self.sent.retain(|opening| opening.sink != sink);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtcp::{Compound, RtcpPacket, twcc};

    fn told(openings: &mut Openings, number: u8, base: u16, arrived: &[bool]) -> Vec<(u32, u64)> {
        let times: Vec<_> = arrived.iter().map(|arrived| arrived.then_some(64_000)).collect();
        let mut bytes = Vec::new();
        twcc::write(&mut bytes, 1, 0, number, base, &times);
        let mut lost = Vec::new();
        for packet in Compound::new(&bytes) {
            if let RtcpPacket::TransportFeedback(feedback) = packet {
                openings.told(&feedback, |sink, seq| lost.push((sink, seq)));
            }
        }
        lost
    }

    fn opened(numbers: impl IntoIterator<Item = u16>) -> Openings {
        let mut openings = Openings::default();
        for number in numbers {
            openings.sent(number, u32::from(number % 4), u64::from(number));
        }
        openings
    }

    #[test]
    fn what_is_lost_or_lies_before_the_first_that_came_is_told_once() {
        let mut openings = opened([65_533, 65_534, 65_535, 0, 1, 2, 3, 4, 5, 9]);
        openings.forget(2);
        let lost = told(&mut openings, 7, 65_535, &[true, true, false, false, true, false]);
        assert_eq!(lost, [(1, 65_533), (1, 1), (0, 4)]);
        assert_eq!(told(&mut openings, 8, 5, &[true]), []);
        // Silence about the ninth is loss, as this message follows the last one.
        assert_eq!(told(&mut openings, 9, 10, &[true]), [(1, 9)]);
        assert_eq!(told(&mut openings, 10, 11, &[true]), []);
    }

    #[test]
    fn what_a_lost_message_spoke_of_is_not_taken_for_lost() {
        let mut openings = opened(0..8);
        assert_eq!(told(&mut openings, 0, 0, &[true, true]), []);
        assert_eq!(told(&mut openings, 2, 6, &[true, false]), [(3, 7)]);
        assert_eq!(told(&mut openings, 3, 8, &[true]), []);
    }

    #[test]
    fn of_what_was_sent_again_the_last_time_counts() {
        let mut openings = opened(0..2);
        openings.sent(2, 0, 0);
        assert_eq!(told(&mut openings, 0, 0, &[true, false]), [(1, 1)]);
        assert_eq!(told(&mut openings, 1, 2, &[false, true]), [(0, 0)]);
    }

    #[test]
    fn one_stream_leaves_places_to_others() {
        let mut openings = Openings::default();
        for seq in 0..100 {
            for sink in 0..10_u16 {
                openings.sent(seq * 10 + sink, u32::from(sink), u64::from(seq));
            }
        }
        let lost = told(&mut openings, 0, 1_000, &[true]);
        assert_eq!(lost.len(), MOST);
        assert!((0..10).all(|sink| lost.iter().any(|(of, _)| *of == sink)));
        let mut openings = Openings::default();
        for seq in 0..100 {
            openings.sent(seq, 5, u64::from(seq));
        }
        assert_eq!(told(&mut openings, 0, 100, &[true]).len(), MOST_OF_ONE);
    }
}
