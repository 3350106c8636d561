//! How much sound a packet of Opus holds (RFC 6716 §3).

/// Longest packet: 120 ms, in ticks of 48 kHz.
const MAX_TICKS: u32 = 5_760;

/// Ticks of 48 kHz that a packet lasts; `None` if it is none of Opus. A packet of a pause (DTX) lasts one frame.
///
/// ```
/// // 20 ms of speech in one frame.
/// assert_eq!(relay_core::rtp::opus_ticks(&[0x78, 1, 2, 3]), Some(960));
/// assert_eq!(relay_core::rtp::opus_ticks(&[]), None);
/// ```
#[must_use]
pub fn opus_ticks(packet: &[u8]) -> Option<u32> {
    let (&toc, rest) = packet.split_first()?;
    let config = toc >> 3;
    let size = usize::from(config & 3);
    let frame = match config {
        0..12 => [480, 960, 1_920, 2_880][size],
        12..16 => [480, 960][size & 1],
        _ => [120, 240, 480, 960][size],
    };
    let count = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(rest.first()? & 0x3f),
    };
    Some(frame * count).filter(|ticks| (1..=MAX_TICKS).contains(ticks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_tells_the_length() {
        // SILK 60 ms, hybrid 10 ms, CELT 2.5 ms; then two frames, then six, then more than there may be.
        assert_eq!(opus_ticks(&[0x18]), Some(2_880));
        assert_eq!(opus_ticks(&[0x60]), Some(480));
        assert_eq!(opus_ticks(&[0x80]), Some(120));
        assert_eq!(opus_ticks(&[0x79]), Some(1_920));
        assert_eq!(opus_ticks(&[0x7b, 6]), Some(5_760));
        assert_eq!(opus_ticks(&[0x7b, 7]), None);
        assert_eq!(opus_ticks(&[0x7b]), None);
        assert_eq!(opus_ticks(&[0x7b, 0]), None);
    }
}
