//! A model of a decoder: which pictures can be shown of the packets that came.

use std::time::Instant;

use relay_core::types::Codec;

use super::subscriber::{Decoded, Received};

impl Received {
    /// Decodes pictures in order; one with a gap before it only if it is a keyframe.
    pub(super) fn decode(&mut self, now: Instant) {
        self.skip_empty();
        while let Some(end) = self.whole_frame(self.next).or_else(|| self.skip_to_keyframe()) {
            let packet = &self.packets[&self.next];
            let body = self.body(&packet.payload);
            let (layer, keyframe) = (body[0], body[1] == 1);
            let frame = u32::from_be_bytes([body[2], body[3], body[4], body[5]]);
            let follows = self
                .last
                .is_some_and(|last| last.0 == layer && last.1.wrapping_add(1) == frame);
            if self.svc {
                let decoded = Decoded {
                    at: now,
                    layer,
                    frame,
                    timestamp: packet.timestamp,
                };
                let ends = self.packets[&end].marker;
                self.decode_layer(decoded, keyframe, ends);
            } else if keyframe || follows {
                self.last = Some((layer, frame));
                self.decoded.push(Decoded {
                    at: now,
                    layer,
                    frame,
                    timestamp: packet.timestamp,
                });
            }
            self.next = end + 1;
            self.skip_empty();
        }
    }

    /// Goes on behind packets of which only the number came.
    fn skip_empty(&mut self) {
        let is_empty = |seq| self.packets.get(&seq).is_some_and(|packet| packet.payload.is_empty());
        while is_empty(self.next) {
            self.next += 1;
        }
    }

    /// One spatial layer of a picture has come whole.
    fn decode_layer(&mut self, decoded: Decoded, keyframe: bool, ends: bool) {
        let Decoded { layer, frame, .. } = decoded;
        let n = usize::from(layer);
        if n >= self.have.len() {
            return;
        }
        let has_reference = match (keyframe, layer) {
            (true, 0) => true,
            (true, _) => self.have[n - 1] == Some(frame),
            // Even pictures are of the upper temporal layer: nothing is predicted from them.
            (false, _) => self.have[n].is_some_and(|have| {
                have.wrapping_add(1) == frame || have.wrapping_add(2) == frame && !frame.is_multiple_of(2)
            }),
        };
        if has_reference {
            if keyframe || !frame.is_multiple_of(2) {
                self.have[n] = Some(frame);
            }
        } else {
            // As in browsers: a picture is shown with all layers that came, or not at all.
            self.broken = Some(decoded.timestamp);
        }
        if ends && self.broken != Some(decoded.timestamp) {
            self.decoded.push(decoded);
        }
    }

    /// The last packet of the picture that begins with `seq`, if it came whole.
    fn whole_frame(&self, seq: u64) -> Option<u64> {
        let first = self.packets.get(&seq).filter(|packet| !packet.payload.is_empty())?;
        let mut body = self.body(&first.payload);
        if body.len() < 8 {
            return None;
        }
        let count = u64::from(body[7]).max(1);
        for (n, place) in (0..count).zip(seq..) {
            let packet = self.packets.get(&place).filter(|packet| !packet.payload.is_empty())?;
            body = self.body(&packet.payload);
            if body.len() < 7 || packet.timestamp != first.timestamp || u64::from(body[6]) != n {
                return None;
            }
        }
        Some(seq + count - 1)
    }

    /// A keyframe that came whole behind a gap.
    fn skip_to_keyframe(&mut self) -> Option<u64> {
        let later = self.packets.range(self.next + 1..).find_map(|(seq, packet)| {
            if packet.payload.is_empty() {
                return None;
            }
            let body = self.body(&packet.payload);
            (body.len() >= 8 && body[1] == 1 && body[6] == 0 && !(self.svc && body[0] > 0))
                .then(|| self.whole_frame(*seq).map(|end| (*seq, end)))?
        });
        let (start, end) = later?;
        self.next = start;
        Some(end)
    }

    /// The part of a payload that the publisher wrote for us.
    pub fn body<'a>(&self, payload: &'a [u8]) -> &'a [u8] {
        let head = match (self.codec, payload[0] & 0x1f) {
            (Codec::Opus, _) => 1,
            (Codec::Vp8, _) => 7,
            (Codec::H264, 24) => 11,
            (Codec::H264, 28) => 2,
            (Codec::H264 | Codec::Av1, _) => 1,
            (Codec::Vp9, _) => 5,
        };
        payload.get(head..).unwrap_or_default()
    }
}
