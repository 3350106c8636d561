//! Redundant audio (RFC 2198): of what comes only the primary block is of use; what goes out may carry copies of what went before.

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

/// Least step of the timestamp, and least length of a block, that a header has no room for.
const OFFSET_END: u32 = 1 << 14;
const LENGTH_END: usize = 1 << 10;

/// Writes a RED payload of `copies`, oldest first, each with the ticks that it is older, and of the primary block; all of payload
/// type `pt`. Copies that the format or `out` has no room for are left out. Returns the length; `None` when not even the
/// primary block fits.
#[must_use]
pub fn red_write<'a>(
    out: &mut [u8],
    pt: u8,
    copies: impl Iterator<Item = (u32, &'a [u8])> + Clone,
    primary: &[u8],
) -> Option<usize> {
    let mut room = out.len().checked_sub(1 + primary.len())?;
    let fitting = copies.filter(move |(offset, block)| {
        let fits = (1..OFFSET_END).contains(offset) && block.len() < LENGTH_END && 4 + block.len() <= room;
        if fits {
            room -= 4 + block.len();
        }
        fits
    });
    let mut len = 0;
    let mut put = |bytes: &[u8]| {
        out[len..len + bytes.len()].copy_from_slice(bytes);
        len += bytes.len();
    };
    for (offset, block) in fitting.clone() {
        let length = u32::try_from(block.len()).expect("below LENGTH_END");
        put(&[0x80 | pt]);
        put(&((offset << 10) | length).to_be_bytes()[1..]);
    }
    put(&[pt]);
    for (_, block) in fitting {
        put(block);
    }
    put(primary);
    Some(len)
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

    #[test]
    fn copies_go_before_the_primary_block() {
        let copies = [(1_920, &[1_u8, 2][..]), (960, &[3][..])];
        let mut out = [0; 32];
        let len = red_write(&mut out, 111, copies.into_iter(), &[9, 9]).expect("room");
        let expected = [0x80 | 111, 0x1e, 0x00, 2, 0x80 | 111, 0x0f, 0x00, 1, 111, 1, 2, 3, 9, 9];
        assert_eq!(out[..len], expected);
        assert_eq!(red_primary(&out[..len]), Some(&[9_u8, 9][..]));
    }

    #[test]
    fn what_has_no_room_is_left_out() {
        let long = [7; 1_024];
        let copies = [(16_384, &[1_u8][..]), (960, &long[..]), (0, &[2][..]), (480, &[3][..])];
        let mut out = [0; 2_000];
        let len = red_write(&mut out, 111, copies.into_iter(), &[9]).expect("room");
        assert_eq!(out[..len], [0x80 | 111, 0x07, 0x80, 1, 111, 3, 9]);
        let len = red_write(&mut out[..4], 111, copies.into_iter(), &[9]).expect("room");
        assert_eq!(out[..len], [111, 9]);
        assert_eq!(red_write(&mut out[..1], 111, copies.into_iter(), &[9]), None);
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
