//! Publishing: tracks are announced, then found in an offer, then mute and go.

use std::time::Duration;

use livekit_protocol::{
    AddTrackRequest, MuteTrackRequest, RequestResponse, TrackPublishedResponse, TrackSource,
    request_response::{Reason as Refused, Request},
    signal_response::Message,
};

use super::{
    api::{Grants, Mode},
    context::{Context, SessionId, TrackSid},
    leave::Departure,
    participant::{Participant, real_source},
    signal::MAX_ITEMS,
    state::{Room, Timer},
    track::{Track, mime, short_name},
};
use crate::{forward, sdp::Receiving, types::Mid};

/// Tracks of one participant, announced or published.
pub(super) const MAX_TRACKS: usize = 32;

/// Tracks that are announced within this time are told to the others together, so that one negotiation brings all.
const TOGETHER: Duration = Duration::from_millis(5);

/// The others know of a track that is not offered for so long.
const OFFER_WITHIN: Duration = Duration::from_secs(5);

/// Longest name or id that a client gives a track, in bytes.
pub(super) const MAX_NAME: usize = 256;

impl Room {
    /// The client announces a track; it hears of its name at once, before any media.
    pub(super) fn add_track(&mut self, ctx: &mut Context<'_>, session: SessionId, request: AddTrackRequest) {
        let Some(participant) = self.participants.get_mut(&session) else {
            return;
        };
        let connection = participant.connection;
        if !request.sid.is_empty() {
            self.add_backup(ctx, session, request);
            return;
        }
        if let Some((reason, message)) = objection(&participant.grants, participant.published.len(), &request) {
            let message = Message::RequestResponse(RequestResponse {
                reason: reason.into(),
                message: message.to_owned(),
                request: Some(Request::AddTrack(request)),
                ..RequestResponse::default()
            });
            ctx.send(connection, message);
            return;
        }
        let pending = participant
            .published
            .iter()
            .filter_map(|sid| self.tracks.get(sid))
            .find(|track| track.media.is_none() && track.cids.first() == Some(&request.cid));
        if let Some(track) = pending {
            let response = TrackPublishedResponse {
                cid: request.cid,
                track: Some(track.info.clone()),
            };
            ctx.send(connection, Message::TrackPublished(response));
            return;
        }
        let sid = TrackSid::from(ctx.name(prefix(request.source(), request.r#type)));
        let cid = request.cid.clone();
        let Some(track) = Track::announced(sid.clone(), session, request, ctx.now.unix_ms) else {
            return;
        };
        let response = TrackPublishedResponse {
            cid,
            track: Some(track.info.clone()),
        };
        ctx.send(connection, Message::TrackPublished(response));
        participant.published.push(sid.clone());
        let source = track.info.source();
        self.tracks.insert(sid.clone(), track);
        self.silence_again(ctx, session, source, &sid);
        self.announced.push(sid);
        self.timers.set_if_idle(Timer::Announced, ctx.after(TOGETHER));
        // The offer may have been first.
        self.receive_tracks(ctx, session);
    }

    /// Tells the others of tracks whose offer is still being made, so that who has one connection, and has to be asked for an offer
    /// first, negotiates them meanwhile. With two connections the others' part is over before the first picture comes, anyhow, and
    /// in a large room many would be told twice of each track.
    pub(super) fn show_announced(&mut self, ctx: &Context<'_>) {
        for sid in std::mem::take(&mut self.announced) {
            let Some(track) = self.tracks.get(&sid).filter(|track| !track.shown) else {
                continue;
            };
            let is_asked = |one: &Participant| one.session != track.publisher && one.mode == Mode::Single;
            if !self.is_small() || !self.participants.values().any(is_asked) {
                continue;
            }
            let (Some(codec), Some(track)) = (track.codec(), self.tracks.get_mut(&sid)) else {
                continue;
            };
            mime(codec).clone_into(&mut track.info.mime_type);
            self.timers.set(Timer::Offer(sid.clone()), ctx.after(OFFER_WITHIN));
            self.show(&sid);
        }
    }

    /// The others are to hear of a track and to get it.
    fn show(&mut self, sid: &TrackSid) {
        let Some(track) = self.tracks.get_mut(sid) else {
            return;
        };
        track.shown = true;
        self.unoffered.push(sid.clone());
        if let Some(participant) = self.participants.get_mut(&track.publisher) {
            participant.touch();
        }
    }

    /// A track that the others know of was not offered: for them it is gone, until it is.
    pub(super) fn hide_track(&mut self, ctx: &mut Context<'_>, sid: &TrackSid) {
        let Some(track) = self.tracks.get_mut(sid).filter(|track| track.media.is_none()) else {
            return;
        };
        track.shown = false;
        let publisher = track.publisher;
        if let Some(participant) = self.participants.get_mut(&publisher) {
            participant.touch();
        }
        self.take_from_all(ctx, sid);
        if !self.may_take(ctx, publisher, 1) {
            self.depart(ctx, publisher, Departure::Confused);
        }
    }

    /// Tells the negotiator what each announced track is, before an answer is made.
    pub(super) fn hint_tracks(&mut self, session: SessionId) {
        let Some(participant) = self.participants.get_mut(&session) else {
            return;
        };
        for track in participant.published.iter().filter_map(|sid| self.tracks.get(sid)) {
            for cid in &track.cids {
                participant.publisher.negotiator.hint(cid, track.hints());
            }
            if let Some((cid, hints)) = track.backup_hints() {
                participant.publisher.negotiator.hint(cid, hints);
            }
        }
    }

    /// Matches the sections of the client's last offer with its tracks: some have come, others have gone.
    pub(super) fn receive_tracks(&mut self, ctx: &mut Context<'_>, session: SessionId) {
        let Some(participant) = self.participants.get_mut(&session) else {
            return;
        };
        let sections: Vec<Receiving> = participant.publisher.negotiator.receiving().cloned().collect();
        let goes_on = |section: &Receiving, (mid, cid): &(Mid, Option<String>)| {
            section.active && section.mid == *mid && section.cid == *cid
        };
        participant
            .spent
            .retain(|spent| sections.iter().any(|section| goes_on(section, spent)));
        let spent = participant.spent.clone();
        let gone: Vec<TrackSid> = self
            .published_by(session)
            .filter(|track| {
                track
                    .media
                    .as_ref()
                    .is_some_and(|media| !self.still_carries(track, &media.mid, &sections))
            })
            .map(|track| track.sid.clone())
            .collect();
        let mut taken = self.shown(&gone);
        for sid in gone {
            self.unpublish(ctx, &sid);
        }
        let is_there = |mid: &Mid| sections.iter().any(|section| section.active && section.mid == *mid);
        let gone: Vec<TrackSid> = self
            .published_by(session)
            .filter(|track| {
                let media = track.backup.as_ref().and_then(|backup| backup.media.as_ref());
                media.is_some_and(|media| !is_there(&media.mid))
            })
            .map(|track| track.sid.clone())
            .collect();
        taken += gone.len();
        for sid in gone {
            self.unpublish_backup(ctx, &sid);
        }
        if !self.may_take(ctx, session, taken) {
            return self.depart(ctx, session, Departure::Confused);
        }
        let free: Vec<&Receiving> = sections
            .iter()
            .filter(|section| section.active && !self.is_taken(session, &section.mid))
            .collect();
        // First those that the client named, then, for clients that name them otherwise, those of the same kind.
        let mut left = Vec::new();
        for section in free {
            if let Some(sid) = self.backup_in(session, section) {
                self.publish_backup(ctx, session, &sid, section);
                continue;
            }
            match self.pending(session, |track| track.is_named(section)) {
                Some(sid) => self.publish(ctx, session, &sid, section),
                None if spent.iter().any(|(mid, _)| *mid == section.mid) => {}
                None => left.push(section),
            }
        }
        for section in left {
            if let Some(sid) = self.pending(session, |track| track.kind == section.kind) {
                self.publish(ctx, session, &sid, section);
            }
        }
    }

    fn still_carries(&self, track: &Track, mid: &Mid, sections: &[Receiving]) -> bool {
        let Some(section) = sections.iter().find(|section| section.mid == *mid && section.active) else {
            return false;
        };
        // A recycled section carries another announced track.
        track.is_named(section) || self.pending(track.publisher, |other| other.is_named(section)).is_none()
    }

    fn is_taken(&self, session: SessionId, mid: &Mid) -> bool {
        self.published_by(session)
            .any(|track| track.streams().any(|media| media.mid == *mid))
    }

    fn pending(&self, session: SessionId, is_meant: impl Fn(&Track) -> bool) -> Option<TrackSid> {
        self.published_by(session)
            .find(|track| track.media.is_none() && is_meant(track))
            .map(|track| track.sid.clone())
    }

    pub(super) fn published_by(&self, session: SessionId) -> impl Iterator<Item = &Track> {
        self.participants
            .get(&session)
            .into_iter()
            .flat_map(|participant| &participant.published)
            .filter_map(|sid| self.tracks.get(sid))
    }

    /// The media of an announced track is known: the others hear of it and get it.
    fn publish(&mut self, ctx: &mut Context<'_>, session: SessionId, sid: &TrackSid, section: &Receiving) {
        let (Some(participant), Some(track)) = (self.participants.get_mut(&session), self.tracks.get_mut(sid)) else {
            return;
        };
        let media = track.start_media(ctx, participant.publisher.transport, section, None);
        tracing::info!(
            room = %self.key,
            participant = %participant.sid,
            track = %sid,
            codec = short_name(section.codec),
            layers = media.layers,
            "track published"
        );
        ctx.counts.published += 1;
        let expected = track.codec();
        track.carried_by(media, section);
        participant.touch();
        participant.quality_told = None;
        self.counts_changed = true;
        if !track.shown {
            self.show(sid);
            return;
        }
        let is_other = expected != track.codec();
        self.timers.clear(&Timer::Offer(sid.clone()));
        for subscriber in self.subscribers(sid) {
            if is_other {
                self.switch_codec(ctx, subscriber, sid);
            } else {
                self.start_sinks(ctx, subscriber);
                self.note_undecodable(ctx, subscriber);
            }
        }
        if !self.may_take(ctx, session, usize::from(is_other)) {
            self.depart(ctx, session, Departure::Confused);
        }
    }

    /// How many of these tracks the others know of.
    pub(super) fn shown(&self, sids: &[TrackSid]) -> usize {
        let tracks = sids.iter().filter_map(|sid| self.tracks.get(sid));
        tracks.filter(|track| track.shown).count()
    }

    /// Those to whom a track goes, or is to go.
    fn subscribers(&self, sid: &TrackSid) -> Vec<SessionId> {
        self.participants
            .values()
            .filter(|participant| participant.subscriptions.contains_key(sid))
            .map(|participant| participant.session)
            .collect()
    }

    fn take_from_all(&mut self, ctx: &mut Context<'_>, sid: &TrackSid) {
        for subscriber in self.subscribers(sid) {
            self.forget_subscription(ctx, subscriber, sid);
            // Nothing comes any more in the section: that it is free may wait.
            if !self.is_small() && self.unsettled.remove(&subscriber) {
                self.unsettled_later.insert(subscriber);
            }
        }
    }

    /// A track is no longer published, whoever wanted that.
    pub(super) fn unpublish(&mut self, ctx: &mut Context<'_>, sid: &TrackSid) {
        if self.tracks.get(sid).is_some_and(|track| track.level > 0) {
            self.speakers_changed(ctx, &[(sid.clone(), 0)]);
        }
        self.refill |= self.tracks.get(sid).is_some_and(Track::is_camera) && self.has_many_cameras(ctx);
        let Some(track) = self.tracks.remove(sid) else {
            return;
        };
        for participant in self.participants.values_mut() {
            participant.declined.remove(sid);
        }
        self.take_from_all(ctx, sid);
        self.timers.clear(&Timer::Offer(sid.clone()));
        for media in track.streams() {
            ctx.forward(forward::Command::SourceRemove { id: media.source });
            ctx.index.sources.remove(&media.source);
        }
        if let Some(publisher) = self.participants.get_mut(&track.publisher) {
            tracing::info!(room = %self.key, participant = %publisher.sid, track = %sid, "track unpublished");
            publisher.published.retain(|other| other != sid);
            let backup = track.backup.as_ref().and_then(|backup| backup.cid.as_ref());
            for cid in track.cids.iter().chain(backup) {
                publisher.publisher.negotiator.forget(cid);
            }
            let sections = publisher.publisher.negotiator.receiving();
            let go_on =
                sections.filter(|section| section.active && track.streams().any(|media| media.mid == section.mid));
            let spent: Vec<_> = go_on.map(|section| (section.mid, section.cid.clone())).collect();
            publisher.spent.extend(spent);
            publisher.touch();
        }
        self.counts_changed = true;
    }

    /// The client muted or unmuted one of its tracks, or somebody else muted it in its place (`ordered`).
    pub(super) fn mute(
        &mut self,
        ctx: &mut Context<'_>,
        session: SessionId,
        request: &MuteTrackRequest,
        ordered: bool,
    ) {
        let Some(track) = self
            .tracks
            .get_mut(request.sid.as_str())
            .filter(|track| track.publisher == session)
        else {
            return;
        };
        if std::mem::take(&mut track.silence_due) && !request.muted {
            // It says how its track is, not that somebody unmuted it; now that it knows the track, the order reaches it.
            self.order_mute(ctx, session, &request.sid);
            return;
        }
        if track.info.muted == request.muted {
            return;
        }
        track.info.muted = request.muted;
        track.silenced = ordered && request.muted;
        let sources: Vec<_> = track.streams().map(|media| media.source).collect();
        for id in &sources {
            ctx.forward(forward::Command::SourceMute {
                id: *id,
                muted: request.muted,
                ordered,
            });
        }
        if track.shown
            && let Some(participant) = self.participants.get_mut(&session)
        {
            participant.touch();
        }
    }

    /// The client changed what its track is (features, size).
    pub(super) fn update_track(&mut self, session: SessionId, sid: &str, change: impl FnOnce(&mut Track)) {
        if let Some(track) = self.tracks.get_mut(sid).filter(|track| track.publisher == session) {
            let before = track.info.clone();
            change(track);
            if track.info == before {
                return;
            }
            if let Some(participant) = self.participants.get_mut(&session) {
                participant.touch();
            }
        }
    }
}

/// Why somebody with these rights who has announced so many tracks may not announce this one.
pub(super) fn objection(
    grants: &Grants,
    announced: usize,
    request: &AddTrackRequest,
) -> Option<(Refused, &'static str)> {
    if !grants.allow(real_source(request.r#type(), request.source())) {
        Some((Refused::NotAllowed, "does not have permission to publish"))
    } else if announced >= MAX_TRACKS {
        Some((Refused::LimitExceeded, "too many tracks"))
    } else if request.cid.is_empty()
        || request.cid.len() > MAX_NAME
        || request.name.len() > MAX_NAME
        || request.stream.len() > MAX_NAME
        || request.simulcast_codecs.len() > MAX_ITEMS
        || request.simulcast_codecs.iter().any(|codec| codec.cid.len() > MAX_NAME)
    {
        Some((Refused::InvalidRequest, "cid, name or stream cannot be used"))
    } else if !request.sid.is_empty() {
        Some((
            Refused::UnsupportedType,
            "another codec belongs to a track that is published",
        ))
    } else {
        None
    }
}

/// The first letters of a track's name tell what it is, as LiveKit's do.
const fn prefix(source: TrackSource, kind: i32) -> &'static str {
    match (source, kind) {
        (TrackSource::Microphone, _) => "TR_AM",
        (TrackSource::Camera, _) => "TR_VC",
        (TrackSource::ScreenShare, _) => "TR_VS",
        (TrackSource::ScreenShareAudio, _) => "TR_AS",
        (TrackSource::Unknown, 0) => "TR_A",
        (TrackSource::Unknown, _) => "TR_V",
    }
}
