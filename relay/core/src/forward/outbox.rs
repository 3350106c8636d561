//! RTCP that waits for the next [`transmit`](super::Shard::transmit).

use std::ops::Range;

use super::Transmit;
use crate::types::TransportId;

/// Compounds end to end in one buffer that is used again and again.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    compounds: Vec<(TransportId, Range<usize>)>,
}

/// Longest compound, so that it fits a datagram with its seal.
const MAX_COMPOUND: usize = 1_150;

impl Outbox {
    /// Appends to the compound for `to`. It joins the last one if that goes there too and has room.
    pub(super) fn write(&mut self, to: TransportId, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        let end = self.bytes.len();
        if start == end {
            return;
        }
        if let Some((last, range)) = self.compounds.last_mut()
            && *last == to
            && end - range.start <= MAX_COMPOUND
        {
            range.end = end;
            return;
        }
        self.compounds.push((to, start..end));
    }

    /// Gives out all compounds.
    pub(super) fn flush(&mut self, out: &mut impl Transmit) {
        for (to, range) in self.compounds.drain(..) {
            out.rtcp(to, &self.bytes[range]);
        }
        self.bytes.clear();
    }
}
