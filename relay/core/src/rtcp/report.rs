//! Report blocks (RFC 3550 §6.4.1).

use super::word;

/// What a receiver says about one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReportBlock {
    /// The stream.
    pub ssrc: u32,
    /// Share of packets lost since the last report, in 256ths.
    pub fraction_lost: u8,
    /// Packets lost since the start, 24 bits.
    pub lost: u32,
    /// Highest sequence number with its cycles.
    pub highest: u32,
    /// Jitter in timestamp units.
    pub jitter: u32,
    /// Middle 32 bits of the NTP time of the last sender report, 0 if none came.
    pub last_report: u32,
    /// Time since then in 65,536ths of a second.
    pub delay: u32,
}

/// Bytes of one block.
pub(super) const LEN: usize = 24;

/// Iterator over the blocks of a report.
#[derive(Debug, Clone)]
pub struct ReportBlocks<'a> {
    left: u8,
    bytes: &'a [u8],
}

impl<'a> ReportBlocks<'a> {
    pub(super) const fn new(count: u8, bytes: &'a [u8]) -> Self {
        Self { left: count, bytes }
    }
}

impl Iterator for ReportBlocks<'_> {
    type Item = ReportBlock;

    fn next(&mut self) -> Option<ReportBlock> {
        self.left = self.left.checked_sub(1)?;
        let (block, rest) = self.bytes.split_first_chunk::<LEN>()?;
        self.bytes = rest;
        Some(ReportBlock {
            ssrc: word(block, 0),
            fraction_lost: block[4],
            lost: word(block, 4) & 0x00ff_ffff,
            highest: word(block, 8),
            jitter: word(block, 12),
            last_report: word(block, 16),
            delay: word(block, 20),
        })
    }
}
