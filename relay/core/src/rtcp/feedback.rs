//! The lists inside feedback messages.

use super::word;

/// Sequence numbers named by a NACK.
#[derive(Debug, Clone)]
pub struct NackSeqs<'a> {
    bytes: &'a [u8],
    base: u16,
    mask: u16,
}

impl<'a> NackSeqs<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            base: 0,
            mask: 0,
        }
    }
}

impl Iterator for NackSeqs<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        if self.mask != 0 {
            let bit = self.mask.trailing_zeros();
            self.mask &= self.mask - 1;
            #[expect(clippy::cast_possible_truncation, reason = "a bit of 16")]
            return Some(self.base.wrapping_add(bit as u16 + 1));
        }
        let (pair, rest) = self.bytes.split_first_chunk::<4>()?;
        self.bytes = rest;
        self.base = u16::from_be_bytes([pair[0], pair[1]]);
        self.mask = u16::from_be_bytes([pair[2], pair[3]]);
        Some(self.base)
    }
}

/// Streams named by a FIR.
#[derive(Debug, Clone)]
pub struct FirEntries<'a>(&'a [u8]);

impl<'a> FirEntries<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

impl Iterator for FirEntries<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let (entry, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(word(entry, 0))
    }
}

/// Bits per second of a REMB message, if it is one.
pub(super) fn remb(body: &[u8]) -> Option<u64> {
    let body = body.strip_prefix(b"REMB")?;
    let head = body.first_chunk::<4>()?;
    let exponent = u32::from(head[1] >> 2);
    let mantissa = u64::from(word(head, 0) & 0x0003_ffff);
    Some(
        mantissa
            .checked_shl(exponent)
            .filter(|bits| bits >> exponent == mantissa)
            .unwrap_or(u64::MAX),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_names_the_following_packets() {
        let bytes = [0xff, 0xff, 0b1000_0000, 0b0000_0001];
        assert_eq!(NackSeqs::new(&bytes).collect::<Vec<_>>(), [65_535, 0, 15]);
    }

    #[test]
    fn remb_saturates() {
        assert_eq!(remb(&[b'R', b'E', b'M', b'B', 1, 0x03, 0, 5]), Some(3 << 16 | 5));
        assert_eq!(remb(&[b'R', b'E', b'M', b'B', 1, 0xff, 0xff, 0xff]), Some(u64::MAX));
        assert_eq!(remb(b"REMx1234"), None);
    }
}
