//! A published track: what its publisher announced, and the media that carries it.
#![expect(deprecated, reason = "clients read what newer ones have elsewhere, too")]

use std::collections::BTreeSet;

use livekit_protocol::{
    AddTrackRequest, AudioTrackFeature, BackupCodecPolicy, SimulcastCodecInfo, TimedVersion, TrackInfo, TrackSource,
    TrackType, VideoLayer, VideoQuality, encryption, video_layer,
};

use super::{
    backup::Backup,
    context::{Context, SessionId, TrackSid},
    signal::MAX_ITEMS,
};
use crate::{
    forward::{self, LayerSpec, SourceSpec},
    sdp::{PublishHints, Receiving},
    types::{Codec, FloorId, MediaKind, Mid, Rid, SourceId, TransportId},
};

/// Most that an encoder starts with, in kbit/s: what nearly every uplink carries.
const MAX_START_KBPS: u32 = 1_000;

/// The media of a track, once the client's offer had it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Media {
    pub(super) source: SourceId,
    pub(super) mid: Mid,
    pub(super) codec: Codec,
    /// Number of layers, lowest first.
    pub(super) layers: u8,
    /// The highest layer that anybody wants, once the shard has told.
    pub(super) wanted: Option<Option<u8>>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) sid: TrackSid,
    pub(super) publisher: SessionId,
    /// The client's own ids: of the track, and of its tracks for other codecs.
    pub(super) cids: Vec<String>,
    pub(super) kind: MediaKind,
    pub(super) info: TrackInfo,
    /// The codec that the client announced.
    pub(super) announced: Option<Codec>,
    /// The others know of it: its media is, or is expected to come any moment.
    pub(super) shown: bool,
    pub(super) media: Option<Media>,
    /// For those who cannot decode that.
    pub(super) backup: Option<Backup>,
    /// Its media has come for long enough that its publisher knows it as published.
    pub(super) known: bool,
    /// A moderator muted it before that: a client ignores orders about a track that it is still publishing, and later
    /// tells the server that the track is not muted.
    pub(super) silence_due: bool,
    /// Somebody else muted it, and it has not been unmuted since.
    pub(super) silenced: bool,
    /// Subscribers that get it.
    pub(super) subscribers: usize,
    /// Loudness in eighths of full scale.
    pub(super) level: u8,
}

/// The codec that a client calls `vp8` or `video/vp8`.
pub(super) fn codec_named(name: &str) -> Option<Codec> {
    let name = name.rsplit('/').next().unwrap_or(name);
    match name.to_ascii_lowercase().as_str() {
        "vp8" => Some(Codec::Vp8),
        "h264" => Some(Codec::H264),
        "vp9" => Some(Codec::Vp9),
        "av1" => Some(Codec::Av1),
        "opus" | "red" => Some(Codec::Opus),
        _ => None,
    }
}

/// The name that clients know a codec by.
pub(super) const fn mime(codec: Codec) -> &'static str {
    match codec {
        Codec::Opus => "audio/opus",
        Codec::Vp8 => "video/VP8",
        Codec::H264 => "video/H264",
        Codec::Vp9 => "video/VP9",
        Codec::Av1 => "video/AV1",
    }
}

/// The short name in dynacast messages.
pub(super) const fn short_name(codec: Codec) -> &'static str {
    match codec {
        Codec::Opus => "opus",
        Codec::Vp8 => "vp8",
        Codec::H264 => "h264",
        Codec::Vp9 => "vp9",
        Codec::Av1 => "av1",
    }
}

/// The RID of a layer of that quality, as all LiveKit clients name them.
const fn rid_of(quality: VideoQuality) -> &'static str {
    match quality {
        VideoQuality::Low | VideoQuality::Off => "q",
        VideoQuality::Medium => "h",
        VideoQuality::High => "f",
    }
}

impl Track {
    /// A track as announced. `None` when it is neither sound nor picture.
    pub(super) fn announced(
        sid: TrackSid,
        publisher: SessionId,
        request: AddTrackRequest,
        unix_ms: i64,
    ) -> Option<Self> {
        let kind = match request.r#type() {
            TrackType::Audio => MediaKind::Audio,
            TrackType::Video => MediaKind::Video,
            TrackType::Data => return None,
        };
        let mut cids = vec![request.cid.clone()];
        cids.extend(
            request
                .simulcast_codecs
                .iter()
                .map(|codec| codec.cid.clone())
                .filter(|cid| *cid != request.cid && !cid.is_empty()),
        );
        let announced = request
            .simulcast_codecs
            .iter()
            .find_map(|codec| codec_named(&codec.codec));
        let backup = Backup::announced(&request, kind, announced);
        let source = request.source();
        let stream = if !request.stream.is_empty() {
            request.stream
        } else if matches!(source, TrackSource::ScreenShare | TrackSource::ScreenShareAudio) {
            "screen".to_owned()
        } else {
            "camera".to_owned()
        };
        let layers = sorted(request.layers);
        let codecs = vec![SimulcastCodecInfo {
            mime_type: announced.map(|codec| mime(codec).to_owned()).unwrap_or_default(),
            cid: request.cid,
            layers: layers.clone(),
            video_layer_mode: video_layer::Mode::OneSpatialLayerPerStream.into(),
            ..SimulcastCodecInfo::default()
        }];
        let info = TrackInfo {
            sid: sid.to_string(),
            r#type: request.r#type,
            name: request.name,
            muted: request.muted,
            width: request.width,
            height: request.height,
            simulcast: layers.len() > 1,
            disable_dtx: request.disable_dtx,
            source: request.source,
            layers,
            codecs,
            stereo: request.stereo,
            disable_red: request.disable_red,
            encryption: request.encryption,
            stream,
            version: Some(TimedVersion {
                unix_micro: unix_ms * 1000,
                ticks: 0,
            }),
            audio_features: request.audio_features.into_iter().take(MAX_ITEMS).collect(),
            packet_trailer_features: request.packet_trailer_features.into_iter().take(MAX_ITEMS).collect(),
            backup_codec_policy: BackupCodecPolicy::Regression.into(),
            ..TrackInfo::default()
        };
        Some(Self {
            sid,
            publisher,
            cids,
            kind,
            info,
            announced,
            shown: false,
            media: None,
            backup,
            known: false,
            silence_due: false,
            silenced: false,
            subscribers: 0,
            level: 0,
        })
    }

    /// Whether its packets may go out with copies of earlier ones (RFC 2198). Who decrypts end to end does so before taking these
    /// apart.
    pub(super) fn may_be_copied(&self) -> bool {
        self.info.encryption == encryption::Type::None as i32 && !self.info.disable_red
    }

    /// Whether the client's section may be this track: same kind and one of its ids.
    pub(super) fn is_named(&self, receiving: &Receiving) -> bool {
        self.kind == receiving.kind && receiving.cid.as_ref().is_some_and(|cid| self.cids.contains(cid))
    }

    /// Whether its sound has two channels.
    pub(super) fn is_stereo(&self) -> bool {
        let said = self.info.stereo || self.info.audio_features.contains(&AudioTrackFeature::TfStereo.into());
        // Some clients say it of pictures, too.
        said && self.kind == MediaKind::Audio
    }

    /// What the publishing connection's negotiation should know about it.
    pub(super) fn hints(&self) -> PublishHints {
        let bits: u64 = self.info.layers.iter().map(|layer| u64::from(layer.bitrate)).sum();
        PublishHints {
            codec: self.announced,
            start_kbps: u32::try_from(bits / 1000)
                .ok()
                .filter(|kbps| *kbps > 0)
                .map(|kbps| kbps.min(MAX_START_KBPS)),
            stereo: self.is_stereo(),
            dtx: !self.info.disable_dtx && !self.info.audio_features.contains(&AudioTrackFeature::TfNoDtx.into()),
        }
    }

    /// The same about the section of its backup codec, by the client's id of it.
    pub(super) fn backup_hints(&self) -> Option<(&str, PublishHints)> {
        let backup = self.backup.as_ref()?;
        let hints = PublishHints {
            codec: Some(backup.codec),
            ..PublishHints::default()
        };
        Some((backup.cid.as_deref()?, hints))
    }

    /// A picture that is no screen.
    pub(super) fn is_camera(&self) -> bool {
        self.kind == MediaKind::Video && !self.is_screen()
    }

    /// A screen or its sound.
    pub(super) fn is_screen(&self) -> bool {
        matches!(
            self.info.source(),
            TrackSource::ScreenShare | TrackSource::ScreenShareAudio
        )
    }

    /// Whether the layers that were announced come in one stream.
    fn is_svc(layers: &[VideoLayer], receiving: &Receiving) -> bool {
        matches!(receiving.codec, Codec::Vp9 | Codec::Av1) && receiving.rids.len() < 2 && layers.len() > 1
    }

    /// The layers for the shard, lowest first, from what was announced and what the offer has.
    fn layer_specs(&self, announced: &[VideoLayer], receiving: &Receiving) -> Vec<LayerSpec> {
        let biggest = announced.last();
        if receiving.rids.len() < 2 {
            let ssrc = receiving.ssrcs.first();
            if Self::is_svc(announced, receiving) {
                let layers = announced.iter().enumerate();
                let spec = |(index, layer): (usize, &VideoLayer)| LayerSpec {
                    rid: None,
                    ssrc: ssrc.filter(|_| index == 0).map(|ssrc| ssrc.ssrc),
                    rtx_ssrc: ssrc.filter(|_| index == 0).and_then(|ssrc| ssrc.rtx),
                    width: layer.width,
                    height: layer.height,
                    max_bitrate: layer.bitrate,
                };
                return layers.map(spec).collect();
            }
            return vec![LayerSpec {
                rid: receiving.rids.first().copied(),
                ssrc: ssrc.map(|ssrc| ssrc.ssrc),
                rtx_ssrc: ssrc.and_then(|ssrc| ssrc.rtx),
                width: biggest.map_or(self.info.width, |layer| layer.width),
                height: biggest.map_or(self.info.height, |layer| layer.height),
                max_bitrate: biggest.map_or(0, |layer| layer.bitrate),
            }];
        }
        let count = receiving.rids.len();
        let named = |rid: &Rid| {
            let mut layers = announced.iter();
            layers.find(|layer| rid_of(layer.quality()) == rid.as_str())
        };
        // Clients that name some of their layers otherwise mean nothing by the names.
        let by_name = receiving.rids.iter().all(|rid| named(rid).is_some());
        receiving
            .rids
            .iter()
            .enumerate()
            .map(|(i, rid)| {
                let announced = if by_name { named(rid) } else { announced.get(i) };
                let halvings = u32::try_from(count - 1 - i).unwrap_or(0).min(8);
                LayerSpec {
                    rid: Some(*rid),
                    ssrc: receiving.ssrcs.get(i).map(|ssrc| ssrc.ssrc),
                    rtx_ssrc: receiving.ssrcs.get(i).and_then(|ssrc| ssrc.rtx),
                    width: announced.map_or(self.info.width >> halvings, |layer| layer.width),
                    height: announced.map_or(self.info.height >> halvings, |layer| layer.height),
                    max_bitrate: announced.map_or(0, |layer| layer.bitrate),
                }
            })
            .collect()
    }

    /// Has the shard take the media of a section, with the layers of the track or with these.
    pub(super) fn start_media(
        &self,
        ctx: &mut Context<'_>,
        transport: TransportId,
        section: &Receiving,
        announced: Option<&[VideoLayer]>,
    ) -> Media {
        let announced = announced.unwrap_or(&self.info.layers);
        let mut layers = self.layer_specs(announced, section);
        layers.truncate(forward::MAX_LAYERS);
        let media = Media {
            source: ctx.source(transport, self.sid.clone()),
            mid: section.mid,
            codec: section.codec,
            layers: u8::try_from(layers.len()).unwrap_or(1),
            wanted: None,
        };
        ctx.forward(forward::Command::SourceAdd {
            id: media.source,
            transport,
            spec: SourceSpec {
                codec: section.codec,
                pt: section.pt,
                rtx_pt: section.rtx_pt,
                red_pt: None,
                mid: section.mid,
                layers,
                exts: section.exts,
                svc: Self::is_svc(announced, section),
                nack: section.codec != Codec::Opus,
                muted: self.info.muted,
                // The sound of a shared screen is meant to be heard beside those who speak.
                floor: (self.kind == MediaKind::Audio && !self.is_screen()).then_some(FloorId(ctx.room.0)),
            },
        });
        if self.silenced {
            ctx.forward(forward::Command::SourceMute {
                id: media.source,
                muted: true,
                ordered: true,
            });
        }
        media
    }

    /// The codec that it comes in, or is expected to.
    pub(super) fn codec(&self) -> Option<Codec> {
        match (&self.media, self.kind) {
            (Some(media), _) => Some(media.codec),
            (None, MediaKind::Audio) => Some(Codec::Opus),
            (None, MediaKind::Video) => self.announced.filter(|codec| codec.kind() == MediaKind::Video),
        }
    }

    /// The stream of that codec.
    pub(super) fn media_in(&self, codec: Codec) -> Option<&Media> {
        let backup = self.backup.as_ref().and_then(|backup| backup.media.as_ref());
        let mut streams = self.media.iter().chain(backup);
        streams.find(|media| media.codec == codec)
    }

    /// The codec that somebody gets who cannot decode these; `None` when there is none yet.
    pub(super) fn codec_for(&self, undecodable: &BTreeSet<Codec>) -> Option<Codec> {
        let mut streams = self.streams().map(|media| media.codec);
        streams.find(|codec| !undecodable.contains(codec))
    }

    /// All streams of the track.
    pub(super) fn streams(&self) -> impl Iterator<Item = &Media> {
        let backup = self.backup.as_ref().and_then(|backup| backup.media.as_ref());
        self.media.iter().chain(backup)
    }

    /// The media is known: what the others are told about it.
    pub(super) fn carried_by(&mut self, media: Media, receiving: &Receiving) {
        let mime = mime(media.codec).to_owned();
        let mid = media.mid.to_string();
        for layer in &mut self.info.layers {
            layer.spatial_layer = layer.quality;
            if receiving.rids.len() > 1 {
                layer.rid = rid_of(layer.quality()).to_owned();
            }
        }
        self.info.simulcast = media.layers > 1;
        self.info.mime_type.clone_from(&mime);
        self.info.mid.clone_from(&mid);
        if let Some(codec) = self.info.codecs.first_mut() {
            codec.mime_type = mime;
            codec.mid = mid;
            codec.layers.clone_from(&self.info.layers);
        }
        self.media = Some(media);
    }
}

/// Longest RID that is passed on, in bytes.
const MAX_RID: usize = 32;

/// Layers lowest quality first, at most three.
pub(super) fn sorted(mut layers: Vec<VideoLayer>) -> Vec<VideoLayer> {
    layers.sort_by_key(|layer| layer.quality);
    layers.dedup_by_key(|layer| layer.quality);
    layers.truncate(3);
    for layer in &mut layers {
        if layer.rid.len() > MAX_RID {
            layer.rid.clear();
        }
    }
    layers
}
