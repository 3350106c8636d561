//! Subscriptions: which tracks go to whom, and at what size.

use std::{
    collections::{BTreeSet, HashSet},
    time::Duration,
};

use livekit_protocol::{
    SubscriptionPermission, SubscriptionPermissionUpdate, UpdateSubscription, signal_response::Message,
};

use super::{
    allowed::Allowed,
    api::{Now, Refusal},
    context::{Context, SessionId, TrackSid},
    leave::Departure,
    participant::Participant,
    publish::MAX_TRACKS,
    state::{Room, Timer},
    track::Track,
};
use crate::{
    forward::{self, Want},
    sdp::{SendKey, SendTrack},
    types::{MediaKind, SinkId},
};

/// What a client that tells sizes gets until it has told one: the small layer comes first and fast.
pub(super) const FIRST_SIZE: (u32, u32) = (320, 180);

/// Names in one message of a client.
pub(super) const MAX_NAMES: usize = 2_000;

/// SSRCs given out to one session: two for a camera, one for a microphone, anew whenever it subscribes.
pub(super) const MAX_SSRCS: usize = 32_768;

/// How often a publisher takes a track from others that they may have had, in the long run (in microseconds) and at once.
const TAKEN_EVERY: u64 = 100_000;
const TAKEN_AT_ONCE: u64 = 2_000 * TAKEN_EVERY;

/// People of whom that is remembered, before those who have paid are forgotten.
const MAX_TAKERS: usize = 2_000;

/// A publisher's words of who may have its tracks are heard so often, in microseconds, and so many at once.
const PERMITS_EVERY: u64 = 50_000;
const PERMITS_AT_ONCE: u64 = 50 * PERMITS_EVERY;

/// One track on its way to one participant.
#[derive(Debug)]
pub(super) struct Subscription {
    /// Its place in the receiving connection's negotiation; none while it is not allowed.
    pub(super) send: Option<Send>,
    /// The shard sends.
    pub(super) sink: Option<SinkId>,
    /// What the shard is told to send.
    pub(super) want: Want,
    /// What it will be told when the debounce is over.
    pub(super) next_want: Option<Want>,
}

/// See [`Subscription::send`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Send {
    pub(super) key: SendKey,
}

impl Room {
    /// A newcomer gets what is there.
    pub(super) fn subscribe_newcomer(&mut self, ctx: &mut Context<'_>, session: SessionId) {
        if !self.participants.get(&session).is_some_and(Participant::gets_all) {
            return;
        }
        let declined = &self.participants[&session].declined;
        let there = self.tracks.values().filter(|track| track.shown);
        let tracks: Vec<TrackSid> = there
            .filter(|track| !track.is_camera() && !declined.contains(&track.sid))
            .map(|track| track.sid.clone())
            .collect();
        for sid in tracks {
            self.subscribe(ctx, session, &sid);
        }
        self.fill_cameras(ctx, session);
    }

    /// Brings cameras to somebody until they are as many as come unasked: those of who speaks, then of who came first.
    fn fill_cameras(&mut self, ctx: &mut Context<'_>, session: SessionId) {
        let Some(participant) = self.participants.get(&session) else {
            return;
        };
        let mut cameras: Vec<&Track> = self
            .tracks
            .values()
            .filter(|track| track.is_camera() && track.shown && track.publisher != session)
            .filter(|track| !participant.subscriptions.contains_key(&track.sid))
            .filter(|track| !participant.declined.contains(&track.sid))
            .filter(|track| {
                let publisher = self.participants.get(&track.publisher);
                publisher.is_some_and(|publisher| self.sees(participant, publisher))
            })
            .collect();
        let more = auto_cameras(ctx).saturating_sub(self.cameras_of(participant));
        if cameras.len() > more {
            cameras.sort_by_key(|track| (!self.speaks(track.publisher), track.publisher));
            cameras.truncate(more);
        }
        let cameras: Vec<TrackSid> = cameras.into_iter().map(|track| track.sid.clone()).collect();
        for sid in cameras {
            self.subscribe(ctx, session, &sid);
        }
    }

    /// Where there were too many cameras for all, others take the place of those that went.
    pub(super) fn refill_cameras(&mut self, ctx: &mut Context<'_>) {
        let all = self.participants.values().filter(|one| one.gets_all());
        for session in all.map(|one| one.session).collect::<Vec<_>>() {
            self.fill_cameras(ctx, session);
        }
    }

    /// Whether there are more cameras than come unasked.
    pub(super) fn has_many_cameras(&self, ctx: &Context<'_>) -> bool {
        self.tracks.values().filter(|track| track.is_camera()).count() > auto_cameras(ctx)
    }

    fn cameras_of(&self, participant: &Participant) -> usize {
        let tracks = participant.subscriptions.keys().filter_map(|sid| self.tracks.get(sid));
        tracks.filter(|track| track.is_camera()).count()
    }

    fn speaks(&self, session: SessionId) -> bool {
        self.published_by(session).any(|track| track.level > 0)
    }

    /// A new track goes to all who get every track; a camera only to those who have not been given too many yet.
    pub(super) fn offer_track(&mut self, ctx: &mut Context<'_>, sid: &TrackSid) {
        let Some(track) = self.tracks.get(sid) else {
            return;
        };
        let most = auto_cameras(ctx);
        let limited = track.is_camera() && self.has_many_cameras(ctx);
        let sessions: Vec<SessionId> = self
            .participants
            .values()
            .filter(|participant| participant.gets_all() && !participant.declined.contains(sid))
            .filter(|participant| !(limited && self.cameras_of(participant) >= most))
            .map(|participant| participant.session)
            .collect();
        for session in sessions {
            self.subscribe(ctx, session, sid);
        }
    }

    /// The client asks for tracks, or not any more.
    pub(super) fn update_subscription(
        &mut self,
        ctx: &mut Context<'_>,
        session: SessionId,
        request: &UpdateSubscription,
    ) {
        let names = request
            .track_sids
            .iter()
            .chain(request.participant_tracks.iter().flat_map(|tracks| &tracks.track_sids));
        let mut done = HashSet::new();
        for name in names.take(MAX_NAMES) {
            if !done.insert(name.as_str()) {
                continue;
            }
            let Some(sid) = self
                .tracks
                .get(name.as_str())
                .filter(|track| track.shown)
                .map(|track| track.sid.clone())
            else {
                continue;
            };
            let Some(participant) = self.participants.get_mut(&session) else {
                return;
            };
            if request.subscribe {
                participant.declined.remove(&sid);
                self.subscribe(ctx, session, &sid);
            } else {
                participant.declined.insert(sid.clone());
                self.forget_subscription(ctx, session, &sid);
            }
        }
    }

    /// Begins to bring a track to a participant, as far as both may.
    pub(super) fn subscribe(&mut self, ctx: &mut Context<'_>, session: SessionId, sid: &TrackSid) {
        let there = self
            .tracks
            .get(sid)
            .filter(|track| track.shown && track.publisher != session);
        let Some(track) = there else {
            return;
        };
        let (Some(codec), Some(publisher)) = (track.codec(), self.participants.get(&track.publisher)) else {
            return;
        };
        let publisher_sid = publisher.sid.clone();
        let Some(participant) = self
            .participants
            .get(&session)
            .filter(|participant| self.sees(participant, publisher))
        else {
            return;
        };
        let allowed = publisher.lets(&participant.ticket.identity, &participant.sid, sid);
        let codec = track.codec_for(&participant.cannot_decode).unwrap_or(codec);
        let (kind, stereo) = (track.kind, track.is_stereo());
        let speaker = track.publisher;
        let hears = self.hears(session, speaker);
        let Some(participant) = self.participants.get_mut(&session) else {
            return;
        };
        let former = participant.subscriptions.get(sid);
        if former.is_some_and(|subscription| subscription.send.is_some()) {
            return;
        }
        let (former, may) = (
            former.map(|subscription| subscription.want),
            participant.grants.subscribe,
        );
        // A client of the protocol wants its tracks one by one, a player what belongs together in one stream.
        let stream_id = if participant.offers_once {
            publisher_sid.clone()
        } else {
            format!("{publisher_sid}|{sid}")
        };
        let connection = participant.connection;
        let (width, height) = if participant.adaptive_stream && kind == MediaKind::Video {
            FIRST_SIZE
        } else {
            (0, 0)
        };
        if participant.receiver().ssrcs.len() >= MAX_SSRCS {
            // Everything about them is kept as long as their keys: it gets new ones.
            return self.depart(ctx, session, Departure::Confused);
        }
        let peer = participant.receiver();
        let send = (allowed && may).then(|| {
            let ssrc = peer.mint_ssrc(ctx);
            let rtx_ssrc = (kind == MediaKind::Video).then(|| peer.mint_ssrc(ctx));
            let key = peer.negotiator.add_send(SendTrack {
                track_sid: sid.to_string(),
                stream_id,
                codec,
                stereo,
                ssrc,
                rtx_ssrc,
            });
            Send { key }
        });
        let first = Want {
            width,
            height,
            ..Want::default()
        };
        let subscription = Subscription {
            send,
            sink: None,
            want: former.unwrap_or(first),
            next_want: None,
        };
        participant.subscriptions.insert(sid.clone(), subscription);
        if !allowed || (former.is_some() && may) {
            let update = SubscriptionPermissionUpdate {
                participant_sid: publisher_sid,
                track_sid: sid.to_string(),
                allowed,
            };
            ctx.send(connection, Message::SubscriptionPermissionUpdate(update));
        }
        if !hears {
            self.tell_speaker(ctx, session, speaker, true);
        }
        self.unsettled.insert(session);
    }

    /// Stops bringing a track to a participant.
    pub(super) fn forget_subscription(&mut self, ctx: &mut Context<'_>, session: SessionId, sid: &TrackSid) {
        self.stop_sending(ctx, session, sid);
        if let Some(participant) = self.participants.get_mut(&session) {
            participant.subscriptions.remove(sid);
        }
    }

    /// Stops for as long as it is not allowed: that it is wanted, and how, is remembered.
    pub(super) fn stop_sending(&mut self, ctx: &mut Context<'_>, session: SessionId, sid: &TrackSid) {
        let Some(participant) = self.participants.get_mut(&session) else {
            return;
        };
        let Some(subscription) = participant.subscriptions.get_mut(sid) else {
            return;
        };
        let (send, sink) = (subscription.send.take(), subscription.sink.take());
        subscription.want = subscription.next_want.take().unwrap_or(subscription.want);
        self.timers.clear(&Timer::Want(session, sid.clone()));
        if let Some(sink) = sink {
            ctx.forward(forward::Command::SinkRemove { id: sink });
            ctx.index.sinks.remove(&sink);
            if let Some(track) = self.tracks.get_mut(sid) {
                track.subscribers = track.subscribers.saturating_sub(1);
            }
        }
        if let Some(send) = send {
            participant.receiver().negotiator.remove_send(send.key);
            self.unsettled.insert(session);
            if let Some(track) = self.tracks.get(sid) {
                self.tell_speaker(ctx, session, track.publisher, false);
            }
        }
    }

    /// A publisher says who may have its tracks.
    pub(super) fn set_permission(
        &mut self,
        ctx: &mut Context<'_>,
        session: SessionId,
        permission: SubscriptionPermission,
    ) {
        let now = self.micros(ctx.now);
        let Some(publisher) = self.participants.get_mut(&session) else {
            return;
        };
        let allowed = (!permission.all_participants).then(|| Allowed::new(permission));
        publisher.permission = Some(allowed);
        if publisher.permits.take(now, PERMITS_EVERY, PERMITS_AT_ONCE) {
            self.hear_permission(ctx, session);
        } else {
            let later = ctx.after(Duration::from_micros(PERMITS_EVERY));
            self.timers.set_if_idle(Timer::Permission(session), later);
        }
    }

    /// What a publisher said last of who may have its tracks takes effect.
    pub(super) fn hear_permission(&mut self, ctx: &mut Context<'_>, session: SessionId) {
        self.timers.clear(&Timer::Permission(session));
        let Some(publisher) = self.participants.get_mut(&session) else {
            return;
        };
        let Some(allowed) = publisher
            .permission
            .take()
            .filter(|allowed| *allowed != publisher.allowed)
        else {
            return;
        };
        publisher.allowed = allowed;
        let publisher_sid = publisher.sid.clone();
        let tracks = publisher.published.clone();
        let others: Vec<SessionId> = self
            .participants
            .keys()
            .copied()
            .filter(|other| *other != session)
            .collect();
        let mut taken = BTreeSet::new();
        for other in others {
            for sid in &tracks {
                let (Some(publisher), Some(participant)) =
                    (self.participants.get(&session), self.participants.get(&other))
                else {
                    continue;
                };
                let Some(subscription) = participant.subscriptions.get(sid) else {
                    continue;
                };
                let allowed = publisher.lets(&participant.ticket.identity, &participant.sid, sid);
                let connection = participant.connection;
                if allowed && subscription.send.is_none() {
                    self.subscribe(ctx, other, sid);
                } else if !allowed && subscription.send.is_some() {
                    self.stop_sending(ctx, other, sid);
                    taken.insert(sid);
                    let update = SubscriptionPermissionUpdate {
                        participant_sid: publisher_sid.clone(),
                        track_sid: sid.to_string(),
                        allowed,
                    };
                    ctx.send(connection, Message::SubscriptionPermissionUpdate(update));
                }
            }
        }
        if !self.may_take(ctx, session, taken.len()) {
            self.depart(ctx, session, Departure::Confused);
        }
    }

    /// Somebody may come who may still take all that it will publish from the others.
    pub(super) fn has_rested(&self, now: Now, identity: &str) -> Result<(), Refusal> {
        let mut taken = self.taken.get(identity).copied().unwrap_or_default();
        let has = taken.take(self.micros(now), cost_of(MAX_TRACKS), TAKEN_AT_ONCE);
        has.then_some(()).ok_or(Refusal::Unavailable)
    }

    /// Whether somebody may have taken so many tracks from the others: given again, or others in their place, they cost the others
    /// SSRCs, of which each has so many.
    pub(super) fn may_take(&mut self, ctx: &Context<'_>, session: SessionId, tracks: usize) -> bool {
        let Some(identity) = self.participants.get(&session).map(|one| one.ticket.identity.clone()) else {
            return true;
        };
        if tracks == 0 {
            return true;
        }
        let now = self.micros(ctx.now);
        if self.taken.len() > MAX_TAKERS {
            self.taken.retain(|_, taken| !taken.is_whole(now));
        }
        let taken = self.taken.entry(identity).or_default();
        taken.charge(now, cost_of(tracks), TAKEN_AT_ONCE)
    }
}

/// What it costs to take so many tracks from others, in microseconds.
fn cost_of(tracks: usize) -> u64 {
    TAKEN_EVERY.saturating_mul(u64::try_from(tracks).unwrap_or(u64::MAX))
}

/// Cameras that come unasked.
fn auto_cameras(ctx: &Context<'_>) -> usize {
    usize::try_from(ctx.config.auto_cameras).unwrap_or(usize::MAX)
}
