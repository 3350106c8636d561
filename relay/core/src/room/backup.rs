//! The backup codec of a track: another stream of the same picture, for those who cannot decode the first.
//!
//! A client announces it with the track and publishes it once it hears that somebody needs it, in a section of its own.

use livekit_protocol::{
    AddTrackRequest, RequestResponse, SimulcastCodecInfo, TrackPublishedResponse, VideoLayer,
    request_response::{Reason as Refused, Request},
    signal_response::Message,
    video_layer,
};

use super::{
    context::{Context, SessionId, TrackSid},
    publish::MAX_NAME,
    state::Room,
    track::{Media, codec_named, mime, sorted},
};
use crate::{
    forward,
    sdp::{Receiving, SendState},
    types::{Codec, MediaKind},
};

/// See the module.
#[derive(Debug)]
pub(super) struct Backup {
    pub(super) codec: Codec,
    /// The client's own id of the track that carries it, once it was told.
    pub(super) cid: Option<String>,
    pub(super) layers: Vec<VideoLayer>,
    pub(super) media: Option<Media>,
    /// Somebody cannot decode the first codec.
    pub(super) needed: bool,
}

impl Backup {
    /// The second codec that a request names, if it is one that we forward and another than the first.
    pub(super) fn announced(request: &AddTrackRequest, kind: MediaKind, first: Option<Codec>) -> Option<Self> {
        let mut named = request
            .simulcast_codecs
            .iter()
            .filter_map(|codec| codec_named(&codec.codec));
        let codec = named.find(|codec| Some(*codec) != first && codec.kind() == kind)?;
        (kind == MediaKind::Video).then_some(Self {
            codec,
            cid: None,
            layers: Vec::new(),
            media: None,
            needed: false,
        })
    }
}

impl Room {
    /// The client is about to publish the backup codec of one of its tracks.
    pub(super) fn add_backup(&mut self, ctx: &mut Context<'_>, session: SessionId, request: AddTrackRequest) {
        let connection = self
            .participants
            .get(&session)
            .and_then(|participant| participant.connection);
        let named = request.simulcast_codecs.first();
        let codec = named.and_then(|named| codec_named(&named.codec));
        let usable = !request.cid.is_empty() && request.cid.len() <= MAX_NAME;
        let track = self
            .tracks
            .get_mut(request.sid.as_str())
            .filter(|track| usable && track.publisher == session);
        let backup = track.and_then(|track| {
            let backup = track.backup.as_mut();
            // Once it is published its section stays the one that it has.
            let backup = backup.filter(|backup| Some(backup.codec) == codec && backup.media.is_none())?;
            Some((backup, &mut track.info))
        });
        let Some((backup, info)) = backup else {
            let message = Message::RequestResponse(RequestResponse {
                reason: Refused::UnsupportedType.into(),
                message: "a track has no other codecs than those announced with it".to_owned(),
                request: Some(Request::AddTrack(request)),
                ..RequestResponse::default()
            });
            ctx.send(connection, message);
            return;
        };
        let layers = named.map(|named| named.layers.clone()).unwrap_or_default();
        backup.layers = sorted(if layers.is_empty() { request.layers } else { layers });
        let former = backup.cid.replace(request.cid.clone());
        if let Some(former) = former.filter(|former| *former != request.cid)
            && let Some(participant) = self.participants.get_mut(&session)
        {
            participant.publisher.negotiator.forget(&former);
        }
        info.codecs.truncate(1);
        info.codecs.push(SimulcastCodecInfo {
            mime_type: mime(backup.codec).to_owned(),
            cid: request.cid.clone(),
            layers: backup.layers.clone(),
            video_layer_mode: video_layer::Mode::OneSpatialLayerPerStream.into(),
            ..SimulcastCodecInfo::default()
        });
        let response = TrackPublishedResponse {
            cid: request.cid,
            track: Some(info.clone()),
        };
        ctx.send(connection, Message::TrackPublished(response));
        // The offer may have been first.
        self.receive_tracks(ctx, session);
    }

    /// The track whose backup a section of its publisher is.
    pub(super) fn backup_in(&self, session: SessionId, section: &Receiving) -> Option<TrackSid> {
        let cid = section.cid.as_ref()?;
        let mut tracks = self.published_by(session);
        let is_it = |backup: &Backup| backup.cid.as_ref() == Some(cid) && backup.codec == section.codec;
        tracks
            .find(|track| track.backup.as_ref().is_some_and(is_it))
            .map(|track| track.sid.clone())
    }

    /// The media of a backup codec is known: those who need it get it.
    pub(super) fn publish_backup(
        &mut self,
        ctx: &mut Context<'_>,
        session: SessionId,
        sid: &TrackSid,
        section: &Receiving,
    ) {
        let (Some(participant), Some(track)) = (self.participants.get(&session), self.tracks.get_mut(sid)) else {
            return;
        };
        let Some(layers) = track.backup.as_ref().map(|backup| backup.layers.clone()) else {
            return;
        };
        let media = track.start_media(ctx, participant.publisher.transport, section, Some(&layers));
        let Some(backup) = &mut track.backup else { return };
        if let Some(codec) = track.info.codecs.get_mut(1) {
            codec.mid = media.mid.to_string();
        }
        backup.media = Some(media);
        tracing::info!(room = %self.key, participant = %participant.sid, track = %sid, "backup codec published");
        self.switch_codecs(ctx, sid);
    }

    /// A backup is no longer published; who got it gets nothing.
    pub(super) fn unpublish_backup(&mut self, ctx: &mut Context<'_>, sid: &TrackSid) {
        let Some(backup) = self.tracks.get_mut(sid).and_then(|track| track.backup.as_mut()) else {
            return;
        };
        let (media, cid) = (backup.media.take(), backup.cid.take());
        let Some(media) = media else { return };
        ctx.forward(forward::Command::SourceRemove { id: media.source });
        ctx.index.sources.remove(&media.source);
        let publisher = self.tracks.get(sid).map(|track| track.publisher);
        if let Some(publisher) = publisher.and_then(|publisher| self.participants.get_mut(&publisher))
            && let Some(cid) = cid
        {
            publisher.publisher.negotiator.forget(&cid);
        }
        self.switch_codecs(ctx, sid);
    }

    /// After a negotiation: whether there are tracks that the client refused or cannot decode, but for their backup.
    pub(super) fn note_undecodable(&mut self, ctx: &mut Context<'_>, session: SessionId) {
        let Some(participant) = self.participants.get(&session) else {
            return;
        };
        let peer = participant.subscriber.as_ref().unwrap_or(&participant.publisher);
        let negotiator = &peer.negotiator;
        let refused: Vec<_> = negotiator
            .sending()
            .filter(|sending| sending.state == SendState::Refused)
            .map(|sending| sending.key)
            .collect();
        let undecodable: Vec<TrackSid> = participant
            .subscriptions
            .iter()
            .filter(|(_, subscription)| {
                let key = subscription.send.as_ref().map(|send| send.key);
                key.is_some_and(|key| refused.contains(&key) || negotiator.undecodable(key))
            })
            .map(|(sid, _)| sid.clone())
            .collect();
        for sid in undecodable {
            let Some(track) = self.tracks.get_mut(&sid) else {
                continue;
            };
            let (Some(media), Some(backup)) = (&track.media, &mut track.backup) else {
                continue;
            };
            let Some(participant) = self.participants.get_mut(&session) else {
                return;
            };
            // Who refused the backup, too, has nothing else to get.
            if !participant.cannot_decode.insert(media.codec) && backup.media.is_some() {
                continue;
            }
            let (first, comes) = (!std::mem::replace(&mut backup.needed, true), backup.media.is_some());
            if comes {
                self.switch_codec(ctx, session, &sid);
            } else if first {
                self.tell_wanted(ctx, &sid);
            }
        }
    }

    /// Brings a track, in the codec that is right now, to all who cannot decode its first one.
    fn switch_codecs(&mut self, ctx: &mut Context<'_>, sid: &TrackSid) {
        let media = self.tracks.get(sid).and_then(|track| track.media.as_ref());
        let Some(codec) = media.map(|media| media.codec) else {
            return;
        };
        let watching: Vec<SessionId> = self
            .participants
            .values()
            .filter(|other| other.cannot_decode.contains(&codec) && other.subscriptions.contains_key(sid))
            .map(|other| other.session)
            .collect();
        for other in watching {
            self.switch_codec(ctx, other, sid);
        }
    }

    /// Brings a track to a participant in the codec that is right for it now.
    pub(super) fn switch_codec(&mut self, ctx: &mut Context<'_>, session: SessionId, sid: &TrackSid) {
        let allowed = self
            .participants
            .get(&session)
            .and_then(|participant| participant.subscriptions.get(sid))
            .is_some_and(|subscription| subscription.send.is_some());
        if allowed {
            self.stop_sending(ctx, session, sid);
            self.subscribe(ctx, session, sid);
        }
    }
}
