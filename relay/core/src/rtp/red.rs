//! Redundant audio (RFC 2198): only the primary block is of use here.

/// The primary block of a RED payload, if the payload is well formed.
#[must_use]
pub fn red_primary(payload: &[u8]) -> Option<&[u8]> {
    let mut headers = payload;
    let mut redundant = 0;
    loop {
        let (&first, rest) = headers.split_first()?;
        if first & 0x80 == 0 {
            return rest.get(redundant..);
        }
        let (block, rest) = headers.split_first_chunk::<4>()?;
        redundant += usize::from(u16::from_be_bytes([block[2], block[3]]) & 0x3ff);
        headers = rest;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_primary_block_is_the_last() {
        // One redundant block of 2 bytes, then the primary one.
        let payload = [0x80 | 111, 0x0f, 0x00, 0x02, 111, 1, 2, 7, 8, 9];
        assert_eq!(red_primary(&payload), Some(&[7_u8, 8, 9][..]));
        assert_eq!(red_primary(&[111, 5]), Some(&[5_u8][..]));
        assert_eq!(red_primary(&payload[..5]), None);
    }

    proptest! {
        #[test]
        fn any_payload_is_read_or_refused(payload in proptest::collection::vec(any::<u8>(), 0..100)) {
            if let Some(primary) = red_primary(&payload) {
                prop_assert!(primary.len() < payload.len());
            }
        }
    }
}
