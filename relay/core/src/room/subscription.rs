//! Subscriptions: which tracks go to whom, and at what size.

use std::time::Duration;

use livekit_protocol::{
    SubscriptionPermission, SubscriptionPermissionUpdate, UpdateSubscription, UpdateTrackSettings,
    VideoQuality, signal_response::Message,
};

use super::{
    context::{Context, SessionId, TrackSid},
    state::{Room, Timer},
};
use crate::{
    forward::{self, Want},
    sdp::{SendKey, SendTrack},
    types::{MediaKind, SinkId},
};

/// A track is stopped this long after the client said so: it often says the opposite within 20 ms.
const DISABLE_AFTER: Duration = Duration::from_millis(100);

/// A quality without a size is believed this late when the client is one that tells sizes.
const QUALITY_AFTER: Duration = Duration::from_millis(300);

/// What a client that tells sizes gets until it has told one: the small layer comes first and fast.
const FIRST_SIZE: (u32, u32) = (320, 180);

/// Names in one message of a client.
const MAX_NAMES: usize = 2_000;

/// One track on its way to one participant.
#[derive(Debug)]
pub(super) struct Subscription {
    /// Its place in the receiving connection's negotiation; none while the publisher does not allow it.
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
        if self
            .participants
            .get(&session)
            .is_some_and(|participant| participant.auto_subscribe)
        {
            let tracks: Vec<TrackSid> = self
                .tracks
                .values()
                .filter(|track| track.media.is_some())
                .map(|track| track.sid.clone())
                .collect();
            for sid in tracks {
                self.subscribe(ctx, session, &sid);
            }
        }
    }

    /// A new track goes to all who get every track.
    pub(super) fn offer_track(&mut self, ctx: &mut Context<'_>, sid: &TrackSid) {
        let sessions: Vec<SessionId> = self
            .participants
            .values()
            .filter(|participant| participant.auto_subscribe)
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
        let names = request.track_sids.iter().chain(
            request
                .participant_tracks
                .iter()
                .flat_map(|tracks| &tracks.track_sids),
        );
        let mut done: Vec<&str> = Vec::new();
        for name in names.take(MAX_NAMES) {
            if done.contains(&name.as_str()) {
                continue;
            }
            done.push(name);
            let Some(sid) = self
                .tracks
                .get(name.as_str())
                .filter(|track| track.media.is_some())
                .map(|track| track.sid.clone())
            else {
                continue;
            };
            if request.subscribe {
                self.subscribe(ctx, session, &sid);
            } else {
                self.forget_subscription(ctx, session, &sid);
            }
        }
    }

    /// Begins to bring a track to a participant, as far as both may.
    pub(super) fn subscribe(&mut self, ctx: &mut Context<'_>, session: SessionId, sid: &TrackSid) {
        let Some(track) = self
            .tracks
            .get(sid)
            .filter(|track| track.publisher != session)
        else {
            return;
        };
        let (Some(media), Some(publisher)) =
            (&track.media, self.participants.get(&track.publisher))
        else {
            return;
        };
        let publisher_sid = publisher.sid.clone();
        let Some(participant) = self
            .participants
            .get(&session)
            .filter(|participant| participant.grants.subscribe)
        else {
            return;
        };
        let allowed = publisher.lets(&participant.ticket.identity, &participant.sid, sid);
        let (kind, codec) = (track.kind, media.codec);
        let Some(participant) = self.participants.get_mut(&session) else {
            return;
        };
        if participant
            .subscriptions
            .get(sid)
            .is_some_and(|subscription| subscription.send.is_some())
        {
            return;
        }
        let connection = participant.connection;
        let (width, height) = if participant.adaptive_stream && kind == MediaKind::Video {
            FIRST_SIZE
        } else {
            (0, 0)
        };
        let peer = participant.receiver();
        let send = allowed.then(|| {
            let ssrc = peer.mint_ssrc(ctx);
            let rtx_ssrc = (kind == MediaKind::Video).then(|| peer.mint_ssrc(ctx));
            let key = peer.negotiator.add_send(SendTrack {
                track_sid: sid.to_string(),
                stream_id: format!("{publisher_sid}|{sid}"),
                codec,
                ssrc,
                rtx_ssrc,
            });
            Send { key }
        });
        let want = Want {
            width,
            height,
            ..Want::default()
        };
        let known = participant
            .subscriptions
            .insert(
                sid.clone(),
                Subscription {
                    send,
                    sink: None,
                    want,
                    next_want: None,
                },
            )
            .is_some();
        if !allowed || known {
            let update = SubscriptionPermissionUpdate {
                participant_sid: publisher_sid,
                track_sid: sid.to_string(),
                allowed,
            };
            ctx.send(connection, Message::SubscriptionPermissionUpdate(update));
        }
        self.unsettled.insert(session);
    }

    /// Stops bringing a track to a participant.
    pub(super) fn forget_subscription(
        &mut self,
        ctx: &mut Context<'_>,
        session: SessionId,
        sid: &TrackSid,
    ) {
        self.stop_sending(ctx, session, sid);
        if let Some(participant) = self.participants.get_mut(&session) {
            participant.subscriptions.remove(sid);
        }
    }

    fn stop_sending(&mut self, ctx: &mut Context<'_>, session: SessionId, sid: &TrackSid) {
        let Some(participant) = self.participants.get_mut(&session) else {
            return;
        };
        let Some(subscription) = participant.subscriptions.get_mut(sid) else {
            return;
        };
        let (send, sink) = (subscription.send.take(), subscription.sink.take());
        subscription.next_want = None;
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
        }
    }

    /// A publisher says who may have its tracks.
    pub(super) fn set_permission(
        &mut self,
        ctx: &mut Context<'_>,
        session: SessionId,
        permission: SubscriptionPermission,
    ) {
        let Some(publisher) = self.participants.get_mut(&session) else {
            return;
        };
        let everybody = permission.all_participants;
        if everybody && publisher.allowed.is_none() {
            return;
        }
        publisher.allowed = (!everybody).then_some(permission);
        let publisher_sid = publisher.sid.clone();
        let tracks = publisher.published.clone();
        let others: Vec<SessionId> = self
            .participants
            .keys()
            .copied()
            .filter(|other| *other != session)
            .collect();
        for other in others {
            for sid in &tracks {
                let (Some(publisher), Some(participant)) = (
                    self.participants.get(&session),
                    self.participants.get(&other),
                ) else {
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
                    let update = SubscriptionPermissionUpdate {
                        participant_sid: publisher_sid.clone(),
                        track_sid: sid.to_string(),
                        allowed,
                    };
                    ctx.send(connection, Message::SubscriptionPermissionUpdate(update));
                }
            }
        }
    }

    /// The client shows tracks at another size, or not at all.
    pub(super) fn set_tracks(
        &mut self,
        ctx: &mut Context<'_>,
        session: SessionId,
        request: &UpdateTrackSettings,
    ) {
        for name in request.track_sids.iter().take(MAX_NAMES) {
            let Some(sid) = self
                .tracks
                .get(name.as_str())
                .map(|track| track.sid.clone())
            else {
                continue;
            };
            let Some(participant) = self.participants.get_mut(&session) else {
                return;
            };
            let tells_sizes = participant.adaptive_stream;
            let Some(subscription) = participant.subscriptions.get_mut(&sid) else {
                continue;
            };
            let (want, delay) = wanted(subscription.want, request, tells_sizes);
            subscription.next_want = Some(want);
            let timer = Timer::Want(session, sid.clone());
            match delay {
                Some(delay) => self.timers.set(timer, ctx.after(delay)),
                None => {
                    self.timers.clear(&timer);
                    self.apply_want(ctx, session, &sid);
                }
            }
        }
    }

    /// A changed size takes effect.
    pub(super) fn apply_want(&mut self, ctx: &mut Context<'_>, session: SessionId, sid: &TrackSid) {
        let Some(subscription) = self
            .participants
            .get_mut(&session)
            .and_then(|participant| participant.subscriptions.get_mut(sid))
        else {
            return;
        };
        let Some(want) = subscription
            .next_want
            .take()
            .filter(|want| *want != subscription.want)
        else {
            return;
        };
        subscription.want = want;
        if let Some(id) = subscription.sink {
            ctx.forward(forward::Command::SinkSet { id, want });
        }
    }
}

/// What the client's settings mean after `now`, and how long to wait before believing them.
fn wanted(now: Want, request: &UpdateTrackSettings, tells_sizes: bool) -> (Want, Option<Duration>) {
    if request.disabled {
        return (
            Want {
                enabled: false,
                ..now
            },
            Some(DISABLE_AFTER),
        );
    }
    if request.width > 0 && request.height > 0 {
        return (
            Want {
                enabled: true,
                width: request.width,
                height: request.height,
                max_layer: None,
            },
            None,
        );
    }
    let quality = match request.quality() {
        VideoQuality::Low | VideoQuality::Off => 0,
        VideoQuality::Medium => 1,
        VideoQuality::High => 2,
    };
    if !tells_sizes {
        return (
            Want {
                enabled: true,
                width: 0,
                height: 0,
                max_layer: Some(quality),
            },
            None,
        );
    }
    // It only says "shown again"; its size follows.
    if now.enabled && now.max_layer.is_none() && (now.width, now.height) == FIRST_SIZE {
        return (
            Want {
                enabled: true,
                width: 0,
                height: 0,
                max_layer: Some(quality),
            },
            Some(QUALITY_AFTER),
        );
    }
    (
        Want {
            enabled: true,
            ..now
        },
        None,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(disabled: bool, size: (u32, u32), quality: VideoQuality) -> UpdateTrackSettings {
        UpdateTrackSettings {
            disabled,
            width: size.0,
            height: size.1,
            quality: quality.into(),
            ..UpdateTrackSettings::default()
        }
    }

    #[test]
    fn a_size_counts_at_once_and_a_stop_a_little_later() {
        let now = Want {
            width: 320,
            height: 180,
            ..Want::default()
        };
        let (want, delay) = wanted(now, &settings(false, (1280, 720), VideoQuality::Low), true);
        assert_eq!(
            (want.width, want.height, want.max_layer, delay),
            (1280, 720, None, None)
        );
        let (want, delay) = wanted(want, &settings(true, (0, 0), VideoQuality::Low), true);
        assert_eq!(
            (want.enabled, want.width, delay),
            (false, 1280, Some(DISABLE_AFTER))
        );
        let (want, delay) = wanted(want, &settings(false, (0, 0), VideoQuality::Low), true);
        assert_eq!(
            (want.enabled, want.width, want.max_layer, delay),
            (true, 1280, None, None)
        );
    }

    #[test]
    fn a_client_without_sizes_asks_by_quality() {
        let (want, delay) = wanted(
            Want::default(),
            &settings(false, (0, 0), VideoQuality::Medium),
            false,
        );
        assert_eq!((want.max_layer, delay), (Some(1), None));
    }
}
