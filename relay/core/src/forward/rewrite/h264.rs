//! Finding keyframes in H.264 payloads (RFC 6184 §5).

use super::Start;

const IDR: u8 = 5;
const SPS: u8 = 7;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// Whether a decoder can start at this payload.
pub(in super::super) fn start(payload: &[u8]) -> Start {
    let Some((&first, rest)) = payload.split_first() else {
        return Start::No;
    };
    match first & 0x1f {
        STAP_A => aggregate(rest),
        // Start bit set: the type of the fragmented unit counts.
        FU_A => match rest.first() {
            Some(header) if header & 0x80 != 0 => unit(header & 0x1f),
            _ => Start::No,
        },
        kind => unit(kind),
    }
}

const fn unit(kind: u8) -> Start {
    match kind {
        SPS => Start::Keyframe,
        IDR => Start::IfFirst,
        _ => Start::No,
    }
}

/// The best of the units in an aggregation packet.
fn aggregate(mut units: &[u8]) -> Start {
    let mut found = Start::No;
    while let Some((len, rest)) = units.split_first_chunk::<2>() {
        let len = usize::from(u16::from_be_bytes(*len));
        let Some((body, behind)) = rest.split_at_checked(len) else {
            break;
        };
        match body.first().map(|header| unit(header & 0x1f)) {
            Some(Start::Keyframe) => return Start::Keyframe,
            Some(Start::IfFirst) => found = Start::IfFirst,
            _ => {}
        }
        units = behind;
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keyframes_are_found_in_every_packing() {
        assert_eq!(start(&[0x67, 1, 2]), Start::Keyframe);
        assert_eq!(start(&[0x65, 1, 2]), Start::IfFirst);
        assert_eq!(start(&[0x41, 1, 2]), Start::No);
        // STAP-A of SPS and PPS, as browsers send it.
        assert_eq!(start(&[0x78, 0, 2, 0x67, 1, 0, 2, 0x68, 1]), Start::Keyframe);
        assert_eq!(start(&[0x78, 0, 2, 0x06, 1, 0, 2, 0x65, 1]), Start::IfFirst);
        assert_eq!(start(&[0x78, 0, 2, 0x41, 1]), Start::No);
        // FU-A: only its first fragment.
        assert_eq!(start(&[0x7c, 0x85, 9]), Start::IfFirst);
        assert_eq!(start(&[0x7c, 0x05, 9]), Start::No);
        assert_eq!(start(&[0x7c, 0x87, 9]), Start::Keyframe);
    }

    proptest! {
        #[test]
        fn any_payload_has_an_answer(payload in proptest::collection::vec(any::<u8>(), 0..100)) {
            start(&payload);
        }
    }
}
