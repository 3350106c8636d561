//! What the forwarding shards tell: who speaks, who needs which layer, how good connections are.
#![expect(deprecated, reason = "clients read what newer ones have elsewhere, too")]

use std::{collections::BTreeMap, time::Duration};

use domain::quality::Grade;
use livekit_protocol::{
    ConnectionQuality, ConnectionQualityInfo, ConnectionQualityUpdate, SpeakerInfo, SpeakersChanged, StreamState,
    StreamStateInfo, StreamStateUpdate, SubscribedCodec, SubscribedQuality, SubscribedQualityUpdate, VideoQuality,
    participant_info::State, signal_response::Message,
};

use super::{
    context::{Context, SessionId, TrackSid, shared},
    participant::Participant,
    state::{Room, Timer},
    track::{Media, short_name},
    view::Sample,
};
use crate::types::{MediaKind, SourceId, Ssrc, TransportId};

/// Connection quality is told this often.
const QUALITY_EVERY: Duration = Duration::from_secs(5);

/// In a large room, streams that begin to flow or stop are told together, so long after the first of them.
const STREAMS: Duration = Duration::from_millis(200);

/// So long after a track's first packet its publisher knows it: before, `livekit-client` drops what it is told of it.
const KNOWN_AFTER: Duration = Duration::from_secs(1);

impl Room {
    /// Loudness of some tracks changed; levels are eighths of full scale.
    pub(super) fn speakers_changed(&mut self, ctx: &mut Context<'_>, changed: &[(TrackSid, u8)]) {
        let mut changes: BTreeMap<SessionId, SpeakerInfo> = BTreeMap::new();
        for (sid, eighths) in changed {
            let Some(track) = self.tracks.get_mut(sid) else {
                continue;
            };
            track.level = *eighths;
            let session = track.publisher;
            if let Some(speaker) = self.participants.get(&session) {
                let level = self.published_by(session).map(|track| track.level).max();
                changes.insert(session, speaker_info(speaker, level.unwrap_or(0)));
            }
        }
        if changes.is_empty() {
            return;
        }
        let message = |speakers: Vec<SpeakerInfo>| Message::SpeakersChanged(SpeakersChanged { speakers });
        // Most hear everybody, and are told the same.
        let all = shared(message(changes.values().cloned().collect()));
        for listener in self.participants.values() {
            let speakers: Vec<&SpeakerInfo> = changes
                .iter()
                .filter(|(session, _)| **session == listener.session || self.hears(listener.session, **session))
                .map(|(_, info)| info)
                .collect();
            if speakers.len() == changes.len() {
                ctx.send_shared(listener.connection, &all);
            } else if !speakers.is_empty() {
                ctx.send(listener.connection, message(speakers.into_iter().cloned().collect()));
            }
        }
    }

    /// Tells who begins to hear somebody in the middle of speech that it speaks, and who hears nothing more of it that it does not.
    pub(super) fn tell_speaker(&self, ctx: &mut Context<'_>, listener: SessionId, speaker: SessionId, begins: bool) {
        let level = self.published_by(speaker).map(|track| track.level).max().unwrap_or(0);
        let (Some(receiver), Some(publisher)) = (self.participants.get(&listener), self.participants.get(&speaker))
        else {
            return;
        };
        if level > 0 && !publisher.grants.hidden && self.hears(listener, speaker) == begins {
            let speakers = vec![speaker_info(publisher, if begins { level } else { 0 })];
            ctx.send(
                receiver.connection,
                Message::SpeakersChanged(SpeakersChanged { speakers }),
            );
        }
    }

    pub(super) fn hears(&self, listener: SessionId, speaker: SessionId) -> bool {
        let (Some(listener), Some(speaker)) = (self.participants.get(&listener), self.participants.get(&speaker))
        else {
            return false;
        };
        !speaker.grants.hidden
            && speaker
                .published
                .iter()
                .any(|sid| listener.subscriptions.get(sid).is_some_and(|one| one.send.is_some()))
    }

    /// A stream flows, or stopped for lack of bandwidth.
    pub(super) fn stream_state(&mut self, ctx: &mut Context<'_>, session: SessionId, sid: &TrackSid, active: bool) {
        let Some(track) = self
            .tracks
            .get(sid)
            .filter(|_| self.participants.contains_key(&session))
        else {
            return;
        };
        let Some(publisher) = self
            .participants
            .get(&track.publisher)
            .filter(|_| track.kind == MediaKind::Video)
        else {
            return;
        };
        let state = if active {
            StreamState::Active
        } else {
            StreamState::Paused
        };
        let info = StreamStateInfo {
            participant_sid: publisher.sid.clone(),
            track_sid: sid.to_string(),
            state: state.into(),
        };
        self.stream_states.entry(session).or_default().push(info);
        if self.is_small() {
            self.tell_streams(ctx);
        } else {
            self.timers.set_if_idle(Timer::Streams, ctx.after(STREAMS));
        }
    }

    /// Tells subscribers which pictures began to flow, or stopped.
    pub(super) fn tell_streams(&mut self, ctx: &mut Context<'_>) {
        for (session, stream_states) in std::mem::take(&mut self.stream_states) {
            if let Some(participant) = self.participants.get(&session) {
                let update = StreamStateUpdate { stream_states };
                ctx.send(participant.connection, Message::StreamStateUpdate(update));
            }
        }
    }

    /// The highest layer that anybody wants of one stream changed: the publisher may stop those above it.
    pub(super) fn layer_wanted(
        &mut self,
        ctx: &mut Context<'_>,
        (sid, source): (&TrackSid, SourceId),
        highest: Option<u8>,
    ) {
        let Some(track) = self.tracks.get_mut(sid) else {
            return;
        };
        let backup = track.backup.as_mut().and_then(|backup| backup.media.as_mut());
        let mut streams = track.media.iter_mut().chain(backup);
        if let Some(media) = streams.find(|media| media.source == source) {
            media.wanted = Some(highest);
        }
        self.tell_wanted(ctx, sid);
    }

    /// Tells the publisher of a track what is wanted of each of its codecs.
    pub(super) fn tell_wanted(&self, ctx: &mut Context<'_>, sid: &TrackSid) {
        let Some(track) = self.tracks.get(sid).filter(|track| track.kind == MediaKind::Video) else {
            return;
        };
        let (Some(media), Some(publisher)) = (&track.media, self.participants.get(&track.publisher)) else {
            return;
        };
        let mut codecs = vec![SubscribedCodec {
            codec: short_name(media.codec).to_owned(),
            qualities: qualities(media),
        }];
        if let Some(backup) = track.backup.as_ref().filter(|backup| backup.needed) {
            codecs.push(SubscribedCodec {
                codec: short_name(backup.codec).to_owned(),
                // Without a stream yet it is asked for.
                qualities: backup.media.as_ref().map_or_else(|| up_to(Some(u8::MAX)), qualities),
            });
        }
        let update = SubscribedQualityUpdate {
            track_sid: sid.to_string(),
            subscribed_qualities: codecs[0].qualities.clone(),
            subscribed_codecs: codecs,
        };
        ctx.send(publisher.connection, Message::SubscribedQualityUpdate(update));
    }

    /// The first packet of a layer: its SSRC goes into the track's description.
    pub(super) fn layer_started(
        &mut self,
        ctx: &mut Context<'_>,
        (sid, source): (&TrackSid, SourceId),
        layer: u8,
        (ssrc, rtx_ssrc): (Ssrc, Option<Ssrc>),
    ) {
        let Some(track) = self.tracks.get_mut(sid) else {
            return;
        };
        if !track.known {
            let known = Timer::Known(sid.clone());
            self.timers.set_if_idle(known, ctx.after(KNOWN_AFTER));
        }
        let backup = track.backup.as_mut().and_then(|backup| {
            let is_it = backup.media.as_ref().is_some_and(|media| media.source == source);
            Some((&mut backup.layers, track.info.codecs.get_mut(1)?)).filter(|_| is_it)
        });
        if let Some((layers, codec)) = backup {
            if let Some(layer) = layers.get_mut(usize::from(layer)) {
                layer.ssrc = ssrc.0;
                layer.repair_ssrc = rtx_ssrc.map_or(0, |ssrc| ssrc.0);
            }
            codec.layers.clone_from(layers);
            return;
        }
        if let Some(layer) = track.info.layers.get_mut(usize::from(layer)) {
            layer.ssrc = ssrc.0;
            layer.repair_ssrc = rtx_ssrc.map_or(0, |ssrc| ssrc.0);
        }
        if let Some(codec) = track.info.codecs.first_mut() {
            codec.layers.clone_from(&track.info.layers);
        }
    }

    /// A track's publisher knows it by now: it hears once more what it may have dropped.
    pub(super) fn publisher_knows(&mut self, ctx: &mut Context<'_>, sid: &TrackSid) {
        let Some(track) = self.tracks.get_mut(sid) else {
            return;
        };
        track.known = true;
        let (publisher, silence_due) = (track.publisher, track.silence_due);
        if silence_due {
            self.order_mute(ctx, publisher, sid);
        }
        self.tell_wanted(ctx, sid);
    }

    /// How well a connection does.
    pub(super) fn quality(&mut self, session: SessionId, transport: TransportId, sample: Sample) {
        if let Some(participant) = self.participants.get_mut(&session) {
            participant.quality.insert(transport, sample);
            participant.gathered.sample(sample);
        }
    }

    /// Begins to tell connection quality.
    pub(super) fn start_quality(&mut self, ctx: &Context<'_>) {
        self.timers.set_if_idle(Timer::Quality, ctx.after(QUALITY_EVERY));
    }

    /// Tells each participant its own quality and that of those it subscribes to.
    pub(super) fn tell_quality(&mut self, ctx: &mut Context<'_>) {
        self.gather_quality(ctx);
        if self.participants.is_empty() {
            return;
        }
        let infos: BTreeMap<SessionId, ConnectionQualityInfo> = self
            .participants
            .values()
            // One that is still connecting is not lost.
            .filter(|participant| !participant.grants.hidden && participant.state == State::Active)
            .map(|participant| {
                let quality = match participant.grade() {
                    Grade::Lost => ConnectionQuality::Lost,
                    Grade::Poor => ConnectionQuality::Poor,
                    Grade::Good => ConnectionQuality::Good,
                    Grade::Excellent => ConnectionQuality::Excellent,
                };
                let info = ConnectionQualityInfo {
                    participant_sid: participant.sid.clone(),
                    quality: quality.into(),
                    score: participant.score(),
                };
                (participant.session, info)
            })
            .collect();
        self.timers.set(Timer::Quality, ctx.after(QUALITY_EVERY));
        if !self.is_small() {
            self.tell_quality_changes(ctx, &infos);
            return;
        }
        for participant in self.participants.values() {
            let mut whom: Vec<SessionId> = participant
                .subscriptions
                .keys()
                .filter_map(|sid| self.tracks.get(sid))
                .map(|track| track.publisher)
                .collect();
            whom.push(participant.session);
            whom.sort_unstable();
            whom.dedup();
            let updates = whom.iter().filter_map(|session| infos.get(session)).cloned().collect();
            ctx.send(
                participant.connection,
                Message::ConnectionQuality(ConnectionQualityUpdate { updates }),
            );
        }
    }

    /// In a large room all hear of publishers whose quality is another one, everybody of its own, and newcomers of all publishers.
    fn tell_quality_changes(&mut self, ctx: &mut Context<'_>, infos: &BTreeMap<SessionId, ConnectionQualityInfo>) {
        let message = |updates| Message::ConnectionQuality(ConnectionQualityUpdate { updates });
        let publishes = |session: &SessionId| self.published_by(*session).next().is_some();
        let publishers: Vec<(SessionId, &ConnectionQualityInfo)> = infos
            .iter()
            .filter(|(session, _)| publishes(session))
            .map(|(session, info)| (*session, info))
            .collect();
        let is_other = |session: &SessionId, info: &ConnectionQualityInfo| {
            self.participants[session].quality_told != Some(info.quality())
        };
        let changed: Vec<ConnectionQualityInfo> = publishers
            .iter()
            .filter(|(session, info)| is_other(session, info))
            .map(|(_, info)| (*info).clone())
            .collect();
        let to_all = (!changed.is_empty()).then(|| shared(message(changed)));
        for participant in self.participants.values().filter(|one| !one.waits) {
            let own = infos.get(&participant.session);
            if !participant.knows_quality {
                let others = publishers.iter().filter(|(session, _)| *session != participant.session);
                let updates = others.map(|(_, info)| (*info).clone()).chain(own.cloned()).collect();
                ctx.send(participant.connection, message(updates));
                continue;
            }
            if let Some(to_all) = &to_all {
                ctx.send_shared(participant.connection, to_all);
            }
            if let Some(own) = own.filter(|own| is_other(&participant.session, own) && !publishes(&participant.session))
            {
                ctx.send(participant.connection, message(vec![own.clone()]));
            }
        }
        for participant in self.participants.values_mut() {
            participant.knows_quality = !participant.waits;
            let told = infos.get(&participant.session).map(ConnectionQualityInfo::quality);
            participant.quality_told = told.or(participant.quality_told);
        }
    }
}

fn speaker_info(speaker: &Participant, eighths: u8) -> SpeakerInfo {
    SpeakerInfo {
        sid: speaker.sid.clone(),
        level: f32::from(eighths) / 8.0,
        active: eighths > 0,
    }
}

/// Which qualities of a stream are wanted; before anybody told, all.
fn qualities(media: &Media) -> Vec<SubscribedQuality> {
    // Without simulcast there is one layer, and it has every quality.
    let highest = media.wanted.unwrap_or(Some(u8::MAX));
    up_to(if media.layers <= 1 {
        highest.map(|_| u8::MAX)
    } else {
        highest
    })
}

fn up_to(highest: Option<u8>) -> Vec<SubscribedQuality> {
    [VideoQuality::Low, VideoQuality::Medium, VideoQuality::High]
        .into_iter()
        .zip(0_u8..)
        .map(|(quality, layer)| SubscribedQuality {
            quality: quality.into(),
            enabled: highest.is_some_and(|highest| layer <= highest),
        })
        .collect()
}
