//! Writing RTCP packets, each appended to a buffer so that compounds form.

use super::ReportBlock;

/// A receiver report; at most 31 blocks are taken.
pub fn receiver_report(out: &mut Vec<u8>, sender: u32, blocks: &[ReportBlock]) {
    let blocks = &blocks[..blocks.len().min(31)];
    head(out, count(blocks), 201, 1 + blocks.len() * 6);
    out.extend(sender.to_be_bytes());
    report_blocks(out, blocks);
}

/// What a sender report says of our stream.
#[derive(Debug, Clone, Copy)]
pub struct SenderInfo {
    /// The stream.
    pub ssrc: u32,
    /// Wall clock, 32.32 NTP.
    pub ntp: u64,
    /// The stream's timestamp at that time.
    pub timestamp: u32,
    /// Packets sent so far.
    pub packets: u32,
    /// Payload bytes sent so far.
    pub bytes: u32,
}

/// A sender report without report blocks.
pub fn sender_report(out: &mut Vec<u8>, info: &SenderInfo) {
    head(out, 0, 200, 6);
    out.extend(info.ssrc.to_be_bytes());
    out.extend(info.ntp.to_be_bytes());
    out.extend(info.timestamp.to_be_bytes());
    out.extend(info.packets.to_be_bytes());
    out.extend(info.bytes.to_be_bytes());
}

/// A NACK for sequence numbers in rising order (with wraps).
pub fn nack(out: &mut Vec<u8>, sender: u32, media: u32, seqs: &[u16]) {
    let start = out.len();
    head(out, 1, 205, 2);
    out.extend(sender.to_be_bytes());
    out.extend(media.to_be_bytes());
    let mut rest = seqs;
    while let Some((&base, behind)) = rest.split_first() {
        let mut mask = 0_u16;
        rest = behind;
        while let Some((&seq, behind)) = rest.split_first() {
            match seq.wrapping_sub(base) {
                distance @ 1..=16 => mask |= 1 << (distance - 1),
                0 => {}
                _ => break,
            }
            rest = behind;
        }
        out.extend(base.to_be_bytes());
        out.extend(mask.to_be_bytes());
    }
    close(out, start);
}

/// A request for a keyframe.
pub fn pli(out: &mut Vec<u8>, sender: u32, media: u32) {
    head(out, 1, 206, 2);
    out.extend(sender.to_be_bytes());
    out.extend(media.to_be_bytes());
}

fn count(blocks: &[ReportBlock]) -> u8 {
    u8::try_from(blocks.len()).expect("at most 31")
}

fn report_blocks(out: &mut Vec<u8>, blocks: &[ReportBlock]) {
    for block in blocks {
        out.extend(block.ssrc.to_be_bytes());
        out.extend((u32::from(block.fraction_lost) << 24 | block.lost & 0x00ff_ffff).to_be_bytes());
        out.extend(block.highest.to_be_bytes());
        out.extend(block.jitter.to_be_bytes());
        out.extend(block.last_report.to_be_bytes());
        out.extend(block.delay.to_be_bytes());
    }
}

/// The common header; `words` counts what follows it.
pub(super) fn head(out: &mut Vec<u8>, count: u8, kind: u8, words: usize) {
    out.extend([0x80 | count, kind]);
    out.extend(u16::try_from(words).expect("far below 64 Ki words").to_be_bytes());
}

/// Sets the length of the packet that began at `start`, whose length is a multiple of 4.
pub(super) fn close(out: &mut [u8], start: usize) {
    let words = u16::try_from((out.len() - start) / 4 - 1).expect("far below 64 Ki words");
    out[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rtcp::{Compound, RtcpPacket};

    proptest! {
        #[test]
        fn a_nack_names_just_what_was_asked(start: u16, steps in proptest::collection::vec(1_u16..40, 0..60)) {
            let seqs: Vec<u16> = steps.iter().scan(start, |seq, step| {
                *seq = seq.wrapping_add(*step);
                Some(*seq)
            }).collect();
            let mut out = Vec::new();
            nack(&mut out, 1, 7, &seqs);
            let Some(RtcpPacket::Nack { media: 7, seqs: read }) = Compound::new(&out).next() else {
                return Err(TestCaseError::fail("not a NACK"));
            };
            prop_assert_eq!(read.collect::<Vec<_>>(), seqs);
        }
    }

    #[test]
    fn reports_come_back() {
        let block = ReportBlock {
            ssrc: 9,
            fraction_lost: 3,
            lost: 5,
            highest: 70_000,
            jitter: 11,
            last_report: 12,
            delay: 13,
        };
        let info = SenderInfo {
            ssrc: 4,
            ntp: 1 << 40,
            timestamp: 77,
            packets: 1,
            bytes: 2,
        };
        let mut out = Vec::new();
        sender_report(&mut out, &info);
        receiver_report(&mut out, 1, &[block]);
        let mut compound = Compound::new(&out);
        assert!(matches!(
            compound.next(),
            Some(RtcpPacket::SenderReport {
                ssrc: 4,
                ntp: 0x0000_0100_0000_0000,
                timestamp: 77,
                ..
            })
        ));
        let Some(RtcpPacket::ReceiverReport { mut blocks }) = compound.next() else {
            panic!("a receiver report follows");
        };
        assert_eq!(blocks.next(), Some(block));
        assert!(compound.next().is_none());
    }
}
