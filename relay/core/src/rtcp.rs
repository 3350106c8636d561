//! RTCP as bytes: reports (RFC 3550 §6.4), feedback (RFC 4585, RFC 5104) and transport-wide congestion control.

mod feedback;
mod report;
pub mod twcc;
pub mod write;

pub use feedback::{FirEntries, NackSeqs};
pub use report::{ReportBlock, ReportBlocks};

/// One packet of a compound, read in place.
#[derive(Debug, Clone)]
pub enum RtcpPacket<'a> {
    /// What a sender says about its stream.
    SenderReport {
        /// The stream.
        ssrc: u32,
        /// Wall clock of the sender, 32.32 NTP.
        ntp: u64,
        /// The stream's timestamp at that time.
        timestamp: u32,
        /// What it receives.
        blocks: ReportBlocks<'a>,
    },
    /// What a receiver says.
    ReceiverReport {
        /// What it receives.
        blocks: ReportBlocks<'a>,
    },
    /// Packets that are missing (RFC 4585 §6.2.1).
    Nack {
        /// The stream they are missing from.
        media: u32,
        /// Their sequence numbers.
        seqs: NackSeqs<'a>,
    },
    /// Arrival times (transport-wide congestion control).
    TransportFeedback(twcc::Feedback<'a>),
    /// A keyframe is needed (RFC 4585 §6.3.1).
    Pli {
        /// Of which stream.
        media: u32,
    },
    /// A keyframe is demanded (RFC 5104 §4.3.1).
    Fir(FirEntries<'a>),
    /// A receiver's estimate of its bandwidth (REMB).
    Remb {
        /// Bits per second.
        bits_per_second: u64,
    },
    /// Streams have ended. Nothing here needs to know which.
    Bye,
    /// Anything else that is well formed.
    Other,
}

/// The packets of a compound, up to the first malformed one. Reduced-size RTCP (RFC 5506) is accepted.
#[derive(Debug, Clone)]
pub struct Compound<'a>(&'a [u8]);

impl<'a> Compound<'a> {
    /// Reads `bytes` as they are asked for.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

impl<'a> Iterator for Compound<'a> {
    type Item = RtcpPacket<'a>;

    fn next(&mut self) -> Option<RtcpPacket<'a>> {
        let (head, rest) = self.0.split_first_chunk::<4>()?;
        let len = usize::from(u16::from_be_bytes([head[2], head[3]])) * 4;
        let (body, behind) = rest.split_at_checked(len)?;
        self.0 = behind;
        if head[0] >> 6 != 2 {
            self.0 = &[];
            return None;
        }
        let mut body = body;
        if head[0] & 0x20 != 0 {
            let padding = usize::from(*body.last()?);
            body = body.get(..body.len().checked_sub(padding)?)?;
        }
        let packet = one(head[0] & 0x1f, head[1], body);
        if packet.is_none() {
            self.0 = &[];
        }
        packet
    }
}

fn one(count: u8, kind: u8, body: &[u8]) -> Option<RtcpPacket<'_>> {
    Some(match (kind, count) {
        (200, _) => {
            let (head, rest) = body.split_first_chunk::<24>()?;
            RtcpPacket::SenderReport {
                ssrc: word(head, 0),
                ntp: u64::from(word(head, 4)) << 32 | u64::from(word(head, 8)),
                timestamp: word(head, 12),
                blocks: ReportBlocks::new(count, rest),
            }
        }
        (201, _) => {
            let (_, rest) = body.split_first_chunk::<4>()?;
            RtcpPacket::ReceiverReport {
                blocks: ReportBlocks::new(count, rest),
            }
        }
        (203, _) => RtcpPacket::Bye,
        (205 | 206, _) => {
            let (head, rest) = body.split_first_chunk::<8>()?;
            let media = word(head, 4);
            match (kind, count) {
                (205, 1) => RtcpPacket::Nack {
                    media,
                    seqs: NackSeqs::new(rest),
                },
                (205, 15) => RtcpPacket::TransportFeedback(twcc::Feedback::parse(rest)?),
                (206, 1) => RtcpPacket::Pli { media },
                (206, 4) => RtcpPacket::Fir(FirEntries::new(rest)),
                (206, 15) => feedback::remb(rest).map_or(RtcpPacket::Other, |bits_per_second| RtcpPacket::Remb {
                    bits_per_second,
                }),
                _ => RtcpPacket::Other,
            }
        }
        _ => RtcpPacket::Other,
    })
}

/// The big-endian word at `at`, which must lie inside.
fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drain(bytes: &[u8]) -> usize {
        let mut items = 0;
        for packet in Compound::new(bytes) {
            items += match packet {
                RtcpPacket::SenderReport { blocks, .. } | RtcpPacket::ReceiverReport { blocks } => blocks.count(),
                RtcpPacket::Nack { seqs, .. } => seqs.count(),
                RtcpPacket::TransportFeedback(feedback) => feedback.packets().count(),
                RtcpPacket::Fir(entries) => entries.count(),
                _ => 1,
            };
        }
        items
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            drain(&bytes);
        }

        #[test]
        fn any_body_ends(kind in 199_u8..208, count in 0_u8..32, words in 0_usize..40, fill in any::<u64>()) {
            let mut bytes = vec![0x80 | count, kind, 0, u8::try_from(words).expect("small")];
            bytes.extend((0..words * 4).map(|i| u8::try_from(fill.rotate_left(u32::try_from(i * 7).expect("small")) & 0xff).expect("masked")));
            prop_assert!(drain(&bytes) <= 70_000);
        }
    }

    #[test]
    fn a_malformed_packet_ends_the_compound() {
        let mut bytes = Vec::new();
        write::pli(&mut bytes, 1, 2);
        let one = bytes.clone();
        bytes.extend([0x80, 200, 0, 1, 0, 0, 0, 0]);
        bytes.extend(&one);
        assert_eq!(Compound::new(&bytes).count(), 1);
    }
}
