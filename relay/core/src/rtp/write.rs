//! Writing RTP headers into a fixed buffer.

use super::FIXED_HEADER;

/// Longest header that [`HeaderWriter`] makes.
pub const MAX_HEADER: usize = 256;

/// The fields of a header besides its extensions.
#[derive(Debug, Clone, Copy)]
pub struct HeaderFields {
    /// Whether padding follows the payload.
    pub padding: bool,
    /// Marker bit.
    pub marker: bool,
    /// Payload type.
    pub pt: u8,
    /// Sequence number.
    pub seq: u16,
    /// Media timestamp.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
}

/// Puts a header together: fields first, extensions after, then [`HeaderWriter::finish`].
#[derive(Debug)]
pub struct HeaderWriter {
    buf: [u8; MAX_HEADER],
    len: usize,
    two_byte: bool,
}

impl HeaderWriter {
    /// Starts a header. `two_byte` chooses the form of extensions: needed for ids above 14.
    #[must_use]
    pub fn new(fields: &HeaderFields, two_byte: bool) -> Self {
        let mut buf = [0; MAX_HEADER];
        buf[0] = 0x80 | u8::from(fields.padding) << 5;
        buf[1] = u8::from(fields.marker) << 7 | fields.pt & 0x7f;
        buf[2..4].copy_from_slice(&fields.seq.to_be_bytes());
        buf[4..8].copy_from_slice(&fields.timestamp.to_be_bytes());
        buf[8..12].copy_from_slice(&fields.ssrc.to_be_bytes());
        Self {
            buf,
            len: FIXED_HEADER + 4,
            two_byte,
        }
    }

    /// Adds an extension. One that does not fit the form or the buffer is left out.
    pub fn ext(&mut self, id: u8, data: &[u8]) {
        let fits_form = if self.two_byte {
            id != 0 && data.len() <= 255
        } else {
            (1..=14).contains(&id) && (1..=16).contains(&data.len())
        };
        let start = self.len + if self.two_byte { 2 } else { 1 };
        // Three bytes stay free for the padding at the end.
        if !fits_form || start + data.len() + 3 > MAX_HEADER {
            return;
        }
        #[expect(clippy::cast_possible_truncation, reason = "checked above")]
        let len = data.len() as u8;
        if self.two_byte {
            self.buf[self.len] = id;
            self.buf[self.len + 1] = len;
        } else {
            self.buf[self.len] = id << 4 | (len - 1);
        }
        self.buf[start..start + data.len()].copy_from_slice(data);
        self.len = start + data.len();
    }

    /// The finished header.
    pub fn finish(&mut self) -> &[u8] {
        if self.len == FIXED_HEADER + 4 {
            return &self.buf[..FIXED_HEADER];
        }
        while !self.len.is_multiple_of(4) {
            self.buf[self.len] = 0;
            self.len += 1;
        }
        self.buf[0] |= 0x10;
        let profile: u16 = if self.two_byte { 0x1000 } else { 0xbede };
        self.buf[12..14].copy_from_slice(&profile.to_be_bytes());
        #[expect(clippy::cast_possible_truncation, reason = "the buffer holds 256 bytes")]
        let words = ((self.len - FIXED_HEADER - 4) / 4) as u16;
        self.buf[14..16].copy_from_slice(&words.to_be_bytes());
        &self.buf[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rtp::RtpPacket;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            marker: bool, pt in 0_u8..128, seq: u16, timestamp: u32, ssrc: u32, two_byte: bool,
            exts in proptest::collection::vec((1_u8..15, proptest::collection::vec(any::<u8>(), 1..17)), 0..5),
            payload in proptest::collection::vec(any::<u8>(), 0..20),
        ) {
            let fields = HeaderFields { padding: false, marker, pt, seq, timestamp, ssrc };
            let mut writer = HeaderWriter::new(&fields, two_byte);
            for (id, data) in &exts {
                writer.ext(*id, data);
            }
            let mut bytes = writer.finish().to_vec();
            bytes.extend(&payload);
            let packet = RtpPacket::parse(&bytes).expect("written by us");
            prop_assert_eq!((packet.marker, packet.pt, packet.seq), (marker, pt, seq));
            prop_assert_eq!((packet.timestamp, packet.ssrc), (timestamp, ssrc));
            prop_assert_eq!(packet.payload, payload.as_slice());
            let read: Vec<_> = packet.exts.into_iter().map(|(id, data)| (id, data.to_vec())).collect();
            prop_assert_eq!(read, exts);
        }
    }
}
