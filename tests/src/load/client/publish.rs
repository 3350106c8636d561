//! A published track: announced in signalling, then frame after frame on time.

use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use livekit_protocol as proto;
use proto::signal_request;
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;

use super::Options;
use crate::load::media::{Clip, Layer, Media};
use crate::load::peer::{H264_PT, OPUS_PT, Peer, Track};
use crate::load::tally::Tally;

/// Packets of a layer that carry its RID, until the server has certainly learnt its SSRC.
const WITH_RID: u64 = 200;
/// Loudness of speech that rises and falls, in −dBov with the voice flag (RFC 6464), a fifth of a second each.
const LEVELS: [[u8; 1]; 6] = [
    [0x80 | 12],
    [0x80 | 16],
    [0x80 | 24],
    [0x80 | 30],
    [0x80 | 20],
    [0x80 | 14],
];
/// Frames of sound at one level.
const LEVEL_FRAMES: u64 = 10;

/// Ids of the header extensions that we write, 0 for none.
#[derive(Debug, Clone, Copy, Default)]
struct Extensions {
    mid: u8,
    rid: u8,
    level: u8,
}

#[derive(Debug)]
struct Stream {
    layer: Option<Layer>,
    ssrc: u32,
    sequence: u16,
    packets: u64,
    counted: bool,
}

/// A track that is being published.
#[derive(Debug)]
pub(super) struct Publication {
    cid: String,
    kind: RtpCodecKind,
    media: Rc<Media>,
    streams: Vec<Stream>,
    extensions: Extensions,
    mid: Bytes,
    frame: u64,
    started: Instant,
    phase: Duration,
    /// When the next frame is due.
    pub(super) due: Instant,
}

impl Publication {
    /// The tracks that a client publishes.
    pub(super) fn plan(options: &Options, media: &Rc<Media>) -> Vec<Self> {
        let publication = |name: &str, kind, streams| Self {
            cid: format!("{name}_{:08x}", rand::random::<u32>()),
            kind,
            media: Rc::clone(media),
            streams,
            extensions: Extensions::default(),
            mid: Bytes::new(),
            frame: 0,
            started: Instant::now(),
            phase: options.phase,
            due: Instant::now(),
        };
        let stream = |layer: Option<&Layer>| Stream {
            ssrc: rand::random(),
            sequence: rand::random::<u16>() / 2,
            packets: 0,
            counted: layer.is_none_or(|layer| layer.rid == options.wanted),
            layer: layer.cloned(),
        };
        let mut publications = Vec::new();
        if options.audio {
            publications.push(publication("voice", RtpCodecKind::Audio, vec![stream(None)]));
        }
        if options.video {
            let streams = media.video.iter().map(|layer| stream(Some(layer))).collect();
            publications.push(publication("camera", RtpCodecKind::Video, streams));
        }
        publications
    }

    /// What signalling is told of it.
    pub(super) fn add_track(&self) -> signal_request::Message {
        let mut request = proto::AddTrackRequest {
            cid: self.cid.clone(),
            name: self.cid.clone(),
            disable_red: true,
            ..Default::default()
        };
        if matches!(self.kind, RtpCodecKind::Audio) {
            request.set_type(proto::TrackType::Audio);
            request.set_source(proto::TrackSource::Microphone);
        } else {
            request.set_type(proto::TrackType::Video);
            request.set_source(proto::TrackSource::Camera);
            let layers = self.streams.iter().filter_map(|stream| stream.layer.as_ref());
            request.layers = (0..)
                .zip(layers)
                .map(|(number, layer)| describe(number, layer))
                .collect();
            if let Some(top) = request.layers.last() {
                (request.width, request.height) = (top.width, top.height);
            }
            request.simulcast_codecs = vec![proto::SimulcastCodec {
                codec: "video/h264".to_owned(),
                cid: self.cid.clone(),
                ..Default::default()
            }];
        }
        signal_request::Message::AddTrack(request)
    }

    /// The same for the peer connection.
    pub(super) fn track(&self) -> Track {
        let rid = |stream: &Stream| stream.layer.as_ref().map_or("", |layer| layer.rid);
        Track {
            cid: self.cid.clone(),
            kind: self.kind,
            layers: self.streams.iter().map(|stream| (rid(stream), stream.ssrc)).collect(),
        }
    }

    /// Notes the mid and the ids of header extensions in the server's answer.
    pub(super) fn negotiated(&mut self, answer: &str) {
        let kind = if matches!(self.kind, RtpCodecKind::Audio) {
            "audio"
        } else {
            "video"
        };
        let sections = answer.split("\nm=").skip(1);
        let Some(section) = sections.into_iter().find(|section| section.starts_with(kind)) else {
            return;
        };
        for line in section.lines() {
            if let Some(mid) = line.strip_prefix("a=mid:") {
                self.mid = Bytes::copy_from_slice(mid.trim().as_bytes());
            }
            let Some((id, uri)) = line.strip_prefix("a=extmap:").and_then(|map| map.split_once(' ')) else {
                continue;
            };
            let id = id.split('/').next().and_then(|id| id.parse().ok()).unwrap_or(0);
            match uri.trim() {
                "urn:ietf:params:rtp-hdrext:sdes:mid" => self.extensions.mid = id,
                "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id" => self.extensions.rid = id,
                "urn:ietf:params:rtp-hdrext:ssrc-audio-level" => self.extensions.level = id,
                _ => {}
            }
        }
    }

    /// Begins to play.
    pub(super) fn start(&mut self, now: Instant) {
        self.started = now + self.phase;
        self.due = self.started;
    }

    /// Sends the frames that are due.
    pub(super) fn play(&mut self, now: Instant, peer: &mut Peer, tally: &mut Tally) -> Result<()> {
        while self.due <= now {
            let frame = self.frame;
            self.frame += 1;
            let audio = matches!(self.kind, RtpCodecKind::Audio);
            // 20 ms of sound at 48 kHz, or a thirtieth of a second at 90 kHz.
            let (pt, ticks, offset) = if audio {
                (OPUS_PT, 960, Duration::from_millis(20 * self.frame))
            } else {
                (H264_PT, 3000, Duration::from_micros(self.frame * 100_000 / 3))
            };
            self.due = self.started + offset;
            #[expect(clippy::cast_possible_truncation)]
            let timestamp = (frame as u32).wrapping_mul(ticks);
            for stream in &mut self.streams {
                let clip: &Clip = stream.layer.as_ref().map_or(&self.media.voice, |layer| &layer.clip);
                let payloads = clip.frame(frame);
                for (index, payload) in payloads.iter().enumerate() {
                    let mut header = rtp::Header {
                        version: 2,
                        marker: if audio { frame == 0 } else { index + 1 == payloads.len() },
                        payload_type: pt,
                        sequence_number: stream.sequence,
                        timestamp,
                        ssrc: stream.ssrc,
                        ..Default::default()
                    };
                    extend(&mut header, self.extensions, &self.mid, stream)?;
                    stream.sequence = stream.sequence.wrapping_add(1);
                    stream.packets += 1;
                    if stream.counted {
                        tally.sent(now, payload);
                    }
                    peer.send(
                        now,
                        rtp::Packet {
                            header,
                            payload: payload.clone(),
                        },
                    )?;
                }
            }
        }
        Ok(())
    }
}

fn extend(header: &mut rtp::Header, ids: Extensions, mid: &Bytes, stream: &Stream) -> Result<()> {
    if stream.packets < WITH_RID {
        if ids.mid != 0 && !mid.is_empty() {
            header.set_extension(ids.mid, mid.clone())?;
        }
        if let Some(layer) = stream.layer.as_ref().filter(|_| ids.rid != 0) {
            header.set_extension(ids.rid, Bytes::from_static(layer.rid.as_bytes()))?;
        }
    }
    if stream.layer.is_none() && ids.level != 0 {
        let step = stream.packets / LEVEL_FRAMES % LEVELS.len() as u64;
        let level = usize::try_from(step).map_or(&LEVELS[0], |step| &LEVELS[step]);
        header.set_extension(ids.level, Bytes::from_static(level))?;
    }
    Ok(())
}

fn describe(number: i32, layer: &Layer) -> proto::VideoLayer {
    proto::VideoLayer {
        quality: number,
        width: layer.width,
        height: layer.height,
        bitrate: layer.bitrate,
        spatial_layer: number,
        rid: layer.rid.to_owned(),
        ..Default::default()
    }
}
