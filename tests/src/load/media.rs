//! Recorded media, ready to be sent: H.264 in three layers and Opus, played in a loop.

use std::collections::HashMap;

use bytes::Bytes;

/// Largest RTP payload that is made, as browsers do.
const MAX_PAYLOAD: usize = 1150;

/// The frames of one layer or of one sound, each as RTP payloads.
#[derive(Debug, Clone)]
pub struct Clip {
    frames: Vec<Vec<Bytes>>,
}

impl Clip {
    /// Frame `number` of the endless loop.
    #[must_use]
    pub fn frame(&self, number: u64) -> &[Bytes] {
        let count = self.frames.len() as u64;
        usize::try_from(number % count).map_or(&[], |index| &self.frames[index])
    }

    /// Payloads in the whole clip.
    #[must_use]
    pub fn packets(&self) -> usize {
        self.frames.iter().map(Vec::len).sum()
    }

    /// A stream of H.264 access units with delimiters (Annex B), packetised by RFC 6184 in mode 1.
    fn h264(stream: &[u8]) -> Self {
        let mut frames: Vec<Vec<Bytes>> = Vec::new();
        let mut parameters: Vec<Bytes> = Vec::new();
        for nal in nals(stream) {
            match nal[0] & 0x1f {
                9 => frames.push(Vec::new()),
                // Sequence and picture parameters travel in one packet, before the picture that needs them.
                7 | 8 => parameters.push(Bytes::copy_from_slice(nal)),
                // Text of the encoder.
                6 => {}
                _ => {
                    if let Some(frame) = frames.last_mut() {
                        if !parameters.is_empty() {
                            frame.push(aggregate(&std::mem::take(&mut parameters)));
                        }
                        fragment(nal, frame);
                    }
                }
            }
        }
        Self { frames }
    }

    /// Opus frames, each behind its length in two bytes.
    fn opus(mut stream: &[u8]) -> Self {
        let mut frames = Vec::new();
        while let Some((length, rest)) = stream.split_first_chunk::<2>() {
            let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
            let (frame, rest) = rest.split_at(length);
            frames.push(vec![Bytes::copy_from_slice(frame)]);
            stream = rest;
        }
        Self { frames }
    }
}

/// A layer of simulcast.
#[derive(Debug, Clone)]
pub struct Layer {
    /// Its RID.
    pub rid: &'static str,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Bits per second.
    pub bitrate: u32,
    /// Its frames.
    pub clip: Clip,
}

/// All recorded media.
#[derive(Debug, Clone)]
pub struct Media {
    /// Layers of the video, lowest first, 30 frames a second.
    pub video: Vec<Layer>,
    /// A voice-like sound, 50 frames a second.
    pub voice: Clip,
}

impl Media {
    /// Which layer each payload of the video belongs to, by its place in [`Media::video`].
    #[must_use]
    pub fn layers(&self) -> HashMap<Bytes, usize> {
        let layers = self.video.iter().enumerate();
        let payloads = layers.flat_map(|(place, layer)| {
            let payloads = layer.clip.frames.iter().flatten();
            payloads.map(move |payload| (payload.clone(), place))
        });
        payloads.collect()
    }

    /// The media in `tests/media`, which the binary carries.
    #[must_use]
    pub fn recorded() -> Self {
        let layer = |rid, width, height, stream: &[u8]| Layer {
            rid,
            width,
            height,
            // 40 frames at 30 a second.
            bitrate: u32::try_from(stream.len() * 8 * 30 / 40).unwrap_or(u32::MAX),
            clip: Clip::h264(stream),
        };
        Self {
            video: vec![
                layer("q", 320, 180, include_bytes!("../../media/q.h264")),
                layer("h", 640, 360, include_bytes!("../../media/h.h264")),
                layer("f", 1280, 720, include_bytes!("../../media/f.h264")),
            ],
            voice: Clip::opus(include_bytes!("../../media/voice.opus-frames")),
        }
    }
}

/// The NAL units between start codes.
fn nals(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut starts: Vec<usize> = Vec::new();
    let codes = stream.windows(3).enumerate();
    starts.extend(codes.filter(|(_, code)| *code == [0, 0, 1]).map(|(at, _)| at + 3));
    let ends: Vec<usize> = starts
        .iter()
        .skip(1)
        .map(|start| start - 3)
        .chain([stream.len()])
        .collect();
    starts.into_iter().zip(ends).filter_map(|(start, end)| {
        let nal = &stream[start..end];
        let zeros = nal.iter().rev().take_while(|byte| **byte == 0).count();
        Some(&nal[..nal.len() - zeros]).filter(|nal| !nal.is_empty())
    })
}

/// STAP-A.
fn aggregate(nals: &[Bytes]) -> Bytes {
    let mut packet = vec![0x78];
    for nal in nals {
        packet.extend(u16::try_from(nal.len()).unwrap_or(u16::MAX).to_be_bytes());
        packet.extend_from_slice(nal);
    }
    packet.into()
}

/// A single packet or FU-A fragments.
fn fragment(nal: &[u8], frame: &mut Vec<Bytes>) {
    if nal.len() <= MAX_PAYLOAD {
        frame.push(Bytes::copy_from_slice(nal));
        return;
    }
    let header = nal[0];
    let chunks = nal[1..].chunks(MAX_PAYLOAD - 2);
    let last = chunks.len() - 1;
    for (index, chunk) in chunks.enumerate() {
        let start = if index == 0 { 0x80 } else { 0 };
        let end = if index == last { 0x40 } else { 0 };
        let mut packet = vec![header & 0xe0 | 28, start | end | header & 0x1f];
        packet.extend_from_slice(chunk);
        frame.push(packet.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_media_have_the_length_and_rates_they_claim() {
        let media = Media::recorded();
        for layer in &media.video {
            assert_eq!(layer.clip.frames.len(), 40);
            // Every loop begins with parameters and a key frame.
            assert_eq!(layer.clip.frame(40)[0][0] & 0x1f, 24);
            let long = layer.clip.frames.iter().flatten().any(|p| p.len() > MAX_PAYLOAD);
            assert!(!long);
        }
        let rates: Vec<u32> = media.video.iter().map(|layer| layer.bitrate / 10_000).collect();
        assert_eq!(rates, [11, 41, 158]);
        assert_eq!(media.voice.frames.len(), 200);
    }
}
