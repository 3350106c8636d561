//! Subscriptions: which tracks go to whom, and at what size.

use livekit_protocol::{
    SubscriptionPermission, SubscriptionPermissionUpdate, UpdateSubscription, signal_response::Message,
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

/// What a client that tells sizes gets until it has told one: the small layer comes first and fast.
pub(super) const FIRST_SIZE: (u32, u32) = (320, 180);

/// Names in one message of a client.
pub(super) const MAX_NAMES: usize = 2_000;

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
        let names = request
            .track_sids
            .iter()
            .chain(request.participant_tracks.iter().flat_map(|tracks| &tracks.track_sids));
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
        let Some(track) = self.tracks.get(sid).filter(|track| track.publisher != session) else {
            return;
        };
        let (Some(media), Some(publisher)) = (&track.media, self.participants.get(&track.publisher)) else {
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
        let codec = track.codec_for(&participant.cannot_decode).unwrap_or(media.codec);
        let kind = track.kind;
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
    pub(super) fn forget_subscription(&mut self, ctx: &mut Context<'_>, session: SessionId, sid: &TrackSid) {
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
}
